//! Mangling: certificates broken on purpose, one named defect at a time.

use std::sync::Arc;

use super::PkiError;
use super::key::Key;
use super::recipe::SignatureKind;

pub(crate) mod certificate;

pub(super) use super::recipe::Mangle;

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

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, PkiError> {
        self.key.sign(self.signature, message)
    }
}

/// Applies one mangle to a certificate.
pub(super) fn apply(
    mangle: &Mangle,
    _der: &[u8],
    _key: &Key,
    _signer: &Signer,
) -> Result<Vec<u8>, String> {
    Err(format!("the mangle {mangle:?} is not there yet"))
}
