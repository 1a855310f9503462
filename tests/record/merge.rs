//! Merging is exact and knows no order: whatever is merged with what before, the record is the same.

use std::collections::BTreeMap;

use mtls_gauntlet::expect::Outcome;
use mtls_gauntlet::judge::Verdict;
use mtls_gauntlet::record::measurement::{Latencies, Repetition, Slice};
use mtls_gauntlet::record::merge::{MOST, MergeError, merge};
use mtls_gauntlet::record::{
    CaseRecord, Division, Latency, Measurement, Run, ShardRecord, Summary, TargetRecord,
};
use mtls_gauntlet::scenario::Role;
use mtls_gauntlet::scenario::bench::Setting;
use mtls_gauntlet::scenario::select::Shard;
use proptest::prelude::*;
use proptest::sample::Index;

use super::sample;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_parts_of_a_run_are_the_run(whole in whole(), count in 1_u32..6) {
        let merged = merge(split(&whole, count)).unwrap();
        prop_assert!(merged.complete);
        prop_assert_eq!(&merged.cases, &whole.cases);
        prop_assert_eq!(&merged.targets, &whole.targets);
        prop_assert_eq!(&merged.measurements, &whole.measurements);
        prop_assert_eq!(merged.summary, whole.summary);
        prop_assert_eq!(&merged.started_at, &whole.started_at);
    }

    #[test]
    fn no_order_and_no_nesting_changes_the_record(
        (parts, order) in together_or_apart().prop_flat_map(|parts| {
            let order: Vec<usize> = (0..parts.len()).collect();
            (Just(parts), Just(order).prop_shuffle())
        }),
        steps in prop::collection::vec((any::<Index>(), any::<Index>()), 0..8),
    ) {
        let flat = merge(parts.clone()).unwrap();
        let mut records: Vec<Run> = order.iter().map(|index| parts[*index].clone()).collect();
        for (one, other) in steps {
            // A record may be merged with itself: it is still there once.
            let one = records[one.index(records.len())].clone();
            let place = other.index(records.len());
            let other = records.swap_remove(place);
            records.push(reread(&merge(vec![one, other]).unwrap()));
        }
        let nested = merge(records).unwrap();
        prop_assert_eq!(nested.to_json().unwrap(), flat.to_json().unwrap());
        prop_assert_eq!(&merge(vec![flat.clone()]).unwrap(), &flat);
    }

    #[test]
    fn a_run_that_lacks_anything_is_incomplete(
        whole in whole(), count in 2_u32..6, lost in any::<Index>(), kind in 0..3,
    ) {
        let mut parts = split(&whole, count);
        let lost = lost.index(parts.len());
        match kind {
            0 => drop(parts.remove(lost)),
            1 => parts[lost].complete = false,
            _ => {
                // A part says that it is complete and has lost a case: the count gives it away.
                let Some(part) = parts.iter_mut().find(|part| !part.cases.is_empty()) else {
                    return Ok(());
                };
                part.cases.pop();
            }
        }
        let merged = merge(parts).unwrap();
        prop_assert!(!merged.complete);
        let record = merged.merged.unwrap();
        let number = u32::try_from(lost + 1).unwrap();
        prop_assert_eq!(record.missing, if kind == 0 { vec![number] } else { vec![] });
        prop_assert_eq!(record.cut_short, if kind == 1 { vec![number] } else { vec![] });
    }

    #[test]
    fn loads_of_one_repetition_are_added_up(parts in together()) {
        let merged = merge(parts.clone()).unwrap();
        let row = &merged.measurements[0];
        for repetition in &row.repetitions {
            let same = || parts.iter().flat_map(|part| &part.measurements)
                .flat_map(|row| &row.repetitions)
                .filter(|other| other.number == repetition.number);
            let sum = |of: fn(&Repetition) -> u64| same().map(of).sum::<u64>();
            prop_assert_eq!(repetition.tally.due, sum(|one| one.tally.due));
            prop_assert_eq!(repetition.tally.failed["refused"], sum(|one| one.tally.failed["refused"]));
            prop_assert_eq!(repetition.cpu.harness_ns, sum(|one| one.cpu.harness_ns));
            prop_assert_eq!(repetition.latency.confirmed.count(), sum(|one| one.latency.confirmed.count()));
            prop_assert_eq!(repetition.duration_us, same().map(|one| one.duration_us).max().unwrap());
            prop_assert_eq!(repetition.cpu.target_ns, same().map(|one| one.cpu.target_ns).max().unwrap());
            let slowest = same().map(|one| one.latency.confirmed.quantile(1.0)).max().unwrap();
            prop_assert_eq!(repetition.latency.confirmed.quantile(1.0), slowest);
            let starts: Vec<u64> = repetition.course.iter().map(|slice| slice.from_us).collect();
            prop_assert!(starts.is_sorted());
            let failed = |one: &Repetition| one.course.iter().map(|slice| slice.failed).sum::<u64>();
            prop_assert_eq!(failed(repetition), same().map(failed).sum::<u64>());
        }
    }
}

#[test]
fn a_part_that_is_there_twice_counts_once() {
    let parts = split(&some(), 3);
    let once = merge(parts.clone()).unwrap();
    let twice = merge([parts.clone(), parts.clone()].concat()).unwrap();
    assert_eq!(once, twice);
    // A first attempt that was cut short gives way to the second.
    let attempt = |cases: usize| {
        let mut part = parts[0].clone();
        part.complete = false;
        part.cases.truncate(cases);
        part
    };
    assert!(parts[0].cases.len() >= 2, "the sample is too small");
    let all = [vec![attempt(1)], parts.clone(), vec![attempt(0)]].concat();
    assert_eq!(merge(all).unwrap(), once);
    // Of two that were cut short the one that came further stays, whichever comes first.
    let rest = parts[1..].to_vec();
    let of = |attempts: Vec<Run>| merge([attempts, rest.clone()].concat()).unwrap();
    let further = of(vec![attempt(2)]);
    assert_eq!(of(vec![attempt(1), attempt(2)]), further);
    assert_eq!(of(vec![attempt(2), attempt(1)]), further);
    assert!(!further.complete);
}

#[test]
fn what_cannot_be_merged_says_why() {
    let whole = some();
    let parts = split(&whole, 2);
    let changed = |change: &dyn Fn(&mut Run)| {
        let mut other = parts[1].clone();
        change(&mut other);
        merge(vec![parts[0].clone(), other])
            .unwrap_err()
            .to_string()
    };
    let errors = [
        merge(Vec::new()).unwrap_err().to_string(),
        changed(&|run| run.shard = None),
        changed(&|run| run.seed = 9),
        changed(&|run| run.tool.version = "0.0.1".into()),
        changed(&|run| shard(run).selection = "another".into()),
        changed(&|run| shard(run).whole += 1),
        changed(&|run| shard(run).count = 3),
        changed(&|run| shard(run).division = Division::Together),
        changed(&|run| shard(run).number = 3),
        changed(&|run| shard(run).number = 0),
        changed(&|run| run.targets[0].version = "1.2.4".into()),
        changed(&|run| run.cases.push(run.cases[0].clone())),
        changed(&|run| run.targets.push(run.targets[0].clone())),
        changed(&|run| run.cases.clone_from(&parts[0].cases)),
        changed(&|run| run.measurements.clone_from(&whole.measurements)),
    ];
    let first_lines = errors.iter().map(|error| error.lines().next().unwrap());
    insta::assert_snapshot!(first_lines.collect::<Vec<_>>().join("\n"));
    // Two complete records of one part.
    let mut rival = parts[0].clone();
    rival.cases.pop();
    let error = merge(vec![parts[0].clone(), rival]).unwrap_err();
    assert!(
        matches!(error, MergeError::Rivals { number: 1, .. }),
        "{error}"
    );
}

#[test]
fn a_record_that_is_no_record_of_ours_hurts_nobody() {
    let mut part = split(&some(), 1).remove(0);
    shard(&mut part).count = u32::MAX;
    let error = merge(vec![part.clone()]).unwrap_err();
    assert!(matches!(error, MergeError::Impossible { .. }), "{error}");
    shard(&mut part).count = MOST;
    part.cases.clear();
    part.measurements.clear();
    let mut merged = merge(vec![part]).unwrap();
    let record = merged.merged.as_mut().unwrap();
    assert_eq!(record.missing.len(), MOST as usize - 1);
    // A merged record whose cases belong to no part of it.
    merged.cases = some().cases;
    let error = merge(vec![merged.clone()]).unwrap_err();
    assert!(matches!(error, MergeError::Stray { .. }), "{error}");
    merged.cases.clear();
    let record = merged.merged.as_mut().unwrap();
    record.parts.clear();
    record.count = u32::MAX;
    assert!(!merge(vec![merged]).unwrap().complete);
}

#[test]
fn machines_are_remembered() {
    let mut parts = split(&some(), 2);
    parts[1].host.machine = Some("another".into());
    parts.reverse();
    let merged = merge(parts.clone()).unwrap();
    assert_eq!(merged.host, parts[1].host, "that of the first part");
    let hosts: Vec<_> = merged
        .merged
        .unwrap()
        .parts
        .into_iter()
        .map(|part| part.host)
        .collect();
    assert_eq!(hosts, [parts[1].host.clone(), parts[0].host.clone()]);
}

/// Of a row that was measured, neither figures nor why there are none: somebody has lost them.
#[test]
fn a_row_that_says_nothing_is_not_there() {
    let mut parts = split(&some(), 2);
    assert!(merge(parts.clone()).unwrap().complete);
    for part in &mut parts {
        for row in &mut part.measurements {
            row.repetitions.clear();
        }
    }
    assert!(!merge(parts).unwrap().complete);
}

fn shard(run: &mut Run) -> &mut ShardRecord {
    run.shard.as_mut().unwrap()
}

/// The record as it comes back from a file.
fn reread(run: &Run) -> Run {
    serde_json::from_str(&run.to_json().unwrap()).unwrap()
}

/// A whole run with enough cases for three shards.
fn some() -> Run {
    let ids = (0..24).map(|index| (index, Verdict::Pass, index % 3 == 0));
    of(&ids.collect::<Vec<_>>(), &[(1, 2), (3, 1)])
}

/// Whole runs with a few cases and rows, over two targets.
fn whole() -> impl Strategy<Value = Run> {
    let verdict = prop::sample::select(&Verdict::ALL[..]);
    let cases = prop::collection::btree_map((0..40_u32, any::<bool>()), verdict, 0..20);
    let rows = prop::collection::btree_map(0..9_u32, 0..4_u32, 0..5);
    (cases, rows).prop_map(|(cases, rows)| {
        let cases: Vec<_> = cases
            .into_iter()
            .map(|((id, hasty), verdict)| (id, verdict, hasty))
            .collect();
        of(&cases, &rows.into_iter().collect::<Vec<_>>())
    })
}

/// A whole run of these cases (number, verdict, target) and rows (place, repetitions).
fn of(cases: &[(u32, Verdict, bool)], rows: &[(u32, u32)]) -> Run {
    let case = |(id, verdict, hasty): &(u32, Verdict, bool)| CaseRecord {
        target: if *hasty { "hasty" } else { "careful" }.into(),
        ..sample::case(&format!("some/case-{id}"), *verdict, Outcome::Reject)
    };
    let mut cases: Vec<_> = cases.iter().map(case).collect();
    cases.sort_by(|one, other| (&one.target, &one.id).cmp(&(&other.target, &other.id)));
    let rows = rows.iter().map(|(place, repetitions)| {
        row(
            *place,
            (1..=*repetitions).map(|number| repetition(number, u64::from(number) * 7)),
        )
    });
    let targets = ["careful", "hasty"].map(|name| TargetRecord {
        name: name.into(),
        role: Role::Server,
        version: "1.2.3".into(),
        starts: 60,
        environments: 60,
        absent: None,
    });
    Run {
        summary: Summary::of(&cases),
        cases,
        measurements: rows.collect(),
        targets: targets.to_vec(),
        ..sample::run()
    }
}

/// The parts of a run. Each target's starts are spread over all of them.
fn split(whole: &Run, count: u32) -> Vec<Run> {
    let part = |number: u32| {
        let shard = Shard::new(number, count).unwrap();
        let held = |case: &&CaseRecord| shard.holds(&case.id);
        let cases: Vec<_> = whole.cases.iter().filter(held).cloned().collect();
        let share = |all: u32| all / count + u32::from(number <= all % count);
        let targets = whole.targets.iter().map(|target| TargetRecord {
            starts: share(target.starts),
            environments: share(target.environments),
            ..target.clone()
        });
        let rows = whole.measurements.iter();
        let rows = rows.filter(|row| shard.holds(&row.id)).cloned();
        Run {
            started_at: format!("2026-01-01T00:00:{:02}Z", (number + 1) % count),
            summary: Summary::of(&cases),
            targets: targets.collect(),
            measurements: rows.collect(),
            cases,
            shard: Some(ShardRecord {
                number,
                count,
                division: Division::Apart,
                selection: "all of it".into(),
                whole: (whole.cases.len() + whole.measurements.len()) as u64,
            }),
            ..whole.clone()
        }
    };
    (1..=count).map(part).collect()
}

/// Parts with attempts that were cut short, for some of which there was no other.
fn together_or_apart() -> impl Strategy<Value = Vec<Run>> {
    let apart = (whole(), 1_u32..5).prop_map(|(whole, count)| split(&whole, count));
    let parts = prop_oneof![apart, together()];
    let attempts = prop::collection::vec((any::<Index>(), 0..4_usize, any::<bool>()), 0..6);
    (parts, attempts).prop_map(|(parts, attempts)| {
        let mut all: BTreeMap<usize, Run> = parts.iter().cloned().enumerate().collect();
        let mut cut_short = Vec::new();
        for (index, length, is_all_there_was) in attempts {
            let index = index.index(parts.len());
            let mut attempt = parts[index].clone();
            attempt.complete = false;
            attempt.cases.truncate(length);
            attempt.measurements.truncate(length);
            cut_short.push(attempt);
            if is_all_there_was {
                all.remove(&index);
            }
        }
        cut_short.extend(all.into_values());
        cut_short
    })
}

/// Generators that load one target together.
fn together() -> impl Strategy<Value = Vec<Run>> {
    let counts = prop::collection::vec(prop::collection::vec(1..500_u64, 1..4), 1..5);
    counts.prop_map(|generators| {
        let count = u32::try_from(generators.len()).unwrap();
        let part = |(number, counts): (u32, Vec<u64>)| {
            let repetitions = (1..)
                .zip(counts)
                .map(|(number, count)| repetition(number, count));
            Run {
                cases: Vec::new(),
                summary: Summary::default(),
                measurements: vec![Measurement {
                    saturation: Some(0.1 * f64::from(number)),
                    ..row(0, repetitions)
                }],
                shard: Some(ShardRecord {
                    number,
                    count,
                    division: Division::Together,
                    selection: "all of it".into(),
                    whole: 1,
                }),
                ..sample::run()
            }
        };
        (1..).zip(generators).map(part).collect()
    })
}

fn row(place: u32, repetitions: impl Iterator<Item = Repetition>) -> Measurement {
    let repetitions: Vec<_> = repetitions.collect();
    Measurement {
        id: format!("overhead/row-{place}"),
        plan: "overhead".into(),
        row: format!("row-{place}"),
        place,
        reference: None,
        file: "scenarios/bench/overhead.toml".into(),
        target: "careful".into(),
        embedded: true,
        transport: "tcp".into(),
        setting: Setting::default(),
        setting_digest: "5e771e".into(),
        workers: 2,
        saturation: None,
        unmeasured: repetitions
            .is_empty()
            .then(|| "the target does not speak it".into()),
        broken: false,
        repetitions,
    }
}

/// A repetition in which everything depends on `count`.
fn repetition(number: u32, count: u64) -> Repetition {
    let mut latency = Latencies::default();
    for index in 1..=count.min(20) {
        latency.confirmed.add(index * count * 1_000);
    }
    let mut slices = BTreeMap::new();
    for from_us in [0, (count % 3) * 1_000_000] {
        let mut slice = Slice {
            from_us,
            failed: count,
            latency: Latency::new(),
        };
        slice.latency.add(count);
        slices.insert(from_us, slice);
    }
    let mut repetition = Repetition {
        number,
        duration_us: 1_000_000 + count,
        load_average: (!count.is_multiple_of(3)).then_some(0.25 * (count % 7) as f64),
        latency,
        course: slices.into_values().collect(),
        ..Repetition::default()
    };
    repetition.tally.due = count * 2;
    repetition.tally.confirmed = count;
    repetition.tally.failed.insert("refused".into(), count);
    repetition.cpu.harness_ns = count * 100;
    repetition.cpu.target_ns = count.is_multiple_of(2).then_some(count);
    repetition
}
