//! The only door to time.
//!
//! A run of conformance cases reads the wall clock once. Certificates are minted relative to that instant
//! and in-process verifiers are given it as their clock, so that boundary scenarios (`notAfter` is
//! inclusive) are exact and a slow machine cannot let a certificate expire in mid-run.
//!
//! A story sets its clock: it stands still between two steps, and a step can advance it. A fleet's clock
//! goes with the runtime's own time, which stands still in a simulation until everybody waits, and then
//! jumps to whoever waits least. A party whose clock is wrong has the same clock with a skew.

#![allow(clippy::disallowed_methods, reason = "this is the door")]

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

pub use self::tick::{Tick, processor_time};

mod tick;

const MICROS: i64 = 1_000_000;

/// A clock. Clones show the same time, and what advances one advances all.
#[derive(Clone)]
pub struct Clock {
    movement: Arc<Movement>,
    /// How wrong it is by now, in microseconds; shared by its clones, and not by who is [`Clock::apart`].
    wrong: Arc<AtomicI64>,
    skew: i64,
}

struct Movement {
    /// Where it stood when it was made, in microseconds since 1970.
    origin: i64,
    /// How far it has been set forward since, in microseconds.
    set: AtomicI64,
    /// When it was made, if it goes by itself.
    going_since: Option<tokio::time::Instant>,
}

impl Clock {
    /// A clock that shows the present second and stands still.
    pub fn start() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Self::at(i64::try_from(since.as_secs()).unwrap_or(i64::MAX / MICROS))
    }

    /// A clock that shows this Unix time and stands still.
    pub fn at(now: i64) -> Self {
        Self::made(now, None)
    }

    /// A clock that shows this Unix time and goes with the runtime's time, which a simulation pauses.
    pub fn going(now: i64) -> Self {
        Self::made(now, Some(tokio::time::Instant::now()))
    }

    fn made(now: i64, going_since: Option<tokio::time::Instant>) -> Self {
        Self {
            movement: Arc::new(Movement {
                origin: now.saturating_mul(MICROS),
                set: AtomicI64::new(0),
                going_since,
            }),
            wrong: Arc::default(),
            skew: 0,
        }
    }

    /// The same clock for a party of its own, which can go wrong without the others.
    pub fn apart(&self) -> Self {
        Self {
            movement: Arc::clone(&self.movement),
            wrong: Arc::new(AtomicI64::new(self.wrong.load(Ordering::Relaxed))),
            skew: self.skew,
        }
    }

    /// It goes wrong by so many microseconds, ahead, or behind where that is negative, for its clones and
    /// nobody else.
    pub fn go_wrong(&self, micros: i64) {
        self.wrong.fetch_add(micros, Ordering::Relaxed);
    }

    /// The same clock as somebody sees it whose own is wrong by so many microseconds: ahead, or behind
    /// where that is negative.
    pub fn skewed(&self, micros: i64) -> Self {
        Self {
            movement: Arc::clone(&self.movement),
            wrong: Arc::clone(&self.wrong),
            skew: self.skew + micros,
        }
    }

    /// Sets it forward by so many microseconds, or back where that is negative, for all who share it.
    pub fn set_forward(&self, micros: i64) {
        self.movement.set.fetch_add(micros, Ordering::Relaxed);
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub fn unix(&self) -> i64 {
        self.micros().div_euclid(MICROS)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub fn micros(&self) -> i64 {
        let Movement {
            origin,
            set,
            going_since,
        } = &*self.movement;
        let gone = going_since.map_or(0, |since| {
            i64::try_from(since.elapsed().as_micros()).unwrap_or(i64::MAX)
        });
        let wrong = self.wrong.load(Ordering::Relaxed);
        [gone, set.load(Ordering::Relaxed), wrong, self.skew]
            .into_iter()
            .fold(*origin, i64::saturating_add)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock")
            .field("micros", &self.micros())
            .finish_non_exhaustive()
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let micros = u64::try_from(self.micros()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_micros(micros)))
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
