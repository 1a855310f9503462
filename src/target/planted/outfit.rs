//! How a planted target is set up, at its start and at each reload; and what it gets wrong about that.
//!
//! Without a flaw it is as careful as the embedded rustls target: sessions are forgotten when what they
//! rest on changes, and looked at again when they are resumed.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, DnsName};
use rustls::server::danger::ClientCertVerifier;
use rustls::{ClientConfig, ServerConfig};

use super::across::BorrowedSessions;
use super::tls::TlsVerifier;
use super::{Bug, Planted, Verifier};
use crate::clock::Clock;
use crate::scenario::{ClientAuth, RevocationDepth};
use crate::target::rustls::TICKETS;
use crate::target::session::{
    GivenSessions, KeptSessions, Outfit, Recheck, Scrutiny, SessionStore, Setting, recheck_client,
    recheck_server,
};
use crate::target::{Environment, StartError};

/// Sets a server up.
pub struct ServerOutfit {
    planted: Planted,
    memory: Memory,
    sessions: GivenSessions,
    /// How it looked at resumed sessions when it was started.
    first: Option<Recheck>,
    /// Sets a second virtual host up.
    vhost: Option<Box<Self>>,
}

impl ServerOutfit {
    /// For a target that has not been started yet.
    pub fn new(planted: Planted) -> Self {
        let flaws = planted.flaws;
        let shares = flaws.has(Bug::ResumesUnderOldTrust) || flaws.has(Bug::ResumesUnauthenticated);
        Self {
            planted,
            memory: Memory::default(),
            sessions: GivenSessions::new(!shares),
            first: None,
            vhost: None,
        }
    }

    /// The setting of the second virtual host, beside that of the first.
    fn beside(
        &mut self,
        first: &Setting<ServerConfig>,
        name: &DnsName<'static>,
        environment: Environment,
    ) -> Result<Setting<ServerConfig>, StartError> {
        let planted = self.planted;
        let outfit = self
            .vhost
            .get_or_insert_with(|| Box::new(Self::new(planted)));
        let mut setting = outfit.fit(&Arc::new(environment))?;
        if planted.flaws.has(Bug::ResumesAcrossHosts) {
            let mut config = (*setting.config).clone();
            let sessions = Arc::clone(&first.config.session_storage);
            config.session_storage = BorrowedSessions::at(name.clone(), sessions);
            setting.config = Arc::new(config);
            setting.scrutiny.resumed = first.scrutiny.resumed.clone();
        }
        Ok(setting)
    }

    fn scrutiny(&mut self, recheck: Recheck, sessions: Arc<SessionStore>) -> Scrutiny {
        let flaws = self.planted.flaws;
        let first = self.first.get_or_insert_with(|| Arc::clone(&recheck));
        let resumed = if flaws.has(Bug::ResumesPastExpiry) {
            None
        } else if flaws.has(Bug::ResumesUnderOldTrust) {
            Some(Arc::clone(first))
        } else if flaws.has(Bug::ResumesUnauthenticated) {
            let strict = Arc::clone(&recheck);
            let lax: Recheck = Arc::new(move |chain: &[CertificateDer<'_>]| match chain {
                [] => Ok(()),
                chain => strict(chain),
            });
            Some(lax)
        } else {
            Some(Arc::clone(&recheck))
        };
        let full = flaws.has(Bug::RefusesUnknownSessions).then(|| {
            let picky: Recheck =
                Arc::new(
                    move |_: &[CertificateDer<'_>]| match sessions.take_missed() {
                        true => Err("it offered a session that nobody knows".into()),
                        false => Ok(()),
                    },
                );
            picky
        });
        Scrutiny {
            resumed,
            full,
            held: Some(recheck),
        }
    }
}

impl Outfit<ServerConfig> for ServerOutfit {
    fn fit(&mut self, given: &Arc<Environment>) -> Result<Setting<ServerConfig>, StartError> {
        let environment = self.memory.seen(&self.planted, given);
        let verifier = self.planted.verifier(&environment)?;
        let asks = environment.client_auth != ClientAuth::None
            && !self.planted.flaws.has(Bug::AsksForNothing);
        let verifier = asks.then_some(verifier);
        let mut config = self.planted.server_config(&environment, verifier.clone())?;
        let mut scrutiny = Scrutiny::default();
        if environment.resumption {
            let sessions = self.sessions.within(&environment);
            config.session_storage = Arc::clone(&sessions) as _;
            config.send_tls13_tickets = TICKETS;
            let verifier = verifier.map(|verifier| verifier as Arc<dyn ClientCertVerifier>);
            scrutiny = self.scrutiny(recheck_client(&environment, verifier), sessions);
        }
        let mut setting = Setting {
            scrutiny,
            ..Setting::new(config, self.planted.manners(&environment))
        };
        if let Some((name, own)) = given.at_vhost() {
            let own = self.beside(&setting, &name, own)?;
            setting.vhost = Some((name, Arc::new(own)));
        }
        Ok(setting)
    }

    fn forget(&mut self) {
        self.sessions.forget();
        if let Some(vhost) = &mut self.vhost {
            vhost.forget();
        }
    }
}

/// Sets a client up.
pub struct ClientOutfit {
    planted: Planted,
    memory: Memory,
    sessions: KeptSessions,
}

impl ClientOutfit {
    /// For a target that has not been started yet.
    pub fn new(planted: Planted) -> Self {
        Self {
            planted,
            memory: Memory::default(),
            sessions: KeptSessions::new(true),
        }
    }
}

impl Outfit<ClientConfig> for ClientOutfit {
    fn fit(&mut self, environment: &Arc<Environment>) -> Result<Setting<ClientConfig>, StartError> {
        let environment = self.memory.seen(&self.planted, environment);
        let verifier = self.planted.verifier(&environment)?;
        let mut config = self
            .planted
            .client_config(&environment, Arc::clone(&verifier))?;
        let mut scrutiny = Scrutiny::default();
        if environment.resumption {
            config.resumption = self.sessions.renewed();
            if self.planted.flaws.has(Bug::HoardsTickets) {
                // Its tickets go by a clock that stands still; its verifier has its own.
                config.time_provider = Arc::new(Clock::at(environment.clock.unix()));
            }
            if !self.planted.flaws.has(Bug::ResumesPastExpiry) {
                scrutiny.resumed = Some(recheck_server(&environment, verifier));
            }
        }
        Ok(Setting {
            scrutiny,
            ..Setting::new(config, self.planted.manners(&environment))
        })
    }

    fn forget(&mut self) {
        self.sessions.forget();
    }
}

impl Planted {
    fn verifier(&self, environment: &Arc<Environment>) -> Result<Arc<TlsVerifier>, StartError> {
        let verifier = Verifier::new(Arc::clone(environment), self.flaws)
            .map_err(|refusal| StartError::Refused(format!("a trust anchor: {refusal}")))?;
        Ok(TlsVerifier::new(verifier))
    }
}

/// What a target remembers of the environments that it has been in.
#[derive(Default)]
struct Memory {
    first: Option<Arc<Environment>>,
    last: Option<Arc<Environment>>,
}

impl Memory {
    /// The environment as the target sees it, who may not see all that is new in it.
    fn seen(&mut self, planted: &Planted, given: &Environment) -> Arc<Environment> {
        let flaws = planted.flaws;
        let mut seen = planted.configured(given);
        if let (Some(first), Some(last)) = (&self.first, &self.last) {
            if flaws.has(Bug::KeepsOldVerifier) {
                seen = (**first).clone();
            }
            if flaws.has(Bug::MergesBundles) {
                seen.trust.anchors.extend_from_slice(&last.trust.anchors);
            }
            if flaws.has(Bug::ReadsCrlOnce) {
                seen.crls.clone_from(&first.crls);
                seen.revocation = first.revocation;
            }
            if flaws.has(Bug::LosesCrlOnReload) {
                seen.crls.clear();
                seen.revocation = RevocationDepth::None;
            }
            if flaws.has(Bug::RequiresOnRestart) {
                seen.client_auth = first.client_auth;
            }
        }
        let seen = Arc::new(seen);
        self.first.get_or_insert_with(|| Arc::clone(&seen));
        self.last = Some(Arc::clone(&seen));
        seen
    }
}
