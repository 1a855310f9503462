//! The counter: where parties ask the authority for leaves, and find it in some mood or other.
//!
//! ```text
//! party --Pass--> counter: there? let in? not too many? issuer good? --> a leaf, sound or with a defect
//! ```
//!
//! Behind the desk ([`Authority::issue`]) the fleet's owner gets whatever is ordered. At the counter a
//! party gets what the mood allows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::time::sleep;

use super::{Authority, Order, ROGUE_ROOT};
use crate::pki::issuer::Leaf;
use crate::scenario::step::MaterialDefect;

/// How the authority does as a service.
#[derive(Clone, Debug, Default)]
pub struct Mood {
    /// It answers nobody.
    pub down: bool,
    /// It takes so long to answer.
    pub slow: Duration,
    /// Its answers have this defect.
    pub defect: Option<MaterialDefect>,
    /// These parties cannot reach it, by name.
    pub cut_off: BTreeSet<String>,
}

/// In what way an authority fails those who ask it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Failing {
    /// It cannot be reached.
    Away,
    /// It takes its time.
    Slow,
    /// It answers with something that has a defect.
    Wrong,
}

/// What a party shows to be let in at the counter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pass {
    /// A credential of its own, which has nothing to do with its leaf and does not run out.
    Bootstrap,
    /// Its leaf.
    Leaf {
        /// The last second of its validity, since 1970.
        not_after: i64,
    },
}

/// How many leaves the authority gives at once after a quiet time, where it has a pace.
const SAVED_UP: u64 = 8;

/// What the counter remembers.
#[derive(Default)]
pub(super) struct Till {
    mood: Mood,
    /// How often it has failed somebody who asked.
    failed: BTreeMap<Failing, u64>,
    /// When the next leaf is due by the pace, in microseconds of the ledger.
    pace_due: u64,
    /// Will it give stale answers?
    keeps_firsts: bool,
    /// The first leaf that each party was given: what a stale answer is made of.
    firsts: BTreeMap<String, Leaf>,
}

impl Till {
    fn fails(&mut self, failing: Failing) {
        *self.failed.entry(failing).or_default() += 1;
    }
}

impl Authority {
    /// Asks the authority, as a party, for a new leaf.
    ///
    /// # Errors
    /// It does not answer, or not with a leaf.
    pub async fn renew(&self, holder: &str, pass: Pass) -> Result<Leaf, String> {
        self.reach(holder)?;
        let slow = self.till().mood.slow;
        if !slow.is_zero() {
            self.till().fails(Failing::Slow);
            sleep(slow).await;
            self.reach(holder)?;
        }
        let now = self.clock.unix();
        if let Pass::Leaf { not_after } = pass
            && now > not_after
        {
            return Err("the authority does not let in whose certificate has expired".into());
        }
        self.keep_pace()?;
        if now > self.active_issuer_ends() {
            return Err("the issuing authority has expired".into());
        }
        let defect = self.till().mood.defect;
        if defect.is_some() {
            self.till().fails(Failing::Wrong);
        }
        self.answer(holder, defect)
    }

    /// Can it give this party no leaf that ends after `until` (seconds since 1970), within `patience`?
    pub fn fails(&self, holder: &str, until: i64, patience: Duration) -> bool {
        let ends = self.active_issuer_ends();
        let till = self.till();
        till.mood.down
            || till.mood.defect.is_some()
            || till.mood.slow >= patience
            || till.mood.cut_off.contains(holder)
            || ends <= until.max(self.clock.unix())
    }

    /// Can this party reach it?
    ///
    /// # Errors
    /// Why not.
    pub fn reach(&self, holder: &str) -> Result<(), String> {
        let mut till = self.till();
        if till.mood.down || till.mood.cut_off.contains(holder) {
            till.fails(Failing::Away);
            return Err("the authority does not answer".into());
        }
        Ok(())
    }

    /// How often it has failed somebody in this way so far. An outage in which nobody asks befalls nobody.
    pub fn failed(&self, failing: Failing) -> u64 {
        self.till().failed.get(&failing).copied().unwrap_or(0)
    }

    /// Changes how it does as a service.
    pub fn set_mood(&self, change: impl FnOnce(&mut Mood)) {
        change(&mut self.till().mood);
    }

    /// Turns away who asks for more than the pace allows.
    fn keep_pace(&self) -> Result<(), String> {
        let Some(pace) = self.plan.pace else {
            return Ok(());
        };
        let (now, pace) = (self.ledger.now(), pace.as_micros());
        let mut till = self.till();
        if till.pace_due > now.saturating_add(pace.saturating_mul(SAVED_UP)) {
            return Err("the authority is asked too often".into());
        }
        till.pace_due = till.pace_due.max(now).saturating_add(pace);
        Ok(())
    }

    fn answer(&self, holder: &str, defect: Option<MaterialDefect>) -> Result<Leaf, String> {
        let order = self.order(holder);
        let lifetime = order.not_after;
        let order = match defect {
            Some(MaterialDefect::Expired) => Order {
                not_before: -86_400,
                not_after: -3600,
                ..order
            },
            Some(MaterialDefect::NotYetValid) => Order {
                not_before: 3600,
                not_after: 3600 + lifetime,
                ..order
            },
            Some(MaterialDefect::WrongName) => Order {
                names: "somebody-else".into(),
                defect: Some("it names somebody else".into()),
                ..order
            },
            Some(MaterialDefect::WrongUsage) => Order {
                for_clients: false,
                defect: Some("it is not for clients".into()),
                ..order
            },
            Some(MaterialDefect::WrongIssuer | MaterialDefect::WrongSignature) => Order {
                anchor: Some(ROGUE_ROOT.into()),
                ..order
            },
            Some(MaterialDefect::Missing) => return Err("the answer is empty".into()),
            _ => order,
        };
        let issue = |order: &Order| self.issue(order).map_err(|error| error.to_string());
        let stale = self.till().firsts.get(holder).cloned();
        if let (Some(MaterialDefect::Stale), Some(stale)) = (defect, stale) {
            return Ok(stale);
        }
        let mut leaf = issue(&order)?;
        let garbage = || CertificateDer::from(b"not a certificate".to_vec());
        match defect {
            Some(MaterialDefect::WrongKey) => leaf.key = issue(&order)?.key,
            Some(MaterialDefect::NoIntermediate) => leaf.chain.truncate(1),
            Some(MaterialDefect::Empty) => leaf.chain.clear(),
            Some(MaterialDefect::Garbage) => leaf.chain = vec![garbage()],
            Some(MaterialDefect::OneBad) => leaf.chain.push(garbage()),
            _ => {}
        }
        Ok(leaf)
    }

    /// From now on it remembers the first leaf of each holder: some day it will answer with that.
    pub fn keep_firsts(&self) {
        self.till().keeps_firsts = true;
    }

    /// Remembers the first leaf of each holder.
    pub(super) fn remember(&self, holder: &str, leaf: &Leaf) {
        let mut till = self.till();
        if till.keeps_firsts && !till.firsts.contains_key(holder) {
            till.firsts.insert(holder.to_owned(), leaf.clone());
        }
    }
}
