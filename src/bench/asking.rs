//! Whether the server has asked for a certificate: who is let in without being asked has not been authenticated.
//!
//! The library asks the resolver in the middle of a read; whoever reads asks afterwards whether its read was one. Both
//! happen on one thread, as with [`tickets`](super::tickets).

use std::cell::Cell;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

thread_local! {
    static ASKED: Cell<bool> = const { Cell::new(false) };
}

/// Has a server asked for a certificate on this thread since the last time?
pub(super) fn asked() -> bool {
    ASKED.take()
}

/// The one certificate of a caller.
#[derive(Debug)]
pub(super) struct Presented(SingleCertAndKey);

impl Presented {
    /// This one.
    pub(super) fn new(certified: CertifiedKey) -> Self {
        Self(SingleCertAndKey::from(certified))
    }
}

impl ResolvesClientCert for Presented {
    fn resolve(&self, hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        ASKED.set(true);
        self.0.resolve(hints, schemes)
    }

    fn has_certs(&self) -> bool {
        self.0.has_certs()
    }
}
