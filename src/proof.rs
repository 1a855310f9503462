//! The proof that the scenarios are worth something: each can fail, and each planted bug is caught.
//!
//! That goes for scenarios that ask for a refusal, and for those with steps, which ask that something holds
//! over time.
//!
//! A catch is a case in which a planted target fails and the control, the same verifier without the
//! bug, does not. A target that lets everybody in proves nothing about a scenario's own point, so such
//! catches do not count for the scenario.

use std::collections::{BTreeMap, BTreeSet};

use crate::expect::Outcome;
use crate::judge::Verdict;
use crate::record::CaseRecord;
use crate::target::planted::Bug;

/// The bugs that let everybody in.
pub const INDISCRIMINATE: [Bug; 2] = [Bug::AcceptsAnything, Bug::AsksForNothing];

/// Which scenario catches which bug.
#[derive(Debug, Default)]
pub struct Proof {
    /// For each bug the scenarios that catch it.
    pub bugs: BTreeMap<Bug, BTreeSet<String>>,
    /// For each scenario that must be able to fail the bugs that it catches.
    pub scenarios: BTreeMap<String, BTreeSet<Bug>>,
    /// The cases in which the control is not as expected: nothing that fails there is a catch.
    pub control: Vec<CaseRecord>,
}

impl Proof {
    /// Draws the proof from the cases of the control and of planted targets, given by their bugs.
    pub fn of(control: Vec<CaseRecord>, planted: &[(Bug, Vec<CaseRecord>)]) -> Self {
        let mut proof = Self::default();
        let mut sound = BTreeSet::new();
        for case in control {
            // What is left open cannot be failed: a story that records a choice.
            let demands = match case.expectation.outcome {
                Outcome::Reject => true,
                Outcome::Holds => case.verdict != Verdict::Policy,
                Outcome::Accept | Outcome::Policy => false,
            };
            if demands {
                proof.scenarios.entry(case.scenario.clone()).or_default();
            }
            match case.verdict {
                Verdict::Pass | Verdict::Lenient | Verdict::Policy => {
                    sound.insert(case.id);
                }
                _ => proof.control.push(case),
            }
        }
        for (bug, cases) in planted {
            let caught = proof.bugs.entry(*bug).or_default();
            for case in cases
                .iter()
                .filter(|case| case.verdict.is_failure() && sound.contains(&case.id))
            {
                caught.insert(case.scenario.clone());
                if let Some(bugs) = proof.scenarios.get_mut(&case.scenario) {
                    bugs.insert(*bug);
                }
            }
        }
        proof
    }

    /// The bugs that no scenario catches.
    pub fn uncaught_bugs(&self) -> impl Iterator<Item = Bug> {
        self.bugs
            .iter()
            .filter(|(_, scenarios)| scenarios.is_empty())
            .map(|(bug, _)| *bug)
    }

    /// The scenarios that must be able to fail and that nothing but an indiscriminate target fails.
    pub fn unproven_scenarios(&self) -> impl Iterator<Item = &str> {
        self.scenarios
            .iter()
            .filter(|(_, bugs)| bugs.iter().all(|bug| INDISCRIMINATE.contains(bug)))
            .map(|(scenario, _)| scenario.as_str())
    }
}
