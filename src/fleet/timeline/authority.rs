//! Steps about the authority: it goes, comes back, dawdles, lies, and cannot be reached.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::{FleetError, Step, Timeline};
use crate::fleet::authority::Failing;

/// A time in which the authority fails whoever asks it.
pub(super) struct Outage {
    /// The step that began it, by its place in the history.
    step: usize,
    failing: Failing,
    /// How often it had failed somebody in this way before.
    before: u64,
}

impl Timeline<'_> {
    pub(super) fn stop_authority(&mut self, step: &Step) {
        self.outage(Failing::Away);
        self.cast.authority.set_mood(|mood| mood.down = true);
        self.mood_changed();
        let cast = Arc::clone(self.cast);
        self.after(step, move || {
            cast.authority.set_mood(|mood| mood.down = false);
            cast.renewal.mood_changed();
        });
    }

    pub(super) fn start_authority(&mut self) {
        self.cast.authority.set_mood(|mood| mood.down = false);
        self.mood_changed();
    }

    pub(super) fn slow_authority(&mut self, step: &Step) -> Result<(), FleetError> {
        let by = self.required(&step.by, "by")?.duration();
        self.outage(Failing::Slow);
        self.cast.authority.set_mood(|mood| mood.slow = by);
        self.mood_changed();
        let cast = Arc::clone(self.cast);
        self.after(step, move || {
            cast.authority.set_mood(|mood| mood.slow = Duration::ZERO);
            cast.renewal.mood_changed();
        });
        Ok(())
    }

    pub(super) fn corrupt_authority(&mut self, step: &Step) -> Result<(), FleetError> {
        let defect = self.required(&step.defect, "defect")?;
        self.outage(Failing::Wrong);
        self.cast
            .authority
            .set_mood(|mood| mood.defect = Some(defect));
        self.mood_changed();
        let cast = Arc::clone(self.cast);
        self.after(step, move || {
            cast.authority.set_mood(|mood| mood.defect = None);
            cast.renewal.mood_changed();
        });
        Ok(())
    }

    /// These services cannot reach the authority, nor it them; callers can reach them.
    pub(super) fn cut_off(&mut self, step: &Step) -> Result<(), FleetError> {
        let members = self.services(step)?;
        self.outage(Failing::Away);
        let names: BTreeSet<String> = members
            .iter()
            .map(|member| member.service.party.name.clone())
            .collect();
        let cut = names.clone();
        self.cast
            .authority
            .set_mood(|mood| mood.cut_off.extend(cut));
        self.mood_changed();
        let cast = Arc::clone(self.cast);
        self.after(step, move || {
            let reached = |name: &String| !names.contains(name);
            cast.authority.set_mood(|mood| mood.cut_off.retain(reached));
            cast.renewal.mood_changed();
        });
        Ok(())
    }

    /// The authority is as good as new, and so are its issuers.
    pub(super) fn heal_authority(&mut self) -> Result<(), FleetError> {
        self.count_outages(|_| true);
        self.cast
            .authority
            .set_mood(|mood| *mood = Default::default());
        self.cast.authority.renew_issuers()?;
        self.mood_changed();
        Ok(())
    }

    /// The step under way begins an outage, and ends what was counted of earlier ones of its kind.
    fn outage(&mut self, failing: Failing) {
        self.count_outages(|outage| outage.failing == failing);
        self.outages.push(Outage {
            step: self.ledger.steps().saturating_sub(1),
            failing,
            before: self.cast.authority.failed(failing),
        });
    }

    /// Takes down which of these outages nobody has noticed.
    fn count_outages(&mut self, over: impl Fn(&Outage) -> bool) {
        for outage in self.outages.extract_if(.., |outage| over(outage)) {
            if self.cast.authority.failed(outage.failing) == outage.before {
                let how = match outage.failing {
                    Failing::Away => "could not be reached",
                    Failing::Slow => "was slow",
                    Failing::Wrong => "answered wrongly",
                };
                let why = format!("nobody asked the authority for anything while it {how}");
                self.ledger.missed(outage.step, why);
            }
        }
    }

    fn mood_changed(&self) {
        self.cast.renewal.mood_changed();
    }

    /// Undoes a step by itself, where it says how long it lasts.
    fn after(&mut self, step: &Step, undo: impl FnOnce() + Send + 'static) {
        let Some(lasts) = step.lasts else { return };
        self.deliveries.spawn(async move {
            sleep(lasts.duration()).await;
            undo();
        });
    }
}
