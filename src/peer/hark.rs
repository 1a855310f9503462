//! Hearing that the target has accepted the peer, without asking.
//!
//! A TLS 1.3 server sends its session tickets when it has seen the client's Finished, and so after it
//! has judged the client's certificate (RFC 8446 section 4.6.1). That they have come is no proof of
//! anything, and no verdict rests on it; it only says that the peer need not listen any longer before it
//! asks. The tickets themselves are thrown away: nothing is ever resumed with them.

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use tokio::sync::Notify;

/// Notices tickets, and forgets them.
#[derive(Debug, Default)]
pub(super) struct Hark {
    ticket: Notify,
}

impl Hark {
    /// Waits for the first ticket.
    pub(super) async fn ticket(&self) {
        self.ticket.notified().await;
    }
}

impl ClientSessionStore for Hark {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {
        self.ticket.notify_one();
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}
