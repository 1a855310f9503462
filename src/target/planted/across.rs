//! Sessions that belong to no host: what a virtual host has who takes the sessions of another for its own.
//!
//! rustls writes the server name into each session and does a full handshake where the client asks for
//! another (RFC 6066 section 3). Whoever wants this wrong must read the name of his own into it.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::DnsName;
use rustls::server::StoresServerSessions;

/// The sessions of another host, as if this one had given them.
pub struct BorrowedSessions {
    name: DnsName<'static>,
    sessions: Arc<dyn StoresServerSessions>,
}

impl BorrowedSessions {
    /// These sessions, at the host with this name.
    pub fn at(name: DnsName<'static>, sessions: Arc<dyn StoresServerSessions>) -> Arc<Self> {
        Arc::new(Self { name, sessions })
    }

    /// A session begins with its server name: whether there is one, its length, itself.
    fn renamed(&self, session: Vec<u8>) -> Option<Vec<u8>> {
        let rest = match session.as_slice() {
            [1, length, rest @ ..] => rest.get(usize::from(*length)..)?,
            [0, rest @ ..] => rest,
            _ => return None,
        };
        let name: &str = self.name.as_ref();
        let length = u8::try_from(name.len()).ok()?;
        Some([&[1, length], name.as_bytes(), rest].concat())
    }
}

impl StoresServerSessions for BorrowedSessions {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.sessions.put(key, value)
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.sessions
            .get(key)
            .and_then(|session| self.renamed(session))
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.sessions
            .take(key)
            .and_then(|session| self.renamed(session))
    }

    fn can_cache(&self) -> bool {
        self.sessions.can_cache()
    }
}

impl fmt::Debug for BorrowedSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BorrowedSessions")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
