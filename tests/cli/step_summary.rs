//! The summary of a GitHub step: who writes to it, and what becomes of one that cannot be written.

use std::fs;
use std::process::Output;

use super::gauntlet::Gauntlet;

const RUN: &str = "run validity/expired --transport memory --out out";

#[test]
fn every_command_of_a_step_adds_to_its_summary() {
    let gauntlet = Gauntlet::new();
    let path = gauntlet.folder().join("summary");
    fs::write(&path, "what an earlier command said\n").unwrap();
    let run = |arguments: &str| {
        let mut command = gauntlet.command(arguments);
        let output = command.env("GITHUB_STEP_SUMMARY", &path).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    };
    run(RUN);
    assert!(fs::read_to_string(&path).unwrap().ends_with("said\n"));
    run(&format!("{RUN} --format github"));
    run("report out/run.json --format github");
    let markdown = fs::read_to_string(gauntlet.folder().join("out/summary.md")).unwrap();
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        format!("what an earlier command said\n{markdown}{markdown}")
    );
}

/// With a baseline the gate is the comparison, and so are the annotations.
#[test]
fn annotations_are_what_the_gate_goes_by() {
    let gauntlet = Gauntlet::new();
    let run = |target: &str, rest: &str| {
        let output = gauntlet.run(&format!("{RUN} --format github --target {target} {rest}"));
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text)
    };
    let bug = "planted:ignores-expiry";
    let (status, text) = run(bug, "--save-baseline bad.json");
    assert_eq!(status, Some(1));
    assert!(text.starts_with("::error file="), "{text}");
    let (status, text) = run(bug, "--baseline bad.json");
    assert_eq!(status, Some(0), "{text}");
    assert!(
        text.starts_with("::notice ") && !text.contains("::error"),
        "{text}"
    );
    let good = fs::read_to_string(gauntlet.folder().join("bad.json")).unwrap();
    gauntlet.write(
        "good.json",
        &good.replace("\"verdict\": \"fail\"", "\"verdict\": \"pass\""),
    );
    let (status, text) = run(bug, "--baseline good.json");
    assert_eq!(status, Some(1), "{text}");
    assert!(
        text.starts_with("::error file=") && text.contains("regressed%3A"),
        "{text}"
    );
}

#[test]
fn a_summary_that_cannot_be_written_changes_no_verdict() {
    let gauntlet = Gauntlet::new();
    let run = |arguments: &str, summary: &str| -> Output {
        let mut command = gauntlet.command(arguments);
        command.env("GITHUB_STEP_SUMMARY", summary);
        command.output().unwrap()
    };
    let bug = format!("{RUN} --format github --target planted:ignores-expiry");
    for (arguments, status) in [(format!("{RUN} --format github"), 0), (bug, 1)] {
        let output = run(&arguments, "no/such/folder/summary");
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(
            told.contains("warning: failed to write the summary to `no/such/folder/summary`"),
            "{told}"
        );
        assert!(output.stdout.starts_with(b"::"));
        // No file is named outside of GitHub, and some shells name none with an empty variable.
        let output = run(&arguments, "");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!told.contains("summary"), "{told}");
    }
}
