//! The shop: what the workers share, and what each of them does.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::OnceCell;

use super::Plan;
use super::attempt::attempt;
use super::environment::Stage;
use super::event::Event;
use super::post::{Post, blame, found_dead};
use super::schedule::{Group, Schedule, Staged, Twin, warm_up};
use super::story;
use super::trial::{Trial, refusal};
use crate::clock::Stopwatch;
use crate::judge::Evidence;
use crate::observe::{Observation, PeerEnd};
use crate::scenario::expand::Case;
use crate::scenario::{Profile, Role, Scenario, TlsVersion};
use crate::target::{
    Capability, DEFAULT_HANDSHAKE_DEADLINE, Environment, Running, StartError, Target,
};

/// How many groups a worker has under way, one to a lane: a case that waits for a deadline should not
/// hold up others, and more would only make them compete for the processor.
const LANES: usize = 8;

/// What a scenario's moments must be away from now for a target that goes by its own clock, in seconds:
/// a run may take that long.
const LONGEST_RUN: i64 = 3600;

/// What the workers share.
pub struct Shop<'a> {
    plan: &'a Plan,
    stop: &'a AtomicBool,
    work: Vec<Work<'a>>,
    next: AtomicUsize,
    environments: Mutex<HashMap<String, Arc<Environment>>>,
    starts: Mutex<BTreeMap<(usize, Role), u32>>,
    baselines: Mutex<Baselines>,
}

/// Whether a target starts in the baseline environment, by target and role, where that has been asked.
type Baselines = HashMap<(usize, Role), Arc<OnceCell<Result<(), String>>>>;

/// A group of cases for a target.
#[derive(Clone, Copy)]
pub(super) struct Work<'a> {
    index: usize,
    /// The target.
    pub(super) target: &'a dyn Target,
    /// The group.
    pub(super) group: &'a Group,
}

impl<'a> Shop<'a> {
    /// Everything that there is to do.
    pub fn open(plan: &'a Plan, stop: &'a AtomicBool, schedule: &'a Schedule) -> Self {
        let work = schedule.groups.iter().flat_map(|group| {
            let targets = plan.targets.iter().enumerate();
            targets.filter_map(move |(index, target)| {
                target.plays(group.role).then_some(Work {
                    index,
                    target: target.as_ref(),
                    group,
                })
            })
        });
        Self {
            plan,
            stop,
            work: work.collect(),
            next: AtomicUsize::new(0),
            environments: Mutex::default(),
            starts: Mutex::default(),
            baselines: Mutex::default(),
        }
    }

    /// What is to be run, and how.
    pub(super) fn plan(&self) -> &'a Plan {
        self.plan
    }

    /// How many workers there is something to do for.
    pub fn workers(&self) -> usize {
        self.plan.jobs.clamp(1, self.work.len().max(1))
    }

    /// How often the target with this index has been started in this role.
    pub fn starts(&self, index: usize, role: Role) -> u32 {
        lock(&self.starts).get(&(index, role)).copied().unwrap_or(0)
    }

    /// A worker's whole work.
    ///
    /// # Errors
    /// When it cannot have a runtime.
    pub fn labour(&self, events: &mpsc::Sender<Event>) -> io::Result<()> {
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
        while let Some(work) = self.work.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let mut post = Post::default();
            self.run_group(*work, &mut post, events).await;
            post.end().await;
        }
    }

    /// Runs the cases of a group, one after the other. A trial is judged when the next has been tried:
    /// only then is it certain that the target has survived it.
    async fn run_group(&self, work: Work<'_>, post: &mut Post, events: &mpsc::Sender<Event>) {
        if let Some(staged) = work.group.story() {
            self.await_keys(&staged.case).await;
            if !self.stop.load(Ordering::Relaxed) {
                let trial = match unsupported(work.target, &staged.case) {
                    Some(why) => Trial::of(staged, &work.group.digest, Evidence::Unsupported(why)),
                    None => story::tell(self, work, staged).await,
                };
                tell(trial, work, events);
            }
            return;
        }
        let mut last: Option<Trial<'_>> = None;
        for staged in &work.group.cases {
            self.await_keys(&staged.case).await;
            if let Some(last) = &mut last {
                post.blame_death(&mut last.evidence).await;
            }
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            let shared = post.running.is_some();
            let mut trial = self.run_case(work, staged, post).await;
            if let (true, Some(last), Some(words)) =
                (shared, &mut last, found_dead(&trial.evidence))
            {
                let again = self.run_case(work, staged, post).await;
                if found_dead(&again.evidence).is_none() {
                    blame(&mut last.evidence, &words);
                    trial = again;
                }
            }
            if let Some(done) = last.replace(trial)
                && !tell(done, work, events)
            {
                return;
            }
        }
        if let Some(mut trial) = last {
            post.blame_death(&mut trial.evidence).await;
            tell(trial, work, events);
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

    async fn run_case<'s>(&self, work: Work<'_>, staged: &'s Staged, post: &mut Post) -> Trial<'s> {
        let digest = &work.group.digest;
        if let Some(why) = unsupported(work.target, &staged.case) {
            return Trial::of(staged, digest, Evidence::Unsupported(why));
        }
        let clock = Stopwatch::start();
        let log_end = post.log_end();
        let evidence = self.try_case(work, staged, post).await;
        let mut trial = Trial::of(staged, digest, evidence);
        trial.duration_us = u64::try_from(clock.elapsed().as_micros()).unwrap_or(u64::MAX);
        trial.log = post.log_since(log_end);
        post.end_if_shaken(&trial.evidence).await;
        if let (Some(control), Some(refusal)) = (&staged.twin, refusal(&trial.evidence)) {
            if is_mute(refusal) {
                // So does a target refuse that is falling apart: what its twins did is history.
                post.twins.clear();
            }
            let twin = self.try_twin(work, staged, control, post).await;
            match (found_dead(&twin.0), twin.1) {
                (Some(words), true) => blame(&mut trial.evidence, &words),
                _ => trial.twin = Some(twin),
            }
        }
        trial
    }

    async fn try_case(&self, work: Work<'_>, staged: &Staged, post: &mut Post) -> Evidence {
        if let Err(evidence) = self.ensure_started(work, staged, post).await {
            return evidence;
        }
        let peer = match staged.stage.peer(staged.case.tls, self.plan.patience) {
            Ok(peer) => peer,
            Err(error) => return Evidence::Broken(error.to_string()),
        };
        match &post.running {
            Some(running) => {
                attempt(
                    running.as_ref(),
                    work.group.role,
                    &peer,
                    self.plan.transport,
                )
                .await
            }
            None => Evidence::Broken("the target is not running".into()),
        }
    }

    /// Runs the twin, in the case's own start where the environment is the same.
    async fn try_twin(
        &self,
        work: Work<'_>,
        staged: &Staged,
        twin: &Twin,
        post: &mut Post,
    ) -> (Evidence, bool) {
        let (tls, role) = (staged.case.tls, work.group.role);
        let peer = match twin.stage.peer(tls, self.plan.patience) {
            Ok(peer) => peer,
            Err(error) => return (Evidence::Broken(error.to_string()), true),
        };
        if twin.environment_digest == work.group.digest {
            let key = (tls, twin.peer_digest.clone());
            if let Some(evidence) = post.twins.get(&key) {
                return (evidence.clone(), true);
            }
            // It is not the case's start where the case has ended that.
            let same_start = post.running.is_some();
            if let Err(evidence) = self.ensure_started(work, staged, post).await {
                return (evidence, same_start);
            }
            let Some(running) = &post.running else {
                return (Evidence::Broken("the target is not running".into()), true);
            };
            let evidence = attempt(running.as_ref(), role, &peer, self.plan.transport).await;
            if !post.end_if_shaken(&evidence).await {
                post.twins.insert(key, evidence.clone());
            }
            return (evidence, same_start);
        }
        let environment = match twin.stage.environment(&self.plan.mint, staged.stage.pki()) {
            Ok(environment) => Arc::new(environment),
            Err(error) => return (Evidence::Broken(error.to_string()), false),
        };
        match self.start(work, environment).await {
            Ok(running) => {
                let evidence = attempt(running.as_ref(), role, &peer, self.plan.transport).await;
                running.stop().await;
                (evidence, false)
            }
            Err(evidence) => (evidence, false),
        }
    }

    async fn ensure_started(
        &self,
        work: Work<'_>,
        staged: &Staged,
        post: &mut Post,
    ) -> Result<(), Evidence> {
        if post.running.is_some() {
            return Ok(());
        }
        let digest = &work.group.digest;
        let known = lock(&self.environments).get(digest).cloned();
        let environment = match known {
            Some(environment) => environment,
            None => {
                let environment = staged
                    .stage
                    .environment(&self.plan.mint, staged.stage.pki())
                    .map_err(|error| Evidence::Broken(error.to_string()))?;
                let environment = Arc::new(environment);
                lock(&self.environments).insert(digest.clone(), Arc::clone(&environment));
                environment
            }
        };
        post.running = Some(self.start(work, environment).await?);
        Ok(())
    }

    /// Starts the target. One that does not start has a reason of its own only if it starts in the
    /// baseline environment; otherwise its descriptor is wrong, and nothing of that is its fault.
    pub(super) async fn start(
        &self,
        work: Work<'_>,
        environment: Arc<Environment>,
    ) -> Result<Box<dyn Running>, Evidence> {
        let role = work.group.role;
        if let Some(lacking) = environment
            .needs()
            .into_iter()
            .find(|need| !work.target.supports(role, *need))
        {
            return Err(Evidence::Unsupported(format!(
                "the target does not support {}",
                lacking.word()
            )));
        }
        let environment = unhurried(work.target, environment);
        let baseline = Arc::clone(lock(&self.baselines).entry((work.index, role)).or_default());
        if let Some(Err(why)) = baseline.get() {
            return Err(Evidence::Broken(why.clone()));
        }
        let error = match work.target.start(environment, self.plan.transport).await {
            Ok(running) => {
                *lock(&self.starts).entry((work.index, role)).or_default() += 1;
                return Ok(running);
            }
            Err(StartError::Unsupported(why)) => return Err(Evidence::Unsupported(why)),
            Err(error) => error,
        };
        let starts = baseline.get_or_init(|| self.starts_in_baseline(work)).await;
        Err(match (starts, error) {
            (Err(why), _) => Evidence::Broken(why.clone()),
            (Ok(()), StartError::Refused(words)) => {
                Evidence::Observed(Observation::refused_to_start(words))
            }
            (Ok(()), StartError::Crashed(words)) => {
                Evidence::Observed(Observation::crashed_at_start(words))
            }
            (Ok(()), error) => Evidence::Broken(error.to_string()),
        })
    }

    async fn starts_in_baseline(&self, work: Work<'_>) -> Result<(), String> {
        let role = work.group.role;
        let scenario = Arc::new(Scenario::baseline());
        let stage =
            Stage::new(&self.plan.mint, scenario, role, "baseline").map_err(|e| e.to_string())?;
        let environment = stage
            .environment(&self.plan.mint, stage.pki())
            .map_err(|error| error.to_string())?;
        match work
            .target
            .start(Arc::new(environment), self.plan.transport)
            .await
        {
            Ok(running) => {
                running.stop().await;
                Ok(())
            }
            Err(error) => Err(format!(
                "it does not start in the baseline environment either, so its descriptor is to blame, or \
                 this machine: {error}"
            )),
        }
    }
}

/// Judges a trial and tells what it came to. False when nobody wants to know any more.
fn tell(trial: Trial<'_>, work: Work<'_>, events: &mpsc::Sender<Event>) -> bool {
    let record = trial.judged(work.target);
    events.send(Event::CaseJudged(Box::new(record))).is_ok()
}

/// The environment for a target that is a program of its own: on a busy machine the quarter of a second
/// that a target in process is given is too short for a good handshake, and its twin would be refused.
fn unhurried(target: &dyn Target, environment: Arc<Environment>) -> Arc<Environment> {
    let deadline = environment.handshake_deadline;
    if target.has_injected_clock() || deadline == DEFAULT_HANDSHAKE_DEADLINE {
        return environment;
    }
    Arc::new(Environment {
        handshake_deadline: deadline * 4,
        ..(*environment).clone()
    })
}

/// Why a target cannot be asked this, whatever its environment.
pub(super) fn unsupported(target: &dyn Target, case: &Case) -> Option<String> {
    let version = match case.tls {
        TlsVersion::Tls12 => Capability::Tls12,
        TlsVersion::Tls13 => Capability::Tls13,
    };
    let can = |capability| target.supports(case.role, capability);
    if !can(version) {
        return Some(format!("the target does not speak {}", case.tls));
    }
    if case.scenario.profile == Some(Profile::Spiffe) && !can(Capability::Spiffe) {
        return Some("the target does not claim to follow the SPIFFE profile".into());
    }
    if case.scenario.expect.identity.is_some() && !can(Capability::Identity) {
        return Some("the target cannot tell whom it takes the peer for".into());
    }
    // A story's certificates are minted when it begins.
    let soon = case
        .scenario
        .next_moment()
        .filter(|_| !case.scenario.is_story());
    if !target.has_injected_clock() && soon.is_some_and(|soon| soon <= LONGEST_RUN) {
        return Some(
            "it depends on a moment that a target with a clock of its own may pass".into(),
        );
    }
    None
}

/// Was the peer refused without any word, in TLS or above it?
fn is_mute(refusal: &Observation) -> bool {
    refusal.alert().is_none() && !matches!(refusal.peer.end, PeerEnd::RefusedAboveTls(_))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
