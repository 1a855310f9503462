//! What a history comes to: violations with their witnesses, and what was measured.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::history::Micros;

/// What checking a history has found.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct Findings {
    /// What must not have happened, worst first and then by instant; at most [`Findings::MOST`].
    pub violations: Vec<Violation>,
    /// How many there were in all.
    pub violations_in_all: u64,
    /// The steps that proved nothing, for they never happened or nobody could see them, each with why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missed: Vec<String>,
    /// The calls, counted.
    pub calls: Calls,
    /// For each step that changed what is permitted or presented: how long the services took.
    pub convergence: Vec<Convergence>,
    /// How long accepted calls took by a new connection, before, during and after the timeline.
    pub latency: Vec<Latency>,
}

impl Findings {
    /// How many violations are kept.
    pub const MOST: usize = 20;
}

/// Something that must not have happened.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct Violation {
    /// What it violates.
    pub invariant: Invariant,
    /// When it was certain.
    pub at: Micros,
    /// The call that proves it, where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<u64>,
    /// Since when the call that was let in had been forbidden, where that is what happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forbidden_since: Option<Micros>,
    /// The smallest piece of history that proves it, in words.
    pub witness: String,
}

/// What must hold of a fleet at all times: the codes are those of the catalogue of experiments.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Invariant {
    /// S1: who must be refused is not accepted.
    FailsClosed,
    /// S2: never plaintext, nor anybody without a certificate.
    NoDowngrade,
    /// S3: the application is told who the peer is that was verified.
    BindsIdentity,
    /// S4: who was refused for good reason is not accepted again under the same trust.
    DoesNotFlap,
    /// S5: sessions and connections do not outlive what they rest on.
    BoundsLineage,
    /// S6: certificate and key always fit.
    KeepsPairs,
    /// S7: bad material raises an alarm, and a refusal names its cause.
    Tells,
    /// A1: who must be accepted is.
    Serves,
    /// R1: a change is in force everywhere in time.
    Converges,
    /// R3: what was served before the trouble is served after it.
    Recovers,
    /// $1 to $3: descriptors, memory and tasks are given back.
    GivesBack,
    /// $4: what is under way is bounded.
    BoundsWork,
    /// $5: the authority is not overrun.
    SparesAuthority,
}

impl Invariant {
    /// The code in the catalogue.
    pub fn code(self) -> &'static str {
        match self {
            Self::FailsClosed => "S1",
            Self::NoDowngrade => "S2",
            Self::BindsIdentity => "S3",
            Self::DoesNotFlap => "S4",
            Self::BoundsLineage => "S5",
            Self::KeepsPairs => "S6",
            Self::Tells => "S7",
            Self::Serves => "A1",
            Self::Converges => "R1",
            Self::Recovers => "R3",
            Self::GivesBack => "$1-3",
            Self::BoundsWork => "$4",
            Self::SparesAuthority => "$5",
        }
    }

    /// Does a violation mean that somebody got in who must not?
    pub fn is_about_strangers(self) -> bool {
        self <= Self::BoundsLineage
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::FailsClosed => "fails closed",
            Self::NoDowngrade => "no downgrade",
            Self::BindsIdentity => "binds identity",
            Self::DoesNotFlap => "does not flap",
            Self::BoundsLineage => "bounds lineage",
            Self::KeepsPairs => "keeps pairs",
            Self::Tells => "tells",
            Self::Serves => "serves",
            Self::Converges => "converges",
            Self::Recovers => "recovers",
            Self::GivesBack => "gives back",
            Self::BoundsWork => "bounds work",
            Self::SparesAuthority => "spares the authority",
        };
        write!(f, "{} ({words})", self.code())
    }
}

/// Calls, counted by what the oracle said of them.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
pub struct Calls {
    /// All.
    pub all: u64,
    /// Those that had to be accepted.
    pub due: u64,
    /// Those of them that were.
    pub served: u64,
    /// Those that had to be refused.
    pub forbidden: u64,
    /// Those of them that were not.
    pub let_in: u64,
    /// Those inside a window, where either was right.
    pub grey: u64,
    /// Those that resumed a session.
    pub resumed: u64,
    /// Those by a connection that was open already.
    pub reused: u64,
}

/// How long the services took to have a change in force, in microseconds.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct Convergence {
    /// The step, by its place in the timeline.
    pub step: usize,
    /// What it was.
    pub what: String,
    /// When it was published.
    pub at: Micros,
    /// How many services were seen to have it in force.
    pub services: u32,
    /// The median; none where nobody had it in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50: Option<u64>,
    /// The 99th percentile; none where nobody had it in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99: Option<u64>,
    /// The last service; none where nobody had it in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u64>,
    /// Services that were asked and never had it in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub never: Vec<String>,
}

/// How long accepted calls took, in microseconds.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct Latency {
    /// Which part of the history: before, during, after.
    pub phase: String,
    /// How many calls.
    pub calls: u64,
    /// The median.
    pub p50: u64,
    /// The 99th percentile.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}
