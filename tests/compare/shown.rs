//! Every format of one comparison that has every kind of change in it.

use std::path::Path;

use mtls_gauntlet::compare::{Comparison, Format, Kind, SCHEMA_VERSION, Terms};
use mtls_gauntlet::expect::{Alert, Level, Outcome};
use mtls_gauntlet::judge::{FailureKind, Verdict};
use mtls_gauntlet::record::{CaseRecord, Run};
use serde_json::Value;

use super::{compare, sample};

/// The sample record, and what became of it.
fn both() -> (Run, Run) {
    let rows = |mutual: &[u64]| {
        vec![
            sample::measurement("server-only", &[50, 51, 49, 50, 50]),
            sample::measurement("mutual", mutual),
        ]
    };
    let before = Run {
        measurements: rows(&[100, 101, 99, 100, 100]),
        host: sample::host("one"),
        ..sample::run()
    };
    let mut after = Run {
        started_at: "2026-01-02T00:00:00Z".into(),
        measurements: rows(&[130, 131, 129, 130, 130]),
        ..before.clone()
    };
    let mut cases = Vec::new();
    for case in after.cases {
        let failed = |kind| CaseRecord {
            verdict: Verdict::Fail,
            failure_kind: Some(kind),
            reason: format!("the reason for {kind}"),
            ..case.clone()
        };
        cases.push(match (case.target.as_str(), case.id.as_str()) {
            ("careful", "validity/expired/server/tls1.2") => failed(FailureKind::AcceptedForbidden),
            ("hasty", "validity/expired/server/tls1.2") => CaseRecord {
                observation: Some(sample::refusal(Alert::CertificateExpired)),
                ..sample::case("validity/expired", Verdict::Pass, Outcome::Reject)
            },
            (_, "limits/slow/server/tls1.2") => failed(FailureKind::RefusedValid),
            (_, "limits/long-chain/server/tls1.2") => CaseRecord {
                known: Some("its issue 7".into()),
                ..case.clone()
            },
            (_, "path/negative-serial/server/tls1.2") => CaseRecord {
                known: None,
                ..case.clone()
            },
            (_, "path/long/server/tls1.3") => CaseRecord {
                observation: Some(sample::acceptance()),
                scenario_digest: "c0ffee".into(),
                ..case.clone()
            },
            (_, "path/long/server/tls1.2") => continue,
            (_, "baseline/plain/client/tls1.2") => CaseRecord {
                known: Some("it is \u{7}told | so".into()),
                ..failed(FailureKind::RefusedValid)
            },
            (_, "names/wildcard/server/tls1.2") => failed(FailureKind::AcceptedForbidden),
            _ => case.clone(),
        });
        if let Some(last) = cases.last_mut() {
            last.target = case.target;
        }
    }
    cases.push(sample::case("names/new", Verdict::Hang, Outcome::Reject));
    cases.push(CaseRecord {
        level: Level::Should,
        ..sample::case("names/newer", Verdict::Pass, Outcome::Reject)
    });
    after.cases = cases;
    (before, after)
}

fn comparison() -> Comparison {
    let (before, after) = both();
    compare(&before, &after)
}

#[test]
fn the_sample_has_every_kind() {
    let comparison = comparison();
    for kind in Kind::ALL {
        assert!(comparison.count(kind) > 0, "{kind:?}");
    }
}

#[test]
fn terminal() {
    insta::assert_snapshot!(plain(&Format::Terminal.render(&comparison()).unwrap()));
}

#[test]
fn markdown() {
    insta::assert_snapshot!(Format::Markdown.render(&comparison()).unwrap());
}

#[test]
fn json() {
    insta::assert_snapshot!(Format::Json.render(&comparison()).unwrap());
}

/// What gates, where it is, and nothing else; with a notice where nothing does.
#[test]
fn github() {
    insta::assert_snapshot!(Format::Github.render(&comparison()).unwrap());
    let (before, _) = both();
    let same = compare(&before, &before);
    insta::assert_snapshot!(Format::Github.render(&same).unwrap(), @"::notice title=mtls-gauntlet::nothing changed in 14 cases; nothing slower; the gate is open");
}

#[test]
fn other_machines() {
    let (before, after) = both();
    let elsewhere = |run: Run| Run {
        cases: Vec::new(),
        host: sample::host("other"),
        ..run
    };
    let comparison = Comparison::of(&before, &elsewhere(after), Terms::default());
    let text = plain(&Format::Terminal.render(&comparison).unwrap());
    let (_, table) = text.split_once("\n row").unwrap();
    insta::assert_snapshot!(format!(" row{table}"));
}

#[test]
fn sentences() {
    let steady = sample::measurement("mutual", &[100; 5]);
    let slow = sample::measurement("mutual", &[200; 5]);
    let pass = || sample::case("a/b", Verdict::Pass, Outcome::Reject);
    let fail = || sample::case("a/b", Verdict::Fail, Outcome::Reject);
    let new = || sample::case("a/new", Verdict::Pass, Outcome::Reject);
    let run = |cases: Vec<CaseRecord>, rows: &[_]| Run {
        cases,
        ..sample::bench_of("one", rows.to_vec())
    };
    let one = std::slice::from_ref(&steady);
    let cases = [
        (run(vec![pass()], &[]), run(vec![pass()], &[])),
        (run(vec![pass()], one), run(vec![fail(), new()], one)),
        (
            run(vec![fail()], one),
            run(vec![pass(), new()], std::slice::from_ref(&slow)),
        ),
        (run(vec![], &[slow]), run(vec![], one)),
        (run(vec![], &[]), run(vec![], &[])),
        (
            run(vec![pass()], &[]),
            Run {
                complete: false,
                ..run(vec![], &[])
            },
        ),
    ];
    let said = cases.map(|(before, after)| compare(&before, &after).sentence());
    insta::assert_snapshot!(said.join("\n"), @"
    nothing changed in 1 case
    1 regressed, 1 new; nothing slower
    nothing regressed, 1 new, 1 fixed; 1 row slower
    nothing slower, 1 faster
    incomplete, and no proof of anything: nothing compared
    incomplete, and no proof of anything: nothing regressed, 1 gone
    ");
}

#[test]
fn names_in_json_are_those_that_are_promised() {
    let value: Value = serde_json::from_str(&comparison().to_json().unwrap()).unwrap();
    assert_eq!(value["schema_version"], SCHEMA_VERSION);
    let keys: Vec<&String> = value.as_object().unwrap().keys().collect();
    let mut promised = "schema_version outcome terms before after same_machine incomplete notes counts conformance performance"
        .split(' ')
        .collect::<Vec<_>>();
    promised.sort_unstable();
    let mut keys: Vec<&str> = keys.into_iter().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, promised);
    let validator = jsonschema::validator_for(
        &serde_json::from_str(&Comparison::json_schema().unwrap()).unwrap(),
    )
    .unwrap();
    let errors: Vec<_> = validator
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, [""; 0]);
    let mut spoilt = value;
    spoilt["outcome"] = "fine".into();
    assert!(!validator.is_valid(&spoilt));
}

#[test]
fn the_schema_in_the_repository_is_the_comparison_s() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/schema/comparison.schema.json");
    let generated = Comparison::json_schema().unwrap();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == generated,
        "{} is not what a comparison is now; if that is meant, see the top of tests/compare.rs",
        path.display()
    );
}

/// Without its ANSI codes, and without the spaces that fill table cells at line ends.
fn plain(text: &str) -> String {
    let text = anstream::adapter::strip_str(text).to_string();
    let lines = text.lines().map(|line| line.trim_end().to_owned() + "\n");
    lines.collect()
}
