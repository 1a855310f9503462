//! The sessions that a worker's callers have been given, and the moment at which one came.
//!
//! A TLS 1.3 server that asks for a certificate sends tickets only when it has judged the client (RFC 8446 section
//! 4.6.1), so the ticket is the first that a client sees of its acceptance. One that asks for none may send it at once.
//! The library hands a ticket to this store in the middle of a read; the reader asks afterwards whether its read brought
//! one. Both happen on one thread.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

thread_local! {
    static CAME: Cell<bool> = const { Cell::new(false) };
}

/// Has a ticket come on this thread since the last time?
pub(super) fn came() -> bool {
    CAME.take()
}

/// A pool of sessions for the callers of one worker. TLS 1.3 tickets are used once
/// (RFC 8446 appendix C.4); TLS 1.2 sessions stay.
#[derive(Debug)]
pub(super) struct Tickets {
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    tls12: Option<Tls12ClientSessionValue>,
    tls13: VecDeque<Tls13ClientSessionValue>,
}

impl Tickets {
    /// A pool that keeps this many; with 0 all are thrown away, and every handshake is a full one.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            kept: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientSessionStore for Tickets {
    // The group is pinned.
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        if self.most > 0 {
            self.lock().tls12 = Some(value);
        }
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.lock().tls12.clone()
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        self.lock().tls12 = None;
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        CAME.set(true);
        if self.most == 0 {
            return;
        }
        let mut kept = self.lock();
        // The oldest goes first: its server forgets it first, too.
        if kept.tls13.len() >= self.most {
            kept.tls13.pop_front();
        }
        kept.tls13.push_back(value);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.lock().tls13.pop_back()
    }
}
