//! `run`: scenarios against targets, and the matrix.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;

use super::baseline::BaselineArguments;
use super::exit::Exit;
use super::outcome::{exit, outcome};
use super::selection::{Chosen, SelectionArguments};
use super::{Failure, limits, view};
use crate::clock::Clock;
use crate::expect::Level;
use crate::net::Transport;
use crate::pki::key::KeyPool;
use crate::pki::mint::Mint;
use crate::report::Format;
use crate::run::environment::{Patience, Stage};
use crate::run::event::Event;
use crate::run::{Plan, run as run_plan};
use crate::seed::Seed;
use crate::target::command::process;

pub(super) use self::columns::Columns;
use self::deployed::{Deployed, DeployedArguments};
pub(super) use self::deployed::{parse_name, server_at};
pub(super) use self::output::{Output, write_views};
pub(super) use self::progress::Progress;

mod bystanders;
mod columns;
mod deployed;
mod excuses;
mod output;
mod part;
mod progress;

/// What `run` is told.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    selection: SelectionArguments,

    /// A column of the matrix; may be given several times. A planted bug is planted:<bug>.
    /// What ends in .toml is a descriptor of your own.
    #[arg(long, value_name = "NAME", default_value = "rustls")]
    target: Vec<String>,

    /// Every target that is installed; the others show as absent.
    #[arg(long, conflicts_with = "target")]
    all_targets: bool,

    #[command(flatten)]
    deployed: DeployedArguments,

    /// The weakest level whose failures count: must, should or may.
    #[arg(long, value_name = "LEVEL", default_value = "must")]
    level: Level,

    /// What carries the octets between the peer and in-process targets.
    #[arg(long, value_name = "KIND", default_value = "tcp")]
    transport: Transport,

    /// How many workers; as many as there are processors, unless said.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,

    /// How long one connection may take, in seconds, before it counts as hung.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = parse_seconds)]
    timeout: Duration,

    /// How long the peer listens before it writes, in milliseconds, where the target cannot tell that it has decided.
    #[arg(long, value_name = "MS", default_value_t = 250)]
    listen: u64,

    /// The seed of what is drawn by chance: serial numbers and the like, not keys.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// What is written to standard output.
    #[arg(long, value_name = "FORMAT", default_value = "terminal")]
    format: Format,

    /// Where run.json, junit.xml, summary.md and events.jsonl go; with a baseline comparison.json and comparison.md too.
    #[arg(long, value_name = "DIR", default_value = "reports/latest")]
    out: PathBuf,

    /// Also write the JUnit report here.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    #[command(flatten)]
    baseline: BaselineArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    limits::raise()?;
    let baseline = arguments.baseline.open(arguments.level)?;
    let Chosen {
        cases,
        part_of,
        left_out,
    } = arguments.selection.cases_to_run()?;
    if left_out > 0 {
        anstream::eprintln!(
            "note: {left_out} cases of fleets are left out; ask for them, as in `run 'chaos/*'`"
        );
    }
    let clock = Clock::start();
    let seed = Seed(arguments.seed);
    let pool = Arc::new(KeyPool::new(seed));
    let whole = part_of.as_ref().map_or(&cases, |(_, whole)| whole);
    let deployed = arguments.deployed.find(whole, clock.clone(), seed, &pool)?;
    let columns = match &deployed {
        Some(deployed) => deployed.columns(),
        None if arguments.all_targets => Columns::all()?,
        None => Columns::named(&arguments.target)?,
    };
    bystanders::note(&columns.there, whole);
    excuses::note(&arguments.target, &arguments.selection)?;
    let plan = Plan {
        targets: columns.there,
        cases,
        transport: arguments.transport,
        jobs: worker_count(arguments.jobs),
        patience: Patience {
            listen: Duration::from_millis(arguments.listen),
            deadline: arguments.timeout,
        },
        mint: match &deployed {
            Some(deployed) => deployed.mint(),
            None => Mint::new(clock.clone(), seed, pool),
        },
    };
    if !arguments.selection.is_built_in() {
        check_recipes(&plan)?;
    }
    let shard = part_of.map(|(shard, cases)| part::of(shard, &cases, &plan, deployed.as_ref()));
    let shard = shard.transpose()?;
    let mut output = Output::open(
        &arguments.out,
        arguments.junit.as_deref(),
        clock,
        arguments.seed,
        shard,
    )
    .map_err(Failure::usage)?;
    baseline.clear(&arguments.out)?;
    let stop = interrupted()?;
    let mut progress = Progress::start();
    let mut trouble = None;
    for record in columns.absent {
        output
            .take(Event::TargetFinished(record))
            .map_err(Failure::from)?;
    }
    let take = |event| {
        progress.show(&event);
        if let Err(error) = output.take(event) {
            stop.store(true, Ordering::Relaxed);
            trouble.get_or_insert(error);
        }
    };
    let ended = match &deployed {
        Some(Deployed::Client(client)) => client.receive(&plan, &stop, take),
        _ => run_plan(&plan, &stop, take),
    };
    progress.finish();
    if let Some(error) = trouble {
        return Err(error
            .context("the record could not be written; the run was ended")
            .into());
    }
    let record = output.finish(arguments.level)?;
    ended.context("a worker could not do its part; the record is incomplete")?;
    let comparison = baseline.compare(&record, &arguments.out)?;
    view::show(
        arguments.format,
        &record,
        arguments.level,
        comparison.as_ref(),
    )?;
    let own = match &record.shard {
        None => outcome(&record, arguments.level)?,
        // What a shard does not have the others have, or else merging says so.
        Some(shard) => {
            if record.complete && record.cases.is_empty() {
                anstream::eprintln!(
                    "note: no case falls into shard {} of {}; all have {}",
                    shard.number,
                    shard.count,
                    shard.whole
                );
            }
            exit(&record, arguments.level)
        }
    };
    baseline.settle(&record, comparison.as_ref(), own)
}

/// Mints what the cases need once, so that a recipe that means nothing is told for what it is: a
/// mistake in a file. The built-in scenarios are past that.
fn check_recipes(plan: &Plan) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for case in &plan.cases {
        if !seen.insert((&case.scenario.id, case.role)) {
            continue;
        }
        let twin = case.scenario.control.as_ref();
        for scenario in std::iter::once(&case.scenario).chain(twin) {
            let mint = || {
                let stage = Stage::new(&plan.mint, Arc::clone(scenario), case.role, "check")?;
                stage.environment(&plan.mint, stage.pki())?;
                stage.peer(case.tls, plan.patience)
            };
            if let Err(error) = mint() {
                let error = anyhow!("`{}` cannot be minted: {error}", scenario.path);
                return Err(Failure::usage(error));
            }
        }
    }
    Ok(())
}

/// How many workers there are, unless the user says otherwise.
pub(super) fn worker_count(asked: Option<u16>) -> usize {
    asked
        .map(usize::from)
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// A flag that Ctrl-C raises. A second Ctrl-C ends the process at once.
pub(super) fn interrupted() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&stop);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("failed to start the runtime that waits for Ctrl-C")?;
    std::thread::Builder::new()
        .name("ctrl-c".into())
        .spawn(move || {
            runtime.block_on(async {
                while told_to_end().await {
                    if raised.swap(true, Ordering::Relaxed) {
                        process::end_all();
                        std::process::exit(Exit::Broken.status().into());
                    }
                }
            });
        })
        .context("failed to start the thread that waits for Ctrl-C")?;
    Ok(stop)
}

/// Waits for Ctrl-C, or for the signal that a CI system ends its jobs with.
async fn told_to_end() -> bool {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut terminate), Ok(mut hang_up)) = (
            signal(SignalKind::terminate()),
            signal(SignalKind::hangup()),
        ) else {
            return tokio::signal::ctrl_c().await.is_ok();
        };
        tokio::select! {
            pressed = tokio::signal::ctrl_c() => pressed.is_ok(),
            told = terminate.recv() => told.is_some(),
            left = hang_up.recv() => left.is_some(),
        }
    }
    #[cfg(not(unix))]
    {
        tokio::signal::ctrl_c().await.is_ok()
    }
}

pub(super) fn parse_seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| {
            anyhow!("write a number of seconds above zero, such as 5 or 0.5").to_string()
        })
}
