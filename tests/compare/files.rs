//! `compare` and baselines as their users meet them: files in, exit statuses out.

use std::fs;

use mtls_gauntlet::compare::Kind;
use mtls_gauntlet::expect::Outcome;
use mtls_gauntlet::judge::Verdict;
use mtls_gauntlet::record::{CaseRecord, Run};
use serde_json::Value;

use super::gauntlet::Gauntlet;
use super::sample;

/// Two cases and two rows. `flawed` plants a change into the one case, `slowed` into the one row.
fn run(flawed: bool, slowed: bool) -> Run {
    let verdict = if flawed { Verdict::Fail } else { Verdict::Pass };
    let mutual: &[u64] = if slowed {
        &[130, 131, 129, 130, 130]
    } else {
        &[100, 101, 99, 100, 100]
    };
    Run {
        cases: vec![
            sample::case("validity/expired", verdict, Outcome::Reject),
            sample::case("validity/future", Verdict::Pass, Outcome::Reject),
        ],
        ..sample::bench_of(
            "one",
            vec![
                sample::measurement("server-only", &[50, 51, 49, 50, 50]),
                sample::measurement("mutual", mutual),
            ],
        )
    }
}

fn place(gauntlet: &Gauntlet, name: &str, run: &Run) {
    gauntlet.write(name, &run.to_json().unwrap());
}

fn status(gauntlet: &Gauntlet, arguments: &str) -> (Option<i32>, String, String) {
    let output = gauntlet.run(arguments);
    let text = |octets| String::from_utf8(octets).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn every_exit_status_and_exactly_what_was_planted() {
    let gauntlet = Gauntlet::new();
    place(&gauntlet, "base.json", &run(false, false));
    place(&gauntlet, "same/run.json", &run(false, false));
    place(&gauntlet, "flawed.json", &run(true, false));
    place(&gauntlet, "slow.json", &run(false, true));
    place(&gauntlet, "both.json", &run(true, true));
    place(
        &gauntlet,
        "cut.json",
        &Run {
            complete: false,
            ..run(true, true)
        },
    );
    let at = |after: &str| {
        let (code, out, _) = status(
            &gauntlet,
            &format!("compare base.json {after} --format json"),
        );
        let value: Value = serde_json::from_str(&out).unwrap();
        let all = |list: &str| value[list].as_array().unwrap().clone();
        let gating = |list: &str| -> Vec<String> {
            let gating = all(list).into_iter().filter(|one| one["gates"] == true);
            gating
                .map(|one| one["id"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(all("conformance").len(), gating("conformance").len());
        let found: Vec<_> = gating("conformance")
            .into_iter()
            .chain(gating("performance"))
            .collect();
        (code.unwrap(), found)
    };
    let (case, row) = (
        "validity/expired/server/tls1.2".to_owned(),
        "overhead/mutual".to_owned(),
    );
    assert_eq!(at("same"), (0, vec![]));
    assert_eq!(at("flawed.json"), (1, vec![case.clone()]));
    assert_eq!(at("slow.json"), (4, vec![row.clone()]));
    assert_eq!(at("both.json"), (1, vec![case.clone(), row.clone()]));
    assert_eq!(at("cut.json"), (5, vec![case, row]));
    let tolerated = "compare base.json slow.json --tolerance 40";
    assert_eq!(status(&gauntlet, tolerated).0, Some(0));
    // What was bad already is no regression.
    assert_eq!(
        status(&gauntlet, "compare flawed.json flawed.json").0,
        Some(0)
    );
    for format in ["terminal", "markdown"] {
        let (code, out, _) = status(
            &gauntlet,
            &format!("compare base.json both.json --format {format}"),
        );
        assert_eq!(code, Some(1));
        assert!(out.contains("1 regressed; 1 row slower"), "{out}");
        assert!(out.contains("pass -> fail (accepted-forbidden)"), "{out}");
    }
}

#[test]
fn what_cannot_be_read_is_a_usage_error() {
    let gauntlet = Gauntlet::new();
    place(&gauntlet, "base.json", &run(false, false));
    gauntlet.write("prose.txt", "who goes there?");
    fs::create_dir(gauntlet.folder().join("empty")).unwrap();
    for arguments in [
        "compare base.json nowhere.json",
        "compare nowhere.json base.json",
        "compare base.json prose.txt",
        "compare base.json empty",
        "compare base.json",
        "compare base.json base.json --tolerance -1",
        "compare base.json base.json --tolerance NaN",
        "compare base.json base.json --latency-tolerance much",
    ] {
        let (code, out, told) = status(&gauntlet, arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments}: {told}");
    }
    let (_, _, told) = status(&gauntlet, "compare base.json empty");
    assert!(told.contains("`empty/run.json`"), "{told}");
}

const RUN: &str = "run validity/expired --transport memory --role server --tls tls1.3";
const FLAWED: &str = "--target planted:ignores-expiry";

/// As if what the planted target does had been done by another of this name.
fn renamed(mut run: Run, name: &str) -> Run {
    for case in &mut run.cases {
        case.target = name.into();
    }
    run
}

#[test]
fn with_a_baseline_the_gate_is_the_comparison() {
    let gauntlet = Gauntlet::new();
    let (code, _, told) = status(
        &gauntlet,
        &format!("{RUN} {FLAWED} --save-baseline kept/base.json"),
    );
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.contains("`kept/base.json` is the new baseline"),
        "{told}"
    );
    // It fails as it did.
    let (code, out, told) = status(
        &gauntlet,
        &format!("{RUN} {FLAWED} --baseline kept/base.json --out out"),
    );
    assert_eq!(code, Some(0), "{told}");
    assert!(
        out.contains("not as expected"),
        "the report is the run's: {out}"
    );
    assert!(told.contains("nothing changed in 1 case"), "{told}");
    for (file, said) in [
        ("comparison.md", "nothing changed in 1 case"),
        ("comparison.json", "nothing-regressed"),
    ] {
        let text = fs::read_to_string(gauntlet.folder().join("out").join(file)).unwrap();
        assert!(text.contains(said), "{file}: {text}");
    }
    // It did not fail then.
    let good = Run {
        cases: renamed(gauntlet.record("out"), "planted:ignores-expiry")
            .cases
            .into_iter()
            .map(|case| CaseRecord {
                verdict: Verdict::Pass,
                failure_kind: None,
                ..case
            })
            .collect(),
        ..gauntlet.record("out")
    };
    place(&gauntlet, "good.json", &good);
    let (code, _, told) = status(
        &gauntlet,
        &format!("{RUN} {FLAWED} --baseline good.json --out out"),
    );
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("1 regressed"), "{told}");
    // A later run without a baseline leaves none of it.
    assert_eq!(status(&gauntlet, &format!("{RUN} --out out")).0, Some(0));
    assert!(!gauntlet.folder().join("out/comparison.json").exists());
    assert!(!gauntlet.folder().join("out/comparison.md").exists());
}

#[test]
fn a_gate_does_not_save_its_own_regression() {
    let gauntlet = Gauntlet::new();
    assert_eq!(
        status(&gauntlet, &format!("{RUN} --save-baseline base.json")).0,
        Some(0)
    );
    let path = gauntlet.folder().join("base.json");
    // As if the planted bug had come in since.
    let mut base: Run = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    base = renamed(base, "planted:ignores-expiry");
    place(&gauntlet, "base.json", &base);
    let before = fs::read_to_string(&path).unwrap();
    let both = "--baseline base.json --save-baseline base.json";
    let (code, _, told) = status(&gauntlet, &format!("{RUN} {FLAWED} {both}"));
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.contains("`base.json` was not written: something has regressed"),
        "{told}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    // Without a regression the new one takes its place.
    place(&gauntlet, "base.json", &renamed(base, "rustls"));
    let (code, _, told) = status(&gauntlet, &format!("{RUN} --seed 7 {both}"));
    assert_eq!(code, Some(0), "{told}");
    let saved: Run = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(saved.seed, 7);
}

#[test]
fn a_baseline_that_cannot_be_read_is_told_before_anything_runs() {
    let gauntlet = Gauntlet::new();
    gauntlet.write("prose.txt", "who goes there?");
    fs::create_dir(gauntlet.folder().join("folder")).unwrap();
    for (flags, said) in [
        ("--baseline nowhere.json", "no baseline at `nowhere.json`"),
        ("--baseline prose.txt", "`prose.txt` is not JSON"),
        ("--save-baseline folder", "`folder` is a folder"),
        (
            "--save-baseline prose.txt/base.json",
            "failed to create `prose.txt`",
        ),
    ] {
        let (code, _, told) = status(&gauntlet, &format!("{RUN} --out out {flags}"));
        assert_eq!(code, Some(2), "{flags}: {told}");
        assert!(told.contains(said), "{flags}: {told}");
        assert!(
            !gauntlet.folder().join("out").exists(),
            "{flags}: something ran"
        );
    }
}

#[test]
fn an_incomplete_baseline_is_never_green() {
    let gauntlet = Gauntlet::new();
    assert_eq!(status(&gauntlet, &format!("{RUN} --out out")).0, Some(0));
    let cut = Run {
        complete: false,
        ..gauntlet.record("out")
    };
    place(&gauntlet, "cut.json", &cut);
    let flags = "--baseline cut.json --save-baseline new.json";
    let (code, _, told) = status(&gauntlet, &format!("{RUN} {flags}"));
    assert_eq!(code, Some(5), "{told}");
    assert!(told.contains("the first record is incomplete"), "{told}");
    assert!(!gauntlet.folder().join("new.json").exists());
}

#[test]
fn kinds_in_json_are_the_words_that_are_promised() {
    let words: Vec<String> = Kind::ALL
        .iter()
        .map(|kind| serde_json::to_string(kind).unwrap())
        .collect();
    assert_eq!(
        words.join(" ").replace('"', ""),
        "regressed no-longer-known new gone regressed-as-known newly-known milder fixed changed-alert"
    );
}
