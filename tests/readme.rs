//! Every command in README.md works, and ends as it says there.
//!
//! The blocks are written as for `trycmd` (`$ command`, and `? status` below it where that is not 0),
//! but the README shows no output, and its commands build on each other: they run one after the other
//! in a folder of their own, and their exit statuses are compared. What ends in `&` runs beside the
//! others, on other ports than the README's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How the README starts the program.
const PROGRAM: &str = "cargo run --release -- ";

/// What would test the tests.
const TESTS: &str = "cargo test";

/// How the README installs targets. Who runs the tests need not be able to: `.ci/run` is.
const INSTALL: &str = "targets/install ";

/// A minute and more without optimization; `.ci/run` runs it with.
const LONG: &str = "cargo run --release -- selftest";

#[test]
fn every_command_in_the_readme_works() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    copy(&root.join("examples"), &folder.path().join("examples"));
    let absent = absent_targets();
    let mut background = Background::default();
    let mut run = 0;
    for (line, status) in commands(&readme) {
        if line == TESTS || (line == LONG && cfg!(debug_assertions)) {
            continue;
        }
        if let Some(names) = line.strip_prefix(INSTALL) {
            install(root, names, &absent);
            continue;
        }
        if line.split_whitespace().any(|word| absent.contains(word)) {
            assert!(!must_be_there(), "{line}: its target is absent");
            println!("left out, for its target is absent: {line}");
            continue;
        }
        if needs(line).iter().any(|tool| !is_there(tool)) {
            assert!(!must_be_there(), "{line}: its tool is absent");
            println!("left out, for its tool is absent: {line}");
            continue;
        }
        let line = &background.on_free_ports(line);
        if let Some(line) = line.strip_suffix(" &") {
            background.start(line, folder.path());
            run += 1;
            continue;
        }
        if line.starts_with("curl ") {
            let output = command(line).current_dir(folder.path()).output().unwrap();
            assert_eq!(output.status.code(), Some(status), "{line}");
            continue;
        }
        background.await_ours();
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
    background.await_ours();
    assert!(run > 5, "the README has lost its commands");
}

/// The programs of others that a line is in vain without.
fn needs(line: &str) -> &'static [&'static str] {
    if line.starts_with("openssl ") || line.contains("--server ") {
        &["openssl"]
    } else if line.starts_with("curl ") || line.contains("--client-listen ") {
        &["curl"]
    } else {
        &[]
    }
}

fn is_there(tool: &str) -> bool {
    let mut version = Command::new(tool);
    version.arg(if tool == "openssl" {
        "version"
    } else {
        "--version"
    });
    version.stdout(Stdio::null()).status().is_ok()
}

/// The command that a line is: ours or another.
fn command(line: &str) -> Command {
    let (program, rest) = match line.strip_prefix(PROGRAM) {
        Some(rest) => (env!("CARGO_BIN_EXE_mtls-gauntlet"), rest),
        None => line.split_once(' ').unwrap(),
    };
    let mut command = Command::new(program);
    command
        .args(words(rest))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// What runs beside the other commands, having been started with `&`.
#[derive(Default)]
struct Background {
    ports: BTreeMap<&'static str, u16>,
    ours: Vec<(String, Child)>,
    others: Vec<Child>,
}

impl Background {
    /// The line with ports of this machine that are free, the same ones each time.
    fn on_free_ports(&mut self, line: &str) -> String {
        let mut line = line.to_owned();
        for port in ["127.0.0.1:8443", "127.0.0.1:9000"] {
            let taken = self.ports.values().max().copied();
            let free = self.ports.entry(port).or_insert_with(|| free_port(taken));
            line = line.replace(port, &format!("127.0.0.1:{free}"));
        }
        line
    }

    /// Starts it, and waits until it listens.
    fn start(&mut self, line: &str, folder: &Path) {
        let mut child = command(line).current_dir(folder).spawn().unwrap();
        let address = line.split(' ').find(|word| word.starts_with("127.0.0.1:"));
        while TcpStream::connect(address.unwrap()).is_err() {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "{line}: {ended:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        if line.starts_with(PROGRAM) {
            self.ours.push((line.to_owned(), child));
        } else {
            self.others.push(child);
        }
    }

    /// Ours end by themselves, and as they should.
    fn await_ours(&mut self) {
        for (line, mut child) in self.ours.drain(..) {
            assert_eq!(child.wait().unwrap().code(), Some(0), "{line}");
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let ours = self.ours.iter_mut().map(|(_, child)| child);
        for child in ours.chain(&mut self.others) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A port that nobody holds, below those that the system gives to whoever dials: what it asks for itself
/// stays taken for a minute after the connection, and the run before has made thousands.
fn free_port(above: Option<u16>) -> u16 {
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    (above.map_or(first, |above| above + 1)..32_000)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .unwrap()
}

/// The targets that `doctor` calls absent.
fn absent_targets() -> BTreeSet<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_mtls-gauntlet"))
        .arg("doctor")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .filter_map(|line| line.strip_prefix("absent"))
        .filter_map(|rest| rest.split_whitespace().nth(1).map(str::to_owned))
        .collect()
}

/// Does whoever runs the tests promise that the README's targets are installed?
fn must_be_there() -> bool {
    std::env::var_os("MTLS_GAUNTLET_TARGETS").is_some()
}

/// Runs the installer where there is nothing left for it to do.
fn install(root: &Path, names: &str, absent: &BTreeSet<String>) {
    if names.split_whitespace().any(|name| absent.contains(name)) {
        assert!(!must_be_there(), "{names}: not installed");
        return;
    }
    let status = Command::new(root.join("targets/install"))
        .args(names.split_whitespace())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{INSTALL}{names}");
}

#[test]
fn the_overview_is_that_of_the_sample() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let sample = fs::read_to_string(root.join("reports/sample/summary.md")).unwrap();
    let (_, rest) = readme.split_once("<!-- overview -->").unwrap();
    let (shown, _) = rest.split_once("<!-- /overview -->").unwrap();
    let rows: Vec<&str> = shown.lines().filter(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 30, "the overview has lost its rows");
    for row in rows {
        assert!(sample.lines().any(|line| line == row), "{row}");
    }
}

#[test]
fn every_link_in_the_papers_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for paper in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "docs/gate.md",
        "scenarios/README.md",
        "targets/README.md",
        "reports/sample/README.md",
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
        // The README measures for as long as a figure needs that somebody reads.
        Some("bench") => &[
            "--duration",
            "100ms",
            "--warm-up",
            "50ms",
            "--repetitions",
            "1",
        ],
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
