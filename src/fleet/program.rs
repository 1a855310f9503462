//! Programs: a fleet whose services have somebody else's program for a body.
//!
//! ```text
//! timeline --Material--> Party --papers, signal--> program <--calls-- the harness's callers
//! ```
//!
//! The party keeps the material, as in a fleet of our own; the program is given what its party has taken,
//! as files, and told to look. What is known of it is what its callers see: it tells nothing of itself,
//! has no allow-list and goes by the machine's clock. So what a scenario asks for is first
//! [adapted](adaptation) to what a program can do, and how long it takes to enforce a change is measured.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rustls::pki_types::ServerName;
use tokio::sync::watch;

use super::cast::Cast;
use super::material::Material;
use super::party::{Party, dns_of};
use super::{FleetError, Ground, Plan, assemble, perform};
use crate::clock::Clock;
use crate::net::Transport;
use crate::oracle::history::History;
use crate::pki::{Identity, TrustBundle};
use crate::scenario::bench::Provider;
use crate::scenario::{Choice, ClientAuth, RevocationDepth, Role, TlsVersion};
use crate::target::{
    Capability, DEFAULT_HANDSHAKE_DEADLINE, Environment, Running, StartError, Target,
};

pub mod adaptation;

/// What a fleet of programs has shown.
#[derive(Debug)]
pub struct Performance {
    /// What happened.
    pub history: History,
    /// The programs that had ended before they were told to, each with its last words.
    pub deaths: Vec<String>,
    /// What each of them has logged.
    pub logs: String,
}

/// Runs a fleet of this target's programs from the first call to the last, in the runtime that this is
/// called in. The plan is one that has been [adapted](adaptation::adapted).
///
/// # Errors
/// When a program does not start or cannot be reloaded, or a step cannot be done.
pub async fn run(plan: &Plan, target: &dyn Target) -> Result<Performance, FleetError> {
    let ground = Ground::Programs;
    let gauge = Arc::default();
    let (cast, ledger) = assemble(plan, &ground, &gauge)?;
    let mut bodies = Vec::new();
    for member in cast.services() {
        let party = Arc::clone(&member.service.party);
        bodies.push(Body::start(plan, target, &cast, party).await?);
    }
    let history = {
        let tending = bodies.iter_mut().map(|body| body.tend(&cast));
        let mut tending: FuturesUnordered<_> = tending.collect();
        tokio::select! {
            biased;
            history = perform(plan, &ground, &cast, &ledger, &gauge) => history?,
            Some(error) = tending.next() => return Err(error),
        }
    };
    let mut performance = Performance {
        history,
        deaths: Vec::new(),
        logs: String::new(),
    };
    for body in bodies {
        body.dismiss(&mut performance).await;
    }
    Ok(performance)
}

/// Who dies of a reload has died by then.
const LAST_BREATH: Duration = Duration::from_millis(250);

/// A program that is the body of a service.
struct Body {
    party: Arc<Party>,
    running: Box<dyn Running>,
    changes: watch::Receiver<u64>,
    /// What of its environment does not change.
    frame: Environment,
}

impl Body {
    async fn start(
        plan: &Plan,
        target: &dyn Target,
        cast: &Cast,
        party: Arc<Party>,
    ) -> Result<Self, FleetError> {
        let changes = party.changes();
        let frame = frame(plan, target, &cast.clock, &party)?;
        let environment = Arc::new(furnished(&frame, &party.material()));
        let failed = |why: String| FleetError::Party(party.name.clone(), why);
        let running = target
            .start(environment, Transport::Tcp)
            .await
            .map_err(|error: StartError| failed(error.to_string()))?;
        let address = running
            .address()
            .ok_or_else(|| failed("it listens nowhere".into()))?;
        cast.embody(&party.name, address, running.application());
        Ok(Self {
            party,
            running,
            changes,
            frame,
        })
    }

    /// Gives it whatever its party takes, until it cannot be told of it: what it does after that says nothing
    /// of it. Who has died of the news is found dead in the end.
    async fn tend(&mut self, cast: &Cast) -> FleetError {
        while self.changes.changed().await.is_ok() {
            let environment = Arc::new(furnished(&self.frame, &self.party.material()));
            let taken = match cast.writing() {
                Some(writing) => self.running.rewrite(environment, writing).await,
                None => self.running.reload(environment).await,
            };
            if let Err(why) = taken {
                if self.running.death(LAST_BREATH).await.is_none() {
                    return FleetError::Reload(self.party.name.clone(), why);
                }
                break;
            }
        }
        std::future::pending().await
    }

    async fn dismiss(self, performance: &mut Performance) {
        let name = &self.party.name;
        if let Some(words) = self.running.death(Duration::ZERO).await {
            performance.deaths.push(format!("{name}: {words}"));
        }
        if let Some(log) = self.running.log_since(0) {
            performance.logs.push_str(&format!("--- {name}\n{log}\n"));
        }
        self.running.stop().await;
    }
}

/// What a program is configured with besides what its party holds.
fn frame(
    plan: &Plan,
    target: &dyn Target,
    clock: &Clock,
    party: &Party,
) -> Result<Environment, FleetError> {
    let name = ServerName::try_from(dns_of(&party.name))
        .map_err(|error| FleetError::Party(party.name.clone(), error.to_string()))?;
    let can = |capability| target.supports(Role::Server, capability);
    let material = party.material();
    Ok(Environment {
        role: Role::Server,
        clock: clock.clone(),
        identity: Identity {
            chain: material.leaf.chain.clone(),
            key: Arc::clone(&material.leaf.key),
        },
        trust: TrustBundle::default(),
        trust_domains: Default::default(),
        profile: None,
        client_auth: ClientAuth::Required,
        vhost: None,
        versions: TlsVersion::ALL
            .into_iter()
            .filter(|version| {
                can(match version {
                    TlsVersion::Tls12 => Capability::Tls12,
                    TlsVersion::Tls13 => Capability::Tls13,
                })
            })
            .collect(),
        alpn: Vec::new(),
        server_name: name,
        crls: Vec::new(),
        revocation: match plan.fleet.crl_lifetime {
            None => RevocationDepth::None,
            Some(_) if can(Capability::Crl) => RevocationDepth::Chain,
            Some(_) => RevocationDepth::EndEntity,
        },
        unknown_status: Choice::Deny,
        expired_crl: Choice::Deny,
        stapling: false,
        resumption: plan.fleet.resumption,
        // Some programs count it from the first octet of a connection to the last.
        handshake_deadline: DEFAULT_HANDSHAKE_DEADLINE,
        provider: Provider::AwsLcRs,
        digest: String::new(),
    })
}

/// The environment of a program whose party holds this.
fn furnished(frame: &Environment, material: &Material) -> Environment {
    let lists = material.lists.iter().flat_map(|lists| &lists.lists);
    Environment {
        identity: Identity {
            chain: material.leaf.chain.clone(),
            key: Arc::clone(&material.leaf.key),
        },
        trust: TrustBundle {
            anchors: material.bundle.anchors.values().cloned().collect(),
        },
        crls: lists.cloned().collect(),
        ..frame.clone()
    }
}
