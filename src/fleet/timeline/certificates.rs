//! Steps about certificates: leaves, bundles, lists, and who is let in.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{FleetError, Step, Timeline};
use crate::fleet::authority::FIRST_ROOT;
use crate::fleet::material::Material;
use crate::fleet::papers::{Share, Subject};
use crate::fleet::party::Party;
use crate::oracle::history::{Fact, Serial, WindowKind};

impl Timeline<'_> {
    pub(super) fn rotate_leaf(&mut self, step: &Step) -> Result<(), FleetError> {
        for member in self.services(step)? {
            let party = Arc::clone(&member.service.party);
            if let Some(called) = &step.who {
                self.rename(party, called)?;
            } else {
                self.rotate(party, step)?;
            }
        }
        Ok(())
    }

    pub(super) fn rotate_caller(&mut self, step: &Step) -> Result<(), FleetError> {
        for party in self.callers(step)? {
            self.rotate(party, step)?;
        }
        Ok(())
    }

    fn rotate(&mut self, party: Arc<Party>, step: &Step) -> Result<(), FleetError> {
        if let Some(defect) = step.defect {
            // It is not to be presented: nothing is made known.
            let spoilt = self.spoil(&party, Subject::Pair, defect)?;
            if let Share::Pair(leaf) = spoilt.share {
                self.deliver(party, |material| material.leaf = leaf);
            }
            return Ok(());
        }
        let leaf = self.cast.leaf(&party.name)?;
        let called = Arc::from(party.name.as_str());
        self.present(party, leaf.serial, |material| {
            material.leaf = leaf;
            material.called = called;
        });
        Ok(())
    }

    /// A service goes by another name from now on, which nobody has told its callers.
    fn rename(&mut self, party: Arc<Party>, called: &str) -> Result<(), FleetError> {
        let leaf = self.cast.renamed_leaf(&party.name, called)?;
        let called = Arc::from(called);
        self.present(party, leaf.serial, |material| {
            material.leaf = leaf;
            material.called = called;
        });
        Ok(())
    }

    fn present(
        &mut self,
        party: Arc<Party>,
        serial: Serial,
        change: impl FnOnce(&mut Material) + Send + 'static,
    ) {
        let fact = Fact::Presents(serial);
        self.ledger
            .change(Some(&party.name), fact, true, WindowKind::Leaf);
        self.deliver(party, change);
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

    pub(super) fn cross_sign(&mut self, step: &Step) -> Result<(), FleetError> {
        let anchor = self.required(&step.who, "who")?;
        let lasts = self.required(&step.lasts, "for")?;
        let authority = &self.cast.authority;
        Ok(authority.cross_sign(&anchor, FIRST_ROOT, lasts)?)
    }

    pub(super) fn revoke(&mut self, step: &Step) -> Result<(), FleetError> {
        for name in self.required(&step.revokes, "revokes")? {
            let serials = self.cast.serials_of(&name);
            if serials.is_empty() {
                return Err(FleetError::NoParty(self.number, name));
            }
            self.cast.authority.revoke(serials.clone());
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

    /// What has been made known stays so: who takes the older list has been deceived.
    pub(super) fn roll_back_crl(&mut self, step: &Step) -> Result<(), FleetError> {
        let older = self.cast.authority.older_lists();
        let older = older.ok_or_else(|| self.wrong("there is no older list"))?;
        for member in self.services(step)? {
            let (party, lists) = (Arc::clone(&member.service.party), Arc::clone(&older));
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
