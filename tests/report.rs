//! Every format of one small record that has every verdict in it.

use mtls_gauntlet::expect::{Level, Outcome};
use mtls_gauntlet::judge::Verdict;
use mtls_gauntlet::oracle::findings::{Convergence, Findings};
use mtls_gauntlet::record::{Run, TimelineRecord};
use mtls_gauntlet::report::matrix::{LEGEND, Matrix, Row, words};
use mtls_gauntlet::report::{Format, evidence, terminal};
use mtls_gauntlet::scenario::{Role, TlsVersion};

#[path = "report/bench.rs"]
mod bench;
#[path = "report/github.rs"]
mod github;
#[path = "support/sample.rs"]
mod sample;
#[path = "report/table.rs"]
mod table;
#[path = "report/xml.rs"]
mod xml;

#[test]
fn terminal() {
    insta::assert_snapshot!(plain(&render(Format::Terminal, &sample::run())));
}

#[test]
fn markdown() {
    insta::assert_snapshot!(render(Format::Markdown, &sample::run()));
}

#[test]
fn junit() {
    insta::assert_snapshot!(render(Format::Junit, &sample::run()));
}

#[test]
fn json_is_the_record() {
    let run = sample::run();
    assert_eq!(render(Format::Json, &run), run.to_json().unwrap());
}

#[test]
fn a_run_as_expected_says_so() {
    let run = sample::run_of(vec![sample::case(
        "baseline/plain",
        Verdict::Pass,
        Outcome::Accept,
    )]);
    insta::assert_snapshot!(plain(&terminal::summary(&run, Level::Must)), @"
    careful 1.2.3, role server: 1 start for 1 environment
    1 scenario, 1 case: 1 pass
    as expected
    ");
    assert!(render(Format::Markdown, &run).contains("**As expected.**"));
}

#[test]
fn a_run_that_was_cut_short_never_says_as_expected() {
    let run = Run {
        complete: false,
        ..sample::run_of(vec![sample::case(
            "baseline/plain",
            Verdict::Pass,
            Outcome::Accept,
        )])
    };
    let text = plain(&render(Format::Terminal, &run));
    assert!(
        text.lines().last().unwrap().starts_with("incomplete: "),
        "{text}"
    );
    let text = render(Format::Markdown, &run);
    assert!(
        text.contains("**Incomplete**") && !text.contains("**As expected"),
        "{text}"
    );
}

#[test]
fn the_level_decides_what_is_a_failure() {
    let run = sample::run_of(vec![mtls_gauntlet::record::CaseRecord {
        level: Level::Should,
        ..sample::case("names/wildcard", Verdict::Fail, Outcome::Accept)
    }]);
    for (level, failures, skipped) in [(Level::Must, 0, 1), (Level::Should, 1, 0)] {
        let xml = Format::Junit.render(&run, level).unwrap();
        assert_eq!(xml.matches("<failure").count(), failures, "{level}: {xml}");
        assert_eq!(xml.matches("<skipped").count(), skipped, "{level}: {xml}");
        let text = plain(&terminal::summary(&run, level));
        assert_eq!(
            text.contains("not as expected"),
            failures == 1,
            "{level}: {text}"
        );
    }
}

#[test]
fn colours_are_for_people_who_want_them() {
    let text = render(Format::Terminal, &sample::run());
    assert_ne!(text, plain(&text), "no colour at all");
    for format in Format::ALL {
        if format == Format::Terminal {
            continue;
        }
        let text = render(format, &sample::run());
        assert!(!text.contains('\u{1b}'), "{format:?}");
    }
}

#[test]
fn every_word_in_a_cell_that_needs_it_is_explained() {
    let run = sample::run();
    for case in &run.cases {
        let [word] = words(&[case])[..] else {
            panic!("{}: one case has one word", case.id)
        };
        let speaks_for_itself = ["STALE", "HANG", "CRASH", "INVALID", "BROKEN"].contains(&word);
        assert!(speaks_for_itself || LEGEND.contains(word), "{word}");
    }
}

#[test]
fn one_target_has_a_column_for_each_version() {
    let mut run = sample::run();
    run.cases.retain(|case| case.target == "careful");
    run.targets.retain(|target| target.name == "careful");
    let shown = Matrix::of(&run);
    let columns = shown.columns.iter().map(|column| (column.role, column.tls));
    use Role::{Client, Server};
    use TlsVersion::{Tls12, Tls13};
    let expected = [
        (Server, Some(Tls12)),
        (Server, Some(Tls13)),
        (Client, Some(Tls12)),
    ];
    assert_eq!(columns.collect::<Vec<_>>(), expected);
    let rows: Vec<String> = shown.rows.iter().map(row).collect();
    insta::assert_snapshot!(rows.join("\n"));
}

#[test]
fn several_targets_have_a_column_for_each_role() {
    let run = sample::run();
    let shown = Matrix::of(&run);
    let columns = shown
        .columns
        .iter()
        .map(|column| (column.target.as_str(), column.role, column.tls));
    let expected = [
        ("careful", Role::Server, None),
        ("careful", Role::Client, None),
        ("hasty", Role::Server, None),
    ];
    assert_eq!(columns.collect::<Vec<_>>(), expected);
    let rows: Vec<String> = shown.rows.iter().map(row).collect();
    insta::assert_snapshot!(rows.join("\n"));
}

fn row(row: &Row<'_>) -> String {
    let cells: Vec<_> = row.cells.iter().map(|cell| words(cell)).collect();
    format!("{} {cells:?}", row.scenario)
}

#[test]
fn the_matrix_has_every_case_in_its_cell() {
    let run = sample::run();
    let matrix = Matrix::of(&run);
    let cells = matrix.rows.iter().flat_map(|row| &row.cells);
    assert_eq!(cells.flatten().count(), run.cases.len());
    for row in &matrix.rows {
        assert_eq!(row.cells.len(), matrix.columns.len());
        for (cell, column) in row.cells.iter().zip(&matrix.columns) {
            for case in cell {
                assert_eq!(
                    (&case.scenario[..], &case.target, case.role),
                    (row.scenario, &column.target, column.role)
                );
                assert!(column.tls.is_none_or(|tls| tls == case.tls));
            }
        }
    }
}

#[test]
fn the_evidence_ends_with_the_command_that_repeats_it() {
    let run = sample::run();
    for case in &run.cases {
        let lines = evidence::lines(case, run.seed);
        let (label, text) = lines.last().unwrap();
        assert_eq!(*label, "repeat");
        assert_eq!(
            *text,
            format!(
                "mtls-gauntlet run {} --target {} --seed 7",
                case.id, case.target
            )
        );
    }
}

fn render(format: Format, run: &Run) -> String {
    format.render(run, Level::Must).unwrap()
}

/// Without its ANSI codes, and without the spaces that fill table cells at line ends.
fn plain(text: &str) -> String {
    let text = anstream::adapter::strip_str(text).to_string();
    let lines = text.lines().map(|line| line.trim_end().to_owned() + "\n");
    lines.collect()
}

/// Nobody's 0 ns: a change that no service had in force took no time that could be told.
#[test]
fn a_change_that_nobody_had_in_force_was_never_reached() {
    let convergence = Convergence {
        step: 0,
        what: "push-bundle".into(),
        at: 1,
        services: 0,
        p50: None,
        p99: None,
        max: None,
        never: vec!["service-0".into()],
    };
    let json = serde_json::to_value(&convergence).unwrap();
    assert!(json.get("p50").is_none() && json.get("max").is_none());
    let mut case = sample::run().cases.remove(0);
    case.timeline = Some(TimelineRecord {
        network: None,
        lateness_us: 0,
        history_digest: String::new(),
        steps: Vec::new(),
        findings: Findings {
            convergence: vec![convergence],
            ..Findings::default()
        },
    });
    let lines = evidence::lines(&case, 1);
    let line = lines.iter().find(|(label, _)| *label == "in force");
    let words = "push-bundle: never reached; never at service-0";
    assert_eq!(line.map(|(_, text)| text.as_str()), Some(words));
}
