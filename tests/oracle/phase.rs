//! Before, during and after: recovery and latency.

use mtls_gauntlet::oracle::check::check;
use mtls_gauntlet::oracle::findings::Invariant;
use mtls_gauntlet::oracle::history::{Fact, WindowKind};
use mtls_gauntlet::oracle::witness::Seconds;
use mtls_gauntlet::scenario::fleet::Limits;

use insta::assert_snapshot;

use super::world::{S, accepted, found, publish, refused, violated, witnesses, world};

#[test]
fn recovers() {
    let limits = Limits {
        availability: 0,
        ..Limits::default()
    };
    let mut history = world();
    accepted(&mut history, S);
    for at in 0..19 {
        accepted(&mut history, 16 * S + at);
    }
    refused(&mut history, 17 * S);
    // What happens in between does not matter here.
    refused(&mut history, 10 * S);
    assert_eq!(violated(&check(&history, &limits)), []);
    refused(&mut history, 18 * S);
    let findings = check(&history, &limits);
    assert_eq!(violated(&findings), [Invariant::Recovers]);
    assert_snapshot!(witnesses(&findings), @"R3 (recovers): since 16 s only 19 of 21 calls were accepted that had to be; 950 thousandths must");
}

#[test]
fn who_is_never_well_again_has_not_recovered() {
    let mut history = world();
    accepted(&mut history, S);
    accepted(&mut history, 17 * S);
    assert_eq!(violated(&check(&history, &Limits::default())), []);
    publish(
        &mut history,
        "partition",
        5 * S,
        Fact::Well,
        false,
        WindowKind::None,
    );
    let findings = check(&history, &Limits::default());
    assert_eq!(violated(&findings), [Invariant::Recovers]);
    assert_snapshot!(witnesses(&findings), @"R3 (recovers): since 16 s no call had to be accepted, and 1 had to before 4 s");
    history.calls.remove(0);
    let findings = check(&history, &Limits::default());
    assert_eq!(violated(&findings), [], "nothing was served before");
}

#[test]
fn latency_is_of_accepted_calls_by_new_connections() {
    let mut history = world();
    for length in 1..=200 {
        accepted(&mut history, S).completed = S + length;
    }
    accepted(&mut history, S).connection.reused = true;
    refused(&mut history, S);
    accepted(&mut history, 4 * S).completed = 4 * S + 7;
    accepted(&mut history, 16 * S).completed = 16 * S + 9;
    let latency: Vec<_> = found(&history)
        .latency
        .into_iter()
        .map(|one| (one.phase, one.calls, one.p50, one.p99, one.max))
        .collect();
    let expected = [
        ("before", 200, 100, 198, 200),
        ("during", 1, 7, 7, 7),
        ("after", 1, 9, 9, 9),
    ];
    assert_eq!(
        latency,
        expected.map(|(phase, a, b, c, d)| (phase.to_owned(), a, b, c, d))
    );
}

#[test]
fn seconds_have_as_many_decimals_as_they_need() {
    let shown = [0, 7 * S, 12_400_000, 1_050_000, 1_001_999, 999].map(|at| Seconds(at).to_string());
    assert_eq!(shown, ["0 s", "7 s", "12.4 s", "1.05 s", "1.001 s", "0 s"]);
}
