//! Mustering fleets: cases with a timeline, each in a thread and a runtime of its own.
//!
//! ```text
//! Case --fleet::run--> History --oracle::check--> Findings --judge--> CaseRecord
//! ```
//!
//! A simulated fleet takes all of a processor and no time; one on sockets takes time and little of a
//! processor. So those on sockets stand side by side, and the simulated ones queue beside them. When a
//! fleet's thread ends its runtime does, and with it every task, socket and timer of the fleet.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use aws_lc_rs::digest;

use super::event::Event;
use crate::clock::{Clock, Stopwatch};
use crate::fleet::{self, FleetError, Ground};
use crate::judge::timeline::judge_timeline;
use crate::judge::{Judgement, Verdict};
use crate::oracle::check::check;
use crate::oracle::history::History;
use crate::record::{CaseRecord, TimelineRecord};
use crate::scenario::Role;
use crate::scenario::expand::Case;
use crate::scenario::fleet::Network;
use crate::seed::Seed;
use crate::target::Target;
use crate::target::planted::Flaws;

/// How many fleets stand on sockets at once.
const SIDE_BY_SIDE: usize = 8;

/// When simulated fleets begin: 2026-01-01T00:00:00Z. A history must not depend on the day it is made.
const SIMULATED_BEGINNING: i64 = 1_767_225_600;

/// The fleets of a run.
pub struct Muster<'a> {
    targets: &'a [Arc<dyn Target>],
    cases: &'a [Case],
    seed: Seed,
    stop: &'a AtomicBool,
    on_sockets: Mutex<VecDeque<Work<'a>>>,
    simulated: Mutex<VecDeque<Work<'a>>>,
}

#[derive(Clone, Copy)]
struct Work<'a> {
    target: &'a dyn Target,
    case: &'a Case,
}

impl<'a> Muster<'a> {
    /// All fleets of these targets and cases.
    pub fn of(
        targets: &'a [Arc<dyn Target>],
        cases: &'a [Case],
        seed: Seed,
        stop: &'a AtomicBool,
    ) -> Self {
        let all = |network: Network| {
            let fleets = cases
                .iter()
                .filter(move |case| case.network == Some(network));
            let work = fleets.flat_map(|case| {
                let targets = targets.iter().filter(|target| target.musters());
                targets.map(move |target| Work {
                    target: target.as_ref(),
                    case,
                })
            });
            Mutex::new(work.collect())
        };
        Self {
            targets,
            cases,
            seed,
            stop,
            on_sockets: all(Network::Sockets),
            simulated: all(Network::Simulated),
        }
    }

    /// How many cases there are.
    pub fn cases(&self) -> usize {
        let musters = self.targets.iter().filter(|target| target.musters());
        musters.count() * self.cases.len()
    }

    /// How many fleets there are of the target with this index, in this role.
    pub fn fleets(&self, index: usize, role: Role) -> u32 {
        let musters = self
            .targets
            .get(index)
            .is_some_and(|target| target.musters());
        let fleets = self
            .cases
            .iter()
            .filter(|case| musters && case.role == role);
        u32::try_from(fleets.count()).unwrap_or(u32::MAX)
    }

    /// Runs them all, with so many simulations at once.
    pub fn run(&self, jobs: usize, events: &mpsc::Sender<Event>) {
        thread::scope(|scope| {
            for _ in 0..SIDE_BY_SIDE.min(lock(&self.on_sockets).len()) {
                scope.spawn(|| self.labour(&self.on_sockets, events));
            }
            for _ in 0..jobs.max(1).min(lock(&self.simulated).len()) {
                scope.spawn(|| self.labour(&self.simulated, events));
            }
        });
    }

    fn labour(&self, queue: &Mutex<VecDeque<Work<'a>>>, events: &mpsc::Sender<Event>) {
        while !self.stop.load(Ordering::Relaxed) {
            let Some(work) = lock(queue).pop_front() else {
                return;
            };
            let record = self.judged(work);
            if events.send(Event::CaseJudged(Box::new(record))).is_err() {
                return;
            }
        }
    }

    fn judged(&self, work: Work<'_>) -> CaseRecord {
        let stopwatch = Stopwatch::start();
        let outcome = match work.target.flaws() {
            Some(flaws) => {
                let history = catch_unwind(AssertUnwindSafe(|| self.history(work.case, flaws)));
                match history {
                    Ok(Ok(history)) => Ok(history),
                    Ok(Err(error)) => Err(Judgement::of(Verdict::Broken, error.to_string())),
                    Err(_) => Err(Judgement::of(Verdict::Broken, "the fleet panicked")),
                }
            }
            None => Err(Judgement::of(
                Verdict::Unsupported,
                "the target cannot be a fleet",
            )),
        };
        let (judgement, timeline) = match outcome {
            Ok(history) => {
                let limits = work.case.scenario.limits.clone().unwrap_or_default();
                let findings = check(&history, &limits);
                let judgement = judge_timeline(&findings);
                let timeline = TimelineRecord {
                    steps: Vec::new(),
                    network: work.case.network,
                    history_digest: digest_of(&history),
                    findings,
                };
                (judgement, Some(timeline))
            }
            Err(judgement) => (judgement, None),
        };
        let duration_us = u64::try_from(stopwatch.elapsed().as_micros()).unwrap_or(u64::MAX);
        record(work, judgement, timeline, duration_us)
    }

    fn history(&self, case: &Case, flaws: Flaws) -> Result<History, FleetError> {
        let scenario = &case.scenario;
        let simulated = case.network == Some(Network::Simulated);
        let plan = fleet::Plan {
            fleet: scenario.fleet.clone().unwrap_or_default(),
            load: scenario.load.clone().unwrap_or_default(),
            windows: scenario.window.unwrap_or_default(),
            steps: scenario.steps.clone(),
            seed: self.seed,
            flaws,
            began: match simulated {
                true => SIMULATED_BEGINNING,
                false => Clock::start().unix(),
            },
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(simulated)
            .build()
            .map_err(FleetError::Runtime)?;
        runtime.block_on(async {
            let ground = match simulated {
                true => Ground::simulated(&plan.fleet),
                false => Ground::sockets(plan.has_mishaps()),
            };
            fleet::run(&plan, &ground, &Arc::default()).await
        })
    }
}

fn record(
    work: Work<'_>,
    judgement: Judgement,
    timeline: Option<TimelineRecord>,
    duration_us: u64,
) -> CaseRecord {
    let scenario = &work.case.scenario;
    let id = work.case.id();
    CaseRecord {
        scenario: scenario.id.clone(),
        title: scenario.title.clone(),
        level: scenario.level,
        spec: scenario.spec.clone(),
        file: scenario.path.clone(),
        target: work.target.name(),
        role: work.case.role,
        tls: work.case.tls,
        presented: "a fleet's certificates".into(),
        expectation: scenario.expect.clone(),
        observation: None,
        verdict: judgement.verdict,
        failure_kind: judgement.failure,
        known: work.target.known(&id).map(str::to_owned),
        reason: judgement.reason,
        log: None,
        timeline,
        twin: None,
        scenario_digest: scenario.digest.clone(),
        environment_digest: String::new(),
        duration_us,
        id,
    }
}

fn digest_of(history: &History) -> String {
    let json = serde_json::to_vec(history).unwrap_or_default();
    let digest = digest::digest(&digest::SHA256, &json);
    digest
        .as_ref()
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
