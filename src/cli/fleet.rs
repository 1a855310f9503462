//! `fleet`: a fleet of any size, for as long as one likes, to see what it does.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;

use self::summary::Summary;
use super::exit::Exit;
use super::run::interrupted;
use super::{Failure, limits, print};
use crate::clock::Stopwatch;
use crate::fleet::{self, Gauge, Ground, Plan};
use crate::oracle::check::check;
use crate::oracle::history::History;
use crate::oracle::issuance::Issuance;
use crate::scenario::fleet::{FleetPlan, Limits, LoadPlan, Topology, Windows};
use crate::scenario::span::Span;
use crate::seed::Seed;
use crate::target::planted::Flaws;
use crate::target::registry;

mod progress;
mod summary;
mod verdict;

/// What `fleet` is told.
#[derive(Args)]
pub(super) struct Arguments {
    /// How many services.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    services: u32,

    /// Calls in a second that must succeed, all together; a third as many again must be refused.
    #[arg(long, value_name = "R", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: u32,

    /// For how long: 30s, 10m, 24h.
    #[arg(long, value_name = "D", default_value = "10s", value_parser = parse_time)]
    duration: Span,

    /// A simulated network on a clock that jumps from event to event, instead of sockets.
    #[arg(long)]
    sim: bool,

    /// Each service renews its certificate after this long: 1h; never, unless said.
    #[arg(long, value_name = "D", value_parser = parse_time)]
    rotate: Option<Span>,

    /// By how much of a certificate's lifetime a renewal may be early, by chance, in hundredths.
    #[arg(long, value_name = "PERCENT", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=50))]
    jitter: u32,

    /// Who calls whom: star, chain or mesh.
    #[arg(long, value_name = "KIND", default_value = "star")]
    topology: Topology,

    /// The services: `rustls`, or a planted bug, as in planted:keeps-connections.
    #[arg(long, value_name = "NAME", default_value = "rustls")]
    target: String,

    /// The seed of what is drawn by chance.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Write the whole history here, as JSON.
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
}

pub(super) fn fleet(arguments: &Arguments) -> Result<Exit, Failure> {
    arguments.check_rotation().map_err(Failure::usage)?;
    let raised = limits::raise()?;
    let target = registry::find(&arguments.target).map_err(Failure::usage)?;
    let flaws = target.flaws().ok_or_else(|| {
        Failure::usage(anyhow!(
            "`{}` is a program; `fleet` runs services in process\nhelp: `run 'rotation/*' --target {0}` runs timelines on programs",
            arguments.target
        ))
    })?;
    if !target.musters() {
        return Err(Failure::usage(anyhow!(
            "the bug of `{}` does not show in a fleet\nhelp: `mtls-gauntlet run --target {0}` shows it",
            arguments.target
        )));
    }
    let file = arguments.open_history().map_err(Failure::usage)?;
    if let Some((before, after)) = raised
        && u64::from(arguments.services) * 2 > before
    {
        anstream::eprintln!(
            "note: the limit of open files was raised from {before} to {after}, for this process"
        );
    }
    let plan = arguments.plan(flaws);
    let gauge = Arc::new(Gauge::default());
    let stop = interrupted()?;
    let stopwatch = Stopwatch::start();
    let history = thread::scope(|scope| {
        let running = scope.spawn(|| history(&plan, arguments.sim, &gauge));
        progress::follow(&gauge, arguments.duration, || {
            if stop.load(Ordering::Relaxed) {
                gauge.stop.store(true, Ordering::Relaxed);
            }
            running.is_finished()
        });
        running.join().map_err(|_| anyhow!("the fleet panicked"))?
    })?;
    if let Some((mut file, path)) = file {
        let json = serde_json::to_vec(&history)?;
        file.write_all(&json)
            .with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    let complete = !gauge.is_stopped();
    let mut limits = Limits::default();
    if !complete {
        // That nobody was served after the end proves nothing of a fleet that was cut short.
        limits.recovery = 0;
    }
    let findings = check(&history, &limits);
    let herd = match arguments.sim && arguments.jitter > 0 && complete {
        true => arguments.without_jitter(flaws)?,
        false => None,
    };
    let summary = Summary {
        herd,
        arguments,
        gauge: &gauge,
        history: &history,
        findings: &findings,
        took: stopwatch.elapsed(),
        repeat: arguments.repeat(),
    };
    print(&summary.text())?;
    Ok(summary.verdict().exit())
}

impl Arguments {
    fn plan(&self, flaws: Flaws) -> Plan {
        // A leaf lives twice as long as it is used: whoever misses a renewal has time to try again.
        let lifetime = self.rotate.map(|every| Span::micros(every.as_micros() * 2));
        let fleet = FleetPlan {
            services: self.services,
            topology: self.topology,
            lifetime: lifetime.unwrap_or(Span::seconds(365 * 86_400)),
            renew_at: self.rotate.map(|_| 50),
            jitter: self.jitter,
            authority_lifetime: Span::seconds(2 * 365 * 86_400),
            crl_lifetime: None,
            ..FleetPlan::default()
        };
        Plan {
            fleet,
            load: LoadPlan {
                rate: self.rate,
                canary_rate: self.rate.div_ceil(3),
                warm_up: Span::millis(500),
                settle: self.duration,
                ..LoadPlan::default()
            },
            windows: Windows {
                clock: Span::seconds(2),
                ..Windows::default()
            },
            steps: Vec::new(),
            seed: Seed(self.seed),
            flaws,
            began: fleet::beginning(self.sim),
        }
    }

    /// A run that ends before the first renewal says nothing of renewals.
    fn check_rotation(&self) -> anyhow::Result<()> {
        match self.rotate {
            Some(every) if every > self.duration => bail!(
                "nothing would be renewed: --rotate {every} is longer than --duration {}\nhelp: make --duration \
                 longer or --rotate shorter; with --sim a day takes seconds",
                self.duration
            ),
            _ => Ok(()),
        }
    }

    /// The file of the history, opened before the run: one that cannot be written costs nobody a day.
    fn open_history(&self) -> anyhow::Result<Option<(File, &Path)>> {
        let Some(path) = &self.history else {
            return Ok(None);
        };
        let file =
            File::create(path).with_context(|| format!("failed to create `{}`", path.display()))?;
        Ok(Some((file, path)))
    }

    /// How the authority is asked by the same fleet without jitter. Nobody calls it: leaves are all that
    /// matters here.
    fn without_jitter(&self, flaws: Flaws) -> anyhow::Result<Option<Issuance>> {
        if self.rotate.is_none() {
            return Ok(None);
        }
        let mut plan = self.plan(flaws);
        plan.fleet.jitter = 0;
        plan.load.rate = 0;
        plan.load.canary_rate = 0;
        Ok(Issuance::of(&history(&plan, true, &Arc::default())?))
    }

    /// The command that does it again.
    fn repeat(&self) -> String {
        let mut line = format!(
            "mtls-gauntlet fleet --services {} --rate {} --duration {} --topology {} --target {} --seed {}",
            self.services, self.rate, self.duration, self.topology, self.target, self.seed
        );
        if let Some(every) = self.rotate {
            line.push_str(&format!(" --rotate {every} --jitter {}", self.jitter));
        }
        if self.sim {
            line.push_str(" --sim");
        }
        line
    }
}

/// A length of time that something can happen in: certificates count whole seconds.
fn parse_time(text: &str) -> Result<Span, String> {
    let span: Span = text.parse()?;
    match (Span::seconds(1)..=LONGEST).contains(&span) {
        true => Ok(span),
        false if span > LONGEST => Err("write 400 days at most".into()),
        false => Err("write a second or more, such as 30s, 10m or 24h".into()),
    }
}

/// Longer than a year, which is as long as anything here is valid.
const LONGEST: Span = Span::seconds(400 * 86_400);

fn history(plan: &Plan, sim: bool, gauge: &Arc<Gauge>) -> anyhow::Result<History> {
    let history = fleet::runtime(sim)?.block_on(async {
        let ground = match sim {
            true => Ground::simulated(&plan.fleet),
            false => Ground::sockets(false),
        };
        fleet::run(plan, &ground, gauge).await
    })?;
    Ok(history)
}
