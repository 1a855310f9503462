//! What must not pass for as good as before: rows that say less, or that were measured elsewhere or otherwise.

use mtls_gauntlet::compare::{Basis, Finding, Metric, Outcome};
use mtls_gauntlet::record::Measurement;
use mtls_gauntlet::record::measurement::Repetition;
use mtls_gauntlet::scenario::bench::{Arrival, Strangers, row_digest};

use super::rows::{SLOWER, STEADY, figure, mutual, on, pair};
use super::{compare, sample};

/// In such a row nobody is confirmed, and refusals cost something all the same.
#[test]
fn a_row_of_strangers_alone_is_compared() {
    let strangers = |cpu_us: &[u64]| {
        let mut row = mutual(cpu_us);
        row.setting.strangers = Strangers::Expired;
        row.setting.stranger_share = 100;
        row.setting_digest = row_digest(&row.setting);
        for one in &mut row.repetitions {
            one.tally.strangers = one.tally.confirmed;
            one.tally.strangers_refused = one.tally.confirmed;
            (one.tally.due, one.tally.confirmed, one.tally.in_time) = (0, 0, 0);
        }
        row
    };
    let comparison = pair(strangers(&STEADY), strangers(&SLOWER));
    let row = &comparison.performance[0];
    assert_eq!((row.basis, row.gates), (Basis::Measured, true), "{row:?}");
    let mut let_in = strangers(&SLOWER);
    for one in &mut let_in.repetitions {
        one.tally.strangers_accepted = std::mem::take(&mut one.tally.strangers_refused);
    }
    let comparison = pair(strangers(&STEADY), let_in);
    assert_eq!(comparison.performance[0].basis, Basis::Lost);
}

/// What was merged from several machines' parts has times of several machines, whatever machine comes first.
#[test]
fn records_of_several_machines_are_not_taken_for_one() {
    let rows = |cpu_us| [sample::measurement("server-only", &STEADY), mutual(cpu_us)];
    let run = |cpu_us, machines: &[&str]| sample::divided(on("one", &rows(cpu_us)), machines);
    let compared = |machines: &[&str]| compare(&run(&STEADY, machines), &run(&SLOWER, machines));
    let of_one = compared(&["one", "one"]);
    assert!(of_one.same_machine);
    assert_eq!(of_one.outcome, Outcome::Performance);
    let of_two = compared(&["one", "two"]);
    assert!(!of_two.same_machine);
    for row in &of_two.performance {
        assert_eq!(row.basis, Basis::OtherMachine, "{row:?}");
    }
    assert!(of_two.performance[1].remarks[0].contains("merged from parts of several machines"));
}

/// Whatever a program takes that was built without optimisation, one that was would take less.
#[test]
fn a_record_of_an_unoptimised_program_hides_nothing() {
    let mut before = on("one", &[mutual(&SLOWER)]);
    before.tool.unoptimised = true;
    let comparison = compare(&before, &on("one", &[mutual(&STEADY)]));
    let row = &comparison.performance[0];
    assert_eq!((row.basis, row.gates), (Basis::OtherSetting, false));
    assert!(row.remarks[0].contains("built without optimisation"));
    assert_eq!(comparison.outcome, Outcome::Incomplete);
}

/// Rows of which nothing can be said do not take it from the others.
#[test]
fn one_row_that_is_compared_is_enough() {
    let silent = || Measurement {
        unmeasured: Some("the target does not speak tls1.2".into()),
        ..sample::measurement("older", &[])
    };
    let comparison = compare(
        &on("one", &[mutual(&STEADY), silent()]),
        &on("one", &[mutual(&STEADY), silent()]),
    );
    assert_eq!(comparison.outcome, Outcome::NothingRegressed);
}

/// What is no longer there has no figures to be slower in.
#[test]
fn what_a_row_has_less_of_than_before_gates() {
    let changed = |change: fn(&mut Repetition)| {
        let mut row = mutual(&STEADY);
        row.repetitions.iter_mut().for_each(change);
        row
    };
    let otherwise = [
        changed(|one| one.tally.due *= 10),
        changed(|one| {
            let most = one.tally.confirmed * 9 / 10;
            one.tally.confirmed -= most;
            one.tally.other_kind += most;
        }),
        changed(|one| {
            one.tally.due += 20;
            one.tally.failed.insert("reset".into(), 20);
        }),
        changed(|one| one.cpu.target_ns = None),
        changed(|one| one.latency = Default::default()),
        Measurement {
            broken: true,
            unmeasured: Some("it died".into()),
            ..mutual(&STEADY)
        },
    ];
    for after in otherwise {
        let comparison = pair(mutual(&STEADY), after);
        let row = &comparison.performance[0];
        assert!(row.gates && !row.remarks.is_empty(), "{row:?}");
        assert_eq!(comparison.outcome, Outcome::Performance);
    }
    // Where as much was lost before, or a little now and then, nothing is less.
    let lossy = || changed(|one| one.tally.due *= 2);
    assert_eq!(pair(lossy(), lossy()).outcome, Outcome::NothingRegressed);
    let mut once = mutual(&STEADY);
    once.repetitions[2].tally.due *= 2;
    let comparison = pair(mutual(&STEADY), once);
    assert_eq!(comparison.outcome, Outcome::NothingRegressed);
}

/// In an open loop a dial that had to wait is the target's doing.
#[test]
fn open_loops_are_compared_from_due() {
    let open = |waited: u64| {
        let mut row = mutual(&STEADY);
        row.setting.arrival = Arrival::Rate(500);
        row.setting_digest = row_digest(&row.setting);
        for one in &mut row.repetitions {
            for number in 0..100 {
                one.latency.from_due.add(waited + number);
            }
        }
        row
    };
    let comparison = pair(open(1_000_000), open(9_000_000));
    assert_eq!(comparison.outcome, Outcome::Performance);
    let row = &comparison.performance[0];
    assert_eq!(figure(row, Metric::FirstByteP50).finding, Finding::Slower);
    assert!(!row.figures.iter().any(|one| one.metric == Metric::Rate));
}

/// A share of saturation is as much as the target can bear: where it bears less, less was due.
#[test]
fn a_target_that_bears_less_is_slower() {
    let half = |per_second: u64| {
        let mut row = mutual(&STEADY);
        row.setting.arrival = Arrival::Share(50);
        row.setting_digest = row_digest(&row.setting);
        for one in &mut row.repetitions {
            one.tally.due = per_second;
            one.tally.confirmed = per_second;
            one.tally.in_time = per_second;
            one.latency.from_due = one.latency.first_byte.clone();
        }
        row
    };
    assert_eq!(pair(half(500), half(190)).outcome, Outcome::Performance);
    assert_eq!(
        pair(half(500), half(450)).outcome,
        Outcome::NothingRegressed
    );
}
