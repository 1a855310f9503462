//! Steps that prove nothing.

use insta::assert_snapshot;

use mtls_gauntlet::judge::Verdict;
use mtls_gauntlet::judge::timeline::judge_timeline;
use mtls_gauntlet::oracle::history::{Change, Fact, History, WindowKind};

use super::world::{S, accepted, found, publish, world};

/// A timeline in which the server is in trouble from 6 s to 8 s, with a second to be well again; and calls
/// at these instants.
fn trouble(calls: &[u64]) -> History {
    let mut history = world();
    publish(
        &mut history,
        "crash",
        6 * S,
        Fact::Well,
        false,
        WindowKind::None,
    );
    heals(&mut history, 8 * S);
    for at in calls {
        accepted(&mut history, *at);
    }
    history
}

fn heals(history: &mut History, at: u64) {
    publish(history, "heal", at, Fact::Well, true, WindowKind::Heal);
}

#[test]
fn trouble_that_nobody_met_proves_nothing() {
    // A call takes a hundredth of a second.
    for met in [6 * S - S / 200, 6 * S, 7 * S, 8 * S, 9 * S] {
        let history = trouble(&[5 * S, met, 12 * S]);
        assert_eq!(found(&history).missed, Vec::<String>::new(), "{met}");
    }
    for unmet in [6 * S - S / 50, 9 * S + 1] {
        let history = trouble(&[5 * S, unmet, 12 * S]);
        assert_eq!(found(&history).missed.len(), 1, "{unmet}");
    }
    let findings = found(&trouble(&[5 * S, 12 * S]));
    let judgement = judge_timeline(&findings);
    assert_eq!(judgement.verdict, Verdict::Invalid);
    assert_snapshot!(judgement.reason, @"it proves nothing, for step 1, `crash` at 6 s, never happened to anybody: nobody called inventory while it lasted");
}

#[test]
fn one_of_several_who_is_met_is_enough() {
    let mut history = trouble(&[5 * S, 7 * S]);
    for (at, holds) in [(6 * S, false), (8 * S, true)] {
        let window = match holds {
            true => WindowKind::Heal,
            false => WindowKind::None,
        };
        history.changes.push(Change {
            at,
            step: Some(usize::from(holds)),
            party: Some("ledger".into()),
            fact: Fact::Well,
            holds,
            window,
        });
    }
    history.changes.sort_by_key(|change| change.at);
    assert_eq!(found(&history).missed, Vec::<String>::new());
}

#[test]
fn who_calls_is_there_to_see_its_own_trouble() {
    let mut history = trouble(&[5 * S, 7 * S]);
    for change in &mut history.changes {
        if change.fact == Fact::Well {
            change.party = Some("payments".into());
        }
    }
    assert_eq!(found(&history).missed, Vec::<String>::new());
    history.calls.truncate(1);
    assert_eq!(found(&history).missed.len(), 1);
}

#[test]
fn who_has_left_is_not_missed() {
    let mut history = world();
    publish(
        &mut history,
        "scale",
        6 * S,
        Fact::Well,
        false,
        WindowKind::None,
    );
    accepted(&mut history, 5 * S);
    assert_eq!(found(&history).missed, Vec::<String>::new());
}

#[test]
fn what_never_happened_is_no_pass() {
    let mut history = trouble(&[5 * S, 7 * S]);
    history.steps[0].missed = Some("no connection to inventory came to that place".into());
    let judgement = judge_timeline(&found(&history));
    assert_eq!(judgement.verdict, Verdict::Invalid);
    assert_snapshot!(judgement.reason, @"it proves nothing, for step 1, `crash` at 6 s, never happened to anybody: no connection to inventory came to that place");
}
