//! Steps about the network: what befalls the ways to services and callers, and a sweep that has it befall
//! one call after the other, each at a later place.

use super::{FleetError, Step, Timeline};
use crate::load::visit::Manner;
use crate::net::mishap::{Mishap, Strike};
use crate::scenario::step::{Action, Blow};

/// A strike that is out, or a sweep of them.
pub(super) struct Blows {
    /// The step, by its place in the history.
    step: usize,
    /// Whom it is meant for, and how many blows each had got before.
    before: Vec<(String, u64)>,
}

impl Timeline<'_> {
    /// A way is closed, held or slow. Who is merely slow must still be served.
    pub(super) fn disturb(&mut self, step: &Step) -> Result<(), FleetError> {
        let mishap = match step.action {
            Action::Partition => Mishap::Partition,
            Action::HoldBack => Mishap::Hold,
            _ => Mishap::Slow(self.required(&step.by, "by")?.duration()),
        };
        for name in self.concerned(step)? {
            if step.action != Action::Slow {
                self.falls_ill(&name);
            }
            self.befall(&name, mishap)?;
        }
        Ok(())
    }

    /// Every connection to these services is struck, until it is healed.
    pub(super) fn strike(&mut self, step: &Step) -> Result<(), FleetError> {
        let octet = |step: &Step| self.required(&step.octet, "octet").map(u64::from);
        let strike = match (step.action, step.record) {
            (Action::Cut, Some(record)) => Strike::CutAfterRecord(record.into()),
            (Action::Cut, None) => Strike::Cut(octet(step)?),
            (Action::BlackHole, _) => Strike::BlackHole(octet(step)?),
            _ => Strike::Corrupt(octet(step)?),
        };
        let blows = self.blows(step)?;
        for (name, _) in &blows.before {
            self.falls_ill(name);
            self.befall(name, Mishap::Strike(strike))?;
        }
        self.blows.push(blows);
        Ok(())
    }

    /// Nothing is out any more. Takes down which strikes have never hit anybody.
    pub(super) fn count_blows(&mut self) {
        for blows in std::mem::take(&mut self.blows) {
            self.count(&blows);
        }
    }

    fn count(&self, blows: &Blows) {
        let mut before = blows.before.iter();
        if before.all(|(name, before)| self.struck(name) == *before) {
            let names: Vec<&str> = blows.before.iter().map(|(name, _)| &**name).collect();
            let why = format!("no connection to {} came to that place", names.join(", "));
            self.ledger.missed(blows.step, why);
        }
    }

    /// Those that the step under way is about to strike.
    fn blows(&mut self, step: &Step) -> Result<Blows, FleetError> {
        let members = self.services(step)?.into_iter();
        let before: Vec<(String, u64)> = members
            .map(|member| {
                let name = member.destination.name.clone();
                let struck = self.struck(&name);
                (name, struck)
            })
            .collect();
        // Whoever is struck otherwise from now on has got of an earlier strike what it will.
        let is_struck_anew = |blows: &Blows| {
            let mut earlier = blows.before.iter();
            earlier.any(|(name, _)| before.iter().any(|(other, _)| other == name))
        };
        let all = std::mem::take(&mut self.blows).into_iter();
        let (over, out) = all.partition(is_struck_anew);
        self.blows = out;
        let over: Vec<Blows> = over;
        for blows in &over {
            self.count(blows);
        }
        Ok(Blows {
            step: self.ledger.steps().saturating_sub(1),
            before,
        })
    }

    fn struck(&self, name: &str) -> u64 {
        self.ground
            .mishaps()
            .map_or(0, |mishaps| mishaps.struck(name))
    }

    /// Calls, one after the other, each struck at a later place than the one before.
    pub(super) async fn sweep(&mut self, step: &Step) -> Result<(), FleetError> {
        let count = self.required(&step.count, "count")?;
        let apart = step.octet.unwrap_or(1);
        let blows = self.blows(step)?;
        self.blows.push(blows);
        for member in self.services(step)? {
            let name = &member.destination.name;
            self.falls_ill(name);
            for number in 0..u64::from(count) {
                let place = number * u64::from(apart);
                let strike = match step.strike.unwrap_or_default() {
                    Blow::Cut => Strike::Cut(place),
                    Blow::CutAfterRecord => Strike::CutAfterRecord(place),
                    Blow::BlackHole => Strike::BlackHole(place),
                    Blow::Corrupt => Strike::Corrupt(place),
                };
                self.befall(name, Mishap::Strike(strike))?;
                let visitor = self.cast.visitor(number, Manner::Fresh);
                let visitor = visitor.ok_or_else(|| self.wrong("there is nobody to call"))?;
                let id = self.ledger.next_call();
                let call = visitor.call(id, &member.destination, self.ledger).await;
                self.ledger.call(call);
            }
        }
        Ok(())
    }

    /// The names of those whom a step is about: a party, or services.
    pub(super) fn concerned(&self, step: &Step) -> Result<Vec<String>, FleetError> {
        let Some(who) = &step.who else {
            let services = self.services(step)?.into_iter();
            return Ok(services.map(|one| one.destination.name.clone()).collect());
        };
        match self.cast.clock_of(who) {
            Some(_) => Ok(vec![who.clone()]),
            None => Err(FleetError::NoParty(self.number, who.clone())),
        }
    }

    fn befall(&self, name: &str, mishap: Mishap) -> Result<(), FleetError> {
        let mishaps = self.ground.mishaps();
        let mishaps = mishaps.ok_or_else(|| self.wrong("nothing can befall this network"))?;
        mishaps.befall(name, mishap);
        Ok(())
    }
}
