//! Reports: views of one record, a file for each format. No format knows another.

use crate::expect::Level;
use crate::record::Run;

pub mod class;
pub mod evidence;
pub mod github;
pub mod junit;
pub mod markdown;
pub mod matrix;
pub mod overview;
pub mod terminal;

/// A format that a record can be rendered in.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Format {
    /// The matrix, the evidence of what failed, and the counts, for people at a terminal.
    Terminal,
    /// The same for a pull request or a wiki.
    Markdown,
    /// The record itself.
    Json,
    /// JUnit XML, for CI systems.
    Junit,
    /// Annotations for GitHub Actions; the Markdown report goes to the job summary.
    Github,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] = [
        Self::Terminal,
        Self::Markdown,
        Self::Json,
        Self::Junit,
        Self::Github,
    ];

    /// Renders `run`. `level` is the weakest level that binds.
    ///
    /// # Errors
    /// When the format's library refuses.
    pub fn render(self, run: &Run, level: Level) -> anyhow::Result<String> {
        Ok(match self {
            Self::Terminal => terminal::render(run, level),
            Self::Markdown => markdown::render(run, level),
            Self::Json => run.to_json()?,
            Self::Junit => junit::render(run, level)?,
            Self::Github => github::render(run, level),
        })
    }
}
