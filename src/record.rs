//! The run record: the one source of every report.
//!
//! Its JSON is `run.json`; names are fixed, and additions come with a new `schema_version`.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::expect::{Expectation, Level, Outcome};
use crate::judge::{FailureKind, Verdict};
use crate::observe::Observation;
use crate::oracle::findings::Findings;
use crate::scenario::fleet::Network;
use crate::scenario::{Role, TlsVersion};

pub use self::host::Host;
pub use self::latency::Latency;
pub use self::measurement::Measurement;
pub use self::merge::merge;
pub use self::shard::{Division, MeasuredRecord, MergeRecord, PartRecord, Selected, ShardRecord};

mod host;
pub mod latency;
pub mod measurement;
pub mod merge;
mod shard;

/// The version of the record's schema.
pub const SCHEMA_VERSION: u32 = 5;

/// The versioned record of one invocation.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct Run {
    /// The version of this schema.
    pub schema_version: u32,
    /// What made the record.
    pub tool: Tool,
    /// The seed of everything drawn by chance.
    pub seed: u64,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// False when it was cut short: then it proves nothing about the cases it lacks.
    pub complete: bool,
    /// The machine.
    pub host: Host,
    /// The columns.
    pub targets: Vec<TargetRecord>,
    /// The cells' evidence, ordered by target and id.
    pub cases: Vec<CaseRecord>,
    /// What was measured, ordered by target, plan and place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measurements: Vec<Measurement>,
    /// Which part of a run this is, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<ShardRecord>,
    /// What it was made of, if it was merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged: Option<MergeRecord>,
    /// The counts.
    pub summary: Summary,
}

/// What made a record.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct Tool {
    /// `mtls-gauntlet`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Was it built without optimisation? Then its own processor time is a multiple of what it would be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unoptimised: bool,
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let built = if self.unoptimised {
            ", unoptimised"
        } else {
            ""
        };
        write!(f, "{} {}{built}", self.name, self.version)
    }
}

/// A column.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct TargetRecord {
    /// Its name.
    pub name: String,
    /// The role it played.
    pub role: Role,
    /// The version of the implementation.
    pub version: String,
    /// How often it was started in this role.
    pub starts: u32,
    /// How many starts its cases ask for: one for each distinct environment, and one for each twin whose
    /// environment is not its case's.
    #[serde(default)]
    pub environments: u32,
    /// Why it is not there, and how to get it, if it is not: then no case was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent: Option<String>,
}

/// What came of one case against one target.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct CaseRecord {
    /// The case: `validity/expired/server/tls1.3`.
    pub id: String,
    /// The scenario: `validity/expired`.
    pub scenario: String,
    /// The scenario's title.
    pub title: String,
    /// How binding the scenario is.
    pub level: Level,
    /// Where the requirement is written.
    pub spec: Vec<String>,
    /// The scenario's file.
    pub file: String,
    /// The line of that file at which its expectation is written, from 1; 0 where that is not known.
    #[serde(default)]
    pub line: u32,
    /// The target.
    pub target: String,
    /// The side that the target played.
    pub role: Role,
    /// The TLS version.
    pub tls: TlsVersion,
    /// What was presented to the target.
    pub presented: String,
    /// What should happen.
    pub expectation: Expectation,
    /// What both ends saw; none where nothing was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observation: Option<Observation>,
    /// What it comes to.
    pub verdict: Verdict,
    /// The kind of failure, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_kind: Option<FailureKind>,
    /// Why this deviation is known, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<String>,
    /// The verdict's grounds in one plain sentence.
    pub reason: String,
    /// What the target logged meanwhile, for cases that did not go well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// What came of its story or its timeline, for cases that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeline: Option<TimelineRecord>,
    /// What the twin did, for cases that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin: Option<TwinRecord>,
    /// SHA-256 of the scenario's file.
    pub scenario_digest: String,
    /// Names the environment: equal for equal environments.
    pub environment_digest: String,
    /// How long the connection took, twin not counted, in microseconds.
    pub duration_us: u64,
}

/// What came of a story or a fleet's timeline.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct TimelineRecord {
    /// What carried the octets of a fleet; none for the story of a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// How much later than they were due calls of a fleet have begun, at most, in microseconds: how much the
    /// machine kept the harness itself waiting.
    #[serde(default)]
    pub lateness_us: u64,
    /// SHA-256 of the history, in hexadecimal: equal for equal histories.
    pub history_digest: String,
    /// What each step of a story saw, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<String>,
    /// What checking the history found.
    pub findings: Findings,
}

/// What a twin did.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct TwinRecord {
    /// Was it accepted, as it must be?
    pub accepted: bool,
    /// Did it run in the same start of the target as its case?
    pub same_start: bool,
    /// What happened, in words.
    pub words: String,
    /// What both ends saw; none where it could not be run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observation: Option<Observation>,
}

/// The counts of a run.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
pub struct Summary {
    /// How many scenarios.
    pub scenarios: u32,
    /// How many cases.
    pub cases: u32,
    /// As expected.
    pub pass: u32,
    /// Refused as expected, otherwise than proper.
    pub lenient: u32,
    /// Not as expected, known deviations included.
    pub fail: u32,
    /// Choices recorded.
    pub policy: u32,
    /// Not possible for the target.
    pub unsupported: u32,
    /// Refusals without proof.
    pub invalid: u32,
    /// Hung, known deviations included.
    pub hang: u32,
    /// Crashed, known deviations included.
    pub crash: u32,
    /// The harness's own failures.
    pub broken: u32,
    /// How many of the failures are known deviations.
    pub known: u32,
}

impl Summary {
    /// Counts these cases.
    pub fn of(cases: &[CaseRecord]) -> Self {
        let mut summary = Self::default();
        let mut scenarios: Vec<&str> = cases.iter().map(|case| case.scenario.as_str()).collect();
        scenarios.sort_unstable();
        scenarios.dedup();
        summary.scenarios = count(scenarios.len());
        summary.cases = count(cases.len());
        for case in cases {
            *summary.of_verdict(case.verdict) += 1;
            if case.is_known_failure() {
                summary.known += 1;
            }
        }
        summary
    }

    fn of_verdict(&mut self, verdict: Verdict) -> &mut u32 {
        match verdict {
            Verdict::Pass => &mut self.pass,
            Verdict::Lenient => &mut self.lenient,
            Verdict::Fail => &mut self.fail,
            Verdict::Policy => &mut self.policy,
            Verdict::Unsupported => &mut self.unsupported,
            Verdict::Invalid => &mut self.invalid,
            Verdict::Hang => &mut self.hang,
            Verdict::Crash => &mut self.crash,
            Verdict::Broken => &mut self.broken,
        }
    }

    /// How many cases came to this verdict.
    pub fn count(mut self, verdict: Verdict) -> u32 {
        *self.of_verdict(verdict)
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Why a case keeps the gate shut.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Objection {
    /// A binding scenario failed, hung or crashed, and nobody knew.
    Failure,
    /// A known deviation has passed: the list is out of date.
    Stale,
    /// The refusal proves nothing.
    Invalid,
    /// The harness failed.
    Broken,
}

impl CaseRecord {
    /// A failure that the target's descriptor explains.
    pub fn is_known_failure(&self) -> bool {
        self.known.is_some() && self.verdict.is_failure()
    }

    /// Why this case keeps the gate shut, if it does. `level` is the weakest level that binds.
    pub fn objection(&self, level: Level) -> Option<Objection> {
        match self.verdict {
            Verdict::Broken => Some(Objection::Broken),
            Verdict::Invalid => Some(Objection::Invalid),
            Verdict::Pass | Verdict::Lenient if self.known.is_some() => Some(Objection::Stale),
            verdict if verdict.is_failure() && self.known.is_none() && self.level <= level => {
                Some(Objection::Failure)
            }
            _ => None,
        }
    }

    /// Must the peer of this case be refused?
    pub fn is_forbidden(&self) -> bool {
        self.expectation.outcome == Outcome::Reject
    }
}

impl Run {
    /// Is there no case that a target was asked, and no row that was measured? Then it is no proof of anything.
    pub fn proves_nothing(&self) -> bool {
        let asked = |case: &CaseRecord| case.verdict != Verdict::Unsupported;
        let measured = |row: &Measurement| row.broken || !row.repetitions.is_empty();
        !self.cases.iter().any(asked) && !self.measurements.iter().any(measured)
    }

    /// Was everything that it has made on one machine? What was measured on several can be added up, and not be
    /// compared row with row. Where the parts of a merged record do not tell, they are taken for different ones.
    pub fn is_of_one_machine(&self) -> bool {
        let parts = self.merged.iter().flat_map(|merged| &merged.parts);
        let mut hosts = parts.map(|part| &part.host);
        hosts
            .next()
            .is_none_or(|first| hosts.all(|host| host.is_the_same_as(first)))
    }

    /// Can its rows be compared with each other: as those that one machine measured, or that the same machines
    /// measured together?
    pub fn rows_are_comparable(&self) -> bool {
        let division = self.merged.as_ref().map(|merged| merged.division);
        division != Some(Division::Apart) || self.is_of_one_machine()
    }

    /// Every case that keeps the gate shut, with the reason.
    pub fn objections(&self, level: Level) -> impl Iterator<Item = (&CaseRecord, Objection)> {
        self.cases
            .iter()
            .filter_map(move |case| Some((case, case.objection(level)?)))
    }

    /// The record as `run.json` has it.
    ///
    /// # Errors
    /// Never for records that this program made; the type of the JSON library's error.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The JSON Schema of the record.
    ///
    /// # Errors
    /// As [`Run::to_json`].
    pub fn json_schema() -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(&schemars::schema_for!(Self))? + "\n")
    }
}
