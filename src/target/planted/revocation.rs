//! Revocation by lists: what the CRLs at hand say of each certificate in the path (RFC 5280 section
//! 6.3).

use rustls::CertificateError;

use super::certificate::Certificate;
use super::list::RevocationList;
use super::path::Path;
use super::refusal::Refusal;
use super::{Bug, Flaws, signature};
use crate::clock::Clock;
use crate::scenario::{Choice, RevocationDepth};
use crate::target::Environment;

/// The lists of an environment, and its policies about them.
#[derive(Clone, Debug)]
pub struct Revocation {
    lists: Vec<RevocationList>,
    unreadable: bool,
    depth: RevocationDepth,
    unknown_status: Choice,
    expired_crl: Choice,
    clock: Clock,
}

/// What the lists say of one certificate.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Status {
    /// A list that covers it does not have it.
    Good,
    /// It is on a list that covers it.
    Revoked,
    /// Lists cover it, and they are past their time.
    Stale,
    /// No list covers it.
    Unknown,
}

impl Revocation {
    /// Reads the lists of `environment`.
    pub fn load(environment: &Environment, flaws: Flaws) -> Self {
        const LARGE: usize = 64 * 1024;
        let mut lists = Vec::new();
        let mut unreadable = false;
        for der in &environment.crls {
            if der.len() > LARGE && flaws.has(Bug::SkipsLargeCrls) {
                continue;
            }
            match RevocationList::parse(der, flaws) {
                Ok(list) => lists.push(list),
                Err(_) => unreadable = true,
            }
        }
        Self {
            lists,
            unreadable,
            depth: environment.revocation,
            unknown_status: environment.unknown_status,
            expired_crl: environment.expired_crl,
            clock: environment.clock.clone(),
        }
    }

    /// Is no certificate of this path revoked?
    ///
    /// # Errors
    /// When one is, or when it cannot be known and the environment's policy is to deny.
    pub fn check(&self, path: &Path<'_>, flaws: Flaws) -> Result<(), Refusal> {
        if self.depth == RevocationDepth::None || flaws.has(Bug::IgnoresCrl) {
            return Ok(());
        }
        if self.unreadable {
            if flaws.has(Bug::FailsOpenOnParseError) {
                return Ok(());
            }
            // Fail closed: nobody knows whom the list that cannot be read would revoke.
            return Err(Refusal::new(
                CertificateError::UnknownRevocationStatus,
                "a revocation list cannot be read",
            ));
        }
        let leaf_only =
            self.depth == RevocationDepth::EndEntity || flaws.has(Bug::IgnoresIntermediateCrl);
        let links = path.links().take(if leaf_only { 1 } else { usize::MAX });
        for (place, (certificate, issuer)) in links.enumerate() {
            self.judge(self.status(certificate, issuer, place > 0, flaws), flaws)?;
        }
        Ok(())
    }

    fn judge(&self, status: Status, flaws: Flaws) -> Result<(), Refusal> {
        match status {
            Status::Good => Ok(()),
            Status::Revoked => Err(Refusal::new(
                CertificateError::Revoked,
                "a certificate is revoked",
            )),
            Status::Stale if self.expired_crl == Choice::Deny => Err(Refusal::new(
                CertificateError::ExpiredRevocationList,
                "the revocation list is past its next update",
            )),
            Status::Unknown
                if self.unknown_status == Choice::Deny && !flaws.has(Bug::IgnoresMissingCrl) =>
            {
                Err(Refusal::new(
                    CertificateError::UnknownRevocationStatus,
                    "no revocation list covers a certificate",
                ))
            }
            Status::Stale | Status::Unknown => Ok(()),
        }
    }

    fn status(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        is_authority: bool,
        flaws: Flaws,
    ) -> Status {
        let now = self.clock.unix();
        let mut status = Status::Unknown;
        for list in &self.lists {
            let foreign = list.issuer != certificate.issuer;
            if foreign && flaws.has(Bug::AppliesCrlToAnyIssuer) {
                if list.entries.contains_key(&certificate.serial) {
                    return Status::Revoked;
                }
                continue;
            }
            if !speaks_for(list, certificate, issuer, is_authority, now, flaws) {
                continue;
            }
            match list.entries.get(&certificate.serial) {
                Some(Some(CERTIFICATE_HOLD)) if flaws.has(Bug::IgnoresCertificateHold) => {}
                // Revoked whatever the reason; removeFromCRL too, which RFC 5280 section 5.3.1 has
                // in delta lists only.
                Some(_) => return Status::Revoked,
                None => {}
            }
            let current = list.next_update.is_some_and(|next| now <= next);
            if current || flaws.has(Bug::IgnoresCrlExpiry) {
                status = Status::Good;
            } else if status == Status::Unknown {
                status = Status::Stale;
            }
        }
        status
    }
}

const CERTIFICATE_HOLD: u8 = 6;

/// May this list be used for this certificate at all?
fn speaks_for(
    list: &RevocationList,
    certificate: &Certificate,
    issuer: &Certificate,
    is_authority: bool,
    now: i64,
    flaws: Flaws,
) -> bool {
    // RFC 5280 section 6.3.3 (b)(1): the list is by the certificate's issuer.
    if list.issuer != certificate.issuer {
        return false;
    }
    // RFC 5280 sections 5.2 and 5.3: a critical extension that is not known makes it useless.
    if list.unknown_critical && !flaws.has(Bug::IgnoresCriticalCrlExtensions) {
        return false;
    }
    // Delta lists say nothing by themselves (RFC 5280 section 5.2.4), and indirect ones speak for
    // other issuers (section 5.2.5); this verifier uses neither.
    if list.is_delta && !flaws.has(Bug::IgnoresDeltaIndicator) {
        return false;
    }
    if list.scope.indirect || list.names_other_issuers {
        return false;
    }
    let points = &certificate.extensions.distribution_points;
    if !list.scope.covers(points, is_authority, flaws) {
        return false;
    }
    // RFC 5280 section 6.3.3 (f): the issuer may sign lists, where it has a key usage.
    let may_sign = issuer
        .extensions
        .key_usage
        .is_none_or(|usage| usage.crl_sign());
    if !may_sign && !flaws.has(Bug::IgnoresCrlSign) {
        return false;
    }
    // A list from the future is not in force: a policy of ours.
    if list.this_update > now {
        return false;
    }
    // RFC 5280 section 6.3.3 (g). The key is that of the issuer in this very path.
    flaws.has(Bug::IgnoresCrlSignature)
        || signature::verify(&list.signed, &issuer.key, flaws).is_ok()
}
