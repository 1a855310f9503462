//! The built-in scenarios: every file parses and expands as its text says, and what the embedded
//! rustls makes of each case is written down in one snapshot.
//!
//! After a change that is meant to alter verdicts, look at the difference and accept it:
//! `INSTA_UPDATE=always cargo test --test scenarios`, then `git diff tests/snapshots`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use mtls_gauntlet::expect::{Level, Outcome};
use mtls_gauntlet::judge::Verdict;
use mtls_gauntlet::net::Transport;
use mtls_gauntlet::record::{CaseRecord, Run};
use mtls_gauntlet::scenario::expand::expand;
use mtls_gauntlet::scenario::load;
use mtls_gauntlet::target::planted::Bug;

use rig::Rig;

#[path = "support/rig.rs"]
mod rig;

/// The folders that scenarios are sorted into.
const FAMILIES: [&str; 15] = [
    "baseline",
    "chaos",
    "encoding",
    "extensions",
    "handshake",
    "limits",
    "names",
    "path",
    "resumption",
    "revocation",
    "rotation",
    "signatures",
    "spiffe",
    "trust",
    "validity",
];

#[test]
fn every_file_is_a_scenario_that_the_program_carries() {
    let folder = folder();
    let on_disk =
        load::folders(std::slice::from_ref(&folder)).unwrap_or_else(|error| panic!("{error}"));
    let ids = |scenarios: &[std::sync::Arc<mtls_gauntlet::scenario::Scenario>]| {
        let pairs = scenarios
            .iter()
            .map(|scenario| (scenario.id.clone(), scenario.digest.clone()));
        pairs.collect::<BTreeMap<_, _>>()
    };
    assert_eq!(ids(&on_disk), ids(rig::scenarios()));
    assert_eq!(on_disk.len(), texts().len());
}

#[test]
fn every_scenario_expands_to_what_its_text_says() {
    let expected: Vec<String> = texts()
        .iter()
        .flat_map(|(id, table)| {
            let axis = |key: &str, all: [&str; 2]| match table.get(key) {
                None => all.map(str::to_owned).to_vec(),
                Some(value) => {
                    let mut words: Vec<String> = value.clone().try_into().unwrap();
                    words.sort_by_key(|word| all.iter().position(|known| known == word));
                    words
                }
            };
            let versions = axis("tls", ["tls1.2", "tls1.3"]);
            if table.contains_key("fleet") {
                let newest = versions.last().unwrap();
                let networks = axis("networks", ["simulated", "sockets"]).into_iter();
                return networks
                    .map(|network| format!("{id}/server/{newest}/{network}"))
                    .collect();
            }
            let roles = axis("roles", ["server", "client"]).into_iter();
            roles
                .flat_map(move |role| {
                    let id = id.clone();
                    let versions = versions.clone().into_iter();
                    versions.map(move |tls| format!("{id}/{role}/{tls}"))
                })
                .collect::<Vec<_>>()
        })
        .collect();
    let expanded: Vec<String> = expand(rig::scenarios())
        .iter()
        .map(|case| case.id())
        .collect();
    assert_eq!(expanded, expected);
}

#[test]
fn the_catalogue_is_as_large_as_it_is_said_to_be() {
    let scenarios = rig::scenarios();
    assert!(scenarios.len() >= 170, "{} scenarios", scenarios.len());
    let cases = expand(scenarios);
    assert!(cases.len() >= 550, "{} cases", cases.len());
    let distinct: BTreeSet<_> = cases.iter().map(|case| case.id()).collect();
    assert_eq!(distinct.len(), cases.len(), "two cases have one id");
}

#[test]
fn every_scenario_says_what_holds_and_why() {
    let mut titles: BTreeMap<String, String> = BTreeMap::new();
    let mut problems = Vec::new();
    for scenario in rig::scenarios() {
        let id = scenario.id.clone();
        let outcome = scenario.expect.outcome;
        let namesake = titles.insert(scenario.title.clone(), id.clone());
        let rules = [
            (
                FAMILIES.contains(&scenario.family()),
                "its folder is not a family",
            ),
            (
                !scenario.title.ends_with('.') && !scenario.title.contains('\n'),
                "its title is not one sentence on one line without a full stop",
            ),
            (namesake.is_none(), "another scenario has its title"),
            (
                scenario.why.trim() != scenario.title,
                "its `why` is its title again",
            ),
            (
                outcome != Outcome::Policy || scenario.level == Level::May,
                "a choice that the RFCs leave open binds nobody: its level must be `may`",
            ),
            (
                scenario.control.is_some() == (outcome == Outcome::Reject),
                "what must be refused has a twin, and nothing else has",
            ),
            (
                scenario.twin.is_none() || scenario.control.is_some(),
                "its [twin] is never run, for nothing is expected to be refused",
            ),
            (
                scenario.expect.alert.is_empty() || outcome != Outcome::Accept,
                "there is no proper alert for an acceptance",
            ),
        ];
        let broken = rules.iter().filter(|(holds, _)| !holds);
        problems.extend(broken.map(|(_, problem)| format!("{id}: {problem}")));
    }
    assert_eq!(problems, [""; 0]);
}

#[test]
fn the_planted_bugs_that_fail_a_scenario_are_there() {
    for scenario in rig::scenarios() {
        for name in &scenario.fails {
            assert!(Bug::named(name).is_some(), "{}: {name}", scenario.id);
        }
    }
}

#[test]
fn verdicts_on_rustls() {
    let run = whole_suite(Transport::Memory);
    assert!(run.complete);
    let of_harness: Vec<_> = run
        .cases
        .iter()
        .filter(|case| matches!(case.verdict, Verdict::Broken | Verdict::Invalid))
        .map(|case| format!("{}: {}", case.id, case.reason))
        .collect();
    assert_eq!(of_harness, [""; 0], "these prove nothing about the target");
    let objections: Vec<_> = run
        .objections(Level::Must)
        .map(|(case, objection)| format!("{objection:?} {}: {}", case.id, case.reason))
        .collect();
    assert_eq!(objections, [""; 0], "these keep the gate shut");
    insta::assert_snapshot!("verdicts-on-rustls", table(run));
}

#[test]
fn memory_and_tcp_come_to_the_same_verdicts() {
    let memory = whole_suite(Transport::Memory);
    let tcp = whole_suite(Transport::Tcp);
    let verdicts = |run: &Run| -> Vec<String> {
        let lines = run.cases.iter().map(|case| {
            format!(
                "{} {} {:?} {}",
                case.id, case.verdict, case.failure_kind, case.environment_digest
            )
        });
        lines.collect()
    };
    similar(&verdicts(memory), &verdicts(tcp));
}

#[test]
fn reject_scenarios_have_twins_that_are_accepted() {
    let run = whole_suite(Transport::Memory);
    for case in &run.cases {
        let refused =
            matches!(case.verdict, Verdict::Pass | Verdict::Lenient) && case.is_forbidden();
        if refused {
            let twin = case.twin.as_ref();
            assert!(
                twin.is_some_and(|twin| twin.accepted),
                "{}: a refusal counts only beside its twin",
                case.id
            );
        }
    }
}

/// The suite takes seconds: each transport's run is shared by the tests that look at it.
fn whole_suite(transport: Transport) -> &'static Run {
    use std::sync::LazyLock;
    static MEMORY: LazyLock<Run> = LazyLock::new(|| suite_over(Transport::Memory));
    static TCP: LazyLock<Run> = LazyLock::new(|| suite_over(Transport::Tcp));
    match transport {
        Transport::Memory => &MEMORY,
        Transport::Tcp => &TCP,
    }
}

/// All of it but fleets, which have a network of their own and tests of their own.
fn suite_over(transport: Transport) -> Run {
    let mut cases = expand(rig::scenarios());
    cases.retain(|case| case.network.is_none());
    Rig::over(transport).run(&[rig::rustls()], &cases)
}

/// One line for each case, with nothing in it that varies.
fn table(run: &Run) -> String {
    let mut lines: Vec<String> = run.cases.iter().map(line).collect();
    lines.sort();
    lines.join("\n")
}

fn line(case: &CaseRecord) -> String {
    let mut line = format!("{} {}", case.id, case.verdict);
    let kind = case.failure_kind.map(|kind| kind.to_string());
    let alert = case.observation.as_ref().and_then(|seen| seen.alert());
    let alert = alert.map(|alert| alert.number().to_string());
    for word in [kind, alert] {
        let _ = write!(line, " {}", word.as_deref().unwrap_or("-"));
    }
    let _ = write!(
        line,
        " {}",
        if case.known.is_some() { "known" } else { "-" }
    );
    line
}

/// Compares line by line, and shows the lines that differ instead of two thousand that do not.
fn similar(one: &[String], other: &[String]) {
    assert_eq!(one.len(), other.len());
    let differing: Vec<_> = one
        .iter()
        .zip(other)
        .filter(|(one, other)| one != other)
        .collect();
    assert!(differing.is_empty(), "{differing:#?}");
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// Every scenario file by its id, read by nothing but the TOML library.
fn texts() -> BTreeMap<String, toml::Table> {
    let mut texts = BTreeMap::new();
    let folder = folder();
    collect(&folder, &folder, &mut texts);
    texts
}

fn collect(top: &Path, folder: &Path, texts: &mut BTreeMap<String, toml::Table>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path == top.join("bench") {
            // What is measured is a plan, and no scenario.
            continue;
        }
        if path.is_dir() {
            collect(top, &path, texts);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            let below = path.strip_prefix(top).unwrap().with_extension("");
            let text = std::fs::read_to_string(&path).unwrap();
            texts.insert(below.display().to_string(), text.parse().unwrap());
        }
    }
}
