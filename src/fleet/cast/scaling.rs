//! Services that come and go while callers call: hired as the others are now, and dismissed in order.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::{Cast, Member, Outset};
use crate::fleet::authority::FIRST_ROOT;
use crate::fleet::{FleetError, Ground};
use crate::load::ledger::Ledger;
use crate::oracle::history::{Fact, WindowKind};
use crate::scenario::fleet::Topology;
use crate::target::planted::Bug;

/// How long a service that leaves serves those who are there.
const PATIENCE: Duration = Duration::from_secs(2);

impl Cast {
    /// Hires services until there are so many, each with what the others have been given. Callers are told
    /// of them when they listen. Says whom the others must let in from now on.
    ///
    /// # Errors
    /// When a certificate cannot be issued or a service cannot listen.
    pub fn grow(
        &self,
        count: u32,
        ground: &Ground,
        ledger: &Arc<Ledger>,
    ) -> Result<Vec<String>, FleetError> {
        let names = self.company().services.len();
        let first = u32::try_from(names).unwrap_or(u32::MAX);
        let mut hired = Vec::new();
        for number in first..count {
            let name = format!("service-{number}");
            let outset = self.outset_now(&name, count, ledger);
            self.hire(&name, outset, ground, ledger)?;
            ledger.change(Some(&name), Fact::Well, true, WindowKind::None);
            hired.push(name);
        }
        if !hired.is_empty() {
            self.lay_out();
        }
        Ok(hired)
    }

    /// Tells callers that the services beyond so many are no more, and hands those over, the last first.
    pub fn shrink(&self, count: u32) -> Vec<Member> {
        let mut company = self.company();
        let mut leaving = Vec::new();
        let present = u32::try_from(company.services.len()).unwrap_or(u32::MAX);
        for number in (count.max(1)..present).rev() {
            leaving.extend(company.services.remove(&format!("service-{number}")));
        }
        drop(company);
        self.lay_out();
        leaving
    }

    /// The services that let other services in: does the topology have such?
    pub fn services_call(&self) -> bool {
        self.plan.fleet.topology != Topology::Star
    }

    /// From now on services that are new take no plaintext.
    pub fn require_tls(&self) {
        self.company().requires_tls = true;
    }

    /// What a service is given that is new now, and what the ledger must know of it.
    fn outset_now(&self, name: &str, services: u32, ledger: &Ledger) -> Outset {
        let at_once = |fact: Fact, holds: bool| {
            ledger.change(Some(name), fact, holds, WindowKind::None);
        };
        let everywhere: Arc<BTreeSet<String>> = Arc::clone(&self.company().everywhere);
        let admits = self.admitted(name, services, &everywhere, ledger);
        let pending = self.company().to_publish.clone();
        for serial in self.authority.revoked() {
            if !pending.contains(&serial) {
                at_once(Fact::InForce(serial), false);
            }
        }
        let company = self.company();
        let bundle = company.bundles.get("service-0").cloned();
        if let Some(bundle) = &bundle {
            at_once(Fact::Trusts(FIRST_ROOT.into()), false);
            for anchor in bundle.anchors.keys() {
                at_once(Fact::Trusts(anchor.clone()), true);
            }
        }
        if company.requires_tls {
            at_once(Fact::TakesPlaintext, false);
        }
        let lists = self.authority.last_lists();
        Outset {
            lists: lists.filter(|_| !self.plan.flaws.has(Bug::ListensBeforeLists)),
            bundle,
            admits,
            permissive: self.plan.fleet.permissive && !company.requires_tls,
        }
    }
}

impl Member {
    /// Serves to the end who is there, and is gone.
    pub async fn leave(&self) {
        self.service.leave(PATIENCE).await;
    }
}
