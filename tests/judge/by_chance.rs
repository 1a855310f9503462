//! The judge is total, and some verdicts are never given whatever it is shown.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use mtls_gauntlet::judge::in_words;
use mtls_gauntlet::observe::{
    Handshake, HandshakeKind, Observation, PeerEnd, PeerView, TargetEnd, TargetView,
};
use mtls_gauntlet::scenario::TlsVersion;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_verdict_is_a_failure_when_it_has_a_kind(shown in anything()) {
        let Judgement { verdict, failure, reason } = shown.judge();
        prop_assert_eq!(verdict.is_failure(), failure.is_some());
        prop_assert!(!reason.is_empty());
        let expected = match failure {
            None => None,
            Some(FailureKind::Hang) => Some(Hang),
            Some(FailureKind::Crash) => Some(Crash),
            Some(_) => Some(Fail),
        };
        prop_assert!(expected.is_none_or(|expected| expected == verdict));
    }

    #[test]
    fn what_nobody_saw_is_no_failure(shown in anything()) {
        let verdict = shown.judge().verdict;
        match shown.evidence {
            Evidence::Unsupported(_) => prop_assert_eq!(verdict, Unsupported),
            Evidence::Absent(_) => prop_assert_eq!(verdict, Invalid),
            Evidence::Broken(_) => prop_assert_eq!(verdict, Broken),
            Evidence::Observed(_) => {}
        }
    }

    #[test]
    fn a_forbidden_peer_that_got_through_is_the_worst(shown in anything()) {
        let Evidence::Observed(seen) = &shown.evidence else { return Ok(()) };
        let unstarted = matches!(target_end(seen), Some(TargetEnd::RefusedToStart(_)));
        if shown.expectation.outcome == Outcome::Reject && seen.accepted() && !unstarted {
            prop_assert_eq!(shown.judge().failure, Some(AcceptedForbidden));
        }
    }

    #[test]
    fn forbidden_data_is_never_as_expected(shown in anything()) {
        let Evidence::Observed(seen) = &shown.evidence else { return Ok(()) };
        if shown.expectation.outcome == Outcome::Reject && seen.leaked() {
            let verdict = shown.judge().verdict;
            prop_assert_eq!(verdict, Fail);
        }
    }

    #[test]
    fn a_refusal_without_an_accepted_twin_is_never_as_expected(shown in anything()) {
        if shown.expectation.outcome == Outcome::Reject && !shown.twin_accepted() {
            prop_assert!(!matches!(shown.judge().verdict, Pass | Lenient));
        }
    }

    #[test]
    fn only_what_went_both_ways_is_accepted(shown in anything()) {
        if shown.expectation.outcome == Outcome::Accept && shown.judge().verdict == Pass {
            let Evidence::Observed(seen) = &shown.evidence else { panic!("nothing was seen") };
            prop_assert!(seen.accepted());
        }
    }

    #[test]
    fn a_verdict_belongs_to_its_outcome(shown in anything()) {
        prop_assume!(!matches!(shown.evidence, Evidence::Absent(_)));
        let outcome = shown.expectation.outcome;
        match shown.judge() {
            Judgement { verdict: Policy, .. } => prop_assert_eq!(outcome, Outcome::Policy),
            Judgement { verdict: Invalid | Lenient, .. } => prop_assert_eq!(outcome, Outcome::Reject),
            Judgement { verdict: Pass, .. } => prop_assert_ne!(outcome, Outcome::Policy),
            Judgement { failure: Some(RefusedValid), .. } => prop_assert_eq!(outcome, Outcome::Accept),
            _ => {}
        }
    }

    #[test]
    fn twins_matter_to_refusals_only(shown in anything(), other in option::of(evidence())) {
        if shown.expectation.outcome != Outcome::Reject {
            let with_other = judge(&shown.expectation, shown.may_refuse_to_start, &shown.evidence, other.as_ref());
            prop_assert_eq!(shown.judge(), with_other);
        }
    }

    #[test]
    fn lenient_is_about_manners(shown in anything()) {
        if shown.judge().verdict == Lenient {
            let Evidence::Observed(seen) = &shown.evidence else { panic!("nothing was seen") };
            let proper = &shown.expectation.alert;
            let improper = !proper.is_empty() && seen.alert().is_none_or(|alert| !proper.contains(&alert));
            let above_tls = matches!(seen.peer.end, PeerEnd::RefusedAboveTls(_));
            prop_assert!(improper || above_tls || target_end(seen) == Some(&TargetEnd::Accepted));
        }
    }

    #[test]
    fn the_order_of_alerts_is_a_preference(shown in anything()) {
        let mut turned = shown.clone();
        turned.expectation.alert.reverse();
        prop_assert_eq!(shown.judge().verdict, turned.judge().verdict);
    }

    #[test]
    fn whether_it_may_refuse_to_start_matters_to_those_that_did_not_start(shown in anything()) {
        let Evidence::Observed(seen) = &shown.evidence else { return Ok(()) };
        let unmet = seen.peer.end == PeerEnd::Unmet;
        if !unmet && !matches!(target_end(seen), Some(TargetEnd::RefusedToStart(_))) {
            let other = Shown { may_refuse_to_start: !shown.may_refuse_to_start, ..shown.clone() };
            prop_assert_eq!(shown.judge(), other.judge());
        }
    }

    #[test]
    fn everything_can_be_put_in_words(shown in anything()) {
        if let Evidence::Observed(seen) = &shown.evidence {
            prop_assert!(!in_words(seen).is_empty());
        }
    }
}

/// All that a judge is shown.
#[derive(Clone, Debug)]
struct Shown {
    expectation: Expectation,
    may_refuse_to_start: bool,
    evidence: Evidence,
    twin: Option<Evidence>,
}

impl Shown {
    fn judge(&self) -> Judgement {
        judge(
            &self.expectation,
            self.may_refuse_to_start,
            &self.evidence,
            self.twin.as_ref(),
        )
    }

    fn twin_accepted(&self) -> bool {
        matches!(&self.twin, Some(Evidence::Observed(seen)) if seen.accepted())
    }
}

fn anything() -> impl Strategy<Value = Shown> {
    (
        expectation(),
        any::<bool>(),
        evidence(),
        option::of(evidence()),
    )
        .prop_map(|(expectation, may_refuse_to_start, evidence, twin)| Shown {
            expectation,
            may_refuse_to_start,
            evidence,
            twin,
        })
}

fn expectation() -> impl Strategy<Value = Expectation> {
    let outcome = select(vec![Outcome::Accept, Outcome::Reject, Outcome::Policy]);
    let alert = subsequence(Alert::ALL, 0..4);
    let identity = option::of(Just(PEER.to_owned()));
    (outcome, alert, identity).prop_map(|(outcome, alert, identity)| Expectation {
        outcome,
        alert,
        identity,
    })
}

fn evidence() -> impl Strategy<Value = Evidence> {
    prop_oneof![
        8 => observation().prop_map(Evidence::Observed),
        1 => Just(Evidence::Unsupported("it cannot".into())),
        1 => Just(Evidence::Absent("nobody came".into())),
        1 => Just(Evidence::Broken("no port".into())),
    ]
}

fn observation() -> impl Strategy<Value = Observation> {
    let peer = (option::of(handshake()), any::<bool>(), peer_end()).prop_map(
        |(handshake, data_arrived, end)| PeerView {
            handshake,
            data_arrived,
            certificate_arrived: data_arrived,
            end,
        },
    );
    (peer, option::of(target_view())).prop_map(|(peer, target)| Observation { peer, target })
}

fn target_view() -> impl Strategy<Value = TargetView> {
    let end = prop_oneof![
        Just(TargetEnd::Accepted),
        Just(TargetEnd::Refused("no".into())),
        Just(TargetEnd::RefusedToStart("no".into())),
        Just(TargetEnd::Crashed("oh".into())),
        Just(TargetEnd::Unsupported("cannot".into())),
        Just(TargetEnd::Broken("harness".into())),
    ];
    let identity = option::of(select(vec![PEER.to_owned(), "somebody else".to_owned()]));
    (
        end,
        identity,
        option::of(select(Alert::ALL)),
        option::of(handshake()),
        any::<bool>(),
    )
        .prop_map(
            |(end, identity, alert_sent, handshake, data_arrived)| TargetView {
                end,
                identity,
                alert_sent,
                handshake,
                data_arrived,
            },
        )
}

fn peer_end() -> impl Strategy<Value = PeerEnd> {
    prop_oneof![
        2 => Just(PeerEnd::Exchanged),
        2 => select(Alert::ALL).prop_map(PeerEnd::Alert),
        1 => any::<u8>().prop_map(PeerEnd::UnnamedAlert),
        1 => Just(PeerEnd::Closed),
        1 => Just(PeerEnd::Reset),
        1 => Just(PeerEnd::TimedOut),
        1 => Just(PeerEnd::Failed("oops".into())),
        1 => Just(PeerEnd::RefusedAboveTls("HTTP 400".into())),
        1 => Just(PeerEnd::NothingInCommon("no scheme".into())),
        1 => Just(PeerEnd::Misbehaved("out of order".into())),
        1 => Just(PeerEnd::Unmet),
    ]
}

fn handshake() -> impl Strategy<Value = Handshake> {
    let kind = select(vec![HandshakeKind::Full, HandshakeKind::Resumed]);
    (select(TlsVersion::ALL.to_vec()), kind).prop_map(|(version, kind)| Handshake { version, kind })
}

fn target_end(seen: &Observation) -> Option<&TargetEnd> {
    seen.target.as_ref().map(|target| &target.end)
}
