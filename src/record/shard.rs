//! Parts of a run that is spread over several machines.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Host, Measurement, TargetRecord};
use crate::digest::sha256_start;

/// Which part of a run a record is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
pub struct ShardRecord {
    /// Its number, from 1.
    pub number: u32,
    /// How many parts there are.
    pub count: u32,
    /// How the parts are made.
    pub division: Division,
    /// Names all that was selected before it was divided: equal for the parts of one run.
    pub selection: String,
    /// How many cases and rows all parts have together, over all targets.
    pub whole: u64,
}

/// How a run is divided.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Division {
    /// Each part has cases and rows of its own.
    Apart,
    /// All parts load one target in every row, at the same time.
    Together,
}

/// What a merged record was made of.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct MergeRecord {
    /// How many parts there should be.
    pub count: u32,
    /// How the parts are made.
    pub division: Division,
    /// Names all that was selected before it was divided.
    pub selection: String,
    /// How many cases and rows all parts have together, over all targets.
    pub whole: u64,
    /// The parts that are in it, ordered by number.
    pub parts: Vec<PartRecord>,
    /// The numbers of those that were not there.
    pub missing: Vec<u32>,
    /// The numbers of those that were cut short.
    pub cut_short: Vec<u32>,
}

/// What a merged record remembers of a part: all that could not be told from the sum, so that a part which
/// comes twice is counted once, in whatever order records are merged.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct PartRecord {
    /// Its number, from 1.
    pub number: u32,
    /// False when it was cut short.
    pub complete: bool,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// The machine that it ran on.
    pub host: Host,
    /// Its columns.
    pub targets: Vec<TargetRecord>,
    /// Which repetitions are its own, where parts have rows of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measured: Vec<MeasuredRecord>,
    /// What it measured itself, where all parts load one target together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measurements: Vec<Measurement>,
}

/// What a part measured in a row, where parts have rows of their own.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct MeasuredRecord {
    /// The target.
    pub target: String,
    /// The plan and the row.
    pub id: String,
    /// The numbers of its repetitions.
    pub repetitions: Vec<u32>,
    /// What the row reached in a closed loop, in connections per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saturation: Option<f64>,
    /// Why nothing was measured, or not everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmeasured: Option<String>,
    /// Is that because the target or the harness failed?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub broken: bool,
}

/// All that is selected before it is divided.
#[derive(Clone, Debug, Serialize)]
pub struct Selected {
    /// The version of the tool.
    pub version: String,
    /// The seed.
    pub seed: u64,
    /// What carries the octets.
    pub transport: String,
    /// How it is measured, in words; empty where nothing is.
    pub measure: String,
    /// The names of the targets.
    pub targets: BTreeSet<String>,
    /// The ids of all cases or rows, and for each the digest of what it says.
    pub items: BTreeMap<String, String>,
}

impl Selected {
    /// Names it: equal for equal selections, whatever order they were made in. How results are judged, shown
    /// or divided is no part of it.
    ///
    /// # Errors
    /// Never; the type of the JSON library's error.
    pub fn digest(&self) -> Result<String, serde_json::Error> {
        Ok(sha256_start(&serde_json::to_vec(self)?, 16))
    }
}
