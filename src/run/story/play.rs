//! A play: the story as it is lived through, with the target, the peer's sessions and what is held.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::super::attempt::attempt;
use super::super::environment::Stage;
use super::super::schedule::Staged;
use super::super::shop::{Shop, Work};
use super::changed;
use crate::clock::{Clock, Stopwatch};
use crate::expect::{HandshakeKind, Outcome};
use crate::judge::Evidence;
use crate::judge::story::{StepTold, Told, Visit};
use crate::net::protocol::Protocol;
use crate::observe::{Observation, PeerEnd, TargetEnd, TargetView};
use crate::peer::Peer;
use crate::peer::held::{Held, hold};
use crate::peer::session::Sessions;
use crate::pki::PkiError;
use crate::pki::mint::Mint;
use crate::scenario::Role;
use crate::scenario::step::{Action, Step};
use crate::target::{Environment, Running};

/// A program is told to reload and takes its time, and a signal that comes while it still starts is lost:
/// for so long after that steps are tried until they come out as they must, with a pause before each try, and
/// it is told again after every so many.
const SETTLING: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(250);
const TELL_AGAIN: u32 = 8;

/// How long a target may take to tell what it saw.
const AFTERMATH: Duration = Duration::from_secs(2);

/// One performance of a story, or of its control.
pub struct Play<'a> {
    shop: &'a Shop<'a>,
    work: Work<'a>,
    staged: &'a Staged,
    label: String,
    clock: Clock,
    mint: Arc<Mint>,
    began: i64,
    running: Option<Box<dyn Running>>,
    sessions: BTreeMap<String, Sessions>,
    /// At which step each party's session was made.
    made_at: BTreeMap<String, usize>,
    held: Option<(Held, Peer, usize, String)>,
    /// The time since a target was told of something that may not have taken it yet.
    unsettled: Option<Stopwatch>,
    /// For a target with a clock of its own: how long it really is since the story began, and the moments
    /// that must not pass before the story says so.
    since: Stopwatch,
    /// How far its steps have advanced the clock, in microseconds.
    advanced: i64,
    moments: Vec<Moment>,
    late: bool,
}

/// A moment at which something begins or ends to be valid, in microseconds since the story began.
#[derive(Clone, Copy)]
struct Moment {
    /// By the story's clock.
    told: i64,
    /// By the clock on the wall.
    real: i64,
}

impl<'a> Play<'a> {
    /// A play that has not begun. `suffix` tells the control's certificates from the story's.
    pub fn of(shop: &'a Shop<'a>, work: Work<'a>, staged: &'a Staged, suffix: &str) -> Self {
        let clock = match work.target.has_injected_clock() {
            true => Clock::at(shop.plan().mint.clock().unix()),
            false => Clock::start(),
        };
        Self {
            label: format!("{}{suffix}", staged.case),
            mint: shop.plan().mint.apart(clock.clone()),
            began: clock.micros(),
            clock,
            shop,
            work,
            staged,
            running: None,
            sessions: BTreeMap::new(),
            made_at: BTreeMap::new(),
            held: None,
            unsettled: None,
            since: Stopwatch::start(),
            advanced: 0,
            moments: Vec::new(),
            late: false,
        }
    }

    /// Lives through these steps. False: the machine was too slow, so that a moment had passed before its
    /// turn, and nothing of it is to be held against the target.
    pub async fn through(mut self, steps: &[(usize, &Step)]) -> (Told, bool) {
        let told = self.live(steps).await;
        (told, !self.late)
    }

    async fn live(&mut self, steps: &[(usize, &Step)]) -> Told {
        let mut told = Told::default();
        let mut stage = match self.prepare().await {
            Ok(stage) => stage,
            Err(evidence) => {
                told.ended = Some(evidence);
                return told;
            }
        };
        for (place, step) in steps {
            match self.take(&mut stage, *place, step).await {
                Ok(step) => {
                    let lost = step
                        .visit
                        .as_ref()
                        .is_some_and(|visit| is_lost(&visit.seen));
                    told.steps.push(step);
                    if lost {
                        break;
                    }
                }
                Err(evidence) => {
                    told.ended = Some(evidence);
                    break;
                }
            }
        }
        self.end(&mut told).await;
        told
    }

    /// Mints everything, and starts the target.
    async fn prepare(&mut self) -> Result<Stage, Evidence> {
        let scenario = Arc::clone(&self.staged.case.scenario);
        let stage = Stage::new(&self.mint, scenario, self.staged.case.role, &self.label);
        let stage = stage.map_err(broken)?;
        // Validity is reckoned from the beginning of the story, whenever an entry is first used.
        stage.mint_all().map_err(broken)?;
        self.start(&stage).await?;
        Ok(stage)
    }

    fn environment(&mut self, stage: &Stage) -> Result<Arc<Environment>, Evidence> {
        if !self.work.target.has_injected_clock() {
            // Lists are made now, by the clock on the wall.
            let real = self.real();
            let shown = self.clock.micros() - self.began;
            self.clock.set_forward(real - shown);
            if let Some(seconds) = stage.scenario().next_moment() {
                let until = seconds.saturating_mul(1_000_000);
                self.moments.push(Moment {
                    told: self.advanced + until,
                    real: real + until,
                });
            }
        }
        let environment = stage.environment(&self.mint, stage.pki());
        environment.map(Arc::new).map_err(broken)
    }

    async fn start(&mut self, stage: &Stage) -> Result<(), Evidence> {
        let environment = self.environment(stage)?;
        self.running = Some(self.shop.start(self.work, environment).await?);
        Ok(())
    }

    async fn take(
        &mut self,
        stage: &mut Stage,
        place: usize,
        step: &Step,
    ) -> Result<StepTold, Evidence> {
        let mut visit = None;
        match step.action {
            Action::ReplaceTrust | Action::ReplaceCrl | Action::ReplaceClientAuth => {
                stage.recast(changed(stage.scenario(), step));
                self.unsettled = None;
                self.reload(stage).await?;
            }
            Action::ForgetTickets => {
                let running = self.running.as_mut();
                let forgotten = running.map(|running| running.forget_sessions());
                if !matches!(forgotten, Some(Ok(()))) {
                    self.restart(stage).await?;
                }
            }
            Action::Restart => self.restart(stage).await?,
            Action::Advance => {
                let by = step.by.unwrap_or_default();
                let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
                self.clock.set_forward(micros);
                self.advanced = self.advanced.saturating_add(micros);
                if !self.work.target.has_injected_clock() {
                    sleep(by.duration()).await;
                }
            }
            _ => visit = Some(self.visit(stage, place, step).await?),
        }
        let real = self.real();
        self.late |= self
            .moments
            .iter()
            .any(|moment| self.advanced <= moment.told && real >= moment.real);
        Ok(StepTold {
            step: place,
            action: step.action,
            at: u64::try_from(self.advanced).unwrap_or(0),
            visit,
        })
    }

    async fn reload(&mut self, stage: &Stage) -> Result<(), Evidence> {
        let environment = self.environment(stage)?;
        let Some(running) = &mut self.running else {
            return Err(Evidence::Broken("the target is not running".into()));
        };
        let reloaded = running.reload(environment).await;
        reloaded.map_err(|why| Evidence::Broken(format!("it could not be reloaded: {why}")))?;
        let slow = !self.work.target.has_injected_clock();
        let since = self.unsettled.take().unwrap_or_else(Stopwatch::start);
        self.unsettled = slow.then_some(since);
        Ok(())
    }

    async fn restart(&mut self, stage: &Stage) -> Result<(), Evidence> {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
        self.start(stage).await
    }

    /// A connection step. A target that may still be reloading is tried until it does as it must.
    ///
    /// Who has resumed a session that must be refused is excused only by a refusal of another one: a ticket
    /// is offered once, and without one it is the full handshake that is refused.
    async fn visit(&mut self, stage: &Stage, place: usize, step: &Step) -> Result<Visit, Evidence> {
        let mut tries = 0;
        let mut resumed = None;
        let since = self.unsettled;
        if since.is_some() && (step.expect == Some(Outcome::Policy) || self.has_one_chance(step)) {
            let settle = self.work.target.settle().unwrap_or_default();
            sleep(settle.clamp(4 * PAUSE, SETTLING)).await;
        }
        loop {
            let visit = self.try_visit(stage, place, step).await?;
            let settling = since.is_some_and(|since| since.elapsed() < SETTLING);
            if !settling || step.action == Action::Ask || is_as_expected(&visit) {
                return Ok(visit);
            }
            if is_resumed(&visit.seen) {
                resumed = Some(visit);
            }
            if let Some(visit) = resumed.take_if(|_| self.is_out_of_tickets(step)) {
                return Ok(visit);
            }
            sleep(PAUSE).await;
            tries += 1;
            if tries % TELL_AGAIN == 0 {
                self.reload(stage).await?;
            }
        }
    }

    /// Must the one ticket that there is be refused?
    fn has_one_chance(&self, step: &Step) -> bool {
        self.must_refuse_a_ticket(step) && self.sessions_of(step).is_some_and(Sessions::has_one)
    }

    /// Was the last ticket that must be refused offered already?
    fn is_out_of_tickets(&self, step: &Step) -> bool {
        self.must_refuse_a_ticket(step) && !self.sessions_of(step).is_some_and(Sessions::any)
    }

    /// As a client the target sees to its sessions itself.
    fn must_refuse_a_ticket(&self, step: &Step) -> bool {
        self.staged.case.role == Role::Server
            && step.action == Action::Resume
            && step.expect == Some(Outcome::Reject)
    }

    fn sessions_of(&self, step: &Step) -> Option<&Sessions> {
        self.sessions.get(who_of(step))
    }

    async fn try_visit(
        &mut self,
        stage: &Stage,
        place: usize,
        step: &Step,
    ) -> Result<Visit, Evidence> {
        let who = who_of(step).to_owned();
        let (who, made_at, seen) = match step.action {
            Action::Ask => self.ask().await?,
            _ => {
                let sessions = self.sessions.entry(who.clone()).or_default();
                let resumes = step.action == Action::Resume;
                let sessions = sessions.offered(resumes);
                let made_at = self.made_at.get(&who).copied().filter(|_| resumes);
                let patience = self.shop.plan().patience;
                let peer = stage.peer_as(&who, step.sni.as_ref(), self.staged.case.tls, patience);
                let peer = Peer {
                    sessions: Some(sessions),
                    ..peer.map_err(broken)?
                };
                let seen = match step.action {
                    Action::Hold => self.hold(peer, place, &who).await?,
                    _ => self.meet(&peer).await?,
                };
                (who, made_at, seen)
            }
        };
        if seen.accepted() && step.action != Action::Ask && !is_resumed(&seen) {
            self.made_at.insert(who.clone(), place);
        }
        Ok(Visit {
            serial: stage.serial_of(&who).map_err(broken)?,
            who,
            made_at,
            expected: step.expect.unwrap_or(Outcome::Policy),
            handshake: step.handshake,
            seen,
        })
    }

    async fn meet(&self, peer: &Peer) -> Result<Observation, Evidence> {
        let transport = self.shop.plan().transport;
        let running = self.running()?;
        match attempt(running, self.staged.case.role, peer, transport).await {
            Evidence::Observed(seen) => Ok(seen),
            other => Err(other),
        }
    }

    async fn hold(&mut self, peer: Peer, place: usize, who: &str) -> Result<Observation, Evidence> {
        let running = self.running()?;
        let application = running.application();
        if application.protocol != Protocol::Line {
            // Others close after one answer, or have more to say in between than a question.
            return Err(Evidence::Unsupported(
                "connections are held in the line protocol alone".into(),
            ));
        }
        let address = running
            .address()
            .ok_or_else(|| Evidence::Broken("the target has no address".into()))?;
        let met = hold(&peer, &application, &address, |connection| {
            running.decided(connection)
        });
        let (connection, view, held) = met.await.map_err(broken)?;
        let target = match connection {
            Some(connection) => timeout(PAUSE, running.decided(connection)).await.ok(),
            None => None,
        };
        if let Some(held) = held {
            self.let_go().await;
            self.held = Some((held, peer, place, who.to_owned()));
        }
        Ok(Observation { peer: view, target })
    }

    async fn ask(&mut self) -> Result<(String, Option<usize>, Observation), Evidence> {
        let running = self
            .running
            .as_deref()
            .ok_or_else(|| Evidence::Broken("the target is not running".into()))?;
        let Some((held, peer, place, who)) = &mut self.held else {
            let why =
                "there is no connection to ask on: it was refused when it should have been held";
            return Err(Evidence::Unsupported(why.into()));
        };
        let view = held.ask(peer, &running.application()).await;
        let target = match view.end {
            PeerEnd::Exchanged => None,
            _ => timeout(AFTERMATH, running.view(held.connection()))
                .await
                .ok()
                .flatten(),
        };
        let seen = Observation { peer: view, target };
        Ok((who.clone(), Some(*place), seen))
    }

    async fn let_go(&mut self) {
        if let Some((held, peer, ..)) = self.held.take() {
            held.close(&peer).await;
        }
    }

    /// Ends the target. If it has died since the last step, it has died of that.
    async fn end(&mut self, told: &mut Told) {
        self.let_go().await;
        let Some(running) = self.running.take() else {
            return;
        };
        if let Some(words) = running.death(Duration::ZERO).await {
            let last = told
                .steps
                .iter_mut()
                .rev()
                .find_map(|step| step.visit.as_mut());
            if let Some(last) = last {
                last.seen.target = Some(TargetView::of(TargetEnd::Crashed(words)));
            }
        }
        running.stop().await;
    }

    /// How long it really is since the story began, in microseconds.
    fn real(&self) -> i64 {
        i64::try_from(self.since.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    fn running(&self) -> Result<&dyn Running, Evidence> {
        let running = self.running.as_deref();
        running.ok_or_else(|| Evidence::Broken("the target is not running".into()))
    }
}

fn broken(error: impl Into<Trouble>) -> Evidence {
    Evidence::Broken(error.into().0)
}

/// Why the harness could not do its part.
struct Trouble(String);

impl From<PkiError> for Trouble {
    fn from(error: PkiError) -> Self {
        Self(format!(
            "the story's certificates could not be minted: {error}"
        ))
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self(format!("the peer could not be set up: {error}"))
    }
}

/// Who presents himself at this step.
fn who_of(step: &Step) -> &str {
    step.who.as_deref().unwrap_or("peer")
}

/// After this there is nothing to go on with.
fn is_lost(seen: &Observation) -> bool {
    let end = seen.target.as_ref().map(|target| &target.end);
    seen.peer.end == PeerEnd::TimedOut
        || matches!(end, Some(TargetEnd::Crashed(_) | TargetEnd::Broken(_)))
}

fn is_resumed(seen: &Observation) -> bool {
    let handshake = seen.peer.handshake.as_ref();
    handshake.is_some_and(|handshake| handshake.kind == HandshakeKind::Resumed)
}

fn is_as_expected(visit: &Visit) -> bool {
    let full = visit.handshake == Some(HandshakeKind::Full);
    match visit.expected {
        Outcome::Accept | Outcome::Holds => {
            visit.seen.accepted() && !(full && is_resumed(&visit.seen))
        }
        Outcome::Reject => !visit.seen.accepted(),
        Outcome::Policy => true,
    }
}
