//! Judging a story: each connection against what its step expects, at that point of the story.
//!
//! ```text
//! Told (what each step saw) ---+
//! the control's Told ----------+--> Verdict, Findings, and a line for each step
//! ```
//!
//! The control is the same story without its changes. A refusal counts only beside an acceptance: of the
//! same step in the control, or of the same party later in the story.

use serde::Serialize;

use super::{Evidence, FailureKind, Happened, Judgement, Verdict, judge, what_happened};
use crate::expect::{Expectation, HandshakeKind, Outcome};
use crate::observe::{Observation, PeerEnd};
use crate::oracle::findings::{Calls, Findings, Invariant, Violation};
use crate::scenario::step::Action;

/// A story as it was lived through.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// What was done, in order.
    pub steps: Vec<StepTold>,
    /// Why it went no further, if it did not: the target did not start, or a step was not possible.
    pub ended: Option<Evidence>,
}

/// A step, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepTold {
    /// Its place in the scenario, counted from 1: the same in the control.
    pub step: usize,
    /// What was done.
    pub action: Action,
    /// When, in microseconds of the story's clock since it began.
    pub at: u64,
    /// The connection, where the step is about one.
    pub visit: Option<Visit>,
}

/// A connection that a step made or used.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Visit {
    /// The entry that presented itself.
    pub who: String,
    /// The serial number of what it presents, in hexadecimal; none where it presents nothing.
    pub serial: Option<String>,
    /// The step at which the session or the connection was made that it came by; none for a new one.
    pub made_at: Option<usize>,
    /// What should come of it.
    pub expected: Outcome,
    /// The kind of handshake that it should come by, if that matters.
    pub handshake: Option<HandshakeKind>,
    /// What both ends saw.
    pub seen: Observation,
}

/// What a story comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct StoryJudgement {
    /// The verdict and its grounds.
    pub judgement: Judgement,
    /// What must not have happened, and the calls, counted.
    pub findings: Findings,
    /// What each step saw, in a line.
    pub lines: Vec<String>,
    /// The connection that decided.
    pub observation: Option<Observation>,
}

/// Judges a story. `control` is the same without its changes, where it has any.
pub fn judge_story(
    expectation: &Expectation,
    story: &Told,
    control: Option<&Told>,
) -> StoryJudgement {
    let mut court = Court {
        expectation,
        story,
        control,
        charges: Vec::new(),
        remarks: Vec::new(),
        calls: Calls::default(),
    };
    for step in &story.steps {
        if let Some(visit) = &step.visit {
            court.hear(step, visit);
        }
    }
    let lines = story.steps.iter().map(line).collect();
    let judgement = court.judgement();
    let mut steps = story.steps.iter();
    let chosen = steps.find(|step| {
        let visit = step.visit.as_ref();
        visit.is_some_and(|visit| visit.expected == Outcome::Policy)
    });
    let chosen = chosen.filter(|_| judgement.verdict == Verdict::Policy);
    let decisive = court
        .charges
        .first()
        .map(|charge| charge.step)
        .or(chosen.map(|step| step.step));
    let mut violations: Vec<_> = court
        .charges
        .into_iter()
        .map(|charge| charge.violation)
        .collect();
    violations.sort_by_key(|violation| (violation.invariant, violation.at));
    let violations_in_all = violations.len() as u64;
    violations.truncate(Findings::MOST);
    StoryJudgement {
        judgement,
        findings: Findings {
            violations,
            violations_in_all,
            calls: court.calls,
            ..Findings::default()
        },
        lines,
        observation: observation(story, decisive),
    }
}

/// Was every connection of this story accepted?
pub fn all_accepted(told: &Told) -> bool {
    let mut visits = told.steps.iter().filter_map(|step| step.visit.as_ref());
    told.ended.is_none() && visits.all(|visit| visit.seen.accepted())
}

/// What a story saw, in one clause.
pub fn told_in_words(told: &Told) -> String {
    let mut words: Vec<_> = told.steps.iter().map(line).collect();
    match &told.ended {
        Some(Evidence::Unsupported(why)) => words.push(format!("not possible: {why}")),
        Some(Evidence::Absent(why) | Evidence::Broken(why)) => {
            words.push(format!("could not go on: {why}"));
        }
        Some(Evidence::Observed(seen)) => words.push(super::in_words(seen)),
        None => {}
    }
    words.join("; ")
}

/// The observation of this step, or of the last connection.
fn observation(story: &Told, step: Option<usize>) -> Option<Observation> {
    if let Some(Evidence::Observed(seen)) = &story.ended {
        return Some(seen.clone());
    }
    let mut visits = story.steps.iter().rev().filter(|told| told.visit.is_some());
    let told = match step {
        Some(step) => visits.find(|told| told.step == step),
        None => visits.next(),
    };
    told?.visit.as_ref().map(|visit| visit.seen.clone())
}

struct Court<'a> {
    expectation: &'a Expectation,
    story: &'a Told,
    control: Option<&'a Told>,
    charges: Vec<Charge>,
    remarks: Vec<(Verdict, String)>,
    calls: Calls,
}

struct Charge {
    step: usize,
    kind: FailureKind,
    violation: Violation,
}

impl Court<'_> {
    fn hear(&mut self, step: &StepTold, visit: &Visit) {
        self.count(step, visit);
        let name = name(step);
        match what_happened(&visit.seen, false) {
            Happened::Accepted => self.hear_acceptance(step, visit),
            Happened::Refused(how) | Happened::NotStarted(how) => {
                if visit.expected == Outcome::Reject && leaked(step, visit) {
                    let witness =
                        format!("{name}: application data had gone one way before this: {how}");
                    self.charge(
                        step,
                        FailureKind::AcceptedForbidden,
                        forbids(step, visit),
                        witness,
                    );
                } else {
                    self.hear_refusal(step, visit, &how);
                }
            }
            Happened::Crashed(words) => {
                let witness = format!("{name}: the target died: {words}");
                self.charge(step, FailureKind::Crash, Invariant::Serves, witness);
            }
            Happened::Hung => {
                let witness = format!(
                    "{name}: the target neither accepted nor refused `{}` before its time was up",
                    visit.who
                );
                self.charge(step, FailureKind::Hang, Invariant::Serves, witness);
            }
            Happened::Unsupported(words) => self.remark(Verdict::Unsupported, &name, &words),
            Happened::Broken(words) => self.remark(Verdict::Broken, &name, &words),
        }
    }

    fn count(&mut self, step: &StepTold, visit: &Visit) {
        let accepted = u64::from(visit.seen.accepted());
        self.calls.all += 1;
        match visit.expected {
            Outcome::Reject => {
                self.calls.forbidden += 1;
                self.calls.let_in += accepted;
            }
            Outcome::Policy => self.calls.grey += 1,
            Outcome::Accept | Outcome::Holds => {
                self.calls.due += 1;
                self.calls.served += accepted;
            }
        }
        self.calls.resumed += u64::from(resumed(&visit.seen));
        self.calls.reused += u64::from(step.action == Action::Ask);
    }

    fn hear_acceptance(&mut self, step: &StepTold, visit: &Visit) {
        let name = name(step);
        let manner = manner(step, visit);
        match visit.expected {
            Outcome::Reject => {
                let since = match self.last_change(step.step) {
                    Some((place, what)) => format!("since step {place} ({what})"),
                    None => "from the beginning".into(),
                };
                let witness = format!(
                    "{name} accepted {}{manner}; must be refused {since}",
                    presenter(visit)
                );
                self.charge(
                    step,
                    FailureKind::AcceptedForbidden,
                    forbids(step, visit),
                    witness,
                );
            }
            Outcome::Policy => {
                let words = format!("accepts {}{manner}", presenter(visit));
                self.remark(Verdict::Policy, &name, &words);
            }
            Outcome::Accept | Outcome::Holds => self.hear_manner(step, visit),
        }
        self.hear_identity(step, visit);
    }

    /// It was accepted, as it must be; was it by the right kind of handshake?
    fn hear_manner(&mut self, step: &StepTold, visit: &Visit) {
        let name = name(step);
        match (visit.handshake, resumed(&visit.seen)) {
            (Some(HandshakeKind::Full), true) => {
                let witness = format!(
                    "{name} accepted {}{}; that session must not be resumed any more",
                    presenter(visit),
                    manner(step, visit)
                );
                let kind = FailureKind::AcceptedForbidden;
                self.charge(step, kind, Invariant::BoundsLineage, witness);
            }
            (Some(HandshakeKind::Resumed), false) => {
                let resumes = self
                    .counterpart(step.step)
                    .is_some_and(|twin| resumed(&twin.seen));
                let (verdict, words) = match resumes {
                    true => (
                        Verdict::Lenient,
                        "it came by a full handshake, for which there was no need",
                    ),
                    false => (Verdict::Unsupported, NEVER_RESUMES),
                };
                self.remark(verdict, &name, words);
            }
            _ => {}
        }
    }

    /// Is the application told of the same peer as ever?
    fn hear_identity(&mut self, step: &StepTold, visit: &Visit) {
        let Some(target) = &visit.seen.target else {
            return;
        };
        let wanted = match &self.expectation.identity {
            Some(wanted) => Some(wanted.as_str()),
            None => self.identity_at(visit.made_at),
        };
        let told = target.identity.as_deref();
        if let Some(wanted) = wanted.filter(|wanted| told != Some(wanted)) {
            let told = told.map_or("nobody".into(), |told| format!("`{told}`"));
            let witness = format!(
                "{}: the application was told that the peer is {told}, and it is `{wanted}`{}",
                name(step),
                manner(step, visit)
            );
            let kind = FailureKind::AcceptedForbidden;
            self.charge(step, kind, Invariant::BindsIdentity, witness);
        }
    }

    fn identity_at(&self, step: Option<usize>) -> Option<&str> {
        let made = self
            .story
            .steps
            .iter()
            .find(|told| Some(told.step) == step)?;
        let target = made.visit.as_ref()?.seen.target.as_ref()?;
        target.identity.as_deref()
    }

    fn hear_refusal(&mut self, step: &StepTold, visit: &Visit, how: &str) {
        let name = name(step);
        match visit.expected {
            Outcome::Accept | Outcome::Holds => {
                let witness = format!(
                    "{name} refused {} {how}; must be accepted",
                    presenter(visit)
                );
                self.charge(step, FailureKind::RefusedValid, Invariant::Serves, witness);
            }
            Outcome::Policy => {
                let words = format!("refuses {} {how}", presenter(visit));
                self.remark(Verdict::Policy, &name, &words);
            }
            Outcome::Reject => self.hear_proof(step, visit),
        }
    }

    /// It was refused, as it must be; is that worth anything?
    fn hear_proof(&mut self, step: &StepTold, visit: &Visit) {
        let name = name(step);
        let twin = self.counterpart(step.step);
        let accepted = twin.filter(|twin| twin.seen.accepted());
        if visit.handshake == Some(HandshakeKind::Resumed)
            && accepted.is_some_and(|twin| !resumed(&twin.seen))
        {
            self.remark(Verdict::Unsupported, &name, NEVER_RESUMES);
            return;
        }
        let later = self.story.steps.iter().any(|told| {
            let again = told.visit.as_ref().filter(|again| again.who == visit.who);
            told.step > step.step && again.is_some_and(|again| again.seen.accepted())
        });
        if accepted.is_some() || later {
            return;
        }
        if let (Some(Evidence::Unsupported(why)), None) = (
            self.control.and_then(|control| control.ended.as_ref()),
            twin,
        ) {
            let why = why.clone();
            self.remark(Verdict::Unsupported, &name, &why);
        } else if step.action == Action::Ask && twin.is_some() {
            self.remark(
                Verdict::Unsupported,
                &name,
                "the target does not hold connections",
            );
        } else {
            let saw = twin.map_or("it never got there".into(), |twin| {
                super::in_words(&twin.seen)
            });
            let words = format!(
                "the refusal proves nothing, for without the changes it was not accepted either: {saw}"
            );
            self.remark(Verdict::Invalid, &name, &words);
        }
    }

    /// The same step in the control.
    fn counterpart(&self, step: usize) -> Option<&Visit> {
        let control = self.control.unwrap_or(self.story);
        let told = control.steps.iter().find(|told| told.step == step);
        told?.visit.as_ref()
    }

    /// The last step before this one that changed something.
    fn last_change(&self, step: usize) -> Option<(usize, String)> {
        let before = self.story.steps.iter().rev();
        let change = before
            .filter(|told| told.step < step)
            .find(|told| told.visit.is_none())?;
        Some((change.step, change.action.name()))
    }

    fn charge(
        &mut self,
        step: &StepTold,
        kind: FailureKind,
        invariant: Invariant,
        witness: String,
    ) {
        self.charges.push(Charge {
            step: step.step,
            kind,
            violation: Violation {
                invariant,
                at: step.at,
                call: None,
                forbidden_since: None,
                witness,
            },
        });
        // The worst first, and of equals the first that happened.
        self.charges
            .sort_by_key(|charge| (charge.kind, charge.step));
    }

    fn remark(&mut self, verdict: Verdict, name: &str, words: &str) {
        self.remarks.push((verdict, format!("{name}: {words}")));
    }

    fn judgement(&self) -> Judgement {
        if let Some(worst) = self.charges.first() {
            return Judgement::failed(worst.kind, worst.violation.witness.clone());
        }
        if let Some(ended) = &self.story.ended {
            return judge(self.expectation, false, ended, None);
        }
        const GRAVITY: [Verdict; 5] = [
            Verdict::Broken,
            Verdict::Invalid,
            Verdict::Unsupported,
            Verdict::Lenient,
            Verdict::Policy,
        ];
        for verdict in GRAVITY {
            let of_it = self.remarks.iter().filter(|(remark, _)| *remark == verdict);
            let words: Vec<_> = of_it.map(|(_, words)| words.as_str()).collect();
            if !words.is_empty() {
                return Judgement::new(verdict, words.join("; "));
            }
        }
        Judgement::new(Verdict::Pass, self.summary())
    }

    fn summary(&self) -> String {
        let Calls {
            served,
            forbidden,
            resumed,
            ..
        } = self.calls;
        let mut words =
            format!("all came out as they must: {served} accepted, {forbidden} refused");
        if resumed > 0 {
            words += &format!(", {resumed} by a resumed session");
        }
        words
    }
}

/// Why nothing can be learnt about resumption.
const NEVER_RESUMES: &str = "the target does not resume sessions";

fn name(step: &StepTold) -> String {
    format!("step {} ({})", step.step, step.action.name())
}

fn presenter(visit: &Visit) -> String {
    match &visit.serial {
        Some(serial) => format!("`{}` (serial 0x{serial})", visit.who),
        None => format!("`{}` (without a certificate)", visit.who),
    }
}

/// How it came by its acceptance, if not by a full handshake.
fn manner(step: &StepTold, visit: &Visit) -> String {
    let made_at = visit.made_at.unwrap_or_default();
    if step.action == Action::Ask {
        format!(" on the connection made at step {made_at}")
    } else if resumed(&visit.seen) {
        format!(" through a session made at step {made_at}")
    } else {
        String::new()
    }
}

fn forbids(step: &StepTold, visit: &Visit) -> Invariant {
    if step.action == Action::Ask || resumed(&visit.seen) {
        Invariant::BoundsLineage
    } else {
        Invariant::FailsClosed
    }
}

/// Did application data go one way? On a connection that is held it has, before.
fn leaked(step: &StepTold, visit: &Visit) -> bool {
    step.action != Action::Ask && visit.seen.leaked()
}

fn resumed(seen: &Observation) -> bool {
    let target = seen
        .target
        .as_ref()
        .and_then(|target| target.handshake.as_ref());
    let handshake = seen.peer.handshake.as_ref().or(target);
    handshake.is_some_and(|handshake| handshake.kind == HandshakeKind::Resumed)
}

fn line(step: &StepTold) -> String {
    let name = step.action.name();
    let Some(visit) = &step.visit else {
        return format!("{} {name}", step.step);
    };
    let saw = match &visit.seen.peer.end {
        PeerEnd::Exchanged if visit.seen.accepted() => {
            format!("accepted{}", manner(step, visit))
        }
        _ => super::in_words(&visit.seen),
    };
    format!("{} {name} {}: {saw}", step.step, visit.who)
}
