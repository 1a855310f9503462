//! `selftest`: proves that every scenario that demands something can fail and that every planted bug is caught.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;
use schemars::JsonSchema;
use serde::Deserialize;

use super::exit::Exit;
use super::run::{Progress, interrupted, worker_count};
use super::{Failure, limits, print};
use crate::clock::Clock;
use crate::document::Document;
use crate::expect::Outcome;
use crate::net::Transport;
use crate::pki::key::KeyPool;
use crate::pki::mint::Mint;
use crate::proof::{INDISCRIMINATE, Proof};
use crate::record::CaseRecord;
use crate::run::environment::Patience;
use crate::run::event::Event;
use crate::run::{Plan, run};
use crate::scenario::expand::{Case, expand};
use crate::scenario::{Scenario, load};
use crate::seed::Seed;
use crate::target::Target;
use crate::target::planted::{Bug, Planted};

/// What `selftest` is told.
#[derive(Args)]
pub(super) struct Arguments {
    /// How many workers; as many as there are processors, unless said.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,

    /// Name every scenario that catches a bug, instead of the first few.
    #[arg(long)]
    all: bool,
}

pub(super) fn selftest(arguments: &Arguments) -> Result<Exit, Failure> {
    limits::raise()?;
    let excused = excused()?;
    let scenarios = load::built_in().map_err(Failure::usage)?;
    let mut cases = expand(&scenarios);
    // What is left open cannot be failed.
    cases.retain(|case| case.scenario.expect.outcome != Outcome::Policy);
    let preferred = preferred(&cases);

    let stop = interrupted()?;
    let mut progress = Progress::start();
    let mut records: BTreeMap<String, Vec<CaseRecord>> = BTreeMap::new();
    let mut work = |targets: Vec<Arc<dyn Target>>, cases: Vec<Case>| {
        let seed = Seed(1);
        let plan = Plan {
            targets,
            cases,
            transport: Transport::Memory,
            jobs: worker_count(arguments.jobs),
            // Long enough for a busy machine; the bugs that hang do so in few scenarios.
            patience: Patience {
                listen: Duration::from_millis(250),
                deadline: Duration::from_secs(2),
            },
            mint: Mint::new(Clock::start(), seed, Arc::new(KeyPool::new(seed))),
        };
        run(&plan, &stop, |event| {
            progress.show(&event);
            if let Event::CaseJudged(case) = event {
                records.entry(case.target.clone()).or_default().push(*case);
            }
        })
    };
    let control = cases.iter().filter(|case| case.network.is_none());
    let control = control.chain(preferred.iter().filter(|case| case.network.is_some()));
    work(
        vec![Arc::new(Planted::flawless())],
        control.cloned().collect(),
    )?;
    let (fleets, pairs): (Vec<_>, Vec<_>) = preferred
        .into_iter()
        .partition(|case| case.network.is_some());
    work(targets(Bug::ALL), pairs)?;
    // A fleet takes long, and there are many bugs: it is tried with those that its scenario is about.
    for bug in Bug::ALL {
        let about = |case: &&Case| case.scenario.fails.iter().any(|name| name == bug.name());
        let about: Vec<Case> = fleets.iter().filter(about).cloned().collect();
        if !about.is_empty() {
            work(targets(&[*bug]), about)?;
        }
    }
    progress.finish();
    if stop.load(Ordering::Relaxed) {
        return Err(anyhow::anyhow!("the selftest was cut short and proves nothing").into());
    }

    let control = records
        .remove(&Planted::flawless().name())
        .unwrap_or_default();
    let planted: Vec<_> = Bug::ALL
        .iter()
        .map(|bug| {
            (
                *bug,
                records
                    .remove(&Planted::with(*bug).name())
                    .unwrap_or_default(),
            )
        })
        .collect();
    let proof = Proof::of(control, &planted);
    let mut gaps = gaps(&proof, &excused);
    gaps.extend(unkept(&proof, &scenarios));
    print(&listing(&proof, &excused, arguments.all))?;
    if gaps.is_empty() {
        print("gaps: none\n")?;
        return Ok(Exit::AsExpected);
    }
    print(&format!(
        "gaps:\n{}",
        gaps.iter()
            .map(|gap| format!("  {gap}\n"))
            .collect::<String>()
    ))?;
    Ok(Exit::Conformance)
}

fn targets(bugs: &[Bug]) -> Vec<Arc<dyn Target>> {
    bugs.iter()
        .map(|bug| Arc::new(Planted::with(*bug)) as Arc<dyn Target>)
        .collect()
}

/// Each scenario in each role over one TLS version, the newest it has: a bug of path validation does
/// not look at the version, and half the cases are proof enough.
fn preferred(cases: &[Case]) -> Vec<Case> {
    let mut newest: BTreeMap<_, &Case> = BTreeMap::new();
    for case in cases {
        let slot = newest.entry((&case.scenario.id, case.role)).or_insert(case);
        // Fleets are simulated where they can be: that takes no time, and nothing is left to chance.
        if slot.tls < case.tls || case.network < slot.network {
            *slot = case;
        }
    }
    newest.into_values().cloned().collect()
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Excuses {
    /// A scenario and the reason why no planted bug can fail it.
    #[serde(default)]
    excused: BTreeMap<String, String>,
}

fn excused() -> Result<BTreeMap<String, String>, Failure> {
    let text = include_str!("../../targets/planted.toml");
    let document = Document::parse("targets/planted.toml", text).map_err(Failure::usage)?;
    let file: Excuses = document.read().map_err(Failure::usage)?;
    Ok(file.excused)
}

fn gaps(proof: &Proof, excused: &BTreeMap<String, String>) -> Vec<String> {
    let mut gaps: Vec<_> = proof
        .control
        .iter()
        .map(|case| {
            format!(
                "the control is not as expected in {}: {}",
                case.id, case.reason
            )
        })
        .collect();
    gaps.extend(
        proof
            .uncaught_bugs()
            .map(|bug| format!("no scenario catches the bug {}", bug.name())),
    );
    let unproven: Vec<_> = proof.unproven_scenarios().collect();
    gaps.extend(
        unproven
            .iter()
            .filter(|scenario| !excused.contains_key(**scenario))
            .map(|scenario| format!("no planted bug fails the scenario {scenario}")),
    );
    gaps.extend(
        excused
            .keys()
            .filter(|scenario| !unproven.contains(&scenario.as_str()))
            .map(|scenario| format!("{scenario} is excused in targets/planted.toml, and proven or gone: take it off the list")),
    );
    gaps
}

/// The bugs that a scenario says fail it and do not.
fn unkept(proof: &Proof, scenarios: &[Arc<Scenario>]) -> Vec<String> {
    let pairs = scenarios.iter().flat_map(|scenario| {
        let named = scenario.fails.iter();
        named.map(move |name| (&scenario.id, name))
    });
    let kept = |id: &String, name: &String| {
        Bug::named(name).is_some_and(|bug| {
            let bugs = proof.scenarios.get(id);
            bugs.is_some_and(|bugs| bugs.contains(&bug))
        })
    };
    pairs
        .filter(|(id, name)| !kept(id, name))
        .map(|(id, name)| format!("{id} says that the bug {name} fails it, and it does not"))
        .collect()
}

fn listing(proof: &Proof, excused: &BTreeMap<String, String>, all: bool) -> String {
    let mut out = String::from("Planted bugs, and the scenarios that catch them\n");
    for (bug, scenarios) in &proof.bugs {
        let names: Vec<_> = scenarios.iter().map(String::as_str).collect();
        let _ = writeln!(out, "  {:<34} {}", bug.name(), shortened(&names, all));
    }
    out.push_str("\nScenarios that refuse or hold, and the planted bugs that fail them\n");
    for (scenario, bugs) in &proof.scenarios {
        let bugs: Vec<_> = bugs
            .iter()
            .filter(|bug| !INDISCRIMINATE.contains(bug))
            .map(|bug| bug.name())
            .collect();
        let _ = writeln!(out, "  {scenario:<52} {}", shortened(&bugs, all));
    }
    if !excused.is_empty() {
        out.push_str("\nExcused\n");
        for (scenario, reason) in excused {
            let _ = writeln!(out, "  {scenario}: {reason}");
        }
    }
    let _ = writeln!(
        out,
        "\n{} bugs, {} scenarios that must be able to fail",
        proof.bugs.len(),
        proof.scenarios.len()
    );
    out
}

fn shortened(names: &[&str], all: bool) -> String {
    const FEW: usize = 3;
    if all || names.len() <= FEW {
        return names.join(", ");
    }
    format!("{} and {} more", names[..FEW].join(", "), names.len() - FEW)
}
