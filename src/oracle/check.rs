//! Checking a history: every call against what it rests on, and what all of them come to.
//!
//! ```text
//! calls, in the order in which they began
//!   each with its Permission --> counted, suspected
//!                            --> Flaps, Sightings, Phases: what only several calls show
//! samples, certificates      --> resource
//! all suspicions --> the worst, told in words --> Findings
//! ```
//!
//! It takes as long as the calls times the logarithm of the changes. Suspicions are small; sentences are
//! made only of those that are kept.

use std::collections::BTreeSet;

use super::alert::Alerts;
use super::convergence::Sightings;
use super::findings::{Calls, Findings, Invariant, Violation};
use super::flap::Flaps;
use super::history::{Call, CallOutcome, History, Micros};
use super::missed;
use super::permission::{Permission, Permissions, is_plaintext};
use super::phase::Phases;
use super::resource;
use super::witness::{Seconds, Witnesses};
use crate::expect::HandshakeKind;
use crate::scenario::fleet::Limits;

/// What a history comes to. A call that had to be refused is one whose acceptance is legal at no instant
/// of it, be it for what the server must know or for what the caller must know of the server.
pub fn check(history: &History, limits: &Limits) -> Findings {
    let permissions = Permissions::of(history);
    let mut order: Vec<&Call> = history.calls.iter().collect();
    order.sort_by_key(|call| (call.invoked, call.id));

    let mut calls = Calls::default();
    let mut suspicions = Vec::new();
    let mut first_lost = None;
    let mut flaps = Flaps::default();
    let mut sightings = Sightings::of(history);
    let mut phases = Phases::of(history);
    let mut alerts = Alerts::default();
    let tells = who_names_callers(history);
    for call in order {
        let permission = permissions.of_call(call);
        let due = permission.demands();
        count(&mut calls, call, &permission, due);
        suspicions.extend(suspect(call, &permission, &tells));
        suspicions.extend(delayed(call, limits).filter(|_| due));
        if due && !call.outcome.accepted() {
            first_lost.get_or_insert(call);
        }
        suspicions.extend(flaps.see(call, &permission, &permissions));
        sightings.see(call, &permission, &permissions);
        phases.see(call, due);
        alerts.see(call, &permission);
    }

    if let Some(call) = first_lost
        && is_below(calls.served, calls.due, limits.availability)
    {
        let lost = calls.due.saturating_sub(calls.served);
        let proof = Proof::NotServed(call, lost, calls.due);
        suspicions.push(Suspicion::of(Invariant::Serves, call, proof));
    }
    let (convergence, late) = sightings.finish(&permissions);
    suspicions.extend(late);
    suspicions.extend(phases.relapse(limits));
    suspicions.extend(alerts.silence(limits));
    suspicions.extend(resource::suspect(history, limits));

    let violations_in_all = suspicions.len() as u64;
    let witnesses = Witnesses {
        history,
        permissions: &permissions,
    };
    let worst = worst(suspicions).into_iter();
    Findings {
        violations: worst.map(|suspicion| suspicion.told(&witnesses)).collect(),
        violations_in_all,
        missed: missed::steps(history),
        calls,
        convergence,
        latency: phases.latency(),
    }
}

/// Is `part` of `whole` less than so many thousandths?
pub(super) fn is_below(part: u64, whole: u64, thousandths: u32) -> bool {
    u128::from(part) * 1000 < u128::from(whole) * u128::from(thousandths)
}

/// A violation before it is told.
pub(super) struct Suspicion<'h> {
    pub(super) invariant: Invariant,
    pub(super) at: Micros,
    pub(super) call: Option<u64>,
    pub(super) proof: Proof<'h>,
}

/// What proves a violation.
pub(super) enum Proof<'h> {
    /// A call was accepted that had to be refused.
    LetIn(&'h Call),
    /// A call was accepted that had to be refused, and only the server saw it.
    LetInUnseen(&'h Call),
    /// A call was taken for another's.
    Mistaken(&'h Call),
    /// A call was accepted after another had been refused.
    Flapped(&'h Call, &'h Call),
    /// The key did not fit the certificate.
    WrongKey(&'h Call),
    /// The caller believed that it had been accepted.
    Presumed(&'h Call),
    /// The first of so many calls that were lost, of so many that were due.
    NotServed(&'h Call, u64, u64),
    /// It has been told already.
    Told(String),
}

impl<'h> Suspicion<'h> {
    pub(super) fn of(invariant: Invariant, call: &Call, proof: Proof<'h>) -> Self {
        Self {
            invariant,
            at: call.completed,
            call: Some(call.id),
            proof,
        }
    }

    fn told(self, witnesses: &Witnesses<'_, 'h>) -> Violation {
        let forbidden_since = match self.proof {
            Proof::LetIn(call) => witnesses.forbidden_since(call),
            Proof::LetInUnseen(call) => witnesses.caller_forbidden_since(call),
            _ => None,
        };
        let witness = match self.proof {
            Proof::LetIn(call) => witnesses.let_in(call),
            Proof::LetInUnseen(call) => witnesses.let_in_unseen(call),
            Proof::Mistaken(call) => witnesses.mistaken(call),
            Proof::Flapped(call, refused) => witnesses.flapped(call, refused),
            Proof::WrongKey(call) => witnesses.wrong_key(call),
            Proof::Presumed(call) => witnesses.presumed(call),
            Proof::NotServed(call, lost, due) => witnesses.not_served(call, lost, due),
            Proof::Told(words) => words,
        };
        Violation {
            invariant: self.invariant,
            at: self.at,
            call: self.call,
            forbidden_since,
            witness,
        }
    }
}

fn count(calls: &mut Calls, call: &Call, permission: &Permission, due: bool) {
    let accepted = call.outcome.accepted();
    calls.all += 1;
    if due {
        calls.due += 1;
        calls.served += u64::from(accepted);
    } else if permission.forbids() {
        calls.forbidden += 1;
        calls.let_in += u64::from(accepted || is_let_in_unseen(call, permission));
    } else {
        calls.grey += 1;
    }
    if call.connection.reused {
        calls.reused += 1;
    } else if call.connection.handshake == Some(HandshakeKind::Resumed) {
        calls.resumed += 1;
    }
}

/// The servers that are known to tell their applications who calls. Of others nothing follows from silence.
fn who_names_callers(history: &History) -> BTreeSet<&str> {
    let names = |call: &&Call| {
        let view = call.server_view.as_ref();
        view.is_some_and(|view| view.accepted && view.identity.is_some())
    };
    let named = history.calls.iter().filter(names);
    named.map(|call| call.server.as_str()).collect()
}

/// What a call violates by itself.
fn suspect<'h>(
    call: &'h Call,
    permission: &Permission,
    tells: &BTreeSet<&str>,
) -> Vec<Suspicion<'h>> {
    let mut suspicions = Vec::new();
    let mut add = |invariant, proof| suspicions.push(Suspicion::of(invariant, call, proof));
    if call.outcome == CallOutcome::KeyMismatch {
        add(Invariant::KeepsPairs, Proof::WrongKey(call));
    }
    if !call.outcome.accepted() {
        if is_let_in_unseen(call, permission) {
            add(opened_by(call), Proof::LetInUnseen(call));
        }
        return suspicions;
    }
    if permission.forbids() {
        add(opened_by(call), Proof::LetIn(call));
    }
    let mistaken = call.server_view.as_ref().is_some_and(|view| {
        let named = view
            .identity
            .as_ref()
            .is_some_and(|identity| *identity != call.caller);
        let resumed = call.connection.handshake == Some(HandshakeKind::Resumed);
        let silent = view.accepted && view.identity.is_none() && call.serial.is_some();
        let forgotten = resumed && silent;
        named
            || (forgotten && tells.contains(call.server.as_str()))
            || (view.serial.is_some() && view.serial != call.serial)
    });
    if mistaken {
        add(Invariant::BindsIdentity, Proof::Mistaken(call));
    }
    if call.server_view.as_ref().is_some_and(|view| !view.accepted) {
        add(Invariant::Tells, Proof::Presumed(call));
    }
    suspicions
}

/// Did the server let somebody in whom it had to refuse, and the caller did not come to know of it? What the
/// caller thinks of the server has nothing to do with that.
fn is_let_in_unseen(call: &Call, permission: &Permission) -> bool {
    let let_in = call.server_view.as_ref().is_some_and(|view| view.accepted);
    !call.outcome.accepted() && let_in && permission.forbids_caller()
}

/// What has been violated where this call came in that must not.
fn opened_by(call: &Call) -> Invariant {
    let resumed = call.connection.handshake == Some(HandshakeKind::Resumed);
    if is_plaintext(call) || call.serial.is_none() {
        Invariant::NoDowngrade
    } else if call.connection.reused || resumed {
        Invariant::BoundsLineage
    } else {
        Invariant::FailsClosed
    }
}

/// Did it take too long to be accepted?
fn delayed<'h>(call: &'h Call, limits: &Limits) -> Option<Suspicion<'h>> {
    let slowest = limits.slowest?.as_micros();
    let took = call.completed.saturating_sub(call.invoked);
    (call.outcome.accepted() && took > slowest).then(|| {
        let words = format!(
            "call {} of {} to {} at {} took {} to be accepted; {} is the most",
            call.id,
            call.caller,
            call.server,
            Seconds(call.invoked),
            Seconds(took),
            Seconds(slowest),
        );
        Suspicion::of(Invariant::Serves, call, Proof::Told(words))
    })
}

/// The worst first, and at most [`Findings::MOST`]; but the first of each invariant is always among them,
/// so that many strangers do not hide that something else is wrong too.
fn worst(mut suspicions: Vec<Suspicion>) -> Vec<Suspicion> {
    suspicions.sort_by_key(|suspicion| (suspicion.invariant, suspicion.at, suspicion.call));
    let mut last = None;
    let (firsts, others): (Vec<_>, Vec<_>) = suspicions
        .into_iter()
        .partition(|suspicion| last.replace(suspicion.invariant) != Some(suspicion.invariant));
    let mut kept: Vec<Suspicion> = firsts
        .into_iter()
        .chain(others)
        .take(Findings::MOST)
        .collect();
    kept.sort_by_key(|suspicion| (suspicion.invariant, suspicion.at, suspicion.call));
    kept
}
