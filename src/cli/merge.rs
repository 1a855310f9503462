//! `merge`: the records of a run's shards become the record of the whole.
//!
//! ```text
//! RUN... --read--> run.json, and events.jsonl where a run has died --merge--> Run --> views, exit status
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;

use super::exit::Exit;
use super::outcome::outcome;
use super::run::write_views;
use super::{Failure, view};
use crate::expect::Level;
use crate::record::{MergeRecord, Run, merge as merge_records};
use crate::report::Format;

use self::remains::read_part;

mod remains;

/// What `merge` is told.
#[derive(Args)]
pub(super) struct Arguments {
    /// The records of the shards: each a run.json, or the folder that it is in. Merged records can be
    /// merged with more.
    #[arg(value_name = "RUN", required = true)]
    records: Vec<PathBuf>,

    /// Where run.json, junit.xml and summary.md of the whole go.
    #[arg(long, value_name = "DIR", default_value = "reports/merged")]
    out: PathBuf,

    /// What is written to standard output.
    #[arg(long, value_name = "FORMAT", default_value = "terminal")]
    format: Format,

    /// The weakest level whose failures count: must, should or may.
    #[arg(long, value_name = "LEVEL", default_value = "must")]
    level: Level,

    /// How many shards there must be, should their records not say the same.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    expect: Option<u32>,
}

pub(super) fn merge(arguments: &Arguments) -> Result<Exit, Failure> {
    let (mut runs, mut unreadable) = (Vec::new(), Vec::new());
    for path in &arguments.records {
        match read_part(path) {
            Ok(run) => runs.push(run),
            Err(error) => unreadable.push(error),
        }
    }
    if runs.is_empty()
        && let Some(error) = unreadable.pop()
    {
        return Err(Failure::usage(error));
    }
    let whole = merge_records(runs).map_err(Failure::usage)?;
    let merged = whole
        .merged
        .as_ref()
        .context("a merged record says what it was made of")?;
    if let Some(expected) = arguments.expect
        && expected != merged.count
    {
        return Err(Failure::usage(anyhow!(
            "the records are of {} shards, and --expect says {expected}",
            merged.count
        )));
    }
    // What cannot be read is a shard that is missing; where none is, it is a mistake.
    for error in unreadable {
        if merged.missing.is_empty() {
            return Err(Failure::usage(error));
        }
        anstream::eprintln!("warning: {error:#}");
    }
    tell_what_is_missing(merged, &whole);
    write(&arguments.out, &arguments.records, &whole, arguments.level)?;
    view::show(arguments.format, &whole, arguments.level, None)?;
    outcome(&whole, arguments.level)
}

/// Says on standard error why the record is not complete.
fn tell_what_is_missing(merged: &MergeRecord, whole: &Run) {
    let count = merged.count;
    for (numbers, one, several) in [
        (&merged.missing, "is missing", "are missing"),
        (&merged.cut_short, "was cut short", "were cut short"),
    ] {
        match numbers.as_slice() {
            [] => {}
            [number] => anstream::eprintln!("shard {number} of {count} {one}"),
            numbers => {
                let numbers: Vec<_> = numbers.iter().map(u32::to_string).collect();
                anstream::eprintln!("shards {} of {count} {several}", numbers.join(", "));
            }
        }
    }
    if !whole.complete {
        anstream::eprintln!(
            "{} of {} results are there",
            whole.cases.len() + whole.measurements.len(),
            merged.whole
        );
    }
}

/// Writes the record and its views, but never over a record that it was made of.
fn write(out: &Path, records: &[PathBuf], whole: &Run, level: Level) -> Result<(), Failure> {
    fs::create_dir_all(out)
        .with_context(|| {
            format!(
                "failed to create `{}`; name another folder with --out",
                out.display()
            )
        })
        .map_err(Failure::usage)?;
    let real = |path: &Path| fs::canonicalize(path).ok();
    let folder = |path: &Path| match path.is_dir() {
        true => real(path),
        false => real(path).and_then(|path| Some(path.parent()?.to_owned())),
    };
    if let Some(path) = records.iter().find(|path| folder(path) == real(out)) {
        return Err(Failure::usage(anyhow!(
            "`{}` would be written over by the merged record\nhelp: name another folder with --out",
            path.display()
        )));
    }
    write_views(out, whole, level)?;
    Ok(())
}
