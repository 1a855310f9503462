//! Nothing that a stranger sends makes the verifier panic, whatever is wrong with it.

use mtls_gauntlet::scenario::Role;
use mtls_gauntlet::target::planted::{Bug, Flaws, Planted};

use super::support::Question;

/// Bugs that go on reading where the strict verifier has stopped.
const LENIENT: [Bug; 4] = [
    Bug::AcceptsNonDer,
    Bug::AcceptsWeakKeys,
    Bug::MatchesIssuerByName,
    Bug::IgnoresTrailingData,
];

/// Every beginning of `octets`, and `octets` with each octet changed in two ways.
fn damaged(octets: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let beginnings = (0..octets.len()).map(|end| octets[..end].to_vec());
    let changes = (0..octets.len()).flat_map(|place| {
        [0x01, 0x80].map(|change| {
            let mut changed = octets.to_vec();
            changed[place] ^= change;
            changed
        })
    });
    beginnings.chain(changes)
}

#[test]
fn damaged_leaves_are_refused_quietly() {
    let question = Question::alone("damaged leaf", Role::Server, "");
    for leaf in damaged(question.leaf()) {
        let damaged = question.with_leaf(leaf.clone());
        assert!(damaged.put(Flaws::NONE).is_err(), "accepted: {leaf:02x?}");
        for bug in LENIENT {
            // It may accept what is not quite DER; dying of it is another bug.
            let _ = damaged.put(Flaws::of(bug));
        }
    }
}

#[test]
fn damaged_lists_vouch_for_nobody() {
    let tables = "[crl.issuing]\n[crl.root]";
    let question = Question::alone("damaged list", Role::Server, tables);
    for list in damaged(question.list()) {
        let accepted = question.with_list(list.clone()).put(Flaws::NONE).is_ok();
        assert!(!accepted, "accepted by {list:02x?}");
    }
}

#[test]
fn damaged_staples_vouch_for_nobody() {
    let tables = "[pki.peer]\nmust-staple = true\n[ocsp]\nstatus = \"good\"";
    let question = Question::alone("damaged staple", Role::Client, tables);
    assert!(question.put(Flaws::NONE).is_ok());
    for staple in damaged(question.staple()) {
        let accepted = question
            .with_staple(staple.clone())
            .put(Flaws::NONE)
            .is_ok();
        assert!(!accepted, "accepted by {staple:02x?}");
    }
}

#[test]
fn every_planted_target_can_be_named() {
    for name in Planted::names() {
        assert!(Planted::named(&name).is_some(), "{name}");
    }
    assert!(Planted::named("planted:nonsense").is_none());
    assert!(Planted::named("none").is_none());
}
