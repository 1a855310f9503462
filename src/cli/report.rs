//! `report`: renders a record again, in any format.

use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;

use super::exit::Exit;
use super::{Failure, view};
use crate::expect::Level;
use crate::record::{Run, SCHEMA_VERSION, Summary};
use crate::report::Format;

/// What `report` is told.
#[derive(Args)]
pub(super) struct Arguments {
    /// The record: a run.json.
    #[arg(value_name = "RUN", default_value = "reports/latest/run.json")]
    record: PathBuf,

    /// What is written to standard output.
    #[arg(long, value_name = "FORMAT", default_value = "terminal")]
    format: Format,

    /// The weakest level whose failures count: must, should or may.
    #[arg(long, value_name = "LEVEL", default_value = "must")]
    level: Level,
}

pub(super) fn report(arguments: &Arguments) -> Result<Exit, Failure> {
    let run = read(&arguments.record).map_err(Failure::usage)?;
    view::show(arguments.format, &run, arguments.level)
}

fn read(path: &std::path::Path) -> anyhow::Result<Run> {
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
