//! Reading records that were written before.

use std::path::Path;

use anyhow::{Context, anyhow};

use crate::record::{Run, SCHEMA_VERSION, Summary};

/// Reads a run.json.
///
/// # Errors
/// When it cannot be read, is no record, or is one of a newer schema.
pub(super) fn read(path: &Path) -> anyhow::Result<Run> {
    let text = std::fs::read_to_string(path).with_context(|| {
        format!(
            "failed to read `{}`; `mtls-gauntlet run` writes one",
            path.display()
        )
    })?;
    let version: serde_json::Value =
        serde_json::from_str(&text).with_context(|| format!("`{}` is not JSON", path.display()))?;
    match version
        .get("schema_version")
        .and_then(serde_json::Value::as_u64)
    {
        // Newer versions only add what older records do not have.
        Some(found) if found <= u64::from(SCHEMA_VERSION) => {}
        Some(found) => {
            return Err(anyhow!(
                "`{}` has schema version {found}, and this program reads versions up to {SCHEMA_VERSION}\nhelp: render it with the program that wrote it",
                path.display()
            ));
        }
        None => {
            return Err(anyhow!(
                "`{}` is not a run record: it has no schema_version",
                path.display()
            ));
        }
    }
    let mut run: Run = serde_json::from_value(version)
        .with_context(|| format!("`{}` is not a run record", path.display()))?;
    // The cases are the evidence; the counts are a view of them.
    run.summary = Summary::of(&run.cases);
    Ok(run)
}
