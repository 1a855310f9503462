//! Target descriptors: what `targets/*.toml` says of an implementation.

use std::collections::BTreeMap;

use globset::{Glob, GlobMatcher};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::document::{Document, DocumentError};
use crate::scenario::Profile;

/// What a descriptor says.
#[derive(Debug)]
pub struct Descriptor {
    known: Vec<(GlobMatcher, String)>,
    profiles: Vec<Profile>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct File {
    /// The profiles that it follows.
    #[serde(default)]
    profiles: Vec<Profile>,
    /// Its documented deviations: a glob over case ids, and the reason with a reference.
    #[serde(default)]
    known: BTreeMap<String, String>,
}

impl Descriptor {
    /// Parses a descriptor; `path` is what errors call it.
    ///
    /// # Errors
    /// When the file is not TOML, has an unknown key, or a glob that is none.
    pub fn parse(path: &str, text: &str) -> Result<Self, DocumentError> {
        let document = Document::parse(path, text)?;
        let file: File = document.read()?;
        let mut known = Vec::new();
        for (glob, reason) in file.known {
            let matcher = Glob::new(&glob)
                .map_err(|error| document.error_at(&["known", &glob], &error.to_string(), None))?;
            known.push((matcher.compile_matcher(), reason));
        }
        Ok(Self {
            known,
            profiles: file.profiles,
        })
    }

    /// Why a deviation in this case is known, if it is.
    pub fn known(&self, case: &str) -> Option<&str> {
        self.known
            .iter()
            .find(|(glob, _)| glob.is_match(case))
            .map(|(_, reason)| reason.as_str())
    }

    /// Does it follow this profile?
    pub fn follows(&self, profile: Profile) -> bool {
        self.profiles.contains(&profile)
    }
}
