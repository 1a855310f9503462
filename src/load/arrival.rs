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
        let ticks = (per_second > 0).then(|| {
            let mut ticks =
                interval((Duration::from_secs(1) / per_second).max(Duration::from_nanos(1)));
            // Who is late catches up: the instants at which calls were meant to begin stay as they were.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            ticks
        });
        Self { ticks, next: 0 }
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
