//! Runs in shards, their records merged, and what of them may be missing.

use std::collections::BTreeSet;
use std::fs;

use mtls_gauntlet::record::{CaseRecord, Run};

use super::gauntlet::Gauntlet;

/// A few cases of the embedded target, over pipes.
const SOME: &str = "validity/* baseline/* --transport memory";

fn sharded(count: u32, arguments: &str) -> Gauntlet {
    let gauntlet = Gauntlet::new();
    for number in 1..=count {
        let output = gauntlet.run(&format!(
            "run {arguments} --shard {number}/{count} --out s{number}"
        ));
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    gauntlet
}

fn verdicts(run: &Run) -> Vec<(String, String, String)> {
    let verdict = |case: &CaseRecord| {
        (
            case.target.clone(),
            case.id.clone(),
            case.verdict.to_string(),
        )
    };
    run.cases.iter().map(verdict).collect()
}

fn told(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn shards_merged_are_the_whole_run() {
    let gauntlet = sharded(3, SOME);
    let whole = gauntlet.run(&format!("run {SOME} --out whole"));
    assert_eq!(whole.status.code(), Some(0));
    let output = gauntlet.run("merge s3 s1/run.json s2 --out merged --expect 3");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(told(&output), "");
    let (merged, whole) = (gauntlet.record("merged"), gauntlet.record("whole"));
    assert_eq!(verdicts(&merged), verdicts(&whole));
    assert_eq!(merged.summary, whole.summary);
    assert!(merged.complete && merged.shard.is_none());
    let record = merged.merged.as_ref().unwrap();
    assert_eq!((record.count, record.whole), (3, merged.cases.len() as u64));
    let columns = |run: &Run| -> BTreeSet<_> {
        let targets = run.targets.iter();
        targets
            .map(|target| (target.name.clone(), target.role))
            .collect()
    };
    assert_eq!(columns(&merged), columns(&whole));
    // Nested, it is the same to the octet.
    assert_eq!(
        gauntlet.run("merge s2 s3 --out some").status.code(),
        Some(5)
    );
    assert_eq!(
        gauntlet.run("merge s1 some --out all").status.code(),
        Some(0)
    );
    for view in ["run.json", "junit.xml", "summary.md"] {
        let read = |folder: &str| fs::read_to_string(gauntlet.folder().join(folder).join(view));
        assert_eq!(read("all").unwrap(), read("merged").unwrap(), "{view}");
    }
}

#[test]
fn a_missing_shard_is_never_green() {
    let gauntlet = sharded(3, SOME);
    let output = gauntlet.run("merge s1 s3 --out merged");
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    assert!(
        told(&output).starts_with("shard 2 of 3 is missing\n"),
        "{}",
        told(&output)
    );
    assert!(!gauntlet.record("merged").complete);
    // The same where its record is named and is not there.
    let output = gauntlet.run("merge s1 s2/none.json s3 --out merged");
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    assert!(
        told(&output).contains("failed to read `s2/none.json`"),
        "{}",
        told(&output)
    );
    assert!(
        told(&output).contains("shard 2 of 3 is missing"),
        "{}",
        told(&output)
    );
    let output = gauntlet.run("merge s1 --out merged");
    assert!(
        told(&output).starts_with("shards 2, 3 of 3 are missing\n"),
        "{}",
        told(&output)
    );
}

#[test]
fn what_is_not_a_shard_of_this_run_is_a_mistake() {
    let gauntlet = sharded(2, SOME);
    for (run, out) in [
        (format!("run {SOME} --out whole"), "whole"),
        (
            format!("run {SOME} --seed 2 --shard 2/2 --out seed"),
            "seed",
        ),
        (
            format!("run {SOME} --tls tls1.3 --shard 2/2 --out tls"),
            "tls",
        ),
        (format!("run {SOME} --shard 2/3 --out three"), "three"),
    ] {
        let output = gauntlet.run(&run);
        assert_eq!(output.status.code(), Some(0), "{out}: {output:?}");
    }
    gauntlet.write("prose.json", "once upon a time");
    for (arguments, message) in [
        ("merge none", "failed to read `none`"),
        ("merge s1 s2 none", "failed to read `none`"),
        ("merge s1 s2 prose.json", "`prose.json` is not JSON"),
        ("merge s1 whole", "it was made without --shard"),
        (
            "merge s1 seed",
            "the seed is 1 in shard 1/2 and 2 in shard 2/2",
        ),
        ("merge s1 tls", "the selection is "),
        (
            "merge s1 three",
            "the number of shards is 2 in shard 1/2 and 3 in shard 2/3",
        ),
        (
            "merge s1 s2 --expect 3",
            "the records are of 2 shards, and --expect says 3",
        ),
        ("merge s1 s2 --out s2", "`s2` would be written over"),
        (
            "merge s1/run.json s2 --out ./s1",
            "`s1/run.json` would be written over",
        ),
    ] {
        let arguments = match arguments.contains("--out") {
            true => arguments.to_owned(),
            false => format!("{arguments} --out merged"),
        };
        let output = gauntlet.run(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments}: {output:?}");
        assert!(
            told(&output).contains(message),
            "{arguments}: {}",
            told(&output)
        );
        assert!(!gauntlet.folder().join("merged").exists(), "{arguments}");
    }
}

#[test]
fn of_a_run_that_has_died_nothing_that_it_wrote_is_lost() {
    let gauntlet = sharded(2, SOME);
    let complete = gauntlet.record("s2");
    // What a killed run leaves: the record that it began with, and its events, of which the last is torn.
    let begun = Run {
        complete: false,
        targets: Vec::new(),
        cases: Vec::new(),
        summary: Default::default(),
        ..complete.clone()
    };
    gauntlet.write("dead/run.json", &begun.to_json().unwrap());
    let events = fs::read(gauntlet.folder().join("s2/events.jsonl")).unwrap();
    let torn = &events[..events.len() - 40];
    fs::write(gauntlet.folder().join("dead/events.jsonl"), torn).unwrap();
    let output = gauntlet.run("merge s1 dead --out merged");
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let all = gauntlet.record("s1").cases.len() + complete.cases.len();
    let expected = format!(
        "shard 2 of 2 was cut short\n{} of {all} results are there\n",
        all - 1
    );
    assert_eq!(told(&output), expected);
    assert_eq!(gauntlet.record("merged").cases.len(), all - 1);
    // Its second attempt takes its place.
    let output = gauntlet.run("merge dead s1 s2 --out merged");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(gauntlet.record("merged").cases.len(), all);
    // Damage elsewhere than at the end is told.
    let damaged = [b"{\"id\": 3}\n", events.as_slice()].concat();
    fs::write(gauntlet.folder().join("dead/events.jsonl"), damaged).unwrap();
    let output = gauntlet.run("merge dead --out other");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(
        told(&output).contains("`dead/events.jsonl` is damaged: line 1: "),
        "{}",
        told(&output)
    );
}

#[test]
fn a_shard_without_cases_is_a_shard() {
    let one = "validity/expired --role server --tls tls1.3 --transport memory";
    let gauntlet = Gauntlet::new();
    let mut notes = 0;
    for number in 1..=3 {
        let output = gauntlet.run(&format!("run {one} --shard {number}/3 --out s{number}"));
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let run = gauntlet.record(&format!("s{number}"));
        assert!(run.complete);
        let note = format!("note: no case falls into shard {number} of 3; all have 1\n");
        assert_eq!(told(&output) == note, run.cases.is_empty(), "{output:?}");
        notes += usize::from(run.cases.is_empty());
    }
    assert_eq!(notes, 2);
    let output = gauntlet.run("merge s1 s2 s3 --out merged");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    // Where nothing is selected at all it is a mistake, as without shards.
    let output = gauntlet.run("run nothing/* --shard 1/3");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

#[test]
fn a_shard_that_failed_fails_the_whole() {
    let gauntlet = Gauntlet::new();
    let bug = "validity/* --role server --target planted:ignores-expiry --transport memory";
    let mut statuses = BTreeSet::new();
    for number in 1..=2 {
        let output = gauntlet.run(&format!("run {bug} --shard {number}/2 --out s{number}"));
        statuses.insert(output.status.code());
    }
    assert!(statuses.contains(&Some(1)), "{statuses:?}");
    let output = gauntlet.run("merge s1 s2 --out merged");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn a_scheduler_is_listened_to_where_it_is_asked_for() {
    let gauntlet = Gauntlet::new();
    let run = |arguments: &str| {
        let mut command = gauntlet.command(&format!("run {SOME} {arguments}"));
        for name in ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"] {
            command.env_remove(name);
        }
        command.env("CI_NODE_INDEX", "2").env("CI_NODE_TOTAL", "2");
        command.output().unwrap()
    };
    let output = run("--shard auto --out auto");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(told(&output), "");
    let auto = gauntlet.record("auto");
    assert_eq!(
        auto.shard.as_ref().map(|shard| (shard.number, shard.count)),
        Some((2, 2))
    );
    let output = run("--out all");
    assert_eq!(
        told(&output),
        "note: CI_NODE_INDEX is set, but every case runs here; `--shard auto` runs a part of them\n"
    );
    let all = gauntlet.record("all");
    assert_eq!(all.shard, None);
    assert!(all.cases.len() > auto.cases.len());
    let output = run("--shard auto/3 --out none");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
