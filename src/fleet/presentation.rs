//! What a party presents in a handshake: its leaf, put together when it is asked for. A fleet holds each
//! certificate once, and a handshake that copies two of them does not notice.

use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::pki::issuer::Leaf;

/// A leaf, and how many of its certificates are sent.
#[derive(Debug)]
pub struct Presentation {
    leaf: Arc<Leaf>,
    certificates: usize,
}

impl Presentation {
    /// This leaf, with the first so many of its certificates.
    pub fn of(leaf: Arc<Leaf>, certificates: usize) -> Self {
        Self { leaf, certificates }
    }

    /// The certificates and the key, as the library takes them.
    pub fn certified(&self) -> CertifiedKey {
        let chain = self.leaf.chain.iter().take(self.certificates);
        CertifiedKey::new(chain.cloned().collect(), self.leaf.key.signer())
    }
}

impl ResolvesServerCert for Presentation {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::new(self.certified()))
    }
}

impl ResolvesClientCert for Presentation {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::new(self.certified()))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
