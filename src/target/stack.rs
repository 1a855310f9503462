//! Stacks: TLS libraries that several targets are built on, and the deviations that all of them share.
//!
//! A deviation of OpenSSL shows in every server that is linked to it. It is written down once, in
//! `targets/stack/<name>.toml`, and a target says whose deviations hold for it.

use std::collections::BTreeMap;

use globset::{Glob, GlobMatcher};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::document::{Document, nearest};

include!(concat!(env!("OUT_DIR"), "/stacks.rs"));

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct File {
    /// A glob over case ids, and the reason with a reference.
    known: BTreeMap<String, String>,
}

/// The known deviations of this stack.
///
/// # Errors
/// When there is no such stack, or its file is invalid; says what to do.
pub fn known(name: &str) -> Result<Vec<(GlobMatcher, String)>, String> {
    let file = format!("{name}.toml");
    let Some((_, text)) = STACKS.iter().find(|(known, _)| *known == file) else {
        let names = STACKS.iter().filter_map(|(file, _)| file.strip_suffix(".toml"));
        return Err(match nearest(name, names.clone()) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("it is one of {}", names.collect::<Vec<_>>().join(", ")),
        });
    };
    let path = format!("targets/stack/{file}");
    let document = Document::parse(&path, text).map_err(|error| error.to_string())?;
    let file: File = document.read().map_err(|error| error.to_string())?;
    file.known
        .into_iter()
        .map(|(glob, reason)| {
            let matcher = Glob::new(&glob)
                .map_err(|error| document.error_at(&["known", &glob], &error.to_string(), None))
                .map_err(|error| error.to_string())?;
            Ok((matcher.compile_matcher(), reason))
        })
        .collect()
}
