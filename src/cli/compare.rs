//! `compare`: two records, and what changed between them.

use std::path::PathBuf;

use clap::Args;

use super::baseline::{MarginArguments, exit};
use super::exit::Exit;
use super::{Failure, print, record};
use crate::compare::{Comparison, Format};
use crate::expect::Level;

/// What `compare` is told.
#[derive(Args)]
pub(super) struct Arguments {
    /// The record to compare with: a run.json, or a folder that has one.
    #[arg(value_name = "BEFORE")]
    before: PathBuf,

    /// The record that is compared with it.
    #[arg(value_name = "AFTER")]
    after: PathBuf,

    /// What is written to standard output.
    #[arg(long, value_name = "FORMAT", default_value = "terminal")]
    format: Format,

    /// The weakest level whose cases keep the gate shut: must, should or may.
    #[arg(long, value_name = "LEVEL", default_value = "must")]
    level: Level,

    #[command(flatten)]
    margins: MarginArguments,
}

pub(super) fn compare(arguments: &Arguments) -> Result<Exit, Failure> {
    let read = |path| record::read(path).map_err(Failure::usage);
    let (before, after) = (read(&arguments.before)?, read(&arguments.after)?);
    let comparison = Comparison::of(&before, &after, arguments.margins.terms(arguments.level));
    print(&arguments.format.render(&comparison)?)?;
    Ok(exit(&comparison))
}
