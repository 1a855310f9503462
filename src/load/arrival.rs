//! Arrivals: when calls begin. Open-loop: a slow answer does not delay the next call.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

/// Calls at a steady rate.
pub struct Arrivals {
    ticks: Option<Interval>,
    next: u64,
}

impl Arrivals {
    /// So many calls in a second; 0 for none at all.
    pub fn at_rate(per_second: u32) -> Self {
        let ticks = period(per_second).map(|period| {
            let mut ticks = interval(period);
            // Who is late catches up: the instants at which calls were meant to begin stay as they were.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            ticks
        });
        Self { ticks, next: 0 }
    }

    /// How many calls are due in this time at that rate, the first of them at once.
    pub fn due_within(time: Duration, per_second: u32) -> u64 {
        period(per_second).map_or(0, |period| {
            let count = time.as_nanos() / period.as_nanos();
            u64::try_from(count).unwrap_or(u64::MAX).saturating_add(1)
        })
    }

    /// Waits until the next call is due, and says which it is, counted from 0, and how late it begins.
    pub async fn next(&mut self) -> (u64, Duration) {
        let late = match &mut self.ticks {
            Some(ticks) => ticks.tick().await.elapsed(),
            None => std::future::pending().await,
        };
        let number = self.next;
        self.next += 1;
        (number, late)
    }
}

/// The time from one call to the next; none where there are no calls.
fn period(per_second: u32) -> Option<Duration> {
    let period = Duration::from_secs(1).checked_div(per_second)?;
    Some(period.max(Duration::from_nanos(1)))
}
