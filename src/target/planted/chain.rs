//! Judging a path: RFC 5280 section 6.1, from the anchor down to the leaf.

use rustls::CertificateError;

use super::certificate::{Certificate, check_validity, is_empty_name};
use super::constraints::{self, NameConstraints};
use super::path::Path;
use super::refusal::Refusal;
use super::{Bug, Flaws, signature};

/// Is everything right with the authorities of this path, and with what they may issue?
///
/// # Errors
/// Says what is not. The leaf's own purpose, its names and revocation are judged elsewhere.
pub fn check(path: &Path<'_>, now: i64, flaws: Flaws) -> Result<(), Refusal> {
    let below = path.certificates.len();
    // RFC 5280 section 6.1.2 (k): at first the path may be as long as it is.
    let mut may_follow = u32::try_from(below).unwrap_or(u32::MAX);
    let mut constraints: Vec<&NameConstraints> = Vec::new();
    let mut budget = constraints::BUDGET;
    constraints.extend(&path.anchor.extensions.name_constraints);
    for (place, certificate) in path.certificates.iter().enumerate().rev() {
        let is_leaf = place == 0;
        if !is_leaf && flaws.has(Bug::ChecksOnlyTheLeaf) {
            continue;
        }
        if is_leaf || !flaws.has(Bug::IgnoresIntermediateExpiry) {
            check_validity(certificate, now, flaws)?;
        }
        check_critical(certificate, is_leaf, flaws)?;
        // RFC 5280 section 6.1.3 (b): constraints bind a self-issued certificate only as the leaf.
        if (is_leaf || !certificate.is_self_issued()) && !flaws.has(Bug::IgnoresNameConstraints) {
            for constraints in &constraints {
                constraints.admit(certificate, &mut budget, flaws)?;
            }
        }
        if !is_leaf {
            check_authority(certificate, flaws)?;
            check_length(certificate, &mut may_follow, flaws)?;
            constraints.extend(&certificate.extensions.name_constraints);
        }
    }
    check_nesting(path, flaws)?;
    if flaws.has(Bug::VerifiesAnchorSignature) && path.anchor.is_self_issued() {
        signature::verify(&path.anchor.signed, &path.anchor.key, flaws)?;
    }
    Ok(())
}

/// Is the leaf meant for this (RFC 5280 sections 4.2.1.3 and 4.2.1.12)?
///
/// # Errors
/// When its key usage or its extended key usage says otherwise.
pub fn check_purpose(leaf: &Certificate, is_client: bool, flaws: Flaws) -> Result<(), Refusal> {
    let extensions = &leaf.extensions;
    // RFC 8446 section 4.4.2.2: digitalSignature, where there is a key usage.
    let signs = extensions
        .key_usage
        .is_none_or(|usage| usage.digital_signature());
    if !signs && !flaws.has(Bug::IgnoresKeyUsage) {
        return Err(wrong_purpose("the key is not for digital signatures"));
    }
    // A policy of ours: no extended key usage, or anyExtendedKeyUsage, means every purpose
    // (RFC 5280 section 4.2.1.12 allows both readings).
    let fits = extensions.purposes.is_none_or(|purposes| {
        purposes.any
            || if is_client {
                purposes.client
            } else {
                purposes.server
            }
    });
    if !fits && !flaws.has(Bug::IgnoresEku) {
        return Err(wrong_purpose("the certificate is for another purpose"));
    }
    Ok(())
}

fn wrong_purpose(reason: &str) -> Refusal {
    Refusal::new(CertificateError::InvalidPurpose, reason)
}

/// RFC 5280 sections 6.1.4 (o) and 6.1.5 (f).
fn check_critical(certificate: &Certificate, is_leaf: bool, flaws: Flaws) -> Result<(), Refusal> {
    let excused = flaws.has(Bug::IgnoresUnknownCritical)
        || (!is_leaf && flaws.has(Bug::IgnoresUnknownCriticalInCa));
    if certificate.extensions.unknown_critical && !excused {
        return Err(Refusal::new(
            CertificateError::UnhandledCriticalExtension,
            "a critical extension is not known",
        ));
    }
    if certificate.extensions.unknown && flaws.has(Bug::RejectsUnknownExtensions) {
        return Err(Refusal::new(
            CertificateError::UnhandledCriticalExtension,
            "an extension is not known",
        ));
    }
    Ok(())
}

/// RFC 5280 section 6.1.4 (k) and (n), and section 4.1.2.4 for the name.
fn check_authority(certificate: &Certificate, flaws: Flaws) -> Result<(), Refusal> {
    if is_empty_name(&certificate.subject) {
        return Err(Refusal::unreadable("an authority has no name"));
    }
    let old = certificate.version < 3 && flaws.has(Bug::TrustsVersion1Ca);
    if !certificate.extensions.is_authority() && !old && !flaws.has(Bug::IgnoresCaFlag) {
        return Err(wrong_purpose("the issuer of a certificate is no authority"));
    }
    let may_sign = certificate
        .extensions
        .key_usage
        .is_none_or(|usage| usage.key_cert_sign());
    if !may_sign && !flaws.has(Bug::IgnoresCaKeyUsage) {
        return Err(wrong_purpose(
            "the issuer of a certificate may not sign certificates",
        ));
    }
    Ok(())
}

/// RFC 5280 section 6.1.4 (l) and (m).
fn check_length(
    certificate: &Certificate,
    may_follow: &mut u32,
    flaws: Flaws,
) -> Result<(), Refusal> {
    if !certificate.is_self_issued() || flaws.has(Bug::CountsSelfIssued) {
        let Some(fewer) = may_follow.checked_sub(1) else {
            return if flaws.has(Bug::IgnoresPathLength) {
                Ok(())
            } else {
                Err(wrong_purpose("the path is longer than an authority allows"))
            };
        };
        *may_follow = fewer;
    }
    let limit = certificate.extensions.basic_constraints.as_ref();
    if let Some(limit) = limit.and_then(|constraints| constraints.path_len_constraint) {
        *may_follow = limit.min(*may_follow);
    }
    Ok(())
}

/// RFC 5280 has no rule that validity periods nest; some verifiers have.
fn check_nesting(path: &Path<'_>, flaws: Flaws) -> Result<(), Refusal> {
    let nested = |(subject, issuer): (&Certificate, &Certificate)| {
        issuer.not_before <= subject.not_before && subject.not_after <= issuer.not_after
    };
    if flaws.has(Bug::InsistsOnNestedValidity) && !path.links().all(nested) {
        return Err(Refusal::new(
            CertificateError::Expired,
            "the validity of a certificate is not within that of its issuer",
        ));
    }
    Ok(())
}

/// May this certificate, which the issuer in question has signed, sign OCSP responses for it (RFC
/// 6960 section 4.2.2.2)?
pub fn is_good_for_signing_responses(responder: &Certificate, now: i64, flaws: Flaws) -> bool {
    let appointed = responder
        .extensions
        .purposes
        .is_some_and(|purposes| purposes.ocsp_signing);
    appointed
        && check_validity(responder, now, flaws).is_ok()
        && check_critical(responder, true, flaws).is_ok()
}
