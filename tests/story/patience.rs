//! Stories against a target that may still be reloading: what excuses who has let somebody in.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::pki_types::CertificateDer;
use rustls::server::{ServerSessionMemoryCache, StoresServerSessions, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};

use mtls_gauntlet::judge::{FailureKind, Verdict};
use mtls_gauntlet::net::Transport;
use mtls_gauntlet::record::CaseRecord;
use mtls_gauntlet::scenario::Role;
use mtls_gauntlet::target::rustls::{manners, server_config};
use mtls_gauntlet::target::service::Server;
use mtls_gauntlet::target::session::{Outfit, Recheck, Setting};
use mtls_gauntlet::target::{Capability, Environment, Running, StartError, Target, Task};

use super::rig::{Rig, case};

const REMOVED: &str = "resumption/authority-removed/server/tls1.3";

#[test]
fn who_resumed_the_last_ticket_is_not_excused_by_a_full_handshake() {
    for tickets in [1, 2] {
        let record = lived(Doorkeeper {
            tickets,
            blind: usize::MAX,
        });
        assert_eq!(
            record.failure_kind,
            Some(FailureKind::AcceptedForbidden),
            "{tickets}: {}",
            record.reason
        );
        let words = "through a session made at step 1";
        assert!(record.reason.contains(words), "{}", record.reason);
    }
}

#[test]
fn who_refuses_the_next_ticket_was_still_reloading() {
    let record = lived(Doorkeeper {
        tickets: 2,
        blind: 1,
    });
    assert_eq!(record.verdict, Verdict::Pass, "{}", record.reason);
}

#[test]
fn the_only_ticket_may_be_refused() {
    let record = lived(Doorkeeper {
        tickets: 1,
        blind: 0,
    });
    assert_eq!(record.verdict, Verdict::Pass, "{}", record.reason);
}

fn lived(doorkeeper: Doorkeeper) -> CaseRecord {
    Rig::for_processes().run_case(doorkeeper, &case(REMOVED))
}

/// A server that goes by a clock of its own, so that it is given time to reload.
#[derive(Clone, Copy)]
struct Doorkeeper {
    /// How many tickets it gives in all, for its store has no more room.
    tickets: usize,
    /// How many resumptions after a reload it lets pass without a look.
    blind: usize,
}

impl Target for Doorkeeper {
    fn name(&self) -> String {
        "doorkeeper".into()
    }

    fn version(&self) -> String {
        "1".into()
    }

    fn has_injected_clock(&self) -> bool {
        false
    }

    fn supports(&self, _: Role, _: Capability) -> bool {
        true
    }

    fn reloads(&self, _: Role) -> bool {
        true
    }

    fn known(&self, _: &str) -> Option<&str> {
        None
    }

    fn start(
        &self,
        environment: Arc<Environment>,
        transport: Transport,
    ) -> Task<'_, Result<Box<dyn Running>, StartError>> {
        let outfit = Box::new(Uniform {
            doorkeeper: *self,
            sessions: Arc::new(Shelf {
                sessions: ServerSessionMemoryCache::new(8),
                room: AtomicUsize::new(self.tickets),
            }),
            fitted: false,
        });
        Box::pin(async move {
            let server = Server::outfitted(outfit, environment, transport)?;
            Ok(Box::new(server) as Box<dyn Running>)
        })
    }
}

struct Uniform {
    doorkeeper: Doorkeeper,
    sessions: Arc<Shelf>,
    fitted: bool,
}

impl Outfit<ServerConfig> for Uniform {
    fn fit(&mut self, environment: &Arc<Environment>) -> Result<Setting<ServerConfig>, StartError> {
        let mut roots = RootCertStore::empty();
        for anchor in &environment.trust.anchors {
            roots.add(anchor.clone()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let mut config = server_config(environment, Some(verifier.build().unwrap()))?;
        config.session_storage = Arc::clone(&self.sessions) as _;
        config.send_tls13_tickets = self.doorkeeper.tickets;
        let mut setting = Setting::new(config, manners(environment));
        if std::mem::replace(&mut self.fitted, true) {
            let (seen, blind) = (AtomicUsize::new(0), self.doorkeeper.blind);
            let recheck: Recheck = Arc::new(move |_: &[CertificateDer<'_>]| {
                match seen.fetch_add(1, Ordering::Relaxed) < blind {
                    true => Ok(()),
                    false => Err("its authority has been removed".into()),
                }
            });
            setting.scrutiny.resumed = Some(recheck);
        }
        Ok(setting)
    }

    fn forget(&mut self) {}
}

/// A store of sessions with room for so many, ever.
#[derive(Debug)]
struct Shelf {
    sessions: Arc<ServerSessionMemoryCache>,
    room: AtomicUsize,
}

impl StoresServerSessions for Shelf {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        let less = |room: usize| room.checked_sub(1);
        let room = self
            .room
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        room.is_ok() && self.sessions.put(key, value)
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.sessions.get(key)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.sessions.take(key)
    }

    fn can_cache(&self) -> bool {
        true
    }
}
