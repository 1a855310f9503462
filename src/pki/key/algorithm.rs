//! Signature algorithms: which one a kind of key signs with, and its AlgorithmIdentifier.

use aws_lc_rs::signature::{self, RsaEncoding};
use rustls::pki_types::alg_id;

use super::super::recipe::{KeyKind, SignatureKind};
use super::super::tlv;

/// How a certificate, CRL or OCSP response is signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Algorithm {
    EcdsaSha256,
    EcdsaSha384,
    EcdsaSha512,
    Ed25519,
    MlDsa44,
    MlDsa65,
    MlDsa87,
    Rsa(SignatureKind),
}

impl Algorithm {
    /// What `kind` signs with, where `signature` does not say otherwise; the reason why it cannot.
    pub(crate) fn of(kind: KeyKind, signature: Option<SignatureKind>) -> Result<Self, String> {
        let algorithm = match kind {
            KeyKind::P256 => Self::EcdsaSha256,
            KeyKind::P384 => Self::EcdsaSha384,
            KeyKind::P521 => Self::EcdsaSha512,
            KeyKind::Ed25519 => Self::Ed25519,
            KeyKind::MlDsa44 => Self::MlDsa44,
            KeyKind::MlDsa65 => Self::MlDsa65,
            KeyKind::MlDsa87 => Self::MlDsa87,
            KeyKind::Rsa1024 | KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096 => {
                return Ok(Self::Rsa(signature.unwrap_or(SignatureKind::RsaSha256)));
            }
        };
        match signature {
            None => Ok(algorithm),
            Some(signature) => Err(format!(
                "the signature {signature:?} takes an RSA key and the issuer's is {kind:?}; give \
                 the issuer key = \"rsa2048\""
            )),
        }
    }

    /// The DER of its AlgorithmIdentifier (RFC 5280 section 4.1.1.2).
    pub(crate) fn identifier(self) -> Vec<u8> {
        let content: &[u8] = match self {
            Self::EcdsaSha256 => alg_id::ECDSA_SHA256.as_ref(),
            Self::EcdsaSha384 => alg_id::ECDSA_SHA384.as_ref(),
            Self::EcdsaSha512 => alg_id::ECDSA_SHA512.as_ref(),
            Self::Ed25519 => alg_id::ED25519.as_ref(),
            Self::MlDsa44 => alg_id::ML_DSA_44.as_ref(),
            Self::MlDsa65 => alg_id::ML_DSA_65.as_ref(),
            Self::MlDsa87 => alg_id::ML_DSA_87.as_ref(),
            Self::Rsa(signature) => match signature {
                SignatureKind::RsaMd5 => MD5_WITH_RSA,
                SignatureKind::RsaSha1 => SHA1_WITH_RSA,
                SignatureKind::RsaSha256 => alg_id::RSA_PKCS1_SHA256.as_ref(),
                SignatureKind::RsaSha384 => alg_id::RSA_PKCS1_SHA384.as_ref(),
                SignatureKind::RsaSha512 => alg_id::RSA_PKCS1_SHA512.as_ref(),
                SignatureKind::RsaPssSha256 => alg_id::RSA_PSS_SHA256.as_ref(),
                // The salt of 20 octets is the default, which DER leaves out: all but the last
                // element, `[2] INTEGER 32`, of the usual parameters.
                SignatureKind::RsaPssShortSalt => PSS_SHA256_DEFAULT_SALT,
            },
        };
        tlv::sequence(&[content])
    }

    /// Does it take the `rsa` crate to sign this way?
    pub(super) fn needs_rsa_crate(self) -> bool {
        matches!(
            self,
            Self::Rsa(
                SignatureKind::RsaMd5 | SignatureKind::RsaSha1 | SignatureKind::RsaPssShortSalt
            )
        )
    }

    /// The same for aws-lc-rs, where it can.
    pub(super) fn rsa_encoding(self) -> &'static dyn RsaEncoding {
        match self {
            Self::Rsa(SignatureKind::RsaSha384) => &signature::RSA_PKCS1_SHA384,
            Self::Rsa(SignatureKind::RsaSha512) => &signature::RSA_PKCS1_SHA512,
            Self::Rsa(SignatureKind::RsaPssSha256) => &signature::RSA_PSS_SHA256,
            _ => &signature::RSA_PKCS1_SHA256,
        }
    }
}

/// md5WithRSAEncryption, NULL (RFC 3279 section 2.2.1).
const MD5_WITH_RSA: &[u8] = &[
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x04, 0x05, 0x00,
];

/// sha1WithRSAEncryption, NULL (RFC 3279 section 2.2.1).
const SHA1_WITH_RSA: &[u8] = &[
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05, 0x05, 0x00,
];

/// id-RSASSA-PSS with SHA-256, MGF1 with SHA-256 and the default salt length (RFC 4055 section 3.1).
const PSS_SHA256_DEFAULT_SALT: &[u8] = &[
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0x2f, 0xa0, 0x0f, 0x30,
    0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0xa1, 0x1c,
    0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0d, 0x06,
    0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
];
