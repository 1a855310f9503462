//! The record: its schema, its counts, and what keeps the gate shut.
//!
//! The schema is kept in `reports/schema/run.schema.json`. After a change of the record that is meant,
//! raise `SCHEMA_VERSION` and write it anew:
//! `UPDATE_SCHEMA=1 cargo test --test record the_schema_in_the_repository`.

use std::path::Path;

use mtls_gauntlet::expect::{Level, Outcome};
use mtls_gauntlet::judge::{FailureKind, Verdict};
use mtls_gauntlet::record::{CaseRecord, Objection, Run, SCHEMA_VERSION, Summary};
use serde_json::{Value, json};

use rig::Rig;

#[path = "record/latency.rs"]
mod latency;
#[path = "record/merge.rs"]
mod merge;
#[path = "support/rig.rs"]
mod rig;
#[path = "support/sample.rs"]
mod sample;

#[test]
fn the_schema_in_the_repository_is_the_record_s() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/schema/run.schema.json");
    let generated = Run::json_schema().unwrap();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &generated).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == generated,
        "{} is not what the record is now; if that is meant, see the top of this file",
        path.display()
    );
}

#[test]
fn records_are_valid_by_the_schema() {
    let validator = validator();
    for run in [sample::run(), real()] {
        let record: Value = serde_json::from_str(&run.to_json().unwrap()).unwrap();
        let errors: Vec<_> = validator
            .iter_errors(&record)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, [""; 0]);
    }
}

#[test]
fn the_schema_refuses_what_is_no_record() {
    let validator = validator();
    let whole = serde_json::to_value(sample::run()).unwrap();
    assert!(validator.is_valid(&whole));
    let spoilt: [(&str, Value); 8] = [
        ("/schema_version", json!("one")),
        ("/complete", Value::Null),
        ("/seed", json!(-1)),
        ("/cases/0/verdict", json!("fine")),
        ("/cases/0/level", json!("shall")),
        ("/cases/0/tls", json!("tls1.1")),
        ("/cases/0/observation/peer/end", json!("vanished")),
        ("/summary/pass", json!("many")),
    ];
    for (place, value) in spoilt {
        let mut record = whole.clone();
        *record.pointer_mut(place).unwrap() = value;
        assert!(!validator.is_valid(&record), "{place}");
    }
    for key in ["schema_version", "complete", "targets", "cases", "summary"] {
        let mut record = whole.clone();
        record.as_object_mut().unwrap().remove(key);
        assert!(!validator.is_valid(&record), "without {key}");
    }
}

#[test]
fn names_are_those_that_are_promised() {
    let record = serde_json::to_value(sample::run()).unwrap();
    let keys = |place: &str| -> Vec<String> {
        let object = record.pointer(place).unwrap().as_object().unwrap();
        let mut keys: Vec<String> = object.keys().cloned().collect();
        keys.sort();
        keys
    };
    let promised = |names: &str| -> Vec<String> {
        let mut names: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
        names.sort();
        names
    };
    assert_eq!(record["schema_version"], SCHEMA_VERSION);
    assert_eq!(
        keys(""),
        promised("schema_version tool seed started_at complete host targets cases summary")
    );
    assert_eq!(keys("/tool"), promised("name version"));
    assert_eq!(
        keys("/targets/0"),
        promised("name role version starts environments")
    );
    assert_eq!(
        keys("/summary"),
        promised(
            "scenarios cases pass lenient fail policy unsupported invalid hang crash broken known"
        )
    );
    // One case that has everything but a failure, and one that has nothing but one.
    let cases = record["cases"].as_array().unwrap();
    let case = |id: &str| cases.iter().position(|case| case["id"] == id).unwrap();
    let always = "id scenario title level spec file line target role tls presented expectation verdict \
                  reason scenario_digest environment_digest duration_us";
    let stale = case("path/zero-serial/server/tls1.2");
    assert_eq!(
        keys(&format!("/cases/{stale}")),
        promised(&format!("{always} observation known twin"))
    );
    let hung = case("limits/slow/server/tls1.2");
    assert_eq!(
        keys(&format!("/cases/{hung}")),
        promised(&format!("{always} failure_kind"))
    );
}

#[test]
fn a_record_survives_being_written_and_read() {
    for run in [sample::run(), real()] {
        let text = run.to_json().unwrap();
        assert!(text.ends_with("}\n"));
        let read: Run = serde_json::from_str(&text).unwrap();
        assert_eq!(read, run);
        assert_eq!(read.to_json().unwrap(), text);
    }
}

#[test]
fn the_summary_counts_every_case_once() {
    let run = sample::run();
    let summary = Summary::of(&run.cases);
    let expected = Summary {
        scenarios: 10,
        cases: 14,
        pass: 3,
        lenient: 1,
        fail: 3,
        policy: 2,
        unsupported: 1,
        invalid: 1,
        hang: 1,
        crash: 1,
        broken: 1,
        known: 1,
    };
    assert_eq!(summary, expected);
    let sum: u32 = Verdict::ALL
        .iter()
        .map(|verdict| summary.count(*verdict))
        .sum();
    assert_eq!(sum, summary.cases);
    for verdict in Verdict::ALL {
        assert!(
            summary.count(verdict) > 0,
            "the sample has no case that is {verdict}"
        );
    }
    assert_eq!(Summary::of(&[]), Summary::default());
}

#[test]
fn a_real_run_s_summary_is_that_of_its_cases() {
    let run = real();
    assert_eq!(run.summary, Summary::of(&run.cases));
    assert!(run.complete);
    assert_eq!(run.summary.scenarios, 2);
    let started: Vec<_> = run.targets.iter().map(|target| target.role).collect();
    let mut distinct = started.clone();
    distinct.dedup();
    assert_eq!(started, distinct, "a target has one column for each role");
}

#[test]
fn what_keeps_the_gate_shut() {
    use Level::{May, Must, Should};
    use Objection::{Broken, Failure, Invalid, Stale};
    let objection = |verdict, level, known: bool, gate| {
        let case = CaseRecord {
            level,
            known: known.then(|| "its issue 42".to_owned()),
            ..sample::case("a/b", verdict, Outcome::Reject)
        };
        case.objection(gate)
    };
    for (verdict, fresh, known) in [
        (Verdict::Pass, None, Some(Stale)),
        (Verdict::Lenient, None, Some(Stale)),
        (Verdict::Fail, Some(Failure), None),
        (Verdict::Hang, Some(Failure), None),
        (Verdict::Crash, Some(Failure), None),
        (Verdict::Policy, None, None),
        (Verdict::Unsupported, None, None),
        (Verdict::Invalid, Some(Invalid), Some(Invalid)),
        (Verdict::Broken, Some(Broken), Some(Broken)),
    ] {
        assert_eq!(objection(verdict, Must, false, Must), fresh, "{verdict}");
        assert_eq!(
            objection(verdict, Must, true, Must),
            known,
            "{verdict}, known"
        );
    }
    // A weaker requirement binds where it is asked to, and what the harness got wrong binds always.
    for (level, gate, shut) in [
        (Must, Must, true),
        (Should, Must, false),
        (May, Must, false),
        (Must, Should, true),
        (Should, Should, true),
        (May, Should, false),
    ] {
        let failed = objection(Verdict::Fail, level, false, gate);
        assert_eq!(failed, shut.then_some(Failure), "{level} at {gate}");
        assert_eq!(
            objection(Verdict::Broken, level, false, gate),
            Some(Broken),
            "{level} at {gate}"
        );
    }
}

#[test]
fn objections_are_those_of_the_cases() {
    let run = sample::run();
    let found: Vec<String> = run
        .objections(Level::Must)
        .map(|(case, objection)| format!("{objection:?} {} {}", case.target, case.id))
        .collect();
    assert_eq!(
        found,
        [
            "Failure careful limits/slow/server/tls1.2",
            "Failure careful limits/long-chain/server/tls1.2",
            "Stale careful path/zero-serial/server/tls1.2",
            "Invalid careful trust/other-root/server/tls1.2",
            "Broken careful trust/other-root/server/tls1.3",
            "Failure hasty validity/expired/server/tls1.2",
        ]
    );
    let at_should = run.objections(Level::Should).count();
    assert_eq!(at_should, found.len() + 1, "names/wildcard is a should");
}

#[test]
fn failure_kinds_are_written_as_they_are_documented() {
    for kind in [
        FailureKind::AcceptedForbidden,
        FailureKind::Crash,
        FailureKind::Hang,
        FailureKind::RefusedValid,
        FailureKind::Slow,
    ] {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.to_string());
    }
}

/// What two scenarios really come to: one that is refused beside its twin, one that is accepted.
fn real() -> Run {
    let cases = rig::cases(&["baseline/full-chain", "validity/expired"]);
    Rig::default().run(&[rig::rustls()], &cases)
}

fn validator() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(&Run::json_schema().unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}
