//! Renewal in virtual time: what a careful fleet survives, and which omission does not.

use std::collections::BTreeMap;

use mtls_gauntlet::oracle::findings::Invariant;
use mtls_gauntlet::oracle::issuance::Issuance;
use mtls_gauntlet::target::planted::Bug;

use crate::ground::Drama;

/// Leaves of a hundred seconds, renewed after sixty at the latest.
const FLEET: &str = "[fleet]\nservices = 3\nlifetime = \"100s\"\nrenew-at = 60\n\
    [load]\nrate = 8\ncanary-rate = 1\nsettle = \"20s\"\n\
    [window]\nclock = \"50ms\"\nheal = \"15s\"\n";

fn drama(steps: &str) -> Drama {
    Drama::of(&format!("{FLEET}{steps}"))
}

fn step(at: &str, what: &str) -> String {
    format!("[[step]]\nat = \"{at}\"\ndo = \"{what}\"\n")
}

#[test]
fn leaves_are_renewed_at_their_time_and_no_call_is_lost() {
    let drama = drama(&step("300s", "heal"));
    drama.holds();
    let history = drama.history();
    let mut issued: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for certificate in &history.certificates {
        issued
            .entry(&certificate.holder)
            .or_default()
            .push(certificate.issued / 1_000_000);
    }
    for holder in [
        "service-0",
        "service-1",
        "service-2",
        "caller-0",
        "caller-1",
    ] {
        let renewed = &issued[holder];
        assert!(renewed.len() >= 5, "{holder}: {renewed:?}");
        for pair in renewed.windows(2) {
            assert!((49..=61).contains(&(pair[1] - pair[0])), "{renewed:?}");
        }
    }
    assert!(issued["service-0"] != issued["service-1"], "in step");
}

#[test]
fn who_renews_too_late_loses_calls() {
    let drama = drama(&step("300s", "heal"));
    assert!(
        drama
            .with(Bug::RenewsTooLate)
            .violated()
            .contains(&Invariant::Serves)
    );
}

#[test]
fn an_outage_within_the_gap_is_not_missed() {
    let drama = drama(&format!(
        "{}for = \"35s\"\n{}",
        step("45s", "stop-authority"),
        step("200s", "heal")
    ));
    drama.holds();
    assert_ne!(drama.with(Bug::RenewsOnce).violated(), []);
}

#[test]
fn an_outage_beyond_expiry_is_survived_without_a_restart() {
    let drama = drama(&format!(
        "{}{}{}",
        step("30s", "stop-authority"),
        step("180s", "start-authority"),
        step("240s", "heal")
    ));
    drama.holds();
    assert_ne!(drama.with(Bug::RenewsByItsOwnLeaf).violated(), []);
    assert_ne!(drama.with(Bug::RenewsOnce).violated(), []);
}

#[test]
fn a_fleet_wakes_up_from_a_long_sleep() {
    let drama = drama(&format!(
        "{}by = \"9h\"\n{}",
        step("20s", "advance"),
        step("60s", "heal")
    ));
    drama.holds();
    assert_ne!(drama.with(Bug::RenewsByItsOwnLeaf).violated(), []);
}

#[test]
fn a_herd_shows_in_issuance() {
    let drama = Drama::of(
        "[fleet]\nservices = 40\nlifetime = \"100s\"\nrenew-at = 70\njitter = 40\n\
         [load]\nrate = 2\ncanary-rate = 1\nsettle = \"5s\"\n\
         [limits]\nissuance-peak = 800\n\
         [[step]]\nat = \"300s\"\ndo = \"heal\"\n",
    );
    drama.holds();
    let herd = drama.with(Bug::RenewsInStep);
    assert_eq!(herd.violated(), [Invariant::SparesAuthority]);
    let ratio = |drama: &Drama| Issuance::of(&drama.history()).and_then(|all| all.ratio());
    assert!(ratio(&herd) > ratio(&drama).map(|ratio| 2 * ratio));
}
