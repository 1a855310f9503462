//! What a careful party looks at before it relies on revocation lists.
//!
//! A list that nobody signed who may, or that is about somebody else, would let everybody in whom the
//! right one revokes, or nobody at all. RFC 5280 section 6.3.3 has the checks.

use rustls::pki_types::CertificateRevocationListDer;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};
use x509_parser::x509::X509Name;

use super::material::{Lists, Material};
use crate::peer::provider;

/// Is this what to rely on from now on, for who holds `material`?
///
/// # Errors
/// Why not.
pub fn inspect(
    lists: &Lists,
    material: &Material,
    now: i64,
    may_be_stale: bool,
) -> Result<(), String> {
    if now > lists.next_update && !may_be_stale {
        return Err("the list has expired".into());
    }
    let mut listed = Vec::new();
    for list in &lists.lists {
        let list = read(list)?;
        for authority in material.bundle.anchors.values().chain(&material.leaf.chain) {
            let Ok((_, authority)) = X509Certificate::from_der(authority) else {
                continue;
            };
            if authority.subject() == list.issuer() && !is_signed(&list, &authority) {
                return Err(format!(
                    "the list of {} is signed by somebody else",
                    list.issuer()
                ));
            }
        }
        listed.push(list.issuer().to_string());
    }
    // Its callers come from where it comes from itself.
    for certificate in &material.leaf.chain {
        let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
            continue;
        };
        let issuer: &X509Name<'_> = certificate.issuer();
        if !listed.contains(&issuer.to_string()) {
            return Err(format!("there is no list of {issuer}"));
        }
    }
    Ok(())
}

fn read<'a>(
    list: &'a CertificateRevocationListDer<'_>,
) -> Result<CertificateRevocationList<'a>, String> {
    match CertificateRevocationList::from_der(list) {
        Ok(([], list)) => Ok(list),
        _ => Err("a list cannot be read".into()),
    }
}

fn is_signed(list: &CertificateRevocationList<'_>, authority: &X509Certificate<'_>) -> bool {
    let algorithm = &list.signature_algorithm.algorithm;
    let key = &authority.public_key().subject_public_key.data;
    let algorithms = provider().signature_verification_algorithms;
    // An identifier begins with the object identifier: tag 0x06, its length, itself.
    let is_it = |identifier: &[u8]| {
        identifier.first() == Some(&0x06)
            && identifier
                .get(2..)
                .is_some_and(|rest| rest.starts_with(algorithm.as_bytes()))
    };
    algorithms
        .all
        .iter()
        .filter(|candidate| is_it(candidate.signature_alg_id().as_ref()))
        .any(|candidate| {
            candidate
                .verify_signature(key, list.tbs_cert_list.as_ref(), &list.signature_value.data)
                .is_ok()
        })
}
