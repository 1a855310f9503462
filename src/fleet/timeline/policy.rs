//! Steps about policies, and about services that come and go.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::{FleetError, Step, Timeline};
use crate::oracle::history::{Fact, WindowKind};

/// How long it takes until whoever called a service that has left knows what has become of the call.
const LAST_WORDS: Duration = Duration::from_millis(200);

impl Timeline<'_> {
    /// Services take no plaintext any more.
    pub(super) fn require_tls(&mut self, step: &Step) -> Result<(), FleetError> {
        self.cast.require_tls();
        for member in self.services(step)? {
            let party = Arc::clone(&member.service.party);
            let name = Some(party.name.as_str());
            self.ledger
                .change(name, Fact::TakesPlaintext, false, WindowKind::Policy);
            self.deliver(party, |material| material.permissive = false);
        }
        Ok(())
    }

    /// The fleet grows or shrinks to so many services. Who leaves has an excuse when it is gone, and not
    /// before: the calls that are under way when it is told to leave are still due.
    pub(super) async fn scale(&mut self, step: &Step) -> Result<(), FleetError> {
        let count = self.required(&step.count, "count")?;
        let before = self.cast.services();
        let hired = self.cast.grow(count, self.ground, self.ledger)?;
        if self.cast.services_call() && !hired.is_empty() {
            for member in before {
                let party = Arc::clone(&member.service.party);
                for name in &hired {
                    let fact = Fact::Admits(name.clone());
                    self.ledger
                        .change(Some(&party.name), fact, true, WindowKind::Policy);
                }
                let hired = hired.clone();
                self.deliver(party, move |material| {
                    let mut admits = BTreeSet::clone(&material.admits);
                    admits.extend(hired);
                    material.admits = Arc::new(admits);
                });
            }
        }
        let leaving = self.cast.shrink(count);
        for member in &leaving {
            member.leave().await;
        }
        if !leaving.is_empty() {
            sleep(LAST_WORDS).await;
        }
        for member in leaving {
            let name = Some(member.destination.name.as_str());
            self.ledger
                .change(name, Fact::Well, false, WindowKind::None);
        }
        Ok(())
    }
}
