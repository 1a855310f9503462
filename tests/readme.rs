//! Every command in README.md works, and ends as it says there.
//!
//! The blocks are written as for `trycmd` (`$ command`, and `? status` below it where that is not 0),
//! but the README shows no output, and its commands build on each other: they run one after the other
//! in a folder of their own, and their exit statuses are compared.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// How the README starts the program.
const PROGRAM: &str = "cargo run --release -- ";

/// What would test the tests.
const TESTS: &str = "cargo test";

/// A minute and more without optimization; `.ci/run` runs it with.
const LONG: &str = "cargo run --release -- selftest";

#[test]
fn every_command_in_the_readme_works() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    copy(&root.join("examples"), &folder.path().join("examples"));
    let mut run = 0;
    for (line, status) in commands(&readme) {
        if line == TESTS || (line == LONG && cfg!(debug_assertions)) {
            continue;
        }
        let arguments = line
            .strip_prefix(PROGRAM)
            .unwrap_or_else(|| panic!("`{line}` does not begin with `{PROGRAM}`"));
        let output = Command::new(env!("CARGO_BIN_EXE_mtls-gauntlet"))
            .args(words(arguments))
            .args(patience(arguments))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(
            output.status.code(),
            Some(status),
            "{line}\n{}{}",
            end(&output.stdout),
            end(&output.stderr)
        );
        run += 1;
    }
    assert!(run > 5, "the README has lost its commands");
}

#[test]
fn every_link_in_the_papers_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for paper in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "scenarios/README.md",
    ] {
        let path = root.join(paper);
        let text = fs::read_to_string(&path).unwrap();
        for (start, _) in text.match_indices("](") {
            let rest = &text[start + 2..];
            let target = rest.split([')', '#']).next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let there = path.parent().unwrap().join(target);
            assert!(there.exists(), "{paper}: {target}");
        }
    }
}

#[test]
fn the_table_of_exit_statuses_is_the_program_s() {
    use mtls_gauntlet::cli::exit::Exit;
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).unwrap();
    for (exit, meaning) in Exit::ALL {
        let row = format!("| {} | {meaning} |", exit.status());
        assert!(readme.contains(&row), "{row}");
    }
}

/// The commands of the console blocks, with their exit statuses.
fn commands(text: &str) -> Vec<(&str, i32)> {
    let mut commands = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if inside && let Some(command) = line.strip_prefix("$ ") {
            commands.push((command, 0));
        } else if inside
            && let Some(status) = line.strip_prefix("? ")
            && let Some(last) = commands.last_mut()
        {
            last.1 = status.parse().unwrap();
        }
    }
    commands
}

/// The words of a command line, as far as the README's go: single quotes are all the quoting there is.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('\'').enumerate();
    parts
        .flat_map(|(index, part)| -> Vec<String> {
            if index % 2 == 1 {
                vec![part.to_owned()]
            } else {
                part.split_whitespace().map(str::to_owned).collect()
            }
        })
        .collect()
}

/// On a machine that is busy with other tests nothing should count as hung for being slow.
fn patience(arguments: &str) -> &'static [&'static str] {
    match arguments.split(' ').next() {
        Some("run") => &["--timeout", "120"],
        _ => &[],
    }
}

/// The last lines of an output, where the reason for a failure is.
fn end(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output).into_owned();
    let lines: Vec<_> = text.lines().rev().take(20).collect();
    lines
        .into_iter()
        .rev()
        .map(|line| format!("{line}\n"))
        .collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
