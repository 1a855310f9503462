//! What holds for any two records.

use mtls_gauntlet::compare::interval::ratio;
use mtls_gauntlet::compare::{Change, Comparison, Finding, Format, Kind, Outcome as Comes, Terms};
use mtls_gauntlet::expect::{Level, Outcome};
use mtls_gauntlet::judge::{FailureKind, Verdict};
use mtls_gauntlet::record::{CaseRecord, Run};
use proptest::prelude::*;

use super::{compare, sample};

fn case() -> impl Strategy<Value = CaseRecord> {
    let verdict = prop::sample::select(&Verdict::ALL[..]);
    let kind = prop::sample::select(vec![
        FailureKind::AcceptedForbidden,
        FailureKind::RefusedValid,
        FailureKind::Slow,
        FailureKind::Careless,
    ]);
    let level = prop::sample::select(vec![Level::Must, Level::Should, Level::May]);
    (0..6_u8, any::<bool>(), verdict, kind, level, 0..4_u8).prop_map(
        |(name, hasty, verdict, kind, level, known)| CaseRecord {
            target: if hasty { "hasty" } else { "careful" }.into(),
            level,
            failure_kind: match verdict {
                Verdict::Fail => Some(kind),
                Verdict::Hang => Some(FailureKind::Hang),
                Verdict::Crash => Some(FailureKind::Crash),
                _ => None,
            },
            known: (known < 2).then(|| format!("its issue {known}")),
            ..sample::case(&format!("a/{name}"), verdict, Outcome::Reject)
        },
    )
}

/// A record of up to a dozen cases, each of which it has once.
fn cases() -> impl Strategy<Value = Vec<CaseRecord>> {
    prop::collection::vec(case(), 1..12).prop_map(|mut cases| {
        cases.sort_by(|one, other| (&one.target, &one.id).cmp(&(&other.target, &other.id)));
        cases.dedup_by(|one, other| (&one.target, &one.id) == (&other.target, &other.id));
        cases
    })
}

/// A record of cases and rows on one of two machines.
fn run() -> impl Strategy<Value = Run> {
    let figures = || prop::collection::vec(1..2000_u64, 0..6);
    (cases(), figures(), figures(), any::<bool>()).prop_map(|(cases, one, other, here)| {
        let rows = vec![
            sample::measurement("server-only", &one),
            sample::measurement("mutual", &other),
        ];
        Run {
            cases,
            ..sample::bench_of(if here { "here" } else { "there" }, rows)
        }
    })
}

fn find<'c>(comparison: &'c Comparison, change: &Change) -> Option<&'c Change> {
    let mut changes = comparison.conformance.iter();
    changes.find(|other| (&other.target, &other.id) == (&change.target, &change.id))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_record_is_like_itself(run in run()) {
        let comparison = compare(&run, &run);
        prop_assert_eq!(&comparison.conformance, &[]);
        prop_assert_eq!(comparison.outcome, Comes::NothingRegressed);
        prop_assert!(comparison.same_machine);
        for figure in comparison.performance.iter().flat_map(|row| &row.figures) {
            prop_assert_eq!(figure.ratio, Some(1.0));
            prop_assert!(matches!(figure.finding, Finding::WithinTolerance | Finding::TooFew));
        }
    }

    #[test]
    fn the_way_back_is_the_reverse(before in run(), after in run()) {
        let (there, back) = (compare(&before, &after), compare(&after, &before));
        prop_assert_eq!(there.conformance.len(), back.conformance.len());
        for change in &there.conformance {
            let other = find(&back, change).unwrap();
            prop_assert_eq!(&change.before, &other.after);
            prop_assert_eq!(&change.after, &other.before);
            let kinds = (change.kind, other.kind);
            use Kind::*;
            let reversed = match change.kind {
                Fixed => matches!(other.kind, Regressed | RegressedAsKnown),
                New => other.kind == Gone,
                Gone => other.kind == New,
                ChangedAlert => other.kind == ChangedAlert,
                // Bad both times: where proof was lost and what is known decide, and one way is never better than
                // the other is.
                Milder => matches!(other.kind, Regressed | RegressedAsKnown | NewlyKnown),
                Regressed => other.kind != New && other.kind != Gone,
                RegressedAsKnown => matches!(other.kind, Fixed | Milder | Regressed | NoLongerKnown),
                NewlyKnown => matches!(other.kind, NoLongerKnown | Regressed),
                NoLongerKnown => matches!(other.kind, NewlyKnown | RegressedAsKnown),
            };
            prop_assert!(reversed, "{:?}", kinds);
        }
        for (one, other) in there.performance.iter().zip(&back.performance) {
            prop_assert_eq!(&one.id, &other.id);
            prop_assert_eq!(one.figures.len(), other.figures.len());
            for (one, other) in one.figures.iter().zip(&other.figures) {
                prop_assert_eq!(one.ratio.is_some(), other.ratio.is_some());
                if let (Some(ratio), Some(inverse)) = (one.ratio, other.ratio) {
                    prop_assert!((ratio * inverse - 1.0).abs() < 1e-9);
                }
                prop_assert_eq!(one.interval.is_some(), other.interval.is_some());
                if let (Some([from, to]), Some([lower, upper])) = (one.interval, other.interval) {
                    prop_assert!((from * upper - 1.0).abs() < 1e-9 && (to * lower - 1.0).abs() < 1e-9);
                }
                let reversed = match one.finding {
                    Finding::Slower => Finding::Faster,
                    Finding::Faster => Finding::Slower,
                    same => same,
                };
                prop_assert_eq!(other.finding, reversed);
            }
        }
    }

    #[test]
    fn the_order_of_a_record_does_not_matter(before in run(), after in run(), by in 0..12_usize) {
        let turned = |run: &Run| {
            let mut run = run.clone();
            let by = by % run.cases.len();
            run.cases.rotate_left(by);
            run.cases.reverse();
            run.measurements.reverse();
            for row in &mut run.measurements {
                row.repetitions.reverse();
            }
            run
        };
        let plain = compare(&before, &after);
        let other = compare(&turned(&before), &turned(&after));
        prop_assert_eq!(plain.to_json().unwrap(), other.to_json().unwrap());
    }

    #[test]
    fn what_gates_is_counted_and_every_format_can_show_it(before in run(), after in run()) {
        let comparison = Comparison::of(&before, &after, Terms { level: Level::May, ..Terms::default() });
        let total: usize = comparison.counts.changes.values().sum();
        prop_assert_eq!(total, comparison.conformance.len());
        let gates = comparison.conformance.iter().filter(|change| change.gates).count();
        prop_assert_eq!(gates, comparison.counts.gating_changes);
        // At this level every regression gates.
        let regressed = comparison.count(Kind::Regressed) + comparison.count(Kind::NoLongerKnown);
        prop_assert!(gates >= regressed);
        let text = Format::Terminal.render(&comparison).unwrap();
        prop_assert!(text.contains(&comparison.sentence()));
        prop_assert_eq!(text.contains("the gate is open"), comparison.outcome == Comes::NothingRegressed);
    }

    #[test]
    fn constant_data_has_its_true_ratio(value in 1e-3..1e9_f64, factor in 1e-3..1e3_f64, n in 2..9_usize, m in 2..9_usize) {
        let found = ratio(&vec![value; n], &vec![value * factor; m]).unwrap();
        let [from, to] = found.interval.unwrap();
        prop_assert!(from <= factor * (1.0 + 1e-9) && factor <= to * (1.0 + 1e-9), "{found:?} {factor}");
        prop_assert!(to / from < 1.0 + 1e-9);
    }

    #[test]
    fn the_ratio_is_within_its_interval(
        before in prop::collection::vec(1e-3..1e9_f64, 2..9),
        after in prop::collection::vec(1e-3..1e9_f64, 2..9),
    ) {
        let found = ratio(&before, &after).unwrap();
        let [from, to] = found.interval.unwrap();
        prop_assert!(from <= found.value && found.value <= to);
    }
}
