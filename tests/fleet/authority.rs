//! The authority's moods in virtual time: wrong answers, an end of its own, partitions, silence.

use mtls_gauntlet::oracle::findings::Invariant;
use mtls_gauntlet::oracle::history::Fact;
use mtls_gauntlet::target::planted::Bug;

use crate::ground::Drama;

const LOAD: &str = "[load]\nrate = 4\ncanary-rate = 1\nsettle = \"10s\"\n\
    [window]\nclock = \"50ms\"\nheal = \"15s\"\ncrl = \"1s\"\n";

fn drama(fleet: &str, steps: &str) -> Drama {
    Drama::of(&format!("[fleet]\n{fleet}\n{LOAD}{steps}"))
}

const RENEWING: &str = "services = 3\nlifetime = \"100s\"\nrenew-at = 60";

#[test]
fn wrong_answers_are_not_taken_and_raise_alarms() {
    for defect in [
        "wrong-key",
        "expired",
        "not-yet-valid",
        "wrong-name",
        "wrong-usage",
        "no-intermediate",
        "wrong-issuer",
        "empty",
        "garbage",
        "one-bad",
        "stale",
    ] {
        let drama = drama(
            "services = 3\nlifetime = \"40s\"\nrenew-at = 60",
            &format!(
                "[limits]\nalarms = 1\n[[step]]\nat = \"18s\"\ndo = \"corrupt-authority\"\n\
                 defect = \"{defect}\"\nfor = \"12s\"\n[[step]]\nat = \"50s\"\ndo = \"heal\"\n"
            ),
        );
        println!("{defect}");
        drama.holds();
        assert_ne!(drama.with(Bug::TakesAnyAnswer).violated(), [], "{defect}");
    }
}

#[test]
fn no_leaf_outlives_its_issuer_and_a_renewed_one_revives_the_fleet() {
    let drama = drama(
        "services = 3\nlifetime = \"100s\"\nrenew-at = 60\nauthority-lifetime = \"150s\"",
        "[[step]]\nat = \"180s\"\ndo = \"heal\"\n[[step]]\nat = \"220s\"\ndo = \"heal\"\n",
    );
    drama.holds();
    let history = drama.history();
    for leaf in &history.certificates {
        let issuer = history
            .certificates
            .iter()
            .find(|issuer| leaf.issuer == Some(issuer.serial));
        assert!(issuer.is_none_or(|issuer| leaf.not_after <= issuer.not_after));
        assert!(issuer.is_none_or(|issuer| {
            leaf.issued <= u64::try_from(issuer.not_after - history.began).unwrap()
        }));
    }
}

#[test]
fn half_of_the_fleet_is_cut_off_and_catches_up() {
    let drama = drama(
        RENEWING,
        "[[step]]\nat = \"20s\"\ndo = \"partition\"\nwho = \"authority\"\nservices = [0]\n\
         [[step]]\nat = \"150s\"\ndo = \"heal\"\n[[step]]\nat = \"200s\"\ndo = \"heal\"\n",
    );
    drama.holds();
    let renewed = |who: &str, from: u64, to: u64| {
        let history = drama.history();
        let changes = history.changes.iter().filter(|change| {
            change.party.as_deref() == Some(who)
                && matches!(change.fact, Fact::Presents(_))
                && (from..to).contains(&(change.at / 1_000_000))
        });
        changes.count()
    };
    assert_eq!(renewed("service-0", 20, 150), 0);
    assert!(renewed("service-1", 20, 150) >= 2);
    assert!(renewed("service-0", 150, 230) >= 1);
}

#[test]
fn lists_go_stale_when_nobody_publishes_and_shut_everybody_out() {
    let drama = drama(
        "services = 2\ncrl-lifetime = \"30s\"\npublish-every = \"10s\"",
        "[[step]]\nat = \"15s\"\ndo = \"stop-authority\"\n\
         [[step]]\nat = \"25s\"\ndo = \"revoke\"\nrevokes = [\"caller-1\"]\n\
         [[step]]\nat = \"70s\"\ndo = \"start-authority\"\n\
         [[step]]\nat = \"100s\"\ndo = \"heal\"\n",
    );
    drama.holds();
    let history = drama.history();
    let stale = history
        .changes
        .iter()
        .filter(|change| change.fact == Fact::ListIsFresh && !change.holds);
    assert_eq!(stale.count(), 2);
    let violated = drama.with(Bug::IgnoresListExpiry).violated();
    assert!(violated.contains(&Invariant::FailsClosed), "{violated:?}");
}

/// An outage in which nobody asks for anything is borne by every fleet.
#[test]
fn an_outage_that_nobody_notices_proves_nothing() {
    for (action, how) in [
        ("do = \"stop-authority\"", "could not be reached"),
        ("do = \"slow-authority\"\nby = \"2s\"", "was slow"),
        (
            "do = \"corrupt-authority\"\ndefect = \"wrong-key\"",
            "answered wrongly",
        ),
        (
            "do = \"partition\"\nwho = \"authority\"\nservices = [0, 1]",
            "could not be reached",
        ),
    ] {
        // Leaves are renewed around 60 s, and at no other time.
        let from = |at: u32| {
            let steps = format!(
                "[[step]]\nat = \"{at}s\"\n{action}\nfor = \"30s\"\n[[step]]\nat = \"80s\"\ndo = \"heal\"\n"
            );
            drama(RENEWING, &steps).findings().missed
        };
        let [missed] = &from(5)[..] else {
            panic!("{action}")
        };
        let words = format!("nobody asked the authority for anything while it {how}");
        assert!(missed.ends_with(&words), "{missed}");
        assert_eq!(from(40), Vec::<String>::new(), "{action}");
    }
}
