//! Certificates, keys and revocation: recipes in, DER out.
//!
//! ```text
//! Recipes --Mint--> Pki --certificate / identity / trust / crl / staple--> DER
//! ```
//!
//! A [`Mint`](mint::Mint) lives as long as a run: it owns the clock, the seed, the pooled keys and
//! the authorities that scenarios share. A [`Pki`](mint::Pki) is one scenario's set of certificates,
//! minted as they are asked for.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;

pub mod authority;
mod baseline;
mod distinguished_name;
mod extension;
mod general_name;
pub mod issuer;
pub mod key;
mod mangle;
pub mod mint;
pub mod pem;
pub mod recipe;
mod revoke;
mod tlv;

/// An end-entity chain and its private key, as a party presents it.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificates in the order in which they are sent; may be empty.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key that signs the handshake. It need not fit the chain.
    pub key: Arc<key::Key>,
}

/// The set of trust anchors that a verifier accepts.
#[derive(Clone, Debug, Default)]
pub struct TrustBundle {
    /// The anchors, as certificates.
    pub anchors: Vec<CertificateDer<'static>>,
}

/// Why a recipe could not be turned into DER: the fault is the scenario's, never the target's.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A name that no entry has.
    #[error("there is no entry `{0}` in the scenario's PKI")]
    UnknownEntry(String),
    /// Issuers that go round in a circle.
    #[error("the issuers of `{0}` go round in a circle")]
    Cycle(String),
    /// A value that means nothing.
    #[error("`{entry}`: {reason}")]
    Recipe {
        /// The entry.
        entry: String,
        /// What is wrong with it and what to write instead.
        reason: String,
    },
    /// The cryptographic library refused.
    #[error("`{entry}`: the cryptographic library refused: {reason}")]
    Crypto {
        /// The entry.
        entry: String,
        /// Its words.
        reason: String,
    },
}
