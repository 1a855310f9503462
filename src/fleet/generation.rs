//! A generation: one edition of a party's material, loaded and ready. A handshake uses exactly one.

use std::fmt::Display;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use rustls::client::Resumption;
use rustls::compress::CompressionCache;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::{NoServerSessionStorage, StoresServerSessions};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, NoKeyLog, RootCertStore, ServerConfig};

use super::material::Material;
use super::presentation::Presentation;
use super::sessions::Sessions;
use super::verifiers::{Postponed, Trust, Verifiers};
use crate::clock::Clock;
use crate::oracle::history::Serial;
use crate::peer::provider;
use crate::target::planted::{Bug, Flaws};

/// One edition of a party's material, loaded.
pub struct Generation {
    /// Its number: it grows with each that the party takes.
    pub number: u64,
    /// What it was made of.
    pub material: Material,
    /// How the party serves.
    pub server: Arc<ServerConfig>,
    /// What it presents where it calls.
    calling: Calling,
    clock: Arc<dyn TimeProvider>,
    /// None: everybody is let in, which only a bug can bring about.
    trust: Option<Arc<Trust>>,
    client: OnceLock<Option<Arc<ClientConfig>>>,
}

/// What a party presents where it calls.
#[derive(Clone)]
struct Calling {
    resolver: Arc<Presentation>,
    serial: Serial,
    /// Whom it trusts there; none as with [`Generation::trust`].
    trust: Option<Arc<Trust>>,
}

/// Parts of a configuration that nobody in a fleet uses. The library makes them anew for each; most services
/// of a large fleet are idle, and it shows.
struct Unused {
    key_log: Arc<NoKeyLog>,
    compressions: Arc<CompressionCache>,
}

static UNUSED: LazyLock<Unused> = LazyLock::new(|| Unused {
    key_log: Arc::new(NoKeyLog {}),
    compressions: Arc::new(CompressionCache::Disabled),
});

/// What the generations of a party have in common.
pub struct Loader {
    /// The party's own clock, right or wrong.
    pub own_clock: Clock,
    /// The clock that it judges by: its own.
    pub clock: Clock,
    /// What is wrong with the party.
    pub flaws: Flaws,
    /// How many sessions a service keeps for resumption; none: it offers none.
    pub sessions: usize,
    /// The verifiers that the fleet shares.
    pub verifiers: Arc<Verifiers>,
}

impl Loader {
    /// Loads material after `previous`, whose sessions live on where the trust that they rest on does.
    ///
    /// # Errors
    /// Why the material is no good. What was loaded before stays good.
    pub fn load(
        &self,
        material: Material,
        previous: Option<&Generation>,
    ) -> Result<Generation, String> {
        let trust = self.trust(&material)?;
        let resolver = Arc::new(self.presentation(&material)?);
        let mut calling = Calling {
            resolver: Arc::clone(&resolver),
            serial: material.leaf.serial,
            trust: trust.clone(),
        };
        if let Some(previous) = previous {
            if self.flaws.has(Bug::CallsWithOldLeaf) {
                calling.resolver = Arc::clone(&previous.calling.resolver);
                calling.serial = previous.calling.serial;
            }
            if self.flaws.has(Bug::CallsUnderOldTrust) {
                calling.trust.clone_from(&previous.calling.trust);
            }
        }
        let clock: Arc<dyn TimeProvider> = Arc::new(self.clock.clone());
        let builder = ServerConfig::builder_with_details(provider(), Arc::clone(&clock))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(words)?;
        let builder = match &trust {
            Some(trust) if self.flaws.has(Bug::RefusesInSilence) => builder
                .with_client_cert_verifier(Arc::new(Postponed {
                    verifier: Arc::clone(&trust.callers),
                })),
            Some(trust) => builder.with_client_cert_verifier(Arc::clone(&trust.callers)),
            None => builder.with_no_client_auth(),
        };
        let mut server = builder.with_cert_resolver(resolver);
        server.session_storage = self.session_storage(&material, previous);
        server.send_tls13_tickets = usize::from(self.sessions > 0);
        server.max_early_data_size = 0;
        server.key_log = Arc::clone(&UNUSED.key_log) as _;
        server.cert_compression_cache = Arc::clone(&UNUSED.compressions);
        Ok(Generation {
            number: previous.map_or(1, |previous| previous.number + 1),
            material,
            server: Arc::new(server),
            calling,
            clock,
            trust,
            client: OnceLock::new(),
        })
    }

    fn presentation(&self, material: &Material) -> Result<Presentation, String> {
        let sent = match self.flaws.has(Bug::SendsShortChain) {
            true => 2,
            false => usize::MAX,
        };
        let presentation = Presentation::of(Arc::clone(&material.leaf), sent);
        let careless = [
            Bug::LoadsMismatchedPair,
            Bug::SwapsCertificateFirst,
            Bug::SwapsKeyFirst,
            Bug::TakesAnyAnswer,
        ];
        if !careless.into_iter().any(|bug| self.flaws.has(bug)) {
            presentation.certified().keys_match().map_err(words)?;
        }
        Ok(presentation)
    }

    fn trust(&self, material: &Material) -> Result<Option<Arc<Trust>>, String> {
        // Whoever trusts nobody can only have been given a broken bundle.
        if material.bundle.anchors.is_empty() {
            return if self.flaws.has(Bug::TakesEmptyBundleForNoRule) {
                Ok(None)
            } else {
                Err("the bundle holds no trust anchor".into())
            };
        }
        self.verifiers.of(material, self.flaws).map(Some)
    }

    /// A session may be resumed as long as nothing has changed that it was granted under.
    fn session_storage(
        &self,
        material: &Material,
        previous: Option<&Generation>,
    ) -> Arc<dyn StoresServerSessions> {
        if self.sessions == 0 {
            return Arc::new(NoServerSessionStorage {});
        }
        match previous {
            Some(previous)
                if self.flaws.has(Bug::ResumesBlindly)
                    || !previous.material.decides_unlike(material) =>
            {
                Arc::clone(&previous.server.session_storage)
            }
            _ => Arc::new(Sessions::new(self.sessions)),
        }
    }
}

impl Generation {
    /// From when on its revocation lists may not be relied on, in seconds since 1970.
    pub fn lists_end(&self) -> i64 {
        let lists = self.material.lists.as_ref();
        lists.map_or(i64::MAX, |lists| lists.next_update)
    }

    /// Judges a caller by the chain that it presented, now or when its session was new.
    ///
    /// # Errors
    /// Why it must not be let in.
    pub fn judge(&self, chain: &[CertificateDer<'_>], clock: &Clock) -> Result<(), String> {
        let Some(trust) = &self.trust else {
            return Ok(());
        };
        let (leaf, intermediates) = chain
            .split_first()
            .ok_or("the caller presented no certificate")?;
        let epoch = || UnixTime::since_unix_epoch(Duration::ZERO);
        let now = clock.current_time().unwrap_or_else(epoch);
        trust
            .callers
            .verify_client_cert(leaf, intermediates, now)
            .map(drop)
            .map_err(words)
    }

    /// The certificate that the party presents where it calls.
    pub fn calls_with(&self) -> Serial {
        self.calling.serial
    }

    /// How the party calls, without resumption. Made when it first does: most services never call.
    pub fn client(&self) -> Option<Arc<ClientConfig>> {
        self.client.get_or_init(|| self.made_client()).clone()
    }

    fn made_client(&self) -> Option<Arc<ClientConfig>> {
        let builder = ClientConfig::builder_with_details(provider(), Arc::clone(&self.clock))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .ok()?;
        let builder = match &self.calling.trust {
            Some(trust) => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::clone(&trust.servers)),
            None => builder.with_root_certificates(RootCertStore::empty()),
        };
        let mut client = builder.with_client_cert_resolver(Arc::clone(&self.calling.resolver) as _);
        client.resumption = Resumption::disabled();
        Some(Arc::new(client))
    }
}

fn words(error: impl Display) -> String {
    error.to_string()
}
