//! Facts over time, as one verifier should know them.
//!
//! ```text
//! History.changes --by fact and party--> the changes that concern a verifier --> Known { course, turns }
//! ```
//!
//! A change makes its fact unknown from its publication to the end of its window, and what it says from
//! then on. A change that says what is so already changes nothing. Courses are made when they are first
//! asked for: parties whom no change names share one, and facts that never change cost nothing.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::history::{Change, Fact, History, Micros, Serial, WindowKind};
use super::truth::{Course, Truth};
use crate::scenario::fleet::Windows;

/// The facts of a history, by what they say and whom they concern.
pub struct Facts<'h> {
    windows: Windows,
    changes: &'h [Change],
    published: HashMap<Subject<'h>, Published<'h>>,
    known: HashMap<(Subject<'h>, Option<&'h str>, Micros), Rc<Known>>,
}

impl<'h> Facts<'h> {
    /// Those of this history.
    pub fn of(history: &'h History) -> Self {
        let mut published: HashMap<Subject, Published> = HashMap::new();
        let mut order: Vec<usize> = (0..history.changes.len()).collect();
        // They are in the order of time already, unless somebody wrote the history by hand.
        order.sort_by_key(|index| history.changes.get(*index).map(|change| change.at));
        for index in order {
            let Some(change) = history.changes.get(index) else {
                continue;
            };
            let of_fact = published.entry(Subject::of(&change.fact)).or_default();
            match &change.party {
                None => of_fact.for_all.push(index),
                Some(party) => of_fact.for_one.entry(party).or_default().push(index),
            }
        }
        Self {
            windows: history.windows,
            changes: &history.changes,
            published,
            known: HashMap::new(),
        }
    }

    /// What `party` should know of a fact over time, where each change may take `longer` than its window
    /// (microseconds).
    pub fn known_to(&mut self, party: &'h str, subject: Subject<'h>, longer: Micros) -> Rc<Known> {
        let of_fact = self.published.get(&subject);
        let own = of_fact.and_then(|of_fact| of_fact.for_one.get(party));
        let key = (subject, own.map(|_| party), longer);
        if let Some(known) = self.known.get(&key) {
            return Rc::clone(known);
        }
        let for_all = of_fact.map_or(&[][..], |of_fact| &of_fact.for_all);
        let mut order: Vec<usize> = for_all
            .iter()
            .chain(own.into_iter().flatten())
            .copied()
            .collect();
        order.sort_by_key(|index| (self.changes.get(*index).map(|change| change.at), *index));
        let known = Rc::new(self.follow(subject, &order, longer));
        self.known.insert(key, Rc::clone(&known));
        known
    }

    /// How long a change may take to be in force, in microseconds.
    pub fn window(&self, change: &Change) -> Micros {
        if change.at == 0 && change.step.is_none() {
            return 0;
        }
        window_of(change.window, &self.windows)
    }

    fn follow(&self, subject: Subject, order: &[usize], longer: Micros) -> Known {
        let mut holds = subject.holds_unless_said();
        let mut course = Course::always(holds.into());
        let mut turns = Vec::new();
        for index in order {
            let Some(change) = self.changes.get(*index) else {
                continue;
            };
            if change.holds == holds {
                continue;
            }
            holds = change.holds;
            let initial = change.at == 0 && change.step.is_none();
            let window = self.window(change);
            let window = if initial {
                0
            } else {
                window.saturating_add(longer)
            };
            let settled = change.at.saturating_add(window);
            if window > 0 {
                course.from_then_on(change.at, Truth::Unknown);
            }
            course.from_then_on(settled, holds.into());
            turns.push(Turn {
                at: change.at,
                settled,
                holds,
                change: *index,
            });
        }
        Known { course, turns }
    }
}

/// What a verifier should know of a fact over time.
#[derive(Debug, Eq, PartialEq)]
pub struct Known {
    /// How true it is, at each instant.
    pub course: Course,
    /// The changes that turned it, in the order of time.
    pub turns: Vec<Turn>,
}

impl Known {
    /// One thing, or else several others together. Its turns are those of their turns that turned the
    /// whole.
    pub fn either(one: &Self, others: &[Rc<Self>]) -> Self {
        let all = Course::always(Truth::True);
        let together = others.iter().fold(all, |all, other| all.and(&other.course));
        let course = one.course.or(&together);
        let others = others.iter().flat_map(|other| &other.turns);
        let mut turns: Vec<Turn> = one.turns.iter().chain(others).copied().collect();
        turns.retain(|turn| {
            let before = turn.at.checked_sub(1).map(|at| course.value_at(at));
            let after = course.value_at(turn.settled);
            before.is_some_and(|before| before != after) && after == turn.holds.into()
        });
        turns.sort_by_key(|turn| (turn.at, turn.change));
        Self { course, turns }
    }
}

/// A change that turned a fact from true to false or back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Turn {
    /// When it was published.
    pub at: Micros,
    /// When it must be in force.
    pub settled: Micros,
    /// Is it so from now on, or not so any more?
    pub holds: bool,
    /// Its place in [`History::changes`].
    pub change: usize,
}

/// What a fact is about: a [`Fact`] that borrows its names.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Subject<'h> {
    /// See [`Fact::Trusts`].
    Trusts(&'h str),
    /// See [`Fact::InForce`].
    InForce(Serial),
    /// See [`Fact::Admits`].
    Admits(&'h str),
    /// See [`Fact::TakesPlaintext`].
    TakesPlaintext,
    /// See [`Fact::TakesAnonymous`].
    TakesAnonymous,
    /// See [`Fact::ListIsFresh`].
    ListIsFresh,
    /// See [`Fact::Well`].
    Well,
    /// See [`Fact::Presents`].
    Presents(Serial),
}

impl<'h> Subject<'h> {
    /// The subject of this fact.
    pub fn of(fact: &'h Fact) -> Self {
        match fact {
            Fact::Trusts(anchor) => Self::Trusts(anchor),
            Fact::InForce(serial) => Self::InForce(*serial),
            Fact::Admits(caller) => Self::Admits(caller),
            Fact::TakesPlaintext => Self::TakesPlaintext,
            Fact::TakesAnonymous => Self::TakesAnonymous,
            Fact::ListIsFresh => Self::ListIsFresh,
            Fact::Well => Self::Well,
            Fact::Presents(serial) => Self::Presents(*serial),
        }
    }

    /// Is it so before anything is said?
    pub fn holds_unless_said(self) -> bool {
        matches!(self, Self::InForce(_) | Self::ListIsFresh | Self::Well)
    }
}

/// Places in [`History::changes`], in the order of time.
#[derive(Default)]
struct Published<'h> {
    for_all: Vec<usize>,
    for_one: BTreeMap<&'h str, Vec<usize>>,
}

fn window_of(kind: WindowKind, windows: &Windows) -> Micros {
    match kind {
        WindowKind::None => 0,
        WindowKind::Leaf => windows.leaf.as_micros(),
        WindowKind::Bundle => windows.bundle.as_micros(),
        WindowKind::Crl => windows.crl.as_micros(),
        WindowKind::Policy => windows.policy.as_micros(),
        WindowKind::Heal => windows.heal.as_micros(),
    }
}
