//! Scenarios as data: expansion, selection, shards, times, and the messages about files that are not
//! scenarios.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::subsequence;

use mtls_gauntlet::pki::recipe::Moment;
use mtls_gauntlet::scenario::expand::{Case, expand};
use mtls_gauntlet::scenario::load;
use mtls_gauntlet::scenario::select::{Selection, Shard, idle};
use mtls_gauntlet::scenario::{Role, Scenario, TlsVersion};

#[path = "scenario/messages.rs"]
mod messages;
#[path = "scenario/timelines.rs"]
mod timelines;

/// A scenario with nothing in it that need not be.
const PLAIN: &str = r#"
title = "A peer that is as it should be is accepted"
level = "must"
spec = ["RFC 5280 section 6.1"]
why = "Nothing works without it."
[expect]
outcome = "accept"
"#;

#[test]
fn a_scenario_says_only_how_it_differs() {
    let scenario = plain();
    assert_eq!(scenario.roles, Role::ALL);
    assert_eq!(scenario.tls, TlsVersion::ALL);
    assert!(scenario.pki.is_empty() && scenario.crl.is_empty() && scenario.ocsp.is_none());
    assert!(scenario.control.is_none(), "an acceptance needs no twin");
    assert_eq!(scenario.family(), "family");
    assert_eq!(scenario.digest.len(), 64);
}

#[test]
fn a_twin_is_the_scenario_without_its_delta() {
    let scenario = parse(
        r#"
        [pki.peer]
        not-after = "-1d"
        [pki.issuing]
        path-len = 0
        [pki.target]
        key = "p384"
        [pki.other]
        like = "root"
        [peer]
        presents = ["peer"]
        [target]
        trusts = ["root", "other"]
        [crl.issuing]
        revokes = ["peer"]
        [ocsp]
        status = "revoked"
        "#,
    );
    let twin = scenario.control.as_deref().unwrap();
    assert_eq!(names(twin), ["other", "target"]);
    assert_eq!(twin.peer, Default::default());
    assert_eq!(twin.ocsp, None);
    assert_eq!(twin.target, scenario.target);
    assert_eq!(twin.crl, scenario.crl);
    assert_eq!(twin.id, scenario.id);
}

#[test]
fn a_twin_that_says_what_it_heals_keeps_the_rest() {
    let scenario = parse(
        r#"
        [pki.issuing.name-constraints]
        permitted = ["dns:ok.test"]
        [pki.peer]
        names = ["bad.test", "worse.test"]
        serial = "17"
        [peer]
        presents = ["peer", "issuing"]
        [twin.pki.peer]
        names = ["ok.test"]
        "#,
    );
    let twin = scenario.control.as_deref().unwrap();
    let peer = &twin.pki["peer"];
    let healed: &[String] = &["ok.test".into()];
    assert_eq!(peer.names.as_deref(), Some(healed), "lists replace lists");
    assert_eq!(peer.serial.as_deref(), Some("17"), "key by key");
    assert_eq!(twin.pki["issuing"], scenario.pki["issuing"]);
    assert_eq!(twin.peer, scenario.peer);
}

#[test]
fn globs_select_scenarios_and_cases() {
    let cases = expand(&some(&["path/long", "path/longer", "validity/expired"]));
    for (globs, count) in [
        (&[][..], 12),
        (&["path/long"], 4),
        (&["path/*"], 8),
        (&["path/long*"], 8),
        (&["*/client/tls1.3"], 3),
        (&["path/*", "!path/longer"], 4),
        (&["!path/*"], 4),
        (&["!*/client/*", "!*/tls1.2"], 3),
        (&["validity/expired/server/tls1.2"], 1),
        (&["{path,validity}/*/server/*"], 6),
        (&["path"], 0),
        (&["nothing/*"], 0),
        (&["path/*", "!*"], 0),
    ] {
        let globs: Vec<String> = globs.iter().map(|&glob| glob.to_owned()).collect();
        let selection = Selection::of_globs(&globs).unwrap();
        assert_eq!(count_selected(&selection, &cases), count, "{globs:?}");
    }
    assert!(Selection::of_globs(&["path/[".into()]).is_err());
}

#[test]
fn a_glob_that_fits_nothing_is_told_beside_others_that_fit() {
    let cases = expand(&some(&["path/long", "validity/expired"]));
    for (globs, first) in [
        (&["path/long", "*/client/tls1.3", "!validity/*"][..], None),
        (&["path/long", "path/lang", "nothing"], Some("path/lang")),
        (&["path/*", "!validity/expird"], Some("validity/expird")),
        (&["path"], Some("path")),
    ] {
        let globs: Vec<String> = globs.iter().map(|&glob| glob.to_owned()).collect();
        assert_eq!(idle(&globs, &cases).unwrap(), first, "{globs:?}");
    }
    assert!(idle(&["path/[".into()], &cases).is_err());
}

#[test]
fn tags_and_specifications_select_scenarios() {
    let scenario = |id: &str, tags: &[&str], spec: &[&str]| {
        Arc::new(Scenario {
            id: id.into(),
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
            spec: spec.iter().map(|&spec| spec.to_owned()).collect(),
            ..plain()
        })
    };
    let cases = expand(&[
        scenario("a/one", &["core"], &["RFC 5280 section 6.1"]),
        scenario("a/two", &["core", "dos"], &["CVE-2022-0778"]),
        scenario("b/three", &[], &["RFC 8446 section 4.4.2", "CVE-2020-0601"]),
    ]);
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    let all = Selection::default;
    for (what, selection, count) in [
        ("everything", all(), 12),
        ("a tag", all().with_tags(words(&["dos"])), 4),
        (
            "either tag",
            all().with_tags(words(&["dos", "core", "none"])),
            8,
        ),
        ("no such tag", all().with_tags(words(&["cor"])), 0),
        ("a specification", all().with_specs(words(&["rfc 5280"])), 4),
        (
            "in whatever letters",
            all().with_specs(words(&["cve-20"])),
            8,
        ),
        (
            "a tag of a specification",
            all()
                .with_tags(words(&["core"]))
                .with_specs(words(&["CVE"])),
            4,
        ),
    ] {
        assert_eq!(count_selected(&selection, &cases), count, "{what}");
    }
}

#[test]
fn shards_are_written_k_of_n() {
    for text in ["1/1", "2/4", "7/7"] {
        let shard: Shard = text.parse().unwrap();
        assert_eq!(shard.to_string(), text);
    }
    for text in [
        "", "1", "/", "0/2", "3/2", "1/0", "-1/2", "a/b", "1/2/3", " 1/2",
    ] {
        let error = text.parse::<Shard>().unwrap_err();
        assert!(error.contains("k/n"), "{text}: {error}");
    }
}

#[test]
fn a_case_s_shard_stays_what_it_was() {
    // Whoever splits a run over machines and keeps what each has done relies on it.
    let third = |id: &str| (1..=3).find(|&k| Shard::new(k, 3).unwrap().holds(id));
    let shards = [
        "validity/expired/server/tls1.3",
        "validity/expired/client/tls1.3",
        "path/long/server/tls1.2",
        "spiffe/two-ids/client/tls1.2",
    ]
    .map(third);
    assert_eq!(shards, [Some(3), Some(3), Some(2), Some(3)]);
}

#[test]
fn shards_are_about_as_large_as_each_other() {
    let cases = expand(&load::built_in().unwrap());
    for count in [2, 3, 8] {
        for number in 1..=count {
            let shard = Shard::new(number, count).unwrap();
            let held = cases.iter().filter(|case| shard.holds(&case.id())).count();
            let fair = cases.len() / count as usize;
            assert!(
                (fair / 2..fair * 2).contains(&held),
                "{shard} holds {held} of {}",
                cases.len()
            );
        }
    }
}

#[test]
fn moments_are_read_as_people_write_them() {
    use Moment::{Absolute, Relative};
    for (text, moment) in [
        ("0s", Relative(0)),
        ("-1d", Relative(-86_400)),
        ("+90s", Relative(90)),
        ("90s", Relative(90)),
        ("-2m", Relative(-120)),
        ("+3h", Relative(10_800)),
        ("10y", Relative(315_360_000)),
        ("1970-01-01T00:00:00Z", Absolute(0)),
        ("2050-01-01T00:00:00Z", Absolute(2_524_608_000)),
        ("1969-12-31T23:59:59Z", Absolute(-1)),
        ("2026-01-01T01:00:00+01:00", Absolute(1_767_225_600)),
    ] {
        assert_eq!(moment_of(text), Ok(moment), "{text}");
    }
    for text in [
        "",
        "d",
        "1",
        "1w",
        "+-1d",
        "++1d",
        "1.5d",
        "1d2h",
        " 1d",
        "tomorrow",
        "2050-01-01",
        "9223372036854775807d",
        "1\u{20ac}",
    ] {
        let error = moment_of(text).unwrap_err();
        assert!(error.contains("is not a time"), "{text}: {error}");
    }
}

#[test]
fn a_moment_far_beyond_all_clocks_does_not_overflow() {
    let now = 1_767_225_600;
    assert_eq!(Moment::Relative(i64::MAX).at(now), i64::MAX);
    assert_eq!(Moment::Relative(-60).at(now), now - 60);
    assert_eq!(Moment::Absolute(60).at(now), 60);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_scenario_has_a_case_for_each_role_and_version(scenarios in scenarios()) {
        let cases = expand(&scenarios);
        let expected: usize = scenarios
            .iter()
            .map(|scenario| scenario.roles.len() * scenario.tls.len())
            .sum();
        prop_assert_eq!(cases.len(), expected);
        let ids: BTreeSet<String> = cases.iter().map(Case::id).collect();
        prop_assert_eq!(ids.len(), cases.len());
        for case in &cases {
            prop_assert!(case.scenario.roles.contains(&case.role));
            prop_assert!(case.scenario.tls.contains(&case.tls));
        }
    }

    #[test]
    fn every_case_is_in_exactly_one_shard(scenarios in scenarios(), count in 1_u32..40) {
        for case in expand(&scenarios) {
            let id = case.id();
            let holders = (1..=count).filter(|&number| Shard::new(number, count).unwrap().holds(&id));
            prop_assert_eq!(holders.count(), 1);
        }
    }

    #[test]
    fn the_shards_of_a_selection_add_up_to_it(scenarios in scenarios(), count in 1_u32..6) {
        let cases = expand(&scenarios);
        let whole = Selection::of_globs(&["*/server/*".into()]).unwrap();
        let parts: usize = (1..=count)
            .map(|number| count_selected(&whole.clone().with_shard(Shard::new(number, count)), &cases))
            .sum();
        prop_assert_eq!(parts, count_selected(&whole, &cases));
    }

    #[test]
    fn another_scenario_moves_no_case(scenarios in scenarios(), count in 1_u32..40) {
        let (one, more) = (expand(&scenarios[..1]), expand(&scenarios));
        for number in 1..=count {
            let part = Selection::default().with_shard(Shard::new(number, count));
            let held = |cases: &[Case]| -> Vec<String> {
                let held = cases.iter().filter(|case| part.selects(case));
                held.filter(|case| case.scenario.id == scenarios[0].id).map(Case::id).collect()
            };
            prop_assert_eq!(held(&one), held(&more));
        }
    }

    #[test]
    fn what_is_excluded_is_not_selected(scenarios in scenarios()) {
        let cases = expand(&scenarios);
        let globs = |globs: &[String]| Selection::of_globs(globs).unwrap();
        let victim = &scenarios[0].id;
        let without = globs(&[format!("!{victim}")]);
        let only = globs(std::slice::from_ref(victim));
        for case in &cases {
            prop_assert_ne!(without.selects(case), only.selects(case));
            prop_assert_eq!(only.selects(case), case.scenario.id == *victim);
        }
    }

    #[test]
    fn moments_survive_being_written_and_read(seconds in any::<i32>(), absolute: bool) {
        let moment = if absolute {
            Moment::Absolute(seconds.into())
        } else {
            Moment::Relative(seconds.into())
        };
        prop_assert_eq!(moment_of(&moment.to_string()), Ok(moment));
    }

    #[test]
    fn no_text_is_too_odd_for_a_moment(text in "\\PC{0,12}") {
        let _ = moment_of(&text);
    }
}

fn plain() -> Scenario {
    load::parse("family/name", "scenarios/family/name.toml", PLAIN).unwrap()
}

/// A scenario that must be refused, with these tables.
fn parse(tables: &str) -> Scenario {
    let text = PLAIN.replace("accept\"", "reject\"") + tables;
    load::parse("family/name", "scenarios/family/name.toml", &text)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn names(scenario: &Scenario) -> Vec<&str> {
    scenario.pki.keys().map(String::as_str).collect()
}

fn some(ids: &[&str]) -> Vec<Arc<Scenario>> {
    let scenario = |id: &&str| {
        Arc::new(Scenario {
            id: (*id).to_owned(),
            ..plain()
        })
    };
    ids.iter().map(scenario).collect()
}

/// Scenarios with ids of their own, each with some role and some version.
fn scenarios() -> impl Strategy<Value = Vec<Arc<Scenario>>> {
    let axes = (
        subsequence(Role::ALL.to_vec(), 1..=2),
        subsequence(TlsVersion::ALL.to_vec(), 1..=2),
    );
    let plain = plain();
    proptest::collection::btree_map("[a-z]{1,6}/[a-z][a-z0-9-]{0,12}", axes, 1..8).prop_map(
        move |scenarios| {
            let scenario = |(id, (roles, tls))| {
                Arc::new(Scenario {
                    id,
                    roles,
                    tls,
                    ..plain.clone()
                })
            };
            scenarios.into_iter().map(scenario).collect()
        },
    )
}

fn count_selected(selection: &Selection, cases: &[Case]) -> usize {
    cases.iter().filter(|case| selection.selects(case)).count()
}

fn moment_of(text: &str) -> Result<Moment, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}
