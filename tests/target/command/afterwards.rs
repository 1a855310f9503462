//! Runs that are cut short: no process and no key outlives the harness, and what was seen is kept.

use std::fs;
use std::process::{Child, Command, Output, Stdio};
use std::slice;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use mtls_gauntlet::net::{Address, ConnectionId, Listener, Transport};
use mtls_gauntlet::observe::TargetView;
use mtls_gauntlet::record::Summary;
use mtls_gauntlet::run::event::Event;
use mtls_gauntlet::run::run;
use mtls_gauntlet::scenario::Role;
use mtls_gauntlet::target::{Capability, Environment, Running, StartError, Target, Task};
use rustix::process::{Pid, Signal, kill_process};

use super::gauntlet::{Gauntlet, send};
use super::rig::{self, Rig};
use super::support::{Bench, MARK, confined, content, find, marked};

#[test]
fn ctrl_c_ends_targets_and_keeps_the_record() {
    cut_short_by("INT");
}

#[test]
fn so_does_a_polite_request_to_end() {
    cut_short_by("TERM");
}

fn cut_short_by(signal: &str) {
    let (gauntlet, bench) = (Gauntlet::new(), Bench::new());
    let descriptor = bench.describe("odd", "none leaves-a-child");
    // More than can be done before the signal comes.
    let run = format!("run --jobs 1 --out cut --target {}", descriptor.display());
    let child = start(&gauntlet, &bench, &run);
    let events = gauntlet.folder().join("cut/events.jsonl");
    let child = wait_for(child, || {
        fs::read_to_string(&events).is_ok_and(|text| text.contains('\n'))
    });
    send(signal, child.id());
    let output = child.wait_with_output().unwrap();

    assert_eq!(output.status.code(), Some(5), "{output:?}");
    nothing_is_left(&gauntlet, &bench);
    let record = gauntlet.record("cut");
    assert!(!record.complete && !record.cases.is_empty());
    assert_eq!(record.summary, Summary::of(&record.cases));
    let lines = fs::read_to_string(&events).unwrap().lines().count();
    assert_eq!(lines, record.cases.len(), "what was seen is in both files");
}

#[test]
fn who_presses_ctrl_c_again_waits_for_nobody() {
    let (gauntlet, bench) = (Gauntlet::new(), Bench::new());
    let called = bench.path("called");
    let script = format!("touch {}; sleep 1000", called.display());
    let descriptor = bench.write(
        "odd.toml",
        &format!(
            "[client]\nconnect = [\"sh\", \"-c\", {script:?}]\nsupports = [\"tls1.2\", \"tls1.3\"]\n\
             prepare = [\"touch\", \"{{{{ prepared }}}}/secret\"]\n"
        ),
    );
    impatiently(&gauntlet, &bench, &descriptor.display().to_string(), || {
        called.exists()
    });
}

#[test]
fn nor_for_who_is_not_ready() {
    let (gauntlet, bench) = (Gauntlet::new(), Bench::new());
    let descriptor = bench.describe_with(
        "odd",
        "none is-never-ready leaves-a-child outstays-its-welcome",
        "start-deadline-ms = 3600000",
    );
    impatiently(&gauntlet, &bench, &descriptor.display().to_string(), || {
        marked(&bench.mark)
            .iter()
            .any(|process| process.contains("--linger"))
    });
}

/// Presses Ctrl-C until the program has ended.
fn impatiently(gauntlet: &Gauntlet, bench: &Bench, descriptor: &str, ready: impl Fn() -> bool) {
    let run = format!("run --timeout 3600 --out cut --target {descriptor} baseline/*");
    let child = start(gauntlet, bench, &run);
    let mut child = wait_for(child, ready);
    let id = Pid::from_child(&child);
    while child.try_wait().unwrap().is_none() {
        kill_process(id, Signal::INT).unwrap();
        std::thread::yield_now();
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    nothing_is_left(gauntlet, bench);
    let record = gauntlet.record("cut");
    assert!(!record.complete, "the record says what it is");
}

#[test]
fn a_panic_leaves_nothing_behind() {
    for panic in ["panics_in_a_worker", "panics_while_it_is_told"] {
        let (gauntlet, bench) = (Gauntlet::new(), Bench::new());
        let mut command = Command::new(std::env::current_exe().unwrap());
        confined(&mut command, &gauntlet.folder().join("tmp"), &bench.mark);
        let output = command
            .args(["--ignored", "--exact", &format!("afterwards::{panic}")])
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(told.contains("1 passed"), "{told}");
        nothing_is_left(&gauntlet, &bench);
    }
}

#[test]
#[ignore = "run by a_panic_leaves_nothing_behind, in a process of its own"]
fn panics_in_a_worker() {
    assert!(std::env::var_os(MARK).is_some(), "it was started by hand");
    let outcome = disturbed(|target| Arc::new(Brittle(target)), |_| {});
    assert!(
        outcome.is_ok_and(|outcome| outcome.is_err()),
        "nobody has panicked"
    );
}

#[test]
#[ignore = "run by a_panic_leaves_nothing_behind, in a process of its own"]
fn panics_while_it_is_told() {
    assert!(std::env::var_os(MARK).is_some(), "it was started by hand");
    let outcome = disturbed(
        |target| target,
        |event| assert!(!matches!(event, Event::CaseJudged(_)), "that is too much"),
    );
    assert!(outcome.is_err(), "nobody has panicked");
}

/// A run that something happens to. Its processes have the mark of this one.
fn disturbed(
    dress: impl Fn(Arc<dyn Target>) -> Arc<dyn Target>,
    emit: impl FnMut(Event),
) -> std::thread::Result<std::io::Result<()>> {
    let mut bench = Bench::new();
    bench.mark = std::env::var(MARK).unwrap();
    let target = dress(find(&bench.describe("odd", "none leaves-a-child")));
    let plan = Rig::for_processes().plan(
        slice::from_ref(&target),
        &rig::cases(&["baseline/*", "validity/*/server/*"]),
    );
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        run(&plan, &AtomicBool::new(false), emit)
    }))
}

/// It works as another does, but the harness panics over its first word.
struct Brittle(Arc<dyn Target>);

impl Target for Brittle {
    fn name(&self) -> String {
        self.0.name()
    }

    fn version(&self) -> String {
        self.0.version()
    }

    fn has_injected_clock(&self) -> bool {
        self.0.has_injected_clock()
    }

    fn supports(&self, role: Role, capability: Capability) -> bool {
        self.0.supports(role, capability)
    }

    fn known(&self, case: &str) -> Option<&str> {
        self.0.known(case)
    }

    fn start(
        &self,
        environment: Arc<Environment>,
        transport: Transport,
    ) -> Task<'_, Result<Box<dyn Running>, StartError>> {
        Box::pin(async move {
            let running = self.0.start(environment, transport).await?;
            Ok(Box::new(Glass(running)) as Box<dyn Running>)
        })
    }
}

struct Glass(Box<dyn Running>);

impl Running for Glass {
    fn address(&self) -> Option<Address> {
        self.0.address()
    }

    fn upstream(&self) -> Option<&Listener> {
        self.0.upstream()
    }

    fn decided(&self, _: ConnectionId) -> Task<'_, TargetView> {
        Box::pin(async { panic!("it breaks") })
    }

    fn view(&self, connection: ConnectionId) -> Task<'_, Option<TargetView>> {
        self.0.view(connection)
    }

    fn connect(&self, peer: Address) -> Task<'_, Option<TargetView>> {
        self.0.connect(peer)
    }

    fn death(&self, within: Duration) -> Task<'_, Option<String>> {
        self.0.death(within)
    }
}

fn start(gauntlet: &Gauntlet, bench: &Bench, arguments: &str) -> Child {
    let mut command = gauntlet.command(arguments);
    confined(&mut command, &gauntlet.folder().join("tmp"), &bench.mark);
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until something has happened while this child runs.
fn wait_for(mut child: Child, happened: impl Fn() -> bool) -> Child {
    while !happened() {
        if child.try_wait().unwrap().is_some() {
            let output: Output = child.wait_with_output().unwrap();
            panic!("it has ended by itself: {output:?}");
        }
        std::thread::yield_now();
    }
    child
}

fn nothing_is_left(gauntlet: &Gauntlet, bench: &Bench) {
    bench.assert_alone();
    let left = content(&gauntlet.folder().join("tmp"));
    assert!(left.is_empty(), "{left:?}");
}
