//! The rules of evidence end to end: whole cases against tiny targets that are odd in one way each.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use mtls_gauntlet::expect::{Alert, Level};
use mtls_gauntlet::judge::{FailureKind, Verdict};
use mtls_gauntlet::observe::{PeerEnd, TargetEnd};
use mtls_gauntlet::record::{CaseRecord, Objection, Run};
use mtls_gauntlet::run::event::Event;
use mtls_gauntlet::scenario::expand::{Case, expand};
use mtls_gauntlet::scenario::load;
use mtls_gauntlet::target::{Capability, StartError};

use rig::Rig;
use targets::{
    Answer, Odd, careful, counting, falling_apart, losing_alerts, mute, silent, swallowing,
    verifying,
};

#[path = "support/rig.rs"]
mod rig;
#[path = "evidence/targets.rs"]
mod targets;

/// A peer that must be accepted.
const VALID: &str = "baseline/full-chain";
/// A peer that must be refused.
const EXPIRED: &str = "validity/expired";

// Rule 1: accepted means application data went both ways.

#[test]
fn a_completed_handshake_is_no_acceptance() {
    let closing = verifying(Answer::Anyone, |manners| manners.answers = false);
    for case in run(Odd::new(closing), VALID).cases {
        assert_eq!(failure(&case), Some(FailureKind::RefusedValid), "{case:?}");
        let seen = case.observation.as_ref().unwrap();
        assert!(seen.peer.handshake.is_some(), "{case:?}");
        assert_eq!(
            seen.target.as_ref().unwrap().end,
            TargetEnd::Accepted,
            "even the target believes that it has accepted the peer"
        );
    }
}

#[test]
fn what_gets_through_needs_no_twin() {
    for case in run(Odd::new(verifying(Answer::Anyone, |_| {})), EXPIRED).cases {
        let forbidden = Some(FailureKind::AcceptedForbidden);
        assert_eq!(failure(&case), forbidden, "{case:?}");
        assert_eq!(case.twin, None, "{}", case.id);
    }
}

#[test]
fn data_that_went_one_way_has_got_through() {
    for (scenario, kind) in [
        (EXPIRED, FailureKind::AcceptedForbidden),
        (VALID, FailureKind::RefusedValid),
    ] {
        let cases = rig::cases(&[&format!("{scenario}/server/*")]);
        for case in impatient()
            .run(&[Arc::new(Odd::new(swallowing))], &cases)
            .cases
        {
            assert_eq!(failure(&case), Some(kind), "{case:?}");
        }
    }
}

#[test]
fn the_application_is_told_the_right_name() {
    let cases =
        scenario("[expect]\noutcome = \"accept\"\nidentity = \"spiffe://gauntlet.test/peer\"\n");
    let honest = Rig::default().run(&[Arc::new(Odd::new(careful))], &cases);
    assert!(
        honest
            .cases
            .iter()
            .all(|case| case.verdict == Verdict::Pass)
    );
    let confused = verifying(Answer::Anyone, |manners| {
        manners.identity = |_| Some("spiffe://gauntlet.test/admin".into());
    });
    for case in Rig::default()
        .run(&[Arc::new(Odd::new(confused))], &cases)
        .cases
    {
        let forbidden = Some(FailureKind::AcceptedForbidden);
        assert_eq!(failure(&case), forbidden, "{case:?}");
        assert!(case.reason.contains("admin"), "{}", case.reason);
    }
}

// Rule 2: both ends are observed, and the sender's alert outranks the receiver's.

#[test]
fn a_lost_alert_is_known_from_its_sender() {
    let id = "validity/expired/server/tls1.2";
    let case = Rig::default().run_case(Odd::new(losing_alerts), &rig::case(id));
    let seen = case.observation.as_ref().unwrap();
    assert_eq!(seen.peer.end, PeerEnd::Closed, "the alert was not lost");
    assert_eq!(seen.alert(), Some(Alert::CertificateExpired));
    assert_eq!(case.verdict, Verdict::Pass, "{case:?}");

    let untold = impatient().run_case(Odd::new(mute(losing_alerts)), &rig::case(id));
    assert_eq!(untold.verdict, Verdict::Lenient, "{untold:?}");
    assert!(
        untold
            .reason
            .contains("proper would be certificate_expired")
    );
}

#[test]
fn a_target_that_cannot_tell_is_judged_by_what_the_peer_saw() {
    for scenario in [VALID, EXPIRED] {
        let cases = rig::cases(&[scenario]);
        for case in impatient()
            .run(&[Arc::new(Odd::new(mute(careful)))], &cases)
            .cases
        {
            assert_eq!(case.verdict, Verdict::Pass, "{case:?}");
            let seen = case.observation.as_ref().unwrap();
            assert_eq!(seen.target, None, "{}", case.id);
            let alert = (scenario == EXPIRED).then_some(Alert::CertificateExpired);
            assert_eq!(seen.alert(), alert, "{}", case.id);
        }
    }
}

// Rule 3: a refusal counts only beside its twin.

#[test]
fn who_refuses_everybody_proves_nothing() {
    let nobody = || Odd::new(verifying(Answer::Nobody, |_| {}));
    for case in run(nobody(), EXPIRED).cases {
        assert_eq!(case.verdict, Verdict::Invalid, "{case:?}");
        let twin = case.twin.as_ref().unwrap();
        assert!(!twin.accepted && twin.same_start, "{case:?}");
        assert_eq!(case.objection(Level::Must), Some(Objection::Invalid));
    }
    for case in run(nobody(), VALID).cases {
        assert_eq!(failure(&case), Some(FailureKind::RefusedValid), "{case:?}");
    }
}

#[test]
fn who_closes_on_everybody_proves_nothing() {
    let closing = verifying(Answer::Anyone, |manners| manners.answers = false);
    for case in run(Odd::new(closing), EXPIRED).cases {
        assert_eq!(case.verdict, Verdict::Invalid, "{case:?}");
    }
}

#[test]
fn a_twin_runs_once_in_the_start_of_its_cases() {
    let connections = Arc::new(AtomicU32::new(0));
    let target = Odd::new(counting(Arc::clone(&connections)));
    let starts = target.starts();
    let cases = rig::cases(&[
        "validity/expired/server/tls1.3",
        "validity/expired-by-a-second/server/tls1.3",
        "validity/future-by-a-second/server/tls1.3",
    ]);
    let run = Rig::default().run(&[Arc::new(target)], &cases);
    for case in &run.cases {
        assert_eq!(case.verdict, Verdict::Pass, "{case:?}");
        assert!(case.twin.as_ref().unwrap().same_start, "{}", case.id);
        assert_eq!(case.environment_digest, run.cases[0].environment_digest);
    }
    assert_eq!(starts.load(Ordering::Relaxed), 1);
    assert_eq!(run.targets[0].starts, 1);
    let once = 1;
    assert_eq!(
        connections.load(Ordering::Relaxed) as usize,
        cases.len() + once
    );
}

#[test]
fn a_twin_of_another_environment_runs_in_a_start_of_its_own() {
    let cases = scenario(
        "[expect]\noutcome = \"reject\"\n[pki.other]\nlike = \"root\"\n[target]\ntrusts = [\"other\"]\n\
         [twin.target]\ntrusts = [\"root\"]\n",
    );
    for case in Rig::default()
        .run(&[Arc::new(Odd::new(careful))], &cases)
        .cases
    {
        assert_eq!(case.verdict, Verdict::Pass, "{case:?}");
        assert!(!case.twin.unwrap().same_start, "{}", case.id);
    }
}

#[test]
fn what_a_twin_did_is_history_once_its_target_falls_apart() {
    // The first case and its twin, and then nobody is let in any more.
    let target = Odd::new(falling_apart(2));
    let cases = rig::cases(&[
        "validity/expired/server/tls1.2",
        "validity/future/server/tls1.2",
    ]);
    let run = impatient().run(&[Arc::new(target)], &cases);
    assert_eq!(
        run.cases[0].environment_digest,
        run.cases[1].environment_digest
    );
    let verdicts: Vec<_> = run.cases.iter().map(|case| case.verdict).collect();
    assert_eq!(
        verdicts,
        [Verdict::Pass, Verdict::Invalid],
        "{:?}",
        run.cases[1]
    );
}

// Rule 6: the harness is never blamed on the target, nor the target on the harness.

#[test]
fn who_says_nothing_hangs() {
    for scenario in [VALID, EXPIRED] {
        let target = Odd::new(silent);
        let starts = target.starts();
        let cases = rig::cases(&[&format!("{scenario}/server/*")]);
        let run = impatient().run(&[Arc::new(target)], &cases);
        for case in &run.cases {
            assert_eq!(case.verdict, Verdict::Hang, "{case:?}");
            assert_eq!(failure(case), Some(FailureKind::Hang));
            let end = &case.observation.as_ref().unwrap().peer.end;
            assert_eq!(*end, PeerEnd::TimedOut);
        }
        let starts = starts.load(Ordering::Relaxed) as usize;
        assert!(
            starts >= cases.len(),
            "after a hang a case has a fresh start"
        );
    }
    for case in impatient()
        .run(&[Arc::new(Odd::new(silent))], &rig::cases(&[VALID]))
        .cases
    {
        assert_eq!(case.verdict, Verdict::Hang, "in either role: {case:?}");
    }
}

#[test]
fn who_dies_has_crashed() {
    for scenario in [VALID, EXPIRED] {
        let target = Odd::new(verifying(Answer::Death, |_| {}));
        let starts = target.starts();
        let run = run(target, scenario);
        for case in &run.cases {
            assert_eq!(case.verdict, Verdict::Crash, "{case:?}");
            assert!(case.reason.contains("out of cheese"), "{}", case.reason);
            if let Some(twin) = &case.twin {
                assert!(!twin.same_start, "its start died with {}", case.id);
            }
        }
        let starts = starts.load(Ordering::Relaxed) as usize;
        assert!(
            starts >= run.cases.len(),
            "after a crash a case has a fresh start"
        );
    }
}

#[test]
fn who_dies_of_a_twin_has_a_fresh_start_for_the_next_case() {
    // It refuses the expired peer, and dies of its twin; the next case must not meet a dead target.
    let dies_of_twins = Odd::new(|environment, transport| {
        let refusing = verifying(Answer::Nobody, |_| {});
        refusing(environment, transport).map(targets::dying_at_the_second)
    });
    let cases = rig::cases(&[
        "validity/expired/server/tls1.3",
        "validity/future-by-a-second/server/tls1.3",
    ]);
    for case in Rig::default().run(&[Arc::new(dies_of_twins)], &cases).cases {
        assert_eq!(case.verdict, Verdict::Invalid, "{case:?}");
        assert!(
            case.twin.unwrap().words.contains("the target died"),
            "{}",
            case.id
        );
    }
}

#[test]
fn who_does_not_start_is_the_harness_s_affair() {
    type Error = fn(String) -> StartError;
    let errors: [(Error, Verdict); 3] = [
        (StartError::Broken, Verdict::Broken),
        (StartError::Refused, Verdict::Broken),
        (StartError::Unsupported, Verdict::Unsupported),
    ];
    for (error, verdict) in errors {
        for scenario in [VALID, EXPIRED] {
            let unwilling = Odd::new(move |_, _| Err(error("not on a Monday".into())));
            for case in run(unwilling, scenario).cases {
                assert_eq!(case.verdict, verdict, "{case:?}");
                assert!(case.reason.contains("Monday"), "{}", case.reason);
                assert_eq!(case.failure_kind, None, "{case:?}");
            }
        }
    }
}

#[test]
fn a_scenario_may_take_not_starting_for_a_refusal() {
    let cases = scenario(
        "[expect]\noutcome = \"reject\"\n[target]\ntrusts = []\nmay-refuse-to-start = true\n\
         [twin.target]\ntrusts = [\"root\"]\n",
    );
    let wary = Odd::new(|environment, transport| {
        if environment.trust.anchors.is_empty() {
            return Err(StartError::Refused("an empty bundle".into()));
        }
        careful(environment, transport)
    });
    for case in Rig::default().run(&[Arc::new(wary)], &cases).cases {
        assert_eq!(case.verdict, Verdict::Pass, "{case:?}");
        assert!(case.reason.contains("an empty bundle"), "{}", case.reason);
    }
}

#[test]
fn who_cannot_is_not_asked() {
    for (lacking, scenario) in [
        (Capability::Tls13, "validity/expired/server/tls1.3"),
        (Capability::Tls12, "validity/expired/server/tls1.2"),
        (Capability::Spiffe, "spiffe/two-ids"),
        (Capability::Crl, "revocation/leaf-revoked"),
    ] {
        let target = Odd::new(careful).lacking(lacking);
        let starts = target.starts();
        for case in run(target, scenario).cases {
            assert_eq!(case.verdict, Verdict::Unsupported, "{case:?}");
            assert_eq!(case.observation, None, "{}", case.id);
            assert_eq!(case.objection(Level::Must), None, "{}", case.id);
        }
        assert_eq!(starts.load(Ordering::Relaxed), 0, "{lacking:?}");
    }
}

#[test]
fn what_cannot_be_minted_is_broken_and_keeps_nobody_else_from_running() {
    let mut cases = scenario(
        "[expect]\noutcome = \"reject\"\n[pki.peer]\nextensions = [{ oid = \"not.an.oid\" }]\n",
    );
    let broken = cases.len();
    cases.extend(rig::cases(&[VALID]));
    let run = Rig::default().run(&[rig::rustls()], &cases);
    assert_eq!(run.summary.broken as usize, broken);
    assert_eq!(run.summary.pass as usize, cases.len() - broken);
    let told = run
        .cases
        .iter()
        .find(|case| case.verdict == Verdict::Broken);
    assert!(told.unwrap().reason.contains("not.an.oid"), "{told:?}");
}

// Rule 7: known deviations carry a reason and go stale loudly.

#[test]
fn a_known_deviation_that_passes_is_stale() {
    for case in run(Odd::new(careful).known_for("its issue 42"), EXPIRED).cases {
        assert_eq!(case.verdict, Verdict::Pass, "{case:?}");
        assert_eq!(case.known.as_deref(), Some("its issue 42"));
        assert_eq!(case.objection(Level::Must), Some(Objection::Stale));
    }
}

#[test]
fn a_known_deviation_that_fails_keeps_no_gate_shut() {
    let broken = Odd::new(verifying(Answer::Anyone, |_| {})).known_for("its issue 42");
    let run = run(broken, EXPIRED);
    assert_eq!(run.objections(Level::Should).count(), 0);
    assert_eq!(run.summary.known, run.summary.fail);
    assert_eq!(run.summary.fail, run.summary.cases);
}

// And a run that is cut short says so.

#[test]
fn a_run_that_is_stopped_is_not_complete() {
    let plan = Rig::default().plan(&[rig::rustls()], &rig::cases(&[VALID]));
    let mut events = Vec::new();
    mtls_gauntlet::run::run(&plan, &AtomicBool::new(true), |event| events.push(event))
        .expect("every worker does its part");
    let judged = events
        .iter()
        .filter(|event| matches!(event, Event::CaseJudged(_)));
    assert_eq!(judged.count(), 0);
    let last = events.last();
    assert!(
        matches!(last, Some(Event::RunFinished { complete: false })),
        "{last:?}"
    );
}

/// Where the target cannot tell, or never answers, the peer does not wait long. Nothing that these
/// tests assert depends on how long that is.
fn impatient() -> Rig {
    Rig {
        deadline: Duration::from_millis(500),
        listen: Duration::from_millis(20),
        ..Rig::default()
    }
}

fn run(target: Odd, glob: &str) -> Run {
    Rig::default().run(&[Arc::new(target)], &rig::cases(&[glob]))
}

fn failure(case: &CaseRecord) -> Option<FailureKind> {
    assert_eq!(case.verdict.is_failure(), case.failure_kind.is_some());
    case.failure_kind
}

/// The cases of a scenario with these tables.
fn scenario(tables: &str) -> Vec<Case> {
    let text = format!(
        "title = \"A test\"\nlevel = \"must\"\nspec = [\"none\"]\nwhy = \"To try it.\"\n{tables}"
    );
    let scenario = load::parse("test/inline", "test/inline.toml", &text);
    let scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
    expand(&[Arc::new(scenario)])
}
