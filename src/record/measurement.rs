//! What was measured: handshakes in one setting, against one target, repetition by repetition.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::latency::Latency;
use crate::scenario::bench::Setting;

/// What was measured in one row of a plan, against one target.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct Measurement {
    /// The plan and the row: `overhead/mutual`.
    pub id: String,
    /// The plan.
    pub plan: String,
    /// The row.
    pub row: String,
    /// Its place in the plan, from 0: reports keep the plan's order.
    pub place: u32,
    /// The row of the same plan that this one is compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The plan's file.
    pub file: String,
    /// The target.
    pub target: String,
    /// Is the target a service within the harness's own process? Then their processor time cannot be told apart.
    pub embedded: bool,
    /// What carried the octets: `tcp` or `memory`.
    pub transport: String,
    /// What was pinned.
    pub setting: Setting,
    /// Names the setting: equal for equal settings.
    pub setting_digest: String,
    /// How many threads called; 0 where that is not known, or differs from part to part.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub workers: u32,
    /// What the row reaches in a closed loop, in connections per second, where its rate is a share of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saturation: Option<f64>,
    /// Why nothing was measured, or not everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmeasured: Option<String>,
    /// Is that because the target or the harness failed? Otherwise the target cannot be asked this.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub broken: bool,
    /// What was measured, in the order of time.
    pub repetitions: Vec<Repetition>,
}

/// One repetition of a row.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct Repetition {
    /// Its number, from 1.
    pub number: u32,
    /// For how long was measured, in microseconds.
    pub duration_us: u64,
    /// How busy the machine was when it began: processes that wanted to run, over a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_average: Option<f64>,
    /// What became of the connections.
    pub tally: Tally,
    /// Processor time.
    pub cpu: Cpu,
    /// How long things took.
    pub latency: Latencies,
    /// What happened when, where something changed meanwhile: slices of equal length, in the order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub course: Vec<Slice>,
}

/// What became of the connections that were due within the measured time.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
pub struct Tally {
    /// How many were due in an open loop, or begun in a closed one; strangers not counted.
    pub due: u64,
    /// How many of them were not begun, because as many were open as there may be.
    pub dropped: u64,
    /// How many were answered by the target in a handshake of the wanted kind: these alone are measured.
    pub confirmed: u64,
    /// How many of that kind were answered before the measured time was over, whenever they were due: the rate is
    /// theirs, for what is answered later was more than the target could do.
    #[serde(default)]
    pub in_time: u64,
    /// How many were answered in a handshake of the other kind.
    pub other_kind: u64,
    /// How many were not answered, by what happened instead.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failed: BTreeMap<String, u64>,
    /// How many strangers were to knock.
    #[serde(default)]
    pub strangers: u64,
    /// How many strangers were refused.
    #[serde(default)]
    pub strangers_refused: u64,
    /// How many strangers were let in: there must be none.
    #[serde(default)]
    pub strangers_accepted: u64,
    /// How many strangers were neither, by what happened instead.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub strangers_failed: BTreeMap<String, u64>,
}

/// Processor time, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
pub struct Cpu {
    /// The harness's process, an embedded target included.
    pub harness_ns: u64,
    /// The target's processes, where they are apart and on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_ns: Option<u64>,
    /// How many connections were answered meanwhile, or turned away: the time is theirs.
    pub connections: u64,
}

/// How long things took in connections that were confirmed, in nanoseconds.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct Latencies {
    /// From the dial until TCP is connected.
    pub connect: Latency,
    /// From there until the client's own handshake is done.
    pub handshake: Latency,
    /// From the same moment until the server has confirmed: by a session ticket, or else by its first octet of
    /// application data.
    pub confirmed: Latency,
    /// From the dial until the first octet of application data has come.
    pub first_byte: Latency,
    /// The same from the moment at which the connection was due, which includes what it was kept waiting. In a
    /// closed loop nothing is due, and it is the same.
    pub from_due: Latency,
    /// How late the pacing thread itself was.
    pub pacing: Latency,
}

/// A slice of a repetition.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct Slice {
    /// Where it begins, in microseconds since the measured time began.
    pub from_us: u64,
    /// How many connections that were due in it failed.
    pub failed: u64,
    /// From due until the first octet, for those that were due in it.
    pub latency: Latency,
}

impl Measurement {
    /// Why the row is not as expected, whatever it took: nothing, as a rule.
    pub fn objection(&self) -> Option<&'static str> {
        if self.broken {
            Some("it could not be measured, for something broke")
        } else if self.lets_strangers_in() {
            Some("connections were accepted that must be refused")
        } else if self.lets_nobody_in() {
            Some("nobody was answered who must be, in a handshake of the wanted kind")
        } else if self.fails_most() {
            Some("more connections failed than were answered")
        } else {
            None
        }
    }

    fn lets_strangers_in(&self) -> bool {
        self.sum(|tally| tally.strangers_accepted) > 0
    }

    /// Was this measured, and none of those let in who must be?
    fn lets_nobody_in(&self) -> bool {
        let confirmed = self.sum(|tally| tally.confirmed);
        !self.repetitions.is_empty() && !self.is_of_strangers_alone() && confirmed == 0
    }

    /// Did more of the callers' connections fail than were answered? Those that were not begun do not count: more
    /// may be due than a target can bear.
    fn fails_most(&self) -> bool {
        let answered = self.sum(|tally| tally.confirmed.saturating_add(tally.other_kind));
        self.sum(Tally::failures) > answered
    }

    fn sum(&self, count: impl Fn(&Tally) -> u64) -> u64 {
        let counts = self.repetitions.iter().map(|one| count(&one.tally));
        counts.fold(0, u64::saturating_add)
    }

    fn is_of_strangers_alone(&self) -> bool {
        self.setting.stranger_share == 100
    }

    /// Was there in this repetition what it was to measure: somebody let in, or, where all are strangers,
    /// somebody refused?
    pub fn answers(&self, repetition: &Repetition) -> bool {
        match self.is_of_strangers_alone() {
            true => repetition.tally.strangers_refused > 0,
            false => repetition.tally.confirmed > 0,
        }
    }

    /// All repetitions' histograms of this kind, added up.
    pub fn latency(&self, which: impl Fn(&Latencies) -> &Latency) -> Latency {
        let mut all = Latency::new();
        for repetition in &self.repetitions {
            all.merge(which(&repetition.latency));
        }
        all
    }
}

impl Repetition {
    /// Processor time of both ends for each connection that was answered or refused, in nanoseconds; none where
    /// there was none, or the target's is not known.
    pub fn cpu_of_both(&self, embedded: bool) -> Option<f64> {
        let target = match embedded {
            true => 0,
            false => self.cpu.target_ns?,
        };
        self.for_each(self.cpu.harness_ns.saturating_add(target))
    }

    /// The harness's processor time for each connection that was answered or refused, in nanoseconds; with an
    /// embedded target, that of both ends.
    pub fn cpu_of_harness(&self) -> Option<f64> {
        self.for_each(self.cpu.harness_ns)
    }

    /// The target's processor time for each connection that was answered or refused, in nanoseconds.
    pub fn cpu_of_target(&self) -> Option<f64> {
        self.for_each(self.cpu.target_ns?)
    }

    fn for_each(&self, nanos: u64) -> Option<f64> {
        let connections = self.cpu.connections;
        (connections > 0).then(|| nanos as f64 / connections as f64)
    }

    /// Confirmed connections per second, of those that were answered in time.
    pub fn rate(&self) -> f64 {
        per_second(self.tally.in_time, self.duration_us)
    }

    /// Connections that were due, per second.
    pub fn due_rate(&self) -> f64 {
        per_second(self.tally.due, self.duration_us)
    }

    /// Adds what another generator of load did in the same repetition, at the same time, against the same
    /// target: counts, histograms and the generators' processor time are added up; the longest measured time
    /// and the busiest machine are kept, and the target's processor time too, for whoever can see it sees all
    /// of it. The order does not matter.
    pub fn add(&mut self, other: &Self) {
        self.duration_us = self.duration_us.max(other.duration_us);
        self.load_average = match (self.load_average, other.load_average) {
            (Some(one), Some(other)) => Some(one.max(other)),
            (one, other) => one.or(other),
        };
        self.tally.add(&other.tally);
        self.cpu.add(other.cpu);
        self.latency.add(&other.latency);
        let mut course: BTreeMap<u64, Slice> = BTreeMap::new();
        for slice in self.course.drain(..).chain(other.course.iter().cloned()) {
            match course.entry(slice.from_us) {
                Entry::Vacant(place) => {
                    place.insert(slice);
                }
                Entry::Occupied(place) => place.into_mut().add(&slice),
            }
        }
        self.course = course.into_values().collect();
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks in this way")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

fn per_second(count: u64, duration_us: u64) -> f64 {
    match duration_us {
        0 => 0.0,
        duration => count as f64 * 1e6 / duration as f64,
    }
}

impl Tally {
    /// Adds the other's counts.
    pub fn add(&mut self, other: &Self) {
        let Self {
            due,
            dropped,
            confirmed,
            in_time,
            other_kind,
            failed,
            strangers,
            strangers_refused,
            strangers_accepted,
            strangers_failed,
        } = other;
        for (sum, count) in [
            (&mut self.due, due),
            (&mut self.dropped, dropped),
            (&mut self.confirmed, confirmed),
            (&mut self.in_time, in_time),
            (&mut self.other_kind, other_kind),
            (&mut self.strangers, strangers),
            (&mut self.strangers_refused, strangers_refused),
            (&mut self.strangers_accepted, strangers_accepted),
        ] {
            *sum = sum.saturating_add(*count);
        }
        for (sums, counts) in [
            (&mut self.failed, failed),
            (&mut self.strangers_failed, strangers_failed),
        ] {
            for (what, count) in counts {
                let sum = sums.entry(what.clone()).or_default();
                *sum = sum.saturating_add(*count);
            }
        }
    }

    /// How many callers' connections failed.
    pub fn failures(&self) -> u64 {
        self.failed.values().copied().fold(0, u64::saturating_add)
    }
}

impl Cpu {
    fn add(&mut self, other: Self) {
        self.harness_ns = self.harness_ns.saturating_add(other.harness_ns);
        self.connections = self.connections.saturating_add(other.connections);
        self.target_ns = self.target_ns.max(other.target_ns);
    }
}

impl Latencies {
    /// Adds the histograms of somebody who measured at the same time.
    pub fn add(&mut self, other: &Self) {
        let Self {
            connect,
            handshake,
            confirmed,
            first_byte,
            from_due,
            pacing,
        } = other;
        self.connect.merge(connect);
        self.handshake.merge(handshake);
        self.confirmed.merge(confirmed);
        self.first_byte.merge(first_byte);
        self.from_due.merge(from_due);
        self.pacing.merge(pacing);
    }
}

impl Slice {
    /// Adds the same slice of somebody who measured at the same time.
    pub fn add(&mut self, other: &Self) {
        self.failed = self.failed.saturating_add(other.failed);
        self.latency.merge(&other.latency);
    }
}
