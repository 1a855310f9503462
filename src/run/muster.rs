//! Mustering fleets: cases with a timeline, each in a thread and a runtime of its own.
//!
//! ```text
//! Case --fleet::run--> History --oracle::check--> Findings --judge--> CaseRecord
//! ```
//!
//! A simulated fleet takes all of a processor and no time; one on sockets takes time and little of a
//! processor. So those on sockets stand side by side, and the simulated ones queue beside them. When a
//! fleet's thread ends its runtime does, and with it every task, socket and timer of the fleet.
//!
//! Fleets live for seconds, those of programs for many: one that is told to end is dropped as it stands.
//! It has not lived to its end, so nothing is said of it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use tokio::sync::watch;

use super::event::Event;
use super::trial::last_part;
use crate::clock::Stopwatch;
use crate::digest::sha256;
use crate::fleet::program::{self, adaptation};
use crate::fleet::{self, FleetError, Ground};
use crate::judge::timeline::{is_doubted, judge_timeline};
use crate::judge::{FailureKind, Judgement, Verdict};
use crate::oracle::check::check;
use crate::oracle::history::History;
use crate::record::{CaseRecord, TimelineRecord};
use crate::scenario::Role;
use crate::scenario::expand::Case;
use crate::scenario::fleet::Network;
use crate::seed::Seed;
use crate::target::Target;
use crate::target::planted::Flaws;
use crate::target::service::words_of;

/// How many fleets stand on sockets at once.
const SIDE_BY_SIDE: usize = 8;

/// How many fleets of programs stand beside those: each is several processes, which take a processor for
/// themselves when they reload.
const PROGRAMS_SIDE_BY_SIDE: usize = 3;

/// How often it is asked whether all is to end.
const GLANCE: Duration = Duration::from_millis(20);

/// How often a fleet is run again, alone, that failed on a busy machine.
const TRIES_ALONE: u8 = 2;

/// The fleets of a run.
pub struct Muster<'a> {
    targets: &'a [Arc<dyn Target>],
    cases: &'a [Case],
    seed: Seed,
    stop: &'a AtomicBool,
    /// Every fleet that lives is to end now.
    ending: watch::Sender<bool>,
    on_sockets: Mutex<VecDeque<Work<'a>>>,
    of_programs: Mutex<VecDeque<Work<'a>>>,
    simulated: Mutex<VecDeque<Work<'a>>>,
    delayed: Mutex<VecDeque<Work<'a>>>,
}

#[derive(Clone, Copy)]
struct Work<'a> {
    target: &'a dyn Target,
    case: &'a Case,
    /// How often it has been run again, with nothing beside it.
    tries: u8,
}

impl<'a> Muster<'a> {
    /// All fleets of these targets and cases.
    pub fn of(
        targets: &'a [Arc<dyn Target>],
        cases: &'a [Case],
        seed: Seed,
        stop: &'a AtomicBool,
    ) -> Self {
        let all = |network: Network, of_programs: bool| {
            let fleets = cases
                .iter()
                .filter(move |case| case.network == Some(network));
            let work = fleets.flat_map(|case| {
                let targets = targets.iter().filter(move |target| {
                    takes_part(&***target, case) && target.flaws().is_none() == of_programs
                });
                targets.map(move |target| Work {
                    target: target.as_ref(),
                    case,
                    tries: 0,
                })
            });
            Mutex::new(work.collect())
        };
        Self {
            targets,
            cases,
            seed,
            stop,
            ending: watch::Sender::new(false),
            on_sockets: all(Network::Sockets, false),
            of_programs: all(Network::Sockets, true),
            simulated: all(Network::Simulated, false),
            delayed: Mutex::default(),
        }
    }

    /// The cases that the target with this index takes part in.
    fn of_target(&self, index: usize) -> impl Iterator<Item = &Case> {
        let target = self.targets.get(index);
        self.cases
            .iter()
            .filter(move |case| target.is_some_and(|target| takes_part(&**target, case)))
    }

    /// How many fleets there are of the target with this index, in this role.
    pub fn fleets(&self, index: usize, role: Role) -> u32 {
        let fleets = self.of_target(index).filter(|case| case.role == role);
        u32::try_from(fleets.count()).unwrap_or(u32::MAX)
    }

    /// Runs them all, with so many simulations at once.
    ///
    /// One that fails while the machine kept the harness itself waiting is run again when there is nothing
    /// beside it: what a busy machine does must not be blamed on the target.
    pub fn run(&self, jobs: usize, events: &mpsc::Sender<Event>) {
        let queues = [
            (&self.on_sockets, SIDE_BY_SIDE),
            (&self.of_programs, PROGRAMS_SIDE_BY_SIDE),
            (&self.simulated, jobs.max(1)),
        ];
        self.attend(&queues, events);
        for _ in 0..TRIES_ALONE {
            let delayed = Mutex::new(std::mem::take(&mut *lock(&self.delayed)));
            self.attend(&[(&delayed, 1)], events);
        }
    }

    /// Runs what is in these queues, so many of each at once, and tells those that live when all is to end.
    fn attend(&self, queues: &[(&Mutex<VecDeque<Work<'a>>>, usize)], events: &mpsc::Sender<Event>) {
        thread::scope(|scope| {
            let mut workers = Vec::new();
            for &(queue, most) in queues {
                for _ in 0..most.min(lock(queue).len()) {
                    workers.push(scope.spawn(move || self.labour(queue, events)));
                }
            }
            while workers.iter().any(|worker| !worker.is_finished()) {
                if self.stop.load(Ordering::Relaxed) {
                    self.ending.send_replace(true);
                    return;
                }
                thread::sleep(GLANCE);
            }
        });
    }

    fn labour(&self, queue: &Mutex<VecDeque<Work<'a>>>, events: &mpsc::Sender<Event>) {
        while !self.stop.load(Ordering::Relaxed) {
            let Some(work) = lock(queue).pop_front() else {
                return;
            };
            let Some(record) = self.unless_delayed(work) else {
                continue;
            };
            if events.send(Event::CaseJudged(Box::new(record))).is_err() {
                return;
            }
        }
    }

    /// What came of a fleet, unless it was told to end or has to be run again.
    fn unless_delayed(&self, work: Work<'a>) -> Option<CaseRecord> {
        let mut record = self.judged(work)?;
        let Some(timeline) = &record.timeline else {
            return Some(record);
        };
        let late = timeline.lateness_us;
        if !is_doubted(record.verdict, &timeline.findings, late) {
            return Some(record);
        }
        if work.tries < TRIES_ALONE {
            lock(&self.delayed).push_back(Work {
                tries: work.tries + 1,
                ..work
            });
            return None;
        }
        if record.failure_kind == Some(FailureKind::AcceptedForbidden) {
            // So often in a row is no chance.
            return Some(record);
        }
        record.verdict = Verdict::Invalid;
        record.failure_kind = None;
        record.reason = format!(
            "it proves nothing, for the machine kept the harness itself waiting for {} ms: {}",
            late / 1000,
            record.reason
        );
        Some(record)
    }

    /// None of a fleet that was told to end.
    fn judged(&self, work: Work<'_>) -> Option<CaseRecord> {
        let stopwatch = Stopwatch::start();
        let lived = catch_unwind(AssertUnwindSafe(|| self.live(work))).unwrap_or_else(|panic| {
            let why = format!("the fleet panicked: {}", words_of(panic.as_ref()));
            Err(Obstacle::Judged(Judgement::of(Verdict::Broken, why)))
        });
        let (judgement, timeline, log) = match lived {
            Ok(life) => {
                let limits = work.case.scenario.limits.clone().unwrap_or_default();
                let findings = check(&life.history, &limits);
                let judgement = life.judged(judge_timeline(&findings));
                let timeline = TimelineRecord {
                    steps: Vec::new(),
                    network: work.case.network,
                    lateness_us: life.history.lateness,
                    history_digest: digest_of(&life.history),
                    findings,
                };
                let went_well = judgement.verdict == Verdict::Pass;
                (
                    judgement,
                    Some(timeline),
                    life.log.filter(|_| !went_well).map(last_part),
                )
            }
            Err(Obstacle::Judged(judgement)) => (judgement, None, None),
            Err(Obstacle::ToldToEnd) => return None,
        };
        let duration_us = u64::try_from(stopwatch.elapsed().as_micros()).unwrap_or(u64::MAX);
        Some(CaseRecord {
            log,
            ..record(work, judgement, timeline, duration_us)
        })
    }

    /// Has a fleet live from its first call to its last; or says why that cannot be.
    fn live(&self, work: Work<'_>) -> Result<Life, Obstacle> {
        let Some(flaws) = work.target.flaws() else {
            return self.live_as_programs(work);
        };
        let simulated = work.case.network == Some(Network::Simulated);
        let plan = self.plan(work.case, flaws);
        let history = self.unless_told_to_end(simulated, async {
            let ground = match simulated {
                true => Ground::simulated(&plan.fleet),
                false => Ground::sockets(plan.has_mishaps()),
            };
            fleet::run(&plan, &ground, &Arc::default()).await
        })?;
        Ok(Life {
            history,
            deaths: Vec::new(),
            log: None,
        })
    }

    fn live_as_programs(&self, work: Work<'_>) -> Result<Life, Obstacle> {
        let unsupported = |why: String| Obstacle::Judged(Judgement::of(Verdict::Unsupported, why));
        let plan = self.plan(work.case, Flaws::NONE);
        let Some(settle) = work.target.settle() else {
            return Err(unsupported("the target cannot be a fleet".into()));
        };
        let supports = |capability| work.target.supports(Role::Server, capability);
        if let Some(why) = adaptation::obstacle(&plan, supports) {
            return Err(unsupported(why));
        }
        if adaptation::changes_material(&plan) && !work.target.reloads(Role::Server) {
            let why = "the target cannot take other certificates or lists while it runs: its descriptor has no `reload`";
            return Err(unsupported(why.into()));
        }
        let plan = adaptation::adapted(plan, settle);
        let performance = self.unless_told_to_end(false, program::run(&plan, work.target))?;
        Ok(Life {
            history: performance.history,
            deaths: performance.deaths,
            log: Some(performance.logs),
        })
    }

    /// Has a fleet live in a runtime of its own, which goes with it.
    fn unless_told_to_end<T>(
        &self,
        simulated: bool,
        fleet: impl Future<Output = Result<T, FleetError>>,
    ) -> Result<T, Obstacle> {
        let broken =
            |error: FleetError| Obstacle::Judged(Judgement::of(Verdict::Broken, error.to_string()));
        let mut ending = self.ending.subscribe();
        fleet::runtime(simulated).map_err(broken)?.block_on(async {
            tokio::select! {
                biased;
                _ = ending.wait_for(|ending| *ending) => Err(Obstacle::ToldToEnd),
                lived = fleet => lived.map_err(broken),
            }
        })
    }

    fn plan(&self, case: &Case, flaws: Flaws) -> fleet::Plan {
        let scenario = &case.scenario;
        fleet::Plan {
            fleet: scenario.fleet.clone().unwrap_or_default(),
            load: scenario.load.clone().unwrap_or_default(),
            windows: scenario.window.unwrap_or_default(),
            steps: scenario.steps.clone(),
            seed: self.seed,
            flaws,
            began: fleet::beginning(case.network == Some(Network::Simulated)),
        }
    }
}

/// Does this target take part in this case? What is worth asking of somebody else's program, in real time,
/// has the tag `real`.
pub fn takes_part(target: &dyn Target, case: &Case) -> bool {
    let is_real = || case.network == Some(Network::Sockets) && case.scenario.has_tag("real");
    target.musters() && (target.flaws().is_some() || is_real())
}

/// Why a fleet has not lived to its end.
enum Obstacle {
    /// It could not, and this is the judgement of its case.
    Judged(Judgement),
    /// It was told to end: nobody waits for the rest.
    ToldToEnd,
}

/// What a fleet has lived through.
struct Life {
    history: History,
    /// The programs that ended before their time, with their last words.
    deaths: Vec<String>,
    /// What its programs have logged, where it has any.
    log: Option<String>,
}

impl Life {
    /// The judgement of its history, or that its programs have died of it.
    fn judged(&self, judgement: Judgement) -> Judgement {
        match self.deaths.first() {
            None => judgement,
            Some(death) => Judgement::of(Verdict::Crash, format!("{death}; {}", judgement.reason)),
        }
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
    let let_in = judgement.failure == Some(FailureKind::AcceptedForbidden);
    let by_chance = work.target.varies(&id, let_in);
    let by_chance = by_chance.filter(|_| judgement.verdict.is_failure());
    CaseRecord {
        scenario: scenario.id.clone(),
        title: scenario.title.clone(),
        level: scenario.level,
        spec: scenario.spec.clone(),
        file: scenario.path.clone(),
        line: scenario.line,
        target: work.target.name(),
        role: work.case.role,
        tls: work.case.tls,
        presented: "a fleet's certificates".into(),
        expectation: scenario.expect.clone(),
        observation: None,
        verdict: judgement.verdict,
        failure_kind: judgement.failure,
        known: work.target.known(&id).or(by_chance).map(str::to_owned),
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
    sha256(&json)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
