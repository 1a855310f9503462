//! Sessions: what the peer keeps of its connections, so that it can come again.
//!
//! ```text
//! a connection --ticket, session id--> Sessions --offered, if told to--> the next connection
//! ```
//!
//! As a client it keeps what the target gives it; as a server it keeps what it has given. It hoards: its
//! clock stands still, so that it offers a ticket long after its lifetime, as nobody should and an attacker
//! would. Each identity has sessions of its own.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustls::client::{Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::server::{ServerSessionMemoryCache, StoresServerSessions};

use super::client::Presents;
use super::lenient::AnyServer;

/// How many sessions a peer keeps as a server.
const MOST: usize = 64;

/// The sessions of one identity. Clones share them.
#[derive(Clone, Debug)]
pub struct Sessions {
    kept: Arc<Kept>,
    offers: bool,
}

struct Kept {
    tickets: Mutex<Vec<Tls13ClientSessionValue>>,
    session: Mutex<Option<Tls12ClientSessionValue>>,
    given: Arc<ServerSessionMemoryCache>,
    verifier: Arc<AnyServer>,
    certificates: OnceLock<Arc<Presents>>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            kept: Arc::new(Kept {
                tickets: Mutex::default(),
                session: Mutex::default(),
                given: ServerSessionMemoryCache::new(MOST),
                verifier: Arc::new(AnyServer),
                certificates: OnceLock::new(),
            }),
            offers: false,
        }
    }
}

impl Sessions {
    /// The same sessions for a connection that offers one of them, or for one that does not.
    pub fn offered(&self, offers: bool) -> Self {
        Self {
            kept: Arc::clone(&self.kept),
            offers,
        }
    }

    /// Has the peer a session to offer, as a client?
    pub fn any(&self) -> bool {
        !lock(&self.kept.tickets).is_empty() || lock(&self.kept.session).is_some()
    }

    /// Has it one ticket, which is offered once, and nothing else?
    pub fn has_one(&self) -> bool {
        lock(&self.kept.tickets).len() == 1 && lock(&self.kept.session).is_none()
    }

    /// What the peer verifies with: rustls resumes a session only beside what it was made with.
    pub(super) fn verifier(&self) -> Arc<AnyServer> {
        Arc::clone(&self.kept.verifier)
    }

    /// What the peer presents, made at its first connection; rustls is as particular about it.
    pub(super) fn certificates(&self, make: impl FnOnce() -> Arc<Presents>) -> Arc<Presents> {
        Arc::clone(self.kept.certificates.get_or_init(make))
    }

    pub(super) fn keep_ticket(&self, ticket: Tls13ClientSessionValue) {
        lock(&self.kept.tickets).push(ticket);
    }

    /// The newest ticket: it is offered once.
    pub(super) fn ticket(&self) -> Option<Tls13ClientSessionValue> {
        self.offers.then(|| lock(&self.kept.tickets).pop())?
    }

    pub(super) fn keep_session(&self, session: Tls12ClientSessionValue) {
        *lock(&self.kept.session) = Some(session);
    }

    pub(super) fn session(&self) -> Option<Tls12ClientSessionValue> {
        self.offers.then(|| lock(&self.kept.session).clone())?
    }
}

/// As a server: what is not to be offered cannot be found, and the handshake is a full one.
impl StoresServerSessions for Sessions {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.kept.given.put(key, value)
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.offers.then(|| self.kept.given.get(key))?
    }

    /// As often as it is asked for: a target that offers a session twice is resumed twice.
    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.get(key)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("tickets", &lock(&self.tickets).len())
            .field("session", &lock(&self.session).is_some())
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
