//! What a start has of its own: a private folder, ports, processes and their log.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use mtls_gauntlet::target::command::process::{Invocation, Process, Streams, run};

use super::rig::{self, Rig};
use super::support::{Bench, MARK, find, marked};

#[test]
fn the_folder_of_a_start_is_private_and_goes_with_it() {
    let bench = Bench::new();
    let (listed, left) = (bench.path("listed"), bench.path("left"));
    let script = format!(
        "cd {{{{ dir }}}}; find . -printf '%m %y %p\\n' > {0}; pwd > {1}; cat etc/odd.conf >> {0}",
        listed.display(),
        left.display()
    );
    let descriptor = format!(
        "[client]\nconnect = [\"sh\", \"-c\", {script:?}]\nsupports = [\"tls1.3\"]\n\
         [client.files]\n\"etc/odd.conf\" = \"key {{{{ identity.key }}}}\\n\"\n"
    );
    let target = find(&bench.write("lister.toml", &descriptor));
    Rig::for_processes().run(
        &[target],
        &rig::cases(&["baseline/full-chain/client/tls1.3"]),
    );

    let folder = fs::read_to_string(left).unwrap();
    let folder = folder.trim_end();
    assert!(!fs::exists(folder).unwrap(), "{folder} is left");
    let listed = fs::read_to_string(listed).unwrap();
    let (entries, configuration): (Vec<_>, Vec<_>) =
        listed.lines().partition(|line| line.contains(" ."));
    assert_eq!(configuration, [format!("key {folder}/pki/key.pem")]);
    assert!(entries.contains(&"700 d ."), "{listed}");
    let files = entries.iter().filter(|entry| entry.contains(" f "));
    let names: BTreeSet<_> = files
        .map(|entry| {
            entry
                .strip_prefix("600 f ./")
                .unwrap_or_else(|| panic!("{entry}"))
        })
        .collect();
    let expected = [
        "etc/odd.conf",
        "pki/bundle.pem",
        "pki/chain.pem",
        "pki/issuers.pem",
        "pki/key.pem",
        "pki/leaf.pem",
        "pki/trust.pem",
    ];
    assert_eq!(Vec::from_iter(names), expected);
}

#[test]
fn starts_have_ports_of_their_own() {
    let bench = Bench::new();
    let ports = bench.path("ports");
    let script = format!(
        "echo {{{{ port }}}} {{{{ spare | join(' ') }}}} {{{{ peer.port }}}} >> {}",
        ports.display()
    );
    let descriptor = format!(
        "[client]\nconnect = [\"sh\", \"-c\", {script:?}]\nsupports = [\"tls1.3\", \"alpn\"]\n"
    );
    let target = find(&bench.write("counter.toml", &descriptor));
    // Environments that have nothing to do with each other, so that each is a start.
    let cases = rig::cases(&["names/*/client/tls1.3", "handshake/alpn-*/client/tls1.3"]);
    let run = Rig::for_processes().run(&[target], &cases);
    let ports = fs::read_to_string(ports).unwrap();
    let starts: BTreeSet<&str> = ports.lines().collect();
    assert!(starts.len() > 4, "{ports}");
    assert!(starts.len() <= run.targets[0].starts as usize);
    let mut seen = BTreeSet::new();
    for start in starts {
        let numbers: Vec<u16> = start.split(' ').map(|port| port.parse().unwrap()).collect();
        assert_eq!(numbers.len(), 5, "{start}");
        // The harness's own port comes from the kernel, which may give it again.
        for number in &numbers[..4] {
            assert!(seen.insert(*number), "{number} was given twice:\n{ports}");
            assert!((10_000..32_000).contains(number), "{number}");
        }
    }
}

#[test]
fn a_log_has_bounds() {
    let bench = Bench::new();
    block_on(async {
        let script = "i=0; while [ $i -lt 40000 ]; do echo \"line $i\"; i=$((i+1)); done";
        let finished = run(&shell(&bench, script), "", LONG)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(finished.status, Some(0));
        let octets = finished.output.len();
        assert!(
            (64 * 1024..=128 * 1024 + 4096).contains(&octets),
            "{octets}"
        );
        assert!(
            finished.output.ends_with("line 39999\n"),
            "the end is what is kept"
        );
    });
}

#[test]
fn the_log_of_a_case_is_what_was_written_since() {
    let bench = Bench::new();
    block_on(async {
        let script = "for i in 1 2 3 4 5 6 7 8; do echo line $i; done; echo; echo last >&2";
        let process = Process::start(&shell(&bench, script), Streams::Logged).unwrap();
        process.ended().await;
        let log = process.log();
        while !(log.text().contains("last") && log.text().contains("line 8")) {
            tokio::task::yield_now().await;
        }
        assert_eq!(log.tail().split("; ").count(), 6, "{}", log.tail());
        assert!(!log.tail().contains("line 1"), "{}", log.tail());
        assert_eq!(log.end(), log.text().len());
        assert_eq!(log.since(log.end()), "");
        assert_eq!(log.since(0), log.text());
        assert_eq!(
            log.since(log.end() + 7),
            "",
            "who asks for too much gets nothing"
        );
    });
}

#[test]
fn what_takes_too_long_is_ended_with_all_its_children() {
    let bench = Bench::new();
    block_on(async {
        let script = "sleep 1000 & sleep 1001 & wait";
        let outcome = run(&shell(&bench, script), "", Duration::from_millis(50)).await;
        assert!(outcome.unwrap().is_none());
    });
    bench.assert_alone();
}

#[test]
fn the_group_ends_with_the_value_that_stands_for_it() {
    let bench = Bench::new();
    block_on(async {
        let script = "sleep 1000 & echo started; exit 0";
        let process = Process::start(&shell(&bench, script), Streams::Logged).unwrap();
        process.ended().await;
        assert!(process.has_ended().is_some());
        assert_eq!(marked(&bench.mark).len(), 1, "its child has outlived it");
        drop(process);
    });
    bench.assert_alone();
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let bench = Bench::new();
    let mut invocation = shell(&bench, "");
    invocation.words[0] = "no-such-program-of-ours".into();
    block_on(async {
        let error = run(&invocation, "", LONG).await.unwrap_err();
        assert!(
            error.contains("cannot run `no-such-program-of-ours`"),
            "{error}"
        );
    });
}

/// So long that no machine is too slow for it.
const LONG: Duration = Duration::from_secs(120);

fn shell(bench: &Bench, script: &str) -> Invocation {
    Invocation {
        words: ["sh", "-c", script].map(str::to_owned).to_vec(),
        variables: vec![(MARK.into(), bench.mark.clone())],
        folder: bench.path(""),
    }
}

fn block_on(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work);
}
