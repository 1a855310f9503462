//! Fleets of programs: what can be asked of one, and a rotation and a revocation on a real nginx.
//!
//! A program that is not installed is left out; where `MTLS_GAUNTLET_TARGETS` is set it must be there.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use mtls_gauntlet::fleet::program::adaptation::{MOST_SERVICES, adapted, obstacle};
use mtls_gauntlet::fleet::program::{self, Performance};
use mtls_gauntlet::judge::Verdict;
use mtls_gauntlet::oracle::check::check;
use mtls_gauntlet::oracle::findings::{Findings, Invariant};
use mtls_gauntlet::record::CaseRecord;
use mtls_gauntlet::scenario::fleet::{Canary, Delivery, Limits};
use mtls_gauntlet::scenario::span::Span;
use mtls_gauntlet::target::{Capability, Target, registry};

use super::rig::{Rig, cases};
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
            "[fleet]\n[[step]]\nat = \"1s\"\ndo = \"close-connections\"",
            "a fleet of programs cannot close-connections",
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
    let nginx = registry::find("nginx").unwrap();
    played(nginx.as_ref(), timeline)
}

/// What a program that could not be reloaded does afterwards says nothing of it.
#[test]
fn a_reload_that_fails_breaks_the_case() {
    for (reload, words) in [
        ("reload   = { command = [\"false\"] }", "`false`"),
        (
            "reload   = { command = [\"no-such-reload\"] }",
            "no-such-reload",
        ),
    ] {
        let (_folder, target) = nginx_with(reload);
        let Some(record) = mustered(target) else {
            return;
        };
        assert_eq!(record.verdict, Verdict::Broken, "{}", record.reason);
        let why = "service-0 could not be reloaded: ";
        assert!(record.reason.contains(why), "{}", record.reason);
        assert!(record.reason.contains(words), "{}", record.reason);
    }
}

#[test]
fn who_cannot_be_told_to_reload_does_not_take_part() {
    let (_folder, target) = nginx_with("");
    let Some(record) = mustered(target) else {
        return;
    };
    assert_eq!(record.verdict, Verdict::Unsupported, "{}", record.reason);
    assert!(record.reason.contains("no `reload`"), "{}", record.reason);
}

/// What comes of a new leaf.
fn mustered(target: Arc<dyn Target>) -> Option<CaseRecord> {
    if is_left_out(target.as_ref()) {
        return None;
    }
    let mut run = Rig::for_processes().run(&[target], &cases(&["rotation/leaf-under-load/**"]));
    assert_eq!(run.cases.len(), 1);
    Some(run.cases.remove(0))
}

/// nginx by a descriptor that says this of how it is told to look at its files.
fn nginx_with(reload: &str) -> (TempDir, Arc<dyn Target>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.toml");
    let told = "reload   = { signal = \"HUP\" }";
    let text = include_str!("../../targets/nginx.toml").replace(told, reload);
    std::fs::write(&path, text).unwrap();
    let target = registry::find(path.to_str().unwrap()).unwrap();
    (folder, target)
}

/// nginx by a descriptor that says that it sees new files by itself, which it does not.
fn on_nginx_untold(timeline: &str) -> Option<(Performance, Findings)> {
    let (_folder, target) = nginx_with("reload   = \"automatic\"");
    played(target.as_ref(), timeline)
}

/// Is this program not there to be tried?
fn is_left_out(target: &dyn Target) -> bool {
    let Some(why) = target.absent() else {
        return false;
    };
    assert!(
        std::env::var_os("MTLS_GAUNTLET_TARGETS").is_none(),
        "{}: {why}",
        target.name()
    );
    println!("left out: {why}");
    true
}

fn played(target: &dyn Target, timeline: &str) -> Option<(Performance, Findings)> {
    if is_left_out(target) {
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
    let performance = runtime.block_on(program::run(&plan, target)).unwrap();
    let findings = check(&performance.history, &Limits::default());
    Some((performance, findings))
}
