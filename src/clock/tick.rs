//! Instants and processor time, for measuring alone: no verdict rests on them.

#![allow(clippy::disallowed_methods, reason = "this is a part of the door")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// An instant of the machine's monotonic clock.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Tick(Instant);

impl Tick {
    /// The present instant.
    pub fn now() -> Self {
        Self(Instant::now())
    }

    /// The instant at which the machine's clock shows this Unix time, in microseconds; now, where that is past.
    pub fn at_unix(micros: i64) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = since.map_or(0, |since| {
            i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
        });
        let ahead = u64::try_from(micros.saturating_sub(now)).unwrap_or(0);
        Self::now().after(Duration::from_micros(ahead))
    }

    /// The instant so much later.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self(self.0 + time)
    }

    /// How many nanoseconds it is later than `earlier`; 0 where it is not.
    pub fn nanos_since(self, earlier: Self) -> u64 {
        let time = self.0.saturating_duration_since(earlier.0);
        u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
    }

    /// How long it is until then; nothing where it is over.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// The same instant for a runtime's timers.
    pub fn for_timers(self) -> tokio::time::Instant {
        self.0.into()
    }
}

/// The processor time that all threads of this process have used so far, in nanoseconds.
pub fn processor_time() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds * 1_000_000_000 + nanos
}
