//! Hearing that the target has accepted the peer, without asking.
//!
//! A TLS 1.3 server sends its session tickets when it has seen the client's Finished, and so after it
//! has judged the client's certificate (RFC 8446 section 4.6.1). That they have come is no proof of
//! anything, and no verdict rests on it; it only says that the peer need not listen any longer before it
//! asks. The tickets themselves are thrown away, unless the peer keeps sessions.

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use tokio::sync::Notify;

use super::session::Sessions;

/// Notices tickets, and forgets them or gives them to those who keep them.
#[derive(Debug)]
pub(super) struct Hark {
    ticket: Notify,
    sessions: Option<Sessions>,
}

impl Hark {
    /// Hears for a peer that keeps these sessions, or none.
    pub(super) fn new(sessions: Option<Sessions>) -> Self {
        Self {
            ticket: Notify::new(),
            sessions,
        }
    }

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

    fn set_tls12_session(&self, _: ServerName<'static>, session: Tls12ClientSessionValue) {
        if let Some(sessions) = &self.sessions {
            sessions.keep_session(session);
        }
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.sessions.as_ref()?.session()
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        if let Some(sessions) = &self.sessions {
            sessions.keep_ticket(ticket);
        }
        self.ticket.notify_one();
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.sessions.as_ref()?.ticket()
    }
}
