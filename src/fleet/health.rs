//! Health: a port in plaintext on which a service says whether it is ready, and the prober that asks there.
//!
//! A service is ready while it listens and its certificate is valid by its own clock. What it says is
//! written down as a call of the service on its own port: the port lets in whoever comes while the service
//! is ready, and the leaf that the answer is about is what the service presents to itself. So the oracle
//! knows by the certificate's own validity when `ready` is a lie, and when `not ready` is.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Ground;
use super::cast::Cast;
use super::porch::receive;
use super::service::Service;
use crate::load::arrival::Arrivals;
use crate::load::ledger::Ledger;
use crate::net::protocol::health::{self, Health};
use crate::net::{Address, Stream};
use crate::oracle::history::{Call, CallOutcome, Connection};
use crate::scenario::fleet::Canary;
use crate::target::planted::Bug;

/// The health port of a service; it ends when this is dropped.
pub struct HealthPort {
    address: Address,
    _serving: JoinSet<()>,
}

/// How many times in a second the prober asks, all services together.
const RATE: u32 = 10;

/// How long a prober, and a port, waits for the other.
const PATIENCE: Duration = Duration::from_secs(1);

impl HealthPort {
    /// Has a service say how it is.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open(service: &Arc<Service>, ground: &Ground) -> io::Result<Arc<Self>> {
        let listener = ground.listen(&health_of(&service.party.name), None)?;
        let address = listener.address()?;
        let mut serving = JoinSet::new();
        let service = Arc::clone(service);
        serving.spawn(receive(listener, move |stream| {
            timeout(PATIENCE, converse(stream, Arc::clone(&service)))
        }));
        Ok(Arc::new(Self {
            address,
            _serving: serving,
        }))
    }

    async fn probe(&self, service: &str, id: u64, ledger: &Ledger) -> Call {
        let invoked = ledger.now();
        let asked = async {
            let mut stream = self.address.dial_from("prober").await?;
            health::ask(&mut stream).await
        };
        let (outcome, presented) = match timeout(PATIENCE, asked).await {
            Err(_) => (CallOutcome::TimedOut, None),
            Ok(Err(error)) => (CallOutcome::Refused(error.kind().to_string()), None),
            Ok(Ok(Health {
                ready: true,
                serial,
            })) => (CallOutcome::Accepted, Some(serial)),
            Ok(Ok(Health { serial, .. })) => {
                (CallOutcome::Refused("not ready".into()), Some(serial))
            }
        };
        Call {
            id,
            caller: service.to_owned(),
            server: health_of(service),
            canary: Some(Canary::Plaintext),
            serial: None,
            invoked,
            completed: ledger.now(),
            connection: Connection {
                opened: invoked,
                reused: false,
                handshake: None,
                verified: None,
            },
            outcome,
            presented: presented.filter(|serial| *serial > 0),
            server_view: None,
        }
    }
}

/// Asks every service in turn, until it is dropped.
pub async fn probe(cast: &Arc<Cast>, ledger: &Arc<Ledger>) {
    let mut due = Arrivals::at_rate(RATE);
    let mut under_way = JoinSet::new();
    loop {
        let number = tokio::select! {
            biased;
            Some(_) = under_way.join_next(), if !under_way.is_empty() => continue,
            (number, _) = due.next() => number,
        };
        let services = cast.services();
        let turn = number.checked_rem(services.len() as u64).unwrap_or(0);
        let member = usize::try_from(turn)
            .ok()
            .and_then(|turn| services.get(turn));
        let Some(member) = member else { continue };
        let Some(port) = member.health.clone() else {
            continue;
        };
        let (name, ledger) = (member.destination.name.clone(), Arc::clone(ledger));
        under_way.spawn(async move {
            let call = port.probe(&name, ledger.next_call(), &ledger).await;
            ledger.call(call);
        });
    }
}

/// What the health port of this service is called in histories.
pub fn health_of(service: &str) -> String {
    format!("health of {service}")
}

async fn converse(mut stream: Stream, service: Arc<Service>) {
    if health::await_question(&mut stream).await.is_ok() {
        // Who asked and left has no use for the answer.
        let _ = health::answer(&mut stream, service.health()).await;
    }
}

impl Service {
    /// How it is.
    pub fn health(&self) -> Health {
        let Some(generation) = self.party.current() else {
            return Health {
                ready: false,
                serial: 0,
            };
        };
        let leaf = &generation.material.leaf;
        let now = self.party.loader().clock.unix();
        let valid = (leaf.validity.not_before..=leaf.validity.not_after).contains(&now);
        let careless = self.party.has(Bug::AlwaysReady);
        Health {
            ready: (self.is_open() && valid) || careless,
            serial: leaf.serial,
        }
    }
}
