//! Publication: the authority's revocation lists, on their way to everybody, and what becomes of them.
//!
//! ```text
//! every publish-every: Authority::lists --lag--> every service that it reaches
//! next update passes, and nothing newer came --> the ledger: the list is not fresh
//! ```
//!
//! While the authority is down it publishes nothing, and lists go stale. The declared policy of these
//! services is to fail hard: nobody is let in whom no fresh list covers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Plan;
use super::cast::Cast;
use super::material::Lists;
use super::party::Party;
use crate::load::ledger::Ledger;
use crate::oracle::history::{Fact, Serial, WindowKind};
use crate::seed::Seed;

/// Publishes lists, and knows whose are stale.
pub struct Publication {
    every: Option<u64>,
    lag: u64,
    /// How long before its next update a list is not to be relied on any more, in microseconds.
    early: i64,
    seed: Seed,
    ledger: Arc<Ledger>,
    files: Mutex<Files>,
    changed: Notify,
}

#[derive(Default)]
struct Files {
    /// The services whose lists are stale.
    stale: BTreeSet<String>,
    /// All that was ever revoked, in order, and how much of that each service has been told.
    revoked: Vec<Serial>,
    told: BTreeMap<String, usize>,
    editions: u64,
}

impl Publication {
    /// Publishes nothing yet; nothing ever, where the plan has no `publish-every`.
    pub fn new(plan: &Plan, ledger: &Arc<Ledger>) -> Self {
        let windows = &plan.windows;
        let early = windows.clock.min(windows.crl).as_micros();
        let used = plan.fleet.crl_lifetime.is_some();
        Self {
            every: plan
                .fleet
                .publish_every
                .map(|every| every.as_micros())
                .filter(|every| used && *every > 0),
            lag: plan.fleet.lag.as_micros(),
            early: i64::try_from(early).unwrap_or(0),
            seed: plan.seed,
            ledger: Arc::clone(ledger),
            files: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Publishes when it is time, and looks whose lists have become stale, until it is dropped.
    pub async fn run(&self, cast: &Arc<Cast>) {
        let mut deliveries = JoinSet::new();
        let mut due = self.every.map(|every| self.ledger.now() + every);
        loop {
            let stale_from = self.next_staleness(cast);
            tokio::select! {
                biased;
                Some(_) = deliveries.join_next(), if !deliveries.is_empty() => {}
                () = self.changed.notified() => {}
                () = self.ledger.until(due) => {
                    self.publish(cast, &mut deliveries);
                    due = due.zip(self.every).map(|(due, every)| due + every);
                }
                () = self.ledger.until(stale_from) => self.look_for_stale(cast),
            }
        }
    }

    /// A clock was set: lists may have become stale.
    pub fn clock_was_set(&self, cast: &Cast) {
        self.look_for_stale(cast);
        self.changed.notify_one();
    }

    /// A service is being given a new list.
    pub fn freshens(&self, service: &str) {
        if self.files().stale.remove(service) {
            self.ledger
                .change(Some(service), Fact::ListIsFresh, true, WindowKind::Crl);
        }
        self.changed.notify_one();
    }

    fn publish(&self, cast: &Cast, deliveries: &mut JoinSet<()>) {
        self.files().revoked.extend(cast.take_to_publish());
        let services = cast.services();
        let reached: Vec<Arc<Party>> = services
            .iter()
            .map(|member| Arc::clone(&member.service.party))
            .filter(|party| cast.authority.reach(&party.name).is_ok())
            .collect();
        if reached.is_empty() {
            return;
        }
        // An authority that cannot sign a list publishes none.
        let Ok(lists) = cast.authority.lists() else {
            return;
        };
        self.files().editions += 1;
        for party in reached {
            self.tell(&party.name);
            self.freshens(&party.name);
            let lag = self.lag_of(&party.name);
            let lists = Arc::clone(&lists);
            if lag == 0 {
                take(&party, lists);
                continue;
            }
            deliveries.spawn(async move {
                sleep(Duration::from_micros(lag)).await;
                take(&party, lists);
            });
        }
    }

    /// Writes down what this service is told for the first time.
    fn tell(&self, service: &str) {
        let mut files = self.files();
        let told = files.told.get(service).copied().unwrap_or(0);
        for serial in files.revoked.iter().skip(told) {
            let fact = Fact::InForce(*serial);
            self.ledger
                .change(Some(service), fact, false, WindowKind::Crl);
        }
        let all = files.revoked.len();
        files.told.insert(service.to_owned(), all);
    }

    fn look_for_stale(&self, cast: &Cast) {
        for (name, left) in self.lists_in_use(cast) {
            if left <= 0 && self.files().stale.insert(name.clone()) {
                self.ledger
                    .change(Some(&name), Fact::ListIsFresh, false, WindowKind::Crl);
            }
        }
    }

    /// When the next list becomes stale, by the ledger.
    fn next_staleness(&self, cast: &Cast) -> Option<u64> {
        let left = self.lists_in_use(cast).map(|(_, left)| left).min()?;
        Some(self.ledger.now() + u64::try_from(left).unwrap_or(0))
    }

    /// The services whose lists are not stale, each with how long that lasts, in microseconds.
    fn lists_in_use(&self, cast: &Cast) -> impl Iterator<Item = (String, i64)> {
        let stale = self.files().stale.clone();
        cast.services().into_iter().filter_map(move |member| {
            let party = &member.service.party;
            if stale.contains(&party.name) {
                return None;
            }
            let ends = party.material().lists?.next_update.saturating_mul(MICROS);
            let left = ends.saturating_sub(party.loader().clock.micros());
            Some((party.name.clone(), left.saturating_sub(self.early)))
        })
    }

    fn lag_of(&self, service: &str) -> u64 {
        if self.lag == 0 {
            return 0;
        }
        let edition = self.files().editions;
        let mut stream = self.seed.stream(&format!("list/{edition}/{service}"));
        u64::from_be_bytes(stream.bytes()) % (self.lag + 1)
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const MICROS: i64 = 1_000_000;

fn take(party: &Party, lists: Arc<Lists>) {
    let mut material = party.material();
    material.lists = Some(lists);
    // What it would not take it has raised an alarm about.
    let _ = party.take(material);
}
