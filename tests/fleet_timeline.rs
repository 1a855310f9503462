//! Timelines of mishaps, simulated: a flawless fleet bears them, and who has the bug that a scenario is
//! about does not.

use std::path::Path;
use std::sync::Arc;

use mtls_gauntlet::clock::Clock;
use mtls_gauntlet::expect::HandshakeKind;
use mtls_gauntlet::fleet::{self, Ground, Plan};
use mtls_gauntlet::judge::Verdict;
use mtls_gauntlet::judge::timeline::judge_timeline;
use mtls_gauntlet::oracle::check::check;
use mtls_gauntlet::oracle::findings::{Findings, Invariant};
use mtls_gauntlet::oracle::history::{CallOutcome, History};
use mtls_gauntlet::scenario::Scenario;
use mtls_gauntlet::scenario::load::parse;
use mtls_gauntlet::scenario::span::Span;
use mtls_gauntlet::seed::Seed;
use mtls_gauntlet::target::planted::{Bug, Flaws};

/// Each bug, a scenario that is about it, and what it violates there.
const CATCHES: &[(Bug, &str, Invariant)] = &[
    (Bug::FreezesItsClock, "clock-jumps", Invariant::FailsClosed),
    (
        Bug::FreezesItsClock,
        "clock-far-behind",
        Invariant::FailsClosed,
    ),
    (
        Bug::FreezesItsClock,
        "clock-ahead-near-expiry",
        Invariant::FailsClosed,
    ),
    (
        Bug::GrantsLeeway,
        "ends-of-validity",
        Invariant::FailsClosed,
    ),
    (
        Bug::IssuesWithoutBackdate,
        "clock-behind-a-fresh-leaf",
        Invariant::Recovers,
    ),
    (Bug::EndsAtFirstError, "no-descriptors", Invariant::Serves),
    (
        Bug::UnboundedHandshakes,
        "handshakes-are-bounded",
        Invariant::BoundsWork,
    ),
    (
        Bug::LeaksFailedHandshakes,
        "failing-handshakes",
        Invariant::GivesBack,
    ),
    (
        Bug::LeaksFailedHandshakes,
        "cut-anywhere",
        Invariant::GivesBack,
    ),
    (Bug::KeepsHalfOpen, "half-open", Invariant::GivesBack),
    (
        Bug::PinsGenerations,
        "reloads-beside-lasting-connections",
        Invariant::GivesBack,
    ),
    (Bug::RefusesInSilence, "late-refusal", Invariant::Tells),
    (
        Bug::RetriesWithoutPause,
        "late-refusal",
        Invariant::BoundsWork,
    ),
    (
        Bug::TakesHandshakeForAcceptance,
        "late-refusal",
        Invariant::FailsClosed,
    ),
    (
        Bug::TakesHandshakeForAcceptance,
        "cut-between-records",
        Invariant::Tells,
    ),
    (
        Bug::TakesHandshakeForAcceptance,
        "bit-flipped",
        Invariant::Tells,
    ),
    (
        Bug::StaysWithDeadConnections,
        "crash-under-load",
        Invariant::Serves,
    ),
    (
        Bug::StaysWithDeadConnections,
        "restart-under-load",
        Invariant::Serves,
    ),
    (
        Bug::StaysWithDeadConnections,
        "cut-under-load",
        Invariant::Serves,
    ),
    (
        Bug::StaysWithDeadConnections,
        "partition-and-heal",
        Invariant::Serves,
    ),
    (
        Bug::NoHandshakeDeadline,
        "silent-connections",
        Invariant::Serves,
    ),
    (Bug::NoHandshakeDeadline, "black-hole", Invariant::Serves),
    (
        Bug::BlocksAcceptLoop,
        "silent-connections",
        Invariant::Serves,
    ),
    (Bug::BlocksAcceptLoop, "slow-caller", Invariant::Serves),
    (Bug::BlocksAcceptLoop, "one-way-loss", Invariant::Serves),
];

#[test]
fn each_is_borne_by_the_flawless_and_fails_for_its_bug() {
    let mut wrong = Vec::new();
    for (bug, name, invariant) in CATCHES {
        let scenario = scenario(name);
        let flawless = findings(&scenario, Flaws::NONE);
        if let Some(violation) = flawless.violations.first() {
            wrong.push(format!("{name}, flawless: {}", violation.witness));
        }
        let flawed = findings(&scenario, Flaws::of(*bug));
        if !flawed
            .violations
            .iter()
            .any(|one| one.invariant == *invariant)
        {
            let told: Vec<_> = flawed.violations.iter().map(|one| one.invariant).collect();
            wrong.push(format!("{name}, {bug:?}: not {invariant}, but {told:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_same_seed_gives_the_same_history() {
    for name in ["cut-anywhere", "crash-under-load", "silent-connections"] {
        let scenario = scenario(name);
        let mut once = history(&scenario, Flaws::NONE);
        let mut twice = history(&scenario, Flaws::NONE);
        // What a refusal says may depend on the length of a signature, which differs by chance.
        for history in [&mut once, &mut twice] {
            for call in &mut history.calls {
                call.server_view = None;
            }
        }
        assert_eq!(once.calls.len(), twice.calls.len(), "{name}");
        assert_eq!(once.samples, twice.samples, "{name}");
        assert_eq!(once.changes, twice.changes, "{name}");
    }
}

/// G02: every octet that a caller says until its call is over, one call for each.
#[test]
fn cut_at_every_octet_nobody_gets_in_by_halves() {
    let mut scenario = scenario("cut-anywhere");
    for step in &mut scenario.steps {
        step.octet = Some(1);
        step.count = Some(2600);
    }
    if let Some(load) = &mut scenario.load {
        load.rate = 10;
    }
    let history = history(&scenario, Flaws::NONE);
    let findings = check(&history, &scenario.limits.clone().unwrap_or_default());
    assert_eq!(findings.violations, []);
    let outcomes: Vec<&CallOutcome> = history
        .calls
        .iter()
        .filter(|call| call.server == "service-0" && call.canary.is_none())
        .filter(|call| call.invoked >= history.warm_until + 150_000)
        .filter(|call| call.connection.handshake != Some(HandshakeKind::Resumed))
        .map(|call| &call.outcome)
        .collect();
    // It has come past the last octet of a call, and nobody ever had to be given up.
    let last = outcomes.iter().rev().take(20);
    assert!(last.clone().all(|outcome| outcome.accepted()), "{last:?}");
    assert!(
        outcomes
            .iter()
            .filter(|outcome| !outcome.accepted())
            .count()
            > 1000
    );
    assert!(!outcomes.contains(&&CallOutcome::TimedOut));
}

/// A place that no connection comes to is no trouble, and bearing it proves nothing.
#[test]
fn a_strike_that_never_strikes_proves_nothing() {
    for (octet, verdict) in [(1000, Verdict::Pass), (100_000, Verdict::Invalid)] {
        let mut scenario = scenario("cut-under-load");
        scenario.steps[0].octet = Some(octet);
        for sockets in [false, true] {
            let history = match sockets {
                true => history_on_sockets(&scenario),
                false => history(&scenario, Flaws::NONE),
            };
            let limits = scenario.limits.clone().unwrap_or_default();
            let judgement = judge_timeline(&check(&history, &limits));
            let told = judgement.reason;
            assert_eq!(judgement.verdict, verdict, "{octet}, {sockets}: {told}");
            let names_it = told.contains("step 1, `cut` at") && told.contains("service-0 came");
            assert_eq!(names_it, verdict == Verdict::Invalid, "{told}");
        }
    }
}

/// What is struck anew before it was ever struck is told at the step that never struck.
#[test]
fn each_strike_is_counted_by_itself() {
    let mut scenario = scenario("cut-under-load");
    let mut earlier = scenario.steps[0].clone();
    (earlier.at, earlier.octet) = (Some(Span::millis(50)), Some(100_000));
    scenario.steps.insert(0, earlier);
    let findings = findings(&scenario, Flaws::NONE);
    assert_eq!(findings.missed.len(), 1, "{:?}", findings.missed);
    assert!(findings.missed[0].starts_with("step 1, `cut` at"));
}

#[test]
fn a_clock_apart_goes_wrong_alone() {
    let fleet = Clock::at(1000);
    let (own, other) = (fleet.apart(), fleet.apart());
    let seen_by_its_verifier = own.clone();
    own.go_wrong(-5_000_000);
    assert_eq!((own.unix(), seen_by_its_verifier.unix()), (995, 995));
    assert_eq!((fleet.unix(), other.unix()), (1000, 1000));
    fleet.set_forward(10_000_000);
    assert_eq!((own.unix(), fleet.unix(), other.unix()), (1005, 1010, 1010));
    assert_eq!(own.skewed(2_000_000).unix(), 1007);
}

fn scenario(name: &str) -> Scenario {
    let id = format!("chaos/{name}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/{id}.toml"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{id}: {error}"));
    parse(&id, &format!("{id}.toml"), &text).unwrap_or_else(|error| panic!("{error}"))
}

fn findings(scenario: &Scenario, flaws: Flaws) -> Findings {
    let limits = scenario.limits.clone().unwrap_or_default();
    check(&history(scenario, flaws), &limits)
}

fn history_on_sockets(scenario: &Scenario) -> History {
    let plan = plan(scenario, Flaws::NONE);
    let runtime = fleet::runtime(false).unwrap();
    runtime.block_on(async {
        let ground = Ground::sockets(plan.has_mishaps());
        fleet::run(&plan, &ground, &Arc::default()).await.unwrap()
    })
}

fn plan(scenario: &Scenario, flaws: Flaws) -> Plan {
    Plan {
        fleet: scenario.fleet.clone().unwrap_or_default(),
        load: scenario.load.clone().unwrap_or_default(),
        windows: scenario.window.unwrap_or_default(),
        steps: scenario.steps.clone(),
        seed: Seed(1),
        flaws,
        began: 1_767_225_600,
    }
}

fn history(scenario: &Scenario, flaws: Flaws) -> History {
    let plan = plan(scenario, flaws);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let ground = Ground::simulated(&plan.fleet);
        fleet::run(&plan, &ground, &Arc::default()).await.unwrap()
    })
}
