//! When is measured: from the end of the warm-up on, for as long as the plan says.

use std::time::Duration;

use crate::clock::Tick;
use crate::scenario::bench::Measure;

/// The times of one repetition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// The first connection is due.
    pub(super) begin: Tick,
    /// The measured time begins.
    pub(super) from: Tick,
    /// It ends, and nothing more is due.
    pub(super) until: Tick,
}

impl Window {
    /// Begins at this moment.
    pub(super) fn beginning(begin: Tick, measure: &Measure) -> Self {
        let from = begin.after(measure.warm_up.duration());
        Self {
            begin,
            from,
            until: from.after(measure.duration.duration()),
        }
    }

    /// Is what begins at this moment measured?
    pub(super) fn measures(&self, at: Tick) -> bool {
        (self.from..self.until).contains(&at)
    }

    /// The middle of the measured time.
    pub(super) fn middle(&self) -> Tick {
        self.from.after(self.length() / 2)
    }

    /// How long is measured.
    pub(super) fn length(&self) -> Duration {
        Duration::from_nanos(self.until.nanos_since(self.from))
    }
}
