//! The process: its exit status, its streams, and how it takes an interruption.

use std::fs;
use std::io::{PipeWriter, pipe};
use std::process::{Command, Stdio};

use mtls_gauntlet::cli::exit::Exit;
use mtls_gauntlet::record::{Run, Summary};

use super::gauntlet::{Gauntlet, send};

#[test]
fn every_exit_status_is_in_the_help() {
    let help = Gauntlet::new().run("--help");
    let help = String::from_utf8(help.stdout).unwrap();
    for (exit, meaning) in Exit::ALL {
        let line = format!("  {}  {meaning}", exit.status());
        assert!(help.lines().any(|found| found == line), "{line}");
    }
    let statuses = Exit::ALL.map(|(exit, _)| exit.status());
    assert_eq!(statuses, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn data_and_messages_go_different_ways() {
    let gauntlet = Gauntlet::new();
    let listed = gauntlet.run("list --cases validity/expired");
    assert_eq!(listed.stderr, b"");
    let run = gauntlet.run("run validity/expired --transport memory --format json");
    assert!(run.stderr.is_empty(), "{run:?}");
    let record: Run = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(record, gauntlet.record("reports/latest"));
    let mistaken = gauntlet.run("list nothing/*");
    assert_eq!(mistaken.stdout, b"");
    assert!(!mistaken.stderr.is_empty());
}

#[test]
fn colours_are_shown_where_they_are_wanted() {
    let gauntlet = Gauntlet::new();
    let run = "run validity/expired --transport memory";
    let coloured = |command: &mut Command| command.output().unwrap().stdout.contains(&0x1b);
    assert!(!coloured(&mut gauntlet.command(run)), "into a pipe");
    let forced = || {
        let mut command = gauntlet.command(run);
        command.env("CLICOLOR_FORCE", "1");
        command
    };
    assert!(coloured(&mut forced()), "where they are forced");
    assert!(!coloured(forced().env("NO_COLOR", "1")), "NO_COLOR");
    let mut asked = gauntlet.command(run);
    assert!(
        coloured(asked.args(["--color", "always"])),
        "--color always"
    );
    assert!(
        !coloured(forced().args(["--color", "never"])),
        "--color never"
    );
}

#[test]
fn a_reader_who_leaves_changes_no_exit_status() {
    let gauntlet = Gauntlet::new();
    for (arguments, status) in [
        ("list", 0),
        ("show validity/expired", 0),
        ("--help", 0),
        ("completions bash", 0),
        ("man", 0),
        ("run validity/expired --transport memory", 0),
        (
            "run validity/expired --transport memory --target planted:ignores-expiry",
            1,
        ),
    ] {
        let output = gauntlet
            .command(arguments)
            .stdout(nobody())
            .output()
            .unwrap();
        assert_eq!(
            output.status.code(),
            Some(status),
            "{arguments}: {output:?}"
        );
        assert_eq!(output.stderr, b"", "{arguments}: {output:?}");
    }
}

/// A pipe that nobody reads any more.
fn nobody() -> PipeWriter {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    writer
}

#[test]
fn a_full_disk_is_told() {
    let Ok(full) = fs::File::options().write(true).open("/dev/full") else {
        return;
    };
    let output = Gauntlet::new()
        .command("list")
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.starts_with("error: ") && told.contains("space"),
        "{told}"
    );
}

#[test]
fn a_folder_that_cannot_be_written_to_costs_no_run() {
    let gauntlet = Gauntlet::new();
    gauntlet.write("file", "in the way");
    for (arguments, names) in [
        ("--out file/below", "`file/below`"),
        (
            "--out fine --junit no/such/folder.xml",
            "`no/such/folder.xml`",
        ),
    ] {
        let output = gauntlet.run(&format!("run validity/expired {arguments}"));
        assert_eq!(output.status.code(), Some(2), "{arguments}: {output:?}");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            told.starts_with("error: failed to create ") && told.contains(names),
            "{told}"
        );
        assert_eq!(output.stdout, b"", "{arguments}");
    }
}

#[test]
fn two_runs_do_not_share_a_folder() {
    let gauntlet = Gauntlet::new();
    fs::create_dir(gauntlet.folder().join("out")).unwrap();
    let events = gauntlet.folder().join("out/events.jsonl");
    let other = fs::File::create(&events).unwrap();
    other.lock().unwrap();
    let run = "run validity/expired --transport memory --out out";
    let refused = gauntlet.run(run);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        told.contains("another run is writing to `out/events.jsonl`"),
        "{told}"
    );
    assert!(told.contains("--out"), "{told}");
    drop(other);
    assert_eq!(gauntlet.run(run).status.code(), Some(0));
}

#[test]
#[cfg(unix)]
fn too_few_files_are_the_user_s_affair() {
    let gauntlet = Gauntlet::new();
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 32 && exec \"$0\" run validity/expired"])
        .arg(env!("CARGO_BIN_EXE_mtls-gauntlet"))
        .current_dir(gauntlet.folder())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("ulimit -n"), "{told}");
}

#[test]
fn ctrl_c_leaves_a_valid_record_that_is_not_complete() {
    cut_short_by("INT");
}

#[test]
fn so_does_a_polite_request_to_end() {
    cut_short_by("TERM");
}

fn cut_short_by(signal: &str) {
    let gauntlet = Gauntlet::new();
    let mut child = gauntlet
        .command("run --jobs 1 --out cut --format json")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let events = gauntlet.folder().join("cut/events.jsonl");
    while !fs::read_to_string(&events).is_ok_and(|text| text.contains('\n')) {
        assert_eq!(child.try_wait().unwrap(), None, "it ended by itself");
        std::thread::yield_now();
    }
    send(signal, child.id());
    let output = child.wait_with_output().unwrap();

    assert_eq!(output.status.code(), Some(5));
    let run = gauntlet.record("cut");
    assert!(!run.complete);
    assert!(!run.cases.is_empty());
    assert_eq!(run.summary, Summary::of(&run.cases));
    assert_eq!(serde_json::from_slice::<Run>(&output.stdout).unwrap(), run);
    let lines = fs::read_to_string(&events).unwrap().lines().count();
    assert_eq!(lines, run.cases.len(), "what was seen is in both files");
    let rendered = gauntlet.run("report cut/run.json");
    let text = String::from_utf8(rendered.stdout).unwrap();
    assert!(text.contains("incomplete"), "{text}");
    assert!(gauntlet.folder().join("cut/junit.xml").exists());
}
