//! Steps about the authority: it goes, comes back, dawdles, lies, and cannot be reached.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::{FleetError, Step, Timeline};

impl Timeline<'_> {
    pub(super) fn stop_authority(&mut self, step: &Step) {
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
        self.cast
            .authority
            .set_mood(|mood| *mood = Default::default());
        self.cast.authority.renew_issuers()?;
        self.mood_changed();
        Ok(())
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
