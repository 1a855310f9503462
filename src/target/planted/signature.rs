//! Signatures: of certificates, CRLs and responses by their issuers, and of handshakes by their peers.
//!
//! What is supported is what rustls supports: SHA-1, MD5, RSA below 2048 bits, DSA, curves without a
//! TLS 1.3 scheme and curves written out as parameters are all absent from its list, and whatever is
//! absent is refused.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ParsedPublicKey,
};
use rustls::pki_types::{SignatureVerificationAlgorithm, alg_id};
use rustls::{
    CertificateError, DigitallySignedStruct, Error, PeerMisbehaved, ProtocolVersion,
    SignatureScheme,
};

use super::certificate::{PublicKey, Signed};
use super::encoding::{INTEGER, Reader, SEQUENCE};
use super::refusal::Refusal;
use super::{Bug, Flaws, legacy};
use crate::peer::provider;

/// Fewer bits than this are too weak for an RSA key (RFC 9325 section 4.5).
const FEWEST_RSA_BITS: usize = 2048;
/// More bits than this cost more to verify with than a stranger may ask for (CVE-2023-29409).
const MOST_RSA_BITS: usize = 8192;

/// Is `signed` signed with the private half of `key` (RFC 5280 section 6.1.3 (a)(1))?
///
/// # Errors
/// When it is not, or the algorithm is none that may be used.
pub fn verify(signed: &Signed, key: &PublicKey, flaws: Flaws) -> Result<(), Refusal> {
    if flaws.has(Bug::AcceptsZeroSignature) && is_zero(&signed.signature) {
        return Ok(());
    }
    if flaws.has(Bug::AcceptsSha1) && signed.algorithm == legacy::RSA_SHA1 {
        return legacy::verify_rsa_sha1(signed, key);
    }
    if flaws.has(Bug::AcceptsMd5) && signed.algorithm == legacy::RSA_MD5 {
        return Ok(());
    }
    if flaws.has(Bug::AcceptsWeakKeys) && is_weak(key) {
        return legacy::verify_weak_rsa(signed, key);
    }
    let mut unsupported = true;
    for algorithm in provider().signature_verification_algorithms.all {
        if algorithm.signature_alg_id().as_ref() != signed.algorithm
            || algorithm.public_key_alg_id().as_ref() != key.algorithm
        {
            continue;
        }
        unsupported = false;
        if works(*algorithm, key, &signed.message, &signed.signature) {
            return Ok(());
        }
    }
    Err(if unsupported {
        // RFC 8446 section 4.4.2.4 answers MD5 with bad_certificate, and recommends it for SHA-1.
        Refusal::new(
            CertificateError::BadEncoding,
            "a certificate is signed with an algorithm that may not be used",
        )
    } else {
        Refusal::new(
            CertificateError::BadSignature,
            "a signature was not made by the issuer's key",
        )
    })
}

/// Can the peer sign handshakes with a key like this?
///
/// # Errors
/// When no TLS signature scheme goes with it (RFC 8446 section 4.2.3), it is too weak or too big, or
/// it is no point of its curve.
pub fn check_key(key: &PublicKey, flaws: Flaws) -> Result<(), Refusal> {
    if !is_usable(key) {
        if flaws.has(Bug::FailsOpenOnUnknownKey) {
            return Ok(());
        }
        if flaws.has(Bug::PanicsOnUnknownKey) {
            std::panic::resume_unwind(Box::new("not a public key that is known"));
        }
    }
    if flaws.has(Bug::KnowsOnlyP256) && key.algorithm != alg_id::ECDSA_P256.as_ref() {
        return Err(Refusal::new(
            CertificateError::InvalidPurpose,
            "the key is not on P-256",
        ));
    }
    if is_weak(key) {
        return if flaws.has(Bug::AcceptsWeakKeys) {
            Ok(())
        } else {
            Err(Refusal::new(
                CertificateError::BadEncoding,
                "the RSA key has fewer than 2048 bits",
            ))
        };
    }
    if is_usable(key) {
        return Ok(());
    }
    // RFC 8446 section 6.2: the certificate is of an unsupported type.
    Err(Refusal::new(
        CertificateError::InvalidPurpose,
        "no handshake can be signed with a key like this",
    ))
}

/// Is the handshake signed with the private half of `key` (RFC 8446 section 4.4.3, RFC 5246 section
/// 7.4.8)?
///
/// # Errors
/// When it is not.
pub fn verify_handshake(
    version: ProtocolVersion,
    message: &[u8],
    key: &PublicKey,
    signature: &DigitallySignedStruct,
    flaws: Flaws,
) -> Result<(), Error> {
    if flaws.has(Bug::FailsOpenOnUnknownKey) && !is_usable(key)
        || flaws.has(Bug::AcceptsZeroSignature) && is_zero(signature.signature())
    {
        return Ok(());
    }
    if flaws.has(Bug::AcceptsWeakKeys) && is_weak(key) {
        return legacy::verify_weak_handshake(message, key, signature);
    }
    let supported = provider().signature_verification_algorithms;
    let offered = supported
        .mapping
        .iter()
        .find(|(scheme, _)| *scheme == signature.scheme)
        .map(|(_, algorithms)| *algorithms)
        .unwrap_or_default();
    let algorithms = match version {
        // RFC 8446 section 4.2.3: the scheme fixes the curve, and PKCS#1 v1.5 signs no handshakes.
        ProtocolVersion::TLSv1_3 if is_pkcs1(signature.scheme) => &[],
        ProtocolVersion::TLSv1_3 => offered.get(..1).unwrap_or_default(),
        _ => offered,
    };
    if algorithms.is_empty() {
        return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
    }
    let signed = algorithms
        .iter()
        .filter(|algorithm| algorithm.public_key_alg_id().as_ref() == key.algorithm)
        .any(|algorithm| works(*algorithm, key, message, signature.signature()));
    if signed {
        Ok(())
    } else {
        Err(CertificateError::BadSignature.into())
    }
}

/// The modulus and the exponent, if this is an RSA key.
pub fn rsa_parts(key: &PublicKey) -> Option<(&[u8], &[u8])> {
    if key.algorithm != alg_id::RSA_ENCRYPTION.as_ref() {
        return None;
    }
    let mut parts = Reader::new(&key.octets).take(SEQUENCE).ok()?.reader();
    let modulus = parts.take(INTEGER).ok()?.content;
    let exponent = parts.take(INTEGER).ok()?.content;
    parts.end().ok()?;
    Some((modulus.strip_prefix(&[0]).unwrap_or(modulus), exponent))
}

fn works(
    algorithm: &dyn SignatureVerificationAlgorithm,
    key: &PublicKey,
    message: &[u8],
    signature: &[u8],
) -> bool {
    algorithm
        .verify_signature(&key.octets, message, signature)
        .is_ok()
}

fn rsa_bits(key: &PublicKey) -> Option<usize> {
    let (modulus, _) = rsa_parts(key)?;
    let unused = modulus.first()?.leading_zeros() as usize;
    Some(modulus.len() * 8 - unused)
}

fn is_weak(key: &PublicKey) -> bool {
    rsa_bits(key).is_some_and(|bits| bits < FEWEST_RSA_BITS)
}

fn is_usable(key: &PublicKey) -> bool {
    let algorithm = key.algorithm.as_slice();
    if algorithm == alg_id::RSA_ENCRYPTION.as_ref() {
        return rsa_bits(key).is_some_and(|bits| bits <= MOST_RSA_BITS);
    }
    let on_curve = |curve| ParsedPublicKey::new(curve, &key.octets).is_ok();
    if algorithm == alg_id::ECDSA_P256.as_ref() {
        return on_curve(&ECDSA_P256_SHA256_ASN1);
    }
    if algorithm == alg_id::ECDSA_P384.as_ref() {
        return on_curve(&ECDSA_P384_SHA384_ASN1);
    }
    if algorithm == alg_id::ECDSA_P521.as_ref() {
        return on_curve(&ECDSA_P521_SHA512_ASN1);
    }
    provider()
        .signature_verification_algorithms
        .all
        .iter()
        .any(|known| known.public_key_alg_id().as_ref() == algorithm)
}

/// An ECDSA signature with r = s = 0.
fn is_zero(signature: &[u8]) -> bool {
    signature == [0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00]
}

fn is_pkcs1(scheme: SignatureScheme) -> bool {
    matches!(
        scheme,
        SignatureScheme::RSA_PKCS1_SHA1
            | SignatureScheme::RSA_PKCS1_SHA256
            | SignatureScheme::RSA_PKCS1_SHA384
            | SignatureScheme::RSA_PKCS1_SHA512
    )
}
