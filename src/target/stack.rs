//! Stacks: TLS libraries that several targets are built on, and the deviations that all of them share.
//!
//! A deviation of OpenSSL shows in every server that is linked to it. It is written down once, in
//! `targets/stack/<name>.toml`, and a target says whose deviations hold for it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use super::descriptor::{Globs, globs};
use crate::document::{Document, DocumentError, nearest};

include!(concat!(env!("OUT_DIR"), "/stacks.rs"));

/// What is known of a library.
#[derive(Debug)]
pub struct Stack {
    /// Its documented deviations.
    pub known: Globs,
    /// What it lacks, so that twins are refused.
    pub lacks: Globs,
    /// Its deviations that depend on chance.
    pub varies: Globs,
    /// Those of them in which it lets in whom it must refuse.
    pub admits: Globs,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct File {
    /// A glob over case ids, and the reason with a reference.
    #[serde(default)]
    known: BTreeMap<String, String>,
    /// The same for what it lacks.
    #[serde(default)]
    lacks: BTreeMap<String, String>,
    /// The same for what depends on chance.
    #[serde(default)]
    varies: BTreeMap<String, String>,
    /// The same for what depends on chance, and lets somebody in.
    #[serde(default)]
    admits: BTreeMap<String, String>,
}

impl Stack {
    /// The stack with this name, from `stack/` in this folder where there is such a file, else from
    /// those that are built in.
    ///
    /// # Errors
    /// When there is no such stack, or its file is invalid; says what to do.
    pub fn named(name: &str, folder: Option<&Path>) -> Result<Self, String> {
        let file = format!("{name}.toml");
        let own = folder.map(|folder| folder.join("stack").join(&file));
        if let Some(own) = own.filter(|own| own.is_file()) {
            let shown = own.display().to_string();
            let text = fs::read_to_string(&own).map_err(|error| format!("`{shown}`: {error}"))?;
            return Self::parse(&shown, &text);
        }
        let Some((_, text)) = STACKS.iter().find(|(known, _)| *known == file) else {
            let names = STACKS
                .iter()
                .filter_map(|(file, _)| file.strip_suffix(".toml"));
            return Err(match nearest(name, names.clone()) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("it is one of {}", names.collect::<Vec<_>>().join(", ")),
            });
        };
        Self::parse(&format!("targets/stack/{file}"), text)
    }

    fn parse(path: &str, text: &str) -> Result<Self, String> {
        let parse = || {
            let document = Document::parse(path, text)?;
            let file: File = document.read()?;
            Ok(Self {
                known: globs(&document, "known", file.known)?,
                lacks: globs(&document, "lacks", file.lacks)?,
                varies: globs(&document, "varies", file.varies)?,
                admits: globs(&document, "admits", file.admits)?,
            })
        };
        parse().map_err(|error: DocumentError| error.to_string())
    }
}
