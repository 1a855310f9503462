//! What was measured, in every format: each kind of row made by hand, and whatever else a record can hold.

use std::collections::BTreeMap;

use mtls_gauntlet::expect::{HandshakeKind, Level, Outcome};
use mtls_gauntlet::judge::Verdict;
use mtls_gauntlet::record::measurement::{Cpu, Latencies, Repetition, Slice, Tally};
use mtls_gauntlet::record::{CaseRecord, Latency, Measurement, Run};
use mtls_gauntlet::report::Format;
use mtls_gauntlet::scenario::bench::{Arrival, Rotation, Setting, Strangers};
use proptest::prelude::*;

use super::table::{is, read_csv};
use super::xml::well_formed;
use super::{plain, render, sample};

#[test]
fn terminal() {
    insta::assert_snapshot!(plain(&render(Format::Terminal, &every_kind())));
}

#[test]
fn markdown() {
    insta::assert_snapshot!(render(Format::Markdown, &every_kind()));
}

#[test]
fn csv() {
    insta::assert_snapshot!(render(Format::Csv, &every_kind()));
}

#[test]
fn svg() {
    let picture = render(Format::Svg, &every_kind());
    well_formed(&picture).unwrap();
    insta::assert_snapshot!(picture);
}

#[test]
fn github() {
    insta::assert_snapshot!(render(Format::Github, &every_kind()));
}

#[test]
fn junit() {
    insta::assert_snapshot!(render(Format::Junit, &every_kind()));
}

#[test]
fn a_ramp_that_keeps_up_with_nothing_or_is_short_says_so() {
    let knee = |run: &Run| {
        let text = render(Format::Terminal, run);
        let mut lines = text.lines().filter(|line| line.contains("keeps up"));
        lines.next().map(|line| line.trim().to_owned())
    };
    let mut ramp = ramp();
    let found = |rows: &[Measurement]| knee(&sample::bench_of("one", rows.to_vec()));
    assert_eq!(
        found(&ramp).unwrap(),
        "the knee: it keeps up with 50 % of saturation (500/s), and not with more"
    );
    // Nobody sees a knee in two points.
    assert_eq!(found(&ramp[..2]), None);
    ramp[0].repetitions[0].tally.dropped = 1;
    assert_eq!(
        found(&ramp).unwrap(),
        "it keeps up with none of these rates"
    );
}

#[test]
fn each_ramp_has_its_own_knee() {
    let steep = ramp().into_iter().map(|mut row| {
        row.setting.depth = 5;
        row.row = format!("{}-deep", row.row);
        row.id = format!("ramp/{}", row.row);
        if row.setting.arrival != Arrival::Share(25) {
            row.repetitions[0].tally.dropped = 1;
        }
        row
    });
    let rows = ramp().into_iter().chain(steep).collect();
    let text = render(Format::Terminal, &sample::bench_of("one", rows));
    let said = |words: &str| assert!(text.contains(words), "{words}: {text}");
    said("at-25 and the rows like it: the knee: it keeps up with 50 % of saturation (500/s)");
    said("at-25-deep and the rows like it: the knee: it keeps up with 25 % of saturation (250/s)");
}

/// A row on one machine is no multiple of a row on another.
#[test]
fn what_several_machines_measured_has_no_ratios() {
    let rows = vec![
        sample::measurement("server-only", &[50, 51]),
        sample::measurement("mutual", &[100, 101]),
    ];
    let run = sample::bench_of("one", rows);
    let text = |machines: &[&str]| {
        plain(&render(
            Format::Terminal,
            &sample::divided(run.clone(), machines),
        ))
    };
    let note = "the 2 parts are not known to be of one machine";
    for one in [
        plain(&render(Format::Terminal, &run)),
        text(&["one", "one"]),
    ] {
        assert!(one.contains("CPU ratio") && !one.contains(note), "{one}");
    }
    let several = text(&["one", "two"]);
    assert!(
        !several.contains("CPU ratio") && several.contains(note),
        "{several}"
    );
}

#[test]
fn next_to_nothing_is_shown_as_it_is() {
    let bare = |row: &str, repetitions| Measurement {
        repetitions,
        ..sample::measurement(row, &[])
    };
    let one_sample = Repetition {
        number: 1,
        duration_us: 1,
        latency: Latencies {
            first_byte: of(&[1_500_000]),
            from_due: of(&[1_500_000]),
            ..Latencies::default()
        },
        ..Repetition::default()
    };
    let of_no_length = Repetition {
        tally: Tally {
            due: 3,
            confirmed: 3,
            in_time: 3,
            ..Tally::default()
        },
        ..Repetition::default()
    };
    let rows = vec![
        bare("never", Vec::new()),
        bare("silent", vec![Repetition::default()]),
        bare("single", vec![one_sample]),
        bare("of-no-length", vec![of_no_length]),
    ];
    let run = sample::bench_of("one", rows);
    insta::assert_snapshot!(plain(&render(Format::Terminal, &run)));
    sound(&run).unwrap();
    let nothing = sample::bench_of("one", vec![bare("never", Vec::new())]);
    sound(&nothing).unwrap();
    assert!(render(Format::Svg, &nothing).contains("nothing was measured"));
}

#[test]
fn what_was_let_in_is_said_everywhere() {
    let run = sample::bench_of("one", vec![strangers("let-in", 3)]);
    for format in [Format::Terminal, Format::Markdown] {
        let text = render(format, &run);
        assert!(
            text.contains("3 connections were accepted that must be refused"),
            "{text}"
        );
    }
    // What a gate goes by says so too, of that row alone, and whatever else was as expected.
    let said = |run: &Run| {
        let text = plain(&render(Format::Terminal, run));
        let summary = render(Format::Markdown, run);
        let annotations = render(Format::Github, run);
        [
            text.lines()
                .last()
                .unwrap()
                .starts_with("not as expected: "),
            summary.contains("**Not as expected**: `let-in`: ")
                && !summary.contains("**As expected"),
            annotations.starts_with("::error ") && !annotations.contains("::notice"),
            render(Format::Junit, run).contains("failures=\"1\""),
        ]
    };
    assert_eq!(said(&run), [true; 4]);
    let passes = sample::case("a/b", Verdict::Pass, Outcome::Reject);
    let mixed = Run {
        measurements: run.measurements.clone(),
        ..sample::run_of(vec![passes])
    };
    assert_eq!(said(&mixed), [true; 4]);
    let refused = sample::bench_of("one", vec![strangers("refused", 0)]);
    assert_eq!(said(&refused), [false; 4]);
    assert!(render(Format::Markdown, &refused).contains("**As expected.**"));
}

/// Nobody who was due was answered: the fastest target of all, and none that is as expected.
#[test]
fn a_target_that_answers_nobody_is_not_as_expected() {
    let mut row = sample::measurement("mute", &[100]);
    row.repetitions[0].tally.confirmed = 0;
    let run = sample::bench_of("one", vec![row]);
    for (format, words) in [
        (
            Format::Terminal,
            "not as expected: mute: nobody was answered who must be",
        ),
        (
            Format::Markdown,
            "**Not as expected**: `mute`: nobody was answered who must be, in a handshake of the wanted kind.",
        ),
        (
            Format::Github,
            "overhead/mute against hasty::nobody was answered who must be",
        ),
        (Format::Junit, "nobody was answered who must be"),
    ] {
        let text = plain(&render(format, &run));
        assert!(text.contains(words), "{format:?}: {text}");
    }
}

#[test]
fn a_bench_that_was_cut_short_never_says_as_expected() {
    let run = Run {
        complete: false,
        ..every_kind()
    };
    let text = plain(&render(Format::Terminal, &run));
    assert!(text.lines().last().unwrap().starts_with("incomplete: "));
    assert!(render(Format::Markdown, &run).contains("**Incomplete**"));
}

#[test]
fn a_row_called_after_markup_is_text() {
    let row = "</text><script>&amp;\u{1b}[2J\u{0}\u{ffff}\"|\n";
    let run = sample::bench_of("one", vec![sample::measurement(row, &[100])]);
    let mut run = run;
    run.measurements[0].repetitions[0].latency.from_due = of(&[1_000]);
    sound(&run).unwrap();
    let picture = render(Format::Svg, &run);
    assert!(
        picture.contains("&lt;/text&gt;&lt;script&gt;&amp;amp;"),
        "{picture}"
    );
    let text = plain(&render(Format::Terminal, &run));
    assert!(!text.contains(['\u{1b}', '\u{0}']), "{text:?}");
}

#[test]
fn a_spreadsheet_runs_nothing() {
    for formula in ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1"] {
        let run = run_because(formula);
        let read = read_csv(&render(Format::Csv, &run));
        assert_eq!(read[1][6], format!("'{formula}"));
    }
    let read = read_csv(&render(Format::Csv, &run_because("-1.5")));
    assert_eq!(read[1][6], "-1.5", "a number is none");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

    /// Whatever was measured, nothing panics, and nothing is shown that is no number.
    #[test]
    fn whatever_was_measured_can_be_shown(rows in prop::collection::vec(row(), 0..5)) {
        let run = sample::bench_of("one", rows);
        sound(&run).map_err(TestCaseError::fail)?;
        // It comes back from a file, and is shown in the same way.
        let read: Run = serde_json::from_str(&run.to_json().unwrap()).unwrap();
        for format in Format::ALL {
            prop_assert_eq!(render(format, &read), render(format, &run));
        }
    }

    #[test]
    fn fields_survive_commas_quotes_and_lines(
        reason in hostile(), row in hostile(), target in hostile(),
    ) {
        let mut run = run_because(&reason);
        run.cases[0].target = target.clone();
        let read = read_csv(&render(Format::Csv, &run));
        prop_assert_eq!(read.len(), 2);
        let [head, line] = &read[..] else { panic!() };
        prop_assert_eq!(head.len(), line.len());
        prop_assert!(is(&line[0], &target), "{:?}", line);
        prop_assert!(is(&line[6], &reason), "{:?}", line);

        let mut measured = sample::measurement(&row, &[100, 101]);
        measured.target = target.clone();
        let read = read_csv(&render(Format::Csv, &sample::bench_of("one", vec![measured])));
        prop_assert_eq!(read.len(), 3);
        for line in &read[1..] {
            prop_assert_eq!(line.len(), read[0].len());
            prop_assert!(is(&line[0], &target), "{:?}", line);
            prop_assert!(is(&line[2], &row), "{:?}", line);
        }
    }
}

/// A row of each kind: closed beside its reference, a ramp with a knee, one in which something is replaced,
/// strangers that are refused and strangers that are let in, sessions, and one that could not be measured.
fn every_kind() -> Run {
    let mut rows = vec![
        sample::measurement("server-only", &[50, 51, 49]),
        sample::measurement("mutual", &[100, 101, 99]),
        failing(),
        resuming(),
        Measurement {
            unmeasured: Some("the target does not speak tls1.2 | or will not".into()),
            broken: false,
            ..sample::measurement("older", &[])
        },
    ];
    rows.extend(ramp());
    rows.push(rotating());
    rows.push(strangers("refused", 0));
    rows.push(strangers("let-in", 3));
    for row in &mut rows {
        for repetition in &mut row.repetitions {
            let latency = &mut repetition.latency;
            if latency.from_due.count() == 0 {
                latency.from_due = latency.first_byte.clone();
            }
        }
    }
    sample::bench_of("one", rows)
}

fn failing() -> Measurement {
    let mut row = sample::measurement("failing", &[100, 100, 100]);
    for repetition in &mut row.repetitions {
        let failed = &mut repetition.tally.failed;
        failed.insert("alert unknown_ca".into(), 40);
        failed.insert("no answer in time".into(), u64::from(repetition.number));
        failed.insert("closed, \"without\" an answer | so it seems".into(), 2);
        failed.insert("seldom".into(), 1);
        repetition.tally.due += 49;
    }
    row
}

fn resuming() -> Measurement {
    let mut row = sample::measurement("resumed", &[20, 20, 20]);
    row.setting.handshake = HandshakeKind::Resumed;
    for repetition in &mut row.repetitions {
        repetition.tally.other_kind = 25;
        repetition.tally.due += 25;
    }
    row
}

/// Open loops that come closer to saturation; in the last the queue grows all the time.
fn ramp() -> Vec<Measurement> {
    let step = |share: u32| {
        let mut row = sample::measurement(&format!("at-{share}"), &[100, 101, 99]);
        row.id = format!("ramp/{}", row.row);
        row.plan = "ramp".into();
        row.reference = None;
        row.place = share;
        row.saturation = Some(1_000.0);
        row.setting.arrival = Arrival::Share(share);
        for repetition in &mut row.repetitions {
            let due = u64::from(share) * 10;
            repetition.tally.due = due;
            repetition.tally.confirmed = due.min(900);
            repetition.tally.in_time = due.min(900);
            repetition.tally.dropped = due.saturating_sub(900);
            repetition.latency.pacing = of(&[20_000, 30_000]);
            let slow = if share < 100 { 1 } else { 300 };
            repetition.latency.from_due = of(&[1_000_000, 2_000_000 * slow]);
        }
        row
    };
    [25, 50, 100, 150].map(step).to_vec()
}

/// Half-way through a certificate is replaced, which is felt for a tenth of the time.
fn rotating() -> Measurement {
    let mut row = sample::measurement("rotating", &[100, 100, 100]);
    row.id = "rotation/rotating".into();
    row.plan = "rotation".into();
    row.reference = None;
    row.embedded = true;
    row.setting.rotates = Rotation::Leaf;
    row.setting.arrival = Arrival::Rate(500);
    for repetition in &mut row.repetitions {
        repetition.cpu.target_ns = None;
        repetition.load_average = Some(0.25);
        let slices = (0..10).map(|index| Slice {
            from_us: index * 100_000,
            failed: u64::from(index == 5),
            latency: of(&[if index == 5 { 80_000_000 } else { 2_000_000 }]),
        });
        repetition.course = slices.collect();
        repetition.tally.failed.insert("reset".into(), 1);
    }
    row
}

fn strangers(name: &str, accepted: u64) -> Measurement {
    let mut row = sample::measurement(name, &[100]);
    row.id = format!("storm/{name}");
    row.plan = "storm".into();
    row.reference = None;
    row.setting.strangers = Strangers::Expired;
    row.setting.stranger_share = 50;
    let tally = &mut row.repetitions[0].tally;
    tally.strangers = 500;
    tally.strangers_accepted = accepted;
    tally.strangers_refused = 500 - accepted;
    row
}

fn of(nanos: &[u64]) -> Latency {
    let mut latency = Latency::new();
    for nanos in nanos {
        latency.add(*nanos);
    }
    latency
}

/// A run of one case that came to nothing for this reason.
fn run_because(reason: &str) -> Run {
    sample::run_of(vec![CaseRecord {
        reason: reason.into(),
        ..sample::case("a/b", Verdict::Fail, Outcome::Reject)
    }])
}

/// Any row: any counts, and names that are anything.
fn row() -> impl Strategy<Value = Measurement> {
    let arrival = prop_oneof![
        Just(Arrival::Closed),
        (1..1_000_000_u32).prop_map(Arrival::Rate),
        (1..=1_000_u32).prop_map(Arrival::Share),
    ];
    let rates = prop_oneof![0.0..1e9, Just(f64::MAX), Just(f64::MIN_POSITIVE), Just(0.0)];
    let setting =
        (arrival, any::<bool>(), any::<bool>()).prop_map(|(arrival, rotates, strangers)| Setting {
            arrival,
            rotates: if rotates {
                Rotation::Trust
            } else {
                Rotation::Nothing
            },
            strangers: if strangers {
                Strangers::Foreign
            } else {
                Strangers::None
            },
            ..Setting::default()
        });
    let names = (prop::sample::select(vec!["a", "b", "</svg>"]), hostile());
    let said = (
        prop::option::of(hostile()),
        prop::option::of(rates),
        any::<bool>(),
    );
    let repetitions = prop::collection::vec(repetition(), 0..4);
    (names, setting, said, repetitions).prop_map(
        |((row, target), setting, (unmeasured, saturation, embedded), repetitions)| Measurement {
            reference: Some("a".into()),
            target,
            embedded,
            setting,
            saturation,
            unmeasured,
            broken: false,
            repetitions,
            ..sample::measurement(row, &[])
        },
    )
}

fn repetition() -> impl Strategy<Value = Repetition> {
    let counts = prop::collection::vec(count(), 12);
    let latencies = prop::collection::vec(prop::collection::vec(any::<u64>(), 0..5), 7);
    let failed = prop::collection::btree_map(hostile(), count(), 0..4);
    let load = prop::option::of(prop_oneof![0.0..100.0, Just(f64::MAX)]);
    (1..4_u32, counts, latencies, failed, load).prop_map(
        |(number, counts, latencies, failed, load_average)| {
            let latency = |which: usize| of(&latencies[which]);
            repetition_of(number, &counts, latency, failed, load_average)
        },
    )
}

fn repetition_of(
    number: u32,
    counts: &[u64],
    latency: impl Fn(usize) -> Latency,
    failed: BTreeMap<String, u64>,
    load_average: Option<f64>,
) -> Repetition {
    Repetition {
        number,
        duration_us: counts[0],
        load_average,
        tally: Tally {
            due: counts[1],
            dropped: counts[2],
            confirmed: counts[3],
            in_time: counts[3],
            other_kind: counts[4],
            strangers_failed: failed.clone(),
            failed,
            strangers: counts[5],
            strangers_refused: counts[6],
            strangers_accepted: counts[7],
        },
        cpu: Cpu {
            harness_ns: counts[8],
            target_ns: (counts[9] > 0).then_some(counts[9]),
            connections: counts[10],
        },
        latency: Latencies {
            connect: latency(0),
            handshake: latency(1),
            confirmed: latency(2),
            first_byte: latency(3),
            from_due: latency(4),
            pacing: latency(5),
        },
        course: vec![Slice {
            from_us: counts[11],
            failed: counts[1],
            latency: latency(6),
        }],
    }
}

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![3 => 0..2_000_000_u64, 2 => Just(0), 1 => Just(u64::MAX), 1 => any::<u64>()]
}

/// Text that means something to one of the formats, and any other.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        "(?s).{0,12}",
        "[,\"\r\n=+@|<>&;'\\-\t ]{0,12}",
        "\u{1b}\\[[0-9]m",
    ]
}

/// Every format renders it, shows no number that is none, and is what it claims to be.
fn sound(run: &Run) -> Result<(), String> {
    for format in Format::ALL {
        let text = format
            .render(run, Level::Must)
            .map_err(|error| format!("{format:?}: {error}"))?;
        // Only numbers: names may say what they like.
        let is_no_number = |word: &str| ["NaN", "inf", "-inf"].contains(&word);
        let split = |letter: char| !letter.is_alphabetic() && letter != '-';
        if let Some(word) = text.split(split).find(|word| is_no_number(word)) {
            return Err(format!("{format:?} shows {word}: {text}"));
        }
    }
    well_formed(&render(Format::Svg, run))?;
    well_formed(&render(Format::Junit, run).replacen(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
        "",
        1,
    ))?;
    let table = read_csv(&render(Format::Csv, run));
    match table.iter().all(|line| line.len() == table[0].len()) {
        true => Ok(()),
        false => Err(format!("lines of different lengths: {table:?}")),
    }
}
