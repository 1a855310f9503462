//! What is too long to be compared word by word: scripts, the manual, the certificates of a scenario.

use std::fs;
use std::process::{Command, Stdio};

use mtls_gauntlet::scenario::load;
use x509_parser::pem::Pem;

use super::gauntlet::Gauntlet;

#[test]
fn every_shell_gets_a_script() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = Gauntlet::new().run(&format!("completions {shell}"));
        assert!(output.status.success(), "{shell}");
        let script = String::from_utf8(output.stdout).unwrap();
        for word in ["mtls-gauntlet", "selftest", "transport"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(
        Gauntlet::new().run("completions tcsh").status.code(),
        Some(2)
    );
}

#[test]
fn the_bash_script_is_one() {
    let script = Gauntlet::new().run("completions bash").stdout;
    let Ok(mut bash) = Command::new("bash")
        .args(["-n", "/dev/stdin"])
        .stdin(Stdio::piped())
        .spawn()
    else {
        return;
    };
    std::io::Write::write_all(&mut bash.stdin.take().unwrap(), &script).unwrap();
    assert!(bash.wait().unwrap().success());
}

#[test]
fn the_manual_is_a_manual() {
    let output = Gauntlet::new().run("man");
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(page.contains(".TH mtls-gauntlet 1"), "{page}");
    for section in [".SH NAME", ".SH SYNOPSIS", ".SH SUBCOMMANDS", "Exit status"] {
        assert!(page.contains(section), "{section}");
    }
}

#[test]
fn every_scenario_can_be_listed_and_shown() {
    let listed = Gauntlet::new().run("list");
    let listed = String::from_utf8(listed.stdout).unwrap();
    let ids: Vec<_> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let scenarios = load::built_in().unwrap();
    assert_eq!(ids.len(), scenarios.len());
    for (found, scenario) in ids.iter().zip(&scenarios) {
        assert_eq!(*found, scenario.id);
    }
    for id in ["path/", "revocation/", "rotation/", "spiffe/"] {
        let id = ids.iter().find(|found| found.starts_with(id)).unwrap();
        let shown = Gauntlet::new().run(&format!("show {id}"));
        let shown = String::from_utf8(shown.stdout).unwrap();
        for part in [
            *id,
            "\nspec ",
            "\nCertificates\n",
            "(trusted by the target)",
            "\nExpected\n",
        ] {
            assert!(shown.contains(part), "{id}: no {part:?} in {shown}");
        }
    }
}

#[test]
fn every_key_that_a_scenario_can_have_is_explained() {
    let output = Gauntlet::new().run("show --keys");
    let text = String::from_utf8(output.stdout).unwrap();
    for line in text.lines() {
        let key = line
            .strip_prefix("  ")
            .and_then(|line| line.split_once(' '));
        let explained = key.is_none_or(|(_, rest)| !rest.trim().is_empty());
        assert!(explained, "{line:?}");
    }
    for key in [
        "not-after",
        "fragment",
        "may-refuse-to-start",
        "delta-base",
        "\"flip-signature\"",
    ] {
        assert!(text.contains(key), "{key}");
    }
}

#[test]
fn doctor_says_what_is_there() {
    let output = Gauntlet::new().run("doctor");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    for line in text.lines() {
        let kind = ["ok       ", "absent   ", "missing  ", "         "]
            .iter()
            .any(|kind| line.starts_with(kind));
        assert!(kind, "{line}");
    }
    assert!(text.contains("ok       target rustls: "), "{text}");
}

#[test]
fn exported_certificates_are_what_the_scenario_says() {
    let gauntlet = Gauntlet::new();
    let output = gauntlet.run("pki export validity/expired --dir pki");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let read = |name: &str| fs::read(gauntlet.folder().join("pki").join(name)).unwrap();
    let chain = |name: &str| -> Vec<Pem> {
        Pem::iter_from_buffer(&read(name))
            .collect::<Result<_, _>>()
            .unwrap()
    };
    let subjects = |name: &str| -> Vec<String> {
        let chain = chain(name);
        let subject = |pem: &Pem| pem.parse_x509().unwrap().subject().to_string();
        chain.iter().map(subject).collect()
    };
    assert_eq!(subjects("trust.pem"), ["O=mtls-gauntlet, CN=root"]);
    assert_eq!(
        subjects("peer.pem"),
        ["O=mtls-gauntlet, CN=peer", "O=mtls-gauntlet, CN=issuing"]
    );
    let valid = |name: &str| {
        let pem = &chain(name)[0];
        pem.parse_x509().unwrap().validity().is_valid()
    };
    assert!(!valid("peer.pem"), "the peer of this scenario has expired");
    assert!(valid("target.pem"));
    for key in ["peer.key", "target.key"] {
        assert!(
            String::from_utf8(read(key))
                .unwrap()
                .starts_with("-----BEGIN PRIVATE KEY-----")
        );
        assert_eq!(
            mode(&gauntlet.folder().join("pki").join(key)),
            0o600,
            "{key}"
        );
    }

    let twin = gauntlet.run("pki export validity/expired --dir twin --twin");
    assert_eq!(twin.status.code(), Some(0), "{twin:?}");
    let twin = fs::read(gauntlet.folder().join("twin/peer.pem")).unwrap();
    let twin = Pem::iter_from_buffer(&twin).next().unwrap().unwrap();
    assert!(twin.parse_x509().unwrap().validity().is_valid());
}

#[test]
fn openssl_agrees_about_what_is_exported() {
    let openssl = |gauntlet: &Gauntlet, line: &str| {
        let mut words = line.split_whitespace();
        Command::new(words.next().unwrap())
            .args(words)
            .current_dir(gauntlet.folder().join("pki"))
            .output()
    };
    for (arguments, accepted) in [
        ("validity/expired", false),
        ("validity/expired --twin", true),
        ("validity/expired --role client", false),
        ("revocation/leaf-revoked", false),
        ("revocation/leaf-not-revoked", true),
    ] {
        let gauntlet = Gauntlet::new();
        let output = gauntlet.run(&format!("pki export {arguments} --dir pki"));
        let told = String::from_utf8(output.stdout).unwrap();
        let line = told
            .lines()
            .find_map(|line| line.trim().strip_prefix("openssl verify"));
        let line = format!("openssl verify{}", line.unwrap());
        let Ok(verified) = openssl(&gauntlet, &line) else {
            return;
        };
        assert_eq!(
            verified.status.success(),
            accepted,
            "{arguments}: {line}: {verified:?}"
        );
    }
}

#[test]
fn a_role_in_a_case_s_id_is_the_target_s() {
    let told = |id: &str| {
        let output = Gauntlet::new().run(&format!("pki export {id} --dir pki"));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(told("validity/expired/server/tls1.3").contains("-purpose sslclient"));
    assert!(told("validity/expired/client/tls1.3").contains("-purpose sslserver"));
    assert!(told("validity/expired").contains("-purpose sslclient"));
    // A scenario whose name begins with a role's.
    let gauntlet = Gauntlet::new();
    gauntlet.write("rules/house/client-told.toml", HOUSE_RULE);
    let output = gauntlet.run("pki export house/client-told --scenarios rules --dir pki");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("-purpose sslclient"), "{told}");
}

const HOUSE_RULE: &str = "title = \"A rule\"\nlevel = \"must\"\nspec = [\"house rule 1\"]\nwhy = \"So.\"\n\
                          [expect]\noutcome = \"accept\"\n";

#[test]
fn an_exported_twin_needs_a_refusal() {
    let output = Gauntlet::new().run("pki export baseline/full-chain --dir pki --twin");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("has no twin")
    );
}

#[cfg(unix)]
fn mode(path: &std::path::Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[cfg(not(unix))]
fn mode(_: &std::path::Path) -> u32 {
    0o600
}
