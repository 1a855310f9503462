//! The proof that scenarios can fail: what counts as a catch, and a slice of the real thing.
//!
//! The whole of it, every planted bug against every scenario, is `mtls-gauntlet selftest`.

use std::sync::Arc;

use mtls_gauntlet::expect::Outcome;
use mtls_gauntlet::judge::Verdict;
use mtls_gauntlet::proof::{INDISCRIMINATE, Proof};
use mtls_gauntlet::record::CaseRecord;
use mtls_gauntlet::target::Target;
use mtls_gauntlet::target::planted::{Bug, Planted};

use rig::Rig;
use sample::case;

#[path = "support/rig.rs"]
mod rig;
#[path = "support/sample.rs"]
mod sample;

#[test]
fn a_catch_is_a_failure_where_the_control_is_as_expected() {
    let control = vec![
        rejected("a/caught", Verdict::Pass),
        rejected("a/leniently", Verdict::Lenient),
        rejected("a/missed", Verdict::Pass),
        rejected("a/unsound", Verdict::Fail),
        case("a/accepted", Verdict::Pass, Outcome::Accept),
    ];
    let planted = vec![
        rejected("a/caught", Verdict::Fail),
        rejected("a/leniently", Verdict::Crash),
        rejected("a/missed", Verdict::Invalid),
        rejected("a/unsound", Verdict::Fail),
        case("a/accepted", Verdict::Hang, Outcome::Accept),
    ];
    let proof = Proof::of(control, &[(Bug::IgnoresExpiry, planted)]);
    assert_eq!(
        Vec::from_iter(&proof.bugs[&Bug::IgnoresExpiry]),
        ["a/accepted", "a/caught", "a/leniently"]
    );
    let unproven: Vec<_> = proof.unproven_scenarios().collect();
    assert_eq!(unproven, ["a/missed", "a/unsound"]);
    assert!(
        !proof.scenarios.contains_key("a/accepted"),
        "acceptances need no proof"
    );
    let control: Vec<_> = proof
        .control
        .iter()
        .map(|case| &case.scenario[..])
        .collect();
    assert_eq!(control, ["a/unsound"]);
    assert_eq!(proof.uncaught_bugs().count(), 0);
}

#[test]
fn who_lets_everybody_in_proves_nothing_about_a_scenario() {
    for bug in INDISCRIMINATE {
        let control = vec![rejected("a/b", Verdict::Pass)];
        let proof = Proof::of(control, &[(bug, vec![rejected("a/b", Verdict::Fail)])]);
        assert_eq!(proof.uncaught_bugs().count(), 0, "{} is caught", bug.name());
        assert_eq!(proof.unproven_scenarios().count(), 1, "{}", bug.name());
    }
}

#[test]
fn a_bug_that_nothing_catches_is_named() {
    let control = vec![rejected("a/b", Verdict::Pass)];
    let planted = [
        (Bug::IgnoresExpiry, vec![rejected("a/b", Verdict::Pass)]),
        (Bug::IgnoresNotBefore, Vec::new()),
    ];
    let proof = Proof::of(control, &planted);
    let uncaught: Vec<_> = proof.uncaught_bugs().collect();
    assert_eq!(uncaught, [Bug::IgnoresExpiry, Bug::IgnoresNotBefore]);
}

#[test]
fn every_bug_has_a_name_by_which_it_can_be_run() {
    let mut names: Vec<_> = Planted::names().collect();
    for name in &names {
        let planted = Planted::named(name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(planted.name(), *name);
    }
    let count = names.len();
    assert_eq!(count, Bug::ALL.len() + 1, "and the control");
    assert!(Bug::ALL.len() >= 30);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count, "two bugs have one name");
    assert!(Planted::named("planted:").is_none() && Planted::named("none").is_none());
}

/// Bugs about dates, and the scenarios that are there to catch them.
#[test]
fn bugs_about_dates_are_caught_by_scenarios_about_dates() {
    let catches = [
        (Bug::IgnoresExpiry, "validity/expired"),
        (Bug::IgnoresNotBefore, "validity/future"),
        (
            Bug::IgnoresIntermediateExpiry,
            "validity/expired-intermediate",
        ),
        (Bug::AllowsForSkew, "validity/expired-by-a-second"),
    ];
    let globs = catches.map(|(_, scenario)| scenario);
    let cases = rig::cases(&globs);
    let bugs = catches.map(|(bug, _)| bug);
    let mut targets: Vec<Arc<dyn Target>> = vec![Arc::new(Planted::flawless())];
    targets.extend(bugs.map(|bug| Arc::new(Planted::with(bug)) as Arc<dyn Target>));
    let run = Rig::default().run(&targets, &cases);
    let of = |name: String| -> Vec<CaseRecord> {
        let cases = run.cases.iter().filter(|case| case.target == name);
        cases.cloned().collect()
    };
    let planted = bugs.map(|bug| (bug, of(Planted::with(bug).name())));
    let proof = Proof::of(of(Planted::flawless().name()), &planted);
    assert_eq!(proof.control, [], "the control has no bug");
    for (bug, scenario) in catches {
        let caught = &proof.bugs[&bug];
        assert!(caught.contains(scenario), "{}: {caught:?}", bug.name());
    }
    assert_eq!(proof.unproven_scenarios().count(), 0);
}

fn rejected(scenario: &str, verdict: Verdict) -> CaseRecord {
    case(scenario, verdict, Outcome::Reject)
}
