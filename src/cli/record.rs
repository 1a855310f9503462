//! Records in files, for every command that takes or leaves one.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context, anyhow};

use crate::record::{Run, SCHEMA_VERSION, Summary};

/// Longer than any record, in octets: a run of all cases on forty targets takes a tenth of it. What has no end, such
/// as a device, must not fill the memory.
const LONGEST: u64 = 1 << 30;

/// Reads a record: a run.json, or a folder that has one.
///
/// # Errors
/// When there is none, it is none, or it is of a version that is newer than this program.
pub(super) fn read(path: &Path) -> anyhow::Result<Run> {
    let within = path.join("run.json");
    let path = if path.is_dir() { &within } else { path };
    let text = text(path).with_context(|| {
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
    let mut seen = BTreeSet::new();
    let mut rows = run.measurements.iter();
    if let Some(row) = rows.find(|row| !seen.insert((row.target.as_str(), row.id.as_str()))) {
        return Err(anyhow!(
            "`{}` has the row `{}` against {} twice",
            path.display(),
            row.id,
            row.target
        ));
    }
    // The cases are the evidence; the counts are a view of them.
    run.summary = Summary::of(&run.cases);
    Ok(run)
}

/// Writes a file. Whoever reads meanwhile sees the old one or the new one, never half of one.
///
/// # Errors
/// When there is no writing, or no renaming, in that folder.
pub(super) fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    fs::write(&unfinished, text)
        .and_then(|()| fs::rename(&unfinished, path))
        .with_context(|| format!("failed to write `{}`", path.display()))
}

fn text(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LONGEST).read_to_string(&mut text)?;
    if text.len() as u64 == LONGEST {
        return Err(anyhow!("it is longer than any record"));
    }
    Ok(text)
}
