//! The ground that a fleet stands on: loopback sockets, or a simulated network.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use crate::net::{Address, Listener};

/// What carries a fleet's octets.
#[derive(Clone)]
pub enum Ground {
    /// Sockets on 127.0.0.1.
    Sockets,
}

impl Ground {
    /// Has a party listen; where it listened before, if it did.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn listen(&self, _party: &str, before: Option<&Address>) -> io::Result<Listener> {
        match self {
            Self::Sockets => {
                let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                Listener::at(match before {
                    Some(Address::Tcp(address)) => *address,
                    _ => anywhere,
                })
            }
        }
    }
}
