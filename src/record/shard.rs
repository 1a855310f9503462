//! Parts of a run that is spread over several machines.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
pub struct MergeRecord {
    /// How many parts there should be.
    pub count: u32,
    /// The numbers of those that were not there.
    pub missing: Vec<u32>,
    /// The numbers of those that were cut short.
    pub cut_short: Vec<u32>,
}
