//! What can befall the parties of a fleet's network, in one vocabulary for both of its bodies: the
//! simulated network and the proxies in front of sockets.
//!
//! A [`Mishap`] comes in by the name of a party ([`Mishaps::befall`]) and becomes part of the
//! `Conditions`, which are plain data. Whoever moves octets from one party to another asks them three
//! things: may anything go this way now, how much longer does it take, and does something strike the
//! dialler's octets. The last is counted by a `Toll`, one for each connection. Two mishaps (a crash, an
//! orderly close) are over as soon as they have happened, and leave no condition behind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub mod toll;

/// The mishaps of a network, whichever body it has.
pub trait Mishaps: Send + Sync {
    /// This happens to the party, at once, and lasts until [`Mishaps::heal`] where it lasts at all.
    fn befall(&self, party: &str, mishap: Mishap);

    /// Nothing goes from one of these two to the other, as if each were partitioned from it alone.
    fn isolate(&self, one: &str, other: &str);

    /// All that lasts ends. What was kept back is delivered, in order.
    fn heal(&self);

    /// How many times a strike has hit a connection to this party so far, since it was first struck. A
    /// connection that has fallen silent may be counted again whenever its dialler speaks.
    fn struck(&self, party: &str) -> u64;

    /// How many connections to this party are open at its end or on the way to it.
    fn established(&self, party: &str) -> usize;
}

/// Something that befalls a party.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mishap {
    /// Nothing goes in or out. Connections fall silent, and new ones wait: in a simulation for their
    /// handshake, before a proxy for their first octet.
    Partition,
    /// What is sent to it is kept back.
    Hold,
    /// What it sends and what is sent to it takes so much longer.
    Slow(Duration),
    /// Every connection to it is struck. The latest strike counts.
    Strike(Strike),
    /// All its connections are reset, and a simulated listener is gone. On sockets the service has to be
    /// ended by whoever owns it.
    Crash,
    /// All its connections are closed, in an orderly way.
    CloseAll,
}

/// What strikes a connection at a place in the dialler's stream. A connection that is past the place
/// is struck when its dialler next says something; it cannot be corrupted any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Strike {
    /// It is reset after so many octets.
    Cut(u64),
    /// It is reset after so many complete TLS records.
    CutAfterRecord(u64),
    /// It falls silent after so many octets, in both directions and for good.
    BlackHole(u64),
    /// One bit of this octet is flipped, where the first octet is 0.
    Corrupt(u64),
}

/// How connections end that a mishap ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ending {
    Reset,
    Close,
}

/// What lasts: the state of the network between any two parties.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    parties: BTreeMap<String, Condition>,
    isolated: BTreeSet<(String, String)>,
    /// How many times each was hit by whom a strike was meant for, healed or not.
    struck: BTreeMap<String, AtomicU64>,
}

#[derive(Debug, Default)]
struct Condition {
    partitioned: bool,
    held: bool,
    slow: Duration,
    strike: Option<Strike>,
}

impl Conditions {
    /// Takes note of a mishap. Returns how the party's connections end, if they do.
    pub(super) fn befall(&mut self, party: &str, mishap: Mishap) -> Option<Ending> {
        let condition = self.parties.entry(party.to_owned()).or_default();
        match mishap {
            Mishap::Partition => condition.partitioned = true,
            Mishap::Hold => condition.held = true,
            Mishap::Slow(by) => condition.slow = by,
            Mishap::Strike(strike) => {
                condition.strike = Some(strike);
                self.struck.entry(party.to_owned()).or_default();
            }
            Mishap::Crash => return Some(Ending::Reset),
            Mishap::CloseAll => return Some(Ending::Close),
        }
        None
    }

    /// Nothing goes between these two.
    pub(super) fn isolate(&mut self, one: &str, other: &str) {
        self.isolated.insert((one.to_owned(), other.to_owned()));
        self.isolated.insert((other.to_owned(), one.to_owned()));
    }

    /// All is well again.
    pub(super) fn heal(&mut self) {
        self.parties.clear();
        self.isolated.clear();
    }

    /// A strike has hit a connection to this party.
    pub(super) fn hit(&self, to: &str) {
        if let Some(count) = self.struck.get(to) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many have.
    pub(super) fn struck(&self, to: &str) -> u64 {
        let count = self.struck.get(to);
        count.map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Whether what one party sends to another stays on the way.
    pub(super) fn stop(&self, from: &str, to: &str) -> bool {
        let partitioned =
            |party| matches!(self.parties.get(party), Some(condition) if condition.partitioned);
        let held = matches!(self.parties.get(to), Some(condition) if condition.held);
        held || partitioned(from)
            || partitioned(to)
            || self.isolated.contains(&(from.to_owned(), to.to_owned()))
    }

    /// How much longer it takes than usual.
    pub(super) fn delay(&self, from: &str, to: &str) -> Duration {
        let slow = |party| self.parties.get(party).map_or(Duration::ZERO, |it| it.slow);
        if from == to {
            slow(to)
        } else {
            slow(from) + slow(to)
        }
    }

    /// What strikes connections to this party.
    pub(super) fn strike(&self, to: &str) -> Option<Strike> {
        self.parties.get(to)?.strike
    }
}
