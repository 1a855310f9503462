//! Stories against programs that can reload.
//!
//! A target that is not installed is left out; where `MTLS_GAUNTLET_TARGETS` is set, as `.ci/run` does, it
//! must be there.

use mtls_gauntlet::judge::Verdict;
use mtls_gauntlet::target::registry;

use super::rig::{Rig, cases};

#[test]
fn nginx_is_told_by_a_signal() {
    lives_through("nginx");
}

#[test]
fn haproxy_is_told_through_its_master() {
    lives_through("haproxy");
}

#[test]
fn nginx_gives_no_session_to_another_host() {
    all_pass(
        "nginx",
        &["resumption/{across,from-anonymous}-virtual-host*/server/*"],
    );
}

fn lives_through(name: &str) {
    all_pass(
        name,
        &[
            "resumption/unchanged/server/*",
            "resumption/authority-removed/server/*",
            "rotation/root-step-by-step/server/tls1.3",
            "rotation/crl-published/server/tls1.3",
            "rotation/client-auth-tightened/server/tls1.3",
        ],
    );
}

fn all_pass(name: &str, globs: &[&str]) {
    let target = registry::find(name).unwrap();
    if let Some(why) = target.absent() {
        assert!(
            std::env::var_os("MTLS_GAUNTLET_TARGETS").is_none(),
            "{name}: {why}"
        );
        println!("left out: {why}");
        return;
    }
    let cases = cases(globs);
    let mut rig = Rig::for_processes();
    rig.listen = std::time::Duration::from_millis(250);
    let run = rig.run(&[target], &cases);
    for case in &run.cases {
        assert_eq!(case.verdict, Verdict::Pass, "{}: {}", case.id, case.reason);
    }
}
