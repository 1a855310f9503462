//! The figures of a measurement, as people compare them: medians over repetitions, and ratios to the reference
//! row, repetition by repetition.

use crate::record::measurement::{Repetition, Tally};
use crate::record::{Latency, Measurement, Run};
use crate::scenario::bench::Arrival;

/// Measurements by what is shown together: the plan and the target, in the order in which they first come.
pub(super) fn grouped<'r>(
    measurements: impl IntoIterator<Item = &'r Measurement>,
) -> Vec<Vec<&'r Measurement>> {
    let mut groups: Vec<Vec<&Measurement>> = Vec::new();
    for measurement in measurements {
        let same = |group: &&mut Vec<&Measurement>| {
            group.first().is_some_and(|first| {
                (&first.plan, &first.target) == (&measurement.plan, &measurement.target)
            })
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(measurement),
            None => groups.push(vec![measurement]),
        }
    }
    groups
}

/// A median with the least and the greatest that it stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The greatest.
    pub greatest: f64,
}

impl Spread {
    /// Of these values; none where there are none.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let upper = *values.get(middle)?;
        let median = match values.len() % 2 {
            0 => f64::midpoint(*values.get(middle - 1)?, upper),
            _ => upper,
        };
        Some(Self {
            median,
            least: *values.first()?,
            greatest: *values.last()?,
        })
    }
}

/// What is shown of one row against one target.
pub struct Figures<'r> {
    /// The measurement.
    pub measurement: &'r Measurement,
    /// Confirmed connections per second.
    pub rate: Option<Spread>,
    /// Processor time for each connection, in microseconds: of the harness, and of an embedded target too.
    pub harness_us: Option<Spread>,
    /// The target's own, in microseconds, where it is apart.
    pub target_us: Option<Spread>,
    /// Processor time of both ends over the reference row's.
    pub ratio: Option<Spread>,
    /// Of all answered connections, how many were of the wanted kind, 0 to 1.
    pub wanted: Option<f64>,
    /// How many of the callers' connections failed.
    pub failed: u64,
    /// How many were dropped.
    pub dropped: u64,
    /// How many strangers were let in.
    pub strangers_accepted: u64,
    /// From the moment at which a connection was due.
    pub from_due: Latency,
}

/// The 99th percentile from due, in nanoseconds, around the moment at which something changed.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// In the first half.
    pub before: Option<u64>,
    /// In the tenth of the time that follows the change.
    pub at: Option<u64>,
    /// After that.
    pub after: Option<u64>,
}

impl<'r> Figures<'r> {
    /// Of this measurement of that run, compared with the one that it refers to.
    pub fn of(measurement: &'r Measurement, run: &Run) -> Self {
        let repetitions = &measurement.repetitions;
        let spread = |figure: &dyn Fn(&Repetition) -> Option<f64>| {
            Spread::of(repetitions.iter().filter_map(figure).collect())
        };
        let sum = |figure: &dyn Fn(&Repetition) -> u64| {
            repetitions.iter().map(figure).fold(0, u64::saturating_add)
        };
        let confirmed = sum(&|repetition| repetition.tally.confirmed);
        let answered = confirmed.saturating_add(sum(&|repetition| repetition.tally.other_kind));
        Self {
            measurement,
            rate: spread(&|repetition| Some(repetition.rate())),
            harness_us: spread(&|repetition| repetition.cpu_of_harness().map(in_micros)),
            target_us: spread(&|repetition| repetition.cpu_of_target().map(in_micros)),
            ratio: Spread::of(ratios(measurement, run)),
            wanted: (answered > 0).then(|| confirmed as f64 / answered as f64),
            failed: sum(&|repetition| repetition.tally.failures()),
            dropped: sum(&|repetition| repetition.tally.dropped),
            strangers_accepted: sum(&|repetition| repetition.tally.strangers_accepted),
            from_due: measurement.latency(|latencies| &latencies.from_due),
        }
    }

    /// Is it a closed loop? Its latencies are those of callers that wait for one another.
    pub fn is_closed(&self) -> bool {
        self.measurement.setting.arrival == Arrival::Closed
    }

    /// Does what was due begin and get answered, nearly all of it, while it is measured?
    pub fn keeps_up(&self) -> bool {
        let repetitions = &self.measurement.repetitions;
        let any_due = repetitions.iter().any(|one| one.tally.due > 0);
        let none_lost = self.dropped == 0 && self.failed == 0;
        let waited = self.from_due.quantile(0.99).unwrap_or(0);
        let measured = repetitions
            .first()
            .map_or(0, |one| one.duration_us.saturating_mul(1000));
        // A queue that grows all the time leaves its last callers waiting for a good part of the time.
        any_due && none_lost && waited < measured / 10
    }

    /// The latencies before, at and after what changed half-way through; none where nothing did.
    pub fn course(&self) -> Option<Course> {
        let mut stretches = [Latency::new(), Latency::new(), Latency::new()];
        let mut any = false;
        for repetition in &self.measurement.repetitions {
            let middle = repetition.duration_us / 2;
            for slice in &repetition.course {
                any = true;
                let stretch = if slice.from_us < middle {
                    0
                } else if slice.from_us < middle + repetition.duration_us / 10 {
                    1
                } else {
                    2
                };
                if let Some(stretch) = stretches.get_mut(stretch) {
                    stretch.merge(&slice.latency);
                }
            }
        }
        let [before, at, after] = stretches.map(|stretch| stretch.quantile(0.99));
        any.then_some(Course { before, at, after })
    }

    /// What was seen instead of answers, the most frequent first.
    pub fn reasons(&self) -> Vec<(String, u64)> {
        let mut counts = std::collections::BTreeMap::new();
        for repetition in &self.measurement.repetitions {
            let Tally {
                failed,
                strangers_failed,
                ..
            } = &repetition.tally;
            let callers = failed.iter().map(|(reason, count)| (reason.clone(), count));
            let strangers = strangers_failed.iter();
            let strangers =
                strangers.map(|(reason, count)| (format!("a stranger: {reason}"), count));
            for (reason, count) in callers.chain(strangers) {
                let sum: &mut u64 = counts.entry(reason).or_default();
                *sum = sum.saturating_add(*count);
            }
        }
        let mut reasons: Vec<_> = counts.into_iter().collect();
        reasons.sort_by(|(one, first), (other, second)| (second, one).cmp(&(first, other)));
        reasons
    }
}

/// Processor time of both ends in this row over that in its reference row, for repetitions of equal number; none
/// where another machine may have measured the other.
fn ratios(measurement: &Measurement, run: &Run) -> Vec<f64> {
    let reference = measurement.reference.as_ref();
    let reference = reference.filter(|_| run.rows_are_comparable());
    let reference = reference.and_then(|reference| {
        run.measurements.iter().find(|other| {
            other.plan == measurement.plan
                && other.target == measurement.target
                && other.row == *reference
        })
    });
    let Some(reference) = reference else {
        return Vec::new();
    };
    let pairs = measurement.repetitions.iter().filter_map(|own| {
        let other = reference
            .repetitions
            .iter()
            .find(|other| other.number == own.number)?;
        let own = own.cpu_of_both(measurement.embedded)?;
        Some(own / other.cpu_of_both(reference.embedded)?)
    });
    pairs.filter(|ratio| ratio.is_finite()).collect()
}

fn in_micros(nanos: f64) -> f64 {
    nanos / 1000.0
}
