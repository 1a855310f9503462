//! The gauge: what can be seen of a fleet from another thread while it runs, and how it is told to end.

use std::fs;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::sleep;

/// Counters that a fleet keeps up to date.
#[derive(Debug, Default)]
pub struct Gauge {
    /// Everybody is there and every service listens.
    pub assembled: OnceLock<Assembled>,
    /// How far it is, in microseconds of its own time.
    pub now: AtomicU64,
    /// Calls that are over.
    pub calls: AtomicU64,
    /// Those of them that were accepted.
    pub accepted: AtomicU64,
    /// It should end: nobody waits for the rest.
    pub stop: AtomicBool,
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

    /// A call is over.
    pub fn count(&self, now: u64, accepted: bool) {
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
