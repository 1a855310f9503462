//! Convergence: how long each service took to have a step's changes in force, as its callers saw it.
//!
//! A call shows something of a change if its outcome hangs on that change alone: everything else that it
//! rests on holds while it lasts. It must come by a new connection with a full handshake, for sessions and
//! open connections have windows of their own. What shows the old behaviour is an acceptance of what the
//! change forbids, a refusal of what it permits, or an older leaf.

use std::collections::BTreeMap;

use super::check::{Proof, Suspicion};
use super::findings::{Convergence, Invariant};
use super::history::{Call, CallOutcome, Change, Fact, History, Micros, Serial};
use super::permission::{Part, Permission, Permissions};
use super::phase::Ranks;
use super::witness::{Seconds, outcome};
use crate::expect::HandshakeKind;

/// What was seen of changes so far.
pub(super) struct Sightings<'h> {
    history: &'h History,
    /// By the change, and the server that was asked.
    of_facts: BTreeMap<(usize, &'h str), Sighting<'h>>,
    /// By the end, the party and the holder of the leaf: the leaves that it presented, in the order of time.
    of_leaves: BTreeMap<(End, &'h str, &'h str), Vec<Leaf<'h>>>,
}

/// At which end of a connection a party presents its leaf.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum End {
    /// It serves, and greets a new connection.
    Serves,
    /// It calls, by a new connection.
    Calls,
    /// It calls, by a connection or a session that it has kept.
    CallsAgain,
}

/// What calls showed of a change at a server.
struct Sighting<'h> {
    /// When it must be in force.
    settled: Micros,
    /// The last call that showed the old behaviour.
    old: Option<&'h Call>,
    /// The first call after that which showed the new.
    new: Option<Micros>,
}

/// A leaf that was presented.
struct Leaf<'h> {
    call: &'h Call,
    /// How new the newest leaf is that was presented so far.
    newest: (Micros, Serial),
}

impl<'h> Sightings<'h> {
    pub(super) fn of(history: &'h History) -> Self {
        Self {
            history,
            of_facts: BTreeMap::new(),
            of_leaves: BTreeMap::new(),
        }
    }

    /// Sees the next call, in the order in which they began.
    pub(super) fn see(
        &mut self,
        call: &'h Call,
        permission: &Permission,
        permissions: &Permissions<'h>,
    ) {
        let resumed = call.connection.handshake == Some(HandshakeKind::Resumed);
        let (caller, server) = (call.caller.as_str(), call.server.as_str());
        if call.connection.reused || resumed {
            self.see_leaf(End::CallsAgain, caller, call.serial, call, permissions);
            return;
        }
        self.see_fact(call, permission);
        if permission.is_of_the_well() {
            self.see_leaf(End::Serves, server, call.presented, call, permissions);
            self.see_leaf(End::Calls, caller, call.serial, call, permissions);
        }
    }

    fn see_fact(&mut self, call: &'h Call, permission: &Permission) {
        let accepted = match &call.outcome {
            CallOutcome::Accepted => true,
            CallOutcome::Refused(_) => false,
            // These say nothing of what the server thinks of the caller.
            CallOutcome::RefusedServer(_) | CallOutcome::KeyMismatch | CallOutcome::TimedOut => {
                return;
            }
        };
        for ground in permission
            .grounds()
            .iter()
            .filter(|ground| ground.part == Part::May)
        {
            let turns = &ground.known.turns;
            let next = turns.partition_point(|turn| turn.at <= call.invoked);
            let Some(turn) = next.checked_sub(1).and_then(|last| turns.get(last)) else {
                continue;
            };
            let change = self.history.changes.get(turn.change);
            let by_step = change.is_some_and(|change| change.step.is_some());
            let undone = turns
                .get(next)
                .is_some_and(|next| next.at <= call.completed);
            if !by_step || undone || !permission.rests_on_nothing_but(ground) {
                continue;
            }
            let sighting = self
                .of_facts
                .entry((turn.change, call.server.as_str()))
                .or_insert(Sighting {
                    settled: turn.settled,
                    old: None,
                    new: None,
                });
            if accepted == turn.holds {
                sighting.new.get_or_insert(call.invoked);
            } else {
                sighting.old = Some(call);
                sighting.new = None;
            }
        }
    }

    fn see_leaf(
        &mut self,
        end: End,
        party: &'h str,
        presented: Option<Serial>,
        call: &'h Call,
        permissions: &Permissions<'h>,
    ) {
        let presented = presented.and_then(|serial| permissions.certificate(serial));
        let Some(presented) = presented else { return };
        let holder = presented.holder.as_str();
        let leaves = self.of_leaves.entry((end, party, holder)).or_default();
        let rank = (presented.issued, presented.serial);
        let newest = match end {
            // A party greets everybody alike, but has many connections, and each may be old by itself.
            End::CallsAgain => rank,
            _ => leaves.last().map_or(rank, |last| last.newest.max(rank)),
        };
        leaves.push(Leaf { call, newest });
    }

    /// What it comes to for each step, and which services did not converge.
    pub(super) fn finish(
        self,
        permissions: &Permissions<'h>,
    ) -> (Vec<Convergence>, Vec<Suspicion<'h>>) {
        let mut steps: BTreeMap<usize, Reached> = BTreeMap::new();
        let mut suspicions = Vec::new();
        for ((index, server), sighting) in &self.of_facts {
            let Some((step, change)) = self.by_step(*index) else {
                continue;
            };
            let reached = steps
                .entry(step)
                .or_insert_with(|| Reached::since(change.at));
            if let Some(new) = sighting.new {
                reached.took(server, new.saturating_sub(change.at));
            } else if let Some(call) = sighting.old.filter(|call| call.invoked >= sighting.settled)
            {
                let window = sighting.settled.saturating_sub(change.at);
                if reached.never(server) {
                    let words = self.not_in_force(step, change, window, call);
                    suspicions.push(late(call, words));
                }
            }
        }
        for index in 0..self.history.changes.len() {
            let Some((step, change)) = self.by_step(index) else {
                continue;
            };
            let Fact::Presents(serial) = change.fact else {
                continue;
            };
            let window = permissions.window(change);
            let reached = steps
                .entry(step)
                .or_insert_with(|| Reached::since(change.at));
            for end in [End::Serves, End::Calls] {
                let seen = self.leaves_since(end, change, serial, window, permissions);
                let Some((party, seen)) = seen else { continue };
                match seen.new {
                    Some(new) => reached.took(party, new.saturating_sub(change.at)),
                    None if seen.old.is_some() => {
                        reached.never(party);
                    }
                    None => {}
                }
                if let Some(call) = seen.old {
                    let how = match seen.new {
                        Some(_) => "presented too late",
                        None => "never presented",
                    };
                    let presented = Presented { end, serial, how };
                    let words = self.not_presented(step, change, window, presented, call);
                    suspicions.push(late(call, words));
                }
            }
            if let Some(call) = self.kept_on(change, serial, window, permissions) {
                let presented = Presented {
                    end: End::CallsAgain,
                    serial,
                    how: "did not leave what it had kept for",
                };
                let words = self.not_presented(step, change, window, presented, call);
                suspicions.push(late(call, words));
            }
        }
        let steps = steps.into_iter();
        let convergence =
            steps.filter_map(|(step, reached)| reached.convergence(step, self.what(step)));
        (convergence.collect(), suspicions)
    }

    /// For a party that was to present a leaf: the first call that was shown it or a newer one, and the
    /// first after the window that was shown an older one before that.
    fn leaves_since(
        &self,
        end: End,
        change: &'h Change,
        serial: Serial,
        window: Micros,
        permissions: &Permissions<'h>,
    ) -> Option<(&'h str, Sighting<'h>)> {
        let certificate = permissions.certificate(serial).filter(|_| change.holds)?;
        let holder = certificate.holder.as_str();
        let party = change.party.as_deref().unwrap_or(holder);
        let leaves = self.of_leaves.get(&(end, party, holder))?;
        let settled = change.at.saturating_add(window);
        let rank = (certificate.issued, serial);
        let new = leaves.partition_point(|leaf| leaf.newest < rank);
        let overdue = leaves.partition_point(|leaf| leaf.call.invoked < settled);
        let old = leaves.get(overdue..new).and_then(|old| old.first());
        let sighting = Sighting {
            settled,
            old: old.map(|leaf| leaf.call),
            new: leaves.get(new).map(|leaf| leaf.call.invoked),
        };
        Some((party, sighting))
    }

    /// The first call by which a party that was to present a leaf presented an older one, by a connection
    /// or a session that it should have left by then.
    fn kept_on(
        &self,
        change: &'h Change,
        serial: Serial,
        window: Micros,
        permissions: &Permissions<'h>,
    ) -> Option<&'h Call> {
        let certificate = permissions.certificate(serial).filter(|_| change.holds)?;
        let holder = certificate.holder.as_str();
        let party = change.party.as_deref().unwrap_or(holder);
        let leaves = self.of_leaves.get(&(End::CallsAgain, party, holder))?;
        let settled = change.at.saturating_add(window);
        let rank = (certificate.issued, serial);
        let overdue = leaves.partition_point(|leaf| leaf.call.invoked < settled);
        let overdue = leaves.get(overdue..)?.iter();
        let kept = overdue.filter(|leaf| leaf.newest < rank);
        kept.map(|leaf| leaf.call)
            .find(|call| call.invoked >= settled.saturating_add(permissions.allowance(call)))
    }

    fn by_step(&self, index: usize) -> Option<(usize, &'h Change)> {
        let change = self.history.changes.get(index)?;
        Some((change.step?, change))
    }

    fn what(&self, step: usize) -> String {
        let mark = self.history.steps.get(step);
        mark.map_or_else(|| format!("step {}", step + 1), |mark| mark.what.clone())
    }

    fn not_in_force(&self, step: usize, change: &Change, window: Micros, call: &Call) -> String {
        format!(
            "{} never had {} in force (at {}, window {}): call {} of {} at {} {}",
            call.server,
            self.what(step),
            Seconds(change.at),
            Seconds(window),
            call.id,
            call.caller,
            Seconds(call.invoked),
            outcome(&call.outcome),
        )
    }

    fn not_presented(
        &self,
        step: usize,
        change: &Change,
        window: Micros,
        presented: Presented,
        call: &Call,
    ) -> String {
        let Presented { end, serial, how } = presented;
        let (party, verb, old) = match end {
            End::Serves => (&call.server, "was shown", call.presented),
            End::Calls | End::CallsAgain => (&call.caller, "presented", call.serial),
        };
        format!(
            "{party} {how} serial {serial} ({} at {}, window {}): call {} of {} at {} {verb} serial {}",
            self.what(step),
            Seconds(change.at),
            Seconds(window),
            call.id,
            call.caller,
            Seconds(call.invoked),
            old.unwrap_or_default(),
        )
    }
}

/// A leaf that should have been presented.
struct Presented {
    end: End,
    serial: Serial,
    how: &'static str,
}

fn late<'h>(call: &Call, words: String) -> Suspicion<'h> {
    Suspicion::of(Invariant::Converges, call, Proof::Told(words))
}

/// How far the services have come with a step; none: never.
struct Reached<'h> {
    at: Micros,
    services: BTreeMap<&'h str, Option<Micros>>,
}

impl<'h> Reached<'h> {
    fn since(at: Micros) -> Self {
        Self {
            at,
            services: BTreeMap::new(),
        }
    }

    /// A service has a step in force when the last of its changes is.
    fn took(&mut self, server: &'h str, micros: Micros) {
        let known = self.services.entry(server).or_insert(Some(micros));
        *known = known.map(|known| known.max(micros));
    }

    /// Says if that is news.
    fn never(&mut self, server: &'h str) -> bool {
        self.services.insert(server, None) != Some(None)
    }

    fn convergence(self, step: usize, what: String) -> Option<Convergence> {
        let never = self.services.iter().filter(|(_, took)| took.is_none());
        let never: Vec<String> = never.map(|(server, _)| (*server).to_owned()).collect();
        let took: Vec<Micros> = self.services.values().filter_map(|took| *took).collect();
        if took.is_empty() && never.is_empty() {
            return None;
        }
        let services = u32::try_from(took.len()).unwrap_or(u32::MAX);
        let ranks = Ranks::of(took);
        let rank = |pick: fn(&Ranks) -> u64| ranks.as_ref().map(pick);
        Some(Convergence {
            step,
            what,
            at: self.at,
            services,
            p50: rank(|ranks| ranks.p50),
            p99: rank(|ranks| ranks.p99),
            max: rank(|ranks| ranks.max),
            never,
        })
    }
}
