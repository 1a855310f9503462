//! Descriptors with mistakes, and targets that get no further than their start: what people are told,
//! with which exit status, and that nothing is left behind.

use std::net::TcpListener;
use std::process::Output;

use mtls_gauntlet::judge::{FailureKind, Verdict};
use mtls_gauntlet::record::Run;

use super::gauntlet::Gauntlet;
use super::support::{Bench, confined, content, shim};

/// A descriptor, what is told about it on standard error.
const INVALID: &[(&str, &str, &[&str])] = &[
    (
        "unknown key",
        "[server]\nstatr = [\"true\"]\nsupports = [\"tls1.3\"]\n",
        &["odd.toml:2:1", "statr", "`start`"],
    ),
    (
        "unknown key at the top",
        "verison = [\"true\"]\n[server]\nstart = [\"true\"]\nsupports = [\"tls1.3\"]\n",
        &["odd.toml:1:1", "verison", "`version`"],
    ),
    (
        "unknown capability",
        "[server]\nstart = [\"true\"]\nsupports = [\"tls1.3\", \"clr\"]\n",
        &["odd.toml:3:", "clr", "`crl`"],
    ),
    (
        "unknown protocol",
        "[server]\nstart = [\"true\"]\nprotocol = \"htpp\"\nsupports = [\"tls1.3\"]\n",
        &["odd.toml:3:", "htpp", "`http`"],
    ),
    (
        "unknown signal",
        "[server]\nstart = [\"true\"]\nstop = { signal = \"TREM\" }\nsupports = [\"tls1.3\"]\n",
        &["odd.toml:3:", "TREM", "`TERM`"],
    ),
    (
        "no role",
        "version = [\"true\"]\n",
        &["odd.toml", "no role", "[server]"],
    ),
    (
        "nothing to start",
        "[server]\nsupports = [\"tls1.3\"]\n",
        &["odd.toml:1:", "no command", "start = "],
    ),
    (
        "nothing supported",
        "[server]\nstart = [\"true\"]\n",
        &["odd.toml:1:", "supports nothing", "tls1.2"],
    ),
    (
        "a server that connects",
        "[server]\nstart = [\"true\"]\nconnect = [\"true\"]\nsupports = [\"tls1.3\"]\n",
        &["odd.toml:3:", "does not connect", "[client]"],
    ),
    (
        "a client of two kinds",
        "[client]\nstart = [\"true\"]\nconnect = [\"true\"]\nsupports = [\"tls1.3\"]\n",
        &["odd.toml:3:", "exclude each other"],
    ),
    (
        "a command that is no template",
        "[server]\nstart = [\"true\",\n  \"{{ dir\"]\nsupports = [\"tls1.3\"]\n",
        &["odd.toml:2:", "template is invalid", "minijinja"],
    ),
    (
        "a file that is no template",
        "[server]\nstart = [\"true\"]\nsupports = [\"tls1.3\"]\n[server.files]\n\
         \"odd.conf\" = \"{% if crl %}\"\n",
        &["odd.toml:5:", "template is invalid"],
    ),
    (
        "a glob that is none",
        "[server]\nstart = [\"true\"]\nsupports = [\"tls1.3\"]\n[known]\n\"names/[\" = \"why\"\n",
        &["odd.toml:5:", "names/["],
    ),
    (
        "unknown stack",
        "stack = \"opensll\"\n[server]\nstart = [\"true\"]\nsupports = [\"tls1.3\"]\n",
        &["odd.toml:1:", "unknown stack", "`openssl`"],
    ),
    (
        "a file outside",
        "[server]\nstart = [\"true\"]\nsupports = [\"tls1.3\"]\n[server.files]\n\"../odd\" = \"x\"\n",
        &["odd.toml:5:", "private folder"],
    ),
    (
        "a profile among the capabilities",
        "[server]\nstart = [\"true\"]\nsupports = [\"spiffe\"]\n",
        &["odd.toml:3:", "profiles = "],
    ),
    ("no TOML", "[server\n", &["odd.toml:1:"]),
];

#[test]
fn a_descriptor_that_is_none_is_told_what_and_where() {
    for (mistake, text, words) in INVALID {
        let (gauntlet, output) = run_with(text);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{mistake}: {told}");
        for word in *words {
            assert!(told.contains(word), "{mistake}: no `{word}` in:\n{told}");
        }
        assert!(!gauntlet.folder().join("out").exists(), "{mistake}");
    }
}

#[test]
fn a_descriptor_that_is_not_there_is_told() {
    let output = Gauntlet::new().run("run --target no/such.toml baseline/*");
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.contains("cannot read the descriptor `no/such.toml`"),
        "{told}"
    );
}

#[test]
fn a_program_that_is_not_installed_is_told_with_the_way_to_get_it() {
    let role = "supports = [\"tls1.3\"]\nstart = [\"no-such-program-of-ours\", \"serve\"]\n";
    for (head, hint) in [
        (
            "install = \"apt-get install ours\"\n",
            "apt-get install ours",
        ),
        ("", "is not installed"),
    ] {
        for role in [
            format!("[server]\n{role}"),
            format!("[client]\n{}", role.replace("start", "connect")),
        ] {
            let (_, output) = run_with(&format!("{head}{role}"));
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{told}");
            assert!(
                told.contains("`no-such-program-of-ours` is not installed"),
                "{told}"
            );
            assert!(told.contains(hint), "{told}");
        }
    }
}

#[test]
fn a_template_that_names_what_does_not_exist_is_broken() {
    let role = "supports = [\"tls1.2\", \"tls1.3\"]\nstart = [\"sh\", \"-c\", \"sleep 1000\"";
    for (text, what) in [
        (
            format!("[server]\n{role}, \"{{{{ dri }}}}\"]\n"),
            "{{ dri }}",
        ),
        (
            format!("[server]\n{role}]\n[server.files]\n\"odd.conf\" = \"{{{{ prot }}}}\"\n"),
            "odd.conf",
        ),
        (
            format!("[server]\n{role}]\n[server.environment]\nODD = \"{{{{ prot }}}}\"\n"),
            "ODD",
        ),
        (
            "[client]\nsupports = [\"tls1.2\", \"tls1.3\"]\nconnect = [\"echo\", \"{{ dri }}\"]\n"
                .into(),
            "{{ dri }}",
        ),
    ] {
        is_broken(&text, &["undefined", what]);
    }
}

#[test]
fn a_port_that_somebody_else_has_is_told() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap();
    let text = shim_with(
        "none",
        &format!("[server.environment]\nGAUNTLET_LISTEN = \"{address}\"\n"),
    );
    is_broken(&text, &[&format!("cannot listen on {address}"), "in use"]);
}

#[test]
fn who_is_never_ready_is_told_with_its_log() {
    let text = shim_with("none is-never-ready", "start-deadline-ms = 200\n");
    is_broken(
        &text,
        &["not ready after 0.2 s", "still reading my configuration"],
    );
    for ready in [
        "\"tcp\"",
        "{ log = \"hello\" }",
        "{ command = [\"false\"] }",
    ] {
        let text = format!(
            "[server]\nstart = [\"sh\", \"-c\", \"echo I am slow; sleep 1000\"]\n\
             supports = [\"tls1.2\", \"tls1.3\"]\nready = {ready}\nstart-deadline-ms = 200\n"
        );
        is_broken(&text, &["not ready after 0.2 s", "I am slow"]);
    }
}

#[test]
fn who_dies_at_its_start_is_told_with_its_last_words() {
    let text = shim_with("none exits-at-start leaves-a-child", "");
    is_broken(
        &text,
        &["exit status: 3", "this configuration makes no sense to me"],
    );
    let text = "[server]\nstart = [\"sh\", \"-c\", \"echo oh no >&2; kill -SEGV $$\"]\n\
                supports = [\"tls1.2\", \"tls1.3\"]\n";
    is_broken(text, &["signal: 11", "oh no"]);
}

#[test]
fn what_prepares_a_target_and_fails_is_told() {
    let text = "[client]\nconnect = [\"true\"]\nprepare = [\"sh\", \"-c\", \"echo no water; exit 4\"]\n\
                supports = [\"tls1.2\", \"tls1.3\"]\n";
    is_broken(text, &["prepare", "exit status: 4", "no water"]);
}

#[test]
fn who_does_not_end_costs_no_verdict() {
    for words in ["none outstays-its-welcome", "none leaves-a-child"] {
        let (gauntlet, output) = run_with(&shim_with(words, ""));
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let run = gauntlet.record("out");
        assert!(run.complete && run.cases.iter().all(|case| case.verdict == Verdict::Pass));
    }
}

/// A shim in the server role.
fn shim_with(words: &str, more: &str) -> String {
    let start: Vec<String> = std::iter::once(shim().display().to_string())
        .chain(words.split(' ').map(str::to_owned))
        .collect();
    format!("[server]\nstart = {start:?}\nshim = true\nsupports = [\"tls1.2\", \"tls1.3\"]\n{more}")
}

/// All its cases are broken, with these words.
fn is_broken(text: &str, words: &[&str]) {
    let (gauntlet, output) = run_with(text);
    assert_eq!(output.status.code(), Some(5), "{text}\n{output:?}");
    let run: Run = gauntlet.record("out");
    assert!(run.complete);
    assert_eq!(run.cases.len(), 2, "{text}");
    for case in &run.cases {
        assert_eq!(case.verdict, Verdict::Broken, "{text}\n{case:?}");
        for word in words {
            assert!(
                case.reason.contains(word),
                "no `{word}` in: {}",
                case.reason
            );
        }
    }
}

/// Runs two cases against a target with this descriptor, and sees to it that nothing is left.
fn run_with(text: &str) -> (Gauntlet, Output) {
    let gauntlet = Gauntlet::new();
    let bench = Bench::new();
    gauntlet.write("odd.toml", text);
    let temporary = gauntlet.folder().join("tmp");
    let mut command = gauntlet.command("run --target odd.toml --out out baseline/full-chain");
    confined(&mut command, &temporary, &bench.mark);
    let output = command.output().unwrap();
    bench.assert_alone();
    let left = content(&temporary);
    assert!(left.is_empty(), "{text}\nleft: {left:?}");
    (gauntlet, output)
}

/// What is listed as lacking refuses who is valid. Nobody gets through for lack of anything.
#[test]
fn what_a_target_lacks_excuses_no_acceptance() {
    let gauntlet = Gauntlet::new();
    let shim = shim().display().to_string();
    gauntlet.write(
        "odd.toml",
        &format!(
            "[server]\nstart = [{shim:?}, \"ignores-expiry\"]\nshim = true\nsupports = [\"tls1.3\"]\n\
             [lacks]\n\"validity/*/*\" = \"anything\"\n"
        ),
    );
    let output = gauntlet.run("run validity/expired/server/tls1.3 --target odd.toml --out out");
    let case = &gauntlet.record("out").cases[0];
    assert_eq!(
        case.failure_kind,
        Some(FailureKind::AcceptedForbidden),
        "{case:?}"
    );
    assert_eq!(case.known, None);
    assert_eq!(output.status.code(), Some(1));
}

/// Who dies of its configuration has not refused it.
#[test]
fn a_death_at_the_start_is_a_crash_where_the_baseline_starts() {
    let gauntlet = Gauntlet::new();
    gauntlet.write(
        "odd.toml",
        &format!(
            "[server]\nstart = [\"sh\", \"-c\", \"test -s {{{{ trust }}}} || kill -SEGV $$; exec {} none\"]\n\
             shim = true\nsupports = [\"tls1.3\"]\n",
            shim().display()
        ),
    );
    gauntlet.run("run trust/empty-bundle/server/tls1.3 --target odd.toml --out out");
    let case = &gauntlet.record("out").cases[0];
    assert_eq!(case.verdict, Verdict::Crash, "{case:?}");
}
