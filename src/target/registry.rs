//! The registry: every target that can be named.

use std::sync::Arc;

use super::Target;
use super::planted::Planted;
use super::rustls::Rustls;
use crate::document::{DocumentError, nearest};

/// The target with this name.
///
/// # Errors
/// When nothing is called so, or its descriptor is invalid.
pub fn find(name: &str) -> Result<Arc<dyn Target>, RegistryError> {
    if name == "rustls" {
        return Ok(Arc::new(Rustls::load()?));
    }
    if let Some(planted) = Planted::named(name) {
        return Ok(Arc::new(planted));
    }
    Err(RegistryError::Unknown {
        name: name.to_owned(),
        hint: hint(name),
    })
}

/// The names of all targets, in the order of reports.
pub fn names() -> Vec<String> {
    std::iter::once("rustls".into())
        .chain(Planted::names())
        .collect()
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
