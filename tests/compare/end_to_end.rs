//! Real runs before and after, against targets in processes of their own that are made slower, or given a bug:
//! what was planted is found, and nothing else.
//!
//! No time of the machine's decides here: every target waits for a tenth of a second before it answers, beside which
//! its own work is little, and the one that is made slower waits for five of them. Processor time, of which a wait
//! costs little, is tolerated whatever it is.

use std::fs;

use mtls_gauntlet::record::Run;
use serde_json::Value;

use super::gauntlet::Gauntlet;
use super::shim::shim;

/// One row in a closed loop; a target that takes its time ends few connections.
const PLAN: &str = r#"
title = "One row"
why = "To see who has become slower."

[measure]
duration = "1s"
warm-up = "50ms"
repetitions = 4

[setting]
arrival = "closed"
in-flight = 2
"#;

const BENCH: &str = "bench row.toml --target swift.toml --target steady.toml --tolerance 100000";
const RUN: &str = "run validity/expired validity/future baseline/full-chain --role server --tls tls1.3 \
                   --target swift.toml --target steady.toml";

#[test]
fn a_planted_bug_is_the_one_case_that_regressed() {
    let gauntlet = gauntlet("none");
    let told = ends(
        &gauntlet,
        &format!("{RUN} --out before --save-baseline base.json"),
        0,
    );
    assert!(told.contains("`base.json` is the new baseline"), "{told}");
    assert_eq!(baseline(&gauntlet), gauntlet.record("before"));
    ends(
        &gauntlet,
        &format!("{RUN} --out same --baseline base.json"),
        0,
    );

    describe(&gauntlet, "swift", "ignores-expiry");
    let both = "--baseline base.json --save-baseline base.json";
    let told = ends(&gauntlet, &format!("{RUN} --out after {both}"), 1);
    assert!(told.contains("`base.json` was not written"), "{told}");
    assert_eq!(baseline(&gauntlet), gauntlet.record("before"));
    let regressed = [(
        "swift".to_owned(),
        "validity/expired/server/tls1.3".to_owned(),
    )];
    let left = fs::read_to_string(gauntlet.folder().join("after/comparison.json")).unwrap();
    let compared = ends(&gauntlet, "compare before after --format json", 1);
    for comparison in [left, compared] {
        let comparison: Value = serde_json::from_str(&comparison).unwrap();
        assert_eq!(named(&comparison["conformance"], false), regressed);
        assert_eq!(named(&comparison["conformance"], true), regressed);
        assert_eq!(comparison["outcome"], "conformance");
        assert_eq!(comparison["counts"]["cases"], 6);
    }
    let text = ends(&gauntlet, "compare before after", 1);
    assert!(text.contains("pass -> fail (accepted-forbidden)"), "{text}");
    // The other way round it is mended, which keeps no gate shut.
    ends(&gauntlet, "compare after before", 0);
}

#[test]
fn a_planted_delay_is_the_one_row_that_is_slower() {
    let gauntlet = gauntlet("none takes-its-time=100");
    ends(
        &gauntlet,
        &format!("{BENCH} --out before --save-baseline base.json"),
        0,
    );
    let before = gauntlet.record("before");
    assert_eq!(baseline(&gauntlet), before);
    for row in &before.measurements {
        assert_eq!(
            (row.embedded, row.repetitions.len()),
            (false, 4),
            "{}",
            row.id
        );
    }
    ends(
        &gauntlet,
        &format!("{BENCH} --out same --baseline base.json"),
        0,
    );

    describe(&gauntlet, "swift", "none takes-its-time=500");
    let both = "--baseline base.json --save-baseline base.json";
    let told = ends(&gauntlet, &format!("{BENCH} --out after {both}"), 4);
    assert!(told.contains("`base.json` was not written"), "{told}");
    assert_eq!(baseline(&gauntlet), before);
    let slower = [("swift".to_owned(), "row/row".to_owned())];
    let left = fs::read_to_string(gauntlet.folder().join("after/comparison.json")).unwrap();
    let compare = "compare before after --tolerance 100000";
    let compared = ends(&gauntlet, &format!("{compare} --format json"), 4);
    for comparison in [left, compared] {
        let comparison: Value = serde_json::from_str(&comparison).unwrap();
        assert_eq!(named(&comparison["performance"], true), slower);
        assert_eq!(named(&comparison["performance"], false).len(), 2);
        assert_eq!(comparison["outcome"], "performance");
        let rows = comparison["performance"].as_array().unwrap();
        let row = rows.iter().find(|row| row["target"] == "swift").unwrap();
        let found = |metric: &str| {
            let mut figures = row["figures"].as_array().unwrap().iter();
            let figure = figures.find(|figure| figure["metric"] == metric).unwrap();
            figure["finding"].as_str().unwrap().to_owned()
        };
        assert_eq!(found("first-byte-p50"), "slower");
        assert_eq!(found("rate"), "slower", "two at a time, each for so long");
        assert_eq!(found("cpu-target"), "within-tolerance");
        assert_eq!(found("cpu-harness"), "within-tolerance");
    }
    let text = ends(&gauntlet, compare, 4);
    assert!(text.contains("first byte p50"), "{text}");
    // Whoever has said that it may be as slow as that gets no alarm.
    ends(
        &gauntlet,
        &format!("{compare} --latency-tolerance 1000000"),
        0,
    );
    // And the other way round it is faster.
    ends(&gauntlet, "compare after before --tolerance 100000", 0);
}

/// A folder with the plan, and two targets that are started with these words.
fn gauntlet(words: &str) -> Gauntlet {
    let gauntlet = Gauntlet::new();
    gauntlet.write("row.toml", PLAN);
    for name in ["swift", "steady"] {
        describe(&gauntlet, name, words);
    }
    gauntlet
}

/// Describes a server that is started with these words.
fn describe(gauntlet: &Gauntlet, name: &str, words: &str) {
    let shim = shim().display().to_string();
    let start: Vec<&str> = [shim.as_str()]
        .into_iter()
        .chain(words.split(' '))
        .collect();
    let text = format!(
        "version = [{shim:?}, \"--version\"]\n[server]\nstart = {start:?}\nshim = true\nsupports = [\"tls1.2\", \"tls1.3\"]\n"
    );
    gauntlet.write(&format!("{name}.toml"), &text);
}

/// What a command tells that ends so.
fn ends(gauntlet: &Gauntlet, arguments: &str, status: i32) -> String {
    let output = gauntlet.run(arguments);
    let [out, told] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert_eq!(
        output.status.code(),
        Some(status),
        "{arguments}: {out}{told}"
    );
    match arguments.starts_with("compare") {
        true => out,
        false => told,
    }
}

fn baseline(gauntlet: &Gauntlet) -> Run {
    let text = fs::read_to_string(gauntlet.folder().join("base.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The targets and ids of this list, or of those in it that keep the gate shut.
fn named(list: &Value, gating: bool) -> Vec<(String, String)> {
    let list = list.as_array().unwrap().iter();
    let list = list.filter(|one| !gating || one["gates"] == true);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    list.map(|one| (text(&one["target"]), text(&one["id"])))
        .collect()
}
