//! The registry: every target that can be named.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::Target;
use super::command::Command;
use super::descriptor::Descriptor;
use super::planted::{PREFIX, Planted};
use super::rustls::{self, Rustls};
use crate::document::{DocumentError, nearest};

include!(concat!(env!("OUT_DIR"), "/targets.rs"));

/// The descriptors of targets that are in process: they describe no command.
const IN_PROCESS: [&str; 2] = ["rustls.toml", "planted.toml"];

/// The target with this name, or with the descriptor at this path: what ends in `.toml` is a path.
///
/// # Errors
/// When nothing is called so, or its descriptor is invalid.
pub fn find(name: &str) -> Result<Arc<dyn Target>, RegistryError> {
    match name {
        "rustls" => return Ok(Arc::new(Rustls::load()?)),
        rustls::DEFAULT => return Ok(Arc::new(Rustls::with_default_sessions()?)),
        _ => {}
    }
    if let Some(planted) = Planted::named(name) {
        return Ok(Arc::new(planted));
    }
    Ok(Arc::new(find_command(name)?))
}

/// The target with this name, if it is a command.
///
/// # Errors
/// As [`find`]; also for targets in process, which nobody can start by hand.
pub fn find_command(name: &str) -> Result<Command, RegistryError> {
    if name.ends_with(".toml") {
        return read(Path::new(name));
    }
    if let Some((_, text)) = descriptors().find(|(known, _)| *known == name) {
        let descriptor = Descriptor::parse(&format!("targets/{name}.toml"), text)?;
        return Ok(Command::of(name.to_owned(), descriptor));
    }
    Err(RegistryError::Unknown {
        name: name.to_owned(),
        hint: hint(name),
    })
}

/// The names of all targets, in the order of reports.
pub fn names() -> Vec<String> {
    ["rustls", rustls::DEFAULT]
        .into_iter()
        .chain(described())
        .map(str::to_owned)
        .chain(Planted::names())
        .collect()
}

/// The names of the targets that are commands.
pub fn described() -> impl Iterator<Item = &'static str> {
    descriptors().map(|(name, _)| name)
}

/// Does this target exist to show what goes wrong? Such targets run where somebody asks for them.
pub fn is_cautionary(name: &str) -> bool {
    is_planted(name) || name == rustls::DEFAULT
}

/// Is this the name of a planted target?
pub fn is_planted(name: &str) -> bool {
    name.starts_with(PREFIX)
}

fn descriptors() -> impl Iterator<Item = (&'static str, &'static str)> {
    DESCRIPTORS
        .iter()
        .filter(|(file, _)| !IN_PROCESS.contains(file))
        .filter_map(|(file, text)| Some((file.strip_suffix(".toml")?, *text)))
}

fn read(path: &Path) -> Result<Command, RegistryError> {
    let shown = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| RegistryError::Unreadable {
        path: shown.clone(),
        reason: error.to_string(),
    })?;
    let descriptor = Descriptor::parse_beside(&shown, &text, path.parent())?;
    if descriptor.server.is_none() && descriptor.client.is_none() {
        return Err(RegistryError::NoRole { path: shown });
    }
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    Ok(Command::of(name.into_owned(), descriptor))
}

/// Why a target cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Nothing is called so.
    #[error("there is no target `{name}`\nhelp: {hint}")]
    Unknown {
        /// The name.
        name: String,
        /// What may be meant.
        hint: String,
    },
    /// Its file cannot be read.
    #[error("cannot read the descriptor `{path}`: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the operating system says.
        reason: String,
    },
    /// It plays no role.
    #[error(
        "`{path}` describes no role\nhelp: write a table `[server]` or `[client]`; targets/README.md says what is in it"
    )]
    NoRole {
        /// The file.
        path: String,
    },
    /// Its descriptor is invalid.
    #[error(transparent)]
    Descriptor(#[from] DocumentError),
}

fn hint(name: &str) -> String {
    let names = names();
    nearest(name, names.iter().map(String::as_str)).map_or_else(
        || "`mtls-gauntlet list --targets` shows what there is".into(),
        |nearest| format!("did you mean `{nearest}`?"),
    )
}
