//! The layout of a fleet: who lets whom in, and which ways calls take.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Cast;
use crate::fleet::party::Party;
use crate::fleet::ways::{Caller, Ways, manners};
use crate::load::habits::Habits;
use crate::load::ledger::Ledger;
use crate::load::visit::Manner;
use crate::oracle::history::{Fact, WindowKind};
use crate::scenario::fleet::{Canary, HOARDER, Topology};

impl Cast {
    /// Whom every service lets in: the callers from outside, and the canaries that are wrong otherwise.
    pub(super) fn admitted_everywhere(
        &self,
        callers: &[String],
        ledger: &Ledger,
    ) -> Arc<BTreeSet<String>> {
        let company = self.company();
        let canaries = company.canaries.iter();
        let canaries = canaries.filter(|(kind, _)| **kind != Canary::WrongName);
        let hoarder = HOARDER.to_owned();
        let everywhere: BTreeSet<String> = callers
            .iter()
            .chain([&hoarder])
            .chain(canaries.map(|(_, canary)| &canary.name))
            .cloned()
            .collect();
        for name in &everywhere {
            let fact = Fact::Admits(name.clone());
            ledger.change(None, fact, true, WindowKind::None);
        }
        let revoked = company.canaries.get(&Canary::Revoked);
        if let Some(serial) = revoked.and_then(|canary| canary.credentials.serial) {
            ledger.change(None, Fact::InForce(serial), false, WindowKind::None);
        }
        Arc::new(everywhere)
    }

    /// Whom this service lets in: in a chain the service before it, and in a mesh every other of so many.
    pub(super) fn admitted(
        &self,
        name: &str,
        services: u32,
        everywhere: &Arc<BTreeSet<String>>,
        ledger: &Ledger,
    ) -> Arc<BTreeSet<String>> {
        let others: Vec<String> = match self.plan.fleet.topology {
            Topology::Star => return Arc::clone(everywhere),
            Topology::Chain => before_in_chain(name).into_iter().collect(),
            Topology::Mesh => (0..services)
                .map(|number| format!("service-{number}"))
                .filter(|other| other != name)
                .collect(),
        };
        for other in &others {
            let fact = Fact::Admits(other.clone());
            ledger.change(Some(name), fact, true, WindowKind::None);
        }
        Arc::new(everywhere.iter().cloned().chain(others).collect())
    }

    /// Lays the ways out that calls take.
    pub(super) fn lay_out(&self) {
        let mut company = self.company();
        let load = &self.plan.load;
        let timeout = load.timeout.duration();
        let services: Arc<[String]> = company.services.keys().cloned().collect();
        let mut callers: Vec<Caller> = company
            .callers
            .values()
            .map(|party| Caller::of_party(party, self.habits()))
            .collect();
        let all = u32::try_from(services.len()).unwrap_or(u32::MAX);
        let everywhere = |count: usize, services: u32| -> Vec<(u32, u32)> {
            let to = |caller| (0..services).map(move |to| (caller, to));
            (0..u32::try_from(count).unwrap_or(u32::MAX))
                .flat_map(to)
                .collect()
        };
        let mut pairs = match self.plan.fleet.topology {
            Topology::Star | Topology::Mesh => everywhere(callers.len(), all),
            Topology::Chain => everywhere(callers.len(), all.min(1)),
        };
        if self.plan.fleet.topology != Topology::Star {
            for member in company.services.values() {
                let party = &member.service.party;
                let place = u32::try_from(callers.len()).unwrap_or(u32::MAX);
                let calls = |(_, to): &(u32, &String)| match self.plan.fleet.topology {
                    Topology::Chain => before_in_chain(to).as_ref() == Some(&party.name),
                    _ => **to != party.name,
                };
                let called = (0..).zip(services.iter()).filter(calls);
                pairs.extend(called.map(|(to, _)| (place, to)));
                callers.push(Caller::of_party(party, self.habits()));
            }
        }
        company.due = Ways::new(
            callers,
            manners(load),
            Arc::clone(&services),
            pairs,
            timeout,
        )
        .following(&company.due);
        let hoarders: Vec<Caller> = company
            .hoarders
            .values()
            .map(|hoarder| hoarder.caller(None))
            .collect();
        let pairs = everywhere(hoarders.len(), all);
        let manner = vec![Manner::Hoarding; load.hoarding.min(1) as usize];
        company.hoarding = Ways::new(hoarders, manner, Arc::clone(&services), pairs, timeout)
            .following(&company.hoarding);
        let strangers: Vec<Caller> = company
            .canaries
            .iter()
            .map(|(kind, canary)| canary.caller(Some(*kind)))
            .collect();
        let pairs = everywhere(strangers.len(), all);
        company.forbidden = Ways::new(strangers, vec![Manner::Fresh], services, pairs, timeout);
    }
}

impl Caller {
    fn of_party(party: &Arc<Party>, habits: Habits) -> Self {
        Self {
            name: party.name.clone(),
            purse: Arc::clone(party) as _,
            canary: None,
            habits,
        }
    }
}

/// The service that calls this one in a chain; callers from outside call the first.
fn before_in_chain(name: &str) -> Option<String> {
    let number: u32 = name.strip_prefix("service-")?.parse().ok()?;
    Some(format!("service-{}", number.checked_sub(1)?))
}
