//! What a run leaves behind, and what it can be told.

use std::collections::BTreeSet;
use std::fs;

use mtls_gauntlet::judge::FailureKind;
use mtls_gauntlet::record::Run;

use super::gauntlet::Gauntlet;

const OURS: &str = r#"
title = "A certificate of another department is refused"
level = "must"
spec = ["house rule 7"]
why = "Departments run their own authorities, and do not trust each other's."

[pki.department]
like = "root"

[pki.peer]
issuer = "department"

[peer]
presents = ["peer"]

[expect]
outcome = "reject"
alert = ["unknown_ca"]
"#;

#[test]
fn a_scenario_from_outside_the_repository_is_one_file() {
    let gauntlet = Gauntlet::new();
    gauntlet.write("rules/house/other-department.toml", OURS);
    let output = gauntlet.run("run --scenarios rules --out out");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let run = gauntlet.record("out");
    let ids: Vec<_> = run.cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "house/other-department/client/tls1.2",
            "house/other-department/client/tls1.3",
            "house/other-department/server/tls1.2",
            "house/other-department/server/tls1.3",
        ]
    );
    assert_eq!(run.summary.pass, 4);
    for case in &run.cases {
        assert_eq!(case.file, "rules/house/other-department.toml");
        assert!(case.twin.as_ref().is_some_and(|twin| twin.accepted));
    }
}

#[test]
fn a_recipe_that_means_nothing_is_a_mistake_in_a_file() {
    let gauntlet = Gauntlet::new();
    let recipe = "like = \"root\"\nserial = \"xyz\"";
    gauntlet.write(
        "rules/house/odd.toml",
        &OURS.replace("like = \"root\"", recipe),
    );
    let output = gauntlet.run("run --scenarios rules --out out");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("`rules/house/odd.toml` cannot be minted"),
        "{told}"
    );
    assert!(told.contains("xyz"), "{told}");
    assert!(!gauntlet.folder().join("out").exists(), "nothing was run");
}

#[test]
fn the_counts_of_a_record_are_those_of_its_cases() {
    let gauntlet = Gauntlet::new();
    let run = "run validity/expired --transport memory --out out";
    assert_eq!(gauntlet.run(run).status.code(), Some(0));
    let path = gauntlet.folder().join("out/run.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"pass\": 4"));
    fs::write(&path, text.replace("\"pass\": 4", "\"pass\": 400")).unwrap();
    let rendered = gauntlet.run("report out/run.json");
    let text = String::from_utf8(rendered.stdout).unwrap();
    assert!(text.contains("4 cases: 4 pass"), "{text}");
}

#[test]
fn a_planted_bug_is_named_case_by_case() {
    let gauntlet = Gauntlet::new();
    let arguments = "run validity/expired validity/future --transport memory \
                     --target planted:ignores-expiry --out out";
    let output = gauntlet.run(arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let run = gauntlet.record("out");
    let mut named = 0;
    for case in &run.cases {
        let told = text.contains(&format!("FAILED {} (planted:ignores-expiry)", case.id));
        assert_eq!(told, case.scenario == "validity/expired", "{}", case.id);
        if told {
            assert_eq!(case.failure_kind, Some(FailureKind::AcceptedForbidden));
            named += 1;
        }
    }
    assert_eq!(named, 4);
    assert!(text.contains("fail (accepted-forbidden)"), "{text}");
}

#[test]
fn every_view_of_a_run_is_written() {
    let gauntlet = Gauntlet::new();
    let arguments = "run validity/expired --transport memory --out out --junit ci.xml --seed 9";
    assert_eq!(gauntlet.run(arguments).status.code(), Some(0));
    let read = |path: &str| fs::read_to_string(gauntlet.folder().join(path)).unwrap();
    let run = gauntlet.record("out");
    assert!(run.complete);
    assert_eq!(run.seed, 9);
    assert_eq!(read("ci.xml"), read("out/junit.xml"));
    for (file, format) in [
        ("run.json", "json"),
        ("junit.xml", "junit"),
        ("summary.md", "markdown"),
    ] {
        let again = gauntlet.run(&format!("report out/run.json --format {format}"));
        assert_eq!(
            String::from_utf8(again.stdout).unwrap(),
            read(&format!("out/{file}"))
        );
    }
    let lines: BTreeSet<String> = read("out/events.jsonl")
        .lines()
        .map(str::to_owned)
        .collect();
    let cases = run
        .cases
        .iter()
        .map(|case| serde_json::to_string(case).unwrap());
    assert_eq!(lines, cases.collect());
}

#[test]
fn shards_make_up_the_whole() {
    let gauntlet = Gauntlet::new();
    let ids = |arguments: &str| -> BTreeSet<String> {
        let output = gauntlet.run(&format!("list --cases names/* {arguments}"));
        String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    };
    let parts: Vec<_> = (1..=3).map(|k| ids(&format!("--shard {k}/3"))).collect();
    let whole = ids("");
    assert_eq!(parts.iter().map(BTreeSet::len).sum::<usize>(), whole.len());
    assert_eq!(parts.into_iter().flatten().collect::<BTreeSet<_>>(), whole);
}

#[test]
fn the_level_decides_the_exit_status() {
    let gauntlet = Gauntlet::new();
    gauntlet.write(
        "rules/house/rule.toml",
        &OURS.replace("\"must\"", "\"should\""),
    );
    let run = "run --scenarios rules --transport memory --target planted:accepts-anything";
    for (level, status) in [("must", 0), ("should", 1)] {
        let output = gauntlet.run(&format!("{run} --level {level}"));
        assert_eq!(output.status.code(), Some(status), "{level}: {output:?}");
    }
}

#[test]
fn a_seed_repeats_a_run() {
    let gauntlet = Gauntlet::new();
    let run = |out: &str| -> Run {
        let output = gauntlet.run(&format!(
            "run validity/expired names/* --transport memory --tls tls1.3 --role server --out {out}"
        ));
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        gauntlet.record(out)
    };
    let (one, other) = (run("one"), run("other"));
    for (one, other) in one.cases.iter().zip(&other.cases) {
        assert_eq!(
            (
                &one.id,
                one.verdict,
                &one.environment_digest,
                &one.scenario_digest
            ),
            (
                &other.id,
                other.verdict,
                &other.environment_digest,
                &other.scenario_digest
            )
        );
    }
    assert_eq!(one.summary, other.summary);
}
