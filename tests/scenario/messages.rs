//! What a person is told whose file is not a scenario: what, where, and what is probably meant.

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use mtls_gauntlet::scenario::load;

use self::Change::{Append, Replace};
use super::PLAIN;

/// What is wrong, and how [`PLAIN`] comes to be so.
const MISTAKES: &[(&str, Change)] = &[
    ("misspelt key", Replace("title", "titel")),
    (
        "key of another kind",
        Replace("level", "importance = 3\nlevel"),
    ),
    ("misspelt word", Replace("must", "mist")),
    (
        "misspelt role",
        Replace("level", "roles = [\"sever\"]\nlevel"),
    ),
    ("bad toml", Replace("level = \"must\"", "level = must\"")),
    (
        "unterminated",
        Replace("\"Nothing works without it.\"", "\"Nothing works"),
    ),
    ("a key twice", Replace("level", "level = \"must\"\nlevel")),
    (
        "no title",
        Replace("title = \"A peer that is as it should be is accepted\"", ""),
    ),
    (
        "empty title",
        Replace("A peer that is as it should be is accepted", " "),
    ),
    ("no spec", Replace("\"RFC 5280 section 6.1\"", "")),
    ("no roles", Replace("level", "roles = []\nlevel")),
    ("wrong type", Replace("level = \"must\"", "level = 3")),
    (
        "a list where a word should be",
        Replace("\"Nothing works without it.\"", "[\"Nothing\"]"),
    ),
    (
        "no expectation",
        Replace("[expect]\noutcome = \"accept\"", ""),
    ),
    ("misspelt outcome", Replace("accept\"", "accepted\"")),
    (
        "misspelt alert",
        Replace(
            "outcome",
            "alert = [\"unknown_ca\", \"certificate_expierd\"]\noutcome",
        ),
    ),
    ("misspelt table", Append("[targets]\ntrusts = [\"root\"]\n")),
    (
        "misspelt key in a table",
        Append("[pki.peer]\nnot-afterr = \"-1d\"\n"),
    ),
    (
        "key in a list's inline table",
        Append(
            "[pki.peer]\nextensions = [\n  { oid = \"1.2.3\" },\n  { oid = \"1.2.4\", critcal = true },\n]\n",
        ),
    ),
    (
        "misspelt mangle",
        Append("[pki.peer]\nmangle = [\"flip-signatur\"]\n"),
    ),
    (
        "misspelt mangle with a value",
        Append("[pki.peer]\nmangle = [{ versoin = 2 }]\n"),
    ),
    (
        "wrong time",
        Append("[pki.peer]\nnot-after = \"yesterday\"\n"),
    ),
    ("number too large", Append("[peer]\nfragment = 70000\n")),
    (
        "unknown issuer",
        Append("[pki.peer]\nissuer = \"isuing\"\n"),
    ),
    (
        "issuer unlike any",
        Append("[pki.peer]\nissuer = \"somebody\"\n"),
    ),
    (
        "unknown trust anchor",
        Append("[target]\ntrusts = [\"root\", \"rot\"]\n"),
    ),
    (
        "unknown certificate presented",
        Append("[peer]\npresents = [\n  \"peer\",\n  'isuing',\n]\n"),
    ),
    (
        "unknown entry revoked",
        Append("[crl.issuing]\nrevokes = [\"peers\"]\n"),
    ),
    ("crl of nobody", Append("[crl.isuing]\n")),
    ("ocsp of nobody", Append("[ocsp]\ncertificate = \"pear\"\n")),
    ("missing like", Append("[pki.rogue-root]\nca = true\n")),
    ("like nothing", Append("[pki.rogue-root]\nlike = \"rot\"\n")),
    (
        "cycle",
        Append(
            "[pki.one]\nlike = \"issuing\"\nissuer = \"two\"\n[pki.two]\nlike = \"issuing\"\nissuer = \"one\"\n",
        ),
    ),
    (
        "unknown issuer in the twin",
        Replace("accept\"", "reject\"\n[twin.pki.peer]\nissuer = \"isuing\""),
    ),
    (
        "a twin of an acceptance",
        Append("[twin.pki.peer]\nnames = [\"ok.test\"]\n"),
    ),
    (
        "a chain without an end",
        Append("[pki.issuing]\nchain = 60000\n"),
    ),
    ("no copies at all", Append("[pki.peer]\ncopies = 0\n")),
    ("records of nothing", Append("[peer]\nfragment = 0\n")),
    (
        "a deadline that is none",
        Append("[target]\nhandshake-deadline-ms = 0\n"),
    ),
];

enum Change {
    Append(&'static str),
    Replace(&'static str, &'static str),
}

#[test]
fn what_is_wrong_where_and_what_is_meant() {
    let mut told = String::new();
    for (mistake, change) in MISTAKES {
        let text = match change {
            Append(tables) => format!("{PLAIN}{tables}"),
            Replace(old, new) => {
                assert!(PLAIN.contains(old), "{mistake}: there is nothing to change");
                PLAIN.replacen(old, new, 1)
            }
        };
        let error = load::parse("family/name", "scenarios/family/name.toml", &text)
            .expect_err(&format!("{mistake}: nothing is wrong with it"));
        told.push_str(&format!("# {mistake}\n{error}\n\n"));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_duplicate_id() {
    let (one, other) = (folder(), folder());
    for folder in [&one, &other] {
        write(folder.path(), "family/name.toml", PLAIN);
    }
    write(other.path(), "family/other.toml", PLAIN);
    let error = load::folders(&[one.path().into(), other.path().into()]).unwrap_err();
    let text = error
        .to_string()
        .replace(&one.path().display().to_string(), "ONE")
        .replace(&other.path().display().to_string(), "OTHER");
    insta::assert_snapshot!(text);
}

#[test]
fn every_broken_file_is_named() {
    let folder = folder();
    write(folder.path(), "a/good.toml", PLAIN);
    write(folder.path(), "a/bad.toml", "title = 3");
    write(folder.path(), "b/worse.toml", "= 3");
    write(
        folder.path(),
        "b/notes.txt",
        "not a scenario, and no concern of ours",
    );
    let error =
        load::folders(&[folder.path().into(), PathBuf::from("no/such/folder")]).unwrap_err();
    let text = error
        .to_string()
        .replace(&folder.path().display().to_string(), "FOLDER");
    insta::assert_snapshot!(text);
}

#[test]
fn a_folder_s_files_are_scenarios_by_their_paths() {
    let folder = folder();
    for path in ["family/name.toml", "family/deep/er.toml", "alone.toml"] {
        write(folder.path(), path, PLAIN);
    }
    let scenarios = load::folders(&[folder.path().into()]).unwrap();
    let ids: Vec<_> = scenarios
        .iter()
        .map(|scenario| scenario.id.as_str())
        .collect();
    assert_eq!(ids, ["alone", "family/deep/er", "family/name"]);
}

#[test]
fn files_that_cannot_be_scenarios_are_told() {
    let folder = folder();
    write(
        folder.path(),
        "a/large.toml",
        &format!("{PLAIN}\n#{}", "x".repeat(1 << 20)),
    );
    std::fs::write(folder.path().join("a/latin.toml"), b"title = \"caf\xe9\"").unwrap();
    let error = load::folders(&[folder.path().into()]).unwrap_err();
    let text = error
        .to_string()
        .replace(&folder.path().display().to_string(), "FOLDER");
    insta::assert_snapshot!(text);
}

#[test]
#[cfg(unix)]
fn a_folder_that_leads_back_to_itself_is_read_once() {
    let folder = folder();
    write(folder.path(), "family/name.toml", PLAIN);
    std::os::unix::fs::symlink("..", folder.path().join("family/again")).unwrap();
    let scenarios = load::folders(&[folder.path().into()]).unwrap();
    let ids: Vec<_> = scenarios
        .iter()
        .map(|scenario| scenario.id.as_str())
        .collect();
    assert_eq!(ids, ["family/name"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// One slip of the keyboard anywhere in a file: a scenario still, or a message with the file's name.
    #[test]
    fn a_slip_of_the_keyboard_is_told_or_harmless(
        place in 0..REJECT.len(),
        slip in prop_oneof![
            Just(String::new()),
            "[a-z\"=\\[\\]{}.,'#\\\\ \n-]",
            Just("\u{20ac}".to_owned()),
        ],
        replaces: bool,
    ) {
        let rest = place + usize::from(replaces || slip.is_empty());
        let text = format!("{}{slip}{}", &REJECT[..place], &REJECT[rest..]);
        if let Err(error) = load::parse("family/name", "family/name.toml", &text) {
            let told = error.to_string();
            prop_assert!(told.starts_with("error: ") && told.contains("family/name.toml:"), "{told}");
        }
    }
}

/// A scenario with something of everything.
const REJECT: &str = r#"
title = "A peer is refused"
level = "must"
spec = ["RFC 5280 section 6.1"]
why = "Nothing is safe without it."
roles = ["server"]
[pki.issuing]
path-len = 0
name-constraints = { permitted = ["dns:ok.test"] }
[pki.peer]
names = ["bad.test"]
mangle = ["flip-signature", { serial = "80" }]
extensions = [{ oid = "1.2.3", critical = true }]
[crl.issuing]
revokes = ["peer"]
[expect]
outcome = "reject"
alert = ["bad_certificate"]
[twin.pki.peer]
names = ["ok.test"]
"#;

#[test]
fn the_scenario_that_slips_are_made_in_is_one() {
    load::parse("family/name", "family/name.toml", REJECT)
        .unwrap_or_else(|error| panic!("{error}"));
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
