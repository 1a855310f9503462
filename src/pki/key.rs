//! Key pairs: what signs certificates, CRLs, OCSP responses and handshakes.
//!
//! A [`Key`] is loaded once, for rcgen and for rustls alike, because loading a key costs as much as
//! a signature. The [`KeyPool`] makes each key once in a run.

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, PqdsaKeyPair,
    PqdsaSigningAlgorithm, RsaKeyPair,
};
use rcgen::PublicKeyData;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use self::algorithm::Algorithm;
use self::rsa_crate::RsaCrateKey;
use super::PkiError;
use super::recipe::{KeyKind, SignatureKind};
use crate::seed::Stream;

pub(crate) mod algorithm;
mod pool;
mod rsa_crate;

pub use pool::KeyPool;

/// A key pair.
pub struct Key {
    kind: KeyKind,
    pair: Pair,
    pkcs8: Vec<u8>,
    spki: Arc<[u8]>,
    identifier: [u8; 20],
    signer: Arc<dyn rustls::sign::SigningKey>,
    /// The same RSA key in the `rsa` crate's hands, for the signatures that aws-lc-rs refuses.
    legacy: OnceLock<Arc<RsaCrateKey>>,
}

impl Key {
    /// Makes a new key pair. `stream` feeds RSA-1024 alone; all else draws from the operating
    /// system inside the cryptographic library.
    pub fn generate(kind: KeyKind, stream: Stream) -> Result<Self, PkiError> {
        match kind {
            KeyKind::P256 => Self::ecdsa(kind, &signature::ECDSA_P256_SHA256_ASN1_SIGNING),
            KeyKind::P384 => Self::ecdsa(kind, &signature::ECDSA_P384_SHA384_ASN1_SIGNING),
            KeyKind::P521 => Self::ecdsa(kind, &signature::ECDSA_P521_SHA512_ASN1_SIGNING),
            KeyKind::Ed25519 => {
                let pair = Ed25519KeyPair::generate().map_err(|e| refused(kind, e))?;
                // Version 1 of PKCS#8, without the public key: OpenSSL 3.0 reads no other.
                let pkcs8 = pair.to_pkcs8v1().map_err(|e| refused(kind, e))?;
                Self::library(kind, Pair::Ed25519(pair), pkcs8.as_ref().to_vec())
            }
            KeyKind::Rsa1024 => Self::weak(kind, RsaCrateKey::generate(1024, stream)?),
            KeyKind::Rsa2048 => Self::rsa(kind, KeySize::Rsa2048),
            KeyKind::Rsa3072 => Self::rsa(kind, KeySize::Rsa3072),
            KeyKind::Rsa4096 => Self::rsa(kind, KeySize::Rsa4096),
            KeyKind::MlDsa44 => Self::ml_dsa(kind, &signature::ML_DSA_44_SIGNING),
            KeyKind::MlDsa65 => Self::ml_dsa(kind, &signature::ML_DSA_65_SIGNING),
            KeyKind::MlDsa87 => Self::ml_dsa(kind, &signature::ML_DSA_87_SIGNING),
        }
    }

    /// Reads a private key from PEM, as [`pem`](Self::pem) writes it.
    ///
    /// # Errors
    /// When it is no PKCS#8, or of a kind that nobody is given in a file.
    pub fn from_pem(text: &str) -> Result<Self, PkiError> {
        let unreadable = |reason: String| PkiError::Crypto {
            entry: "a private key".into(),
            reason,
        };
        let pkcs8 = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes())
            .map_err(|error| unreadable(error.to_string()))?;
        let der = pkcs8.secret_pkcs8_der();
        let ecdsa = [
            (KeyKind::P256, &signature::ECDSA_P256_SHA256_ASN1_SIGNING),
            (KeyKind::P384, &signature::ECDSA_P384_SHA384_ASN1_SIGNING),
            (KeyKind::P521, &signature::ECDSA_P521_SHA512_ASN1_SIGNING),
        ];
        for (kind, algorithm) in ecdsa {
            if let Ok(pair) = EcdsaKeyPair::from_pkcs8(algorithm, der) {
                return Self::library(kind, Pair::Ecdsa(pair), der.to_vec());
            }
        }
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            return Self::library(KeyKind::Ed25519, Pair::Ed25519(pair), der.to_vec());
        }
        let rsa = RsaKeyPair::from_pkcs8(der).map_err(|error| unreadable(error.to_string()))?;
        let kind = match rsa.public_modulus_len() {
            256 => KeyKind::Rsa2048,
            384 => KeyKind::Rsa3072,
            512 => KeyKind::Rsa4096,
            octets => return Err(unreadable(format!("an RSA key of {octets} octets"))),
        };
        Self::library(kind, Pair::Rsa(rsa), der.to_vec())
    }

    /// The same key for whoever only presents it from now on: it signs handshakes, and nothing else. A fleet
    /// has thousands, and half of each would lie idle.
    pub fn for_handshakes(self) -> Self {
        Self {
            pair: Pair::Spent,
            ..self
        }
    }

    /// What kind of key it is.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The private key as PKCS#8 (RFC 5208).
    pub fn pkcs8_der(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The private key as PEM (RFC 7468), for targets that read files.
    pub fn pem(&self) -> String {
        use rsa::pkcs8::der::pem;
        // Encoding fails only where the label is not ASCII.
        pem::encode_string("PRIVATE KEY", pem::LineEnding::LF, &self.pkcs8).unwrap_or_default()
    }

    /// The public key as SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7).
    pub fn spki_der(&self) -> &Arc<[u8]> {
        &self.spki
    }

    /// The key identifier: the leftmost 160 bits of a SHA-256 (RFC 7093 section 2).
    pub fn identifier(&self) -> &[u8] {
        &self.identifier
    }

    /// Signs `message` as `signature` says, or as suits the kind of key.
    pub fn sign(
        &self,
        signature: Option<SignatureKind>,
        message: &[u8],
    ) -> Result<Vec<u8>, PkiError> {
        let algorithm =
            Algorithm::of(self.kind, signature).map_err(|reason| refused(self.kind, reason))?;
        if algorithm.needs_rsa_crate() {
            return self.legacy()?.sign(algorithm, message);
        }
        match &self.pair {
            Pair::Ecdsa(pair) => pair
                .sign(&SystemRandom::new(), message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|e| refused(self.kind, e)),
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Pair::MlDsa(pair) => {
                let mut signature = vec![0; pair.algorithm().signature_len()];
                pair.sign(message, &mut signature)
                    .map_err(|e| refused(self.kind, e))?;
                Ok(signature)
            }
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(
                    algorithm.rsa_encoding(),
                    &SystemRandom::new(),
                    message,
                    &mut signature,
                )
                .map_err(|e| refused(self.kind, e))?;
                Ok(signature)
            }
            Pair::Weak(key) => key.sign(algorithm, message),
            Pair::Spent => Err(refused(self.kind, "it is for handshakes alone")),
        }
    }

    /// The key as rustls signs handshakes with it: loaded once, shared by all who ask.
    pub fn signer(&self) -> Arc<dyn rustls::sign::SigningKey> {
        Arc::clone(&self.signer)
    }

    fn ecdsa(kind: KeyKind, algorithm: &'static EcdsaSigningAlgorithm) -> Result<Self, PkiError> {
        let pair = EcdsaKeyPair::generate(algorithm).map_err(|e| refused(kind, e))?;
        let pkcs8 = pair.to_pkcs8v1().map_err(|e| refused(kind, e))?;
        Self::library(kind, Pair::Ecdsa(pair), pkcs8.as_ref().to_vec())
    }

    fn ml_dsa(kind: KeyKind, algorithm: &'static PqdsaSigningAlgorithm) -> Result<Self, PkiError> {
        let pair = PqdsaKeyPair::generate(algorithm).map_err(|e| refused(kind, e))?;
        let pkcs8 = pair.to_pkcs8v1().map_err(|e| refused(kind, e))?;
        Self::library(kind, Pair::MlDsa(pair), pkcs8.as_ref().to_vec())
    }

    fn rsa(kind: KeyKind, size: KeySize) -> Result<Self, PkiError> {
        let pair = RsaKeyPair::generate(size).map_err(|e| refused(kind, e))?;
        let pkcs8 = pair.as_der().map_err(|e| refused(kind, e))?;
        Self::library(kind, Pair::Rsa(pair), pkcs8.as_ref().to_vec())
    }

    fn library(kind: KeyKind, pair: Pair, pkcs8: Vec<u8>) -> Result<Self, PkiError> {
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pkcs8.as_slice()));
        let signer = any_supported_type(&private).map_err(|e| refused(kind, e))?;
        Ok(Self::new(kind, pair, pkcs8, signer))
    }

    fn weak(kind: KeyKind, key: RsaCrateKey) -> Result<Self, PkiError> {
        let key = Arc::new(key);
        let pkcs8 = key.pkcs8_der()?;
        Ok(Self::new(kind, Pair::Weak(Arc::clone(&key)), pkcs8, key))
    }

    fn new(
        kind: KeyKind,
        pair: Pair,
        pkcs8: Vec<u8>,
        signer: Arc<dyn rustls::sign::SigningKey>,
    ) -> Self {
        let mut key = Self {
            kind,
            pair,
            pkcs8,
            spki: Arc::default(),
            identifier: [0; 20],
            signer,
            legacy: OnceLock::new(),
        };
        key.spki = key.subject_public_key_info().into();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &key.spki);
        key.identifier.copy_from_slice(&digest.as_ref()[..20]);
        key
    }

    fn legacy(&self) -> Result<&RsaCrateKey, PkiError> {
        if let Pair::Weak(key) = &self.pair {
            return Ok(key);
        }
        if let Some(key) = self.legacy.get() {
            return Ok(key);
        }
        let key = Arc::new(RsaCrateKey::load(&self.pkcs8)?);
        Ok(self.legacy.get_or_init(|| key))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        match &self.pair {
            Pair::Ecdsa(pair) => pair.public_key().as_ref(),
            Pair::Ed25519(pair) => pair.public_key().as_ref(),
            Pair::MlDsa(pair) => pair.public_key().as_ref(),
            Pair::Rsa(pair) => pair.public_key().as_ref(),
            Pair::Weak(key) => key.public_der(),
            Pair::Spent => &[],
        }
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        match self.kind {
            KeyKind::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            KeyKind::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            KeyKind::P521 => &rcgen::PKCS_ECDSA_P521_SHA512,
            KeyKind::Ed25519 => &rcgen::PKCS_ED25519,
            KeyKind::Rsa1024 | KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096 => {
                &rcgen::PKCS_RSA_SHA256
            }
            KeyKind::MlDsa44 => &rcgen::PKCS_ML_DSA_44,
            KeyKind::MlDsa65 => &rcgen::PKCS_ML_DSA_65,
            KeyKind::MlDsa87 => &rcgen::PKCS_ML_DSA_87,
        }
    }
}

impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Self::sign(self, None, message).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    MlDsa(PqdsaKeyPair),
    Rsa(RsaKeyPair),
    Weak(Arc<RsaCrateKey>),
    /// Given away: see [`Key::for_handshakes`].
    Spent,
}

fn refused(kind: KeyKind, error: impl fmt::Display) -> PkiError {
    PkiError::Crypto {
        entry: format!("{kind:?} key"),
        reason: error.to_string(),
    }
}
