//! The ground that a fleet stands on: loopback sockets, or a simulated network.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};

use super::FleetError;
use crate::clock::Clock;
use crate::net::mishap::Mishaps;
use crate::net::proxy::Proxies;
use crate::net::simulated::Simulated;
use crate::net::{Address, Listener};
use crate::pki::recipe::KeyKind;
use crate::scenario::fleet::FleetPlan;

/// What carries a fleet's octets.
#[derive(Clone)]
pub enum Ground {
    /// Sockets on 127.0.0.1.
    Sockets,
    /// Sockets on 127.0.0.1, with a proxy in front of every service that mishaps can befall.
    Proxied(Arc<Proxies>),
    /// Sockets on 127.0.0.1, at which programs of somebody else's listen.
    Programs,
    /// A network in memory, on the runtime's clock.
    Simulated(Arc<Simulated>),
}

impl Ground {
    /// A simulated network. Make it in a runtime whose time is paused.
    pub fn simulated(plan: &FleetPlan) -> Self {
        Self::Simulated(Simulated::new(plan.latency.duration()))
    }

    /// Sockets, with proxies where mishaps are to befall services.
    pub fn sockets(mishaps: bool) -> Self {
        match mishaps {
            true => Self::Proxied(Arc::default()),
            false => Self::Sockets,
        }
    }

    /// What its parties' keys are made for. Not every program takes the modern kind.
    pub fn key_kind(&self) -> KeyKind {
        match self {
            Self::Programs => KeyKind::P256,
            Self::Sockets | Self::Proxied(_) | Self::Simulated(_) => KeyKind::Ed25519,
        }
    }

    /// Has a party listen; where it listened before, if it did.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn listen(&self, party: &str, before: Option<SocketAddr>) -> io::Result<Listener> {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        match self {
            Self::Simulated(network) => network.listen(party),
            Self::Sockets | Self::Programs | Self::Proxied(_) => {
                Listener::at(before.unwrap_or(anywhere))
            }
        }
    }

    /// Where callers dial the party that listens so.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn way_to(&self, party: &str, listener: &Listener) -> io::Result<Address> {
        let address = listener.address()?;
        match (self, address) {
            (Self::Proxied(proxies), Address::Tcp(address)) => proxies.front(party, address),
            (_, address) => Ok(address),
        }
    }

    /// What can befall its parties; nothing where there are no proxies.
    pub fn mishaps(&self) -> Option<Arc<dyn Mishaps>> {
        match self {
            Self::Sockets | Self::Programs => None,
            Self::Proxied(proxies) => Some(Arc::clone(proxies) as _),
            Self::Simulated(network) => Some(Arc::clone(network) as _),
        }
    }
}

/// What time it is where a fleet begins, in seconds since 1970. In a simulation that is 2026-01-01T00:00:00Z:
/// a history must not depend on the day it is made.
pub fn beginning(simulated: bool) -> i64 {
    match simulated {
        true => 1_767_225_600,
        false => Clock::start().unix(),
    }
}

/// A runtime of one thread; a simulation's time stands still until everybody waits.
///
/// # Errors
/// What the operating system says.
pub fn runtime(simulated: bool) -> Result<Runtime, FleetError> {
    Builder::new_current_thread()
        .enable_all()
        .start_paused(simulated)
        .build()
        .map_err(FleetError::Runtime)
}
