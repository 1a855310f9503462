//! The excuses in descriptors of one's own that are for nothing. The shipped descriptors have none: a test sees to it.

use std::fs;

use super::super::Failure;
use super::super::selection::SelectionArguments;
use crate::scenario::expand::{Case, expand};
use crate::scenario::load;
use crate::target::excuses::idle;

/// Says on standard error what excuses nothing in those of these targets that are files: no case of the scenarios
/// that are there to select from, and none that is built in.
pub(super) fn note(targets: &[String], selection: &SelectionArguments) -> Result<(), Failure> {
    let files: Vec<&String> = targets
        .iter()
        .filter(|name| name.ends_with(".toml"))
        .collect();
    if files.is_empty() {
        return Ok(());
    }
    let mut scenarios = selection.load()?;
    if !selection.is_built_in() {
        scenarios.extend(load::built_in().map_err(Failure::usage)?);
    }
    let ids: Vec<String> = expand(&scenarios).iter().map(Case::id).collect();
    for path in files {
        // They have been read before.
        let text = fs::read_to_string(path).unwrap_or_default();
        for told in idle(path, &text, &ids) {
            anstream::eprintln!("note: {told}");
        }
    }
    Ok(())
}
