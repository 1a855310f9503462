//! A post: one environment's start of a target, and what has been learnt in it.

use std::collections::HashMap;
use std::time::Duration;

use super::trial::observed;
use crate::judge::Evidence;
use crate::observe::{PeerEnd, TargetEnd, TargetView};
use crate::scenario::TlsVersion;
use crate::target::Running;

/// One environment's start.
#[derive(Default)]
pub struct Post {
    /// The target, while it runs.
    pub running: Option<Box<dyn Running>>,
    /// What came of the twins that ran in this start, by what their peers did.
    pub twins: HashMap<(TlsVersion, String), Evidence>,
}

impl Post {
    /// Ends the start, and forgets what was learnt in it.
    pub async fn end(&mut self) {
        self.twins.clear();
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    /// Ends the start after a hang or a crash: the next case deserves a fresh one.
    pub async fn end_if_shaken(&mut self, evidence: &Evidence) -> bool {
        let shaken = match observed(evidence) {
            Some(observation) => {
                let end = observation.target.as_ref().map(|target| &target.end);
                matches!(end, Some(TargetEnd::Crashed(_) | TargetEnd::Broken(_)))
                    || observation.peer.end == PeerEnd::TimedOut
            }
            // What broke once is not to be relied on.
            None => matches!(evidence, Evidence::Broken(_)),
        };
        if shaken {
            self.end().await;
        }
        shaken
    }

    /// If the target has died since the last case, that case has killed it: says so in its evidence.
    pub async fn blame_death(&mut self, last: &mut Evidence) {
        let Some(running) = &self.running else { return };
        let Some(words) = running.death(Duration::ZERO).await else {
            return;
        };
        blame(last, &words);
        self.end().await;
    }

    /// How long the target's log is.
    pub fn log_end(&self) -> usize {
        self.running.as_ref().map_or(0, |running| running.log_end())
    }

    /// What the target has logged since.
    pub fn log_since(&self, end: usize) -> Option<String> {
        self.running.as_ref()?.log_since(end)
    }
}

/// The case with this evidence has killed the target.
pub fn blame(evidence: &mut Evidence, words: &str) {
    if let Evidence::Observed(observation) = evidence {
        observation.target = Some(TargetView::of(TargetEnd::Crashed(words.to_owned())));
    }
}

/// How a target died that this case has not even met: of something that came before.
pub fn found_dead(evidence: &Evidence) -> Option<String> {
    let observation = observed(evidence)?;
    match (&observation.peer.end, &observation.target.as_ref()?.end) {
        (PeerEnd::Unmet, TargetEnd::Crashed(words)) => Some(words.clone()),
        _ => None,
    }
}
