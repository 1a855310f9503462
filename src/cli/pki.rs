//! `pki`: certificates as files.

use clap::{Args, Subcommand};

use self::export::{Export, export};
use self::init::{Init, init};
use super::Failure;
use super::exit::Exit;

mod export;
mod folder;
mod init;
pub(super) mod installed;

/// What `pki` is told.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: PkiCommand,
}

#[derive(Subcommand)]
enum PkiCommand {
    /// Make a root for a target that runs elsewhere to trust, and an identity for it.
    Init(Init),
    /// Write the certificates and keys of a scenario as PEM files.
    Export(Export),
}

pub(super) fn pki(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.command {
        PkiCommand::Init(arguments) => init(arguments),
        PkiCommand::Export(arguments) => export(arguments),
    }
}
