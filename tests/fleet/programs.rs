//! Fleets of programs: what can be asked of one, and a rotation and a revocation on a real nginx.
//!
//! A program that is not installed is left out; where `MTLS_GAUNTLET_TARGETS` is set it must be there.

use std::time::Duration;

use mtls_gauntlet::fleet::program::adaptation::{MOST_SERVICES, adapted, obstacle};
use mtls_gauntlet::fleet::program::{self, Performance};
use mtls_gauntlet::oracle::check::check;
use mtls_gauntlet::oracle::findings::{Findings, Invariant};
use mtls_gauntlet::scenario::fleet::{Canary, Delivery, Limits};
use mtls_gauntlet::scenario::span::Span;
use mtls_gauntlet::target::{Capability, registry};

use super::{plan, plan_of, scenario};
use mtls_gauntlet::clock::Clock;
use mtls_gauntlet::fleet::Plan;
use mtls_gauntlet::target::planted::Flaws;

fn why_not(timeline: &str) -> Option<String> {
    obstacle(&plan(timeline), |_| true)
}

#[test]
fn rotations_and_lists_are_for_programs_too() {
    let timeline = "[fleet]\ncrl-lifetime = \"1h\"\n[[step]]\nat = \"1s\"\ndo = \"rotate-leaf\"\n\
                    [[step]]\nat = \"1s\"\ndo = \"push-bundle\"\ntrusts = [\"root\"]\n\
                    [[step]]\nat = \"2s\"\ndo = \"revoke\"\nrevokes = [\"caller-0\"]\n\
                    [[step]]\nat = \"2s\"\ndo = \"publish-crl\"";
    assert_eq!(why_not(timeline), None);
    let without_lists = obstacle(&plan(timeline), |capability| {
        !matches!(capability, Capability::Crl | Capability::CrlEndEntity)
    });
    assert_eq!(
        without_lists.as_deref(),
        Some("the target does not support CRLs")
    );
    let of_leaves = obstacle(&plan(timeline), |capability| {
        capability == Capability::CrlEndEntity
    });
    assert_eq!(of_leaves, None);
}

#[test]
fn what_a_program_cannot_do_is_said() {
    for (timeline, reason) in [
        (
            "[fleet]\nsidecars = true",
            "a program has no sidecar of ours",
        ),
        (
            "[fleet]\npermissive = true",
            "a program cannot take TLS and plaintext at one address",
        ),
        (
            "[fleet]\ntopology = \"mesh\"",
            "programs do not call each other",
        ),
        (
            "[fleet]\nrenew-at = 50",
            "a program does not ask our authority for its certificates",
        ),
        (
            "[fleet]\nlifetime = \"4s\"",
            "a program's clock cannot be set, and real time is too slow",
        ),
        (
            "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"advance\"\nby = \"1h\"",
            "a fleet of programs cannot advance",
        ),
        (
            "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"stop-authority\"",
            "a fleet of programs cannot stop-authority",
        ),
        (
            "[fleet]\nservices = 8\n[[step]]\nat = \"1s\"\ndo = \"rotate-leaf\"\nservices = [7]",
            "a fleet of programs has no service-7",
        ),
    ] {
        assert_eq!(why_not(timeline).as_deref(), Some(reason), "{timeline}");
    }
}

#[test]
fn a_slow_program_has_a_slow_timeline() {
    let plan = plan(
        "[fleet]\nservices = 9\ndelivery = \"files\"\n\
         [[step]]\nat = \"100ms\"\ndo = \"rotate-leaf\"\ncount = 3\nevery = \"400ms\"\nstyle = \"torn\"\ngap = \"50ms\"",
    );
    let slow = adapted(plan.clone(), Duration::from_secs(3));
    assert_eq!(slow.windows.leaf, Span::seconds(3));
    assert_eq!(slow.windows.connection, Span::millis(1500));
    assert_eq!(slow.steps[0].at, Some(Span::millis(300)));
    assert_eq!(slow.steps[0].every, Some(Span::millis(1200)));
    // The writer is not slower for it.
    assert_eq!(slow.steps[0].gap, Some(Span::millis(50)));
    assert_eq!(slow.fleet.services, MOST_SERVICES);
    assert_eq!(slow.fleet.delivery, Delivery::Push);
    let canaries = slow.load.canaries.unwrap();
    assert!(!canaries.contains(&Canary::WrongName) && canaries.contains(&Canary::Expired));
    // A window that is longer than the program needs stays as it is, and so does the timeline.
    let quick = adapted(plan, Duration::from_millis(200));
    assert_eq!(quick.windows.leaf, Span::seconds(1));
    assert_eq!(quick.steps[0].at, Some(Span::millis(100)));
}

#[test]
fn nginx_takes_a_leaf_and_a_list_under_load() {
    let Some((performance, findings)) = on_nginx(
        "[fleet]\nservices = 1\ncrl-lifetime = \"1h\"\n[[step]]\nat = \"100ms\"\ndo = \"rotate-leaf\"\n\
         [[step]]\nat = \"1500ms\"\ndo = \"revoke\"\nrevokes = [\"caller-1\"]\n\
         [[step]]\nat = \"1500ms\"\ndo = \"publish-crl\"",
    ) else {
        return;
    };
    assert_eq!(performance.deaths, [""; 0]);
    assert_eq!(findings.violations, [], "{}", performance.logs);
    let steps: Vec<&str> = findings
        .convergence
        .iter()
        .map(|step| step.what.as_str())
        .collect();
    assert_eq!(steps, ["rotate-leaf", "publish-crl"]);
    assert!(findings.calls.reused > 0 && findings.calls.forbidden > 0);
}

/// The control: where somebody is revoked and nobody is told, the oracle is content with nothing but the
/// old; where nginx is not told to look, the oracle sees it.
#[test]
fn a_write_that_nobody_tells_nginx_of_is_seen() {
    let Some((_, findings)) =
        on_nginx_untold("[fleet]\nservices = 1\n[[step]]\nat = \"100ms\"\ndo = \"rotate-leaf\"")
    else {
        return;
    };
    assert!(
        findings
            .violations
            .iter()
            .any(|violation| violation.invariant == Invariant::Converges),
        "{:?}",
        findings.violations
    );
}

fn on_nginx(timeline: &str) -> Option<(Performance, Findings)> {
    played("nginx", timeline)
}

/// nginx by a descriptor that says that it sees new files by itself, which it does not.
fn on_nginx_untold(timeline: &str) -> Option<(Performance, Findings)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deaf.toml");
    let text = include_str!("../../targets/nginx.toml").replace(
        "reload   = { signal = \"HUP\" }",
        "reload   = \"automatic\"",
    );
    std::fs::write(&path, text).unwrap();
    played(path.to_str().unwrap(), timeline)
}

fn played(name: &str, timeline: &str) -> Option<(Performance, Findings)> {
    let target = registry::find(name).unwrap();
    if let Some(why) = target.absent() {
        assert!(
            std::env::var_os("MTLS_GAUNTLET_TARGETS").is_none(),
            "{name}: {why}"
        );
        println!("left out: {why}");
        return None;
    }
    let plan = Plan {
        began: Clock::start().unix(),
        ..plan_of(&scenario(timeline), Flaws::NONE)
    };
    let plan = adapted(plan, target.settle().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let performance = runtime
        .block_on(program::run(&plan, target.as_ref()))
        .unwrap();
    let findings = check(&performance.history, &Limits::default());
    Some((performance, findings))
}
