//! A stapled OCSP response: may it vouch for the leaf, and does it (RFC 6960, RFC 6066 section 8)?

use aws_lc_rs::digest::{self, Algorithm};
use rustls::CertificateError;

use super::certificate::{Certificate, Signed, read_time};
use super::chain::is_good_for_signing_responses;
use super::encoding::{
    ENUMERATED, GENERALIZED_TIME, INTEGER, Malformed, OBJECT_IDENTIFIER, OCTET_STRING, Reader,
    SEQUENCE, explicit, implicit,
};
use super::path::Path;
use super::refusal::Refusal;
use super::{Bug, Flaws, signature};

/// Judges the response that came with a path, or its absence.
///
/// # Errors
/// When the response is not satisfactory, or one was promised and did not come.
pub fn check(path: &Path<'_>, staple: &[u8], now: i64, flaws: Flaws) -> Result<(), Refusal> {
    let Some((leaf, issuer)) = path.links().next() else {
        return Ok(());
    };
    if flaws.has(Bug::IgnoresStaple) {
        return Ok(());
    }
    if staple.is_empty() {
        return check_absence(path, flaws);
    }
    let response = match Response::read(staple, flaws) {
        Err(_) if flaws.has(Bug::FailsOpenOnParseError) => return Ok(()),
        Err(_) => return Err(unsatisfactory("the response cannot be read")),
        // RFC 6960 section 2.3: tryLater and its like say nothing. RFC 6066 section 8 has the client
        // abort where the response is not satisfactory.
        Ok(None) => return Err(unsatisfactory("the responder gave no answer")),
        Ok(Some(response)) => response,
    };
    response.check_signer(issuer, now, flaws)?;
    let single = response
        .singles
        .iter()
        .find(|single| flaws.has(Bug::IgnoresStapleCertificate) || single.is_about(leaf, issuer))
        .ok_or_else(|| unsatisfactory("the response is about another certificate"))?;
    // RFC 6960 section 3.2, points 5 and 6.
    let current = single.this_update <= now && single.next_update.is_none_or(|next| now <= next);
    if !current && !flaws.has(Bug::IgnoresStapleExpiry) {
        return Err(unsatisfactory("the response is not of now"));
    }
    match single.status {
        Status::Good => Ok(()),
        Status::Revoked => Err(Refusal::new(
            CertificateError::Revoked,
            "the stapled response says that the certificate is revoked",
        )),
        Status::Unknown => Err(unsatisfactory(
            "the responder does not know the certificate",
        )),
    }
}

/// RFC 7633 section 4.2.3.1: who has promised to staple must. The promise of an authority binds what
/// it issues (section 4.2.2): whether a client enforces that is its policy, and this one does.
fn check_absence(path: &Path<'_>, flaws: Flaws) -> Result<(), Refusal> {
    let promised = path
        .certificates
        .iter()
        .any(|certificate| certificate.extensions.must_staple);
    if promised && !flaws.has(Bug::IgnoresMustStaple) {
        return Err(unsatisfactory("a response was promised and did not come"));
    }
    Ok(())
}

fn unsatisfactory(reason: &str) -> Refusal {
    Refusal::new(CertificateError::InvalidOcspResponse, reason)
}

/// A BasicOCSPResponse (RFC 6960 section 4.2.1).
struct Response {
    signed: Signed,
    singles: Vec<Single>,
    certificates: Vec<Certificate>,
}

/// What it says of one certificate.
struct Single {
    hash: Option<&'static Algorithm>,
    issuer_name_hash: Vec<u8>,
    issuer_key_hash: Vec<u8>,
    serial: Vec<u8>,
    status: Status,
    this_update: i64,
    next_update: Option<i64>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Status {
    Good,
    Revoked,
    Unknown,
}

impl Response {
    /// Reads a response; `None` where the responder gave no answer.
    fn read(der: &[u8], flaws: Flaws) -> Result<Option<Self>, Refusal> {
        const SUCCESSFUL: &[u8] = &[0];
        // id-pkix-ocsp-basic, 1.3.6.1.5.5.7.48.1.1.
        const BASIC: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01];
        let mut outer = Reader::new(der);
        let mut fields = outer.take(SEQUENCE)?.reader();
        outer.end()?;
        if fields.take(ENUMERATED)?.content != SUCCESSFUL {
            return Ok(None);
        }
        let mut typed = fields.take(explicit(0))?.reader().take(SEQUENCE)?.reader();
        fields.end()?;
        if typed.take(OBJECT_IDENTIFIER)?.content != BASIC {
            return Err(Refusal::unreadable("the response is of another type"));
        }
        let basic = typed.take(OCTET_STRING)?.content;
        typed.end()?;
        let mut outer = Reader::new(basic);
        let mut parts = outer.take(SEQUENCE)?.reader();
        outer.end()?;
        let signed = Signed::read(&mut parts)?;
        let mut certificates = Vec::new();
        if let Some(list) = parts.optional(explicit(0))? {
            let mut list = list.reader().take(SEQUENCE)?.reader();
            while !list.is_empty() {
                certificates.push(Certificate::parse(list.any()?.raw, flaws)?);
            }
        }
        parts.end()?;
        let singles = read_singles(&signed.message, flaws)?;
        Ok(Some(Self {
            signed,
            singles,
            certificates,
        }))
    }

    /// RFC 6960 section 4.2.2.2: the issuer signs, or somebody to whom it has issued a certificate
    /// for just that.
    fn check_signer(&self, issuer: &Certificate, now: i64, flaws: Flaws) -> Result<(), Refusal> {
        if flaws.has(Bug::IgnoresStapleSignature)
            || signature::verify(&self.signed, &issuer.key, flaws).is_ok()
        {
            return Ok(());
        }
        let delegated = self.certificates.iter().any(|responder| {
            let appointed = flaws.has(Bug::TrustsAnyResponder)
                || (responder.issuer == issuer.subject
                    && signature::verify(&responder.signed, &issuer.key, flaws).is_ok()
                    && is_good_for_signing_responses(responder, now, flaws));
            appointed && signature::verify(&self.signed, &responder.key, flaws).is_ok()
        });
        if delegated {
            Ok(())
        } else {
            Err(unsatisfactory(
                "the response is not signed by whom it must be",
            ))
        }
    }
}

fn read_singles(message: &[u8], flaws: Flaws) -> Result<Vec<Single>, Refusal> {
    let mut fields = Reader::new(message).take(SEQUENCE)?.reader();
    fields.optional(explicit(0))?;
    // Who the responder says it is: the signature tells.
    fields.any()?;
    fields.take(GENERALIZED_TIME)?;
    let mut responses = fields.take(SEQUENCE)?.reader();
    let mut singles = Vec::new();
    while !responses.is_empty() {
        singles.push(Single::read(
            &mut responses.take(SEQUENCE)?.reader(),
            flaws,
        )?);
    }
    Ok(singles)
}

impl Single {
    fn read(fields: &mut Reader<'_>, flaws: Flaws) -> Result<Self, Refusal> {
        let mut id = fields.take(SEQUENCE)?.reader();
        let hash = hash_of(id.take(SEQUENCE)?.content)?;
        let issuer_name_hash = id.take(OCTET_STRING)?.content.to_vec();
        let issuer_key_hash = id.take(OCTET_STRING)?.content.to_vec();
        let serial = id.take(INTEGER)?.content.to_vec();
        id.end()?;
        let status = match fields.any()?.tag {
            tag if tag == implicit(0) => Status::Good,
            tag if tag == explicit(1) => Status::Revoked,
            tag if tag == implicit(2) => Status::Unknown,
            _ => return Err(Refusal::unreadable("the certificate status is absurd")),
        };
        let this_update = read_time(fields, flaws)?;
        let next_update = match fields.optional(explicit(0))? {
            Some(next) => Some(read_time(&mut next.reader(), flaws)?),
            None => None,
        };
        Ok(Self {
            hash,
            issuer_name_hash,
            issuer_key_hash,
            serial,
            status,
            this_update,
            next_update,
        })
    }

    /// Does the CertID name this certificate (RFC 6960 section 4.1.1)?
    fn is_about(&self, certificate: &Certificate, issuer: &Certificate) -> bool {
        self.hash.is_some_and(|hash| {
            digest::digest(hash, &certificate.issuer).as_ref() == self.issuer_name_hash
                && digest::digest(hash, &issuer.key.octets).as_ref() == self.issuer_key_hash
                && certificate.serial == self.serial
        })
    }
}

/// The hash that an AlgorithmIdentifier names; `None` where it is not at hand.
fn hash_of(algorithm: &[u8]) -> Result<Option<&'static Algorithm>, Malformed> {
    const SHA1: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];
    const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
    const SHA384: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];
    let oid = Reader::new(algorithm).take(OBJECT_IDENTIFIER)?.content;
    Ok(if oid == SHA1 {
        Some(&digest::SHA1_FOR_LEGACY_USE_ONLY)
    } else if oid == SHA256 {
        Some(&digest::SHA256)
    } else if oid == SHA384 {
        Some(&digest::SHA384)
    } else {
        None
    })
}
