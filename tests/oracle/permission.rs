//! What calls rest on, at the edges: windows, intervals, clocks, chains.

use mtls_gauntlet::expect::HandshakeKind;
use mtls_gauntlet::oracle::findings::Calls;
use mtls_gauntlet::oracle::history::{CallOutcome, ClockChange, Fact, History, WindowKind};
use mtls_gauntlet::scenario::fleet::Canary;
use mtls_gauntlet::scenario::span::Span;

use super::world::{
    INVENTORY, ISSUING, PAYMENTS, S, accepted, certificate, found, publish, refused, revoke,
    violated, world,
};

/// What the oracle says of a call from `at` on that takes so long.
fn kind(history: &History, at: u64, length: u64) -> &'static str {
    let mut history = history.clone();
    accepted(&mut history, at).completed = at + length;
    kind_of_last(&history)
}

fn kind_of_last(history: &History) -> &'static str {
    let mut alone = history.clone();
    alone.calls.drain(..history.calls.len() - 1);
    match found(&alone).calls {
        Calls { due: 1, .. } => "due",
        Calls { forbidden: 1, .. } => "forbidden",
        Calls { grey: 1, .. } => "grey",
        _ => "none",
    }
}

#[test]
fn a_window_is_grey_from_its_first_instant_to_just_before_its_end() {
    let mut history = world();
    revoke(&mut history, 5 * S);
    assert_eq!(kind(&history, 5 * S - 1, 0), "due");
    assert_eq!(
        kind(&history, 5 * S - 1, 1),
        "grey",
        "an instant of it is in the window"
    );
    assert_eq!(kind(&history, 5 * S, 0), "grey");
    assert_eq!(kind(&history, 7 * S - 1, 0), "grey");
    assert_eq!(
        kind(&history, 7 * S - 1, 5 * S),
        "grey",
        "it may have been let in at its beginning"
    );
    assert_eq!(kind(&history, 7 * S, 0), "forbidden");
    assert_eq!(kind(&history, 7 * S, 5 * S), "forbidden");
}

#[test]
fn open_connections_and_resumed_sessions_have_longer_windows() {
    let mut history = world();
    history.windows.resumption = Span::seconds(3);
    revoke(&mut history, 5 * S);
    accepted(&mut history, 7 * S).connection.reused = true;
    assert_eq!(kind_of_last(&history), "grey");
    accepted(&mut history, 7 * S + S / 2).connection.reused = true;
    assert_eq!(kind_of_last(&history), "forbidden");
    accepted(&mut history, 9 * S).connection.handshake = Some(HandshakeKind::Resumed);
    assert_eq!(kind_of_last(&history), "grey");
    accepted(&mut history, 10 * S).connection.handshake = Some(HandshakeKind::Resumed);
    assert_eq!(kind_of_last(&history), "forbidden");
}

#[test]
fn how_things_were_in_the_beginning_needs_no_window() {
    let mut history = world();
    for change in &mut history.changes {
        change.window = WindowKind::Bundle;
    }
    assert_eq!(kind(&history, 0, 0), "due");
    history.changes[0].step = Some(0);
    assert_eq!(
        kind(&history, 0, 0),
        "grey",
        "a step at instant 0 takes its time"
    );
}

#[test]
fn what_is_so_already_changes_nothing() {
    let mut history = world();
    publish(
        &mut history,
        "push-bundle",
        5 * S,
        Fact::Trusts("root".into()),
        true,
        WindowKind::Bundle,
    );
    assert_eq!(kind(&history, 5 * S, 0), "due");
}

#[test]
fn what_is_taken_back_within_its_window_is_forgotten() {
    let mut history = world();
    revoke(&mut history, 5 * S);
    publish(
        &mut history,
        "roll-back-crl",
        6 * S,
        Fact::InForce(PAYMENTS),
        true,
        WindowKind::Crl,
    );
    assert_eq!(kind(&history, 7 * S, 0), "grey");
    assert_eq!(kind(&history, 8 * S, 0), "due");
}

#[test]
fn an_issuer_that_is_revoked_takes_its_leaves_along() {
    let mut history = world();
    let fact = Fact::InForce(ISSUING);
    publish(
        &mut history,
        "publish-crl",
        5 * S,
        fact,
        false,
        WindowKind::Crl,
    );
    assert_eq!(kind(&history, 7 * S, 0), "forbidden");
    history.certificates[1].issuer = None;
    assert_eq!(kind(&history, 7 * S, 0), "due");
}

#[test]
fn nobody_knows_what_nobody_issued() {
    let mut history = world();
    accepted(&mut history, S).serial = Some(404);
    assert_eq!(kind_of_last(&history), "forbidden");
    history.certificates[1].issuer = Some(404);
    assert_eq!(kind(&history, S, 0), "forbidden");
    // A circle of issuers comes to an end.
    history.certificates[1].issuer = Some(PAYMENTS);
    assert_eq!(kind(&history, S, 0), "due");
}

#[test]
fn a_defect_is_for_ever() {
    let mut history = world();
    history.certificates[1].defect = Some("for servers".into());
    assert_eq!(kind(&history, S, 0), "forbidden");
}

#[test]
fn the_last_moment_of_validity_is_valid() {
    let mut history = world();
    history.certificates[1].not_after = 9_000_000;
    assert_eq!(kind(&history, 9 * S, 0), "due");
    assert_eq!(kind(&history, 9 * S + 1, 0), "forbidden");
    history.certificates[1].not_before = 8_000_000;
    assert_eq!(kind(&history, 8 * S - 1, 0), "forbidden");
    assert_eq!(kind(&history, 8 * S, 0), "due");
}

#[test]
fn clocks_that_are_apart_disagree_near_a_boundary() {
    let mut history = world();
    history.windows.clock = Span::seconds(1);
    history.certificates[1].not_after = 9_000_000;
    for (at, expected) in [
        (8 * S, "due"),
        (8 * S + 1, "grey"),
        (10 * S, "grey"),
        (10 * S + 1, "forbidden"),
    ] {
        assert_eq!(kind(&history, at, 0), expected, "at {at}");
    }
    accepted(&mut history, 10 * S + S / 2).connection.reused = true;
    assert_eq!(
        kind_of_last(&history),
        "grey",
        "half a second more for what was open"
    );
    accepted(&mut history, 10 * S + S / 2 + 1).connection.reused = true;
    assert_eq!(kind_of_last(&history), "forbidden");
}

#[test]
fn a_clock_that_jumps_past_the_end_takes_the_tolerance_to_be_noticed() {
    let mut history = world();
    history.windows.clock = Span::seconds(1);
    let set = |party: Option<&str>| ClockChange {
        at: 6 * S,
        party: party.map(Into::into),
        by: 2_000_000_000,
    };
    history.clocks = vec![set(Some("payments"))];
    assert_eq!(
        kind(&history, 6 * S, 0),
        "grey",
        "the caller finds the server's leaf expired"
    );
    history.clocks = vec![set(Some("ledger"))];
    assert_eq!(
        kind(&history, 6 * S, 0),
        "due",
        "it is somebody else's clock"
    );
    history.clocks = vec![set(None)];
    assert_eq!(kind(&history, 7 * S - 1, 0), "grey");
    assert_eq!(kind(&history, 7 * S, 0), "forbidden");
}

#[test]
fn a_range_without_a_moment_in_it_is_never_valid() {
    let mut history = world();
    history.windows.clock = Span::seconds(5);
    history.certificates[1].not_before = 9_000_000;
    history.certificates[1].not_after = 8_000_000;
    assert_eq!(kind(&history, 8 * S, S), "forbidden");
}

#[test]
fn absurd_moments_are_no_trouble() {
    let mut history = world();
    history.windows.clock = Span::micros(u64::MAX);
    history.windows.crl = Span::micros(u64::MAX);
    history.began = i64::MAX;
    history.certificates[1].not_before = i64::MIN;
    history.certificates[1].not_after = i64::MAX;
    for by in [i64::MAX, i64::MIN, i64::MIN] {
        history.clocks.push(ClockChange {
            at: S,
            party: None,
            by,
        });
    }
    revoke(&mut history, 5 * S);
    assert_eq!(kind(&history, u64::MAX - S, S), "grey");
    let call = accepted(&mut history, 9 * S);
    call.completed = 0;
    assert_eq!(kind_of_last(&history), "grey", "it ended before it began");
}

#[test]
fn a_service_in_trouble_need_not_serve_but_must_refuse() {
    let mut history = world();
    publish(
        &mut history,
        "partition",
        5 * S,
        Fact::Well,
        false,
        WindowKind::None,
    );
    publish(
        &mut history,
        "heal",
        8 * S,
        Fact::Well,
        true,
        WindowKind::Heal,
    );
    refused(&mut history, 6 * S);
    refused(&mut history, 8 * S);
    assert_eq!(violated(&found(&history)), []);
    refused(&mut history, 9 * S);
    assert_eq!(violated(&found(&history)).len(), 1);
    history.certificates[1].defect = Some("for servers".into());
    assert_eq!(kind(&history, 6 * S, 0), "forbidden");
}

#[test]
fn a_caller_may_refuse_a_server_that_it_does_not_trust() {
    let mut history = world();
    history.certificates.push(certificate(9, "inventory", None));
    history.certificates[3].anchor = "new-root".into();
    let call = accepted(&mut history, S);
    call.presented = Some(9);
    call.outcome = CallOutcome::RefusedServer("unknown issuer".into());
    assert_eq!(violated(&found(&history)), []);
    history.calls[0].outcome = CallOutcome::Accepted;
    assert_eq!(violated(&found(&history)).len(), 1, "and must");
    history.calls[0].presented = Some(INVENTORY);
    assert_eq!(violated(&found(&history)), []);
}

#[test]
fn strangers_need_a_service_that_takes_them() {
    let mut history = world();
    accepted(&mut history, S).serial = None;
    assert_eq!(kind_of_last(&history), "forbidden");
    publish(
        &mut history,
        "allow",
        2 * S,
        Fact::TakesAnonymous,
        true,
        WindowKind::Policy,
    );
    accepted(&mut history, 3 * S).serial = None;
    assert_eq!(kind_of_last(&history), "due");
    let plain = accepted(&mut history, 3 * S);
    (plain.serial, plain.presented) = (None, None);
    plain.canary = Some(Canary::Plaintext);
    assert_eq!(kind_of_last(&history), "forbidden");
    publish(
        &mut history,
        "allow",
        S,
        Fact::TakesPlaintext,
        true,
        WindowKind::None,
    );
    assert_eq!(kind_of_last(&history), "due");
}
