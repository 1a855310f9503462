//! Runs cases through the library, as the command line does, and hands back the record.

#![allow(
    dead_code,
    reason = "each test crate that includes it uses what it needs"
)]

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use mtls_gauntlet::clock::Clock;
use mtls_gauntlet::net::Transport;
use mtls_gauntlet::pki::key::KeyPool;
use mtls_gauntlet::pki::mint::Mint;
use mtls_gauntlet::record::{CaseRecord, Host, Run, SCHEMA_VERSION, Summary, Tool};
use mtls_gauntlet::run::environment::Patience;
use mtls_gauntlet::run::event::Event;
use mtls_gauntlet::run::{Plan, run};
use mtls_gauntlet::scenario::Scenario;
use mtls_gauntlet::scenario::expand::{Case, expand};
use mtls_gauntlet::scenario::load;
use mtls_gauntlet::scenario::select::Selection;
use mtls_gauntlet::seed::Seed;
use mtls_gauntlet::target::{Target, registry};

/// The second that the tests' clock shows: 2026-01-01T00:00:00Z.
pub const NOW: i64 = 1_767_225_600;

/// The seed of everything drawn by chance.
pub const SEED: Seed = Seed(1);

/// Key pairs are costly to make, RSA ones above all: one pool serves every run of a test crate.
static POOL: LazyLock<Arc<KeyPool>> = LazyLock::new(|| Arc::new(KeyPool::new(SEED)));

/// So long that no machine is too slow for it: nothing that is as it should be waits for it.
const UNHURRIED: Duration = Duration::from_secs(120);

/// How a rig runs its cases.
pub struct Rig {
    /// What time it is.
    pub clock: Clock,
    /// What carries the octets.
    pub transport: Transport,
    /// How long one connection may take before it counts as hung.
    pub deadline: Duration,
    /// How long the peer listens before it writes, where the target cannot tell.
    pub listen: Duration,
}

impl Default for Rig {
    fn default() -> Self {
        Self {
            clock: Clock::at(NOW),
            transport: Transport::Memory,
            deadline: UNHURRIED,
            listen: UNHURRIED,
        }
    }
}

impl Rig {
    /// Over this transport.
    pub fn over(transport: Transport) -> Self {
        Self {
            transport,
            ..Self::default()
        }
    }

    /// For targets that go by a clock of their own, which are processes.
    pub fn for_processes() -> Self {
        Self {
            clock: Clock::start(),
            ..Self::over(Transport::Tcp)
        }
    }

    /// What runs these cases against these targets.
    pub fn plan(&self, targets: &[Arc<dyn Target>], cases: &[Case]) -> Plan {
        Plan {
            targets: targets.to_vec(),
            cases: cases.to_vec(),
            transport: self.transport,
            jobs: 2,
            patience: Patience {
                listen: self.listen,
                deadline: self.deadline,
            },
            mint: Mint::new(self.clock.clone(), SEED, Arc::clone(&POOL)),
        }
    }

    /// Runs these cases against these targets.
    pub fn run(&self, targets: &[Arc<dyn Target>], cases: &[Case]) -> Run {
        let plan = self.plan(targets, cases);
        let mut record = blank();
        let mut announced = None;
        run(&plan, &AtomicBool::new(false), |event| match event {
            Event::RunStarted { cases } => announced = Some(cases),
            Event::CaseJudged(case) => record.cases.push(*case),
            Event::TargetFinished(target) => record.targets.push(target),
            Event::RunFinished { complete } => record.complete = complete,
        })
        .expect("every worker does its part");
        assert_eq!(announced, Some(record.cases.len()), "cases got lost");
        record
            .cases
            .sort_by(|one, other| (&one.target, &one.id).cmp(&(&other.target, &other.id)));
        record.summary = Summary::of(&record.cases);
        record
    }

    /// Runs the one case with this id against one target.
    pub fn run_case(&self, target: impl Target + 'static, case: &Case) -> CaseRecord {
        let mut record = self.run(&[Arc::new(target)], std::slice::from_ref(case));
        record.cases.remove(0)
    }
}

/// A record of nothing yet.
fn blank() -> Run {
    Run {
        schema_version: SCHEMA_VERSION,
        tool: Tool {
            name: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            unoptimised: false,
        },
        seed: SEED.0,
        started_at: "2026-01-01T00:00:00Z".into(),
        complete: false,
        host: Host {
            os: "linux".into(),
            arch: "x86_64".into(),
            cores: 2,
            ..Host::default()
        },
        targets: Vec::new(),
        cases: Vec::new(),
        measurements: Vec::new(),
        shard: None,
        merged: None,
        summary: Summary::default(),
    }
}

/// The embedded default target.
pub fn rustls() -> Arc<dyn Target> {
    registry::find("rustls").unwrap()
}

/// The built-in scenarios.
pub fn scenarios() -> &'static [Arc<Scenario>] {
    static SCENARIOS: LazyLock<Vec<Arc<Scenario>>> =
        LazyLock::new(|| load::built_in().unwrap_or_else(|error| panic!("{error}")));
    &SCENARIOS
}

/// The built-in cases that these globs select.
pub fn cases(globs: &[&str]) -> Vec<Case> {
    let globs: Vec<String> = globs.iter().map(|&glob| glob.to_owned()).collect();
    let selection = Selection::of_globs(&globs).unwrap();
    let mut cases = expand(scenarios());
    cases.retain(|case| selection.selects(case));
    assert!(!cases.is_empty(), "{globs:?} select nothing");
    cases
}

/// The one built-in case with this id.
pub fn case(id: &str) -> Case {
    let mut cases = cases(&[id]);
    assert_eq!(cases.len(), 1, "{id} is not the id of one case");
    cases.remove(0)
}
