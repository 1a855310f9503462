//! Annotations for GitHub Actions, read back as GitHub reads them.

use std::collections::BTreeMap;

use mtls_gauntlet::annotation::SHOWN;
use mtls_gauntlet::expect::{Level, Outcome};
use mtls_gauntlet::judge::{FailureKind, Verdict};
use mtls_gauntlet::record::{CaseRecord, Division, MergeRecord, Run};
use mtls_gauntlet::report::Format;
use mtls_gauntlet::report::github::{SUMMARY_LIMIT, bounded};
use mtls_gauntlet::scenario::{Role, TlsVersion};
use proptest::prelude::*;

use super::sample;

#[test]
fn annotations() {
    insta::assert_snapshot!("github", render(&sample::run(), Level::Must));
}

#[test]
fn a_run_as_expected_is_one_notice() {
    let run = sample::run_of(vec![sample::case(
        "baseline/plain",
        Verdict::Pass,
        Outcome::Accept,
    )]);
    insta::assert_snapshot!(render(&run, Level::Must), @"::notice title=mtls-gauntlet::as expected; scenarios: 1, cases: 1");
}

#[test]
fn a_bench_counts_its_rows_and_no_cases() {
    let run = sample::bench_of("one", vec![sample::measurement("mutual", &[100])]);
    insta::assert_snapshot!(render(&run, Level::Must), @"::notice title=mtls-gauntlet::as expected; rows measured: 1");
}

#[test]
fn a_run_that_was_cut_short_is_an_error_even_where_nothing_failed() {
    let mut run = sample::run_of(Vec::new());
    run.complete = false;
    let [one] = &lines(&render(&run, Level::Must))[..] else {
        panic!("one line")
    };
    assert_eq!(one.command, "error");
    assert!(one.message.contains("cut short"), "{}", one.message);
    run.merged = Some(MergeRecord {
        count: 4,
        missing: vec![2, 4],
        cut_short: Vec::new(),
        division: Division::Apart,
        selection: String::new(),
        whole: 0,
        parts: Vec::new(),
    });
    let text = render(&run, Level::Must);
    assert!(text.contains("parts that are missing: 2, 4"), "{text}");
}

#[test]
fn what_fails_alike_on_several_axes_is_one_annotation() {
    let on = |role, tls| CaseRecord {
        id: format!("validity/expired/{role}/{tls}"),
        role,
        tls,
        ..sample::case("validity/expired", Verdict::Fail, Outcome::Reject)
    };
    let mut cases = vec![
        on(Role::Client, TlsVersion::Tls13),
        on(Role::Server, TlsVersion::Tls12),
        on(Role::Server, TlsVersion::Tls13),
    ];
    let text = render(&sample::run_of(cases.clone()), Level::Must);
    insta::assert_snapshot!(text, @"::error file=scenarios/validity/expired.toml,line=21,title=accepted-forbidden%3A validity/expired against careful::The title of validity/expired: the reason for fail (client/tls1.3, server/tls1.2, server/tls1.3)");
    // Another way of failing is another finding, and so is another target.
    cases[1].verdict = Verdict::Crash;
    cases[1].failure_kind = Some(FailureKind::Crash);
    cases[2].target = "hasty".into();
    assert_eq!(lines(&render(&sample::run_of(cases), Level::Must)).len(), 3);
}

#[test]
fn the_worst_comes_first() {
    let kinds = [
        (Verdict::Fail, Some(FailureKind::Careless)),
        (Verdict::Invalid, None),
        (Verdict::Fail, Some(FailureKind::RefusedValid)),
        (Verdict::Broken, None),
        (Verdict::Hang, Some(FailureKind::Hang)),
        (Verdict::Fail, Some(FailureKind::Slow)),
        (Verdict::Fail, Some(FailureKind::AcceptedForbidden)),
        (Verdict::Crash, Some(FailureKind::Crash)),
    ];
    let case = |(verdict, failure_kind)| CaseRecord {
        failure_kind,
        ..sample::case("a/b", verdict, Outcome::Reject)
    };
    let mut cases: Vec<_> = kinds.into_iter().map(case).collect();
    cases.push(CaseRecord {
        known: Some("mended".into()),
        ..sample::case("a/b", Verdict::Pass, Outcome::Reject)
    });
    let lines = lines(&render(&sample::run_of(cases), Level::Must));
    let order: Vec<_> = lines
        .iter()
        .map(|line| line.properties["title"].split(':').next().unwrap())
        .collect();
    assert_eq!(
        order,
        [
            "accepted-forbidden",
            "crash",
            "hang",
            "refused-valid",
            "slow",
            "careless",
            "broken",
            "invalid",
            "stale"
        ]
    );
}

#[test]
fn what_is_known_or_does_not_bind_is_no_error() {
    let known = CaseRecord {
        known: Some("a reason".into()),
        ..sample::case("a/known", Verdict::Fail, Outcome::Reject)
    };
    let should = CaseRecord {
        level: Level::Should,
        ..sample::case("a/should", Verdict::Fail, Outcome::Reject)
    };
    let run = sample::run_of(vec![known, should]);
    let commands = |level| -> Vec<_> {
        let lines = lines(&render(&run, level));
        lines.into_iter().map(|line| line.command).collect()
    };
    assert_eq!(commands(Level::Must), ["notice", "warning"]);
    assert_eq!(commands(Level::Should), ["error"]);
}

#[test]
fn no_place_is_named_that_is_not_known() {
    let case = CaseRecord {
        line: 0,
        ..sample::case("a/b", Verdict::Fail, Outcome::Reject)
    };
    let text = render(&sample::run_of(vec![case.clone()]), Level::Must);
    assert!(text.contains("file=") && !text.contains("line="), "{text}");
    let case = CaseRecord {
        file: String::new(),
        ..case
    };
    let text = render(&sample::run_of(vec![case]), Level::Must);
    assert!(text.starts_with("::error title="), "{text}");
}

#[test]
fn a_summary_is_cut_between_lines_and_says_so() {
    let line = "é line of the summary\n";
    let long = line.repeat(60_000);
    assert!(long.len() as u64 > SUMMARY_LIMIT);
    let used = 1000;
    let cut = bounded(&long, used);
    let length = cut.len() as u64;
    assert!(length <= SUMMARY_LIMIT - used, "{length}");
    assert!(length > SUMMARY_LIMIT - used - 300, "{length}");
    let (kept, note) = cut.split_once("\n\n**Cut here**").unwrap();
    assert!(long.starts_with(kept) && kept.ends_with("summary"));
    assert!(note.ends_with('\n'));
    assert_eq!(bounded(line, used), line);
    assert_eq!(bounded(line, SUMMARY_LIMIT), "");
    assert_eq!(bounded(line, u64::MAX), "");
}

proptest! {
    /// Whatever targets and files are called and say, GitHub reads what was written.
    #[test]
    fn github_reads_what_was_written(title in ".*", reason in "(?s).*", file in "(?s).+", target in ".*") {
        let case = CaseRecord {
            title: title.clone(),
            reason: reason.clone(),
            file: file.clone(),
            target: target.clone(),
            ..sample::case("a/b", Verdict::Fail, Outcome::Reject)
        };
        let text = render(&sample::run_of(vec![case]), Level::Must);
        let [line] = &lines(&text)[..] else { panic!("one line: {text}") };
        prop_assert_eq!(&line.properties["file"], &plain(&file));
        prop_assert_eq!(&line.properties["line"], "21");
        let expected = plain(&format!("accepted-forbidden: a/b against {target}"));
        prop_assert_eq!(&line.properties["title"], &expected);
        prop_assert_eq!(&line.message, &plain(&format!("{title}: {reason} (server/tls1.2)")));
    }

    /// However many findings there are, GitHub shows every line, and none is lost without being counted.
    #[test]
    fn there_are_never_more_than_github_shows(errors in 0_usize..25, warnings in 0_usize..25, complete: bool) {
        let case = |number: usize, level| CaseRecord {
            level,
            ..sample::case(&format!("a/{level}-{number}"), Verdict::Fail, Outcome::Reject)
        };
        let must = (0..errors).map(|number| case(number, Level::Must));
        let should = (0..warnings).map(|number| case(number, Level::Should));
        let run = Run { complete, ..sample::run_of(must.chain(should).collect()) };
        let lines = lines(&render(&run, Level::Must));
        prop_assert!(lines.len() <= SHOWN);
        let told = |command: &str| -> usize {
            let of_command = lines.iter().filter(|line| line.command == command);
            of_command.map(|line| match line.message.strip_prefix("and ") {
                Some(rest) => rest.split(' ').next().unwrap().parse().unwrap(),
                None => 1,
            }).sum()
        };
        let errors = errors + usize::from(!complete);
        prop_assert_eq!(told("error"), errors);
        prop_assert_eq!(told("notice"), usize::from(errors == 0));
        if errors < SHOWN {
            prop_assert_eq!(told("warning"), warnings);
        }
    }
}

/// A line, as GitHub reads it.
struct Line {
    command: String,
    properties: BTreeMap<String, String>,
    message: String,
}

fn lines(text: &str) -> Vec<Line> {
    text.split_terminator('\n').map(line).collect()
}

fn line(text: &str) -> Line {
    assert!(!text.contains('\r'), "{text:?}");
    let (head, message) = text.strip_prefix("::").unwrap().split_once("::").unwrap();
    let (command, properties) = head.split_once(' ').unwrap();
    let properties = properties.split(',').map(|property| {
        let (name, value) = property.split_once('=').unwrap();
        (name.to_owned(), unescaped(value))
    });
    Line {
        command: command.into(),
        properties: properties.collect(),
        message: unescaped(message),
    }
}

fn unescaped(text: &str) -> String {
    text.replace("%0D", "\r")
        .replace("%0A", "\n")
        .replace("%3A", ":")
        .replace("%2C", ",")
        .replace("%25", "%")
}

/// Control characters are no part of a report; line ends are kept.
fn plain(text: &str) -> String {
    text.replace(
        |letter: char| letter.is_control() && !['\r', '\n'].contains(&letter),
        " ",
    )
}

fn render(run: &Run, level: Level) -> String {
    Format::Github.render(run, level).unwrap()
}
