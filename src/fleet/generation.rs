//! A generation: one edition of a party's material, loaded and ready. A handshake uses exactly one.

use std::fmt::Display;
use std::sync::Arc;

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, StoresServerSessions, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::material::Material;
use crate::clock::Clock;
use crate::peer::provider;
use crate::target::planted::{Bug, Flaws};

/// One edition of a party's material, loaded.
pub struct Generation {
    /// Its number: it grows with each that the party takes.
    pub number: u64,
    /// What it was made of.
    pub material: Material,
    /// How the party serves. Made when the party first listens.
    pub server: Arc<ServerConfig>,
    /// How the party calls, without resumption.
    pub client: Arc<ClientConfig>,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
}

/// What the generations of a party have in common.
pub struct Loader {
    /// The party's own clock, right or wrong.
    pub clock: Clock,
    /// What is wrong with the party.
    pub flaws: Flaws,
    /// How many sessions a service keeps for resumption; none: it offers none.
    pub sessions: usize,
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
        let verifier = self.verifier(&material, previous)?;
        let certified = self.certified(&material)?;
        let resolver = Arc::new(SingleCertAndKey::from(certified));
        let clock: Arc<dyn TimeProvider> = Arc::new(self.clock.clone());
        let builder = ServerConfig::builder_with_details(provider(), Arc::clone(&clock))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(words)?;
        let builder = match &verifier {
            Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut server = builder.with_cert_resolver(Arc::clone(&resolver) as _);
        server.session_storage = self.session_storage(&material, previous);
        server.send_tls13_tickets = usize::from(self.sessions > 0);
        server.max_early_data_size = 0;
        let client = self.client(&material, &resolver, clock)?;
        Ok(Generation {
            number: previous.map_or(1, |previous| previous.number + 1),
            material,
            server: Arc::new(server),
            client: Arc::new(client),
            verifier,
        })
    }

    fn certified(&self, material: &Material) -> Result<CertifiedKey, String> {
        let leaf = &material.leaf;
        let certified = CertifiedKey::new(leaf.chain.clone(), leaf.key.signer());
        let careless =
            self.flaws.has(Bug::LoadsMismatchedPair) || self.flaws.has(Bug::TakesAnyAnswer);
        if !careless {
            certified.keys_match().map_err(words)?;
        }
        Ok(certified)
    }

    fn verifier(
        &self,
        material: &Material,
        previous: Option<&Generation>,
    ) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
        // Whoever trusts nobody can only have been given a broken bundle.
        if material.bundle.anchors.is_empty() {
            return if self.flaws.has(Bug::TakesEmptyBundleForNoRule) {
                Ok(None)
            } else {
                Err("the bundle holds no trust anchor".into())
            };
        }
        if let Some(previous) = previous
            && !previous.material.decides_unlike(material)
        {
            return Ok(previous.verifier.clone());
        }
        let mut builder = WebPkiClientVerifier::builder_with_provider(roots(material)?, provider());
        if let Some(lists) = &material.lists {
            builder = builder.with_crls(lists.lists.iter().cloned());
            if !self.flaws.has(Bug::IgnoresListExpiry) {
                builder = builder.enforce_revocation_expiration();
            }
        }
        Ok(Some(builder.build().map_err(words)?))
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
            _ => rustls::server::ServerSessionMemoryCache::new(self.sessions),
        }
    }

    fn client(
        &self,
        material: &Material,
        resolver: &Arc<SingleCertAndKey>,
        clock: Arc<dyn TimeProvider>,
    ) -> Result<ClientConfig, String> {
        let roots = roots(material)?;
        let builder = ClientConfig::builder_with_details(provider(), clock)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(words)?;
        // An empty store is refused here, and has been refused above by whoever is careful.
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider());
        let builder = match verifier.build() {
            Ok(verifier) => builder.with_webpki_verifier(verifier),
            Err(_) => builder.with_root_certificates(RootCertStore::empty()),
        };
        let mut client = builder.with_client_cert_resolver(Arc::clone(resolver) as _);
        client.resumption = Resumption::disabled();
        Ok(client)
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
        let Some(verifier) = &self.verifier else {
            return Ok(());
        };
        let (leaf, intermediates) = chain
            .split_first()
            .ok_or("the caller presented no certificate")?;
        let now = clock
            .current_time()
            .unwrap_or_else(|| UnixTime::since_unix_epoch(std::time::Duration::ZERO));
        verifier
            .verify_client_cert(leaf, intermediates, now)
            .map(drop)
            .map_err(words)
    }
}

fn roots(material: &Material) -> Result<Arc<RootCertStore>, String> {
    let mut roots = RootCertStore::empty();
    for (name, anchor) in &material.bundle.anchors {
        roots
            .add(anchor.clone())
            .map_err(|error| format!("the trust anchor {name}: {error}"))?;
    }
    Ok(Arc::new(roots))
}

fn words(error: impl Display) -> String {
    error.to_string()
}
