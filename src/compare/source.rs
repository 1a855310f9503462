//! Where one side of a comparison comes from, and what it lacks.

use schemars::JsonSchema;
use serde::Serialize;

use crate::record::{Host, Run};

/// One of the two records.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Source {
    /// When it began, RFC 3339.
    pub started_at: String,
    /// The version of the program that made it.
    pub version: String,
    /// The machine.
    pub host: Host,
    /// How many cases it has.
    pub cases: usize,
    /// How many rows were measured in it.
    pub rows: usize,
}

impl Source {
    pub(super) fn of(run: &Run) -> Self {
        Self {
            started_at: run.started_at.clone(),
            version: run.tool.version.clone(),
            host: run.host.clone(),
            cases: run.cases.len(),
            rows: run.measurements.len(),
        }
    }
}

/// Why this record proves nothing about what it does not have, if it is so; `name` is what to call it.
pub(super) fn lacks(name: &str, run: &Run) -> Vec<String> {
    let mut lacks = Vec::new();
    if !run.complete {
        lacks.push(format!("{name} is incomplete: its run was cut short"));
    }
    if let Some(merged) = &run.merged {
        if !merged.missing.is_empty() {
            lacks.push(format!(
                "{name} was merged from {} parts, of which these are missing: {}",
                merged.count,
                listed(&merged.missing)
            ));
        }
        if !merged.cut_short.is_empty() {
            lacks.push(format!(
                "{name} was merged from parts that were cut short: {}",
                listed(&merged.cut_short)
            ));
        }
    }
    lacks
}

fn listed(numbers: &[u32]) -> String {
    let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
    numbers.join(", ")
}
