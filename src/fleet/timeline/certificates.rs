//! Steps about certificates: leaves, bundles, lists, and who is let in.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{FleetError, Step, Timeline};
use crate::fleet::authority::FIRST_ROOT;
use crate::fleet::party::Party;
use crate::oracle::history::{Fact, WindowKind};

impl Timeline<'_> {
    pub(super) fn rotate_leaf(&mut self, step: &Step) -> Result<(), FleetError> {
        for member in self.services(step)? {
            let party = Arc::clone(&member.service.party);
            let leaf = self.cast.leaf(&party.name)?;
            let fact = Fact::Presents(leaf.serial);
            self.ledger
                .change(Some(&party.name), fact, true, WindowKind::Leaf);
            self.deliver(party, |material| material.leaf = leaf);
        }
        Ok(())
    }

    pub(super) fn rotate_caller(&mut self, step: &Step) -> Result<(), FleetError> {
        for party in self.callers(step)? {
            let leaf = self.cast.leaf(&party.name)?;
            self.deliver(party, |material| material.leaf = leaf);
        }
        Ok(())
    }

    pub(super) fn push_bundle(&mut self, step: &Step) -> Result<(), FleetError> {
        let parties = self.services(step)?;
        let parties = parties
            .into_iter()
            .map(|member| Arc::clone(&member.service.party));
        self.push(step, parties.collect())
    }

    pub(super) fn push_caller_bundle(&mut self, step: &Step) -> Result<(), FleetError> {
        let parties = self.callers(step)?;
        self.push(step, parties)
    }

    fn push(&mut self, step: &Step, parties: Vec<Arc<Party>>) -> Result<(), FleetError> {
        let names = self.required(&step.trusts, "trusts")?;
        let bundle = self.cast.authority.bundle(&names)?;
        let lists = match self.plan.fleet.crl_lifetime {
            Some(_) => Some(self.cast.authority.lists()?),
            None => None,
        };
        for party in parties {
            let before = self.cast.published_bundle(&party.name, &bundle);
            for (anchor, holds) in before.changes_to(&bundle) {
                let fact = Fact::Trusts(anchor);
                self.ledger
                    .change(Some(&party.name), fact, holds, WindowKind::Bundle);
            }
            let (bundle, lists) = (Arc::clone(&bundle), lists.clone());
            self.deliver(party, |material| {
                material.bundle = bundle;
                // A new anchor comes with the lists of what is below it.
                material.lists = lists;
            });
        }
        Ok(())
    }

    pub(super) fn issue_from(&mut self, step: &Step) -> Result<(), FleetError> {
        let anchor = self.required(&step.who, "who")?;
        Ok(self.cast.authority.issue_from(&anchor)?)
    }

    pub(super) fn revoke(&mut self, step: &Step) -> Result<(), FleetError> {
        for name in self.required(&step.revokes, "revokes")? {
            let serials = self.cast.serials_of(&name);
            if serials.is_empty() {
                return Err(FleetError::NoParty(self.number, name));
            }
            self.cast.authority.revoke(FIRST_ROOT, serials.clone());
            self.cast.to_publish(serials);
        }
        Ok(())
    }

    pub(super) fn publish_crl(&mut self, step: &Step) -> Result<(), FleetError> {
        let lists = self.cast.authority.lists()?;
        let revoked = self.cast.take_to_publish();
        for member in self.services(step)? {
            let party = Arc::clone(&member.service.party);
            for serial in &revoked {
                let fact = Fact::InForce(*serial);
                self.ledger
                    .change(Some(&party.name), fact, false, WindowKind::Crl);
            }
            self.cast.publication.freshens(&party.name);
            let lists = Arc::clone(&lists);
            self.deliver(party, |material| material.lists = Some(lists));
        }
        Ok(())
    }

    pub(super) fn admit(&mut self, step: &Step, holds: bool) -> Result<(), FleetError> {
        let name = self.required(&step.who, "who")?;
        for member in self.services(step)? {
            let party = Arc::clone(&member.service.party);
            let fact = Fact::Admits(name.clone());
            self.ledger
                .change(Some(&party.name), fact, holds, WindowKind::Policy);
            let name = name.clone();
            self.deliver(party, move |material| {
                let mut admits = BTreeSet::clone(&material.admits);
                if holds {
                    admits.insert(name);
                } else {
                    admits.remove(&name);
                }
                material.admits = Arc::new(admits);
            });
        }
        Ok(())
    }

    fn callers(&self, step: &Step) -> Result<Vec<Arc<Party>>, FleetError> {
        let callers = self.cast.callers();
        match &step.who {
            None => Ok(callers),
            Some(name) => callers
                .into_iter()
                .find(|party| party.name == *name)
                .map(|party| vec![party])
                .ok_or_else(|| FleetError::NoParty(self.number, name.clone())),
        }
    }
}
