//! Fleets on simulated ground, for tests: a timeline as a scenario says it, and what the oracle finds.

use std::sync::Arc;

use mtls_gauntlet::fleet::{self, Ground, Plan};
use mtls_gauntlet::oracle::check::check;
use mtls_gauntlet::oracle::findings::{Findings, Invariant};
use mtls_gauntlet::oracle::history::History;
use mtls_gauntlet::scenario::fleet::Limits;
use mtls_gauntlet::scenario::load::parse;
use mtls_gauntlet::seed::Seed;
use mtls_gauntlet::target::planted::{Bug, Flaws};

/// A timeline and what it must keep to.
pub struct Drama {
    pub plan: Plan,
    limits: Limits,
}

impl Drama {
    /// As a scenario file says it, from `[fleet]` on.
    pub fn of(timeline: &str) -> Self {
        let text = format!(
            "title = \"t\"\nlevel = \"must\"\nspec = [\"x\"]\nwhy = \"w\"\n{timeline}\n[expect]\noutcome = \"holds\"\n"
        );
        let scenario = parse("chaos/t", "t.toml", &text).unwrap_or_else(|error| panic!("{error}"));
        Self {
            plan: Plan {
                fleet: scenario.fleet.unwrap(),
                load: scenario.load.unwrap_or_default(),
                windows: scenario.window.unwrap_or_default(),
                steps: scenario.steps,
                seed: Seed(7),
                flaws: Flaws::NONE,
                began: 1_700_000_000,
            },
            limits: scenario.limits.unwrap_or_default(),
        }
    }

    /// The same with a bug.
    pub fn with(&self, bug: Bug) -> Self {
        let mut plan = self.plan.clone();
        plan.flaws = Flaws::of(bug);
        Self {
            plan,
            limits: self.limits.clone(),
        }
    }

    /// Plays it in virtual time.
    pub fn history(&self) -> History {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let ground = Ground::simulated(&self.plan.fleet);
            fleet::run(&self.plan, &ground, &Arc::default())
                .await
                .unwrap()
        })
    }

    pub fn findings(&self) -> Findings {
        check(&self.history(), &self.limits)
    }

    /// What it violates, each once.
    pub fn violated(&self) -> Vec<Invariant> {
        let findings = self.findings();
        let mut found: Vec<Invariant> = findings
            .violations
            .iter()
            .map(|violation| violation.invariant)
            .collect();
        found.dedup();
        found
    }

    /// Asserts that nothing is wrong, and says what is.
    pub fn holds(&self) {
        let findings = self.findings();
        let found: Vec<String> = findings
            .violations
            .iter()
            .map(|violation| format!("{}: {}", violation.invariant, violation.witness))
            .collect();
        assert_eq!(found, [""; 0]);
        assert!(findings.calls.served > 50, "{:?}", findings.calls);
    }
}
