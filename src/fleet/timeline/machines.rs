//! Steps about machines: clocks, restarts, connections.

use super::{FleetError, Step, Timeline, signed};
use crate::fleet::cast::Member;
use crate::net::mishap::Mishap;
use crate::oracle::history::{Fact, WindowKind};

impl Timeline<'_> {
    pub(super) fn advance(&mut self, step: &Step) -> Result<(), FleetError> {
        let by = signed(self.required(&step.by, "by")?);
        self.cast.clock.set_forward(by);
        self.ledger.clock_set(None, by);
        for member in self.cast.services() {
            member.service.party.look_again();
        }
        self.cast.clock_was_set();
        Ok(())
    }

    /// Clocks go wrong, those of services or that of one party, and nobody is told.
    pub(super) fn skew(&mut self, step: &Step) -> Result<(), FleetError> {
        let by = match (step.by, step.back) {
            (Some(by), None) => signed(by),
            (None, Some(back)) => -signed(back),
            _ => return Err(self.wrong("it needs `by` or `back`, and one of them only")),
        };
        for name in self.concerned(step)? {
            let clock = self.cast.clock_of(&name);
            let clock = clock.ok_or_else(|| FleetError::NoParty(self.number, name.clone()))?;
            clock.go_wrong(by);
            self.ledger.clock_set(Some(&name), by);
        }
        for member in self.cast.services() {
            member.service.party.look_again();
        }
        Ok(())
    }

    pub(super) async fn restart(&mut self, step: &Step) -> Result<(), FleetError> {
        for member in self.services(step)? {
            self.falls_ill(&member.destination.name);
            member.service.stop().await;
            if self.by_files() {
                self.start_from_files(&member)?;
            } else {
                self.reopen(&member)?;
            }
        }
        Ok(())
    }

    /// Services die in the middle of whatever they do.
    pub(super) async fn crash(&mut self, step: &Step) -> Result<(), FleetError> {
        for member in self.services(step)? {
            let name = &member.destination.name;
            self.falls_ill(name);
            self.dead.insert(name.clone());
            if let Some(mishaps) = self.ground.mishaps() {
                mishaps.befall(name, Mishap::Crash);
            }
            member.service.stop().await;
        }
        Ok(())
    }

    pub(super) fn exhaust_descriptors(&mut self, step: &Step) -> Result<(), FleetError> {
        for member in self.services(step)? {
            self.falls_ill(&member.destination.name);
            member.service.exhaust(true);
        }
        Ok(())
    }

    pub(super) fn close_connections(&mut self, step: &Step) -> Result<(), FleetError> {
        for member in self.services(step)? {
            let name = &member.destination.name;
            self.falls_ill(name);
            member.service.close_connections();
            self.recovers(name);
        }
        Ok(())
    }

    /// The network and the machines are well again. Clocks stay as they are: nobody would set them right.
    pub(super) async fn heal_all(&mut self) -> Result<(), FleetError> {
        self.mend_files()?;
        self.heal_authority()?;
        self.count_blows();
        if let Some(mishaps) = self.ground.mishaps() {
            mishaps.heal();
        }
        for member in self.cast.services() {
            member.service.exhaust(false);
            if self.dead.contains(&member.destination.name) {
                self.reopen(&member)?;
            }
        }
        for name in self.unwell.clone() {
            self.recovers(&name);
        }
        Ok(())
    }

    fn reopen(&mut self, member: &Member) -> Result<(), FleetError> {
        let name = &member.destination.name;
        let refused = |error| FleetError::Listen(name.clone(), error);
        let listener = self.ground.listen(name, member.socket).map_err(refused)?;
        member.service.open(listener);
        self.dead.remove(name);
        self.recovers(name);
        Ok(())
    }

    /// From now on this party has an excuse not to serve, or not to be served.
    pub(super) fn falls_ill(&mut self, name: &str) {
        self.unwell.insert(name.to_owned());
        self.ledger
            .change(Some(name), Fact::Well, false, WindowKind::None);
    }

    /// Soon it has none any more.
    pub(super) fn recovers(&mut self, name: &str) {
        self.unwell.remove(name);
        self.ledger
            .change(Some(name), Fact::Well, true, WindowKind::Heal);
    }
}
