//! One figure of a row: its values repetition by repetition in both records, and what they say.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Terms;
use super::interval::{geometric_mean, ratio};
use crate::record::Measurement;
use crate::record::measurement::Repetition;
use crate::scenario::bench::Arrival;

/// What is compared.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// The harness's processor time for each answered connection, in nanoseconds; with an embedded target that of
    /// both ends.
    CpuHarness,
    /// The target's processor time for each answered connection, in nanoseconds.
    CpuTarget,
    /// The median of the time until the first octet of application data, in nanoseconds: from the dial in a closed
    /// loop, and from when the connection was due in an open one, where a dial that had to wait is the target's doing.
    FirstByteP50,
    /// Its 99th percentile, in nanoseconds. It is shown and never gates.
    FirstByteP99,
    /// Confirmed connections per second, where it is the target that says how many there are: in a closed loop, and
    /// where a share of saturation was due.
    Rate,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 5] = [
        Self::CpuHarness,
        Self::CpuTarget,
        Self::FirstByteP50,
        Self::FirstByteP99,
        Self::Rate,
    ];

    /// The words in reports.
    pub fn words(self, embedded: bool) -> &'static str {
        match self {
            Self::CpuHarness if embedded => "CPU of both ends",
            Self::CpuHarness => "CPU of harness",
            Self::CpuTarget => "CPU of target",
            Self::FirstByteP50 => "first byte p50",
            Self::FirstByteP99 => "first byte p99",
            Self::Rate => "rate",
        }
    }

    /// Is it processor time?
    pub fn is_processor_time(self) -> bool {
        matches!(self, Self::CpuHarness | Self::CpuTarget)
    }

    fn may_gate(self) -> bool {
        self != Self::FirstByteP99
    }

    fn higher_is_better(self) -> bool {
        self == Self::Rate
    }

    /// Has this row a value of it?
    pub(super) fn is_in(self, measurement: &Measurement) -> bool {
        !self.values(measurement).is_empty()
    }

    /// Its value in each repetition that has one.
    fn values(self, measurement: &Measurement) -> Vec<f64> {
        let repetitions = measurement.repetitions.iter();
        let values = repetitions.filter_map(|one| self.value(measurement, one));
        values.filter(|value| is_usable(*value)).collect()
    }

    /// Its value in each repetition as a multiple of what it was in the same repetition of `reference`.
    fn relative_values(self, measurement: &Measurement, reference: &Measurement) -> Vec<f64> {
        let of_reference: BTreeMap<u32, f64> = reference
            .repetitions
            .iter()
            .filter_map(|one| Some((one.number, self.value(reference, one)?)))
            .collect();
        let repetitions = measurement.repetitions.iter();
        let values = repetitions
            .filter_map(|one| Some(self.value(measurement, one)? / of_reference.get(&one.number)?));
        values.filter(|value| is_usable(*value)).collect()
    }

    fn value(self, measurement: &Measurement, repetition: &Repetition) -> Option<f64> {
        let arrival = measurement.setting.arrival;
        let first_byte = |share| {
            let latency = match arrival {
                Arrival::Closed => &repetition.latency.first_byte,
                Arrival::Rate(_) | Arrival::Share(_) => &repetition.latency.from_due,
            };
            Some(latency.quantile(share)? as f64)
        };
        match self {
            Self::CpuHarness => repetition.cpu_of_harness(),
            Self::CpuTarget => repetition.cpu_of_target(),
            Self::FirstByteP50 => first_byte(0.5),
            Self::FirstByteP99 => first_byte(0.99),
            Self::Rate => match arrival {
                Arrival::Closed | Arrival::Share(_) => Some(repetition.rate()),
                Arrival::Rate(_) => None,
            },
        }
    }
}

fn is_usable(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

/// One metric of a row in both records.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Figure {
    /// The metric.
    pub metric: Metric,
    /// The row that both values are multiples of, within each record; none for values as they were measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relative_to: Option<String>,
    /// The first record's value: the geometric mean of its repetitions.
    pub before: f64,
    /// The second record's value.
    pub after: f64,
    /// How many repetitions have a value, in the first record and in the second.
    pub repetitions: [usize; 2],
    /// The second value through the first; none where they are of different machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// Where the true ratio lies with a confidence of 95 %: from, to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// By how much it may be worse, in percent.
    pub tolerance: f64,
    /// What it says.
    pub finding: Finding,
    /// Can it keep the gate shut, whatever it says?
    pub can_gate: bool,
}

/// What a figure says.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// The whole interval is worse than the tolerance.
    Slower,
    /// The whole interval is better than the tolerance.
    Faster,
    /// Neither is certain.
    WithinTolerance,
    /// There are too few repetitions for an interval, so nothing is certain.
    TooFew,
    /// The values are of different machines.
    OtherMachine,
}

impl Figure {
    /// Does it keep the gate shut?
    pub fn gates(&self) -> bool {
        self.can_gate && self.finding == Finding::Slower
    }

    /// This metric as it was measured, if both records have it.
    pub(super) fn measured(
        metric: Metric,
        [before, after]: [&Measurement; 2],
        terms: &Terms,
        same_machine: bool,
    ) -> Option<Self> {
        let values = [metric.values(before), metric.values(after)];
        let figure = Self::of(metric, None, values, terms)?;
        if same_machine {
            return Some(figure);
        }
        Some(Self {
            ratio: None,
            interval: None,
            finding: Finding::OtherMachine,
            can_gate: false,
            ..figure
        })
    }

    /// This metric as a multiple of the reference row's, if both records have both.
    pub(super) fn relative(
        metric: Metric,
        [before, after]: [&Measurement; 2],
        [reference_before, reference_after]: [&Measurement; 2],
        terms: &Terms,
    ) -> Option<Self> {
        let values = [
            metric.relative_values(before, reference_before),
            metric.relative_values(after, reference_after),
        ];
        Self::of(metric, Some(reference_after.row.clone()), values, terms)
    }

    fn of(
        metric: Metric,
        relative_to: Option<String>,
        [before, after]: [Vec<f64>; 2],
        terms: &Terms,
    ) -> Option<Self> {
        let tolerance = match metric.is_processor_time() {
            true => terms.tolerance,
            false => terms.latency_tolerance,
        };
        let ratio = ratio(&before, &after)?;
        Some(Self {
            metric,
            relative_to,
            before: geometric_mean(&before)?,
            after: geometric_mean(&after)?,
            repetitions: [before.len(), after.len()],
            ratio: Some(ratio.value),
            interval: ratio.interval,
            tolerance,
            finding: finding(metric, ratio.interval, tolerance),
            can_gate: metric.may_gate() && ratio.interval.is_some(),
        })
    }
}

fn finding(metric: Metric, interval: Option<[f64; 2]>, tolerance: f64) -> Finding {
    let Some([from, to]) = interval else {
        return Finding::TooFew;
    };
    // How many times worse: at least, at most.
    let [least, most] = match metric.higher_is_better() {
        true => [1.0 / to, 1.0 / from],
        false => [from, to],
    };
    let allowed = 1.0 + tolerance / 100.0;
    if least > allowed {
        Finding::Slower
    } else if most < 1.0 / allowed {
        Finding::Faster
    } else {
        Finding::WithinTolerance
    }
}
