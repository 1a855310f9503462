//! Running: cases in, events out.
//!
//! ```text
//! cases --Schedule--> groups of one environment --workers--> start, attempt, twin, judge --> Event
//! ```
//!
//! Each worker is a thread with a runtime of its own; a group never leaves its worker, and the cases
//! of a group run one after the other, so that what one case does to a target cannot be blamed on
//! another that ran beside it.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::clock::Stopwatch;
use crate::judge::{Evidence, judge};
use crate::net::Transport;
use crate::observe::Observation;
use crate::pki::mint::Mint;
use crate::record::{CaseRecord, TargetRecord, TwinRecord};
use crate::scenario::expand::Case;
use crate::scenario::{Profile, Role, TlsVersion};
use crate::target::{Capability, Environment, Running, StartError, Target};

use self::attempt::attempt;
use self::environment::Patience;
use self::event::Event;
use self::schedule::{Group, Schedule, Staged, Twin, warm_up};

pub mod attempt;
pub mod environment;
pub mod event;
pub mod schedule;

/// What to run, and how.
pub struct Plan {
    /// The columns.
    pub targets: Vec<Arc<dyn Target>>,
    /// The rows, expanded and selected.
    pub cases: Vec<Case>,
    /// What carries the octets.
    pub transport: Transport,
    /// How many workers.
    pub jobs: usize,
    /// How long peers wait.
    pub patience: Patience,
    /// Where certificates come from.
    pub mint: Arc<Mint>,
}

/// How many groups a worker has under way, one to a lane: a case that waits for a deadline should not
/// hold up others, and more would only make them compete for the processor.
const LANES: usize = 8;

/// Runs the plan and tells `emit` what happens. `stop` ends it early, between two cases.
///
/// # Errors
/// When a worker could not start or died. What was judged by then has been told, and the run is
/// incomplete unless other workers did everything.
pub fn run(plan: &Plan, stop: &AtomicBool, mut emit: impl FnMut(Event)) -> io::Result<()> {
    let cases = plan.cases.len() * plan.targets.len();
    let mut judged_cases = 0;
    emit(Event::RunStarted { cases });
    plan.mint.warm(warm_up(&plan.cases));
    let schedule = Schedule::of(&plan.cases, &plan.mint);
    for target in &plan.targets {
        for (case, error) in &schedule.broken {
            let evidence = Evidence::Broken(format!(
                "the scenario's certificates could not be minted: {error}"
            ));
            let record = judged(case, target.as_ref(), &evidence, None);
            judged_cases += 1;
            emit(Event::CaseJudged(Box::new(record)));
        }
    }
    let shop = Shop {
        plan,
        stop,
        work: plan
            .targets
            .iter()
            .flat_map(|target| schedule.groups.iter().map(move |group| (target, group)))
            .collect(),
        next: AtomicUsize::new(0),
        environments: Mutex::default(),
        starts: Mutex::default(),
    };
    let (events, inbox) = mpsc::channel();
    let outcome = thread::scope(|scope| {
        let workers: Vec<_> = (0..plan.jobs.clamp(1, shop.work.len().max(1)))
            .map(|_| {
                let (shop, events) = (&shop, events.clone());
                scope.spawn(move || shop.labour(&events))
            })
            .collect();
        drop(events);
        for event in inbox {
            judged_cases += usize::from(matches!(event, Event::CaseJudged(_)));
            emit(event);
        }
        workers.into_iter().try_for_each(|worker| {
            let died = |_| Err(io::Error::other("a worker died"));
            worker.join().unwrap_or_else(died)
        })
    });
    for ((index, role), starts) in &*lock(&shop.starts) {
        let target = &plan.targets[*index];
        emit(Event::TargetFinished(TargetRecord {
            name: target.name(),
            role: *role,
            version: target.version(),
            starts: *starts,
        }));
    }
    emit(Event::RunFinished {
        complete: judged_cases == cases,
    });
    outcome
}

/// What the workers share.
struct Shop<'a> {
    plan: &'a Plan,
    stop: &'a AtomicBool,
    work: Vec<(&'a Arc<dyn Target>, &'a Group)>,
    next: AtomicUsize,
    environments: Mutex<HashMap<String, Arc<Environment>>>,
    starts: Mutex<BTreeMap<(usize, Role), u32>>,
}

impl Shop<'_> {
    fn labour(&self, events: &mpsc::Sender<Event>) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        // Each lane runs until it has to wait before the next begins, so that workers take turns at
        // the groups that take longest.
        let lanes: FuturesUnordered<_> = (0..LANES).map(|_| self.lane(events)).collect();
        runtime.block_on(lanes.collect::<()>());
        Ok(())
    }

    async fn lane(&self, events: &mpsc::Sender<Event>) {
        while let Some((target, group)) = self.work.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            self.run_group(target.as_ref(), group, events).await;
        }
    }

    async fn run_group(&self, target: &dyn Target, group: &Group, events: &mpsc::Sender<Event>) {
        let mut post = Post::default();
        for staged in &group.cases {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            self.await_keys(&staged.case).await;
            let record = self.run_case(target, group, staged, &mut post).await;
            // A listener that is gone means that the run is being abandoned.
            if events.send(Event::CaseJudged(Box::new(record))).is_err() {
                return;
            }
        }
    }

    /// Waits for the keys that take long to make in another thread. This one keeps time for the
    /// connections of its other groups, and would blame their targets for every second it sleeps.
    async fn await_keys(&self, case: &Case) {
        let keys = warm_up(std::slice::from_ref(case));
        if !keys.is_empty() {
            let mint = Arc::clone(&self.plan.mint);
            // What cannot be made shows when it is asked for.
            let _ = tokio::task::spawn_blocking(move || mint.make(&keys)).await;
        }
    }

    async fn run_case(
        &self,
        target: &dyn Target,
        group: &Group,
        staged: &Staged,
        post: &mut Post,
    ) -> CaseRecord {
        let case = &staged.case;
        let mut duration_us = 0;
        let mut twin = None;
        let evidence = match self.unsupported(target, case) {
            Some(why) => Evidence::Unsupported(why),
            None => {
                let clock = Stopwatch::start();
                let evidence = self.try_case(target, group, staged, post).await;
                duration_us = u64::try_from(clock.elapsed().as_micros()).unwrap_or(u64::MAX);
                if let (Some(control), Some(refusal)) = (&staged.twin, refusal(&evidence)) {
                    if refusal.alert().is_none() {
                        // So does a target refuse that is falling apart: what its twins did is history.
                        post.twins.clear();
                    }
                    twin = Some(self.try_twin(target, group, staged, control, post).await);
                }
                evidence
            }
        };
        CaseRecord {
            presented: staged.stage.presented(),
            twin: twin
                .as_ref()
                .map(|(evidence, same_start)| twin_record(evidence, *same_start)),
            environment_digest: group.digest.clone(),
            duration_us,
            ..judged(
                case,
                target,
                &evidence,
                twin.as_ref().map(|(evidence, _)| evidence),
            )
        }
    }

    fn unsupported(&self, target: &dyn Target, case: &Case) -> Option<String> {
        let version = match case.tls {
            TlsVersion::Tls12 => Capability::Tls12,
            TlsVersion::Tls13 => Capability::Tls13,
        };
        if !target.supports(version) {
            return Some(format!("the target does not speak {}", case.tls));
        }
        if case.scenario.profile == Some(Profile::Spiffe) && !target.supports(Capability::Spiffe) {
            return Some("the target does not claim to follow the SPIFFE profile".into());
        }
        None
    }

    async fn try_case(
        &self,
        target: &dyn Target,
        group: &Group,
        staged: &Staged,
        post: &mut Post,
    ) -> Evidence {
        if let Err(evidence) = self.ensure_started(target, group, staged, post) {
            return evidence;
        }
        let peer = match staged.stage.peer(staged.case.tls, self.plan.patience) {
            Ok(peer) => peer,
            Err(error) => return Evidence::Broken(error.to_string()),
        };
        let evidence = match &post.running {
            Some(running) => {
                attempt(running.as_ref(), group.role, &peer, self.plan.transport).await
            }
            None => Evidence::Broken("the target is not running".into()),
        };
        if !post.trusts_itself_after(&evidence) {
            *post = Post::default();
        }
        evidence
    }

    /// Runs the twin, in the case's own start where the environment is the same.
    async fn try_twin(
        &self,
        target: &dyn Target,
        group: &Group,
        staged: &Staged,
        twin: &Twin,
        post: &mut Post,
    ) -> (Evidence, bool) {
        let tls = staged.case.tls;
        let peer = match twin.stage.peer(tls, self.plan.patience) {
            Ok(peer) => peer,
            Err(error) => return (Evidence::Broken(error.to_string()), true),
        };
        if twin.environment_digest == group.digest {
            let key = (tls, twin.peer_digest.clone());
            if let Some(evidence) = post.twins.get(&key) {
                return (evidence.clone(), true);
            }
            // It is not the case's start where the case has ended that.
            let same_start = post.running.is_some();
            if let Err(evidence) = self.ensure_started(target, group, staged, post) {
                return (evidence, same_start);
            }
            let Some(running) = &post.running else {
                return (Evidence::Broken("the target is not running".into()), true);
            };
            let evidence = attempt(running.as_ref(), group.role, &peer, self.plan.transport).await;
            if post.trusts_itself_after(&evidence) {
                post.twins.insert(key, evidence.clone());
            } else {
                *post = Post::default();
            }
            return (evidence, same_start);
        }
        let environment = match twin.stage.environment(&self.plan.mint, staged.stage.pki()) {
            Ok(environment) => Arc::new(environment),
            Err(error) => return (Evidence::Broken(error.to_string()), false),
        };
        match self.start(target, environment, group.role) {
            Ok(running) => (
                attempt(running.as_ref(), group.role, &peer, self.plan.transport).await,
                false,
            ),
            Err(evidence) => (evidence, false),
        }
    }

    fn ensure_started(
        &self,
        target: &dyn Target,
        group: &Group,
        staged: &Staged,
        post: &mut Post,
    ) -> Result<(), Evidence> {
        if post.running.is_some() {
            return Ok(());
        }
        let known = lock(&self.environments).get(&group.digest).cloned();
        let environment = match known {
            Some(environment) => environment,
            None => {
                let environment = staged
                    .stage
                    .environment(&self.plan.mint, staged.stage.pki())
                    .map_err(|error| Evidence::Broken(error.to_string()))?;
                let environment = Arc::new(environment);
                lock(&self.environments).insert(group.digest.clone(), Arc::clone(&environment));
                environment
            }
        };
        post.running = Some(self.start(target, environment, group.role)?);
        Ok(())
    }

    fn start(
        &self,
        target: &dyn Target,
        environment: Arc<Environment>,
        role: Role,
    ) -> Result<Box<dyn Running>, Evidence> {
        if let Some(lacking) = environment
            .needs()
            .into_iter()
            .find(|need| !target.supports(*need))
        {
            return Err(Evidence::Unsupported(format!(
                "the target does not support {}",
                lacking.word()
            )));
        }
        let started =
            target
                .start(environment, self.plan.transport)
                .map_err(|error| match error {
                    StartError::Refused(words) => {
                        Evidence::Observed(Observation::refused_to_start(words))
                    }
                    StartError::Unsupported(why) => Evidence::Unsupported(why),
                    StartError::Broken(why) => Evidence::Broken(why),
                })?;
        let index = self
            .plan
            .targets
            .iter()
            .position(|candidate| std::ptr::addr_eq(Arc::as_ptr(candidate), target));
        *lock(&self.starts)
            .entry((index.unwrap_or(0), role))
            .or_default() += 1;
        Ok(started)
    }
}

/// One environment's start of a target, and what has been learnt in it.
#[derive(Default)]
struct Post {
    running: Option<Box<dyn Running>>,
    twins: HashMap<(TlsVersion, String), Evidence>,
}

impl Post {
    /// After a hang or a crash the next case deserves a fresh start.
    fn trusts_itself_after(&self, evidence: &Evidence) -> bool {
        use crate::observe::{PeerEnd, TargetEnd};
        match observed(evidence) {
            Some(observation) => {
                let crashed = observation
                    .target
                    .as_ref()
                    .is_some_and(|target| matches!(target.end, TargetEnd::Crashed(_)));
                !crashed && observation.peer.end != PeerEnd::TimedOut
            }
            // What broke once is not to be relied on.
            None => !matches!(evidence, Evidence::Broken(_)),
        }
    }
}

/// What needs a twin to prove anything: an acceptance is proof by itself, a refusal is not.
fn refusal(evidence: &Evidence) -> Option<&Observation> {
    observed(evidence).filter(|observation| !observation.accepted())
}

fn observed(evidence: &Evidence) -> Option<&Observation> {
    match evidence {
        Evidence::Observed(observation) => Some(observation),
        Evidence::Unsupported(_) | Evidence::Broken(_) => None,
    }
}

fn twin_record(evidence: &Evidence, same_start: bool) -> TwinRecord {
    let words = match evidence {
        Evidence::Observed(observation) => crate::judge::in_words(observation),
        Evidence::Unsupported(why) => format!("not possible: {why}"),
        Evidence::Broken(why) => format!("could not be run: {why}"),
    };
    TwinRecord {
        accepted: observed(evidence).is_some_and(Observation::accepted),
        same_start,
        words,
        observation: observed(evidence).cloned(),
    }
}

/// The record of a case as far as its evidence makes it.
fn judged(
    case: &Case,
    target: &dyn Target,
    evidence: &Evidence,
    twin: Option<&Evidence>,
) -> CaseRecord {
    let scenario = &case.scenario;
    let judgement = judge(
        &scenario.expect,
        scenario.target.may_refuse_to_start,
        evidence,
        twin,
    );
    let id = case.id();
    CaseRecord {
        scenario: scenario.id.clone(),
        title: scenario.title.clone(),
        level: scenario.level,
        spec: scenario.spec.clone(),
        file: scenario.path.clone(),
        target: target.name(),
        role: case.role,
        tls: case.tls,
        presented: String::new(),
        expectation: scenario.expect.clone(),
        observation: observed(evidence).cloned(),
        verdict: judgement.verdict,
        failure_kind: judgement.failure,
        known: target.known(&id).map(str::to_owned),
        reason: judgement.reason,
        twin: None,
        scenario_digest: scenario.digest.clone(),
        environment_digest: String::new(),
        duration_us: 0,
        id,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
