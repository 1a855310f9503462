//! The authority of a fleet: it issues, renews, revokes and publishes, and can be slow, down, wrong or
//! stale.
//!
//! No leaf of its own outlives its issuer. An issuer that has ended issues nothing until the fleet's owner
//! has [renewed](Authority::renew_issuers) it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::counter::Till;
use super::material::{Bundle, Lists};
use super::party::{dns_of, identity_of};
use crate::clock::Clock;
use crate::load::ledger::Ledger;
use crate::oracle::history::{Certificate, Serial};
use crate::pki::PkiError;
use crate::pki::issuer::{Issuer, Leaf, LeafRequest, Validity};
use crate::pki::recipe::KeyKind;
use crate::scenario::fleet::FleetPlan;

pub use self::counter::{Failing, Pass};
pub use crate::scenario::fleet::FIRST_ROOT;

mod counter;
mod house;

/// The name of the anchor that nobody trusts.
pub const ROGUE_ROOT: &str = "rogue";

/// The authority of a fleet.
pub struct Authority {
    plan: FleetPlan,
    kind: KeyKind,
    clock: Clock,
    ledger: Arc<Ledger>,
    desk: Mutex<Desk>,
    till: Mutex<Till>,
}

struct Desk {
    houses: BTreeMap<String, House>,
    active: String,
    next_serial: Serial,
    /// Who has issued which certificate: an anchor, or an authority below it, by its name.
    issuers: BTreeMap<Serial, String>,
    revoked: BTreeSet<Serial>,
    edition: u64,
    /// The editions of lists so far.
    editions: Vec<Arc<Lists>>,
}

/// A root and the authority below it that issues.
#[derive(Clone)]
struct House {
    root: Issuer,
    issuing: Issuer,
    /// The root's name and key, certified by another root.
    bridge: Option<Issuer>,
}

/// A leaf for whom, and with what wrong about it.
#[derive(Clone, Debug)]
pub struct Order {
    /// Whose it is.
    pub holder: String,
    /// Whom it names; the holder unless there is something wrong with it.
    pub names: String,
    /// Under which anchor; the active one unless said otherwise.
    pub anchor: Option<String>,
    /// From when, relative to now, in seconds.
    pub not_before: i64,
    /// Until when, relative to now, in seconds.
    pub not_after: i64,
    /// May a client use it?
    pub for_clients: bool,
    /// May a server use it?
    pub for_servers: bool,
    /// What the oracle is told is wrong with it for ever.
    pub defect: Option<String>,
}

impl Authority {
    /// An authority with a first root, and a rogue one that it has nothing to do with.
    ///
    /// # Errors
    /// What the cryptographic library says.
    pub fn new(
        plan: FleetPlan,
        kind: KeyKind,
        clock: Clock,
        ledger: Arc<Ledger>,
    ) -> Result<Self, PkiError> {
        let authority = Self {
            plan,
            kind,
            clock,
            ledger,
            desk: Mutex::new(Desk {
                houses: BTreeMap::new(),
                active: FIRST_ROOT.into(),
                next_serial: 1,
                issuers: BTreeMap::new(),
                revoked: BTreeSet::new(),
                edition: 0,
                editions: Vec::new(),
            }),
            till: Mutex::default(),
        };
        authority.found(FIRST_ROOT)?;
        authority.found(ROGUE_ROOT)?;
        Ok(authority)
    }

    /// Leaves come from under this anchor from now on.
    ///
    /// # Errors
    /// What the cryptographic library says.
    pub fn issue_from(&self, anchor: &str) -> Result<(), PkiError> {
        self.found(anchor)?;
        self.desk().active = anchor.to_owned();
        Ok(())
    }

    /// An ordinary leaf for a party.
    pub fn order(&self, holder: &str) -> Order {
        Order {
            holder: holder.to_owned(),
            names: holder.to_owned(),
            anchor: None,
            not_before: -seconds(self.plan.backdate.as_micros()),
            not_after: seconds(self.plan.lifetime.as_micros()),
            for_clients: true,
            for_servers: true,
            defect: None,
        }
    }

    /// Issues a leaf, whatever mood it is in: the fleet's owner stands behind the desk.
    ///
    /// # Errors
    /// What the cryptographic library says.
    pub fn issue(&self, order: &Order) -> Result<Leaf, PkiError> {
        let serial = self.serial();
        let (anchor, house) = {
            let desk = self.desk();
            let anchor = order.anchor.clone().unwrap_or_else(|| desk.active.clone());
            let house = desk.houses.get(&anchor).cloned();
            (anchor, house)
        };
        let house = house.ok_or_else(|| PkiError::UnknownEntry(anchor.clone()))?;
        let now = self.clock.unix();
        let validity = Validity {
            not_before: now + order.not_before,
            // A leaf that outlives its issuer is worth nothing after it, and misleads everybody.
            not_after: (now + order.not_after).min(house.issuing.validity().not_after),
        };
        let mut leaf = house.issuing.issue(&LeafRequest {
            serial,
            common_name: order.names.clone(),
            dns: vec![dns_of(&order.names)],
            uri: Some(identity_of(&order.names)),
            validity,
            for_clients: order.for_clients,
            for_servers: order.for_servers,
        })?;
        let issuing = house.issuing.serial();
        let by = house.issuing.name().to_owned();
        self.desk().issuers.insert(serial, by);
        // Leaves are many: none needs room for more than it has.
        leaf.chain
            .reserve_exact(1 + usize::from(house.bridge.is_some()));
        leaf.chain.push(house.issuing.certificate().clone());
        if let Some(bridge) = &house.bridge {
            leaf.chain.push(bridge.certificate().clone());
        }
        self.record(Certificate {
            issuer: Some(issuing),
            anchor: root_of(&anchor).to_owned(),
            bridge: house.bridge.as_ref().map(Issuer::serial),
            defect: order.defect.clone(),
            ..entry(&order.holder, serial, validity)
        });
        if order.defect.is_none() {
            self.remember(&order.holder, &leaf);
        }
        Ok(leaf)
    }

    /// Gives every issuer that could not sign for a whole lifetime of leaves any more a new certificate,
    /// for the same name and key.
    ///
    /// # Errors
    /// What the cryptographic library says.
    pub fn renew_issuers(&self) -> Result<(), PkiError> {
        let now = self.clock.unix();
        let houses = self.desk().houses.clone();
        for (name, house) in houses {
            if house.issuing.validity().not_after > now + seconds(self.plan.lifetime.as_micros()) {
                continue;
            }
            let serial = self.serial();
            let validity = self.issuer_validity();
            let issuing = house.root.subordinate(
                house.issuing.name(),
                serial,
                validity,
                Some(&house.issuing),
            )?;
            let holder = issuing.name().to_owned();
            let anchor = root_of(&name).to_owned();
            self.desk().issuers.insert(serial, anchor.clone());
            self.record(Certificate {
                anchor,
                ..entry(&holder, serial, validity)
            });
            if let Some(house) = self.desk().houses.get_mut(&name) {
                house.issuing = issuing;
            }
        }
        Ok(())
    }

    /// Revokes certificates. Nobody is told.
    pub fn revoke(&self, serials: impl IntoIterator<Item = Serial>) {
        self.desk().revoked.extend(serials);
    }

    /// The lists as they are now: a new edition.
    ///
    /// # Errors
    /// What the cryptographic library says.
    pub fn lists(&self) -> Result<Arc<Lists>, PkiError> {
        let mut desk = self.desk();
        desk.edition += 1;
        let now = self.clock.unix();
        let lifetime = self
            .plan
            .crl_lifetime
            .map_or(86_400, |span| seconds(span.as_micros()));
        let validity = Validity {
            not_before: now - 60,
            not_after: now + lifetime,
        };
        let mut lists = Vec::new();
        for (name, house) in &desk.houses {
            // What strangers revoke is their own affair.
            if name == ROGUE_ROOT {
                continue;
            }
            // Houses of one root have one list of it.
            let root = (root_of(name) == name).then_some((name.as_str(), &house.root));
            let issuing = Some((house.issuing.name(), &house.issuing));
            for (by, issuer) in [issuing, root].into_iter().flatten() {
                let is_by = |serial: &&Serial| {
                    let issuer = desk.issuers.get(serial);
                    issuer.is_some_and(|issuer| issuer == by)
                };
                let revoked: Vec<Serial> = desk.revoked.iter().filter(is_by).copied().collect();
                lists.push(issuer.list(desk.edition, validity, &revoked)?);
            }
        }
        let lists = Arc::new(Lists {
            number: desk.edition,
            next_update: validity.not_after,
            lists,
        });
        desk.editions.push(Arc::clone(&lists));
        Ok(lists)
    }

    /// The last edition of the lists; none where there is none.
    pub fn last_lists(&self) -> Option<Arc<Lists>> {
        self.desk().editions.last().cloned()
    }

    /// All that has been revoked.
    pub fn revoked(&self) -> Vec<Serial> {
        self.desk().revoked.iter().copied().collect()
    }

    /// The edition of the lists before the last; none where there is none.
    pub fn older_lists(&self) -> Option<Arc<Lists>> {
        self.desk().editions.iter().rev().nth(1).cloned()
    }

    /// The bundle of these anchors.
    ///
    /// # Errors
    /// What the cryptographic library says.
    pub fn bundle(&self, names: &[String]) -> Result<Arc<Bundle>, PkiError> {
        let mut bundle = Bundle::default();
        for name in names {
            self.found(name)?;
            if let Some(house) = self.desk().houses.get(name) {
                bundle
                    .anchors
                    .insert(name.clone(), house.root.certificate().clone());
            }
        }
        Ok(Arc::new(bundle))
    }

    fn issuer_validity(&self) -> Validity {
        let now = self.clock.unix();
        Validity {
            not_before: now - 86_400,
            not_after: now + seconds(self.plan.authority_lifetime.as_micros()),
        }
    }

    fn active_issuer_ends(&self) -> i64 {
        let desk = self.desk();
        desk.houses
            .get(&desk.active)
            .map_or(i64::MAX, |house| house.issuing.validity().not_after)
    }

    fn serial(&self) -> Serial {
        let mut desk = self.desk();
        let serial = desk.next_serial;
        desk.next_serial += 1;
        serial
    }

    fn record(&self, certificate: Certificate) {
        self.ledger.issued(certificate);
    }

    fn till(&self) -> MutexGuard<'_, Till> {
        self.till.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The anchor that this house stands under: `root` for `root` and for `root/2`.
fn root_of(house: &str) -> &str {
    house.split('/').next().unwrap_or(house)
}

/// A certificate for the ledger: a root's own child without a defect, unless more is said.
fn entry(holder: &str, serial: Serial, validity: Validity) -> Certificate {
    Certificate {
        serial,
        holder: holder.to_owned(),
        issuer: None,
        anchor: String::new(),
        bridge: None,
        not_before: validity.not_before * MICROS,
        // The last second is valid to its end.
        not_after: validity.not_after * MICROS + MICROS - 1,
        defect: None,
        issued: 0,
    }
}

const MICROS: i64 = 1_000_000;

fn seconds(micros: u64) -> i64 {
    i64::try_from(micros / 1_000_000).unwrap_or(i64::MAX)
}
