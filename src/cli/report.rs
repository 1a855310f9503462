//! `report`: renders a record again, in any format.

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::{Failure, record, view};
use crate::expect::Level;
use crate::report::Format;

/// What `report` is told.
#[derive(Args)]
pub(super) struct Arguments {
    /// The record: a run.json, or a folder that has one.
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
    let run = record::read(&arguments.record).map_err(Failure::usage)?;
    view::show(arguments.format, &run, arguments.level, None)
}
