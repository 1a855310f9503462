//! A root from outside: one that was there before the run, and is trusted by targets that the harness
//! does not configure.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::key::Key;
use super::mint::Minted;
use super::recipe::KeyKind;
use crate::clock::Clock;

/// A root authority that can sign.
#[derive(Debug)]
pub struct Authority {
    minted: Minted,
}

/// Why a certificate and a key are no root that scenarios can hang under.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AuthorityError {
    /// It does not parse.
    #[error("it is no X.509 certificate")]
    NoCertificate,
    /// The key is of a kind that the baseline's root does not have.
    #[error("its key is not of the kind that this program gives its roots, P-256")]
    AnotherKind,
    /// The public key is another's.
    #[error("the private key beside it is not its own")]
    AnotherKey,
    /// It is no authority, or not the topmost.
    #[error("it is no authority that signs itself")]
    NoRoot,
    /// Its key identifier is one that the certificates below it would not name.
    #[error("its subject key identifier is not the one that this program gives its roots")]
    AnotherIdentifier,
    /// Too early.
    #[error("it is not valid yet")]
    NotYetValid,
    /// Too late.
    #[error("it has expired")]
    Expired,
}

impl Authority {
    /// A root that is valid now.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn root(
        der: CertificateDer<'static>,
        key: Key,
        clock: Clock,
    ) -> Result<Self, AuthorityError> {
        use AuthorityError as Error;
        let (_, certificate) = X509Certificate::from_der(&der).map_err(|_| Error::NoCertificate)?;
        // The mint looks for the root's key among those of this kind.
        if key.kind() != KeyKind::P256 {
            return Err(Error::AnotherKind);
        }
        if certificate.public_key().raw != &**key.spki_der() {
            return Err(Error::AnotherKey);
        }
        if !certificate.is_ca() || certificate.subject() != certificate.issuer() {
            return Err(Error::NoRoot);
        }
        let identifier = certificate.iter_extensions().find_map(|extension| {
            match extension.parsed_extension() {
                x509_parser::extensions::ParsedExtension::SubjectKeyIdentifier(found) => {
                    Some(found.0)
                }
                _ => None,
            }
        });
        if identifier != Some(key.identifier()) {
            return Err(Error::AnotherIdentifier);
        }
        if clock.unix() < certificate.validity().not_before.timestamp() {
            return Err(Error::NotYetValid);
        }
        if clock.unix() > certificate.validity().not_after.timestamp() {
            return Err(Error::Expired);
        }
        Ok(Self {
            minted: Minted {
                serial: certificate.raw_serial().to_vec(),
                subject: certificate.subject().as_raw().into(),
                spki: Arc::clone(key.spki_der()),
                key: Arc::new(key),
                issuer: "root".into(),
                certificates: vec![der.clone()],
                der,
            },
        })
    }

    /// Its key.
    pub(super) fn key(&self) -> Arc<Key> {
        Arc::clone(&self.minted.key)
    }

    /// It, as the mint would have made it.
    pub(super) fn into_minted(self) -> Minted {
        self.minted
    }
}
