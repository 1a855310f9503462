//! The examination of what the authority answers, before a party takes it for its own.
//!
//! Whether the pair fits, whom it names, what it is for and whether it is valid now is examined by whoever
//! takes material, from wherever it comes ([`Party::take`](crate::fleet::party::Party::take)). Here is what
//! matters of an answer besides: that it is new, that it is complete, and that it leads to an anchor.

use rustls::pki_types::CertificateDer;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::fleet::material::Material;
use crate::pki::issuer::Leaf;

/// Is this leaf a good answer to somebody who holds this?
///
/// # Errors
/// What is wrong with it.
pub fn examine(leaf: &Leaf, held: &Material) -> Result<(), String> {
    let chain = read(&leaf.chain)?;
    let old = read(&held.leaf.chain)?;
    let (Some(new), Some(old)) = (chain.first(), old.first()) else {
        return Err("the answer holds no certificate".into());
    };
    if new.tbs_certificate.raw_serial() == old.tbs_certificate.raw_serial() {
        return Err("the answer is the certificate that is there already".into());
    }
    for pair in chain.windows(2) {
        if let [certificate, issuer] = pair
            && certificate.issuer() != issuer.subject()
        {
            return Err("the chain of the answer does not hold together".into());
        }
    }
    let top = chain.last().unwrap_or(new);
    let anchors: Vec<_> = held.bundle.anchors.values().cloned().collect();
    let anchored = read(&anchors)?
        .iter()
        .any(|anchor| is_issued_by(top, anchor));
    if !anchored {
        return Err("the answer leads to no anchor that is trusted".into());
    }
    let ends = |certificate: &X509Certificate| certificate.validity().not_after.timestamp();
    let issuer_ends = chain.get(1).map_or(i64::MAX, ends);
    if ends(new) < ends(old) && ends(new) != issuer_ends {
        return Err("the answer ends before the certificate that is there already".into());
    }
    Ok(())
}

/// Names are not enough: another authority may go by the same (RFC 5280 section 4.2.1.1).
fn is_issued_by(certificate: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> bool {
    let of_issuer =
        issuer
            .iter_extensions()
            .find_map(|extension| match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(found) => Some(found.0),
                _ => None,
            });
    let named =
        certificate
            .iter_extensions()
            .find_map(|extension| match extension.parsed_extension() {
                ParsedExtension::AuthorityKeyIdentifier(found) => {
                    found.key_identifier.as_ref().map(|found| found.0)
                }
                _ => None,
            });
    certificate.issuer() == issuer.subject() && of_issuer == named
}

fn read<'a>(chain: &'a [CertificateDer<'_>]) -> Result<Vec<X509Certificate<'a>>, String> {
    let read = |der: &'a CertificateDer<'_>| {
        X509Certificate::from_der(der)
            .map(|(_, certificate)| certificate)
            .map_err(|_| "a certificate cannot be read".to_owned())
    };
    chain.iter().map(read).collect()
}
