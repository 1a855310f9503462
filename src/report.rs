//! Reports: views of one record, a file for each format. No format knows another.

use crate::expect::Level;
use crate::record::Run;

pub mod class;
pub mod csv;
pub mod curves;
pub mod evidence;
pub mod figures;
pub mod github;
pub mod junit;
pub mod markdown;
pub mod matrix;
pub mod overview;
pub mod sheet;
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
    /// Comma-separated values: a line for each repetition of a measurement, or for each case.
    Csv,
    /// Percentile curves of what was measured, as a picture that stands alone.
    Svg,
    /// Annotations for GitHub Actions; the Markdown report goes to the job summary.
    Github,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 7] = [
        Self::Terminal,
        Self::Markdown,
        Self::Json,
        Self::Junit,
        Self::Csv,
        Self::Svg,
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
            Self::Csv => csv::render(run),
            Self::Svg => curves::render(run),
            Self::Github => github::render(run, level),
        })
    }
}
