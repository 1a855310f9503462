//! RSA as the `rsa` crate does it: what aws-lc-rs rightly refuses and scenarios need all the same.
//!
//! Keys of 1024 bits, signatures over MD5 and SHA-1, and PSS with a salt that is not as long as the
//! digest. It is slower and not hardened; nothing here guards anything but a test.

use std::fmt;

use aws_lc_rs::digest;
use md5::{Digest, Md5};
use rsa::pkcs1::EncodeRsaPublicKey;
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use rsa::rand_core::{CryptoRng, RngCore};
use rsa::sha2::Sha256;
use rsa::{Pkcs1v15Sign, Pss, RsaPrivateKey};
use rustls::{SignatureAlgorithm, SignatureScheme};

use super::super::PkiError;
use super::super::recipe::SignatureKind;
use super::algorithm::Algorithm;
use crate::digest::hex;
use crate::seed::{Seed, Stream};

/// An RSA key pair of any size.
#[derive(Clone)]
pub(super) struct RsaCrateKey {
    private: RsaPrivateKey,
    public: Vec<u8>,
}

impl RsaCrateKey {
    pub(super) fn generate(bits: usize, stream: Stream) -> Result<Self, PkiError> {
        let private = RsaPrivateKey::new(&mut Random(stream), bits).map_err(refused)?;
        Self::new(private)
    }

    pub(super) fn load(pkcs8: &[u8]) -> Result<Self, PkiError> {
        Self::new(RsaPrivateKey::from_pkcs8_der(pkcs8).map_err(refused)?)
    }

    pub(super) fn pkcs8_der(&self) -> Result<Vec<u8>, PkiError> {
        let document = self.private.to_pkcs8_der().map_err(refused)?;
        Ok(document.as_bytes().to_vec())
    }

    /// The RSAPublicKey (RFC 8017 appendix A.1.1).
    pub(super) fn public_der(&self) -> &[u8] {
        &self.public
    }

    pub(super) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, PkiError> {
        let signature = match algorithm {
            Algorithm::Rsa(SignatureKind::RsaMd5) => {
                self.pkcs1(MD5_DIGEST_INFO, &Md5::digest(message))
            }
            Algorithm::Rsa(SignatureKind::RsaSha1) => self.pkcs1(
                SHA1_DIGEST_INFO,
                digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, message).as_ref(),
            ),
            Algorithm::Rsa(SignatureKind::RsaSha384) => self.pkcs1(
                SHA384_DIGEST_INFO,
                digest::digest(&digest::SHA384, message).as_ref(),
            ),
            Algorithm::Rsa(SignatureKind::RsaSha512) => self.pkcs1(
                SHA512_DIGEST_INFO,
                digest::digest(&digest::SHA512, message).as_ref(),
            ),
            Algorithm::Rsa(SignatureKind::RsaPssSha256) => self.pss(32, message),
            Algorithm::Rsa(SignatureKind::RsaPssShortSalt) => self.pss(20, message),
            _ => self.pkcs1(
                SHA256_DIGEST_INFO,
                digest::digest(&digest::SHA256, message).as_ref(),
            ),
        };
        signature.map_err(refused)
    }

    fn new(private: RsaPrivateKey) -> Result<Self, PkiError> {
        let document = private.to_public_key().to_pkcs1_der().map_err(refused)?;
        Ok(Self {
            public: document.as_bytes().to_vec(),
            private,
        })
    }

    fn pkcs1(&self, digest_info: &[u8], digest: &[u8]) -> rsa::Result<Vec<u8>> {
        let padding = Pkcs1v15Sign {
            hash_len: Some(digest.len()),
            prefix: digest_info.into(),
        };
        self.private.sign(padding, digest)
    }

    fn pss(&self, salt: usize, message: &[u8]) -> rsa::Result<Vec<u8>> {
        let digest = digest::digest(&digest::SHA256, message);
        // The salt follows from the message, so that a run can be repeated.
        let name = hex(digest.as_ref());
        let mut random = Random(Seed(0).stream(&name));
        self.private.sign_with_rng(
            &mut random,
            Pss::new_with_salt::<Sha256>(salt),
            digest.as_ref(),
        )
    }
}

impl fmt::Debug for RsaCrateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaCrateKey").finish_non_exhaustive()
    }
}

impl rustls::sign::SigningKey for RsaCrateKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn rustls::sign::Signer>> {
        // TLS 1.3 allows PSS alone (RFC 8446 section 4.2.3); TLS 1.2 may have offered PKCS#1 only.
        let (scheme, signature) = [
            (SignatureScheme::RSA_PSS_SHA256, SignatureKind::RsaPssSha256),
            (SignatureScheme::RSA_PKCS1_SHA256, SignatureKind::RsaSha256),
        ]
        .into_iter()
        .find(|(scheme, _)| offered.contains(scheme))?;
        Some(Box::new(RsaCrateSigner {
            key: self.clone(),
            scheme,
            algorithm: Algorithm::Rsa(signature),
        }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::RSA
    }
}

#[derive(Debug)]
struct RsaCrateSigner {
    key: RsaCrateKey,
    scheme: SignatureScheme,
    algorithm: Algorithm,
}

impl rustls::sign::Signer for RsaCrateSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        self.key
            .sign(self.algorithm, message)
            .map_err(|error| rustls::Error::General(error.to_string()))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

/// A [`Stream`] behind the traits that the `rsa` crate asks for.
struct Random(Stream);

impl RngCore for Random {
    fn next_u32(&mut self) -> u32 {
        u32::from_be_bytes(self.0.bytes())
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_be_bytes(self.0.bytes())
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.0.octets(bytes.len()));
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rsa::rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Random {}

fn refused(error: impl fmt::Display) -> PkiError {
    PkiError::Crypto {
        entry: "RSA key".into(),
        reason: error.to_string(),
    }
}

// What stands before the digest in a DigestInfo (RFC 8017 section 9.2, note 1).
const MD5_DIGEST_INFO: &[u8] = &[
    0x30, 0x20, 0x30, 0x0c, 0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05, 0x05, 0x00,
    0x04, 0x10,
];
const SHA1_DIGEST_INFO: &[u8] = &[
    0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14,
];
const SHA256_DIGEST_INFO: &[u8] = &[
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];
const SHA384_DIGEST_INFO: &[u8] = &[
    0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05,
    0x00, 0x04, 0x30,
];
const SHA512_DIGEST_INFO: &[u8] = &[
    0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05,
    0x00, 0x04, 0x40,
];
