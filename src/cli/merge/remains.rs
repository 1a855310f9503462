//! What a run leaves behind: its record, and where it has died the results that it wrote as they came.
//!
//! A run that is killed leaves the record that it began with, which is incomplete and empty. Its results are
//! in `events.jsonl`, a line for each; the last line may be torn.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, anyhow};

use crate::cli::record::read;
use crate::record::{CaseRecord, Run, Summary};

/// Reads the record at this path, or in the folder at this path.
///
/// # Errors
/// When there is none, or it or its events cannot be read.
pub(super) fn read_part(path: &Path) -> anyhow::Result<Run> {
    if !path.is_dir() {
        return read(path);
    }
    let mut run = read(&path.join("run.json"))?;
    // Of complete runs and of merged ones nothing is left to be found.
    if run.complete || run.shard.is_none() {
        return Ok(run);
    }
    let events = path.join("events.jsonl");
    let octets = match fs::read(&events) {
        Ok(octets) => octets,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(run),
        Err(error) => {
            return Err(error).with_context(|| format!("failed to read `{}`", events.display()));
        }
    };
    let cases = cases(&octets).with_context(|| format!("`{}` is damaged", events.display()))?;
    if cases.len() > run.cases.len() {
        run.cases = cases;
        run.summary = Summary::of(&run.cases);
    }
    Ok(run)
}

/// The cases that are written in these lines.
fn cases(octets: &[u8]) -> anyhow::Result<Vec<CaseRecord>> {
    let lines: Vec<_> = octets
        .split(|octet| *octet == b'\n')
        .filter(|line| !line.is_empty())
        .collect();
    let mut cases = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        match serde_json::from_slice(line) {
            Ok(case) => cases.push(case),
            // It was being written when the run died.
            Err(_) if index + 1 == lines.len() => {}
            Err(error) => return Err(anyhow!("line {}: {error}", index + 1)),
        }
    }
    Ok(cases)
}
