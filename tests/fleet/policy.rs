//! Sidecars, policies, probers, and services that come and go: what holds in the flawless fleet, and what
//! each bug breaks.

use std::fs;
use std::path::Path;

use mtls_gauntlet::oracle::check::check;
use mtls_gauntlet::oracle::findings::{Findings, Invariant};
use mtls_gauntlet::oracle::history::History;
use mtls_gauntlet::scenario::Scenario;
use mtls_gauntlet::scenario::load::parse;
use mtls_gauntlet::target::planted::{Bug, Flaws};

use super::{plan, plan_of, simulated};

/// The scenarios, and the bugs that each must show.
const SHOWN: &[(&str, &[Bug])] = &[
    ("chaos/forged-identity", &[Bug::PassesForgedIdentity]),
    (
        "chaos/sidecars-in-a-mesh",
        &[Bug::PassesForgedIdentity, Bug::ForgetsResumedIdentity],
    ),
    ("chaos/from-permissive-to-strict", &[Bug::StaysPermissive]),
    (
        "chaos/no-fallback-to-plaintext",
        &[Bug::FallsBackToPlaintext],
    ),
    ("chaos/probers-without-certificates", &[Bug::AnswersProbers]),
    ("chaos/not-ready-without-a-certificate", &[Bug::AlwaysReady]),
    ("chaos/scale-under-load", &[Bug::ResetsAtLeaving]),
    ("chaos/grown-after-a-revocation", &[Bug::ListensBeforeLists]),
    ("chaos/mesh-grows", &[Bug::CallsUnderOldTrust]),
    (
        "chaos/revoked-in-a-mesh",
        &[Bug::LooksUpOnlyCallers, Bug::IgnoresNewLists],
    ),
    ("chaos/revoked-in-a-chain", &[Bug::KeepsConnections]),
    ("rotation/leaves-of-a-mesh", &[Bug::CallsWithOldLeaf]),
    ("rotation/root-of-a-mesh", &[Bug::CallsUnderOldTrust]),
    ("rotation/leaf-along-a-chain", &[Bug::SwapsKeyFirst]),
];

fn scenario_of(id: &str) -> Scenario {
    let path = format!("scenarios/{id}.toml");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(&path);
    let text = fs::read_to_string(file).unwrap();
    parse(id, &path, &text).unwrap_or_else(|error| panic!("{error}"))
}

fn findings(scenario: &Scenario, flaws: Flaws) -> (History, Findings) {
    let history = simulated(&plan_of(scenario, flaws));
    let findings = check(&history, &scenario.limits.clone().unwrap_or_default());
    (history, findings)
}

#[test]
fn the_flawless_fleet_holds_and_each_bug_shows() {
    let mut wrong = Vec::new();
    for (id, bugs) in SHOWN {
        let scenario = scenario_of(id);
        let (_, flawless) = findings(&scenario, Flaws::NONE);
        if let Some(violation) = flawless.violations.first() {
            wrong.push(format!(
                "{id}: {:?} {}",
                violation.invariant, violation.witness
            ));
        }
        for bug in *bugs {
            let (_, found) = findings(&scenario, Flaws::of(*bug));
            if found.violations.is_empty() {
                wrong.push(format!("{id} does not show {}", bug.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_forged_identity_is_an_identity_that_is_not_bound() {
    let scenario = scenario_of("chaos/forged-identity");
    let (history, found) = findings(&scenario, Flaws::of(Bug::PassesForgedIdentity));
    let invariants = found.violations.iter().map(|violation| violation.invariant);
    assert!(
        invariants.clone().any(|it| it == Invariant::BindsIdentity),
        "{:?}",
        invariants.collect::<Vec<_>>()
    );
    let told = history
        .calls
        .iter()
        .filter_map(|call| call.server_view.as_ref());
    assert!(
        told.clone()
            .any(|view| view.identity.as_deref() == Some("caller-0"))
    );
}

#[test]
fn a_backend_is_told_who_calls() {
    let (history, _) = findings(&scenario_of("chaos/forged-identity"), Flaws::NONE);
    let accepted = history.calls.iter().filter(|call| call.outcome.accepted());
    let mut seen = 0;
    for call in accepted {
        let view = call.server_view.as_ref().unwrap();
        assert_eq!(view.identity.as_deref(), Some(call.caller.as_str()));
        seen += 1;
    }
    assert!(seen > 30, "{seen}");
}

#[test]
fn a_permissive_service_takes_plaintext_and_a_strict_one_does_not() {
    let history = simulated(&plan(
        "[fleet]\nservices = 1\npermissive = true\n\
         [load]\nrate = 0\ncanary-rate = 40\ncanaries = [\"plaintext\"]\n\
         [[step]]\nat = \"500ms\"\ndo = \"require-tls\"",
    ));
    let step = history.steps[0].at;
    let (before, after): (Vec<_>, Vec<_>) =
        history.calls.iter().partition(|call| call.completed < step);
    assert!(before.len() > 10 && before.iter().all(|call| call.outcome.accepted()));
    let late = after.iter().filter(|call| call.invoked > step + 100_000);
    assert!(late.clone().count() > 10);
    assert!(late.clone().all(|call| !call.outcome.accepted()));
}

#[test]
fn who_comes_is_called_and_who_leaves_is_not() {
    let history = simulated(&plan(
        "[fleet]\nservices = 1\n[[step]]\nat = \"100ms\"\ndo = \"scale\"\ncount = 3\n\
         [[step]]\nat = \"800ms\"\ndo = \"scale\"\ncount = 1",
    ));
    let (grown, shrunk) = (history.steps[0].at, history.steps[1].at);
    let of_new = history
        .calls
        .iter()
        .filter(|call| call.server == "service-2");
    assert!(of_new.clone().any(|call| call.outcome.accepted()));
    assert!(
        of_new
            .clone()
            .all(|call| call.invoked >= grown && call.invoked <= shrunk)
    );
    let due = of_new.filter(|call| call.canary.is_none());
    assert!(due.clone().count() > 3);
    assert!(due.clone().all(|call| call.outcome.accepted()));
}
