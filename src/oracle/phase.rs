//! Before, during and after: how quick calls were in each part of a history, and whether what was served
//! before the trouble is served after it.

use super::check::{Proof, Suspicion, is_below};
use super::findings::{Invariant, Latency};
use super::history::{Call, History, Micros};
use super::witness::Seconds;
use crate::scenario::fleet::Limits;

/// What was seen of the calls, by the part of the history that they lie in.
pub(super) struct Phases<'h> {
    history: &'h History,
    phases: [Phase; 3],
}

#[derive(Default)]
struct Phase {
    due: u64,
    served: u64,
    /// Of accepted calls by new connections, in microseconds.
    durations: Vec<Micros>,
}

const NAMES: [&str; 3] = ["before", "during", "after"];

impl<'h> Phases<'h> {
    pub(super) fn of(history: &'h History) -> Self {
        Self {
            history,
            phases: Default::default(),
        }
    }

    /// Sees a call, and whether it had to be accepted.
    pub(super) fn see(&mut self, call: &Call, due: bool) {
        let [before, during, after] = &mut self.phases;
        let phase = if call.completed <= self.history.warm_until {
            before
        } else if call.invoked >= self.history.settled_from {
            after
        } else {
            during
        };
        let accepted = call.outcome.accepted();
        phase.due += u64::from(due);
        phase.served += u64::from(due && accepted);
        if accepted && !call.connection.reused {
            phase
                .durations
                .push(call.completed.saturating_sub(call.invoked));
        }
    }

    /// Was too little served in the end? A limit of 0 demands nothing of the settling phase.
    pub(super) fn relapse<'s>(&self, limits: &Limits) -> Option<Suspicion<'s>> {
        let [before, _, after] = &self.phases;
        let since = Seconds(self.history.settled_from);
        let words = if limits.recovery > 0 && after.due == 0 && before.due > 0 {
            format!(
                "since {since} no call had to be accepted, and {} had to before {}",
                before.due,
                Seconds(self.history.warm_until),
            )
        } else if is_below(after.served, after.due, limits.recovery) {
            format!(
                "since {since} only {} of {} calls were accepted that had to be; {} thousandths must",
                after.served, after.due, limits.recovery,
            )
        } else {
            return None;
        };
        Some(Suspicion {
            invariant: Invariant::Recovers,
            at: self.history.end,
            call: None,
            proof: Proof::Told(words),
        })
    }

    /// How long accepted calls took, for each part of the history that has any.
    pub(super) fn latency(self) -> Vec<Latency> {
        let named = NAMES.into_iter().zip(self.phases);
        let latency = named.filter_map(|(name, phase)| {
            let ranks = Ranks::of(phase.durations)?;
            Some(Latency {
                phase: name.to_owned(),
                calls: ranks.count,
                p50: ranks.p50,
                p99: ranks.p99,
                max: ranks.max,
            })
        });
        latency.collect()
    }
}

/// Percentiles by nearest rank: the least value that so many hundredths of all do not exceed.
pub(super) struct Ranks {
    pub(super) count: u64,
    pub(super) p50: u64,
    pub(super) p99: u64,
    pub(super) max: u64,
}

impl Ranks {
    /// Of these values; none if there are none.
    pub(super) fn of(mut values: Vec<u64>) -> Option<Self> {
        values.sort_unstable();
        let rank = |hundredths: usize| {
            let rank = (values.len() * hundredths).div_ceil(100);
            values.get(rank.checked_sub(1)?).copied()
        };
        Some(Self {
            count: values.len() as u64,
            p50: rank(50)?,
            p99: rank(99)?,
            max: rank(100)?,
        })
    }
}
