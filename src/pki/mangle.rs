//! Mangling: certificates broken on purpose, one named defect at a time.
//!
//! A mangle takes a certificate apart, changes one thing and puts it together again, signed anew by
//! its issuer unless the defect is in the signature. Mangles that leave no certificate to take apart
//! (a truncated one, say) come last in a recipe's list.

use std::sync::Arc;

use rustls::pki_types::alg_id;

use self::certificate::Certificate;
use super::key::Key;
use super::key::algorithm::Algorithm;
pub(super) use super::recipe::Mangle;
use super::recipe::SignatureKind;
use super::{PkiError, distinguished_name, tlv};

pub(crate) mod certificate;
mod extensions;
mod public_key;

/// The issuer's hand: what signs a certificate, and signs it again once it is mangled.
#[derive(Clone, Debug)]
pub(super) struct Signer {
    key: Arc<Key>,
    signature: Option<SignatureKind>,
}

impl Signer {
    pub(super) fn new(key: Arc<Key>, signature: Option<SignatureKind>) -> Self {
        Self { key, signature }
    }

    /// The AlgorithmIdentifier of its signatures.
    pub(super) fn algorithm(&self) -> Result<Vec<u8>, String> {
        Ok(Algorithm::of(self.key.kind(), self.signature)?.identifier())
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, PkiError> {
        self.key.sign(self.signature, message)
    }
}

/// Applies one mangle to the certificate `der`, whose own key is `key`; the reason why it does not
/// fit.
pub(super) fn apply(
    mangle: &Mangle,
    der: &[u8],
    key: &Key,
    signer: &Signer,
) -> Result<Vec<u8>, String> {
    match mangle {
        Mangle::Truncate(count) => truncate(der, *count),
        Mangle::Trailing(hex) => Ok([der, &tlv::parse_hex(hex)?].concat()),
        Mangle::Replace(hex) => tlv::parse_hex(hex),
        Mangle::IndefiniteLength => {
            let outermost = tlv::element(der).map_err(not_a_certificate)?;
            Ok([&[tlv::SEQUENCE, 0x80], outermost.content, &[0, 0]].concat())
        }
        _ => {
            let mut parts = Certificate::parse(der).map_err(not_a_certificate)?;
            let seal = change(mangle, &mut parts, key, signer)?;
            let signed_part = match mangle {
                Mangle::NonMinimalLength => lengthen(&parts.signed_part())?,
                _ => parts.signed_part(),
            };
            if let Seal::New = seal {
                parts.signature = signer.sign(&signed_part).map_err(|e| e.to_string())?;
            }
            Ok(parts.around(&signed_part))
        }
    }
}

/// Is the certificate signed again?
enum Seal {
    Old,
    New,
}

/// Changes the parts that `mangle` names.
fn change(
    mangle: &Mangle,
    parts: &mut Certificate,
    key: &Key,
    signer: &Signer,
) -> Result<Seal, String> {
    match mangle {
        Mangle::Version(number) => parts.version = encode_version(*number),
        Mangle::DropExtensions => parts.extensions = None,
        Mangle::Serial(hex) => parts.serial = tlv::tlv(tlv::INTEGER, &[&tlv::parse_hex(hex)?]),
        Mangle::DuplicateExtension(oid) => extensions::duplicate(parts, oid)?,
        Mangle::ExplicitDefault => extensions::write_default(parts)?,
        Mangle::LooseBoolean => extensions::loosen_boolean(parts)?,
        Mangle::SignatureAlgorithmMismatch => {
            parts.outer_algorithm = another_algorithm(&parts.inner_algorithm);
        }
        Mangle::SignatureParameters => {
            parts.inner_algorithm = toggle_parameters(&parts.inner_algorithm)?;
            parts.outer_algorithm = toggle_parameters(&parts.outer_algorithm)?;
        }
        Mangle::FlipSignature => {
            flip(&mut parts.signature)?;
            return Ok(Seal::Old);
        }
        Mangle::FlipSigned => {
            flip(&mut parts.spki)?;
            return Ok(Seal::Old);
        }
        Mangle::ZeroSignature => {
            if !signer.key.kind().is_ecdsa() {
                return Err("r = s = 0 is an ECDSA signature; give the issuer an EC key".into());
            }
            let zero = tlv::integer(&[]);
            parts.signature = tlv::sequence(&[&zero, &zero]);
            return Ok(Seal::Old);
        }
        Mangle::EmptySignature => {
            parts.signature.clear();
            return Ok(Seal::Old);
        }
        Mangle::NotBefore(text) => parts.not_before = encode_time(text)?,
        Mangle::NotAfter(text) => parts.not_after = encode_time(text)?,
        Mangle::PublicKey(public) => parts.spki = public_key::encode(*public, key)?,
        Mangle::Issuer(rdns) => parts.issuer = distinguished_name::encode(rdns)?,
        Mangle::Subject(hex) => parts.subject = tlv::parse_hex(hex)?,
        Mangle::ManyRdns(count) => parts.subject = distinguished_name::filler(*count)?,
        // The length is changed where the signed part is put together, the others where there is
        // no certificate any more.
        Mangle::NonMinimalLength
        | Mangle::Truncate(_)
        | Mangle::Trailing(_)
        | Mangle::Replace(_)
        | Mangle::IndefiniteLength => {}
    }
    Ok(Seal::New)
}

fn truncate(der: &[u8], count: i32) -> Result<Vec<u8>, String> {
    let size = der.len();
    let magnitude = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let kept = if count < 0 {
        size.checked_sub(magnitude)
    } else {
        Some(magnitude).filter(|kept| *kept <= size)
    };
    match kept {
        Some(kept) => Ok(der[..kept].to_vec()),
        None => Err(format!(
            "truncate = {count} does not fit a certificate of {size} octets"
        )),
    }
}

/// `[0] version`, counted from 0 (RFC 5280 section 4.1.2.1); version 1 is the default, left out.
fn encode_version(number: u8) -> Vec<u8> {
    let version = match number {
        1 => return Vec::new(),
        0 => tlv::tlv(tlv::INTEGER, &[&[0xff]]),
        number => tlv::integer(&[number - 1]),
    };
    tlv::tlv(tlv::constructed(0), &[&version])
}

fn encode_time(text: &str) -> Result<Vec<u8>, String> {
    match text.split_once(':') {
        Some(("utc", time)) => Ok(tlv::tlv(tlv::UTC_TIME, &[time.as_bytes()])),
        Some(("generalized", time)) => Ok(tlv::tlv(tlv::GENERALIZED_TIME, &[time.as_bytes()])),
        _ => Err(format!(
            "`{text}` is not a time: write \"utc:500101000000Z\" or \
             \"generalized:20500101000000Z\""
        )),
    }
}

/// The AlgorithmIdentifier of another algorithm, of the same family where there is one.
fn another_algorithm(algorithm: &[u8]) -> Vec<u8> {
    let [ecdsa, ecdsa_other, rsa, rsa_other] = [
        alg_id::ECDSA_SHA256,
        alg_id::ECDSA_SHA384,
        alg_id::RSA_PKCS1_SHA256,
        alg_id::RSA_PKCS1_SHA384,
    ]
    .map(|identifier| tlv::sequence(&[identifier.as_ref()]));
    match algorithm {
        algorithm if algorithm == ecdsa => ecdsa_other,
        algorithm if algorithm == rsa => rsa_other,
        algorithm if algorithm.starts_with(RSA_ALGORITHM) || algorithm == rsa_other => rsa,
        _ => ecdsa,
    }
}

/// Adds a NULL parameter where there is none and takes the parameters away where there are some.
fn toggle_parameters(algorithm: &[u8]) -> Result<Vec<u8>, String> {
    match tlv::element(algorithm)?.elements()?.as_slice() {
        [oid] => Ok(tlv::sequence(&[oid.whole, &[tlv::NULL, 0]])),
        [oid, _] => Ok(tlv::sequence(&[oid.whole])),
        _ => Err("the algorithm has more than one parameter".into()),
    }
}

/// The same value with its length in one octet more than it needs.
fn lengthen(der: &[u8]) -> Result<Vec<u8>, String> {
    let value = tlv::element(der)?;
    let octets = value.content.len().to_be_bytes();
    let first = octets.iter().position(|octet| *octet != 0);
    let significant = &octets[first.unwrap_or(octets.len() - 1)..];
    let count = 0x80 | (significant.len() as u8 + 1);
    Ok([&[value.tag, count, 0], significant, value.content].concat())
}

/// Flips the lowest bit of the last octet.
fn flip(octets: &mut [u8]) -> Result<(), String> {
    match octets.last_mut() {
        Some(last) => *last ^= 1,
        None => return Err("there is no bit to flip: the signature is empty".into()),
    }
    Ok(())
}

fn not_a_certificate(reason: String) -> String {
    format!(
        "what the mangles before it left is no certificate to work on ({reason}); put this one first"
    )
}

/// How the AlgorithmIdentifiers of PKCS#1 with NULL parameters begin.
const RSA_ALGORITHM: &[u8] = &[
    tlv::SEQUENCE,
    0x0d,
    0x06,
    0x09,
    0x2a,
    0x86,
    0x48,
    0x86,
    0xf7,
    0x0d,
    0x01,
    0x01,
];
