//! Stories: one pair, step after step, in a start of its own.
//!
//! ```text
//! Scenario, role, TLS version --Play--> Told ---------+
//! the same without its changes --Play--> Told (twin) -+--judge--> Trial
//! ```
//!
//! A story has a clock of its own, which stands still between two steps and is given to targets that take
//! one; and certificates of its own, minted against that clock before anything happens.

use std::sync::Arc;

use self::play::Play;
use super::schedule::Staged;
use super::shop::{Shop, Work};
use super::trial::{StoryTrial, Trial};
use crate::clock::Stopwatch;
use crate::digest::sha256;
use crate::judge::Evidence;
use crate::judge::story::{Told, all_accepted, judge_story, told_in_words};
use crate::record::{TimelineRecord, TwinRecord};
use crate::scenario::step::{Action, Step};
use crate::scenario::{Role, Scenario};
use crate::target::Target;

mod play;

/// What a target with a clock of its own may be made to wait for, in microseconds.
const LONGEST_WAIT: u64 = 10_000_000;

/// Lives through a story and its control.
pub async fn tell<'s>(shop: &Shop<'_>, work: Work<'_>, staged: &'s Staged) -> Trial<'s> {
    let scenario = &staged.case.scenario;
    let mut trial = Trial::of(staged, &work.group.digest, Evidence::Broken(String::new()));
    if let Some(why) = impossible(work.target, staged.case.role, scenario) {
        trial.evidence = Evidence::Unsupported(why);
        return trial;
    }
    let stopwatch = Stopwatch::start();
    let steps = numbered(scenario);
    let story = lived(shop, work, staged, "", &steps).await;
    trial.duration_us = u64::try_from(stopwatch.elapsed().as_micros()).unwrap_or(u64::MAX);
    let mut control = None;
    if changes(scenario) > 0 && story.ended.is_none() {
        let steps: Vec<_> = steps
            .into_iter()
            .filter(|(_, step)| step.action.connects())
            .collect();
        control = Some(lived(shop, work, staged, "/twin", &steps).await);
    }
    trial.story = Some(judged(scenario, &story, control.as_ref()));
    trial
}

/// Lives through these steps, and again if the machine was too slow for them.
async fn lived(
    shop: &Shop<'_>,
    work: Work<'_>,
    staged: &Staged,
    suffix: &str,
    steps: &[(usize, &Step)],
) -> Told {
    for _ in 0..ATTEMPTS {
        let play = Play::of(shop, work, staged, suffix);
        let (told, in_time) = play.through(steps).await;
        if in_time {
            return told;
        }
    }
    Told {
        steps: Vec::new(),
        ended: Some(Evidence::Unsupported(TOO_SLOW.into())),
    }
}

/// How often a story is begun that the machine is too slow for.
const ATTEMPTS: u32 = 3;

const TOO_SLOW: &str =
    "this machine is too slow at the moment: what the story is about had happened before its turn";

/// How many starts of a target a story asks for.
pub fn starts(scenario: &Scenario) -> usize {
    let steps = scenario.steps.iter();
    let restarts = steps.filter(|step| step.action == Action::Restart);
    1 + usize::from(changes(scenario) > 0) + restarts.count()
}

/// How many steps change something.
fn changes(scenario: &Scenario) -> usize {
    let steps = scenario.steps.iter();
    steps.filter(|step| !step.action.connects()).count()
}

/// The steps with their places, counted from 1.
fn numbered(scenario: &Scenario) -> Vec<(usize, &Step)> {
    (1..).zip(&scenario.steps).collect()
}

/// Why this target cannot live through this story, if it cannot.
fn impossible(target: &dyn Target, role: Role, scenario: &Scenario) -> Option<String> {
    let has = |actions: &[Action]| {
        let mut steps = scenario.steps.iter();
        steps.any(|step| actions.contains(&step.action))
    };
    let reloading = [
        Action::ReplaceTrust,
        Action::ReplaceCrl,
        Action::ReplaceClientAuth,
    ];
    if has(&reloading) && !target.reloads(role) {
        return Some(
            "the target cannot take other certificates, lists or settings while it runs".into(),
        );
    }
    if has(&[Action::ReplaceClientAuth]) && !target.takes_settings(role) {
        return Some("the target cannot ask something else of its clients while it runs".into());
    }
    let waits = scenario.steps.iter().filter_map(|step| step.by);
    if !target.has_injected_clock() && waits.map(|by| by.as_micros()).any(|by| by > LONGEST_WAIT) {
        return Some(
            "the target goes by a clock of its own, and the story takes too long to be waited for"
                .into(),
        );
    }
    None
}

fn judged(scenario: &Scenario, story: &Told, control: Option<&Told>) -> StoryTrial {
    let history = serde_json::to_vec(&story.steps).unwrap_or_default();
    let judgement = judge_story(&scenario.expect, story, control);
    StoryTrial {
        timeline: TimelineRecord {
            network: None,
            lateness_us: 0,
            history_digest: sha256(&history),
            steps: judgement.lines,
            findings: judgement.findings,
        },
        judgement: judgement.judgement,
        observation: judgement.observation,
        twin: control.map(|control| TwinRecord {
            accepted: all_accepted(control),
            same_start: false,
            words: told_in_words(control),
            observation: None,
        }),
    }
}

/// A scenario whose environment a step has changed.
fn changed(scenario: &Scenario, step: &Step) -> Arc<Scenario> {
    let mut scenario = scenario.clone();
    if let Some(trusts) = &step.trusts {
        scenario.target.trusts = Some(trusts.clone());
    }
    if let Some(client_auth) = step.client_auth {
        scenario.target.client_auth = Some(client_auth);
    }
    if let Some(revokes) = &step.revokes {
        // Everybody is on the list of who issued him.
        let by = |issuer: &str| {
            let listed = revokes.iter();
            let listed = listed.filter(|entry| scenario.issuer_of(entry) == Some(issuer));
            listed.cloned().collect::<Vec<_>>()
        };
        let lists: Vec<_> = scenario
            .crl
            .iter()
            .map(|(name, list)| by(list.issuer.as_deref().unwrap_or(name)))
            .collect();
        for (list, revokes) in scenario.crl.values_mut().zip(lists) {
            list.revokes = revokes;
            list.number = Some(list.number.unwrap_or(1) + 1);
        }
    }
    Arc::new(scenario)
}
