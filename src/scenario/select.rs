//! Selecting cases: by glob over ids, by tag, by specification, by shard.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use globset::{Glob, GlobSet, GlobSetBuilder};

use super::expand::Case;

/// The first of these globs that fits none of the cases, without its `!`: what somebody asked for that is not
/// there.
///
/// # Errors
/// When a glob is none.
pub fn idle<'g>(globs: &'g [String], cases: &[Case]) -> Result<Option<&'g str>, globset::Error> {
    let ids: Vec<String> = cases.iter().map(Case::id).collect();
    for glob in globs {
        let glob = glob.trim_start_matches('!');
        let matcher = Glob::new(glob)?.compile_matcher();
        let scenarios = cases.iter().map(|case| case.scenario.id.as_str());
        let mut all = scenarios.chain(ids.iter().map(String::as_str));
        if !all.any(|id| matcher.is_match(id)) {
            return Ok(Some(glob));
        }
    }
    Ok(None)
}

/// What is selected. An empty selection selects everything.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    include: Option<GlobSet>,
    exclude: GlobSet,
    tags: Vec<String>,
    specs: Vec<String>,
    shard: Option<Shard>,
}

impl Selection {
    /// A selection by globs over scenario and case ids; a `!` in front excludes.
    ///
    /// # Errors
    /// When a glob is none.
    pub fn of_globs(globs: &[String]) -> Result<Self, globset::Error> {
        let (excluded, included): (Vec<_>, Vec<_>) =
            globs.iter().partition(|glob| glob.starts_with('!'));
        let set = |globs: &[&String]| -> Result<GlobSet, globset::Error> {
            let mut builder = GlobSetBuilder::new();
            for glob in globs {
                builder.add(Glob::new(glob.trim_start_matches('!'))?);
            }
            builder.build()
        };
        Ok(Self {
            include: if included.is_empty() {
                None
            } else {
                Some(set(&included)?)
            },
            exclude: set(&excluded)?,
            ..Self::default()
        })
    }

    /// Only scenarios with one of these tags.
    #[must_use]
    pub fn with_tags(self, tags: Vec<String>) -> Self {
        Self { tags, ..self }
    }

    /// Only scenarios whose `spec` contains one of these texts, letter case apart.
    #[must_use]
    pub fn with_specs(self, specs: Vec<String>) -> Self {
        let specs = specs.iter().map(|spec| spec.to_lowercase()).collect();
        Self { specs, ..self }
    }

    /// Only this shard.
    #[must_use]
    pub fn with_shard(self, shard: Option<Shard>) -> Self {
        Self { shard, ..self }
    }

    /// Is this case selected?
    pub fn selects(&self, case: &Case) -> bool {
        let scenario = &case.scenario;
        let id = case.id();
        let matches = |set: &GlobSet| set.is_match(&scenario.id) || set.is_match(&id);
        let cited = |wanted: &String| {
            scenario
                .spec
                .iter()
                .any(|spec| spec.to_lowercase().contains(wanted))
        };
        self.include.as_ref().is_none_or(matches)
            && !matches(&self.exclude)
            && (self.tags.is_empty() || self.tags.iter().any(|tag| scenario.tags.contains(tag)))
            && (self.specs.is_empty() || self.specs.iter().any(cited))
            && self.shard.is_none_or(|shard| shard.holds(&id))
    }
}

/// One of `count` parts of a run. Which part a case belongs to depends on its id alone, so adding a
/// scenario moves no other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Shard {
    number: u32,
    count: u32,
}

impl Shard {
    /// Shard `number` of `count`; numbers begin at 1.
    pub fn new(number: u32, count: u32) -> Option<Self> {
        (1..=count)
            .contains(&number)
            .then_some(Self { number, count })
    }

    /// Its number, from 1.
    pub fn number(self) -> u32 {
        self.number
    }

    /// How many there are.
    pub fn count(self) -> u32 {
        self.count
    }

    /// Does it hold the case with this id?
    pub fn holds(self, id: &str) -> bool {
        let digest = digest::digest(&digest::SHA256, id.as_bytes());
        let value = digest
            .as_ref()
            .iter()
            .take(8)
            .fold(0_u64, |value, octet| (value << 8) | u64::from(*octet));
        value % u64::from(self.count) == u64::from(self.number - 1)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split_once('/')
            .and_then(|(number, count)| Self::new(number.parse().ok()?, count.parse().ok()?))
            .ok_or_else(|| {
                format!("`{text}` is not a shard: write k/n with k from 1 to n, as in 2/4")
            })
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}
