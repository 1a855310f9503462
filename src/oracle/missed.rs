//! Steps that prove nothing: they never happened, or there was nobody who could have seen them.
//!
//! A timeline that is passed says that a fleet bears what its steps do to it. A blow that no connection ever
//! got, or an outage during which nobody called, is borne by everybody.

use std::collections::BTreeMap;

use super::history::{Call, Change, Fact, History, Micros};
use super::witness::Seconds;

/// The steps that prove nothing, in their order, each in words with why.
pub(super) fn steps(history: &History) -> Vec<String> {
    let lonely = lonely(history);
    let steps = history.steps.iter().enumerate();
    let missed = steps.filter_map(|(place, step)| {
        let why = step.missed.as_ref().or_else(|| lonely.get(&place))?;
        let number = place + 1;
        Some(format!(
            "step {number}, `{}` at {}, never happened to anybody: {why}",
            step.what,
            Seconds(step.at),
        ))
    });
    missed.collect()
}

/// The steps that put parties in trouble whom nobody called, and who called nobody, before they were well again.
fn lonely(history: &History) -> BTreeMap<usize, String> {
    let troubles = troubles(history);
    if troubles.is_empty() {
        return BTreeMap::new();
    }
    let company = Company::of(history);
    let alone = troubles.into_iter().filter(|(_, parties)| {
        let mut parties = parties.iter();
        !parties.any(|(party, (from, to))| company.is_met(party, *from, *to))
    });
    let told = alone.map(|(step, parties)| {
        let names: Vec<&str> = parties.into_keys().collect();
        let why = format!("nobody called {} while it lasted", names.join(", "));
        (step, why)
    });
    told.collect()
}

/// By step, whom it put in trouble, from when and until when that is an excuse.
type Troubles<'h> = BTreeMap<usize, BTreeMap<&'h str, (Micros, Micros)>>;

fn troubles(history: &History) -> Troubles<'_> {
    let heal = history.windows.heal.as_micros();
    let mut troubles = Troubles::new();
    // The trouble that each party is in.
    let mut open: BTreeMap<&str, &Change> = BTreeMap::new();
    let of_health = |change: &&Change| change.fact == Fact::Well;
    for change in history.changes.iter().filter(of_health) {
        let Some(party) = change.party.as_deref() else {
            continue;
        };
        if !change.holds {
            open.entry(party).or_insert(change);
        } else if let Some(began) = open.remove(party)
            && let Some(step) = began.step
        {
            let until = change.at.saturating_add(heal);
            let parties = troubles.entry(step).or_default();
            parties.insert(party, (began.at, until));
        }
    }
    // Who is never well again has left.
    troubles
}

/// By party, when somebody called it or it called somebody.
struct Company<'h> {
    /// When each call began, in order, and the latest end of all calls up to it.
    calls: BTreeMap<&'h str, Vec<(Micros, Micros)>>,
}

impl<'h> Company<'h> {
    fn of(history: &'h History) -> Self {
        let mut calls: BTreeMap<&str, Vec<(Micros, Micros)>> = BTreeMap::new();
        let mut order: Vec<&Call> = history.calls.iter().collect();
        order.sort_by_key(|call| (call.invoked, call.id));
        for call in order {
            for party in [&call.server, &call.caller] {
                let known = calls.entry(party).or_default();
                let before = known.last().map_or(0, |(_, latest)| *latest);
                known.push((call.invoked, before.max(call.completed)));
            }
        }
        Self { calls }
    }

    /// Was a call of this party under way at some instant between these?
    fn is_met(&self, party: &str, from: Micros, to: Micros) -> bool {
        let Some(calls) = self.calls.get(party) else {
            return false;
        };
        let begun = calls.partition_point(|(invoked, _)| *invoked <= to);
        let latest = begun.checked_sub(1).and_then(|last| calls.get(last));
        latest.is_some_and(|(_, latest)| *latest >= from)
    }
}
