//! Steps about machines: clocks, restarts, connections.

use super::{FleetError, Step, Timeline, signed};
use crate::fleet::cast::Member;
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

    pub(super) async fn restart(&mut self, step: &Step) -> Result<(), FleetError> {
        for member in self.services(step)? {
            self.unwell(&member);
            member.service.shut();
            if self.by_files() {
                self.start_from_files(&member)?;
            } else {
                self.reopen(&member)?;
            }
        }
        Ok(())
    }

    pub(super) fn close_connections(&mut self, step: &Step) -> Result<(), FleetError> {
        for member in self.services(step)? {
            self.unwell(&member);
            member.service.close_connections();
            self.well(&member);
        }
        Ok(())
    }

    pub(super) async fn heal_all(&mut self) -> Result<(), FleetError> {
        self.mend_files()?;
        self.heal_authority()
    }

    fn reopen(&self, member: &Member) -> Result<(), FleetError> {
        let name = &member.destination.name;
        let refused = |error| FleetError::Listen(name.clone(), error);
        let listener = self.ground.listen(name, member.socket).map_err(refused)?;
        member.service.open(listener);
        self.well(member);
        Ok(())
    }

    fn unwell(&self, member: &Member) {
        let name = &member.destination.name;
        self.ledger
            .change(Some(name), Fact::Well, false, WindowKind::None);
    }

    pub(super) fn well(&self, member: &Member) {
        let name = &member.destination.name;
        self.ledger
            .change(Some(name), Fact::Well, true, WindowKind::Heal);
    }
}
