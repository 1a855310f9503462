//! Flapping: who was refused for good reason, and is accepted again under the same trust.
//!
//! A refusal counts if the server can tell of it, was well, and had a reason that the facts know. It is
//! forgiven if something may have made the certificate good since: a change that says so, the beginning of
//! its validity, or a clock that was set back.

use std::collections::HashMap;

use super::check::{Proof, Suspicion};
use super::findings::Invariant;
use super::history::{Call, CallOutcome, Micros, Serial};
use super::permission::{Part, Permission, Permissions};

/// The refusals seen so far, by server, caller and certificate.
#[derive(Default)]
pub(super) struct Flaps<'h> {
    refusals: HashMap<(&'h str, &'h str, Serial), Refusals<'h>>,
}

impl<'h> Flaps<'h> {
    /// Sees the next call, in the order in which they began; says if it is one that flaps.
    pub(super) fn see(
        &mut self,
        call: &'h Call,
        permission: &Permission,
        permissions: &Permissions,
    ) -> Option<Suspicion<'h>> {
        let (serial, view) = (call.serial?, call.server_view.as_ref()?);
        if call.connection.reused {
            return None;
        }
        let key = (call.server.as_str(), call.caller.as_str(), serial);
        let allowance = permissions.allowance(call);
        if view.accepted && call.outcome.accepted() {
            let refusal =
                self.refusals
                    .get_mut(&key)?
                    .before(call.invoked, view.generation, allowance)?;
            let refused = refusal.call;
            let (from, to) = (refused.invoked, call.completed);
            let forgiven = is_mended(permission, from, to)
                || permissions.set_back(&call.server, from, to)
                || permissions.may_be_early(&call.server, serial, from);
            let proof = Proof::Flapped(call, refused);
            return (!forgiven).then(|| Suspicion::of(Invariant::DoesNotFlap, call, proof));
        }
        // A caller that turns away from the server was not refused by it.
        let ended = matches!(
            call.outcome,
            CallOutcome::Refused(_) | CallOutcome::TimedOut
        );
        if ended && !view.accepted && permission.doubts_caller() && permission.is_of_the_well() {
            self.refusals
                .entry(key)
                .or_default()
                .under_way
                .push(Refusal {
                    call,
                    generation: view.generation,
                    allowance,
                });
        }
        None
    }
}

/// Did a change, or may one, make something good between these instants?
fn is_mended(permission: &Permission, from: Micros, to: Micros) -> bool {
    let grounds = permission.grounds().iter();
    let turns = grounds
        .filter(|ground| ground.part == Part::May)
        .flat_map(|ground| &ground.known.turns);
    turns
        .into_iter()
        .any(|turn| turn.holds && turn.settled >= from && turn.at <= to)
}

#[derive(Clone, Copy)]
struct Refusal<'h> {
    call: &'h Call,
    generation: u64,
    /// How much longer than its window a change could take, in microseconds.
    allowance: Micros,
}

/// The refusals of one certificate by one server.
#[derive(Default)]
struct Refusals<'h> {
    /// Not yet known to have ended.
    under_way: Vec<Refusal<'h>>,
    /// In the order in which they ended, and only those that a later one does not make needless.
    over: Vec<Refusal<'h>>,
}

impl<'h> Refusals<'h> {
    /// The last refusal that was over at this instant, in this generation or an earlier one, under rules
    /// no stricter.
    fn before(&mut self, at: Micros, generation: u64, allowance: Micros) -> Option<Refusal<'h>> {
        let (mut ended, under_way): (Vec<_>, Vec<_>) = self
            .under_way
            .drain(..)
            .partition(|refusal| refusal.call.completed <= at);
        self.under_way = under_way;
        ended.sort_by_key(|refusal| (refusal.call.completed, refusal.call.id));
        for refusal in ended {
            while self.over.last().is_some_and(|last| {
                last.generation >= refusal.generation && last.allowance <= refusal.allowance
            }) {
                self.over.pop();
            }
            self.over.push(refusal);
        }
        let mut latest_first = self.over.iter().rev();
        latest_first
            .find(|refusal| refusal.generation <= generation && refusal.allowance >= allowance)
            .copied()
    }
}
