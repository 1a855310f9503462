//! A hoard of sessions: kept for as long as the caller lives, and offered to the last.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

/// Keeps whatever a server has given it for as long as it lives.
#[derive(Debug, Default)]
pub struct Hoard {
    kept: Mutex<BTreeMap<String, Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    group: Option<NamedGroup>,
    session: Option<Tls12ClientSessionValue>,
    tickets: Vec<Tls13ClientSessionValue>,
}

impl Hoard {
    /// How many tickets it keeps of one server.
    const MOST: usize = 64;

    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, server: &ServerName<'_>, act: impl FnOnce(&mut Kept) -> T) -> T {
        act(self.kept().entry(server.to_str().into_owned()).or_default())
    }
}

impl ClientSessionStore for Hoard {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        self.with(&server_name, |kept| kept.group = Some(group));
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        self.with(server_name, |kept| kept.group)
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.with(&server_name, |kept| kept.session = Some(value));
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.with(server_name, |kept| kept.session.clone())
    }

    fn remove_tls12_session(&self, server_name: &ServerName<'static>) {
        self.with(server_name, |kept| kept.session = None);
    }

    fn insert_tls13_ticket(
        &self,
        server_name: ServerName<'static>,
        value: Tls13ClientSessionValue,
    ) {
        self.with(&server_name, |kept| {
            kept.tickets.push(value);
            if kept.tickets.len() > Self::MOST {
                kept.tickets.remove(0);
            }
        });
    }

    /// The newest. The library has no way to offer a ticket twice.
    fn take_tls13_ticket(
        &self,
        server_name: &ServerName<'static>,
    ) -> Option<Tls13ClientSessionValue> {
        self.with(server_name, |kept| kept.tickets.pop())
    }
}
