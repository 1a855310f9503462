//! What a caller was shown: the server's leaf, also where the caller turned away from it.
//!
//! ```text
//! Visitor --watch(handshake)--> ... --> verifier --show(leaf)--> Visitor: the leaf's serial number
//! ```
//!
//! A library gives the server's certificate to whoever has completed a handshake. Who refused it must be
//! known to have been shown the wrong one: else nobody could tell a caller that is right to refuse from one
//! that is wrong to. The caller's verifier tells of it, in the task that shakes hands.

use std::cell::Cell;

use rustls::pki_types::CertificateDer;

use super::visit::serial_of;
use crate::oracle::history::Serial;

tokio::task_local! {
    static SHOWN: Cell<Option<Serial>>;
}

/// A verifier was shown this leaf. Says nothing where nobody watches.
pub fn show(leaf: &CertificateDer<'_>) {
    // Without a watcher there is nobody to tell.
    let _ = SHOWN.try_with(|shown| shown.set(serial_of(leaf)));
}

/// Does something, and says what its verifier was shown last meanwhile.
pub(super) async fn watch<T>(act: impl Future<Output = T>) -> (T, Option<Serial>) {
    let watched = async {
        let done = act.await;
        (done, SHOWN.with(Cell::get))
    };
    SHOWN.scope(Cell::new(None), watched).await
}
