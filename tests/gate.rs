//! Every command of ours in docs/gate.md works. They are all cheap, and run one after the other in one folder.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use mtls_gauntlet::cli::exit::Exit;

#[test]
fn every_command_of_the_page_works() {
    let folder = tempfile::tempdir().unwrap();
    let page = page();
    let commands = commands(&page);
    assert!(commands.len() > 8, "the page has lost its commands");
    for line in commands {
        for command in filled_in(line) {
            let output = run(&command, folder.path());
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(0), "{command}\n{told}");
        }
    }
}

#[test]
fn the_table_has_every_exit_status() {
    let page = page();
    for (exit, meaning) in Exit::ALL {
        let row = format!("| {} | {meaning}", exit.status());
        assert!(page.contains(&row), "{row}");
    }
}

#[test]
fn the_inputs_and_outputs_that_it_names_are_the_action_s() {
    let action = Path::new(env!("CARGO_MANIFEST_DIR")).join("action.yml");
    let action = fs::read_to_string(action).unwrap();
    let page = page();
    let (_, with) = page.split_once("        with:\n").unwrap();
    let given = with
        .lines()
        .take_while(|line| line.starts_with("          "));
    let given: Vec<_> = given
        .map(|line| line.trim().split(':').next().unwrap())
        .collect();
    assert_eq!(given, ["targets", "globs", "level"]);
    let others = [
        "binary",
        "args",
        "exit-status",
        "record",
        "junit",
        "summary",
    ];
    for name in given.into_iter().chain(others) {
        assert!(page.contains(name), "the page does not name {name}");
        assert!(action.contains(&format!("\n  {name}:\n")), "no {name}");
    }
}

/// The lines in the page's blocks that begin with the program.
fn commands(page: &str) -> Vec<&str> {
    let blocks = page.split("```").skip(1).step_by(2);
    let lines = blocks.flat_map(str::lines).map(|line| {
        let line = line.trim();
        let prompt = line.strip_prefix("$ ").or_else(|| line.strip_prefix("- "));
        prompt.unwrap_or(line)
    });
    lines
        .filter(|line| line.starts_with("mtls-gauntlet "))
        .collect()
}

/// The line with what a CI system would put into it: three times, where it is one of three.
fn filled_in(line: &str) -> Vec<String> {
    let parts = if line.contains('$') { 1..=3 } else { 1..=1 };
    let filled = parts.map(|part| {
        let part = part.to_string();
        line.replace("$CI_NODE_INDEX", &part)
            .replace("$CI_NODE_TOTAL", "3")
            .replace("${{ matrix.part }}", &part)
    });
    let filled: Vec<String> = filled.collect();
    assert!(!filled.concat().contains('$'), "{line}");
    filled
}

/// Runs it. On a machine that is busy with other tests nothing should count as hung for being slow.
fn run(line: &str, folder: &Path) -> Output {
    let mut words: Vec<String> = line
        .split_whitespace()
        .map(|word| word.trim_matches('\'').to_owned())
        .collect();
    if words[1] == "run" {
        words.extend(["--timeout", "120"].map(str::to_owned));
    }
    Command::new(env!("CARGO_BIN_EXE_mtls-gauntlet"))
        .args(&words[1..])
        .current_dir(folder)
        .env_remove("GITHUB_STEP_SUMMARY")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/gate.md");
    fs::read_to_string(path).unwrap()
}
