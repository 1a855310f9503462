//! Targets that run already: `pki init`, `run --server` and `run --client-listen`, against openssl.

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use mtls_gauntlet::judge::{FailureKind, Verdict};

use super::gauntlet::Gauntlet;

/// What a careful administrator would tell `openssl s_server`.
pub const CAREFUL: &str = "-CAfile pki/root.pem -Verify 9 -verify_return_error";

#[test]
fn init_overwrites_nothing() {
    let gauntlet = Gauntlet::new();
    let first = gauntlet.run("pki init --dir pki");
    assert_eq!(first.status.code(), Some(0), "{first:?}");
    let key = gauntlet.folder().join("pki/root.key");
    let before = fs::read(&key).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &str| {
            let path = gauntlet.folder().join(path);
            fs::metadata(path).unwrap().permissions().mode() & 0o777
        };
        assert_eq!(mode("pki"), 0o700);
        for key in ["root.key", "target.key", "peer.key"] {
            assert_eq!(mode(&format!("pki/{key}")), 0o600, "{key}");
        }
    }
    // Any of the files is enough.
    fs::remove_file(gauntlet.folder().join("pki/root.pem")).unwrap();
    let second = gauntlet.run("pki init --dir pki");
    assert_eq!(second.status.code(), Some(2));
    assert_eq!(fs::read(&key).unwrap(), before);
    assert!(!gauntlet.folder().join("pki/root.pem").exists());
    let told = String::from_utf8(second.stderr).unwrap();
    assert!(told.contains("`pki/root.key` is there already"), "{told}");
    assert!(told.contains("--dir"), "{told}");
}

#[test]
fn a_folder_that_is_no_pki_is_refused_before_anything_is_dialled() {
    let gauntlet = Gauntlet::new();
    for folder in ["pki", "other"] {
        let made = gauntlet.run(&format!("pki init --dir {folder}"));
        assert_eq!(made.status.code(), Some(0), "{made:?}");
    }
    let file = |name: &str| gauntlet.folder().join(name);
    let refused = |folder: &str, words: &[&str]| {
        let output = gauntlet.run(&format!(
            "run validity/expired --server 127.0.0.1:1 --pki {folder}"
        ));
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        for word in words {
            assert!(told.contains(word), "{word}: {told}");
        }
    };
    refused("nowhere", &["`nowhere/root.pem`", "pki init"]);
    refused("pki", &["nobody listens at `127.0.0.1:1`"]);

    fs::copy(file("other/root.key"), file("pki/root.key")).unwrap();
    refused(
        "pki",
        &["`pki/root.pem`", "the private key beside it is not its own"],
    );
    fs::write(file("pki/root.key"), "nothing\n").unwrap();
    refused("pki", &["`pki/root.key` is no private key in PEM"]);
    fs::copy(file("other/target.key"), file("pki/root.key")).unwrap();
    fs::copy(file("other/target.pem"), file("pki/root.pem")).unwrap();
    refused("pki", &["it is no authority that signs itself"]);
    fs::write(file("pki/root.pem"), "nothing\n").unwrap();
    refused("pki", &["`pki/root.pem` is no certificate in PEM"]);

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let key = file("other/root.key");
        fs::set_permissions(key, fs::Permissions::from_mode(0o640)).unwrap();
        refused(
            "other",
            &["can be read by others", "chmod 600 other/root.key"],
        );
    }
}

#[test]
fn a_server_that_runs_already_is_tested_in_its_one_environment() {
    let Some((gauntlet, server)) = serve(CAREFUL) else {
        return;
    };
    let globs = "baseline/full-chain validity/expired trust/empty-bundle revocation/leaf-revoked \
                 trust/unknown-root";
    let port = server.port;
    let output = gauntlet.run(&format!("run {globs} --server 127.0.0.1:{port} --pki pki"));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let record = gauntlet.record("reports/latest");
    assert_eq!(record.targets.len(), 1);
    assert_eq!(record.targets[0].name, format!("127.0.0.1:{port}"));
    assert_eq!(record.cases.len(), 10);
    for case in &record.cases {
        let differs = match case.scenario.as_str() {
            "trust/empty-bundle" => Some("the trust bundle"),
            "revocation/leaf-revoked" => Some("CRLs"),
            _ => None,
        };
        match differs {
            Some(part) => {
                assert_eq!(case.verdict, Verdict::Unsupported, "{}", case.id);
                assert!(case.reason.contains(part), "{}: {}", case.id, case.reason);
            }
            None => {
                let right = matches!(case.verdict, Verdict::Pass | Verdict::Lenient);
                assert!(right, "{}: {}", case.id, case.reason);
            }
        }
    }

    // Nothing that fits, nothing tested: that must not look like success.
    let output = gauntlet.run(&format!(
        "run trust/empty-bundle --server 127.0.0.1:{port} --pki pki"
    ));
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("the trust bundle"), "{told}");

    // What somebody has looked into need not be looked into again, and what is mended shows.
    gauntlet.write("mine.toml", MINE);
    let output = gauntlet.run(&format!(
        "run validity/expired --server 127.0.0.1:{port} --pki pki --known mine.toml"
    ));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let known = gauntlet.record("reports/latest").cases[0].known.clone();
    assert_eq!(known.as_deref(), Some("it was so last year"));

    // An answer that is neither: the user has to say.
    let output = gauntlet.run(&format!(
        "run baseline/full-chain --server 127.0.0.1:{port} --pki pki --accepts 204"
    ));
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let record = gauntlet.record("reports/latest");
    assert!(record.cases[0].reason.contains("--accepts"));
}

#[test]
fn a_server_that_asks_for_no_certificate_is_found_out() {
    let Some((gauntlet, server)) = serve("") else {
        return;
    };
    let output = gauntlet.run(&format!(
        "run validity/expired --server 127.0.0.1:{} --pki pki",
        server.port
    ));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    for case in &gauntlet.record("reports/latest").cases {
        assert_eq!(case.failure_kind, Some(FailureKind::AcceptedForbidden));
    }
    let told = String::from_utf8(output.stdout).unwrap();
    let repeat = format!("--server 127.0.0.1:{} --pki DIR", server.port);
    assert!(told.contains(&repeat), "{told}");
}

#[test]
fn a_server_is_asked_for_by_its_own_name() {
    let name =
        "-servername shop.example -servername_fatal -cert2 pki/target.pem -key2 pki/target.key";
    let Some((gauntlet, server)) = serve(&format!("{CAREFUL} {name}")) else {
        return;
    };
    let run = format!(
        "run baseline/full-chain --tls tls1.3 --server 127.0.0.1:{} --pki pki",
        server.port
    );
    assert_eq!(gauntlet.run(&run).status.code(), Some(1));
    let named = gauntlet.run(&format!("{run} --server-name shop.example"));
    assert_eq!(named.status.code(), Some(0), "{named:?}");
}

#[test]
fn a_client_that_comes_by_itself_is_tested_at_one_port_for_each_case() {
    let Some(gauntlet) = prepared() else { return };
    let mut run = gauntlet
        .command(
            "run validity/expired validity/future baseline/full-chain revocation/leaf-revoked --tls tls1.3 \
             --client-listen 127.0.0.1:0 --pki pki --timeout 120 --wait 120",
        )
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut table = Vec::new();
    for line in BufReader::new(run.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        let mut words = line.split_whitespace();
        if let (Some(Ok(port)), Some(case)) = (words.next().map(str::parse), words.next_back()) {
            table.push((port, case.to_owned()));
        }
        if table.len() == 3 {
            break;
        }
    }
    for (port, case) in &table {
        // Whoever only looks whether a port is open is no visitor.
        drop(std::net::TcpStream::connect(("127.0.0.1", *port)).unwrap());
        if !case.starts_with("baseline/") {
            assert!(!connects(&gauntlet, *port), "{case}");
        }
        assert!(connects(&gauntlet, *port), "{case}: a good server");
    }
    assert_eq!(run.wait().unwrap().code(), Some(0));
    let record = gauntlet.record("reports/latest");
    assert!(record.complete);
    let cases: Vec<_> = record
        .cases
        .iter()
        .map(|case| (case.scenario.as_str(), case.verdict))
        .collect();
    assert_eq!(
        cases,
        [
            ("baseline/full-chain", Verdict::Pass),
            ("revocation/leaf-revoked", Verdict::Unsupported),
            ("validity/expired", Verdict::Pass),
            ("validity/future", Verdict::Pass),
        ]
    );
    let twin = record.cases[2].twin.as_ref().unwrap();
    assert!(twin.accepted);
}

#[test]
fn nobody_is_waited_for_longer_than_was_asked() {
    let gauntlet = Gauntlet::new();
    assert_eq!(gauntlet.run("pki init --dir pki").status.code(), Some(0));
    let output = gauntlet
        .run("run validity/expired --client-listen 127.0.0.1:0 --pki pki --wait 1 --format json");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let record = gauntlet.record("reports/latest");
    assert!(record.complete);
    for case in &record.cases {
        assert_eq!(case.verdict, Verdict::Invalid);
        let words = "nobody connected to port ";
        assert!(case.reason.starts_with(words), "{}", case.reason);
        let words = " within 1s: nothing was tested";
        assert!(case.reason.ends_with(words), "{}", case.reason);
    }
}

/// A descriptor that has not kept up.
const MINE: &str = "version = [\"false\"]\n[server]\nstart = [\"false\"]\nsupports = [\"tls1.3\"]\n\
                    [known]\n\"validity/expired/*\" = \"it was so last year\"\n";

/// A folder with a PKI in it, where there is an openssl to test.
fn prepared() -> Option<Gauntlet> {
    Command::new("openssl").arg("version").output().ok()?;
    let gauntlet = Gauntlet::new();
    let made = gauntlet.run("pki init --dir pki");
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    Some(gauntlet)
}

/// A server that nobody here has configured; dropping it ends it.
pub struct Server {
    child: Child,
    pub port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts `openssl s_server` with these arguments on a free port, which it tells when it listens.
pub fn serve(arguments: &str) -> Option<(Gauntlet, Server)> {
    let gauntlet = prepared()?;
    let child = Command::new("openssl")
        .args("s_server -www -accept 127.0.0.1:0".split(' '))
        .args("-cert pki/target.pem -key pki/target.key -cert_chain pki/target.pem".split(' '))
        .args(arguments.split_whitespace())
        .current_dir(gauntlet.folder())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut server = Server { child, port: 0 };
    let mut output = BufReader::new(server.child.stdout.take().unwrap());
    let mut line = String::new();
    while server.port == 0 {
        line.clear();
        assert!(
            output.read_line(&mut line).unwrap() > 0,
            "it does not start"
        );
        let port = line.trim().strip_prefix("ACCEPT 127.0.0.1:");
        server.port = port.map_or(0, |port| port.parse().unwrap());
    }
    // Nobody reads what it writes any more, and it must not wait for a reader.
    std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
    Some((gauntlet, server))
}

/// Does a careful client exchange data with the server at this port?
fn connects(gauntlet: &Gauntlet, port: u16) -> bool {
    let mut client = Command::new("openssl")
        .args([
            "s_client",
            "-connect",
            &format!("127.0.0.1:{port}"),
            "-quiet",
        ])
        .args("-servername peer.gauntlet.test -verify_hostname peer.gauntlet.test".split(' '))
        .args("-CAfile pki/root.pem -verify_return_error -no_ign_eof".split(' '))
        .args("-cert pki/target.pem -key pki/target.key -cert_chain pki/target.pem".split(' '))
        .current_dir(gauntlet.folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = client.stdin.take().unwrap();
    // It may have ended already.
    let _ = input.write_all(b"GET / HTTP/1.1\r\nHost: peer.gauntlet.test\r\n\r\n");
    // The input stays open: a client whose input ends leaves without the answer.
    let output = client.wait_with_output().unwrap();
    drop(input);
    String::from_utf8_lossy(&output.stdout).contains("a friend")
}
