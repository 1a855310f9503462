//! What becomes of cases: the kind of every change, and which of them gate.

use mtls_gauntlet::compare::{Change, Comparison, Kind, Outcome as Comes, Terms};
use mtls_gauntlet::expect::{Alert, Level, Outcome};
use mtls_gauntlet::judge::{FailureKind, Verdict};
use mtls_gauntlet::record::{CaseRecord, Division, MergeRecord, Run};
use mtls_gauntlet::scenario::Role;

use super::{compare, sample};

/// A case as `fail`, `hang known`, `lenient bad_certificate` have it.
fn case(words: &str) -> CaseRecord {
    let (verdict, rest) = words.split_once(' ').unwrap_or((words, ""));
    let (outcome, verdict) = match verdict {
        "accepted" => (Outcome::Reject, Verdict::Fail),
        "refused" => (Outcome::Accept, Verdict::Fail),
        "accepts" => (Outcome::Policy, Verdict::Policy),
        "refuses" => (Outcome::Policy, Verdict::Policy),
        word => {
            let verdict = Verdict::ALL
                .into_iter()
                .find(|verdict| verdict.word() == word);
            (Outcome::Reject, verdict.unwrap())
        }
    };
    let alert = Alert::ALL.iter().find(|alert| alert.name() == rest);
    CaseRecord {
        known: rest
            .starts_with("known")
            .then(|| format!("its issue {rest}")),
        observation: match words {
            "accepts" => Some(sample::acceptance()),
            "refuses" => Some(sample::refusal(Alert::UnknownCa)),
            _ => alert.map(|alert| sample::refusal(*alert)),
        },
        ..sample::case("a/b", verdict, outcome)
    }
}

fn changes(before: Option<CaseRecord>, after: Option<CaseRecord>) -> Vec<Change> {
    let of = |case: Option<CaseRecord>| sample::run_of(case.into_iter().collect());
    compare(&of(before), &of(after)).conformance
}

#[test]
fn every_kind_of_change() {
    use Kind::*;
    let table = [
        // From, to, the kind of the change, and does it gate?
        ("pass", "accepted", Regressed, true),
        ("pass", "refused", Regressed, true),
        ("lenient", "hang", Regressed, true),
        ("accepts", "crash", Regressed, true),
        ("pass", "unsupported", Regressed, true),
        ("unsupported", "refused", Regressed, true),
        ("refused", "accepted", Regressed, true),
        ("refused", "hang", Regressed, true),
        ("hang", "crash", Regressed, true),
        ("crash", "accepted", Regressed, true),
        // Proof that is lost, or was never there.
        ("pass", "invalid", Regressed, true),
        ("pass", "broken", Regressed, true),
        ("accepted", "broken", Regressed, true),
        ("accepted", "invalid", Regressed, true),
        ("accepted known", "invalid", Regressed, true),
        ("broken", "refused", Regressed, true),
        ("invalid", "accepted", Regressed, true),
        // What is known.
        ("accepted known", "accepted", NoLongerKnown, true),
        ("accepted known", "hang", NoLongerKnown, true),
        ("hang known", "accepted", Regressed, true),
        ("hang known", "accepted known", Regressed, true),
        ("hang known", "accepted known anew", RegressedAsKnown, false),
        ("hang", "accepted known", NewlyKnown, false),
        ("accepted", "accepted known", NewlyKnown, false),
        ("pass", "accepted known", RegressedAsKnown, false),
        ("unsupported", "accepted known", RegressedAsKnown, false),
        // Better.
        ("accepted", "pass", Fixed, false),
        // The list is out of date.
        ("accepted known", "pass known", Fixed, true),
        ("accepted known", "pass", Fixed, false),
        ("broken", "pass", Fixed, false),
        ("unsupported", "lenient", Fixed, false),
        ("accepted", "hang", Milder, false),
        ("accepted", "unsupported", Milder, false),
        ("broken", "invalid", Milder, false),
        // As good, otherwise.
        ("pass", "lenient", ChangedAlert, false),
        ("lenient", "pass", ChangedAlert, false),
        ("accepts", "refuses", ChangedAlert, false),
        (
            "pass unknown_ca",
            "pass bad_certificate",
            ChangedAlert,
            false,
        ),
    ];
    for (before, after, kind, gates) in table {
        let found = changes(Some(case(before)), Some(case(after)));
        let found: Vec<_> = found.iter().map(|one| (one.kind, one.gates)).collect();
        assert_eq!(found, [(kind, gates)], "{before} -> {after}");
    }
    for same in [
        "pass",
        "lenient",
        "accepts",
        "unsupported",
        "accepted",
        "accepted known",
        "broken",
    ] {
        assert_eq!(changes(Some(case(same)), Some(case(same))), [], "{same}");
    }
    // Why something is known may be said in other words.
    assert_eq!(
        changes(Some(case("hang known")), Some(case("hang known anew"))),
        []
    );
}

/// A scenario that asks for less does not open the gate for what it did ask for.
#[test]
fn what_need_not_be_refused_any_longer_has_regressed() {
    for outcome in [Outcome::Policy, Outcome::Accept] {
        for before in ["pass", "accepted"] {
            let mut after = case("accepts");
            after.expectation.outcome = outcome;
            let found = changes(Some(case(before)), Some(after));
            let found: Vec<_> = found.iter().map(|one| (one.kind, one.gates)).collect();
            assert_eq!(found, [(Kind::Regressed, true)], "{before} -> {outcome:?}");
        }
    }
}

#[test]
fn what_is_new_and_bad_gates_and_what_is_gone_does_not() {
    for (words, gates) in [
        ("pass", false),
        ("lenient", false),
        ("unsupported", false),
        ("accepted known", false),
        ("accepted", true),
        ("hang", true),
        ("invalid", true),
        ("broken", true),
    ] {
        let found = changes(None, Some(case(words)));
        assert_eq!(
            (found[0].kind, found[0].gates),
            (Kind::New, gates),
            "{words}"
        );
        let found = changes(Some(case(words)), None);
        assert_eq!(
            (found[0].kind, found[0].gates),
            (Kind::Gone, false),
            "{words}"
        );
    }
}

#[test]
fn what_does_not_bind_is_listed_and_does_not_gate() {
    let at = |level, words| CaseRecord {
        level,
        ..case(words)
    };
    let outcome = |before, after, level| {
        let of = |case| sample::run_of(vec![case]);
        let terms = Terms {
            level,
            ..Terms::default()
        };
        let comparison = Comparison::of(&of(before), &of(after), terms);
        assert_eq!(comparison.count(Kind::Regressed), 1);
        comparison.outcome
    };
    let should = |words| at(Level::Should, words);
    assert_eq!(
        outcome(should("pass"), should("accepted"), Level::Must),
        Comes::NothingRegressed
    );
    assert_eq!(
        outcome(should("pass"), should("accepted"), Level::Should),
        Comes::Conformance
    );
    // A requirement that is made a recommendation in the same change still binds.
    assert_eq!(
        outcome(case("pass"), should("accepted"), Level::Must),
        Comes::Conformance
    );
    assert_eq!(
        outcome(should("pass"), case("accepted"), Level::Must),
        Comes::Conformance
    );
}

#[test]
fn cases_are_told_apart_by_target_and_id() {
    let one = case("pass");
    let other = CaseRecord {
        target: "hasty".into(),
        ..case("accepted")
    };
    let client = CaseRecord {
        role: Role::Client,
        id: "a/b/client/tls1.2".into(),
        ..case("accepted")
    };
    let before = sample::run_of(vec![one.clone(), other.clone(), client.clone()]);
    let swapped = |case: &CaseRecord, verdict, failure_kind| CaseRecord {
        verdict,
        failure_kind,
        ..case.clone()
    };
    let after = sample::run_of(vec![
        swapped(&client, Verdict::Pass, None),
        swapped(&one, Verdict::Fail, Some(FailureKind::AcceptedForbidden)),
        other,
    ]);
    let comparison = compare(&before, &after);
    let found: Vec<_> = comparison
        .conformance
        .iter()
        .map(|one| (one.kind, one.target.as_str(), one.id.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            (Kind::Regressed, "careful", "a/b/server/tls1.2"),
            (Kind::Fixed, "careful", "a/b/client/tls1.2"),
        ]
    );
    assert_eq!(comparison.counts.cases, 3);
}

#[test]
fn the_worst_comes_first() {
    let named = |scenario: &str, words| CaseRecord {
        id: scenario.into(),
        ..case(words)
    };
    let before = sample::run_of(vec![
        named("a", "pass"),
        named("b", "pass"),
        named("c", "accepted"),
    ]);
    let after = sample::run_of(vec![
        named("a", "refused"),
        named("b", "accepted"),
        named("c", "pass"),
        named("d", "pass"),
        named("e", "hang"),
    ]);
    let comparison = compare(&before, &after);
    let ids: Vec<_> = comparison
        .conformance
        .iter()
        .map(|one| one.id.as_str())
        .collect();
    assert_eq!(ids, ["b", "a", "e", "d", "c"]);
}

#[test]
fn a_case_that_is_said_twice_counts_as_the_worse() {
    let twice = sample::run_of(vec![case("accepted"), case("pass")]);
    let once = sample::run_of(vec![case("pass")]);
    for after in [
        twice.clone(),
        sample::run_of(twice.cases.into_iter().rev().collect()),
    ] {
        assert_eq!(compare(&once, &after).count(Kind::Regressed), 1);
    }
}

#[test]
fn a_record_that_lacks_something_is_never_green() {
    let whole = sample::run_of(vec![case("pass")]);
    let cut = Run {
        complete: false,
        ..whole.clone()
    };
    let merged = |missing, cut_short| Run {
        merged: Some(MergeRecord {
            count: 3,
            missing,
            cut_short,
            division: Division::Apart,
            selection: String::new(),
            whole: 0,
            parts: Vec::new(),
        }),
        ..whole.clone()
    };
    assert_eq!(
        compare(&whole, &merged(vec![], vec![])).outcome,
        Comes::NothingRegressed
    );
    for lacking in [cut, merged(vec![2], vec![]), merged(vec![], vec![1])] {
        for (before, after) in [(&whole, &lacking), (&lacking, &whole)] {
            let comparison = compare(before, after);
            assert_eq!(comparison.outcome, Comes::Incomplete);
            assert_eq!(comparison.incomplete.len(), 1);
            assert!(
                comparison.sentence().starts_with("incomplete"),
                "{}",
                comparison.sentence()
            );
        }
    }
    // It outranks what regressed.
    let worse = Run {
        complete: false,
        ..sample::run_of(vec![case("accepted")])
    };
    let comparison = compare(&whole, &worse);
    assert_eq!(comparison.outcome, Comes::Incomplete);
    assert_eq!(comparison.counts.gating_changes, 1);
}

#[test]
fn records_with_nothing_in_common_prove_nothing() {
    let one = sample::run_of(vec![case("pass")]);
    let other = sample::run_of(vec![CaseRecord {
        target: "hasty".into(),
        ..case("pass")
    }]);
    assert_eq!(compare(&one, &other).outcome, Comes::Incomplete);
}
