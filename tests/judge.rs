//! The judge by tables and by chance: what it says of each combination of expectation, observation
//! and twin, and what it must never say whatever it is shown.

use mtls_gauntlet::expect::{Alert, Expectation, Outcome};
use mtls_gauntlet::judge::Verdict::{
    Broken, Crash, Fail, Hang, Invalid, Lenient, Pass, Policy, Unsupported,
};
use mtls_gauntlet::judge::timeline::is_doubted;
use mtls_gauntlet::judge::{Evidence, FailureKind, Judgement, Verdict, judge};
use mtls_gauntlet::observe::{Observation, PeerEnd, TargetEnd};
use mtls_gauntlet::oracle::findings::{Findings, Invariant, Violation};

use FailureKind::{AcceptedForbidden, RefusedValid};
use shown::{alert, blind, dead, ended, exchanged, expect, leaked_in, shaken, with_target};

#[path = "judge/by_chance.rs"]
mod by_chance;
#[path = "judge/shown.rs"]
mod shown;
#[path = "judge/tables.rs"]
mod tables;

/// The identity that a scenario may ask the application to be told.
const PEER: &str = "spiffe://gauntlet.test/peer";

#[test]
fn any_refusal_will_do_where_no_alert_is_named() {
    let expectation = expect(Outcome::Reject, &[]);
    check(
        &expectation,
        Some(&exchanged()),
        [
            ("an alert", alert(Alert::InternalError), Pass, None),
            (
                "an alert without a name",
                ended(PeerEnd::UnnamedAlert(200)),
                Pass,
                None,
            ),
            ("a close", ended(PeerEnd::Closed), Pass, None),
            ("a reset", ended(PeerEnd::Reset), Pass, None),
            (
                "a close by a target that had taken the handshake for good",
                with_target(ended(PeerEnd::Closed), |target| {
                    target.end = TargetEnd::Accepted;
                }),
                Lenient,
                None,
            ),
            (
                "silence",
                ended(PeerEnd::TimedOut),
                Hang,
                Some(FailureKind::Hang),
            ),
        ],
    );
}

#[test]
fn a_refusal_is_worth_what_its_twin_is_worth() {
    let expectation = expect(Outcome::Reject, &[Alert::CertificateExpired]);
    let refusal = alert(Alert::CertificateExpired);
    let twins = [
        ("accepted", Some(exchanged()), Pass),
        (
            "accepted, and the target cannot tell",
            Some(blind(exchanged())),
            Pass,
        ),
        ("refused", Some(alert(Alert::UnknownCa)), Invalid),
        ("closed on", Some(ended(PeerEnd::Closed)), Invalid),
        (
            "left with a completed handshake",
            Some(shaken(ended(PeerEnd::Closed))),
            Invalid,
        ),
        ("left hanging", Some(ended(PeerEnd::TimedOut)), Invalid),
        (
            "the death of the target",
            Some(dead(ended(PeerEnd::Closed))),
            Invalid,
        ),
        (
            "never met",
            Some(Evidence::Observed(Observation::refused_to_start(
                "no".into(),
            ))),
            Invalid,
        ),
        ("broken", Some(Evidence::Broken("no port".into())), Invalid),
        (
            "not supported",
            Some(Evidence::Unsupported("no CRLs".into())),
            Unsupported,
        ),
        ("missing", None, Invalid),
    ];
    for (what, twin, verdict) in twins {
        let judgement = judge(&expectation, false, &refusal, twin.as_ref());
        assert_eq!(
            judgement.verdict, verdict,
            "a twin that is {what}: {judgement:?}"
        );
        assert_eq!(judgement.failure, None, "a twin that is {what}");
        if verdict == Invalid {
            assert!(judgement.reason.contains("proves nothing"), "{judgement:?}");
        }
        let forbidden = judge(&expectation, false, &exchanged(), twin.as_ref());
        assert_eq!(
            (forbidden.verdict, forbidden.failure),
            (Fail, Some(AcceptedForbidden)),
            "what got through is proof by itself, whatever the twin does: {what}"
        );
    }
}

#[test]
fn choices_are_recorded_and_never_failed() {
    let expectation = expect(Outcome::Policy, &[Alert::CertificateExpired]);
    check(
        &expectation,
        None,
        [
            ("data both ways", exchanged(), Policy, None),
            ("an alert", alert(Alert::InternalError), Policy, None),
            ("a close", ended(PeerEnd::Closed), Policy, None),
            (
                "data one way, and then a close",
                leaked_in(ended(PeerEnd::Closed)),
                Policy,
                None,
            ),
            // Neither is a choice.
            (
                "silence",
                ended(PeerEnd::TimedOut),
                Hang,
                Some(FailureKind::Hang),
            ),
            (
                "a death",
                dead(ended(PeerEnd::Closed)),
                Crash,
                Some(FailureKind::Crash),
            ),
        ],
    );
    assert_eq!(
        judge(&expectation, false, &exchanged(), None).reason,
        "accepts"
    );
    let refused = judge(&expectation, false, &ended(PeerEnd::Closed), None);
    assert_eq!(refused.reason, "refuses by closing the connection");
}

#[test]
fn not_starting_is_a_refusal_where_the_scenario_says_so() {
    let unstarted = Evidence::Observed(Observation::refused_to_start("an empty bundle".into()));
    let table = [
        (Outcome::Accept, None, Fail, Some(RefusedValid)),
        (Outcome::Policy, None, Policy, None),
        (Outcome::Reject, Some(exchanged()), Pass, None),
        (Outcome::Reject, Some(unstarted.clone()), Invalid, None),
        (Outcome::Reject, None, Invalid, None),
    ];
    for (outcome, twin, verdict, failure) in table {
        let expectation = expect(outcome, &[Alert::UnknownCa]);
        let judgement = judge(&expectation, true, &unstarted, twin.as_ref());
        assert_eq!(
            (judgement.verdict, judgement.failure),
            (verdict, failure),
            "{judgement:?}"
        );
        let judgement = judge(&expectation, false, &unstarted, twin.as_ref());
        let elsewhere = match outcome {
            Outcome::Accept | Outcome::Holds => Fail,
            Outcome::Reject => Unsupported,
            Outcome::Policy => Policy,
        };
        assert_eq!(judgement.verdict, elsewhere, "{judgement:?}");
    }
}

#[test]
fn the_application_must_be_told_who_the_peer_is() {
    let expectation = Expectation {
        identity: Some(PEER.into()),
        ..expect(Outcome::Accept, &[])
    };
    let told = |identity: Option<&str>| {
        with_target(exchanged(), |target| {
            target.identity = identity.map(str::to_owned)
        })
    };
    check(
        &expectation,
        None,
        [
            ("the right name", told(Some(PEER)), Pass, None),
            (
                "another name",
                told(Some("spiffe://gauntlet.test/admin")),
                Fail,
                Some(AcceptedForbidden),
            ),
            ("no name", told(None), Fail, Some(AcceptedForbidden)),
            (
                "nothing that can be known",
                blind(exchanged()),
                Unsupported,
                None,
            ),
            (
                "a refusal",
                alert(Alert::UnknownCa),
                Fail,
                Some(RefusedValid),
            ),
        ],
    );
}

#[test]
fn the_worst_failure_comes_first() {
    use FailureKind::{Crash, Hang, Slow};
    let mut kinds = [Slow, RefusedValid, Hang, Crash, AcceptedForbidden];
    kinds.sort();
    assert_eq!(kinds, [AcceptedForbidden, Crash, Hang, RefusedValid, Slow]);
}

#[test]
fn every_verdict_has_a_word_of_its_own() {
    let mut words: Vec<_> = Verdict::ALL.iter().map(|verdict| verdict.word()).collect();
    for verdict in Verdict::ALL {
        assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.word());
        assert_eq!(verdict.to_string(), verdict.word());
    }
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), Verdict::ALL.len());
}

#[test]
fn reasons_are_plain_sentences() {
    let reject = expect(Outcome::Reject, &[Alert::CertificateExpired]);
    let twin = exchanged();
    let sentences = [
        judge(&reject, false, &exchanged(), None),
        judge(
            &reject,
            false,
            &alert(Alert::CertificateExpired),
            Some(&twin),
        ),
        judge(&reject, false, &ended(PeerEnd::Reset), Some(&twin)),
        judge(
            &reject,
            false,
            &alert(Alert::UnknownCa),
            Some(&alert(Alert::UnknownCa)),
        ),
        judge(
            &reject,
            false,
            &leaked_in(ended(PeerEnd::Closed)),
            Some(&twin),
        ),
        judge(&reject, false, &ended(PeerEnd::TimedOut), None),
        judge(&reject, false, &dead(ended(PeerEnd::Closed)), None),
        judge(
            &expect(Outcome::Accept, &[]),
            false,
            &alert(Alert::UnknownCa),
            None,
        ),
    ];
    let sentences: Vec<String> = sentences
        .into_iter()
        .map(|judgement| judgement.reason)
        .collect();
    insta::assert_snapshot!(sentences.join("\n"));
}

type Row = (&'static str, Evidence, Verdict, Option<FailureKind>);

fn check(expectation: &Expectation, twin: Option<&Evidence>, rows: impl IntoIterator<Item = Row>) {
    for (what, evidence, verdict, failure) in rows {
        let Judgement {
            verdict: found,
            failure: kind,
            reason,
        } = judge(expectation, false, &evidence, twin);
        assert_eq!(
            (found, kind),
            (verdict, failure),
            "{} was expected, and there was {what}: {reason}",
            expectation.outcome
        );
    }
}

/// A busy machine makes a fleet late; it opens a door to nobody for longer than that.
#[test]
fn a_late_fleet_is_doubted_but_not_where_it_lets_a_stranger_in() {
    let of = |invariant, overdue: Option<u64>| Violation {
        invariant,
        at: 7_000_000,
        call: Some(1),
        forbidden_since: overdue.map(|overdue| 7_000_000 - overdue),
        witness: "call 1".into(),
    };
    let stranger = |overdue| of(Invariant::FailsClosed, overdue);
    let lost = || of(Invariant::Serves, None);
    for (violations, others, verdict, late, doubted) in [
        (vec![lost()], 0, Fail, 100_000, true),
        (vec![lost()], 5, Fail, 100_000, true),
        (vec![lost()], 0, Fail, 99_999, false),
        (vec![lost()], 0, Crash, 5_000_000, false),
        (vec![], 0, Pass, 5_000_000, false),
        // As long as everybody was kept waiting, and longer.
        (vec![stranger(Some(300_000))], 0, Fail, 300_000, true),
        (vec![stranger(Some(300_001))], 0, Fail, 300_000, false),
        (vec![stranger(None)], 0, Fail, 5_000_000, false),
        (
            vec![stranger(Some(1)), stranger(Some(6_000_000)), lost()],
            0,
            Fail,
            300_000,
            false,
        ),
        // Of those that were not kept nobody knows for how long.
        (vec![stranger(Some(1))], 1, Fail, 300_000, false),
    ] {
        let findings = Findings {
            violations_in_all: violations.len() as u64 + others,
            violations,
            ..Findings::default()
        };
        assert_eq!(
            is_doubted(verdict, &findings, late),
            doubted,
            "{findings:?}"
        );
    }
}

/// Who never came was neither let in nor refused.
#[test]
fn nothing_is_tested_where_nobody_comes() {
    let nobody = Evidence::Absent("nobody connected".into());
    for outcome in [Outcome::Accept, Outcome::Reject, Outcome::Policy] {
        let judged = judge(&expect(outcome, &[]), false, &nobody, None);
        assert_eq!(judged.verdict, Invalid);
        assert_eq!(judged.reason, "nobody connected: nothing was tested");
    }
    let refused = alert(Alert::UnknownCa);
    let judged = judge(
        &expect(Outcome::Reject, &[]),
        false,
        &refused,
        Some(&nobody),
    );
    assert_eq!(judged.verdict, Invalid);
    assert_eq!(
        judged.reason,
        "the refusal proves nothing: nobody connected"
    );
}
