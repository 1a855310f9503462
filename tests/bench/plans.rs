//! Bench plans: the built-in ones, what rows come of them, and what is said of a wrong one.

use mtls_gauntlet::scenario::bench::{Arrival, Setting, built_in, find, parse};

use crate::range::plan;

#[test]
fn the_built_in_plans_are_valid_and_have_rows() {
    let plans = built_in().unwrap_or_else(|error| panic!("{error}"));
    let names: Vec<&str> = plans.iter().map(|plan| plan.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "handshake",
            "matrix",
            "overhead",
            "revocation",
            "rotation",
            "saturation",
            "storm"
        ]
    );
    for plan in &plans {
        assert!(!plan.rows().is_empty(), "{}", plan.name);
        assert!(
            plan.why.split_whitespace().count() > 15,
            "{}: say what is decided by it",
            plan.name
        );
    }
}

#[test]
fn axes_multiply_named_rows() {
    let plan = plan(
        "[axes]\nkey = [\"p256\", \"rsa2048\"]\ndepth = [2, 3]\n[[row]]\nname = \"a\"\n[[row]]\nname = \"b\"\nsetting = { auth = \"server-only\" }",
    );
    let names: Vec<String> = plan.rows().into_iter().map(|row| row.name).collect();
    assert_eq!(
        names,
        [
            "a/p256/depth-2",
            "a/p256/depth-3",
            "a/rsa2048/depth-2",
            "a/rsa2048/depth-3",
            "b/p256/depth-2",
            "b/p256/depth-3",
            "b/rsa2048/depth-2",
            "b/rsa2048/depth-3",
        ]
    );
}

#[test]
fn the_command_line_overrides_the_file() {
    let mut plan = plan("[setting]\ndepth = 4\n[axes]\nkey = [\"p256\", \"rsa2048\"]");
    plan.override_with(&[
        "key=ed25519".into(),
        "depth=2".into(),
        "arrival=400/s".into(),
    ])
    .unwrap();
    let rows = plan.rows();
    assert_eq!(rows.len(), 1, "an axis that is fixed is none any more");
    let Setting {
        key,
        depth,
        arrival,
        ..
    } = rows[0].setting;
    assert_eq!(
        (format!("{key:?}"), depth, arrival),
        ("Ed25519".into(), 2, Arrival::Rate(400))
    );
    let wrong = plan.override_with(&["kye=p256".into()]).unwrap_err();
    assert!(wrong.contains("key"), "{wrong}");
    assert!(plan.override_with(&["key".into()]).is_err());
    assert!(plan.override_with(&["depth=two".into()]).is_err());
}

#[test]
fn what_is_wrong_with_a_plan_is_said_with_its_place() {
    let cases = [
        ("[setting]\nkey = \"p265\"", "p256"),
        ("[setting]\ndepth = 9", "2 to 8"),
        ("[setting]\narrival = \"fast\"", "400/s"),
        ("[setting]\narrival = \"0/s\"", "400/s"),
        ("[setting]\nstrangers = \"expired\"", "share above 0"),
        (
            "[setting]\nauth = \"plaintext\"\nhandshake = \"resumed\"",
            "nothing is resumed",
        ),
        (
            "[setting]\ntls = \"tls1.2\"\ngroup = \"x25519mlkem768\"",
            "TLS 1.3 alone",
        ),
        ("[measure]\nrepetitions = 0", "1 to 1000"),
        ("[measure]\nduration = \"0s\"", "1ms to 1d"),
        ("reference = \"nobody\"", "no row is called"),
        ("[[row]]\nname = \"a\"\n[[row]]\nname = \"a\"", "two rows"),
        ("speed = 3", "unknown"),
    ];
    for (text, expected) in cases {
        let text = format!("title = \"t\"\nwhy = \"w\"\n{text}");
        let error = parse("test", "test.toml", &text)
            .expect_err(&text)
            .to_string();
        assert!(error.contains(expected), "{text}\n{error}");
        assert!(error.contains("test.toml:"), "{error}");
    }
}

#[test]
fn a_plan_that_is_not_there_is_missed_by_name() {
    let words = find("overheda").unwrap_err();
    assert!(words.contains("did you mean `overhead`?"), "{words}");
    assert!(
        find("nowhere/plan.toml")
            .unwrap_err()
            .contains("cannot read the bench plan")
    );
}
