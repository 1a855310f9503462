//! The judge of stories, who is shown plain data.

use mtls_gauntlet::expect::{Alert, Expectation, HandshakeKind, Outcome};
use mtls_gauntlet::judge::story::{StepTold, StoryJudgement, Told, Visit, judge_story};
use mtls_gauntlet::judge::{Evidence, FailureKind, Verdict};
use mtls_gauntlet::observe::{Handshake, Observation, PeerEnd, PeerView, TargetEnd, TargetView};
use mtls_gauntlet::oracle::findings::Invariant;
use mtls_gauntlet::scenario::TlsVersion;
use mtls_gauntlet::scenario::step::Action;

use HandshakeKind::{Full, Resumed};
use Outcome::{Accept, Policy, Reject};

#[test]
fn all_as_it_must_be_passes() {
    let story = told([
        visit(1, Action::Connect, Accept, accepted(Full)),
        change(2, Action::ReplaceTrust),
        visit(3, Action::Resume, Reject, refused()),
    ]);
    let control = told([
        visit(1, Action::Connect, Accept, accepted(Full)),
        visit(3, Action::Resume, Reject, accepted(Resumed)),
    ]);
    let judged = judge(&story, Some(&control));
    assert_eq!(judged.judgement.verdict, Verdict::Pass, "{judged:?}");
    assert!(judged.findings.violations.is_empty());
    assert_eq!(judged.findings.calls.forbidden, 1);
    assert_eq!(judged.lines[1], "2 replace-trust");
}

#[test]
fn a_session_that_outlives_its_trust_has_a_witness() {
    let story = told([
        visit(1, Action::Connect, Accept, accepted(Full)),
        change(2, Action::Advance),
        change(3, Action::ReplaceTrust),
        made_at(1, visit(4, Action::Resume, Reject, accepted(Resumed))),
    ]);
    let judged = judge(&story, None);
    assert_eq!(
        judged.judgement.failure,
        Some(FailureKind::AcceptedForbidden)
    );
    let violation = &judged.findings.violations[0];
    assert_eq!(violation.invariant, Invariant::BoundsLineage);
    assert_eq!(
        violation.witness,
        "step 4 (resume) accepted `peer` (serial 0x1f) through a session made at step 1; must be \
         refused since step 3 (replace-trust)"
    );
    assert_eq!(judged.judgement.reason, violation.witness);
    assert_eq!(judged.findings.calls.let_in, 1);
}

#[test]
fn who_is_let_in_by_a_full_handshake_fails_closed() {
    let story = told([
        change(1, Action::ReplaceCrl),
        visit(2, Action::Connect, Reject, accepted(Full)),
    ]);
    let violations = judge(&story, None).findings.violations;
    assert_eq!(violations[0].invariant, Invariant::FailsClosed);
}

#[test]
fn of_two_failures_the_worse_counts_and_both_are_told() {
    let story = told([
        visit(1, Action::Connect, Accept, refused()),
        visit(2, Action::Connect, Reject, accepted(Full)),
    ]);
    let judged = judge(&story, None);
    assert_eq!(
        judged.judgement.failure,
        Some(FailureKind::AcceptedForbidden)
    );
    assert!(judged.judgement.reason.starts_with("step 2"), "{judged:?}");
    assert_eq!(judged.findings.violations_in_all, 2);
    let last = judged.findings.violations.last().unwrap();
    assert_eq!(last.invariant, Invariant::Serves);
}

#[test]
fn a_refusal_proves_nothing_without_an_acceptance() {
    let story = told([visit(2, Action::Connect, Reject, refused())]);
    let refusing = told([visit(2, Action::Connect, Reject, refused())]);
    assert_eq!(
        judge(&story, Some(&refusing)).judgement.verdict,
        Verdict::Invalid
    );
    assert_eq!(
        judge(&story, Some(&told([]))).judgement.verdict,
        Verdict::Invalid
    );
    let accepting = told([visit(2, Action::Connect, Reject, accepted(Full))]);
    assert_eq!(
        judge(&story, Some(&accepting)).judgement.verdict,
        Verdict::Pass
    );
    let recovers = told([
        visit(2, Action::Connect, Reject, refused()),
        change(3, Action::ReplaceTrust),
        visit(4, Action::Connect, Accept, accepted(Full)),
    ]);
    assert_eq!(
        judge(&recovers, Some(&refusing)).judgement.verdict,
        Verdict::Pass,
        "the same party is accepted later in the same start"
    );
}

#[test]
fn nothing_is_learnt_of_resumption_where_nobody_resumes() {
    let wants = |kind, step: StepTold| StepTold {
        visit: step.visit.map(|visit| Visit {
            handshake: Some(kind),
            ..visit
        }),
        ..step
    };
    let resumes = |seen| wants(Resumed, visit(2, Action::Resume, Accept, seen));
    assert_eq!(verdict(&told([resumes(accepted(Resumed))])), Verdict::Pass);
    assert_eq!(
        verdict(&told([resumes(accepted(Full))])),
        Verdict::Unsupported
    );
    let refused_full = wants(Resumed, visit(2, Action::Resume, Reject, refused()));
    let control = told([visit(2, Action::Resume, Reject, accepted(Full))]);
    assert_eq!(
        judge(&told([refused_full]), Some(&control))
            .judgement
            .verdict,
        Verdict::Unsupported
    );
    let full = wants(Full, visit(2, Action::Resume, Accept, accepted(Resumed)));
    let judged = judge(&told([full]), None);
    assert_eq!(
        judged.judgement.failure,
        Some(FailureKind::AcceptedForbidden)
    );
}

#[test]
fn a_resumed_peer_is_who_it_was() {
    let mut nobody = accepted(Resumed);
    nobody.target.as_mut().unwrap().identity = None;
    let story = told([
        visit(1, Action::Connect, Accept, accepted(Full)),
        made_at(1, visit(2, Action::Resume, Accept, nobody)),
    ]);
    let violations = judge(&story, None).findings.violations;
    assert_eq!(violations[0].invariant, Invariant::BindsIdentity);
}

#[test]
fn a_choice_is_recorded_with_the_connection_that_shows_it() {
    let story = told([
        visit(1, Action::Hold, Accept, accepted(Full)),
        change(2, Action::ReplaceTrust),
        made_at(1, visit(3, Action::Ask, Policy, accepted(Full))),
        visit(4, Action::Connect, Reject, refused()),
    ]);
    let control = told([
        visit(1, Action::Hold, Accept, accepted(Full)),
        visit(3, Action::Ask, Policy, accepted(Full)),
        visit(4, Action::Connect, Reject, accepted(Full)),
    ]);
    let judged = judge(&story, Some(&control));
    assert_eq!(judged.judgement.verdict, Verdict::Policy);
    assert!(
        judged
            .judgement
            .reason
            .contains("on the connection made at step 1")
    );
    assert!(judged.observation.unwrap().accepted());
}

#[test]
fn deaths_hangs_and_the_harness_s_own_failures_are_told_apart() {
    let dead = Observation {
        target: Some(TargetView::of(TargetEnd::Crashed("signal 11".into()))),
        ..refused()
    };
    let mut hung = refused();
    hung.peer.end = PeerEnd::TimedOut;
    for (seen, wanted) in [(dead, Verdict::Crash), (hung, Verdict::Hang)] {
        let story = told([visit(1, Action::Connect, Reject, seen)]);
        assert_eq!(verdict(&story), wanted);
    }
    for (evidence, wanted) in [
        (
            Evidence::Unsupported("it cannot".into()),
            Verdict::Unsupported,
        ),
        (Evidence::Broken("no port".into()), Verdict::Broken),
    ] {
        let story = Told {
            ended: Some(evidence),
            ..told([visit(1, Action::Connect, Accept, accepted(Full))])
        };
        assert_eq!(verdict(&story), wanted);
    }
}

fn judge(story: &Told, control: Option<&Told>) -> StoryJudgement {
    judge_story(&Expectation::of(Outcome::Holds), story, control)
}

fn verdict(story: &Told) -> Verdict {
    judge(story, None).judgement.verdict
}

fn told<const N: usize>(steps: [StepTold; N]) -> Told {
    Told {
        steps: steps.into(),
        ended: None,
    }
}

fn change(step: usize, action: Action) -> StepTold {
    StepTold {
        step,
        action,
        at: step as u64,
        visit: None,
    }
}

fn visit(step: usize, action: Action, expected: Outcome, seen: Observation) -> StepTold {
    StepTold {
        visit: Some(Visit {
            who: "peer".into(),
            serial: Some("1f".into()),
            made_at: None,
            expected,
            handshake: None,
            seen,
        }),
        ..change(step, action)
    }
}

fn made_at(place: usize, step: StepTold) -> StepTold {
    StepTold {
        visit: step.visit.map(|visit| Visit {
            made_at: Some(place),
            ..visit
        }),
        ..step
    }
}

fn accepted(kind: HandshakeKind) -> Observation {
    let handshake = Some(Handshake {
        version: TlsVersion::Tls13,
        kind,
    });
    Observation {
        peer: PeerView {
            handshake: handshake.clone(),
            data_arrived: true,
            certificate_arrived: false,
            end: PeerEnd::Exchanged,
        },
        target: Some(TargetView {
            identity: Some("spiffe://gauntlet.test/peer".into()),
            handshake,
            data_arrived: true,
            ..TargetView::of(TargetEnd::Accepted)
        }),
    }
}

fn refused() -> Observation {
    Observation {
        peer: PeerView {
            handshake: None,
            data_arrived: false,
            certificate_arrived: false,
            end: PeerEnd::Alert(Alert::UnknownCa),
        },
        target: Some(TargetView::of(TargetEnd::Refused("unknown issuer".into()))),
    }
}
