//! How long services take to have a step in force, and which never have.

use insta::assert_snapshot;

use mtls_gauntlet::expect::HandshakeKind;
use mtls_gauntlet::oracle::findings::{Convergence, Invariant};
use mtls_gauntlet::oracle::history::{CallOutcome, Fact, History, WindowKind};

use super::world::{
    S, accepted, call, certificate, found, publish, refused, revoke, violated, witnesses, world,
};

/// Services, median, longest, and who never.
type Reached = (u32, Option<u64>, Option<u64>, Vec<String>);

/// Of the only step.
fn reached(history: &History) -> Option<Reached> {
    let convergence = found(history).convergence;
    assert!(convergence.len() < 2);
    let first = convergence.into_iter().next();
    first.map(
        |Convergence {
             services,
             p50,
             max,
             never,
             ..
         }| (services, p50, max, never),
    )
}

const NOBODY: [String; 0] = [];

#[test]
fn a_revocation_is_in_force_with_the_first_refusal_after_the_last_acceptance() {
    let mut history = world();
    revoke(&mut history, 5 * S);
    accepted(&mut history, 4 * S);
    assert_eq!(reached(&history), None, "nobody was asked");
    refused(&mut history, 5 * S + S / 10);
    accepted(&mut history, 6 * S);
    assert_eq!(
        reached(&history),
        None,
        "asked in the window only, it had not yet come"
    );
    refused(&mut history, 6 * S + S / 2);
    refused(&mut history, 8 * S);
    assert_eq!(
        reached(&history),
        Some((1, Some(3 * S / 2), Some(3 * S / 2), NOBODY.into()))
    );
    assert_eq!(violated(&found(&history)), []);
    let convergence = &found(&history).convergence[0];
    assert_eq!(
        (convergence.step, convergence.what.as_str(), convergence.at),
        (0, "publish-crl", 5 * S)
    );

    accepted(&mut history, 9 * S);
    assert_eq!(
        reached(&history),
        Some((0, None, None, vec!["inventory".into()]))
    );
    let findings = found(&history);
    assert_eq!(
        violated(&findings),
        [Invariant::FailsClosed, Invariant::Converges]
    );
    assert_snapshot!(findings.violations[1].witness, @"inventory never had publish-crl in force (at 5 s, window 2 s): call 5 of payments at 9 s was accepted");
}

#[test]
fn a_permission_is_in_force_with_the_first_acceptance_after_the_last_refusal() {
    let mut history = world();
    history.changes[1].holds = false;
    publish(
        &mut history,
        "allow",
        5 * S,
        Fact::Admits("payments".into()),
        true,
        WindowKind::Policy,
    );
    refused(&mut history, 4 * S);
    refused(&mut history, 5 * S + S / 4);
    accepted(&mut history, 5 * S + S / 2);
    accepted(&mut history, 7 * S);
    assert_eq!(
        reached(&history),
        Some((1, Some(S / 2), Some(S / 2), NOBODY.into()))
    );
    assert_eq!(violated(&found(&history)), []);
    refused(&mut history, 9 * S);
    let findings = found(&history);
    assert_eq!(
        violated(&findings),
        [Invariant::Serves, Invariant::Converges]
    );
    assert_snapshot!(witnesses(&findings), @r"
    A1 (serves): call 4 of payments (serial 77) to inventory at 9 s was refused (alert certificate_revoked); must be accepted since 6 s; 1 of 2 such calls were not
    R1 (converges): inventory never had allow in force (at 5 s, window 1 s): call 4 of payments at 9 s was refused (alert certificate_revoked)
    ");
}

#[test]
fn only_calls_that_hang_on_the_change_alone_show_something() {
    let mut history = world();
    revoke(&mut history, 5 * S);
    let other_reason = {
        let mut history = history.clone();
        publish(
            &mut history,
            "disallow",
            3 * S,
            Fact::Admits("payments".into()),
            false,
            WindowKind::Policy,
        );
        history
    };
    for (what, outcome) in [
        ("timed out", CallOutcome::TimedOut),
        (
            "refused the server",
            CallOutcome::RefusedServer("no".into()),
        ),
    ] {
        let mut history = history.clone();
        call(&mut history, 8 * S, outcome);
        assert_eq!(reached(&history), None, "{what}");
    }
    for (what, reused, handshake) in [
        ("open", true, HandshakeKind::Full),
        ("resumed", false, HandshakeKind::Resumed),
    ] {
        let mut history = history.clone();
        let call = accepted(&mut history, 6 * S);
        (call.connection.reused, call.connection.handshake) = (reused, Some(handshake));
        refused(&mut history, 5 * S + S / 2);
        assert_eq!(
            reached(&history),
            Some((1, Some(S / 2), Some(S / 2), NOBODY.into())),
            "{what}"
        );
    }
    let mut history = other_reason;
    refused(&mut history, 8 * S);
    assert_eq!(reached(&history), None, "it is not admitted either");
}

#[test]
fn a_change_that_is_taken_back_is_looked_at_until_then() {
    let mut history = world();
    revoke(&mut history, 5 * S);
    refused(&mut history, 6 * S);
    publish(
        &mut history,
        "roll-back-crl",
        8 * S,
        Fact::InForce(super::world::PAYMENTS),
        true,
        WindowKind::Crl,
    );
    accepted(&mut history, 9 * S);
    let convergence = found(&history).convergence;
    let took: Vec<_> = convergence.iter().map(|one| (one.step, one.max)).collect();
    assert_eq!(took, [(0, Some(S)), (1, Some(S))]);
}

/// A new leaf of the server at 5 s, and who saw it when.
fn rotated(shown: &[(u64, u64)]) -> History {
    let mut history = world();
    for serial in [89, 90] {
        let mut leaf = certificate(serial, "inventory", None);
        leaf.issued = (serial - 84) * S;
        history.certificates.push(leaf);
    }
    publish(
        &mut history,
        "rotate-leaf",
        5 * S,
        Fact::Presents(89),
        true,
        WindowKind::Leaf,
    );
    for (at, serial) in shown {
        accepted(&mut history, *at).presented = Some(*serial);
    }
    history
}

#[test]
fn a_leaf_is_in_force_when_it_or_a_newer_one_is_presented() {
    let (old, new, newer) = (88, 89, 90);
    let late = S / 2;
    let in_time = rotated(&[
        (4 * S, old),
        (5 * S, old),
        (5 * S + late, new),
        (9 * S, new),
    ]);
    assert_eq!(
        reached(&in_time),
        Some((1, Some(late), Some(late), NOBODY.into()))
    );
    assert_eq!(violated(&found(&in_time)), []);
    let skipped = rotated(&[(5 * S + late, newer)]);
    assert_eq!(
        reached(&skipped),
        Some((1, Some(late), Some(late), NOBODY.into()))
    );
    let early = rotated(&[(4 * S, new), (9 * S, new)]);
    assert_eq!(reached(&early), Some((1, Some(0), Some(0), NOBODY.into())));
    let not_asked = rotated(&[(5 * S, old)]);
    assert_eq!(reached(&not_asked), None);
    assert_eq!(violated(&found(&not_asked)), []);
}

#[test]
fn a_leaf_that_is_late_or_never_comes_is_a_violation() {
    let never = rotated(&[(5 * S, 88), (9 * S, 88)]);
    assert_eq!(
        reached(&never),
        Some((0, None, None, vec!["inventory".into()]))
    );
    let late = rotated(&[(6 * S, 88), (7 * S, 89)]);
    assert_eq!(
        reached(&late),
        Some((1, Some(2 * S), Some(2 * S), NOBODY.into()))
    );
    for history in [&never, &late] {
        assert_eq!(violated(&found(history)), [Invariant::Converges]);
    }
    assert_snapshot!(witnesses(&found(&never)), @"R1 (converges): inventory never presented serial 89 (rotate-leaf at 5 s, window 1 s): call 1 of payments at 9 s was shown serial 88");
    assert_snapshot!(witnesses(&found(&late)), @"R1 (converges): inventory presented too late serial 89 (rotate-leaf at 5 s, window 1 s): call 0 of payments at 6 s was shown serial 88");

    // A service in trouble is not asked.
    let mut trouble = late;
    publish(
        &mut trouble,
        "partition",
        5 * S,
        Fact::Well,
        false,
        WindowKind::None,
    );
    publish(
        &mut trouble,
        "heal",
        7 * S,
        Fact::Well,
        true,
        WindowKind::None,
    );
    assert_eq!(violated(&found(&trouble)), []);
}

#[test]
fn many_services_are_told_by_rank() {
    let mut history = world();
    history.changes.remove(1);
    let names: Vec<String> = (1..=10).map(|number| format!("service-{number}")).collect();
    publish(
        &mut history,
        "allow",
        5 * S,
        Fact::Admits("payments".into()),
        true,
        WindowKind::Policy,
    );
    history.changes[1].party = None;
    for (name, tenths) in names.iter().zip(1..) {
        accepted(&mut history, 5 * S + tenths * S / 10).server = name.clone();
    }
    refused(&mut history, 9 * S).server = "late".into();
    let findings = found(&history);
    let one = &findings.convergence[0];
    assert_eq!(
        (one.services, one.p50, one.p99, one.max),
        (10, Some(S / 2), Some(S), Some(S))
    );
    assert_eq!(one.never, ["late"]);
}
