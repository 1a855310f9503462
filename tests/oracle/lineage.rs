//! What connections, sessions and leaves come from: bridges between roots, leaves that callers were given,
//! leaves that nobody asked for, and identities of resumed sessions.

use insta::assert_snapshot;

use mtls_gauntlet::expect::HandshakeKind;
use mtls_gauntlet::oracle::findings::Invariant;
use mtls_gauntlet::oracle::history::{
    CallOutcome, Certificate, Change, Fact, History, ServerView, WindowKind,
};

use super::world::{
    INVENTORY, ISSUING, PAYMENTS, S, accepted, call, certificate, found, publish, violated, world,
};

/// Of the caller, later.
const NEWER: u64 = 78;
/// From `root` to `next`.
const BRIDGE: u64 = 6;

fn refuses_the_server() -> CallOutcome {
    CallOutcome::RefusedServer("UnknownIssuer".into())
}

/// The server's leaf is below `next`; with a bridge from `root` that is valid until 10 s, if `bridged`.
fn crossed(bridged: bool) -> History {
    let mut history = world();
    for certificate in &mut history.certificates {
        if certificate.serial == INVENTORY {
            certificate.issuer = None;
            certificate.anchor = "next".into();
            certificate.bridge = bridged.then_some(BRIDGE);
        }
    }
    history.certificates.push(Certificate {
        not_after: 10_000_000 - 1,
        ..certificate(BRIDGE, "bridge", None)
    });
    history
}

fn trusts(history: &mut History, at: u64, anchor: &str, holds: bool) {
    history.changes.push(Change {
        at,
        step: None,
        party: Some("payments".into()),
        fact: Fact::Trusts(anchor.into()),
        holds,
        window: WindowKind::Bundle,
    });
}

/// What a call at this instant violates if it is accepted, and if the caller turns away.
fn judged(history: &History, at: u64) -> [Vec<Invariant>; 2] {
    let mut one = history.clone();
    accepted(&mut one, at);
    let mut other = history.clone();
    call(&mut other, at, refuses_the_server());
    [one, other].map(|history| {
        let mut violated = violated(&found(&history));
        violated.retain(|invariant| *invariant != Invariant::Recovers);
        violated
    })
}

const MUST: [&[Invariant]; 2] = [&[], &[Invariant::Serves]];
const EITHER: [&[Invariant]; 2] = [&[], &[]];
const MUST_NOT: [&[Invariant]; 2] = [&[Invariant::FailsClosed], &[]];

#[test]
fn a_bridge_is_a_second_way_up_as_long_as_it_is_valid() {
    assert_eq!(judged(&crossed(false), 5 * S), MUST_NOT, "no bridge");
    assert_eq!(judged(&crossed(true), 5 * S), MUST);
    assert_eq!(judged(&crossed(true), 12 * S), MUST_NOT, "it has expired");
    let mut history = crossed(true);
    trusts(&mut history, 7 * S, "next", true);
    assert_eq!(judged(&history, 12 * S), MUST, "it is not needed");
    trusts(&mut history, 7 * S + 1, "root", false);
    assert_eq!(judged(&history, 9 * S), MUST, "nor is the old root");
    let mut history = crossed(true);
    trusts(&mut history, 5 * S, "root", false);
    assert_eq!(judged(&history, 7 * S), MUST_NOT, "it leads nowhere");
}

#[test]
fn a_bridge_that_is_revoked_is_none() {
    let mut history = crossed(true);
    history.changes.push(Change {
        at: 5 * S,
        step: None,
        party: Some("payments".into()),
        fact: Fact::InForce(BRIDGE),
        holds: false,
        window: WindowKind::Crl,
    });
    assert_eq!(judged(&history, 4 * S), MUST);
    assert_eq!(judged(&history, 6 * S), EITHER, "inside the window");
    assert_eq!(judged(&history, 8 * S), MUST_NOT);
}

/// The caller is given a newer leaf at 5 s.
fn rotated() -> History {
    let mut history = world();
    history.certificates.push(Certificate {
        issued: 5 * S,
        ..certificate(NEWER, "payments", Some(ISSUING))
    });
    publish(
        &mut history,
        "rotate-caller",
        5 * S,
        Fact::Presents(NEWER),
        true,
        WindowKind::Leaf,
    );
    history.changes.last_mut().unwrap().party = Some("payments".into());
    history
}

#[test]
fn a_caller_presents_its_new_leaf_after_the_window() {
    let mut history = rotated();
    accepted(&mut history, 5 * S + S / 2);
    accepted(&mut history, 6 * S).serial = Some(NEWER);
    accepted(&mut history, 17 * S).serial = Some(NEWER);
    assert_eq!(violated(&found(&history)), []);
    assert_eq!(found(&history).convergence[0].max, Some(S));

    let mut history = rotated();
    accepted(&mut history, 7 * S);
    accepted(&mut history, 17 * S);
    assert_eq!(violated(&found(&history)), [Invariant::Converges]);
    assert_snapshot!(found(&history).violations[0].witness, @"payments never presented serial 78 (rotate-caller at 5 s, window 1 s): call 0 of payments at 7 s presented serial 77");
}

#[test]
fn a_caller_leaves_the_connections_that_its_old_leaf_has_opened() {
    let with = |at: u64| {
        let mut history = rotated();
        accepted(&mut history, 6 * S).serial = Some(NEWER);
        let kept = accepted(&mut history, at);
        (kept.connection.reused, kept.connection.opened) = (true, S);
        assert_eq!(kept.serial, Some(PAYMENTS));
        accepted(&mut history, 17 * S).serial = Some(NEWER);
        found(&history)
    };
    assert_eq!(
        violated(&with(6 * S + S / 4)),
        [],
        "connections have longer"
    );
    assert_eq!(violated(&with(7 * S)), [Invariant::Converges]);
}

#[test]
fn a_leaf_with_a_defect_that_nobody_asked_for_is_no_excuse() {
    let spoilt = |asked: bool| {
        let mut history = world();
        history.certificates.push(Certificate {
            defect: Some("it is for the wrong usage".into()),
            ..certificate(89, "inventory", Some(ISSUING))
        });
        if asked {
            let fact = Fact::Presents(89);
            publish(&mut history, "rotate-leaf", S, fact, true, WindowKind::Leaf);
        }
        call(&mut history, 5 * S, refuses_the_server()).presented = Some(89);
        accepted(&mut history, 17 * S);
        violated(&found(&history))
    };
    assert_eq!(spoilt(true), []);
    assert_eq!(spoilt(false), [Invariant::Serves]);
}

#[test]
fn silence_about_a_resumed_caller_counts_where_others_are_named() {
    let view = |identity: Option<&str>| ServerView {
        accepted: true,
        identity: identity.map(Into::into),
        ..ServerView::default()
    };
    let with = |first: Option<&str>| {
        let mut history = world();
        accepted(&mut history, 5 * S).server_view = Some(view(first));
        let resumed = accepted(&mut history, 17 * S);
        resumed.connection.handshake = Some(HandshakeKind::Resumed);
        resumed.server_view = Some(view(None));
        violated(&found(&history))
    };
    assert_eq!(with(None), [], "it never tells");
    assert_eq!(with(Some("payments")), [Invariant::BindsIdentity]);
}
