//! What becomes of rows that were measured: what is compared with what, and what counts as slower.

use mtls_gauntlet::compare::{
    Basis, Comparison, Figure, Finding, Kind, Metric, Outcome, Row, Terms,
};
use mtls_gauntlet::record::{Measurement, Run};
use mtls_gauntlet::scenario::bench::{Arrival, Setting, row_digest};

use super::{compare, sample};

pub const STEADY: [u64; 5] = [100, 101, 99, 100, 100];
pub const SLOWER: [u64; 5] = [130, 131, 129, 130, 130];

pub fn on(machine: &str, rows: &[Measurement]) -> Run {
    sample::bench_of(machine, rows.to_vec())
}

pub fn mutual(cpu_us: &[u64]) -> Measurement {
    sample::measurement("mutual", cpu_us)
}

pub fn pair(before: Measurement, after: Measurement) -> Comparison {
    compare(&on("one", &[before]), &on("one", &[after]))
}

pub fn figure(row: &Row, metric: Metric) -> &Figure {
    let figures = row.figures.iter();
    let mut of_metric = figures.filter(|figure| figure.metric == metric);
    of_metric.next_back().unwrap()
}

#[test]
fn a_planted_slow_down_is_found_where_it_is() {
    let comparison = pair(mutual(&STEADY), mutual(&SLOWER));
    assert_eq!(comparison.outcome, Outcome::Performance);
    assert_eq!(comparison.conformance, []);
    let row = &comparison.performance[0];
    assert_eq!((row.basis, row.gates), (Basis::Measured, true));
    let findings: Vec<_> = row
        .figures
        .iter()
        .map(|one| (one.metric, one.finding))
        .collect();
    assert_eq!(
        findings,
        [
            (Metric::CpuHarness, Finding::WithinTolerance),
            (Metric::CpuTarget, Finding::Slower),
            (Metric::FirstByteP50, Finding::WithinTolerance),
            (Metric::FirstByteP99, Finding::WithinTolerance),
            (Metric::Rate, Finding::WithinTolerance),
        ]
    );
    let target = figure(row, Metric::CpuTarget);
    let [from, to] = target.interval.unwrap();
    assert!((target.ratio.unwrap() - 1.3).abs() < 0.001, "{target:?}");
    assert!(from > 1.28 && to < 1.32, "{target:?}");
    assert_eq!(target.repetitions, [5, 5]);
}

#[test]
fn better_is_faster_and_less_than_the_tolerance_is_alike() {
    let comparison = pair(mutual(&SLOWER), mutual(&STEADY));
    assert_eq!(comparison.outcome, Outcome::NothingRegressed);
    assert_eq!(comparison.counts.faster_rows, 1);
    let wide = Terms {
        tolerance: 40.0,
        ..Terms::default()
    };
    let (before, after) = (on("one", &[mutual(&STEADY)]), on("one", &[mutual(&SLOWER)]));
    let comparison = Comparison::of(&before, &after, wide);
    assert_eq!(comparison.outcome, Outcome::NothingRegressed);
    assert_eq!(comparison.counts.faster_rows, 0);
}

#[test]
fn doubt_does_not_gate() {
    // Twice as slow on average, but no two repetitions agree.
    let comparison = pair(
        mutual(&[50, 100, 200, 25, 400]),
        mutual(&[100, 200, 400, 50, 800]),
    );
    let target = figure(&comparison.performance[0], Metric::CpuTarget);
    assert!((target.ratio.unwrap() - 2.0).abs() < 0.001);
    assert_eq!(target.finding, Finding::WithinTolerance);
    assert_eq!(comparison.outcome, Outcome::NothingRegressed);
}

#[test]
fn one_repetition_is_no_interval_and_says_so() {
    let comparison = pair(mutual(&STEADY), mutual(&[500]));
    let row = &comparison.performance[0];
    assert_eq!(comparison.outcome, Outcome::Incomplete);
    for figure in &row.figures {
        assert_eq!(
            (figure.interval, figure.finding, figure.can_gate),
            (None, Finding::TooFew, false)
        );
        assert!(figure.ratio.is_some());
    }
    assert!(
        row.remarks
            .iter()
            .any(|one| one.contains("fewer than two repetitions")),
        "{row:?}"
    );
}

#[test]
fn latencies_and_rates_gate_by_their_own_tolerance_and_the_p99_never_does() {
    // Five times slower in everything but processor time.
    let slow = Measurement {
        repetitions: mutual(&[5000; 5])
            .repetitions
            .into_iter()
            .map(|mut one| {
                one.cpu.target_ns = Some(one.tally.confirmed * 100_000);
                one
            })
            .collect(),
        ..mutual(&[5000; 5])
    };
    let (before, after) = (on("one", &[mutual(&[1000; 5])]), on("one", &[slow]));
    let before = Run {
        measurements: before
            .measurements
            .into_iter()
            .map(|mut row| {
                for one in &mut row.repetitions {
                    one.cpu.target_ns = Some(one.tally.confirmed * 100_000);
                }
                row
            })
            .collect(),
        ..before
    };
    let at = |latency_tolerance| {
        let terms = Terms {
            latency_tolerance,
            ..Terms::default()
        };
        Comparison::of(&before, &after, terms)
    };
    let comparison = at(100.0);
    let row = &comparison.performance[0];
    assert_eq!(comparison.outcome, Outcome::Performance);
    for (metric, finding, gates) in [
        (Metric::CpuTarget, Finding::WithinTolerance, false),
        (Metric::FirstByteP50, Finding::Slower, true),
        (Metric::FirstByteP99, Finding::Slower, false),
        (Metric::Rate, Finding::Slower, true),
    ] {
        let figure = figure(row, metric);
        assert_eq!(
            (figure.finding, figure.gates()),
            (finding, gates),
            "{metric:?}"
        );
    }
    assert!((figure(row, Metric::Rate).ratio.unwrap() - 0.2).abs() < 0.001);
    assert_eq!(at(1000.0).outcome, Outcome::NothingRegressed);
}

#[test]
fn a_rate_means_something_in_a_closed_loop_alone() {
    let open = |cpu_us: &[u64]| {
        let setting = Setting {
            arrival: Arrival::Rate(400),
            ..Setting::default()
        };
        Measurement {
            setting,
            setting_digest: row_digest(&setting),
            ..mutual(cpu_us)
        }
    };
    let comparison = pair(open(&STEADY), open(&STEADY));
    let metrics = comparison.performance[0]
        .figures
        .iter()
        .map(|one| one.metric);
    assert!(!metrics.collect::<Vec<_>>().contains(&Metric::Rate));
}

#[test]
fn other_settings_are_not_compared() {
    let deep = Setting {
        depth: 5,
        ..mutual(&STEADY).setting
    };
    let otherwise = [
        Measurement {
            setting: deep,
            setting_digest: row_digest(&deep),
            ..mutual(&SLOWER)
        },
        Measurement {
            transport: "memory".into(),
            ..mutual(&SLOWER)
        },
        Measurement {
            embedded: true,
            ..mutual(&SLOWER)
        },
        Measurement {
            workers: 8,
            ..mutual(&SLOWER)
        },
    ];
    let said = [
        "depth 3 -> 5",
        "transport tcp -> memory",
        "embedded false -> true",
        "workers 2 -> 8",
    ];
    for (after, said) in otherwise.into_iter().zip(said) {
        let comparison = pair(mutual(&STEADY), after);
        let row = &comparison.performance[0];
        assert_eq!(
            (row.basis, row.gates, row.figures.len()),
            (Basis::OtherSetting, false, 0)
        );
        assert_eq!(
            row.remarks,
            [format!("setting differs, not compared: {said}")]
        );
        assert_eq!(comparison.outcome, Outcome::Incomplete);
        assert!(comparison.sentence().contains("no times compared"));
    }
}

#[test]
fn machines_that_differ_are_compared_by_the_reference_row() {
    let reference = |cpu_us| sample::measurement("server-only", cpu_us);
    let before = on("one", &[reference(&[50; 5]), mutual(&STEADY)]);
    // Another machine takes half the time for everything.
    let [half, quarter] = [[50, 51, 49, 50, 50], [25; 5]];
    let alike = compare(&before, &on("other", &[reference(&quarter), mutual(&half)]));
    assert_eq!(alike.outcome, Outcome::NothingRegressed);
    assert!(!alike.same_machine);
    let bases: Vec<_> = alike.performance.iter().map(|row| row.basis).collect();
    assert_eq!(bases, [Basis::OtherMachine, Basis::Relative]);
    let figures = &alike.performance[1].figures;
    let (relative, measured): (Vec<_>, Vec<_>) =
        figures.iter().partition(|one| one.relative_to.is_some());
    for figure in measured {
        assert_eq!((figure.ratio, figure.interval), (None, None));
        assert_eq!(
            (figure.finding, figure.can_gate),
            (Finding::OtherMachine, false)
        );
    }
    let metrics: Vec<_> = relative.iter().map(|one| one.metric).collect();
    assert_eq!(metrics, [Metric::CpuHarness, Metric::CpuTarget]);
    assert!(
        (relative[1].before - 2.0).abs() < 0.01 && (relative[1].ratio.unwrap() - 1.0).abs() < 0.01
    );

    // There mutual authentication has become dearer, although everything is faster than it was.
    let dearer = compare(
        &before,
        &on("other", &[reference(&quarter), mutual(&[75; 5])]),
    );
    assert_eq!(dearer.outcome, Outcome::Performance);
    assert!(dearer.performance[1].gates && !dearer.performance[0].gates);

    // Somebody says that they are alike.
    let terms = Terms {
        same_machine: true,
        ..Terms::default()
    };
    let asserted = Comparison::of(
        &before,
        &on("other", &[reference(&[50; 5]), mutual(&SLOWER)]),
        terms,
    );
    assert_eq!(asserted.outcome, Outcome::Performance);
    assert_eq!(asserted.performance[1].basis, Basis::Measured);
}

#[test]
fn no_reference_no_gate_between_machines() {
    let reference = |cpu_us| sample::measurement("server-only", cpu_us);
    let without = |cpu_us: &[u64]| Measurement {
        reference: None,
        ..mutual(cpu_us)
    };
    let deep = Setting {
        depth: 5,
        ..mutual(&STEADY).setting
    };
    let other = Measurement {
        setting: deep,
        setting_digest: row_digest(&deep),
        ..reference(&STEADY)
    };
    for (before, after) in [
        (vec![without(&STEADY)], vec![without(&SLOWER)]),
        (vec![mutual(&STEADY)], vec![mutual(&SLOWER)]),
        (
            vec![reference(&STEADY), mutual(&STEADY)],
            vec![mutual(&SLOWER)],
        ),
        (
            vec![reference(&STEADY), mutual(&STEADY)],
            vec![other, mutual(&SLOWER)],
        ),
    ] {
        let comparison = compare(&on("one", &before), &on("other", &after));
        let row = comparison.performance.last().unwrap();
        assert_eq!((row.basis, row.gates), (Basis::OtherMachine, false));
        assert_eq!(comparison.outcome, Outcome::Incomplete);
        assert!(
            row.remarks[0].starts_with("of different machines, not compared: "),
            "{row:?}"
        );
    }
    // A machine of which nothing is known is no machine.
    let nameless = |rows: &[Measurement]| Run {
        host: sample::run().host,
        ..on("one", rows)
    };
    let comparison = compare(&nameless(&[mutual(&STEADY)]), &nameless(&[mutual(&SLOWER)]));
    assert!(!comparison.same_machine);
}

#[test]
fn who_is_not_answered_any_longer_does_not_pass_for_fast() {
    let silent = |numbers: &[u32]| {
        let mut row = mutual(&STEADY);
        for one in &mut row.repetitions {
            if numbers.contains(&one.number) {
                one.tally
                    .failed
                    .insert("refused".into(), one.tally.confirmed);
                one.tally.confirmed = 0;
                one.latency = Default::default();
            }
        }
        row
    };
    let none = Measurement {
        repetitions: vec![],
        unmeasured: Some("it did not start".into()),
        broken: false,
        ..mutual(&[])
    };
    for after in [silent(&[3]), silent(&[1, 2, 3, 4, 5]), none.clone()] {
        for machine in ["one", "other"] {
            let comparison = compare(
                &on("one", &[mutual(&STEADY)]),
                &on(machine, std::slice::from_ref(&after)),
            );
            assert_eq!(comparison.outcome, Outcome::Performance);
            assert_eq!(comparison.performance[0].basis, Basis::Lost);
        }
        assert_eq!(
            pair(after, mutual(&STEADY)).outcome,
            Outcome::NothingRegressed
        );
    }
    assert_eq!(
        pair(silent(&[3]), silent(&[3, 4])).performance[0].basis,
        Basis::Measured
    );
    let unmeasured = pair(none.clone(), none);
    assert_eq!(unmeasured.performance[0].basis, Basis::Unmeasured);
    assert_eq!(
        unmeasured.performance[0].remarks,
        ["nothing was measured: it did not start"]
    );
}

#[test]
fn rows_that_are_new_or_gone_are_listed() {
    let before = on(
        "one",
        &[mutual(&STEADY), sample::measurement("server-only", &STEADY)],
    );
    let after = on(
        "one",
        &[mutual(&STEADY), sample::measurement("resumed", &STEADY)],
    );
    let comparison = compare(&before, &after);
    let mut bases: Vec<_> = comparison
        .performance
        .iter()
        .map(|row| (row.id.as_str(), row.basis))
        .collect();
    bases.sort_by_key(|(id, _)| *id);
    assert_eq!(
        bases,
        [
            ("overhead/mutual", Basis::Measured),
            ("overhead/resumed", Basis::New),
            ("overhead/server-only", Basis::Gone),
        ]
    );
    assert_eq!(comparison.outcome, Outcome::NothingRegressed);
    assert!(
        comparison
            .notes
            .iter()
            .any(|note| note.starts_with("1 row of the first record"))
    );
}

#[test]
fn a_stranger_that_is_let_in_is_a_conformance_regression() {
    let strangers = |accepted| {
        let mut row = mutual(&STEADY);
        let tally = &mut row.repetitions[2].tally;
        tally.strangers = 20;
        tally.strangers_accepted = accepted;
        tally.strangers_refused = 20 - accepted;
        row
    };
    for (before, after, changes, outcome) in [
        (
            strangers(0),
            strangers(1),
            vec![(Kind::Regressed, true)],
            Outcome::Conformance,
        ),
        (
            strangers(1),
            strangers(0),
            vec![(Kind::Fixed, false)],
            Outcome::NothingRegressed,
        ),
        (
            strangers(1),
            strangers(7),
            vec![],
            Outcome::NothingRegressed,
        ),
        (
            strangers(0),
            strangers(0),
            vec![],
            Outcome::NothingRegressed,
        ),
        // Nobody knocked before.
        (
            mutual(&STEADY),
            strangers(2),
            vec![(Kind::New, true)],
            Outcome::Conformance,
        ),
    ] {
        let comparison = pair(before, after);
        let found: Vec<_> = comparison
            .conformance
            .iter()
            .map(|one| (one.kind, one.gates))
            .collect();
        assert_eq!((found, comparison.outcome), (changes, outcome));
    }
    let comparison = pair(strangers(0), strangers(1));
    let change = &comparison.conformance[0];
    assert_eq!(change.id, "overhead/mutual");
    assert_eq!(
        change.after.as_ref().unwrap().reason,
        "1 of 20 strangers were let in under load"
    );
}
