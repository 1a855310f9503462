//! The gauge: what can be seen of a fleet from another thread while it runs, and how it is told to end.

use std::fs;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use crate::load::arrival::Arrivals;
use crate::scenario::fleet::LoadPlan;

/// Counters that a fleet keeps up to date.
#[derive(Debug, Default)]
pub struct Gauge {
    /// Everybody is there and every service listens.
    pub assembled: OnceLock<Assembled>,
    /// How far it is, in microseconds of its own time.
    pub now: AtomicU64,
    /// Calls that are over.
    pub calls: AtomicU64,
    /// Those of them by callers who belong there, and those by strangers.
    made: [AtomicU64; 2],
    /// How many of either there should have been in the end.
    due: OnceLock<[u64; 2]>,
    /// Those of them that were accepted.
    pub accepted: AtomicU64,
    /// It should end: nobody waits for the rest.
    pub stop: AtomicBool,
}

/// Who calls.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Somebody who is to be served.
    Due,
    /// A stranger.
    Forbidden,
}

/// How much of a load came to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Made {
    /// The calls that are over.
    pub made: u64,
    /// Those whose time had come.
    pub due: u64,
}

impl Made {
    /// Is it too little to prove anything? Nine tenths are enough, and the last call may be under way.
    pub fn is_too_little(self) -> bool {
        self.made.saturating_add(1).saturating_mul(10) < self.due.saturating_mul(9)
    }
}

/// What it took to set a fleet up.
#[derive(Clone, Copy, Debug)]
pub struct Assembled {
    /// How many services listen.
    pub services: u32,
    /// How long it took, their certificates included.
    pub took: Duration,
    /// How much the process's resident memory grew by, in octets; none where the system does not tell.
    pub resident: Option<u64>,
}

impl Gauge {
    /// Has it been told to end?
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// How much came to be of the calls that must be served, and of those that must not; none before the
    /// load is over.
    pub fn load(&self) -> Option<[Made; 2]> {
        let [served, strangers] = *self.due.get()?;
        let of = |kind: Kind, due| Made {
            made: self.made(kind).load(Ordering::Relaxed),
            due,
        };
        Some([of(Kind::Due, served), of(Kind::Forbidden, strangers)])
    }

    /// The load is over, after so long.
    pub(super) fn all_due(&self, load: &LoadPlan, time: Duration) {
        let due = |rate| Arrivals::due_within(time, rate);
        let _ = self.due.set([due(load.rate), due(load.canary_rate)]);
    }

    fn made(&self, kind: Kind) -> &AtomicU64 {
        let [due, forbidden] = &self.made;
        match kind {
            Kind::Due => due,
            Kind::Forbidden => forbidden,
        }
    }

    /// A call is over.
    pub(super) fn count(&self, kind: Kind, now: u64, accepted: bool) {
        self.made(kind).fetch_add(1, Ordering::Relaxed);
        self.now.store(now, Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Relaxed);
        if accepted {
            self.accepted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits, but no longer than until it is told to end.
    pub(super) async fn wait(&self, time: Duration) {
        let slice = (time / 1000).clamp(GLANCE, 20 * GLANCE);
        let mut left = time;
        while !left.is_zero() && !self.is_stopped() {
            let next = left.min(slice);
            sleep(next).await;
            left -= next;
        }
    }
}

/// How often it is asked whether it should end, at least where not much happens.
const GLANCE: Duration = Duration::from_millis(50);

/// The process's resident memory that is its own, in octets, where the system tells. The pages of the
/// program's file are nobody's: they come in as code is first run.
pub(super) fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("RssAnon:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}
