//! The only door to time.
//!
//! A run reads the wall clock once. Certificates are minted relative to that instant and in-process
//! verifiers are given it as their clock, so that boundary scenarios (`notAfter` is inclusive) are
//! exact and a slow machine cannot let a certificate expire in mid-run.

#![allow(clippy::disallowed_methods, reason = "this is the door")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

/// The run's clock: it stands still at the second in which the run began.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Clock {
    now: i64,
}

impl Clock {
    /// A clock that shows the present second.
    pub fn start() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Self {
            now: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        }
    }

    /// A clock that shows this Unix time, for tests.
    pub fn at(now: i64) -> Self {
        Self { now }
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub fn unix(self) -> i64 {
        self.now
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.now).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// Measures how long something took; never used for a verdict.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    started: Instant,
}

impl Stopwatch {
    /// Starts it.
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// The time since it was started.
    pub fn elapsed(self) -> Duration {
        self.started.elapsed()
    }
}
