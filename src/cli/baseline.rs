//! Baselines: a command that makes a record compares it with an earlier one, and saves it for later ones.
//!
//! ```text
//! --baseline FILE --open, before anything runs--> Run --settle, with this run's--> Comparison --> exit status
//! this run, if it is complete and nothing regressed ----------------------------> --save-baseline FILE
//! ```
//!
//! With a baseline the gate is the comparison: what was bad already keeps it shut no longer. What proves nothing
//! is never saved, and neither is a regression: the next run would take it for what has always been.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;

use super::exit::Exit;
use super::record::replace;
use super::{Failure, record};
use crate::compare::{Comparison, Format, Outcome, Terms};
use crate::expect::Level;
use crate::record::{Measurement, Run};

/// What a comparison leaves in the folder of a run.
const VIEWS: [(&str, Format); 2] = [
    ("comparison.json", Format::Json),
    ("comparison.md", Format::Markdown),
];

/// By how much figures may be worse.
#[derive(Args)]
pub(super) struct MarginArguments {
    /// By how much processor time may be worse in a comparison, in percent.
    #[arg(long, value_name = "PERCENT", default_value = "10", value_parser = parse_percent)]
    tolerance: f64,

    /// By how much latencies and rates may be worse in a comparison, in percent: wall times on shared machines move by factors.
    #[arg(long, value_name = "PERCENT", default_value = "100", value_parser = parse_percent)]
    latency_tolerance: f64,

    /// The machines of a comparison are alike, whatever the records say: for containers that are new each time.
    #[arg(long)]
    same_machine: bool,
}

impl MarginArguments {
    /// The terms of a comparison at this level.
    pub(super) fn terms(&self, level: Level) -> Terms {
        Terms {
            level,
            tolerance: self.tolerance,
            latency_tolerance: self.latency_tolerance,
            same_machine: self.same_machine,
        }
    }
}

/// The flags of a command that makes a record.
#[derive(Args)]
pub(super) struct BaselineArguments {
    /// Compare with this record, a run.json or a folder that has one: what was bad in it does not keep the gate shut, what regressed does.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,

    /// Write the record here too, for later comparisons; not if the run was cut short, nor if anything regressed.
    #[arg(long, value_name = "FILE")]
    save_baseline: Option<PathBuf>,

    #[command(flatten)]
    margins: MarginArguments,
}

impl BaselineArguments {
    /// Reads the baseline and looks where the new one is to go, before anything runs.
    pub(super) fn open(&self, level: Level) -> Result<Baseline<'_>, Failure> {
        if let Some(path) = &self.save_baseline {
            prepare(path).map_err(Failure::usage)?;
        }
        let earlier = self.baseline.as_deref().map(|path| {
            record::read(path).with_context(|| format!("no baseline at `{}`", path.display()))
        });
        Ok(Baseline {
            earlier: earlier.transpose().map_err(Failure::usage)?,
            save: self.save_baseline.as_deref(),
            terms: self.margins.terms(level),
        })
    }
}

/// A baseline to compare with, and the place for a new one; either may be none.
pub(super) struct Baseline<'a> {
    earlier: Option<Run>,
    save: Option<&'a Path>,
    terms: Terms,
}

impl Baseline<'_> {
    /// Takes away what a comparison has left in this folder: it is not of the run that begins now.
    pub(super) fn clear(&self, folder: &Path) -> anyhow::Result<()> {
        for (name, _) in VIEWS {
            let path = folder.join(name);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error)
                        .with_context(|| format!("failed to remove `{}`", path.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What has changed since the baseline, if there is one: written into `folder`.
    pub(super) fn compare(&self, run: &Run, folder: &Path) -> anyhow::Result<Option<Comparison>> {
        let Some(earlier) = &self.earlier else {
            return Ok(None);
        };
        let comparison = Comparison::of(earlier, run, self.terms);
        for (name, format) in VIEWS {
            replace(&folder.join(name), &format.render(&comparison)?)?;
        }
        Ok(Some(comparison))
    }

    /// Tells on standard error what has changed, and saves the record where that was asked for. `own` is what the
    /// record comes to by itself; what comes back is what it comes to in the end.
    pub(super) fn settle(
        &self,
        run: &Run,
        comparison: Option<&Comparison>,
        own: Exit,
    ) -> Result<Exit, Failure> {
        let mut settled = own;
        if let (Some(earlier), Some(comparison)) = (&self.earlier, comparison) {
            anstream::eprint!("\n{}", Format::Terminal.render(comparison)?);
            // No baseline excuses a harness that broke.
            if own != Exit::Broken {
                settled = exit(comparison);
            }
            // What the old record does not have it cannot excuse.
            let excused = |one: &Measurement| {
                let mut earlier = earlier.measurements.iter();
                earlier.any(|other| {
                    (&other.target, &other.id) == (&one.target, &one.id)
                        && other.objection().is_some()
                })
            };
            let mut rows = run.measurements.iter();
            let worse = rows.any(|one| one.objection().is_some() && !excused(one));
            if worse && settled != Exit::Broken {
                settled = Exit::Conformance;
            }
        }
        if let Some(path) = self.save {
            match self.objection(run, own, settled) {
                Some(why) => {
                    anstream::eprintln!("note: `{}` was not written: {why}", path.display());
                    // A part that is missing is as if the run had been cut short.
                    if !is_whole(run) {
                        settled = Exit::Broken;
                    }
                }
                None => {
                    // A link stays, and what it leads to is replaced.
                    let file = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
                    replace(&file, &run.to_json()?)?;
                    anstream::eprintln!("note: `{}` is the new baseline", path.display());
                }
            }
        }
        Ok(settled)
    }

    /// Why this record must not become a baseline, if it must not.
    fn objection(&self, run: &Run, own: Exit, settled: Exit) -> Option<&'static str> {
        let shrinks = |earlier: &Run| lacks_something_of(run, earlier);
        if !is_whole(run) {
            Some("the run was cut short")
        } else if run.shard.is_some() {
            Some("it is the record of one shard; merge them all, and save that")
        } else if run.measurements.iter().any(|row| row.objection().is_some()) {
            Some("a row was not measured as it must be, and later ones would be held against that")
        } else if self.earlier.as_ref().is_some_and(shrinks) {
            Some("the old one has cases or rows that this one lacks, and they would be forgotten")
        } else if own == Exit::Broken {
            Some("the harness itself broke")
        } else if self.earlier.is_some() && settled == Exit::Broken {
            Some("the comparison with the old one proves nothing")
        } else if self.earlier.is_some() && settled != Exit::AsExpected {
            Some("something has regressed, and the old one stands")
        } else {
            None
        }
    }
}

/// Has the earlier record a case or a row of which this one says nothing?
fn lacks_something_of(run: &Run, earlier: &Run) -> bool {
    let cases = |run: &Run| -> BTreeSet<(String, String)> {
        let cases = run.cases.iter();
        cases
            .map(|case| (case.target.clone(), case.id.clone()))
            .collect()
    };
    let rows = |run: &Run| -> BTreeSet<(String, String)> {
        let rows = run.measurements.iter();
        let rows = rows.filter(|row| !row.repetitions.is_empty());
        rows.map(|row| (row.target.clone(), row.id.clone()))
            .collect()
    };
    !cases(earlier).is_subset(&cases(run)) || !rows(earlier).is_subset(&rows(run))
}

fn is_whole(run: &Run) -> bool {
    let merged = run.merged.as_ref();
    run.complete && merged.is_none_or(|of| of.missing.is_empty() && of.cut_short.is_empty())
}

/// What the process ends with for this comparison.
pub(super) fn exit(comparison: &Comparison) -> Exit {
    match comparison.outcome {
        Outcome::NothingRegressed => Exit::AsExpected,
        Outcome::Performance => Exit::Performance,
        Outcome::Conformance => Exit::Conformance,
        Outcome::Incomplete => Exit::Broken,
    }
}

/// Makes sure that a file can come to be here.
fn prepare(path: &Path) -> anyhow::Result<()> {
    if path.is_dir() {
        return Err(anyhow!(
            "`{}` is a folder; name a file with --save-baseline",
            path.display()
        ));
    }
    // To replace a device by a file is not what anybody means.
    if path.exists() && !path.is_file() {
        return Err(anyhow!(
            "`{}` is no file; name one with --save-baseline",
            path.display()
        ));
    }
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        fs::create_dir_all(parent).with_context(|| {
            format!(
                "failed to create `{}`; name another file with --save-baseline",
                parent.display()
            )
        })?;
    }
    Ok(())
}

fn parse_percent(text: &str) -> Result<f64, String> {
    let percent = text.parse::<f64>().ok();
    percent
        .filter(|percent| (0.0..=1e6).contains(percent))
        .ok_or_else(|| "write a number of percent from 0 up, such as 10 or 2.5".into())
}
