//! A fleet: mTLS services whose certificates change while callers call them.
//!
//! ```text
//! Plan --Cast--> authority, services, callers, canaries
//!                  |                       |
//!   steps --Timeline--> material, faults   | load
//!                  |                       |
//!                  +------- Ledger --------+--> History --oracle--> Findings
//! ```
//!
//! Everything runs in one thread and writes into one ledger: what was published and when, and what every
//! call came to. On a [`Ground`] of sockets time passes as it does; on a simulated one it passes when
//! everybody waits, so that a day of rotations takes seconds, and the same seed gives the same history.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use self::cast::Cast;
use self::gauge::Kind;
use self::timeline::Timeline;
use crate::clock::{Clock, Stopwatch};
use crate::load::arrival::Arrivals;
use crate::load::ledger::Ledger;
use crate::oracle::history::History;
use crate::pki::PkiError;
use crate::scenario::fleet::{FleetPlan, LoadPlan, Windows};
use crate::scenario::step::{Action, Step};
use crate::seed::Seed;
use crate::target::planted::Flaws;

pub use self::gauge::{Assembled, Gauge, Made};
pub use self::ground::{Ground, beginning, runtime};

mod authority;
mod cast;
pub mod folder;
mod gauge;
mod generation;
mod ground;
mod health;
mod inspection;
mod material;
mod papers;
mod party;
mod porch;
mod presentation;
pub mod program;
mod publication;
mod renewal;
mod service;
mod sessions;
mod sidecar;
mod timeline;
mod verifiers;
mod watch;
mod ways;
mod writing;

/// What a fleet is, and what happens to it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The fleet.
    pub fleet: FleetPlan,
    /// The load.
    pub load: LoadPlan,
    /// How long changes may take.
    pub windows: Windows,
    /// What happens.
    pub steps: Vec<Step>,
    /// Where everything drawn by chance comes from.
    pub seed: Seed,
    /// What is wrong with its services and callers.
    pub flaws: Flaws,
    /// What time it is in the beginning, in seconds since 1970.
    pub began: i64,
}

impl Plan {
    /// Does the authority answer with what it has answered before?
    fn answers_stale(&self) -> bool {
        self.steps
            .iter()
            .any(|step| step.action == Action::CorruptAuthority)
    }

    /// Does anything happen to it that takes a proxy where there are sockets?
    pub fn has_mishaps(&self) -> bool {
        self.steps.iter().any(|step| {
            matches!(
                step.action,
                Action::Partition
                    | Action::HoldBack
                    | Action::Cut
                    | Action::Slow
                    | Action::BlackHole
                    | Action::Corrupt
                    | Action::Sweep
            )
        })
    }
}

/// Why a fleet could not be run: the harness's fault, or its plan's.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// There is no runtime to be had.
    #[error("there is no runtime: {0}")]
    Runtime(std::io::Error),
    /// A certificate could not be issued.
    #[error("a certificate could not be issued: {0}")]
    Pki(#[from] PkiError),
    /// A service could not listen.
    #[error("{0} cannot listen: {1}")]
    Listen(String, std::io::Error),
    /// A party could not be set up.
    #[error("{0} cannot be set up: {1}")]
    Party(String, String),
    /// A file of a service could not be written.
    #[error("the files of {0} cannot be written: {1}")]
    Files(String, std::io::Error),
    /// A program did not take what it was given.
    #[error("{0} could not be reloaded: {1}")]
    Reload(String, String),
    /// A step names somebody who is not there.
    #[error("step {0}: there is no party `{1}`")]
    NoParty(usize, String),
    /// A step lacks something.
    #[error("step {0}: {1}")]
    Step(usize, String),
}

/// Runs a fleet from its first call to its last, in the runtime that this is called in.
///
/// # Errors
/// When it cannot be set up, or a step cannot be done.
pub async fn run(plan: &Plan, ground: &Ground, gauge: &Arc<Gauge>) -> Result<History, FleetError> {
    let (cast, ledger) = assemble(plan, ground, gauge)?;
    perform(plan, ground, &cast, &ledger, gauge).await
}

fn assemble(
    plan: &Plan,
    ground: &Ground,
    gauge: &Gauge,
) -> Result<(Arc<Cast>, Arc<Ledger>), FleetError> {
    let (stopwatch, before) = (Stopwatch::start(), gauge::resident());
    let clock = Clock::going(plan.began);
    let ledger = Arc::new(Ledger::new(plan.windows, plan.began * 1_000_000));
    let cast = Arc::new(Cast::assemble(plan, ground, &clock, &ledger)?);
    let _ = gauge.assembled.set(Assembled {
        services: plan.fleet.services,
        took: stopwatch.elapsed(),
        resident: gauge::resident().and_then(|after| after.checked_sub(before?)),
    });
    Ok((cast, ledger))
}

async fn perform(
    plan: &Plan,
    ground: &Ground,
    cast: &Arc<Cast>,
    ledger: &Arc<Ledger>,
    gauge: &Arc<Gauge>,
) -> Result<History, FleetError> {
    let working = {
        let mut set = JoinSet::new();
        let (renewing, publishing) = (Arc::clone(cast), Arc::clone(cast));
        set.spawn(async move { renewing.renewal.run().await });
        set.spawn(async move { publishing.publication.run(&publishing).await });
        if plan.fleet.health {
            let (cast, ledger) = (Arc::clone(cast), Arc::clone(ledger));
            set.spawn(async move { health::probe(&cast, &ledger).await });
        }
        set
    };
    let loaded_since = ledger.now();
    let loading = {
        let gauge = Arc::clone(gauge);
        let (cast, ledger, load) = (Arc::clone(cast), Arc::clone(ledger), plan.load.clone());
        // Dropping it ends the load, whatever else has happened.
        let mut set = JoinSet::new();
        set.spawn(async move { bear(&cast, &load, &ledger, &gauge).await });
        set
    };
    gauge.wait(plan.load.warm_up.duration()).await;
    ledger.warm();
    cast.sample(ledger);
    let mut timeline = Timeline::new(plan, ground, cast, ledger);
    timeline.play().await?;
    timeline.heal().await?;
    gauge.wait(plan.windows.longest().duration()).await;
    ledger.settled();
    gauge.wait(plan.load.settle.duration()).await;
    drop(loading);
    let loaded_for = Duration::from_micros(ledger.now().saturating_sub(loaded_since));
    gauge.all_due(&plan.load, loaded_for);
    sleep(plan.load.timeout.duration().min(Duration::from_millis(200))).await;
    cast.sample(ledger);
    drop(working);
    cast.dismiss();
    Ok(ledger.close())
}

/// Bears the load until it is dropped.
async fn bear(cast: &Arc<Cast>, load: &LoadPlan, ledger: &Arc<Ledger>, gauge: &Arc<Gauge>) {
    let mut due = Arrivals::at_rate(load.rate);
    let mut forbidden = Arrivals::at_rate(load.canary_rate);
    let mut under_way = JoinSet::new();
    loop {
        let (visit, late, kind) = tokio::select! {
            biased;
            Some(_) = under_way.join_next(), if !under_way.is_empty() => continue,
            (number, late) = due.next() => (cast.due_visit(number), late, Kind::Due),
            (number, late) = forbidden.next() => (cast.forbidden_visit(number), late, Kind::Forbidden),
        };
        ledger.late(late);
        let Some((visitor, destination)) = visit else {
            continue;
        };
        let (ledger, gauge) = (Arc::clone(ledger), Arc::clone(gauge));
        let id = ledger.next_call();
        under_way.spawn(async move {
            let call = visitor.call(id, &destination, &ledger).await;
            gauge.count(kind, call.completed, call.outcome.accepted());
            ledger.call(call);
        });
    }
}
