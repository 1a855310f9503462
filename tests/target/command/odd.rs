//! Targets that die, hang, babble or will not start: what each is blamed for, and that it is blamed for
//! nothing else.

use std::collections::BTreeMap;
use std::slice;
use std::time::Duration;

use mtls_gauntlet::expect::Level;
use mtls_gauntlet::judge::{FailureKind, Verdict};
use mtls_gauntlet::observe::TargetEnd;
use mtls_gauntlet::record::{CaseRecord, Objection, Run};
use mtls_gauntlet::scenario::Role;

use super::rig::{self, Rig};
use super::support::{Bench, find};

const CRASH: &str = "crash.gauntlet.test";

/// What peers are called that nothing is the matter with; the cases of a start run by their names.
const BEFORE: &str = "anna.gauntlet.test";
const AFTER: &str = "zoe.gauntlet.test";

#[test]
fn who_exits_crashes_in_that_case_alone() {
    dies("exits-on", "exit status: 70", Some("too much for me"));
}

#[test]
fn so_does_who_is_killed() {
    dies("dies-on", "signal: 9", None);
}

#[test]
fn a_death_after_the_exchange_is_the_fault_of_that_case() {
    dies("exits-after", "exit status: 71", None);
}

#[test]
fn so_is_one_after_everything_was_said() {
    dies("exits-late", "exit status: 72", None);
}

fn dies(trick: &str, how: &str, log: Option<&str>) {
    let bench = Bench::new();
    let cases = bench.peers(&[BEFORE, CRASH, AFTER]);
    let target = bench.target("odd", &format!("none {trick}={CRASH}"));
    let run = Rig::for_processes().run(slice::from_ref(&target), &cases);
    assert_eq!(run.cases.len(), cases.len());
    for case in &run.cases {
        if !case.id.contains(CRASH) {
            assert_eq!(case.verdict, Verdict::Pass, "{case:?}");
            continue;
        }
        assert_eq!(case.verdict, Verdict::Crash, "{case:?}");
        assert_eq!(case.failure_kind, Some(FailureKind::Crash));
        assert_eq!(case.objection(Level::Must), Some(Objection::Failure));
        assert!(case.reason.contains(how), "{}", case.reason);
        assert!(log.is_none_or(|log| case.reason.contains(log)), "{case:?}");
        let end = &case
            .observation
            .as_ref()
            .unwrap()
            .target
            .as_ref()
            .unwrap()
            .end;
        assert!(matches!(end, TargetEnd::Crashed(_)), "{end:?}");
    }
    starts_anew_after_each(&run, Verdict::Crash);
    bench.assert_alone();
}

/// As a server a target that hangs or dies is started again for the next case, if there is one.
fn starts_anew_after_each(run: &Run, verdict: Verdict) {
    for target in &run.targets {
        let own = run.cases.iter().filter(|case| case.role == target.role);
        let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for case in own {
            groups
                .entry(&case.environment_digest)
                .or_default()
                .push(case.verdict);
        }
        // The cases of a group run in the order of their ids; a start after the last is none.
        let starts: usize = groups
            .values()
            .map(|verdicts| {
                let last = verdicts.len() - 1;
                1 + verdicts[..last]
                    .iter()
                    .filter(|one| **one == verdict)
                    .count()
            })
            .sum();
        assert_eq!(target.starts as usize, starts, "{target:?}");
    }
}

#[test]
fn who_dies_of_a_peer_that_it_should_refuse_has_not_refused_it() {
    let bench = Bench::new();
    let target = bench.target("odd", "panics-on-bad-certificate");
    let cases = rig::cases(&[
        "encoding/not-der/*",
        "validity/expired/*",
        "validity/future/*",
    ]);
    let run = Rig::for_processes().run(slice::from_ref(&target), &cases);
    for case in &run.cases {
        let expected = match case.scenario.as_str() {
            "encoding/not-der" => Verdict::Crash,
            _ => Verdict::Pass,
        };
        assert_eq!(case.verdict, expected, "{case:?}");
    }
    bench.assert_alone();
}

#[test]
fn who_says_nothing_hangs_in_that_case_alone() {
    let bench = Bench::new();
    let hang = "hang.gauntlet.test";
    let mut cases = bench.peers(&[BEFORE, hang, AFTER]);
    cases.retain(|case| case.role == Role::Server);
    let target = bench.target("odd", &format!("none hangs-on={hang}"));
    // The one case has to wait for its time to be up, and the others have all that time.
    let patient = Rig {
        deadline: Duration::from_secs(10),
        ..Rig::for_processes()
    };
    let run = patient.run(slice::from_ref(&target), &cases);
    for case in &run.cases {
        let expected = match case.id.contains(hang) {
            true => Verdict::Hang,
            false => Verdict::Pass,
        };
        assert_eq!(case.verdict, expected, "{case:?}");
    }
    starts_anew_after_each(&run, Verdict::Hang);
    bench.assert_alone();
}

#[test]
fn who_cannot_is_unsupported_in_its_own_words() {
    for case in all_of("none cannot-do-it") {
        assert_eq!(case.verdict, Verdict::Unsupported, "{case:?}");
        assert!(case.reason.contains("that is more than I was made for"));
        assert!(!case.reason.contains("matter to nobody"), "{}", case.reason);
        assert_eq!(case.objection(Level::Must), None);
    }
}

#[test]
fn who_starts_in_no_environment_is_broken() {
    for (words, what) in [
        ("none exits-at-start", "exit status: 3"),
        (
            "none exits-at-start",
            "this configuration makes no sense to me",
        ),
        ("none refuses-to-start", "I will not have this"),
        ("none babbles", "hello, I am a server!"),
        ("no-such-bug", "there is no bug `no-such-bug`"),
    ] {
        for case in all_of(words) {
            assert_eq!(case.verdict, Verdict::Broken, "{words}: {case:?}");
            assert!(case.reason.contains(what), "{words}: {}", case.reason);
            assert!(case.reason.contains("baseline"), "{words}: {}", case.reason);
            assert_eq!(case.objection(Level::Must), Some(Objection::Broken));
        }
    }
}

#[test]
fn who_falls_out_of_the_contract_is_broken() {
    let bench = Bench::new();
    let target = bench.target("odd", "none forgets-itself");
    // In TLS 1.3 the peer would wait for the word that never comes.
    let cases = rig::cases(&["baseline/full-chain/*/tls1.2", "validity/expired/*/tls1.2"]);
    let run = Rig::for_processes().run(slice::from_ref(&target), &cases);
    for case in &run.cases {
        assert_eq!(case.verdict, Verdict::Broken, "{case:?}");
        assert!(case.reason.contains("come in"), "{}", case.reason);
        assert!(case.reason.contains("no event"), "{}", case.reason);
    }
    bench.assert_alone();
}

#[test]
fn who_will_not_have_one_configuration_alone_has_refused_it() {
    let bench = Bench::new();
    let target = bench.target("odd", "none");
    let cases = rig::cases(&[
        "rotation/target-key-mismatch",
        "trust/empty-bundle",
        "trust/garbage-bundle",
    ]);
    let inside = mtls_gauntlet::target::registry::find("planted:none").unwrap();
    let run = Rig::for_processes().run(&[inside, target], &cases);
    let not_started = |case: &&CaseRecord| {
        let target = case
            .observation
            .as_ref()
            .and_then(|seen| seen.target.as_ref());
        target.is_some_and(|view| matches!(view.end, TargetEnd::RefusedToStart(_)))
    };
    let (inside, outside): (Vec<_>, Vec<_>) = run
        .cases
        .iter()
        .filter(not_started)
        .partition(|case| case.target == "planted:none");
    assert!(!inside.is_empty(), "none of these is about starting");
    let verdicts = |cases: &[&CaseRecord]| -> Vec<_> {
        cases
            .iter()
            .map(|case| (case.id.clone(), case.verdict))
            .collect()
    };
    assert_eq!(verdicts(&inside), verdicts(&outside));
    bench.assert_alone();
}

#[test]
fn who_is_never_ready_is_broken_and_ended() {
    let bench = Bench::new();
    let descriptor = bench.describe_with("odd", "none is-never-ready", "start-deadline-ms = 300");
    let run = Rig::for_processes().run(&[find(&descriptor)], &rig::cases(&["baseline/full-chain"]));
    for case in &run.cases {
        assert_eq!(case.verdict, Verdict::Broken, "{case:?}");
        assert!(
            case.reason.contains("not ready after 0.3 s"),
            "{}",
            case.reason
        );
        assert!(case.reason.contains("still reading my configuration"));
    }
    bench.assert_alone();
}

#[test]
fn who_does_not_end_is_ended() {
    let bench = Bench::new();
    let target = bench.target("odd", "none outstays-its-welcome");
    let run = Rig::for_processes().run(&[target], &rig::cases(&["baseline/full-chain"]));
    assert!(run.cases.iter().all(|case| case.verdict == Verdict::Pass));
    bench.assert_alone();
}

#[test]
fn a_child_of_a_target_ends_with_it() {
    let bench = Bench::new();
    for words in [
        "none leaves-a-child",
        "none leaves-a-child exits-at-start",
        "none leaves-a-child exits-on=peer.gauntlet.test",
    ] {
        let target = bench.target("odd", words);
        Rig::for_processes().run(&[target], &rig::cases(&["baseline/full-chain"]));
        bench.assert_alone();
    }
}

/// The cases of a shim that is started with these words.
fn all_of(words: &str) -> Vec<CaseRecord> {
    let bench = Bench::new();
    let target = bench.target("odd", words);
    let run = Rig::for_processes().run(&[target], &rig::cases(&["baseline/full-chain"]));
    bench.assert_alone();
    assert_eq!(run.cases.len(), 4);
    run.cases
}
