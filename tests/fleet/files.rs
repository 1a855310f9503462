//! Services that read files: every scenario about them holds of the flawless service, on both networks,
//! and each bug is caught by those that are about it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use mtls_gauntlet::oracle::check::check;
use mtls_gauntlet::oracle::findings::Invariant;
use mtls_gauntlet::oracle::history::{CallOutcome, Fact, History};
use mtls_gauntlet::scenario::fleet::Network;
use mtls_gauntlet::scenario::{Scenario, load};
use mtls_gauntlet::target::planted::{Bug, Flaws};

use super::{on_sockets, plan, plan_of, simulated};

/// Which bug is caught by which scenario, and what it violates there.
const CAUGHT: &[(Bug, &str, Invariant)] = &[
    (
        Bug::SwapsCertificateFirst,
        "rotation/files-certificate-first",
        Invariant::KeepsPairs,
    ),
    (
        Bug::SwapsCertificateFirst,
        "rotation/files-certificate-just-before-key",
        Invariant::KeepsPairs,
    ),
    (
        Bug::SwapsCertificateFirst,
        "rotation/files-certificate-without-key",
        Invariant::KeepsPairs,
    ),
    (
        Bug::SwapsCertificateFirst,
        "rotation/files-key-first",
        Invariant::KeepsPairs,
    ),
    (
        Bug::SwapsCertificateFirst,
        "rotation/files-key-just-before-certificate",
        Invariant::KeepsPairs,
    ),
    (
        Bug::SwapsCertificateFirst,
        "rotation/files-torn-leaf",
        Invariant::KeepsPairs,
    ),
    (
        Bug::SwapsCertificateFirst,
        "rotation/files-recreated",
        Invariant::KeepsPairs,
    ),
    (
        Bug::LoadsMismatchedPair,
        "rotation/files-key-without-certificate",
        Invariant::KeepsPairs,
    ),
    (
        Bug::LoadsMismatchedPair,
        "chaos/files-leaf-wrong-key",
        Invariant::KeepsPairs,
    ),
    (
        Bug::LoadsMismatchedPair,
        "chaos/pushed-leaf-wrong-key",
        Invariant::KeepsPairs,
    ),
    (
        Bug::FollowsLinkOnce,
        "rotation/files-symlink-three-times",
        Invariant::Converges,
    ),
    (
        Bug::FollowsLinkOnce,
        "rotation/files-symlink-bundle",
        Invariant::Serves,
    ),
    (
        Bug::FollowsLinkOnce,
        "rotation/files-every-style",
        Invariant::Converges,
    ),
    (
        Bug::FollowsLinkOnce,
        "rotation/files-touched",
        Invariant::Converges,
    ),
    (
        Bug::TakesTornFiles,
        "rotation/files-torn-bundle",
        Invariant::Serves,
    ),
    (
        Bug::TakesTornFiles,
        "chaos/files-bundle-one-bad",
        Invariant::Serves,
    ),
    (
        Bug::DropsMissingLists,
        "chaos/files-list-missing",
        Invariant::FailsClosed,
    ),
    (
        Bug::DropsMissingLists,
        "chaos/files-no-list-at-start",
        Invariant::FailsClosed,
    ),
    (
        Bug::IgnoresNewLists,
        "rotation/files-torn-list",
        Invariant::FailsClosed,
    ),
    (
        Bug::IgnoresLateFiles,
        "chaos/files-no-pair-at-start",
        Invariant::Serves,
    ),
    (
        Bug::IgnoresLateFiles,
        "chaos/files-no-bundle-at-start",
        Invariant::Serves,
    ),
    (
        Bug::TakesEmptyBundleForNoRule,
        "chaos/files-bundle-empty",
        Invariant::FailsClosed,
    ),
    (
        Bug::TakesEmptyBundleForNoRule,
        "chaos/files-empty-bundle-then-crash",
        Invariant::FailsClosed,
    ),
    (
        Bug::TakesEmptyBundleForNoRule,
        "chaos/pushed-bundle-empty",
        Invariant::FailsClosed,
    ),
    (
        Bug::DropsOldMaterial,
        "chaos/files-leaf-missing",
        Invariant::Serves,
    ),
    (
        Bug::DropsOldMaterial,
        "rotation/files-bundle-recreated",
        Invariant::Serves,
    ),
    (
        Bug::KeepsQuiet,
        "chaos/files-torn-leaf-then-crash",
        Invariant::Tells,
    ),
    (
        Bug::KeepsQuiet,
        "chaos/files-torn-bundle-then-crash",
        Invariant::Tells,
    ),
];

fn scenarios() -> Vec<Arc<Scenario>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let all = load::folders(&[folder]).unwrap_or_else(|error| panic!("{error}"));
    let ours = all.into_iter().filter(|scenario| {
        let name = scenario.id.rsplit('/').next().unwrap_or_default();
        scenario.fleet.is_some() && (name.starts_with("files-") || name.starts_with("pushed-"))
    });
    ours.collect()
}

/// What is violated, in words; nothing where all is well.
fn violations(scenario: &Scenario, history: &History) -> Vec<(Invariant, String)> {
    let limits = scenario.limits.clone().unwrap_or_default();
    let findings = check(history, &limits);
    assert!(
        findings.calls.due > 20 && findings.calls.forbidden > 5,
        "{:?}",
        findings.calls
    );
    let violations = findings.violations.into_iter();
    violations
        .map(|violation| (violation.invariant, violation.witness))
        .collect()
}

#[test]
fn they_hold_of_a_flawless_service_in_a_simulation() {
    let mut failed = Vec::new();
    for scenario in scenarios() {
        let history = simulated(&plan_of(&scenario, Flaws::NONE));
        let violations = violations(&scenario, &history);
        if !violations.is_empty() {
            failed.push((scenario.id.clone(), violations));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// A few of them on real sockets and real files: time passes there, so not all.
#[test]
fn sockets_and_files_on_disk_say_the_same() {
    let all = scenarios();
    for (id, bug) in [
        ("rotation/files-symlink-three-times", Bug::FollowsLinkOnce),
        (
            "rotation/files-certificate-without-key",
            Bug::SwapsCertificateFirst,
        ),
        ("chaos/files-list-missing", Bug::DropsMissingLists),
    ] {
        let scenario = all.iter().find(|scenario| scenario.id == id).unwrap();
        assert!(scenario.networks.contains(&Network::Sockets), "{id}");
        let running = [Flaws::NONE, Flaws::of(bug)].map(|flaws| {
            let scenario = Arc::clone(scenario);
            thread::spawn(move || {
                let history = on_sockets(&plan_of(&scenario, flaws));
                violations(&scenario, &history)
            })
        });
        let [flawless, flawed] = running.map(|thread| thread.join().unwrap());
        assert!(flawless.is_empty(), "{id}: {flawless:#?}");
        let caught = CAUGHT.iter().find(|row| row.0 == bug && row.1 == id);
        let (.., invariant) = caught.unwrap();
        assert!(
            flawed.iter().any(|(violated, _)| violated == invariant),
            "{id}: {flawed:#?}"
        );
    }
}

#[test]
fn each_bug_is_caught_where_it_should_be() {
    let scenarios = scenarios();
    let mut missed = Vec::new();
    for (bug, id, invariant) in CAUGHT {
        let scenario = scenarios.iter().find(|scenario| scenario.id == *id);
        let scenario = scenario.unwrap_or_else(|| panic!("there is no {id}"));
        let history = simulated(&plan_of(scenario, Flaws::of(*bug)));
        let found = violations(scenario, &history);
        if !found.iter().any(|(violated, _)| violated == invariant) {
            missed.push((bug, id, invariant, found));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn whoever_keeps_quiet_is_caught_wherever_an_alarm_is_asked_for() {
    let mut missed = Vec::new();
    for scenario in scenarios() {
        if scenario
            .limits
            .as_ref()
            .is_some_and(|limits| limits.alarms > 0)
        {
            let history = simulated(&plan_of(&scenario, Flaws::of(Bug::KeepsQuiet)));
            let found = violations(&scenario, &history);
            if !found
                .iter()
                .any(|(violated, _)| *violated == Invariant::Tells)
            {
                missed.push(scenario.id.clone());
            }
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn every_scenario_is_caught_failing_by_somebody() {
    let by_bug: BTreeSet<&str> = CAUGHT.iter().map(|(_, id, _)| *id).collect();
    for scenario in scenarios() {
        let by_silence = scenario
            .limits
            .as_ref()
            .is_some_and(|limits| limits.alarms > 0);
        assert!(
            by_silence || by_bug.contains(scenario.id.as_str()),
            "{}",
            scenario.id
        );
    }
}

/// What a service was seen to present, in order, each once.
fn presented(history: &History) -> Vec<u64> {
    let mut calls: Vec<_> = history
        .calls
        .iter()
        .filter(|call| !call.connection.reused)
        .collect();
    calls.sort_by_key(|call| call.completed);
    let mut serials: Vec<u64> = calls.iter().filter_map(|call| call.presented).collect();
    serials.dedup();
    serials
}

fn published(history: &History) -> Vec<u64> {
    let changes = history.changes.iter();
    changes
        .filter_map(|change| match change.fact {
            Fact::Presents(serial) => Some(serial),
            _ => None,
        })
        .collect()
}

#[test]
fn a_pair_is_published_when_its_last_part_is_there() {
    let timeline = "[fleet]\nservices = 1\ndelivery = \"files\"\n[load]\nresuming = 0\n[[step]]\nat = \"100ms\"\n\
                    do = \"rotate-leaf\"\nstyle = \"certificate-first\"\ngap = \"300ms\"";
    let history = simulated(&plan(timeline));
    let [_, new] = &published(&history)[..] else {
        panic!("{:?}", history.changes);
    };
    let change = history
        .changes
        .iter()
        .find(|change| change.fact == Fact::Presents(*new))
        .unwrap();
    assert_eq!(change.at - history.steps[0].at, 300_000);
    let seen = history
        .calls
        .iter()
        .filter(|call| call.presented == Some(*new));
    assert!(seen.clone().count() > 5);
    assert!(seen.clone().all(|call| call.completed > change.at));
}

#[test]
fn what_is_half_written_for_a_moment_alarms_nobody() {
    for style in ["certificate-first", "key-first", "torn", "recreate"] {
        let timeline = format!(
            "[fleet]\nservices = 1\ndelivery = \"files\"\n[[step]]\nat = \"100ms\"\ndo = \"rotate-leaf\"\n\
             style = \"{style}\"\ngap = \"60ms\"\ncount = 4\nevery = \"170ms\""
        );
        let history = simulated(&plan(&timeline));
        assert!(
            history.samples.iter().all(|sample| sample.alarms == 0),
            "{style}"
        );
        assert_eq!(published(&history).len(), 5, "{style}");
        let last = published(&history).last().copied();
        assert_eq!(presented(&history).last().copied(), last, "{style}");
    }
}

#[test]
fn what_stays_bad_alarms_once() {
    let timeline = "[fleet]\nservices = 1\ndelivery = \"files\"\n[[step]]\nat = \"100ms\"\ndo = \"write-files\"\n\
                    defect = \"garbage\"\n[[step]]\nat = \"1500ms\"\ndo = \"heal\"";
    let history = simulated(&plan(timeline));
    assert_eq!(history.samples.last().map(|sample| sample.alarms), Some(1));
    assert_eq!(presented(&history), published(&history));
}

#[test]
fn touching_files_loads_nothing() {
    let timeline = "[fleet]\nservices = 1\ndelivery = \"files\"\ncrl-lifetime = \"1h\"\n[[step]]\nat = \"100ms\"\n\
                    do = \"write-files\"\ncount = 5\nevery = \"100ms\"";
    let history = simulated(&plan(timeline));
    let generations: BTreeSet<u64> = history
        .calls
        .iter()
        .filter_map(|call| call.server_view.as_ref())
        .filter(|view| view.accepted)
        .map(|view| view.generation)
        .collect();
    assert_eq!(generations.len(), 1, "{generations:?}");
}

#[test]
fn nobody_is_there_until_the_files_are() {
    let timeline = "[fleet]\nservices = 1\ndelivery = \"files\"\n[[step]]\nat = \"100ms\"\ndo = \"write-files\"\n\
                    defect = \"missing\"\n[[step]]\nat = \"110ms\"\ndo = \"restart\"\n[[step]]\nat = \"600ms\"\n\
                    do = \"rotate-leaf\"";
    for history in [simulated(&plan(timeline)), on_sockets(&plan(timeline))] {
        let (down, up) = (history.steps[1].at, history.steps[2].at);
        let refused = |outcome: &CallOutcome| matches!(outcome, CallOutcome::Refused(words) if words.starts_with("nobody was there"));
        let between: Vec<_> = history
            .calls
            .iter()
            .filter(|call| call.invoked > down + 50_000 && call.completed < up)
            .collect();
        assert!(between.len() > 10);
        for call in between {
            // A connection from before is only found to be gone.
            let gone = call.connection.reused && !call.outcome.accepted();
            assert!(gone || refused(&call.outcome), "{call:?}");
        }
        let after = history
            .calls
            .iter()
            .filter(|call| call.invoked > up + 200_000);
        let due: Vec<_> = after.filter(|call| call.canary.is_none()).collect();
        assert!(due.len() > 20);
        assert!(due.iter().all(|call| call.outcome.accepted()));
    }
}
