//! The diary: the next errands of every party, in the order of time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::fleet::party::Party;

/// The next errands of every party: at most one of each kind.
#[derive(Default)]
pub struct Diary {
    wards: BTreeMap<String, Ward>,
    noted: BTreeMap<(String, Errand), u64>,
    queue: BTreeSet<(u64, Errand, String)>,
}

/// What is to be done for a party.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Errand {
    /// Its leaf is to be renewed.
    Renew,
    /// Its leaf is about to run out, unless it has been renewed.
    RunOut,
}

/// A party whose leaf is renewed.
pub struct Ward {
    /// The party.
    pub party: Arc<Party>,
    /// Do callers see which leaf it presents?
    pub listens: bool,
    /// How many times in a row it has got no good leaf.
    pub failures: u32,
    /// Is it waiting for an answer?
    pub asking: bool,
    /// Could the authority give it nothing that would last longer, when somebody looked?
    pub forsaken: bool,
    /// Has the ledger been told that it is not well?
    pub unwell: bool,
}

impl Ward {
    /// A party of which nothing has been done yet.
    pub fn new(party: Arc<Party>, listens: bool) -> Self {
        Self {
            party,
            listens,
            failures: 0,
            asking: false,
            forsaken: false,
            unwell: false,
        }
    }
}

impl Diary {
    /// Adds a party, or puts it in the place of the one with its name.
    pub fn enrol(&mut self, ward: Ward) {
        self.wards.insert(ward.party.name.clone(), ward);
    }

    /// The party with this name.
    pub fn ward(&mut self, name: &str) -> Option<&mut Ward> {
        self.wards.get_mut(name)
    }

    /// Everybody.
    pub fn names(&self) -> Vec<String> {
        self.wards.keys().cloned().collect()
    }

    /// Notes an errand, in the place of the one of its kind that was noted before.
    pub fn note(&mut self, errand: Errand, at: u64, name: &str) {
        let before = self.noted.insert((name.to_owned(), errand), at);
        if let Some(before) = before {
            self.queue.remove(&(before, errand, name.to_owned()));
        }
        self.queue.insert((at, errand, name.to_owned()));
    }

    /// Notes an errand, unless one of its kind is noted that is due before it.
    pub fn note_if_sooner(&mut self, errand: Errand, at: u64, name: &str) {
        let noted = self.noted.get(&(name.to_owned(), errand));
        if noted.is_none_or(|noted| at < *noted) {
            self.note(errand, at, name);
        }
    }

    /// Is an errand of this kind noted?
    pub fn has(&self, errand: Errand, name: &str) -> bool {
        self.noted.contains_key(&(name.to_owned(), errand))
    }

    /// When the next errand is due.
    pub fn next(&self) -> Option<u64> {
        self.queue.first().map(|(at, ..)| *at)
    }

    /// Strikes out what is due by now, in order.
    pub fn take_due(&mut self, now: u64) -> Vec<(Errand, String)> {
        let mut due = Vec::new();
        while let Some((at, ..)) = self.queue.first()
            && *at <= now
            && let Some((_, errand, name)) = self.queue.pop_first()
        {
            self.noted.remove(&(name.clone(), errand));
            due.push((errand, name));
        }
        due
    }
}
