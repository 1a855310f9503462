//! The judge by tables and by chance: what it says of each combination of expectation, observation
//! and twin, and what it must never say whatever it is shown.

use mtls_gauntlet::expect::{Alert, Expectation, Outcome};
use mtls_gauntlet::judge::Verdict::{
    Broken, Crash, Fail, Hang, Invalid, Lenient, Pass, Policy, Unsupported,
};
use mtls_gauntlet::judge::{Evidence, FailureKind, Judgement, Verdict, judge};
use mtls_gauntlet::observe::{Observation, PeerEnd, TargetEnd};

use FailureKind::{AcceptedForbidden, RefusedValid};
use shown::{
    alert, blind, dead, ended, exchanged, expect, leaked_in, leaked_out, refused, shaken,
    with_target,
};

#[path = "judge/by_chance.rs"]
mod by_chance;
#[path = "judge/shown.rs"]
mod shown;

/// The identity that a scenario may ask the application to be told.
const PEER: &str = "spiffe://gauntlet.test/peer";

#[test]
fn what_must_be_accepted() {
    let expectation = expect(Outcome::Accept, &[]);
    check(
        &expectation,
        None,
        [
            ("data both ways", exchanged(), Pass, None),
            (
                "data both ways, and the target cannot tell",
                blind(exchanged()),
                Pass,
                None,
            ),
            (
                "an alert",
                alert(Alert::CertificateExpired),
                Fail,
                Some(RefusedValid),
            ),
            (
                "an alert without a name",
                ended(PeerEnd::UnnamedAlert(200)),
                Fail,
                Some(RefusedValid),
            ),
            ("a close", ended(PeerEnd::Closed), Fail, Some(RefusedValid)),
            ("a reset", ended(PeerEnd::Reset), Fail, Some(RefusedValid)),
            (
                "a handshake, and then a close",
                shaken(ended(PeerEnd::Closed)),
                Fail,
                Some(RefusedValid),
            ),
            (
                "data one way, and then a close",
                leaked_in(ended(PeerEnd::Closed)),
                Fail,
                Some(RefusedValid),
            ),
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
            (
                "a death after the answer",
                dead(exchanged()),
                Crash,
                Some(FailureKind::Crash),
            ),
            (
                "a refusal to start",
                Evidence::Observed(Observation::refused_to_start("no".into())),
                Fail,
                Some(RefusedValid),
            ),
            (
                "a client that did not connect",
                with_target(ended(PeerEnd::Unmet), |target| {
                    target.end = TargetEnd::Refused("no such key".into());
                }),
                Fail,
                Some(RefusedValid),
            ),
            (
                "a refusal above TLS",
                ended(PeerEnd::RefusedAboveTls("HTTP 400".into())),
                Fail,
                Some(RefusedValid),
            ),
            (
                "a target that broke the protocol",
                ended(PeerEnd::Misbehaved("out of order".into())),
                Fail,
                Some(RefusedValid),
            ),
            (
                "nothing in common",
                ended(PeerEnd::NothingInCommon("no scheme".into())),
                Unsupported,
                None,
            ),
            (
                "a client that cannot",
                with_target(ended(PeerEnd::Unmet), |target| {
                    target.end = TargetEnd::Unsupported("no IPv6".into());
                }),
                Unsupported,
                None,
            ),
            (
                "a client that could not be run",
                with_target(ended(PeerEnd::Unmet), |target| {
                    target.end = TargetEnd::Broken("no such program".into());
                }),
                Broken,
                None,
            ),
            (
                "a client that says it was not served",
                with_target(exchanged(), |target| {
                    target.end = TargetEnd::Refused("exit status: 1".into());
                }),
                Fail,
                Some(RefusedValid),
            ),
            ("nobody to meet", ended(PeerEnd::Unmet), Broken, None),
            (
                "the peer's own failure",
                ended(PeerEnd::Failed("oops".into())),
                Broken,
                None,
            ),
            (
                "the peer's failure, which the target took for a refusal",
                refused(ended(PeerEnd::Failed("oops".into())), None),
                Broken,
                None,
            ),
            (
                "the peer's failure over an alert",
                refused(
                    ended(PeerEnd::Failed("oops".into())),
                    Some(Alert::CertificateExpired),
                ),
                Fail,
                Some(RefusedValid),
            ),
            (
                "what the target cannot do",
                Evidence::Unsupported("no CRLs".into()),
                Unsupported,
                None,
            ),
            (
                "what the harness cannot do",
                Evidence::Broken("no port".into()),
                Broken,
                None,
            ),
        ],
    );
}

#[test]
fn what_must_be_refused_beside_an_accepted_twin() {
    let expectation = expect(
        Outcome::Reject,
        &[Alert::CertificateExpired, Alert::BadCertificate],
    );
    let twin = exchanged();
    check(
        &expectation,
        Some(&twin),
        [
            (
                "the preferred alert",
                alert(Alert::CertificateExpired),
                Pass,
                None,
            ),
            (
                "another proper alert",
                alert(Alert::BadCertificate),
                Pass,
                None,
            ),
            (
                "an improper alert",
                alert(Alert::InternalError),
                Lenient,
                None,
            ),
            (
                "an alert without a name",
                ended(PeerEnd::UnnamedAlert(200)),
                Lenient,
                None,
            ),
            ("a close", ended(PeerEnd::Closed), Lenient, None),
            (
                "a reset that ate the alert",
                ended(PeerEnd::Reset),
                Lenient,
                None,
            ),
            (
                "a reset that ate the alert, which the target says it sent",
                refused(ended(PeerEnd::Reset), Some(Alert::CertificateExpired)),
                Pass,
                None,
            ),
            (
                "the sender's alert outranks the receiver's",
                refused(alert(Alert::BadCertificate), Some(Alert::InternalError)),
                Lenient,
                None,
            ),
            (
                "a handshake complete at the peer, and then the alert",
                shaken(alert(Alert::CertificateExpired)),
                Pass,
                None,
            ),
            ("data both ways", exchanged(), Fail, Some(AcceptedForbidden)),
            (
                "data both ways, and the target cannot tell",
                blind(exchanged()),
                Fail,
                Some(AcceptedForbidden),
            ),
            (
                "the target's data came, and then an alert",
                leaked_out(alert(Alert::CertificateExpired)),
                Fail,
                Some(AcceptedForbidden),
            ),
            (
                "the target took data, and then closed",
                leaked_in(ended(PeerEnd::Closed)),
                Fail,
                Some(AcceptedForbidden),
            ),
            (
                "the target took data, and then hung",
                leaked_in(ended(PeerEnd::TimedOut)),
                Fail,
                Some(AcceptedForbidden),
            ),
            (
                "data both ways, and then a death",
                dead(exchanged()),
                Fail,
                Some(AcceptedForbidden),
            ),
            (
                "silence",
                ended(PeerEnd::TimedOut),
                Hang,
                Some(FailureKind::Hang),
            ),
            (
                "a death",
                dead(ended(PeerEnd::Reset)),
                Crash,
                Some(FailureKind::Crash),
            ),
            (
                "the peer's own failure",
                ended(PeerEnd::Failed("oops".into())),
                Broken,
                None,
            ),
            (
                "the peer's failure, which the target took for a refusal",
                refused(ended(PeerEnd::Failed("oops".into())), None),
                Broken,
                None,
            ),
            (
                "the peer's failure over an alert",
                refused(
                    ended(PeerEnd::Failed("oops".into())),
                    Some(Alert::CertificateExpired),
                ),
                Pass,
                None,
            ),
            (
                "data before the peer had asked for any",
                leaked_out(ended(PeerEnd::Failed("too early".into()))),
                Fail,
                Some(AcceptedForbidden),
            ),
            (
                "a refusal to start",
                Evidence::Observed(Observation::refused_to_start("no".into())),
                Unsupported,
                None,
            ),
            (
                "a client that did not connect",
                with_target(ended(PeerEnd::Unmet), |target| {
                    target.end = TargetEnd::Refused("no such key".into());
                }),
                Unsupported,
                None,
            ),
            (
                "a refusal above TLS",
                ended(PeerEnd::RefusedAboveTls("HTTP 400".into())),
                Lenient,
                None,
            ),
            (
                "a target that broke the protocol",
                ended(PeerEnd::Misbehaved("out of order".into())),
                Lenient,
                None,
            ),
            (
                "nothing in common",
                ended(PeerEnd::NothingInCommon("no scheme".into())),
                Unsupported,
                None,
            ),
            (
                "a client that cannot",
                with_target(ended(PeerEnd::Unmet), |target| {
                    target.end = TargetEnd::Unsupported("no IPv6".into());
                }),
                Unsupported,
                None,
            ),
            (
                "a client that could not be run",
                with_target(ended(PeerEnd::Unmet), |target| {
                    target.end = TargetEnd::Broken("no such program".into());
                }),
                Broken,
                None,
            ),
            (
                "what the target cannot do",
                Evidence::Unsupported("no CRLs".into()),
                Unsupported,
                None,
            ),
            (
                "what the harness cannot do",
                Evidence::Broken("no port".into()),
                Broken,
                None,
            ),
        ],
    );
}

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
            Outcome::Accept => Fail,
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
