//! `list`: what there is.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::Args;
use comfy_table::{Table, presets};

use super::exit::Exit;
use super::selection::SelectionArguments;
use super::{Failure, print};
use crate::scenario::bench;
use crate::target::registry;

/// What `list` is told.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    selection: SelectionArguments,

    /// List the cases instead of the scenarios.
    #[arg(long, conflicts_with_all = ["targets", "tags"])]
    cases: bool,

    /// List the targets.
    #[arg(long, conflicts_with = "tags")]
    targets: bool,

    /// List the bench plans, with their rows.
    #[arg(long, conflicts_with_all = ["cases", "targets", "tags"])]
    bench: bool,

    /// List the tags, with how many scenarios have each.
    #[arg(long)]
    tags: bool,
}

pub(super) fn list(arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.targets {
        return print(&(registry::names().join("\n") + "\n"));
    }
    if arguments.bench {
        return print(&plans()?);
    }
    let cases = arguments.selection.cases()?;
    if arguments.cases {
        let ids: String = cases.iter().map(|case| format!("{case}\n")).collect();
        return print(&ids);
    }
    let mut scenarios: Vec<_> = cases.into_iter().map(|case| case.scenario).collect();
    scenarios.dedup_by(|one, other| one.id == other.id);
    if arguments.tags {
        let mut tags: BTreeMap<&str, usize> = BTreeMap::new();
        for tag in scenarios.iter().flat_map(|scenario| &scenario.tags) {
            *tags.entry(tag).or_default() += 1;
        }
        let mut out = String::new();
        for (tag, count) in tags {
            let _ = writeln!(out, "{count:>4}  {tag}");
        }
        return print(&out);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for scenario in &scenarios {
        table.add_row([
            scenario.id.clone(),
            scenario.level.to_string(),
            scenario.expect.outcome.to_string(),
            scenario.title.clone(),
        ]);
    }
    print(&format!("{}\n", table.trim_fmt()))
}

/// The bench plans, each with what it says and what its rows are called.
fn plans() -> Result<String, Failure> {
    let mut out = String::new();
    for plan in bench::built_in().map_err(Failure::usage)? {
        let _ = writeln!(out, "{}  {}", plan.name, plan.title);
        for row in plan.rows() {
            let _ = writeln!(out, "    {}", row.name);
        }
    }
    Ok(out)
}
