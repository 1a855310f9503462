//! `bench`: what it leaves, what it ends with, how it takes an interruption, and what its parts come to.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use mtls_gauntlet::clock::{Clock, Stopwatch};
use mtls_gauntlet::record::Run;
use serde_json::Value;

use super::deployed::{CAREFUL, serve};
use super::gauntlet::{Gauntlet, send};

/// As short as can be.
const SHORT: &str = "--duration 200ms --warm-up 50ms --repetitions 2";

/// Within this anything happens, on the busiest machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Four rows, of which each half has some.
const ROWS: &str = r#"
title = "Four rows"
why = "To see what becomes of them."
reference = "server-only/tls1.3"

[setting]
arrival = "closed"
in-flight = 4

[axes]
tls = ["tls1.2", "tls1.3"]

[[row]]
name = "server-only"
setting = { auth = "server-only" }

[[row]]
name = "mutual"
"#;

/// Half of all callers must be refused.
const EXPIRED: &str = r#"
title = "Strangers"
why = "To see whether anybody lets them in."

[setting]
arrival = "closed"
in-flight = 4
strangers = "expired"
stranger-share = 50
"#;

/// A target that does not start is no target that cannot be asked: nothing is green about it.
#[test]
fn a_target_that_cannot_be_measured_shuts_the_gate() {
    let gauntlet = Gauntlet::new();
    gauntlet.write(
        "dead.toml",
        "version = [\"echo\", \"1.0\"]\ninstall = \"nothing to do\"\n[server]\nstart = [\"false\"]\nready = \"tcp\"\nprotocol = \"line\"\n\
         supports = [\"tls1.3\"]\n",
    );
    let output = gauntlet.run("bench handshake --arrival closed --target dead.toml --duration 100ms --repetitions 1 --out out");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(5), "{told}");
    assert!(told.contains("broken: "), "{told}");
    assert!(!told.contains("\nas expected"), "{told}");
    assert!(gauntlet.record("out").measurements[0].broken);
}

#[test]
fn a_bench_leaves_a_record_and_its_views() {
    let gauntlet = Gauntlet::new();
    gauntlet.write("rows.toml", ROWS);
    let output = gauntlet.run(&format!("bench rows.toml {SHORT} --out out"));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("rows against rustls ") && text.contains("(embedded, tcp)"),
        "{text}"
    );
    let read = |name: &str| fs::read_to_string(gauntlet.folder().join("out").join(name)).unwrap();
    let record: Value = serde_json::from_str(&read("run.json")).unwrap();
    let schema: Value = serde_json::from_str(&Run::json_schema().unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = validator
        .iter_errors(&record)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, [""; 0]);

    let run = gauntlet.record("out");
    assert!(run.complete && run.cases.is_empty());
    let rows: Vec<_> = run
        .measurements
        .iter()
        .map(|row| row.row.as_str())
        .collect();
    assert_eq!(
        rows,
        [
            "server-only/tls1.2",
            "server-only/tls1.3",
            "mutual/tls1.2",
            "mutual/tls1.3"
        ]
    );
    for row in &run.measurements {
        assert_eq!(row.unmeasured, None);
        let numbers: Vec<_> = row.repetitions.iter().map(|one| one.number).collect();
        assert_eq!(numbers, [1, 2], "{}", row.id);
        for repetition in &row.repetitions {
            assert_eq!(repetition.duration_us, 200_000);
            let confirmed = repetition.tally.confirmed;
            assert!(confirmed > 0, "{}: {:?}", row.id, repetition.tally);
            assert_eq!(repetition.latency.first_byte.count(), confirmed);
        }
    }
    assert!(read("curves.svg").starts_with("<svg "));
    assert_eq!(read("figures.csv").lines().count(), 1 + 4 * 2);
    assert!(read("summary.md").contains("| mutual/tls1.3 |"));
    for (file, format) in [
        ("run.json", "json"),
        ("summary.md", "markdown"),
        ("curves.svg", "svg"),
        ("figures.csv", "csv"),
    ] {
        let again = gauntlet.run(&format!("report out/run.json --format {format}"));
        assert_eq!(again.status.code(), Some(0), "{again:?}");
        assert_eq!(String::from_utf8(again.stdout).unwrap(), read(file));
    }
}

#[test]
fn what_is_mistaken_is_said_and_nothing_runs() {
    let gauntlet = Gauntlet::new();
    gauntlet.write("rows.toml", ROWS);
    gauntlet.write("prose.toml", "who goes there?");
    gauntlet.write("loop.toml/file", "a folder");
    for (arguments, status, said) in [
        ("overheda", 2, "did you mean `overhead`?"),
        (
            "nowhere.toml",
            2,
            "cannot read the bench plan `nowhere.toml`",
        ),
        ("loop.toml", 2, "`loop.toml`"),
        ("prose.toml", 2, "prose.toml:1"),
        ("rows.toml --row nothing*", 3, "no row of `rows` matches"),
        ("rows.toml --row [", 2, "error parsing glob"),
        ("rows.toml --set kye=p256", 2, "key"),
        ("rows.toml --set depth", 2, "is not KEY=VALUE"),
        ("rows.toml --set depth=99", 2, "2 to 8"),
        ("rows.toml --arrival soon", 2, "`soon` is no arrival"),
        ("rows.toml --arrival 0/s", 2, "is no arrival"),
        ("rows.toml --repetitions 0", 2, "1 to 1000"),
        ("rows.toml --duration 0s", 2, "1ms to 1d"),
        ("rows.toml --duration long", 2, "long"),
        ("rows.toml --target nobody", 2, "nobody"),
        ("rows.toml --shard 3/2", 2, "is not a shard"),
        ("rows.toml --together 1/2", 2, "--start-at"),
        (
            "rows.toml --together 1/2 --start-at 2026-01-01T00:00:00Z",
            2,
            "--server",
        ),
        ("rows.toml --server 127.0.0.1:1", 2, "--pki"),
    ] {
        let output = gauntlet.run(&format!("bench {arguments} --out out"));
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{arguments}: {told}");
        assert!(told.contains(said), "{arguments}: {said}: {told}");
        assert_eq!(output.stdout, b"", "{arguments}");
        assert!(!gauntlet.folder().join("out").exists(), "{arguments}");
    }
}

#[test]
fn only_the_rows_that_were_asked_for() {
    let gauntlet = Gauntlet::new();
    gauntlet.write("rows.toml", ROWS);
    let output = gauntlet.run(&format!(
        "bench rows.toml {SHORT} --row mutual/* --set tls=tls1.2 --arrival 20/s --out out"
    ));
    // An axis that is fixed is none any more, and neither is its part of the names.
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let output = gauntlet.run(&format!(
        "bench rows.toml {SHORT} --row mutual/*1.2 --row *1.2 --arrival 20/s --out out"
    ));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let run = gauntlet.record("out");
    let rows: Vec<_> = run
        .measurements
        .iter()
        .map(|row| (row.row.as_str(), row.place, row.setting.arrival.to_string()))
        .collect();
    let arrival = || "20/s".to_owned();
    assert_eq!(
        rows,
        [
            ("server-only/tls1.2", 0, arrival()),
            ("mutual/tls1.2", 2, arrival())
        ]
    );
}

#[test]
fn who_lets_strangers_in_is_no_matter_of_speed() {
    let gauntlet = Gauntlet::new();
    gauntlet.write("expired.toml", EXPIRED);
    let bench = |target: &str| {
        let output = gauntlet.run(&format!(
            "bench expired.toml {SHORT} --target {target} --out out"
        ));
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text)
    };
    let (status, text) = bench("planted:ignores-expiry");
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("let in"), "{text}");
    assert!(
        text.contains("connections were accepted that must be refused"),
        "{text}"
    );
    let (status, text) = bench("rustls");
    assert_eq!(status, Some(0), "{text}");
    let tally = &gauntlet.record("out").measurements[0].repetitions[0].tally;
    assert!(
        tally.strangers_refused > 0 && tally.confirmed > 0,
        "{tally:?}"
    );
    assert!(text.ends_with("as expected\n"), "{text}");
}

/// In a closed loop nobody is due once everybody waits; that must not look like success.
#[test]
fn a_server_that_says_nothing_is_not_as_expected() {
    let gauntlet = Gauntlet::new();
    let made = gauntlet.run("pki init --dir pki");
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    // Nobody accepts: the system does, and nobody answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let output = gauntlet.run(&format!(
        "bench handshake --server {address} --pki pki --arrival closed --set in-flight=4 --timeout 1 \
         --duration 200ms --warm-up 50ms --repetitions 1 --out out --save-baseline base.json"
    ));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("not answered in all the time that was measured"),
        "{text}"
    );
    let tally = &gauntlet.record("out").measurements[0].repetitions[0].tally;
    assert_eq!((tally.due, tally.failures()), (4, 4), "{tally:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("`base.json` was not written"), "{told}");
}

#[test]
fn ctrl_c_leaves_what_was_measured() {
    for signal in ["INT", "TERM"] {
        let gauntlet = Gauntlet::new();
        gauntlet.write("rows.toml", ROWS);
        let mut child = gauntlet
            .command("bench rows.toml --duration 100ms --warm-up 0s --repetitions 1000 --out cut --format json")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let path = gauntlet.folder().join("cut/run.json");
        let has_measured = || {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let run: Option<Run> = serde_json::from_str(&text).ok();
            run.is_some_and(|run| {
                run.measurements
                    .iter()
                    .any(|row| !row.repetitions.is_empty())
            })
        };
        let began = Stopwatch::start();
        while !has_measured() {
            assert_eq!(child.try_wait().unwrap(), None, "it ended by itself");
            assert!(began.elapsed() < PATIENCE, "it measures nothing");
            std::thread::yield_now();
        }
        send(signal, child.id());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(5), "{signal}");
        let run = gauntlet.record("cut");
        assert!(!run.complete);
        assert_eq!(run.measurements.len(), 4, "every row is named");
        let repetitions: Vec<_> = run
            .measurements
            .iter()
            .flat_map(|row| &row.repetitions)
            .collect();
        assert!(!repetitions.is_empty());
        for repetition in repetitions {
            assert_eq!(repetition.duration_us, 100_000, "none that was cut");
        }
        assert_eq!(serde_json::from_slice::<Run>(&output.stdout).unwrap(), run);
        let shown = gauntlet.run("report cut/run.json");
        let text = String::from_utf8(shown.stdout).unwrap();
        assert!(text.contains("incomplete: "), "{text}");
        // What proves nothing is never a baseline.
        let compared = gauntlet.run("compare cut cut");
        assert_eq!(compared.status.code(), Some(5), "{compared:?}");
    }
}

#[test]
fn the_rows_of_all_shards_are_the_plan_s() {
    let gauntlet = Gauntlet::new();
    gauntlet.write("rows.toml", ROWS);
    let bench = |arguments: &str| {
        let output = gauntlet.run(&format!("bench rows.toml {SHORT} {arguments}"));
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    };
    for number in [1, 2] {
        bench(&format!("--shard {number}/2 --out s{number}"));
    }
    let held = |out: &str| gauntlet.record(out).measurements.len();
    assert_eq!(held("s1") + held("s2"), 4);
    assert!(
        held("s1") > 0 && held("s2") > 0,
        "the names all fall into one"
    );

    let (status, told) = merge(&gauntlet, "s2 s1");
    assert_eq!(status, Some(0), "{told}");
    let run = gauntlet.record("merged");
    assert!(run.complete);
    let mut places: Vec<_> = run.measurements.iter().map(|row| row.place).collect();
    places.sort_unstable();
    assert_eq!(places, [0, 1, 2, 3]);
    for part in ["s1", "s2"] {
        for row in gauntlet.record(part).measurements {
            assert!(run.measurements.contains(&row), "{}", row.id);
        }
    }
    let (status, told) = merge(&gauntlet, "s2");
    assert_eq!(status, Some(5), "{told}");
    assert!(!gauntlet.record("merged").complete);
    assert!(
        told.contains("shard 1") || told.contains("missing"),
        "{told}"
    );
    // A part of another plan's is none of this one's.
    bench("--row mutual/* --shard 1/2 --out other");
    let (status, told) = merge(&gauntlet, "other s2");
    assert_eq!(status, Some(2), "{told}");
    assert!(told.contains("not parts of one run"), "{told}");
}

/// As `docs/load.md` has it.
#[test]
fn two_who_load_one_server_together_share_the_rate_and_add_up() {
    let Some((gauntlet, server)) = serve(CAREFUL) else {
        return;
    };
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/load.md");
    let page = fs::read_to_string(page).unwrap();
    let lines = page.lines();
    let commands: Vec<_> = lines
        .filter_map(|line| line.strip_prefix("$ mtls-gauntlet "))
        .collect();
    let [loads @ .., merge] = &commands[..] else {
        panic!("the page has lost its commands")
    };
    assert_eq!(loads.len(), 2);
    // Whoever is late measures nothing; on a busy machine they agree on a later moment.
    let together = [3, 15, 60]
        .into_iter()
        .any(|ahead| load_together(&gauntlet, loads, server.port, ahead));
    assert!(together, "a minute was not enough to begin");
    let output = gauntlet.run(merge);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let run = gauntlet.record("reports/load");
    assert!(run.complete);
    let [row] = &run.measurements[..] else {
        panic!("one row: {:?}", run.measurements)
    };
    let [sum] = &row.repetitions[..] else {
        panic!("one repetition")
    };
    let parts = PARTS.map(|part| {
        let mut run = gauntlet.record(part);
        run.measurements.remove(0).repetitions.remove(0)
    });
    let [one, other] = &parts;
    for part in &parts {
        assert_eq!(part.tally.due, 80, "half the rate, for 400 ms");
        assert!(part.tally.confirmed > 0, "{:?}", part.tally);
    }
    let mut tally = one.tally.clone();
    tally.add(&other.tally);
    assert_eq!(sum.tally, tally);
    assert_eq!(sum.tally.due, 160);
    assert_eq!(
        sum.latency.first_byte.count(),
        one.latency.first_byte.count() + other.latency.first_byte.count()
    );
    assert_eq!(
        sum.cpu.harness_ns,
        one.cpu.harness_ns + other.cpu.harness_ns
    );
    let (status, told) = self::merge(&gauntlet, PARTS[0]);
    assert_eq!(status, Some(5), "{told}");
}

/// Where the page's commands write to.
const PARTS: [&str; 2] = ["reports/load-1", "reports/load-2"];

/// Those who begin together, so many seconds ahead, against the server at this port. Were all on time?
fn load_together(gauntlet: &Gauntlet, loads: &[&str], port: u16, ahead: i64) -> bool {
    let start = jiff::Timestamp::from_second(Clock::start().unix() + ahead).unwrap();
    let children: Vec<_> = loads
        .iter()
        .map(|load| {
            let load = load
                .replace("127.0.0.1:8443", &format!("127.0.0.1:{port}"))
                .replace("2099-01-01T00:00:00Z", &start.to_string());
            gauntlet
                .command(&format!(
                    "{load} --duration 400ms --warm-up 0s --repetitions 1 --timeout 60"
                ))
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    PARTS.iter().all(|part| {
        let run = gauntlet.record(part);
        run.measurements[0].unmeasured.is_none()
    })
}

fn merge(gauntlet: &Gauntlet, parts: &str) -> (Option<i32>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = gauntlet.run(&format!("merge {parts} --out merged"));
    let told = String::from_utf8([stdout, stderr].concat()).unwrap();
    (status.code(), told)
}
