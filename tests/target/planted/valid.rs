//! What must be accepted, and the bugs that refuse it.

use mtls_gauntlet::scenario::Role;
use mtls_gauntlet::target::planted::{Bug, Flaws};

use super::support::Question;

/// Chains that nothing is wrong with: tables, and the bugs that refuse them in both roles.
const CHAINS: &[(&str, &[Bug], &str)] = &[
    ("the baseline", &[], ""),
    (
        "the root sent along",
        &[Bug::RejectsSentRoot],
        "[peer]\npresents = [\"peer\", \"issuing\", \"root\"]",
    ),
    (
        "the first second",
        &[Bug::RejectsFirstSecond],
        "[pki.peer]\nnot-before = \"0s\"",
    ),
    (
        "the last second",
        &[Bug::RejectsLastSecond],
        "[pki.peer]\nnot-after = \"0s\"",
    ),
    (
        "past 2038",
        &[Bug::OverflowsIn2038, Bug::InsistsOnNestedValidity],
        "[pki.peer]\nnot-after = \"2040-01-01T00:00:00Z\"",
    ),
    (
        "two intermediates in the wrong order",
        &[Bug::RejectsTwoIntermediates, Bug::RejectsReorderedChain],
        "[pki.upper]\nlike = \"issuing\"\n[pki.issuing]\nissuer = \"upper\"\n\
         [peer]\npresents = [\"peer\", \"upper\", \"issuing\"]",
    ),
    (
        "two roots of one name",
        &[
            Bug::TrustsOnlyFirstAnchor,
            Bug::ConfusesSameNameAnchors,
            Bug::StopsAtFirstPath,
        ],
        "[pki.twin]\nlike = \"root\"\nsubject = [\"O=mtls-gauntlet\", \"CN=root\"]\n\
         [target]\ntrusts = [\"twin\", \"root\"]",
    ),
    (
        "an expired copy of the intermediate first",
        &[Bug::StopsAtFirstPath, Bug::RejectsReorderedChain],
        "[pki.old]\nlike = \"issuing\"\nkey-of = \"issuing\"\nnot-after = \"-1d\"\n\
         subject = [\"O=mtls-gauntlet\", \"CN=issuing\"]\n\
         [peer]\npresents = [\"peer\", \"old\", \"issuing\"]",
    ),
    (
        "an unknown extension",
        &[Bug::RejectsUnknownExtensions],
        "[pki.peer]\nextensions = [{ oid = \"1.3.6.1.4.1.32473.1.1\", value = \"0500\" }]",
    ),
    (
        "another kind of key",
        &[Bug::KnowsOnlyP256],
        "[pki.peer]\nkey = \"p384\"",
    ),
];

#[test]
fn good_chains_are_accepted_except_by_the_bugs_that_are_about_them() {
    let mut wrong = Vec::new();
    for (name, refused_by, tables) in CHAINS {
        for role in Role::ALL {
            let question = Question::alone(name, role, tables);
            if let Err(refusal) = question.put(Flaws::NONE) {
                wrong.push(format!("{name} as {role}: {refusal}"));
            }
            for bug in Bug::ALL {
                let accepted = question.put(Flaws::of(*bug)).is_ok();
                if accepted == refused_by.contains(bug) {
                    let verb = if accepted { "accepts" } else { "refuses" };
                    wrong.push(format!("{} as {role} {verb} {name}", bug.name()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_spiffe_id_is_handed_on() {
    let question = Question::alone("svid", Role::Server, "");
    let accepted = question.put(Flaws::NONE).unwrap();
    assert_eq!(
        accepted.spiffe_id.as_deref(),
        Some("spiffe://gauntlet.test/peer")
    );
}

#[test]
fn names_are_those_of_the_variants_and_all_different() {
    let mut seen = std::collections::HashSet::new();
    for bug in Bug::ALL {
        assert!(seen.insert(bug.name()), "{} is there twice", bug.name());
        assert_eq!(Bug::named(bug.name()), Some(*bug));
        let squeezed: String = bug.name().split('-').collect();
        assert_eq!(squeezed, format!("{bug:?}").to_ascii_lowercase());
    }
    assert_eq!(Bug::named("none"), None);
}
