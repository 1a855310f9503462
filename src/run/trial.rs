//! A trial: all that came of trying one case, before and after it is judged.

use super::schedule::Staged;
use crate::judge::{Evidence, FailureKind, Judgement, Verdict, in_words, judge};
use crate::observe::Observation;
use crate::record::{CaseRecord, TimelineRecord, TwinRecord};
use crate::scenario::expand::Case;
use crate::target::Target;

/// What came of a case.
pub struct Trial<'s> {
    case: &'s Case,
    presented: String,
    environment_digest: String,
    /// What came of the case itself.
    pub evidence: Evidence,
    /// What came of its twin, and whether that ran in the same start.
    pub twin: Option<(Evidence, bool)>,
    /// How long the connection took, in microseconds.
    pub duration_us: u64,
    /// What came of its story, for cases that are one.
    pub story: Option<StoryTrial>,
    /// What the target logged meanwhile.
    pub log: Option<String>,
}

/// What came of a story.
pub struct StoryTrial {
    /// Its verdict.
    pub judgement: Judgement,
    /// What was seen of the connection that decided.
    pub observation: Option<Observation>,
    /// Its steps and findings.
    pub timeline: TimelineRecord,
    /// What its control did.
    pub twin: Option<TwinRecord>,
}

impl<'s> Trial<'s> {
    /// Of a case that was set up.
    pub fn of(staged: &'s Staged, environment_digest: &str, evidence: Evidence) -> Self {
        Self {
            presented: staged.stage.presented(),
            environment_digest: environment_digest.to_owned(),
            ..Self::without_stage(&staged.case, evidence)
        }
    }

    /// Of a case that could not be set up.
    pub fn without_stage(case: &'s Case, evidence: Evidence) -> Self {
        Self {
            case,
            presented: String::new(),
            environment_digest: String::new(),
            evidence,
            twin: None,
            duration_us: 0,
            story: None,
            log: None,
        }
    }

    /// Judges it.
    pub fn judged(self, target: &dyn Target) -> CaseRecord {
        let scenario = &self.case.scenario;
        let twin = self
            .twin
            .as_ref()
            .map(|(evidence, same_start)| twin_record(evidence, *same_start));
        let (mut judgement, observation, timeline, twin) = match self.story {
            Some(story) => (
                story.judgement,
                story.observation,
                Some(story.timeline),
                story.twin,
            ),
            None => {
                let judgement = judge(
                    &scenario.expect,
                    scenario.target.may_refuse_to_start,
                    &self.evidence,
                    self.twin.as_ref().map(|(evidence, _)| evidence),
                );
                (judgement, observed(&self.evidence).cloned(), None, twin)
            }
        };
        let id = self.case.id();
        let mut known = target.known(&id).map(str::to_owned);
        if let Some(lacks) = target.lacks(&id) {
            if judgement.verdict == Verdict::Invalid {
                judgement.verdict = Verdict::Unsupported;
                judgement.reason = format!("not supported: {lacks}");
            } else if matches!(
                (judgement.verdict, judgement.failure),
                (Verdict::Pass | Verdict::Lenient, _) | (_, Some(FailureKind::RefusedValid))
            ) {
                // What lacks something refuses who is valid; what does not, after all, is out of date on the
                // list, which shows like a deviation that passes. Nobody gets through for lack of anything.
                known.get_or_insert_with(|| lacks.to_owned());
            }
        }
        let let_in = judgement.failure == Some(FailureKind::AcceptedForbidden);
        if let Some(varies) = target.varies(&id, let_in) {
            if judgement.verdict == Verdict::Invalid {
                judgement.verdict = Verdict::Unsupported;
                judgement.reason = format!("it depends on chance: {varies}");
            } else if judgement.verdict.is_failure() {
                known.get_or_insert_with(|| varies.to_owned());
            }
        }
        let log = self.log.filter(|log| {
            let speaks = judgement.verdict.is_failure()
                || matches!(judgement.verdict, Verdict::Invalid | Verdict::Broken);
            speaks && !log.is_empty()
        });
        CaseRecord {
            scenario: scenario.id.clone(),
            title: scenario.title.clone(),
            level: scenario.level,
            spec: scenario.spec.clone(),
            file: scenario.path.clone(),
            line: scenario.line,
            target: target.name(),
            role: self.case.role,
            tls: self.case.tls,
            presented: self.presented,
            expectation: scenario.expect.clone(),
            observation,
            verdict: judgement.verdict,
            failure_kind: judgement.failure,
            known,
            reason: judgement.reason,
            log: log.map(last_part),
            timeline,
            twin,
            scenario_digest: scenario.digest.clone(),
            environment_digest: self.environment_digest,
            duration_us: self.duration_us,
            id,
        }
    }
}

/// What needs a twin to prove anything: an acceptance is proof by itself, a refusal is not.
pub fn refusal(evidence: &Evidence) -> Option<&Observation> {
    observed(evidence).filter(|observation| !observation.accepted())
}

/// What was seen, where something was.
pub fn observed(evidence: &Evidence) -> Option<&Observation> {
    match evidence {
        Evidence::Observed(observation) => Some(observation),
        Evidence::Unsupported(_) | Evidence::Absent(_) | Evidence::Broken(_) => None,
    }
}

fn twin_record(evidence: &Evidence, same_start: bool) -> TwinRecord {
    let words = match evidence {
        Evidence::Observed(observation) => in_words(observation),
        Evidence::Unsupported(why) => format!("not possible: {why}"),
        Evidence::Absent(why) => why.clone(),
        Evidence::Broken(why) => format!("could not be run: {why}"),
    };
    TwinRecord {
        accepted: observed(evidence).is_some_and(Observation::accepted),
        same_start,
        words,
        observation: observed(evidence).cloned(),
    }
}

/// The end of a log, which is where the reason is.
pub(super) fn last_part(log: String) -> String {
    const LONGEST: usize = 4096;
    let mut start = log.len().saturating_sub(LONGEST);
    while !log.is_char_boundary(start) {
        start += 1;
    }
    log[start..].trim_end().to_owned()
}
