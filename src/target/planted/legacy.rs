//! Signatures that only a broken verifier verifies: SHA-1, and RSA keys below 2048 bits.
//!
//! The bugs that accept them do verify them, so that a scenario about a weak algorithm is caught by the
//! weakness and not by a verifier that has stopped looking. MD5 is the exception: no library at hand
//! still computes it.

use aws_lc_rs::digest::{self, Algorithm};
use aws_lc_rs::signature::{
    RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, RsaParameters, UnparsedPublicKey,
};
use rsa::BigUint;
use rustls::pki_types::alg_id;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::certificate::{PublicKey, Signed};
use super::refusal::Refusal;
use super::signature::rsa_parts;

/// sha1WithRSAEncryption with a NULL (RFC 3279 section 2.2.1).
pub const RSA_SHA1: [u8; 13] = pkcs1(5);
/// md5WithRSAEncryption with a NULL (RFC 3279 section 2.2.1).
pub const RSA_MD5: [u8; 13] = pkcs1(4);

const fn pkcs1(last: u8) -> [u8; 13] {
    [
        0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last, 0x05, 0x00,
    ]
}

/// Verifies RSA with SHA-1.
///
/// # Errors
/// When the signature is wrong.
pub fn verify_rsa_sha1(signed: &Signed, key: &PublicKey) -> Result<(), Refusal> {
    verify_pkcs1(&RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, signed, key)
}

/// Verifies RSA PKCS#1 v1.5 whatever the size of the key.
///
/// # Errors
/// When the signature is wrong, or its hash is none of SHA-256 and SHA-512.
pub fn verify_weak_rsa(signed: &Signed, key: &PublicKey) -> Result<(), Refusal> {
    if signed.algorithm == alg_id::RSA_PKCS1_SHA512.as_ref() {
        return verify_pkcs1(&RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, signed, key);
    }
    verify_pkcs1(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, signed, key)
}

/// Verifies a handshake signature by an RSA key of any size.
///
/// # Errors
/// When the signature is wrong.
pub fn verify_weak_handshake(
    message: &[u8],
    key: &PublicKey,
    signature: &DigitallySignedStruct,
) -> Result<(), Error> {
    let pkcs1 = |parameters: &'static RsaParameters| {
        UnparsedPublicKey::new(parameters, &key.octets)
            .verify(message, signature.signature())
            .is_ok()
    };
    let pss = |hash| verify_pss(hash, message, key, signature.signature()).is_some();
    let fits = match signature.scheme {
        SignatureScheme::RSA_PKCS1_SHA256 => pkcs1(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY),
        SignatureScheme::RSA_PKCS1_SHA512 => pkcs1(&RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY),
        SignatureScheme::RSA_PSS_SHA256 => pss(&digest::SHA256),
        SignatureScheme::RSA_PSS_SHA384 => pss(&digest::SHA384),
        SignatureScheme::RSA_PSS_SHA512 => pss(&digest::SHA512),
        _ => false,
    };
    if fits {
        Ok(())
    } else {
        Err(CertificateError::BadSignature.into())
    }
}

fn verify_pkcs1(
    parameters: &'static RsaParameters,
    signed: &Signed,
    key: &PublicKey,
) -> Result<(), Refusal> {
    UnparsedPublicKey::new(parameters, &key.octets)
        .verify(&signed.message, &signed.signature)
        .map_err(|_| {
            Refusal::new(
                CertificateError::BadSignature,
                "a signature was not made by the issuer's key",
            )
        })
}

/// RSASSA-PSS-VERIFY with a salt as long as the hash (RFC 8017 sections 8.1.2 and 9.1.2).
fn verify_pss(
    hash: &'static Algorithm,
    message: &[u8],
    key: &PublicKey,
    signature: &[u8],
) -> Option<()> {
    let (modulus, exponent) = rsa_parts(key)?;
    let modulus = BigUint::from_bytes_be(modulus);
    let signature = BigUint::from_bytes_be(signature);
    if signature >= modulus {
        return None;
    }
    let message_bits = modulus.bits().checked_sub(1)?;
    let encoded = signature
        .modpow(&BigUint::from_bytes_be(exponent), &modulus)
        .to_bytes_be();
    let length = message_bits.div_ceil(8);
    let mut block = vec![0; length.checked_sub(encoded.len())?];
    block.extend(encoded);

    let hash_length = hash.output_len();
    let (masked, rest) = block.split_at_checked(length.checked_sub(hash_length + 1)?)?;
    let (fingerprint, trailer) = rest.split_at_checked(hash_length)?;
    if trailer != [0xbc] {
        return None;
    }
    let mut data: Vec<u8> = masked
        .iter()
        .zip(mask(hash, fingerprint, masked.len()))
        .map(|(octet, mask)| octet ^ mask)
        .collect();
    let unused = 8 * length - message_bits;
    *data.first_mut()? &= 0xff_u8.checked_shr(u32::try_from(unused).ok()?)?;
    let (padding, salt) = data.split_at_checked(data.len().checked_sub(hash_length)?)?;
    let (separator, zeros) = padding.split_last()?;
    if *separator != 1 || zeros.iter().any(|octet| *octet != 0) {
        return None;
    }
    let mut context = digest::Context::new(hash);
    context.update(&[0; 8]);
    context.update(digest::digest(hash, message).as_ref());
    context.update(salt);
    (context.finish().as_ref() == fingerprint).then_some(())
}

/// MGF1 (RFC 8017 appendix B.2.1).
fn mask(hash: &'static Algorithm, seed: &[u8], length: usize) -> Vec<u8> {
    let mut mask = Vec::with_capacity(length + hash.output_len());
    let mut counter = 0_u32;
    while mask.len() < length {
        let mut context = digest::Context::new(hash);
        context.update(seed);
        context.update(&counter.to_be_bytes());
        mask.extend(context.finish().as_ref());
        counter += 1;
    }
    mask.truncate(length);
    mask
}
