//! Fleets on the command line: how they take an interruption, what they leave, and that a violation can
//! be seen again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Output};
use std::thread;
use std::time::Duration;

use mtls_gauntlet::clock::Stopwatch;
use mtls_gauntlet::record::Summary;
use mtls_gauntlet::target::registry;

use super::gauntlet::{Gauntlet, send};

/// Within this a program ends that has been told to.
const PROMPT: Duration = Duration::from_secs(10);

/// Within this everything else happens, on the busiest machine.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn ctrl_c_ends_a_fleet_at_once() {
    for signal in ["INT", "TERM"] {
        let mut case = Case::start("fleet --duration 60s --history history.json");
        case.wait_until("there is load", |case| case.descriptors() > 40);
        let told = case.interrupt(signal);
        let text = String::from_utf8(told.stdout).unwrap();
        assert!(
            text.contains("cut short  what is told here is not the whole"),
            "{text}"
        );
        assert!(text.contains("verdict    incomplete"), "{text}");
    }
}

#[test]
fn ctrl_c_ends_a_simulated_fleet_at_once() {
    let mut case = Case::start("fleet --sim --services 3 --duration 9000h --rate 10");
    case.wait_until("it listens to signals", Case::listens);
    case.interrupt("INT");
}

#[test]
fn ctrl_c_leaves_no_key_of_a_run_with_fleets() {
    for signal in ["INT", "TERM"] {
        let mut case = Case::start("run chaos/files-leaf-*/*/*/sockets --out cut --jobs 1");
        case.wait_until("there are keys", |case| {
            !content(&case.temporary()).is_empty()
        });
        case.interrupt(signal);
        let record = case.gauntlet.record("cut");
        assert!(!record.complete);
        assert_eq!(record.summary, Summary::of(&record.cases));
        let cases = record.cases.iter();
        let broken: Vec<_> = cases.filter(|case| case.reason.contains("end")).collect();
        assert!(broken.is_empty(), "what was cut short is not judged");
    }
}

#[test]
fn who_takes_no_part_in_fleets_is_named() {
    let gauntlet = Gauntlet::new();
    let role = "[server]\nstart = [\"sh\"]\nsupports = [\"tls1.3\"]\n";
    gauntlet.write("quiet.toml", role);
    gauntlet.write(
        "quick.toml",
        &format!("{role}reload = \"automatic\"\nsettle = \"1s\"\n"),
    );
    let told = |arguments: &str| {
        let output = gauntlet.run(&format!("run {arguments} --out out"));
        let told = String::from_utf8(output.stderr).unwrap();
        let notes = told
            .lines()
            .filter(|line| line.starts_with("note: left out of"));
        notes.map(str::to_owned).collect::<Vec<_>>()
    };
    let settle = "note: left out of the selected fleets: quiet; their descriptors name no `settle` in [server]";
    let bug = "note: left out of the selected fleets: planted:ignores-expiry; these bugs do not show in fleets";
    let real = "note: left out of the selected fleets: quick; programs take part in those on sockets with the tag `real`";
    let fleet = "chaos/scale-under-load --target quiet.toml --target quick.toml";
    let mut all = told(&format!("{fleet} --target planted:ignores-expiry"));
    all.sort();
    assert_eq!(all, [bug, real, settle]);
    for none in [
        "chaos/scale-under-load --target rustls",
        "validity/expired --transport memory --target planted:ignores-expiry",
    ] {
        assert_eq!(told(none), [""; 0], "{none}");
    }
}

#[test]
fn ctrl_c_leaves_no_program_of_a_run_with_fleets() {
    let nginx = registry::find("nginx").unwrap();
    if let Some(why) = nginx.absent() {
        assert!(std::env::var_os("MTLS_GAUNTLET_TARGETS").is_none(), "{why}");
        println!("left out: {why}");
        return;
    }
    for signal in ["INT", "TERM"] {
        let mut case = Case::start(
            "run rotation/leaf-under-load chaos/revoke-under-load --target nginx --out cut",
        );
        case.wait_until("there are programs", |case| {
            processes_in(&case.temporary()).len() >= 6
        });
        case.interrupt(signal);
        let record = case.gauntlet.record("cut");
        assert!(!record.complete);
        assert!(record.cases.len() < 2);
    }
}

/// A fleet of this size is not yet there when the second comes: it is not even summed up.
#[test]
fn a_second_ctrl_c_waits_for_nothing() {
    let mut case = Case::start("fleet --services 20000 --sim");
    case.wait_until("it listens to signals", Case::listens);
    let began = Stopwatch::start();
    while case.child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < PROMPT);
        send("INT", case.child.id());
        thread::sleep(Duration::from_millis(5));
    }
    let told = case.ended();
    assert_eq!(told.status.code(), Some(5), "{told:?}");
    assert_eq!(told.stdout, b"");
}

/// Wherever the second one meets it.
#[test]
fn a_second_ctrl_c_leaves_nothing_either() {
    let mut case = Case::start("run chaos/files-* --out cut");
    case.wait_until("there are keys", |case| {
        !content(&case.temporary()).is_empty()
    });
    let began = Stopwatch::start();
    while case.child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < PROMPT);
        send("INT", case.child.id());
    }
    let told = case.ended();
    assert_eq!(told.status.code(), Some(5), "{told:?}");
}

/// More than any machine can bear: most of the strangers' calls are never made.
#[test]
fn a_load_that_cannot_be_borne_proves_nothing() {
    let told = Gauntlet::new().run("fleet --services 2 --rate 100000 --duration 1s");
    let text = String::from_utf8(told.stdout).unwrap();
    assert!(text.contains("by strangers"), "{text}");
    let overdue = text.contains("verdict    it proves nothing: less than 90 %");
    match told.status.code() {
        Some(5) => assert!(overdue && text.contains("a lower --rate"), "{text}"),
        // Who is served too late on a busy machine has not been served.
        Some(1) => assert!(text.contains("verdict    not as expected"), "{text}"),
        other => panic!("{other:?}: {text}"),
    }
}

#[test]
fn what_was_made_of_a_load_is_told() {
    let told = Gauntlet::new().run("fleet --sim --services 2 --rate 20 --duration 10s");
    assert_eq!(told.status.code(), Some(0), "{told:?}");
    let text = String::from_utf8(told.stdout).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("load"));
    let line = line.unwrap_or_else(|| panic!("{text}"));
    let numbers: Vec<u64> = line
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect();
    let [made, due, canaries, forbidden] = numbers[..] else {
        panic!("{line}");
    };
    assert!(due > 200 && due - made < 3, "{line}");
    assert!(forbidden > 70 && forbidden - canaries < 3, "{line}");
}

/// A thousand services on a machine of nobody's: what each of them holds while nobody calls it.
#[test]
#[cfg(target_os = "linux")]
fn an_idle_service_takes_five_kibibytes_at_most() {
    let told = Gauntlet::new().run("fleet --services 1000 --rate 1 --duration 1s");
    let text = String::from_utf8(told.stdout).unwrap();
    let each = text.lines().find_map(|line| {
        let (before, _) = line.split_once(" KiB of memory each")?;
        before.rsplit(' ').next()?.parse::<f64>().ok()
    });
    assert!(each.is_some_and(|each| each <= 5.0), "{text}");
}

#[test]
fn a_violation_is_shown_with_what_shows_it_again() {
    let gauntlet = Gauntlet::new();
    for bug in ["closes-at-reload", "panics-at-reload"] {
        let first = gauntlet.run(&format!(
            "fleet --sim --services 3 --rate 20 --duration 30s --rotate 10s --seed 3 --target planted:{bug}"
        ));
        assert_eq!(first.status.code(), Some(1), "{first:?}");
        assert_eq!(first.stderr, b"");
        let first = String::from_utf8(first.stdout).unwrap();
        let line = |label: &str| {
            let mut lines = first.lines().filter_map(|line| line.strip_prefix(label));
            let text = lines.next().unwrap_or_else(|| panic!("{label}: {first}"));
            text.trim_start().to_owned()
        };
        assert!(line("violated").contains(':'), "{first}");
        assert!(line("verdict").starts_with("not as expected: "), "{first}");
        assert_eq!(line("seed"), "3");
        let repeat = line("repeat");
        let arguments = repeat.strip_prefix("mtls-gauntlet ").unwrap();
        let again = gauntlet.run(arguments);
        assert_eq!(again.status.code(), Some(1));
        let again = String::from_utf8(again.stdout).unwrap();
        assert_eq!(without_wall_time(&again), without_wall_time(&first));
        let other = gauntlet.run(&arguments.replace("--seed 3", "--seed 4"));
        let other = String::from_utf8(other.stdout).unwrap();
        assert_ne!(without_wall_time(&other), without_wall_time(&first));
    }
}

/// What a fleet came to, but for how long it took and how much memory.
fn without_wall_time(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| !line.starts_with("started"));
    let lines = lines.map(|line| match line.starts_with("fleet") {
        true => line.rsplit_once(" in ").map_or(line, |(rest, _)| rest),
        false => line,
    });
    lines.collect()
}

/// A program that is going to be interrupted, with a folder for temporary files of its own.
struct Case {
    gauntlet: Gauntlet,
    child: Child,
}

impl Case {
    fn start(arguments: &str) -> Self {
        let gauntlet = Gauntlet::new();
        let temporary = gauntlet.folder().join("tmp");
        fs::create_dir(&temporary).unwrap();
        let file = |name: &str| File::create(gauntlet.folder().join(name)).unwrap();
        let child = gauntlet
            .command(arguments)
            .env("TMPDIR", temporary)
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap();
        Self { gauntlet, child }
    }

    fn temporary(&self) -> PathBuf {
        self.gauntlet.folder().join("tmp")
    }

    /// How many descriptors it has: those of its sockets, most of all.
    fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.child.id());
        fs::read_dir(folder).map_or(0, Iterator::count)
    }

    /// Does it take SIGINT into its own hands by now?
    fn listens(&self) -> bool {
        const SIGINT: u64 = 1 << 1;
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        caught.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).unwrap() & SIGINT != 0)
    }

    fn wait_until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let began = Stopwatch::start();
        while !is_so(self) {
            assert!(began.elapsed() < PATIENCE, "never: {what}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends it a signal, and says what it has told when it has ended of it.
    fn interrupt(&mut self, signal: &str) -> Output {
        assert_eq!(self.child.try_wait().unwrap(), None, "it ended by itself");
        send(signal, self.child.id());
        let began = Stopwatch::start();
        while self.child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < PROMPT, "it does not end");
            thread::sleep(Duration::from_millis(5));
        }
        let told = self.ended();
        assert_eq!(told.status.code(), Some(5), "{told:?}");
        assert_eq!(told.stderr, b"", "{told:?}");
        told
    }

    /// What it has told, now that it has ended; nothing else may be left of it.
    fn ended(&mut self) -> Output {
        let read = |name: &str| fs::read(self.gauntlet.folder().join(name)).unwrap();
        assert_eq!(content(&self.temporary()), Vec::<PathBuf>::new());
        self.wait_until("its programs are gone", |case| {
            processes_in(&case.temporary()).is_empty()
        });
        Output {
            stdout: read("stdout"),
            stderr: read("stderr"),
            status: self.child.wait().unwrap(),
        }
    }
}

/// A test that fails leaves nothing either.
impl Drop for Case {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The processes that run below this folder, also where it has been removed. What has been killed and
/// not been waited for yet runs nowhere.
fn processes_in(folder: &Path) -> Vec<PathBuf> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let processes = processes.map(|process| process.path());
    let is_there = |process: &PathBuf| {
        fs::read_link(process.join("cwd")).is_ok_and(|place| place.starts_with(folder))
    };
    processes.filter(is_there).collect()
}

fn content(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    entries.map(|entry| entry.path()).collect()
}
