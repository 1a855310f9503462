//! Renewal: parties that renew their leaves by themselves, for ever.
//!
//! ```text
//! a leaf --its end, renew-at, jitter--> an errand in the Diary --due--> ask the authority
//!   ^                                        ^                              |
//!   |                                        +---- back off, by chance -----+ no answer, or a wrong one
//!   +------------------- Party::take <-- the answer is examined <-----------+
//! ```
//!
//! One task serves the whole fleet: a diary holds the next errand of each party, so that thousands of them
//! over days of virtual time cost no more than what they do. Nobody asks by a leaf: each party has a
//! credential of its own for the authority, and so a party whose leaf has expired can still get another.
//!
//! The ledger is told which leaf a service presents, and when a party has an excuse. Its leaf has run out
//! while the authority could not give it another: it is not well. The authority is well again: the party
//! is too, within `windows.heal`. Nothing else is an excuse.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::diary::{Diary, Errand, Ward};
use super::Plan;
use super::authority::{Authority, Pass};
use super::party::Party;
use crate::load::ledger::Ledger;
use crate::oracle::history::{Fact, WindowKind};
use crate::pki::issuer::Leaf;
use crate::target::planted::Bug;

mod diary;
mod examination;
mod terms;

pub use self::terms::Terms;

/// Renews the leaves of a fleet.
pub struct Renewal {
    terms: Terms,
    authority: Arc<Authority>,
    ledger: Arc<Ledger>,
    diary: Mutex<Diary>,
    changed: Notify,
}

impl Renewal {
    /// Renews nobody's leaf yet; never, where the plan has no `renew-at`.
    pub fn new(plan: &Plan, authority: &Arc<Authority>, ledger: &Arc<Ledger>) -> Self {
        if plan.fleet.renew_at.is_some() {
            ledger.renews();
        }
        Self {
            terms: Terms::of(plan),
            authority: Arc::clone(authority),
            ledger: Arc::clone(ledger),
            diary: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// From now on this party's leaf is renewed. `listens`: callers see which leaf it presents.
    pub fn enrol(&self, party: &Arc<Party>, listens: bool) {
        if self.terms.renew_at.is_none() {
            return;
        }
        let now = self.ledger.now();
        let name = party.name.clone();
        let mut diary = self.diary();
        diary.enrol(Ward::new(Arc::clone(party), listens));
        if let Some(ward) = diary.ward(&name) {
            let (due, runs_out) = (self.due(ward, now), self.runs_out(ward, now));
            diary.note(Errand::Renew, due, &name);
            diary.note(Errand::RunOut, runs_out, &name);
        }
        drop(diary);
        self.changed.notify_one();
    }

    /// Does every errand when it is due, until it is dropped.
    pub async fn run(&self) {
        let mut asking: JoinSet<(String, Answer)> = JoinSet::new();
        loop {
            let next = self.diary().next();
            tokio::select! {
                biased;
                Some(answered) = asking.join_next(), if !asking.is_empty() => {
                    if let Ok((name, answer)) = answered {
                        self.answered(&name, answer);
                    }
                }
                () = self.changed.notified() => {}
                () = self.ledger.until(next) => {
                    let now = self.ledger.now();
                    let due = self.diary().take_due(now);
                    for (errand, name) in due {
                        match errand {
                            Errand::Renew => self.set_out(&name, now, &mut asking),
                            Errand::RunOut => self.run_out(&name, now),
                        }
                    }
                }
            }
        }
    }

    /// The mood of the authority has changed: who had no chance has one now, or the other way round.
    pub fn mood_changed(&self) {
        self.look_again(false);
    }

    /// A clock was set: what was far away may be past.
    pub fn clock_was_set(&self) {
        self.look_again(true);
    }

    /// A party goes to the authority, unless it has been given a newer leaf meanwhile.
    fn set_out(&self, name: &str, now: u64, asking: &mut JoinSet<(String, Answer)>) {
        let mut diary = self.diary();
        let Some(ward) = diary.ward(name) else { return };
        let wait = u64::try_from(self.wait(ward)).unwrap_or(0);
        if ward.failures == 0 && wait > SOON {
            diary.note(Errand::Renew, now.saturating_add(wait), name);
            return;
        }
        ward.asking = true;
        let pass = if ward.party.has(Bug::RenewsByItsOwnLeaf) {
            let not_after = ward.party.material().leaf.validity.not_after;
            Pass::Leaf { not_after }
        } else {
            Pass::Bootstrap
        };
        let (authority, name) = (Arc::clone(&self.authority), name.to_owned());
        let patience = self.terms.patience();
        asking.spawn(async move {
            let answer = timeout(patience, authority.renew(&name, pass)).await;
            let answer = answer.unwrap_or_else(|_| Err("the authority takes too long".into()));
            (name, answer)
        });
    }

    fn answered(&self, name: &str, answer: Answer) {
        let now = self.ledger.now();
        let mut diary = self.diary();
        let Some(ward) = diary.ward(name) else { return };
        ward.asking = false;
        let taken = answer.and_then(|leaf| self.take(ward, leaf));
        let runs_out = self.runs_out(ward, now);
        let next = match taken {
            Ok(()) => {
                ward.failures = 0;
                // A leaf that the issuer's end has made short is no reason to ask all the time.
                let pause = self.terms.pause(runs_out.saturating_sub(now));
                self.due(ward, now).max(now + pause)
            }
            Err(_) if ward.party.has(Bug::RenewsOnce) => return,
            Err(_) => {
                ward.failures += 1;
                now + self.terms.back_off(&ward.party, ward.failures)
            }
        };
        diary.note(Errand::Renew, next, name);
        diary.note(Errand::RunOut, runs_out, name);
    }

    fn take(&self, ward: &Ward, leaf: Leaf) -> Result<(), String> {
        let party = &ward.party;
        let mut material = party.material();
        if !party.has(Bug::TakesAnyAnswer) {
            examination::examine(&leaf, &material)
                .inspect_err(|why| party.raise_alarm(why.clone()))?;
        }
        let serial = leaf.serial;
        material.leaf = Arc::new(leaf);
        party.take(material)?;
        if ward.listens {
            let fact = Fact::Presents(serial);
            self.ledger
                .change(Some(&party.name), fact, true, WindowKind::Leaf);
        }
        Ok(())
    }

    /// The leaf of a party is about to run out, unless it has another: is that the authority's fault?
    fn run_out(&self, name: &str, now: u64) {
        let mut diary = self.diary();
        let Some(ward) = diary.ward(name) else { return };
        let runs_out = self.runs_out(ward, now);
        if runs_out > now {
            diary.note(Errand::RunOut, runs_out, name);
            return;
        }
        ward.forsaken = self.forsakes(ward);
        if ward.forsaken && !ward.unwell {
            ward.unwell = true;
            self.well(name, false, WindowKind::None);
        }
    }

    fn look_again(&self, clock_was_set: bool) {
        let now = self.ledger.now();
        let mut diary = self.diary();
        for name in diary.names() {
            let Some(ward) = diary.ward(&name) else {
                continue;
            };
            let before = ward.forsaken;
            ward.forsaken = self.forsakes(ward);
            let runs_out = self.runs_out(ward, now);
            // Between two tries it may run out although the authority is well again.
            let close = runs_out <= now.saturating_add(self.terms.heal);
            let relieved = before && !ward.forsaken && (ward.unwell || close);
            let surprised = clock_was_set && runs_out <= now;
            if (relieved || surprised) && !ward.unwell {
                ward.unwell = true;
                self.well(&name, false, WindowKind::None);
            }
            if ward.unwell && !ward.forsaken {
                ward.unwell = false;
                self.well(&name, true, WindowKind::Heal);
            }
            if clock_was_set {
                let idle = !ward.asking && diary.has(Errand::Renew, &name);
                diary.note(Errand::RunOut, runs_out, &name);
                if idle && let Some(ward) = diary.ward(&name) {
                    let due = self.due(ward, now);
                    diary.note_if_sooner(Errand::Renew, due, &name);
                }
            }
        }
        drop(diary);
        self.changed.notify_one();
    }

    fn forsakes(&self, ward: &Ward) -> bool {
        let until = ward.party.material().leaf.validity.not_after;
        let patience = self.terms.patience();
        self.authority.fails(&ward.party.name, until, patience)
    }

    /// When the party asks for another leaf, by the ledger.
    fn due(&self, ward: &Ward, now: u64) -> u64 {
        let breath = || {
            // A whole fleet may be late at once, after a sleep.
            let leaf = &ward.party.material().leaf;
            self.terms.breath(&ward.party, leaf)
        };
        now.saturating_add(u64::try_from(self.wait(ward)).unwrap_or_else(|_| breath()))
    }

    /// How long until its leaf is to be renewed, in microseconds; negative where that is past.
    fn wait(&self, ward: &Ward) -> i64 {
        let leaf = &ward.party.material().leaf;
        let clock = ward.party.loader().clock.micros();
        self.terms.due(&ward.party, leaf).saturating_sub(clock)
    }

    /// When its leaf runs out for whoever's clock is the furthest ahead, by the ledger.
    fn runs_out(&self, ward: &Ward, now: u64) -> u64 {
        let leaf = &ward.party.material().leaf;
        let clock = ward.party.loader().clock.micros();
        let left = self.terms.runs_out(leaf).saturating_sub(clock);
        now.saturating_add(u64::try_from(left).unwrap_or(0))
    }

    fn well(&self, name: &str, holds: bool, window: WindowKind) {
        self.ledger.change(Some(name), Fact::Well, holds, window);
    }

    fn diary(&self) -> MutexGuard<'_, Diary> {
        self.diary.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Answer = Result<Leaf, String>;

/// What is due within so many microseconds is due now: clocks count more finely than timers.
const SOON: u64 = 1000;
