//! The view of a record that a command shows: on standard output, and for GitHub Actions in the job summary too.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context;

use super::exit::Exit;
use super::{Failure, print};
use crate::compare::{self, Comparison};
use crate::expect::Level;
use crate::record::Run;
use crate::report::{Format, github};

/// The environment variable in which GitHub names the file of a step's summary.
const SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// Prints the record in this format. `level` is the weakest level that binds. On GitHub the annotations are what the
/// gate goes by: with a baseline that is the comparison.
pub(super) fn show(
    format: Format,
    run: &Run,
    level: Level,
    comparison: Option<&Comparison>,
) -> Result<Exit, Failure> {
    if format == Format::Github {
        summarize(&Format::Markdown.render(run, level)?);
        if let Some(comparison) = comparison {
            summarize(&compare::Format::Markdown.render(comparison)?);
            return print(&compare::Format::Github.render(comparison)?);
        }
    }
    print(&format.render(run, level)?)
}

/// Appends Markdown to the summary of the GitHub step that this is, if it is one, as far as there is room. A
/// summary that cannot be written is worth a warning, and not the verdict of the run.
pub(super) fn summarize(markdown: &str) {
    let Some(path) = std::env::var_os(SUMMARY).filter(|path| !path.is_empty()) else {
        return;
    };
    if let Err(error) = append(Path::new(&path), markdown) {
        anstream::eprintln!("warning: {error:#}; {SUMMARY} should name a file");
    }
}

fn append(path: &Path, markdown: &str) -> anyhow::Result<()> {
    let append = || {
        let mut file = File::options().create(true).append(true).open(path)?;
        let used = file.metadata()?.len();
        file.write_all(github::bounded(markdown, used).as_bytes())
    };
    append().with_context(|| format!("failed to write the summary to `{}`", path.display()))
}
