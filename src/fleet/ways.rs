//! Ways: from which caller to which service the next call goes, and in which manner.
//!
//! A large fleet has more ways than calls. A visitor that keeps something for its next call (a
//! connection, a session) is made when it first goes; one that keeps nothing is made anew each time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::load::credentials::Purse;
use crate::load::habits::Habits;
use crate::load::visit::{Manner, Visitor};
use crate::scenario::fleet::{Canary, LoadPlan};

/// The ways that calls take, in an order in which neighbours are unlike.
#[derive(Default)]
pub struct Ways {
    callers: Vec<Caller>,
    manners: Vec<Manner>,
    services: Arc<[String]>,
    /// Who calls whom, by their places.
    pairs: Vec<(u32, u32)>,
    timeout: Duration,
    stride: u64,
    made: Mutex<Made>,
}

/// Who has gone a way: by the turn of the manner, the caller and the service.
type Made = BTreeMap<(usize, String, String), Arc<Visitor>>;

/// Somebody who calls.
#[derive(Clone)]
pub struct Caller {
    /// Its name in the history.
    pub name: String,
    /// What it presents.
    pub purse: Arc<dyn Purse>,
    /// What is wrong with it.
    pub canary: Option<Canary>,
    /// How it treats those whom it calls.
    pub habits: Habits,
}

impl Ways {
    /// The ways between these pairs, each in all of these manners; a manner that is named twice is taken
    /// twice as often.
    pub fn new(
        callers: Vec<Caller>,
        manners: Vec<Manner>,
        services: Arc<[String]>,
        pairs: Vec<(u32, u32)>,
        timeout: Duration,
    ) -> Self {
        Self {
            stride: stride((manners.len() * pairs.len()) as u64),
            callers,
            manners,
            services,
            pairs,
            timeout,
            made: Mutex::default(),
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        (self.manners.len() * self.pairs.len()) as u64
    }

    /// Every caller that has a way to this service, on its way to it.
    pub fn to(&self, service: &str) -> Vec<Arc<Visitor>> {
        let is_to = |place: u32| {
            self.services
                .get(place as usize)
                .is_some_and(|to| to == service)
        };
        let pairs = self.pairs.iter().filter(|(_, to)| is_to(*to));
        let callers = pairs.filter_map(|(caller, _)| self.callers.get(*caller as usize));
        callers
            .map(|caller| Arc::new(self.visitor(caller, Manner::Fresh)))
            .collect()
    }

    /// Who takes the way with this number, and to which service.
    pub fn take(&self, number: u64) -> Option<(Arc<Visitor>, &str)> {
        let count = self.count();
        let place = (number.checked_rem(count)? * self.stride).checked_rem(count)?;
        let place = usize::try_from(place).ok()?;
        // A manner that is named twice is two callers: each keeps its own.
        let (turn, pair) = (place / self.pairs.len(), place % self.pairs.len());
        let manner = *self.manners.get(turn)?;
        let (caller, to) = self.pairs.get(pair)?;
        let caller = self.callers.get(*caller as usize)?;
        let to = self.services.get(*to as usize)?;
        let visitor = || Arc::new(self.visitor(caller, manner));
        if matches!(manner, Manner::Fresh | Manner::Claiming) {
            return Some((visitor(), to));
        }
        let key = (turn, caller.name.clone(), to.clone());
        let mut made = self.made();
        let visitor = made.entry(key).or_insert_with(visitor);
        Some((Arc::clone(visitor), to))
    }

    /// Keeps what visitors on the same ways kept before these were laid out.
    pub fn following(self, before: &Self) -> Self {
        let mut kept = std::mem::take(&mut *before.made());
        kept.retain(|(_, caller, to), _| {
            let mut pairs = self.pairs.iter();
            pairs.any(|(from, other)| {
                let from = self.callers.get(*from as usize);
                let other = self.services.get(*other as usize);
                other == Some(to) && from.is_some_and(|from| from.name == *caller)
            })
        });
        *self.made() = kept;
        self
    }

    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn visitor(&self, caller: &Caller, manner: Manner) -> Visitor {
        let mut visitor = Visitor::new(
            &caller.name,
            manner,
            Arc::clone(&caller.purse),
            self.timeout,
        );
        visitor.canary = caller.canary;
        visitor.habits = caller.habits;
        visitor
    }
}

/// The manners of ten calls that must succeed.
pub fn manners(load: &LoadPlan) -> Vec<Manner> {
    [
        (Manner::Fresh, load.fresh),
        (Manner::Pooled, load.pooled),
        (Manner::Stream, load.streams),
        (Manner::Resuming, load.resuming),
        (Manner::Claiming, load.claiming),
    ]
    .into_iter()
    .flat_map(|(manner, share)| std::iter::repeat_n(manner, share as usize))
    .collect()
}

/// A step through a list of this length that comes to every place, and seldom to a neighbour.
fn stride(count: u64) -> u64 {
    let golden = (count * 618 / 1000).max(1);
    (golden..=count.max(1))
        .find(|step| greatest_common_divisor(*step, count) == 1)
        .unwrap_or(1)
}

fn greatest_common_divisor(one: u64, other: u64) -> u64 {
    match other {
        0 => one,
        other => greatest_common_divisor(other, one % other),
    }
}
