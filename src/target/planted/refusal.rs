//! What a verification ends with: an acceptance, or a refusal with its reason and its alert.

use std::fmt;

use rustls::CertificateError;

use super::encoding::Malformed;

/// The peer is accepted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Accepted {
    /// The SPIFFE ID that was authenticated, under the SPIFFE profile.
    pub spiffe_id: Option<String>,
}

/// The peer is refused.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What rustls is told, so that it sends the proper alert.
    pub error: CertificateError,
    /// Why, in a sentence.
    pub reason: String,
    /// The certificate, list or response could not be read at all.
    pub unreadable: bool,
}

impl Refusal {
    /// A refusal for this reason.
    pub fn new(error: CertificateError, reason: impl Into<String>) -> Self {
        Self {
            error,
            reason: reason.into(),
            unreadable: false,
        }
    }

    /// Nothing can be made of these octets.
    pub fn unreadable(reason: impl Into<String>) -> Self {
        Self {
            unreadable: true,
            ..Self::new(CertificateError::BadEncoding, reason)
        }
    }
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        Self::unreadable(malformed.0)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}
