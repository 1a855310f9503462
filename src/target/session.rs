//! Sessions of the embedded targets: how long they live, and who looks at them again.
//!
//! ```text
//! Environment --Outfit--> Setting (configuration, manners, scrutiny) --> the service's connections
//!      ^                     |
//!      +------ reload -------+
//! ```
//!
//! A TLS library judges certificates in full handshakes alone: a resumed session brings the old judgement
//! back (RFC 8446 section 2.2), whatever has happened since. A careful service therefore forgets its
//! sessions when what they rest on has changed, and looks at the certificates again whenever a session is
//! resumed or a connection has been open for longer than one question.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, DnsName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ServerSessionMemoryCache, StoresServerSessions};
use rustls::time_provider::TimeProvider;

use super::service::Manners;
use super::{Environment, StartError};
use crate::scenario::ClientAuth;

/// How many sessions a service keeps: eight times as many as a bench has connections open at once, for a store that
/// forgets too early turns resumed handshakes into full ones.
const MOST: usize = 2048;

/// How a service is set up in an environment.
pub struct Setting<C> {
    /// The configuration of its TLS library.
    pub config: Arc<C>,
    /// How it treats its connections.
    pub manners: Manners,
    /// What it asks again of who was verified before.
    pub scrutiny: Scrutiny,
    /// As a server, how its second virtual host is set up, by the server name of that.
    pub vhost: Option<(DnsName<'static>, Arc<Self>)>,
}

impl<C> Setting<C> {
    /// A setting that asks nothing again.
    pub fn new(config: C, manners: Manners) -> Self {
        Self {
            config: Arc::new(config),
            manners,
            scrutiny: Scrutiny::default(),
            vhost: None,
        }
    }

    /// The setting for who asks for this name: the second virtual host's if it is that one's, else the first.
    pub fn asked_for(&self, name: Option<&str>) -> &Self {
        match &self.vhost {
            Some((own, setting)) if name.is_some_and(|name| own.as_ref() == name) => setting,
            _ => self,
        }
    }
}

/// Looks at the certificates of a peer that was verified before; the leaf comes first, and there is none
/// for a peer that presented nothing.
pub type Recheck = Arc<dyn Fn(&[CertificateDer<'_>]) -> Result<(), String> + Send + Sync>;

/// What a service asks again.
#[derive(Clone, Default)]
pub struct Scrutiny {
    /// After a full handshake: nothing, where the handshake itself asks.
    pub full: Option<Recheck>,
    /// When a session is resumed.
    pub resumed: Option<Recheck>,
    /// Before another answer on a connection that is open.
    pub held: Option<Recheck>,
}

/// Makes settings, and keeps what outlives them.
pub trait Outfit<C>: Send {
    /// The setting for this environment: the first, or the next after a reload.
    ///
    /// # Errors
    /// `Refused` when the target would not have it.
    fn fit(&mut self, environment: &Arc<Environment>) -> Result<Setting<C>, StartError>;

    /// Loses the sessions; they are gone with the next setting.
    fn forget(&mut self);
}

/// Do sessions that were made in one environment rest on the same as those made in the other?
fn rest_on_the_same(one: &Environment, other: &Environment) -> bool {
    let anchors = |environment: &Environment| {
        let domains = environment.trust_domains.iter();
        let domains = domains.map(|(name, bundle)| (name.clone(), bundle.anchors.clone()));
        (
            environment.trust.anchors.clone(),
            domains.collect::<Vec<_>>(),
        )
    };
    anchors(one) == anchors(other)
        && one.crls == other.crls
        && one.client_auth == other.client_auth
        && one.server_name == other.server_name
}

/// The sessions that a server has given.
#[derive(Debug)]
pub struct GivenSessions {
    scoped: bool,
    made_in: Option<Arc<Environment>>,
    store: Arc<SessionStore>,
}

impl GivenSessions {
    /// None yet. `scoped`: they are forgotten when what they rest on changes; otherwise they outlive that.
    pub fn new(scoped: bool) -> Self {
        Self {
            scoped,
            made_in: None,
            store: SessionStore::new(),
        }
    }

    /// The sessions that count in this environment.
    pub fn within(&mut self, environment: &Arc<Environment>) -> Arc<SessionStore> {
        let stale = self
            .made_in
            .as_ref()
            .is_some_and(|old| !rest_on_the_same(old, environment));
        if stale && self.scoped {
            self.forget();
        }
        self.made_in = Some(Arc::clone(environment));
        Arc::clone(&self.store)
    }

    /// Forgets all of them.
    pub fn forget(&mut self) {
        self.store = SessionStore::new();
    }
}

/// A store of sessions that remembers whether it was asked for one that it has not.
#[derive(Debug)]
pub struct SessionStore {
    sessions: Arc<ServerSessionMemoryCache>,
    missed: AtomicBool,
}

impl SessionStore {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            sessions: ServerSessionMemoryCache::new(MOST),
            missed: AtomicBool::new(false),
        })
    }

    /// Has anybody offered a session since the last time, that it has not?
    pub fn take_missed(&self) -> bool {
        self.missed.swap(false, Ordering::Relaxed)
    }

    fn noted(&self, found: Option<Vec<u8>>) -> Option<Vec<u8>> {
        self.missed.fetch_or(found.is_none(), Ordering::Relaxed);
        found
    }
}

impl StoresServerSessions for SessionStore {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.sessions.put(key, value)
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.noted(self.sessions.get(key))
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.noted(self.sessions.take(key))
    }

    fn can_cache(&self) -> bool {
        true
    }
}

/// The sessions that a client has been given, for the settings of one outfit.
pub struct KeptSessions {
    scoped: bool,
    store: Resumption,
}

impl KeptSessions {
    /// None yet. `scoped`: each setting begins without any.
    pub fn new(scoped: bool) -> Self {
        Self {
            scoped,
            store: Resumption::in_memory_sessions(MOST),
        }
    }

    /// The sessions for the next setting.
    pub fn renewed(&mut self) -> Resumption {
        if self.scoped {
            self.forget();
        }
        self.store.clone()
    }

    /// Forgets all of them.
    pub fn forget(&mut self) {
        self.store = Resumption::in_memory_sessions(MOST);
    }
}

impl fmt::Debug for KeptSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptSessions")
            .field("scoped", &self.scoped)
            .finish_non_exhaustive()
    }
}

/// Looks at clients again as `verifier` does, at the time of the environment's clock.
pub fn recheck_client(
    environment: &Environment,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
) -> Recheck {
    let clock = environment.clock.clone();
    let required = environment.client_auth == ClientAuth::Required;
    Arc::new(move |chain| match (&verifier, chain.split_first()) {
        (Some(verifier), Some((leaf, issuers))) => verifier
            .verify_client_cert(leaf, issuers, now(&clock)?)
            .map(drop)
            .map_err(|error| format!("its session is not enough any more: {error}")),
        (Some(_), None) if required => {
            Err("its session was made without a certificate, and now one is required".into())
        }
        _ => Ok(()),
    })
}

/// Looks at servers again as `verifier` does, at the time of the environment's clock.
pub fn recheck_server(environment: &Environment, verifier: Arc<dyn ServerCertVerifier>) -> Recheck {
    let clock = environment.clock.clone();
    let name = environment.server_name.clone();
    Arc::new(move |chain| match chain.split_first() {
        Some((leaf, issuers)) => verifier
            .verify_server_cert(leaf, issuers, &name, &[], now(&clock)?)
            .map(drop)
            .map_err(|error| format!("its session is not enough any more: {error}")),
        None => Err("its session was made without a certificate".into()),
    })
}

fn now(clock: &dyn TimeProvider) -> Result<UnixTime, String> {
    clock
        .current_time()
        .ok_or_else(|| "nobody knows what time it is".into())
}
