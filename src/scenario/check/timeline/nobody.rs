//! Steps that can happen to nobody. A timeline is passed whose steps are all borne, so a step that does nothing
//! passes for one that is borne well.

use super::Timeline;
use super::keys::keys;
use crate::document::DocumentError;
use crate::scenario::fleet::HOARDER;
use crate::scenario::step::{Action, Step};

impl Timeline<'_> {
    /// Checks a step that happens when there are so many services.
    pub(super) fn check_happens(&self, place: usize, services: u32) -> Result<(), DocumentError> {
        let step = &self.scenario.steps[place];
        let fleet = self.fleet;
        let load = self.scenario.load.clone().unwrap_or_default();
        let is_hoarder = |name: &String| name == HOARDER && load.hoarding == 0;
        let publishes = fleet.publish_every.is_some() && fleet.crl_lifetime.is_some();
        let repeats = keys(step.action).is_some_and(|(_, optional)| optional.contains(&"every"));
        let wrong = match step.action {
            _ if repeats && step.count.is_some() != step.every.is_some() => Some((
                if step.count.is_some() {
                    "count"
                } else {
                    "every"
                },
                "a step that is repeated says how often and how far apart",
                "write both `count` and `every`, or neither",
            )),
            _ if is_empty(&step.services) => Some((
                "services",
                "a step for no service happens to nobody",
                "name one, or leave `services` out: then it is for all",
            )),
            Action::Revoke if is_empty(&step.revokes) => Some((
                "revokes",
                "nobody is revoked",
                "name somebody, such as `caller-0`",
            )),
            Action::Revoke if fleet.crl_lifetime.is_none() => Some((
                "do",
                "services use no lists, so nobody learns who is revoked",
                "write a `crl-lifetime` in [fleet]",
            )),
            Action::Revoke if !publishes && !self.is_published_after(place) => Some((
                "do",
                "nobody is told who is revoked",
                "write a `publish-crl` that comes later, or a `publish-every` in [fleet]",
            )),
            Action::Revoke if step.revokes.iter().flatten().any(is_hoarder) => {
                Some(("revokes", NO_HOARDER, HOARD))
            }
            Action::Allow | Action::Disallow if step.who.iter().any(is_hoarder) => {
                Some(("who", NO_HOARDER, HOARD))
            }
            Action::PushBundle if is_empty(&step.trusts) => Some((
                "trusts",
                "a bundle of nobody is none that an authority would publish",
                "`do = \"write-files\"` with `who = \"bundle\"` and `defect = \"empty\"` delivers an empty one",
            )),
            Action::RollBackCrl if !publishes && !self.is_published_before(place) => Some((
                "do",
                "there is no older list yet",
                "write a `publish-crl` that comes before it",
            )),
            Action::StopAuthority if fleet.renew_at.is_none() && !publishes => Some((
                "do",
                "nobody asks the authority for anything, nor does it publish anything by itself",
                "write a `renew-at` in [fleet], or a `crl-lifetime` and a `publish-every`",
            )),
            Action::SlowAuthority | Action::CorruptAuthority if fleet.renew_at.is_none() => Some((
                "do",
                "nobody asks the authority for anything",
                "write a `renew-at` in [fleet]",
            )),
            Action::Scale if step.count == Some(services) => Some((
                "count",
                "there are as many services already",
                "write another number",
            )),
            _ => None,
        };
        match wrong {
            Some((key, message, hint)) => Err(self.wrong(place, key, message, Some(hint))),
            None => Ok(()),
        }
    }

    /// Does a step publish a list after this one? Those that repeat something are over before the next begins.
    fn is_published_after(&self, place: usize) -> bool {
        let now = when(&self.scenario.steps[place], place);
        let mut publications = self.publications(Action::PublishCrl);
        publications.any(|(other, step)| when(step, other) > now)
    }

    /// Has a step before this one brought services a newer list than their first?
    fn is_published_before(&self, place: usize) -> bool {
        let now = when(&self.scenario.steps[place], place);
        // A new bundle comes with new lists.
        self.publications(Action::PublishCrl)
            .chain(self.publications(Action::PushBundle))
            .any(|(other, step)| when(step, other) < now)
    }

    fn publications(&self, action: Action) -> impl Iterator<Item = (usize, &Step)> {
        let steps = self.scenario.steps.iter().enumerate();
        steps.filter(move |(_, step)| step.action == action)
    }
}

const NO_HOARDER: &str = "nobody hoards sessions here, so there is no `hoarder-0`";
const HOARD: &str = "let `hoarding` in [load] be more than 0";

fn is_empty<T>(list: &Option<Vec<T>>) -> bool {
    list.as_ref().is_some_and(Vec::is_empty)
}

/// When a step happens: those of one instant in the order of the file.
fn when(step: &Step, place: usize) -> (u64, usize) {
    (step.at.unwrap_or_default().as_micros(), place)
}
