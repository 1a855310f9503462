//! Stories against the targets in process: careful ones, one that leaves sessions to its library, and
//! those that are broken on purpose.

use std::sync::Arc;

use mtls_gauntlet::expect::Outcome;
use mtls_gauntlet::judge::{FailureKind, Verdict};
use mtls_gauntlet::net::Transport;
use mtls_gauntlet::oracle::findings::Invariant;
use mtls_gauntlet::record::CaseRecord;
use mtls_gauntlet::scenario::expand::{Case, expand};
use mtls_gauntlet::scenario::{Scenario, load};
use mtls_gauntlet::target::planted::{Bug, Planted};
use mtls_gauntlet::target::{Target, registry};

use super::loading;
use super::rig::{Rig, case, cases, rustls, scenarios};

#[test]
fn the_careful_targets_hold_every_story_over_either_transport() {
    let stories = stories();
    assert!(stories.len() >= 22, "{} stories", stories.len());
    let cases = expand(&stories);
    for transport in [Transport::Memory, Transport::Tcp] {
        let careful: [Arc<dyn Target>; 2] = [rustls(), Arc::new(Planted::flawless())];
        let run = Rig::over(transport).run(&careful, &cases);
        for case in &run.cases {
            let fine = matches!(case.verdict, Verdict::Pass | Verdict::Policy);
            assert!(fine, "{} ({}): {}", case.id, case.target, case.reason);
        }
    }
}

#[test]
fn a_story_is_the_same_each_time() {
    let digest = || {
        let case = case("resumption/again-expired/server/tls1.3");
        let record = Rig::default().run_case(Planted::flawless(), &case);
        record.timeline.unwrap().history_digest
    };
    assert_eq!(digest(), digest());
}

/// rustls compares the name in a session with the one that is asked for, in whatever store it lies.
#[test]
fn default_sessions_do_not_cross_hosts() {
    let default: Arc<dyn Target> = registry::find("rustls-default").unwrap();
    let cases = cases(&["resumption/*virtual-host*"]);
    assert_eq!(cases.len(), 6);
    for case in &Rig::default().run(&[default], &cases).cases {
        assert_eq!(case.verdict, Verdict::Pass, "{}: {}", case.id, case.reason);
    }
}

#[test]
fn default_sessions_outlive_what_they_rest_on() {
    for (id, what) in [
        (
            "resumption/authority-removed/server/tls1.3",
            "replace-trust",
        ),
        (
            "resumption/authority-removed/server/tls1.2",
            "replace-trust",
        ),
        ("resumption/expired/server/tls1.3", "advance"),
        ("resumption/expired/client/tls1.3", "advance"),
        ("resumption/revoked/server/tls1.3", "replace-crl"),
        (
            "resumption/client-auth-required/server/tls1.3",
            "replace-client-auth",
        ),
    ] {
        let target = registry::find("rustls-default").unwrap();
        let run = Rig::default().run(&[target], &[case(id)]);
        let record = &run.cases[0];
        assert_eq!(
            record.failure_kind,
            Some(FailureKind::AcceptedForbidden),
            "{id}"
        );
        let timeline = record.timeline.as_ref().unwrap();
        let violation = &timeline.findings.violations[0];
        assert_eq!(violation.invariant, Invariant::BoundsLineage);
        let since = format!("must be refused since step 2 ({what})");
        assert!(violation.witness.contains(&since), "{}", violation.witness);
        assert!(
            violation
                .witness
                .contains("through a session made at step 1")
        );
    }
}

/// A bug, and a case that catches it.
const CATCHES: &[(Bug, &str)] = &[
    (Bug::ResumesPastExpiry, "resumption/expired/server/tls1.3"),
    (
        Bug::ResumesPastExpiry,
        "resumption/intermediate-expired/client/tls1.2",
    ),
    (
        Bug::ResumesUnderOldTrust,
        "resumption/authority-removed/server/tls1.2",
    ),
    (
        Bug::ResumesUnderOldTrust,
        "resumption/intermediate-revoked/server/tls1.3",
    ),
    (
        Bug::ResumesUnauthenticated,
        "resumption/client-auth-required/server/tls1.3",
    ),
    (
        Bug::ResumesAcrossHosts,
        "resumption/across-virtual-hosts/server/tls1.2",
    ),
    (
        Bug::ResumesAcrossHosts,
        "resumption/from-anonymous-virtual-host/server/tls1.3",
    ),
    (
        Bug::ResumesAcrossHosts,
        "resumption/from-default-virtual-host/server/tls1.3",
    ),
    (
        Bug::LosesIdentityOnResumption,
        "resumption/unchanged/server/tls1.3",
    ),
    (
        Bug::LosesIdentityOnResumption,
        "resumption/two-identities/server/tls1.3",
    ),
    (
        Bug::RefusesUnknownSessions,
        "resumption/tickets-forgotten/server/tls1.3",
    ),
    (
        Bug::RefusesUnknownSessions,
        "resumption/restarted/server/tls1.3",
    ),
    (
        Bug::HoardsTickets,
        "resumption/ticket-outlived/client/tls1.3",
    ),
    (
        Bug::KeepsOldVerifier,
        "rotation/root-removed-running/client/tls1.3",
    ),
    (
        Bug::MergesBundles,
        "rotation/root-step-by-step/server/tls1.3",
    ),
    (Bug::ReadsCrlOnce, "rotation/crl-published/server/tls1.3"),
    (
        Bug::LosesCrlOnReload,
        "rotation/crl-kept-across-reload/server/tls1.3",
    ),
    (
        Bug::RequiresOnRestart,
        "rotation/client-auth-tightened/server/tls1.3",
    ),
];

#[test]
fn what_is_broken_on_purpose_is_caught() {
    for (bug, id) in CATCHES {
        let record = Rig::default().run_case(Planted::with(*bug), &case(id));
        assert!(
            record.verdict.is_failure(),
            "{bug:?} in {id}: {}",
            record.reason
        );
        let violations = record.timeline.unwrap().findings.violations;
        assert!(!violations.is_empty(), "{bug:?} in {id}");
    }
}

/// Bugs of single handshakes that show when time goes on.
const TIMELY: [Bug; 4] = [
    Bug::IgnoresExpiry,
    Bug::IgnoresNotBefore,
    Bug::IgnoresIntermediateExpiry,
    Bug::IgnoresCrlExpiry,
];

#[test]
fn every_story_that_demands_something_can_fail() {
    let mut unproven = Vec::new();
    for story in stories() {
        let demands = story
            .steps
            .iter()
            .all(|step| step.expect != Some(Outcome::Policy));
        let cases = cases(&[&format!("{}/**", story.id)]);
        let newest: Vec<Case> = cases
            .into_iter()
            .filter(|case| Some(&case.tls) == story.tls.last())
            .collect();
        let bugs = Bug::ALL
            .iter()
            .filter(|bug| bug.is_about_time() || TIMELY.contains(bug));
        let planted: Vec<_> = bugs
            .map(|bug| Arc::new(Planted::with(*bug)) as Arc<dyn Target>)
            .collect();
        let run = Rig::default().run(&planted, &newest);
        if demands && !run.cases.iter().any(|case| case.verdict.is_failure()) {
            unproven.push(story.id.clone());
        }
    }
    assert_eq!(unproven, [""; 0]);
}

#[test]
fn ordinary_scenarios_resume_nothing() {
    let story = lived("[[step]]\ndo = \"connect\"\nexpect = \"accept\"\n");
    assert_eq!(story.verdict, Verdict::Pass, "{}", story.reason);
    let ordinary = Rig::default().run_case(
        Planted::flawless(),
        &case("baseline/full-chain/server/tls1.3"),
    );
    assert_ne!(story.environment_digest, ordinary.environment_digest);
    assert!(ordinary.timeline.is_none());
}

#[test]
fn every_story_has_a_start_of_its_own() {
    let cases = cases(&[
        "resumption/unchanged/server/*",
        "resumption/expired/server/*",
    ]);
    let run = Rig::default().run(&[rustls()], &cases);
    // One for each without changes, one more for the control of each with some.
    assert_eq!(run.targets[0].starts, 2 + 4);
    assert_eq!(run.targets[0].environments, 2 + 4);
}

#[test]
fn an_unexpected_refusal_ends_as_one() {
    let record = lived(
        "[[step]]\ndo = \"connect\"\nexpect = \"accept\"\n\
         [[step]]\ndo = \"replace-trust\"\ntrusts = [\"target\"]\n\
         [[step]]\ndo = \"connect\"\nexpect = \"accept\"\n",
    );
    assert_eq!(record.failure_kind, Some(FailureKind::RefusedValid));
    assert!(
        record.reason.contains("must be accepted"),
        "{}",
        record.reason
    );
}

/// What came of the story with these steps, of the control as a server.
fn lived(steps: &str) -> CaseRecord {
    let text = loading::scenario("holds", steps);
    let story = load::parse("made/up", "up.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    let cases = expand(&[Arc::new(story)]);
    Rig::default().run_case(Planted::flawless(), &cases[1])
}

fn stories() -> Vec<Arc<Scenario>> {
    let all = scenarios().iter();
    all.filter(|scenario| scenario.is_story())
        .cloned()
        .collect()
}
