//! `bench`: handshakes measured, as a plan says.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rustls::pki_types::DnsName;

use super::baseline::BaselineArguments;
use super::exit::Exit;
use super::outcome::{exit, outcome};
use super::pki::installed;
use super::run::{
    Columns, Output, interrupted, parse_name, parse_seconds, server_at, worker_count,
};
use super::shard::{ShardArgument, unused_variable, variable};
use super::{Failure, limits, machine, view};
use crate::bench::{Bench, Event, Together, bench as run_bench};
use crate::clock::{Clock, Tick};
use crate::expect::Level;
use crate::net::Transport;
use crate::net::protocol::Protocol;
use crate::pki::key::KeyPool;
use crate::pki::mint::Mint;
use crate::record::{Division, Selected, ShardRecord};
use crate::report::Format;
use crate::scenario::bench::{Arrival, BenchPlan, Row, find, row_digest};
use crate::scenario::select::Shard;
use crate::scenario::span::Span;
use crate::seed::Seed;
use crate::target::Target;

/// What `bench` is told.
#[derive(Args)]
pub(super) struct Arguments {
    /// The plan: one of the built-in ones (`list --bench` shows them), or a file of your own, ending in .toml.
    #[arg(value_name = "PLAN", default_value = "handshake")]
    plan: String,

    /// Whom to measure; may be given several times. What ends in .toml is a descriptor of your own.
    #[arg(long, value_name = "NAME", default_value = "rustls")]
    target: Vec<String>,

    /// Measure the server there, which trusts the root of --pki. It is load: only what is yours.
    #[arg(
        long,
        value_name = "HOST:PORT",
        requires = "pki",
        conflicts_with = "target"
    )]
    server: Option<String>,

    /// The folder that `pki init` has made.
    #[arg(long, value_name = "DIR", requires = "server")]
    pki: Option<PathBuf>,

    /// What the server speaks inside TLS; http, unless said.
    #[arg(long, value_name = "NAME", requires = "server")]
    protocol: Option<Protocol>,

    /// The name (SNI) to ask the server for; target.gauntlet.test, unless said.
    #[arg(long, value_name = "NAME", requires = "server", value_parser = parse_name)]
    server_name: Option<DnsName<'static>>,

    /// What carries the octets between callers and targets in process.
    #[arg(long, value_name = "KIND", default_value = "tcp")]
    transport: Transport,

    /// How many worker threads; as many as there are processors, unless said.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,

    /// When connections begin, instead of what the plan says: `closed`, a rate as in 400/s, or a share of
    /// saturation as in 50%.
    #[arg(long, value_name = "ARRIVAL")]
    arrival: Option<Arrival>,

    /// Another key of the plan's settings for every row, as in `--set key=rsa2048`; may be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// How long each row is measured in each repetition: 2s, 500ms.
    #[arg(long, value_name = "D")]
    duration: Option<Span>,

    /// How long it runs beforehand, unmeasured.
    #[arg(long, value_name = "D")]
    warm_up: Option<Span>,

    /// How often all rows are gone through.
    #[arg(long, value_name = "N")]
    repetitions: Option<u32>,

    /// Only the rows whose names match this glob; may be given several times.
    #[arg(long, value_name = "GLOB")]
    row: Vec<String>,

    /// How long one connection may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = parse_seconds)]
    timeout: Duration,

    /// Only part K of N of the rows, or `auto`: what a scheduler's variables say. A row's part depends on its name alone.
    #[arg(long, value_name = "K/N", conflicts_with = "together")]
    shard: Option<ShardArgument>,

    /// This is one of several harnesses that load the server of --server in every row at the same time, each with its
    /// part of the rate: K of N. `merge` adds their records up.
    #[arg(long, value_name = "K/N", requires_all = ["start_at", "server"])]
    together: Option<Shard>,

    /// When the first row begins, for all of them: 2026-01-01T00:00:00Z.
    #[arg(long, value_name = "TIME", requires = "together")]
    start_at: Option<jiff::Timestamp>,

    /// The seed of what is drawn by chance: serial numbers and the like, not keys.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// What is written to standard output.
    #[arg(long, value_name = "FORMAT", default_value = "terminal")]
    format: Format,

    /// Where run.json and its views go; with a baseline comparison.json and comparison.md too.
    #[arg(long, value_name = "DIR", default_value = "reports/latest")]
    out: PathBuf,

    #[command(flatten)]
    baseline: BaselineArguments,
}

pub(super) fn bench(arguments: &Arguments) -> Result<Exit, Failure> {
    limits::raise()?;
    let baseline = arguments.baseline.open(Level::Must)?;
    let plan = arguments.plan().map_err(Failure::usage)?;
    let all = arguments.rows(&plan)?;
    let part = arguments.part()?;
    let held = |(_, row): &(u32, Row)| match part {
        Some((shard, Division::Apart)) => shard.holds(&format!("{}/{}", plan.name, row.name)),
        Some((_, Division::Together)) | None => true,
    };
    let rows: Vec<_> = all.iter().filter(|row| held(row)).cloned().collect();
    let clock = Clock::start();
    let seed = Seed(arguments.seed);
    let (targets, mint) = arguments.targets(&clock, seed)?;
    let bench = Bench {
        rows,
        targets,
        transport: arguments.transport,
        workers: worker_count(arguments.workers),
        patience: arguments.timeout,
        mint,
        load_average: machine::load_average,
        together: arguments.together(),
        plan,
    };
    if let (None, Some(name)) = (part, unused_variable(variable)) {
        anstream::eprintln!(
            "note: {name} is set, and all rows are measured; --shard auto takes its part of them"
        );
    }
    let shard = part.map(|(shard, division)| shard_record(shard, division, &all, &bench));
    let shard = shard.transpose()?;
    if bench.rows.is_empty() {
        anstream::eprintln!("note: no row falls into this shard");
    }
    let most = bench
        .rows
        .iter()
        .map(|(_, row)| row.setting.in_flight)
        .max();
    limits::allow(2 * u64::from(most.unwrap_or(0)))?;
    let mut output =
        Output::open(&arguments.out, None, clock, arguments.seed, shard).map_err(Failure::usage)?;
    baseline.clear(&arguments.out)?;
    let stop = interrupted()?;
    let progress = progress(&bench);
    let mut trouble = None;
    run_bench(&bench, &stop, |event| {
        if let Event::Begun {
            target,
            row,
            number,
        } = &event
        {
            progress.set_message(format!("{target}: {row}, repetition {number}"));
            progress.inc(1);
        }
        if trouble.is_none()
            && let Err(error) = output.take_measured(event)
        {
            trouble = Some(error);
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    });
    progress.finish_and_clear();
    if let Some(error) = trouble {
        return Err(error.into());
    }
    let run = output.finish(Level::Must)?;
    let comparison = baseline.compare(&run, &arguments.out)?;
    view::show(arguments.format, &run, Level::Must, comparison.as_ref())?;
    let own = match &run.shard {
        None => outcome(&run, Level::Must)?,
        // What a shard does not measure the others do, or else merging says so.
        Some(_) => exit(&run, Level::Must),
    };
    baseline.settle(&run, comparison.as_ref(), own)
}

/// How far it is; hidden where nobody looks.
fn progress(bench: &Bench) -> ProgressBar {
    let rows = bench.rows.len() * bench.targets.len();
    let all = rows as u64 * u64::from(bench.plan.measure.repetitions);
    let style = ProgressStyle::with_template("{spinner} {pos}/{len} {elapsed} {wide_msg}");
    let bar = ProgressBar::new(all);
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

type Targets = Vec<Arc<dyn Target>>;

impl Arguments {
    /// The plan with what the command line says otherwise.
    fn plan(&self) -> anyhow::Result<BenchPlan> {
        let mut plan = find(&self.plan).map_err(|words| anyhow!(words))?;
        plan.override_with(&self.set)
            .map_err(|words| anyhow!(words))?;
        if let Some(arrival) = self.arrival {
            plan.fix_arrival(arrival);
        }
        let measure = &mut plan.measure;
        measure.duration = self.duration.unwrap_or(measure.duration);
        measure.warm_up = self.warm_up.unwrap_or(measure.warm_up);
        measure.repetitions = self.repetitions.unwrap_or(measure.repetitions);
        plan.check().map_err(|words| anyhow!(words))?;
        let share = |row: &Row| matches!(row.setting.arrival, Arrival::Share(_));
        if self.together.is_some() && plan.rows().iter().any(share) {
            return Err(anyhow!(
                "harnesses that load one target together cannot each find out what it bears\nhelp: say a rate, as in --arrival 400/s, of which each takes its part"
            ));
        }
        Ok(plan)
    }

    /// Whom to measure, and where certificates come from.
    fn targets(&self, clock: &Clock, seed: Seed) -> Result<(Targets, Arc<Mint>), Failure> {
        let pool = Arc::new(KeyPool::new(seed));
        let (Some(name), Some(folder)) = (&self.server, &self.pki) else {
            let mint = Mint::new(clock.clone(), seed, pool);
            return Ok((Columns::named(&self.target)?.there, mint));
        };
        let root = installed::root(folder, clock.clone()).map_err(Failure::usage)?;
        let mint = Mint::under(root, clock.clone(), seed, pool)?;
        let mut server = server_at(name, &mint)?;
        server.server_name.clone_from(&self.server_name);
        server.application.protocol = self.protocol.unwrap_or(server.application.protocol);
        Ok((vec![Arc::new(server)], mint))
    }

    /// Which part of a bench this is, if it is one.
    fn part(&self) -> Result<Option<(Shard, Division)>, Failure> {
        if let Some(shard) = self.together {
            return Ok(Some((shard, Division::Together)));
        }
        let Some(shard) = self.shard else {
            return Ok(None);
        };
        let shard = shard.resolve(variable).map_err(Failure::usage)?;
        Ok(Some((shard, Division::Apart)))
    }

    fn together(&self) -> Option<Together> {
        let (shard, start) = (self.together?, self.start_at?);
        Some(Together {
            shard,
            begin: Tick::at_unix(start.as_microsecond()),
        })
    }

    fn rows(&self, plan: &BenchPlan) -> Result<Vec<(u32, Row)>, Failure> {
        let rows = (0..).zip(plan.rows());
        let globs: Result<Vec<_>, _> = self
            .row
            .iter()
            .map(|glob| Ok(globset::Glob::new(glob)?.compile_matcher()))
            .collect();
        let globs = globs.map_err(|error: globset::Error| Failure::usage(error))?;
        let selected: Vec<_> = rows
            .filter(|(_, row)| {
                globs.is_empty() || globs.iter().any(|glob| glob.is_match(&row.name))
            })
            .collect();
        if selected.is_empty() {
            return Err(Failure::nothing_selected(anyhow!(
                "no row of `{}` matches\nhelp: `mtls-gauntlet list --bench` shows the rows",
                plan.name
            )));
        }
        Ok(selected)
    }
}

/// What the record of a part says of it. `all` are the rows of all parts.
fn shard_record(
    shard: Shard,
    division: Division,
    all: &[(u32, Row)],
    bench: &Bench,
) -> anyhow::Result<ShardRecord> {
    let selected = Selected {
        version: env!("CARGO_PKG_VERSION").into(),
        seed: bench.mint.seed().0,
        transport: bench.transport.word().into(),
        measure: format!(
            "{} after {}, {} times, {} ms each at most",
            bench.plan.measure.duration,
            bench.plan.measure.warm_up,
            bench.plan.measure.repetitions,
            bench.patience.as_millis()
        ),
        targets: bench.targets.iter().map(|target| target.name()).collect(),
        items: all
            .iter()
            .map(|(_, row)| {
                let id = format!("{}/{}", bench.plan.name, row.name);
                (id, row_digest(&row.setting))
            })
            .collect(),
    };
    Ok(ShardRecord {
        number: shard.number(),
        count: shard.count(),
        division,
        selection: selected.digest()?,
        whole: u64::try_from(all.len() * bench.targets.len())?,
    })
}
