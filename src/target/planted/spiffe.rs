//! The SPIFFE profile: one identity in each leaf, and each trust domain's own bundle.

use std::collections::BTreeMap;

use rustls::CertificateError;

use super::certificate::Certificate;
use super::name::GeneralName;
use super::refusal::Refusal;
use super::{Bug, Flaws};

/// The SPIFFE ID of a leaf, and the anchors that may vouch for it.
///
/// # Errors
/// When the leaf breaks a rule of X.509-SVID, its ID is none, or its trust domain is not known.
pub fn authority<A: Clone>(
    leaf: &Certificate,
    domains: &BTreeMap<String, Vec<A>>,
    flaws: Flaws,
) -> Result<(String, Vec<A>), Refusal> {
    check_leaf(leaf, flaws)?;
    let everybody = || domains.values().flatten().cloned().collect();
    let id = match spiffe_id(leaf, flaws)? {
        Some(id) => id,
        // A verifier that only asks whether the chain is good.
        None if flaws.has(Bug::AcceptsMissingSpiffeId) => return Ok((String::new(), everybody())),
        None => return Err(not_an_svid("there is no URI")),
    };
    let domain = trust_domain(&id, flaws).ok_or_else(|| not_an_svid("the SPIFFE ID is none"))?;
    if flaws.has(Bug::MergesTrustDomains) {
        return Ok((id, everybody()));
    }
    let by_prefix = || {
        domains
            .iter()
            .find(|(known, _)| {
                flaws.has(Bug::MatchesSpiffeByPrefix) && domain.starts_with(known.as_str())
            })
            .map(|(_, anchors)| anchors)
    };
    // SPIFFE Trust Domain and Bundle: an SVID is validated with the bundle of its own trust domain.
    match domains.get(&domain).or_else(by_prefix) {
        Some(anchors) => Ok((id, anchors.clone())),
        None => Err(Refusal::new(
            CertificateError::UnknownIssuer,
            "the trust domain is not known",
        )),
    }
}

fn not_an_svid(reason: &str) -> Refusal {
    Refusal::new(CertificateError::ApplicationVerificationFailure, reason)
}

/// X.509-SVID sections 4.3 and 5.2: a leaf is no authority, signs handshakes, and signs neither
/// certificates nor lists.
fn check_leaf(leaf: &Certificate, flaws: Flaws) -> Result<(), Refusal> {
    if flaws.has(Bug::SkipsSpiffeLeafRules) {
        return Ok(());
    }
    if leaf.extensions.is_authority() {
        return Err(not_an_svid("the leaf is an authority"));
    }
    let usage_fits = leaf.extensions.key_usage.is_some_and(|usage| {
        usage.digital_signature() && !usage.key_cert_sign() && !usage.crl_sign()
    });
    if !usage_fits {
        return Err(not_an_svid("the leaf's key usage is not that of a leaf"));
    }
    Ok(())
}

/// X.509-SVID section 2: exactly one URI, and that is the SPIFFE ID.
fn spiffe_id(leaf: &Certificate, flaws: Flaws) -> Result<Option<String>, Refusal> {
    let mut uris = leaf.extensions.names.iter().filter_map(|name| match name {
        GeneralName::Uri(uri) => Some(String::from_utf8_lossy(uri).into_owned()),
        _ => None,
    });
    let first = uris.next();
    if uris.next().is_some() && !flaws.has(Bug::TakesFirstUri) {
        return Err(not_an_svid("there is more than one URI"));
    }
    Ok(first)
}

/// The trust domain of a SPIFFE ID (SPIFFE-ID sections 2.1 to 2.3); `None` where it is not one.
fn trust_domain(id: &str, flaws: Flaws) -> Option<String> {
    const LONGEST_ID: usize = 2048;
    const LONGEST_DOMAIN: usize = 255;
    if flaws.has(Bug::AcceptsMalformedSpiffeIds) {
        let (_, rest) = id.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let host = authority.rsplit('@').next()?.split(':').next()?;
        let host = if host.is_empty() { OWN_DOMAIN } else { host };
        return Some(percent_decoded(host).to_ascii_lowercase());
    }
    if id.len() > LONGEST_ID {
        return None;
    }
    // X.509-SVID sections 3.1 and 5.2: the path of a leaf's ID is not empty.
    let rest = id.strip_prefix("spiffe://")?;
    let (domain, path) = match rest.split_once('/') {
        Some(parts) => parts,
        None if flaws.has(Bug::SkipsSpiffeLeafRules) => (rest, "authority"),
        None => return None,
    };
    let domain_fits = (1..=LONGEST_DOMAIN).contains(&domain.len())
        && domain
            .bytes()
            .all(|octet| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_'));
    let path_fits = path.split('/').all(|segment| {
        !matches!(segment, "" | "." | "..")
            && segment
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_'))
    });
    (domain_fits && path_fits).then(|| domain.to_owned())
}

/// What a lenient parser takes an empty authority for.
const OWN_DOMAIN: &str = "gauntlet.test";

/// RFC 3986 section 2.1, as a URI library does it before anybody has looked.
fn percent_decoded(host: &str) -> String {
    let mut decoded = String::new();
    let mut pieces = host.split('%');
    decoded.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let octet = piece
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match octet {
            Some(octet) => {
                decoded.push(char::from(octet));
                decoded.push_str(piece.get(2..).unwrap_or_default());
            }
            None => decoded.push_str(piece),
        }
    }
    decoded
}
