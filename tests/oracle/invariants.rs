//! Each invariant: a history that keeps it, and one, as like it as can be, that does not.

use insta::assert_snapshot;

use mtls_gauntlet::expect::HandshakeKind;
use mtls_gauntlet::oracle::check::check;
use mtls_gauntlet::oracle::findings::{Findings, Invariant};
use mtls_gauntlet::oracle::history::{CallOutcome, ClockChange, Fact, WindowKind};
use mtls_gauntlet::scenario::fleet::{Canary, Limits};
use mtls_gauntlet::scenario::span::Span;

use super::world::{
    PAYMENTS, S, accepted, call, found, lenient, publish, refused, revoke, view, violated,
    witnesses, world,
};

#[test]
fn fails_closed() {
    let mut history = world();
    revoke(&mut history, 5 * S);
    accepted(&mut history, 6 * S);
    assert_eq!(violated(&found(&history)), []);
    accepted(&mut history, 12 * S + 2 * S / 5);
    let mut findings = found(&history);
    // It never converges either.
    assert_eq!(
        violated(&findings),
        [Invariant::FailsClosed, Invariant::Converges]
    );
    findings.violations.truncate(1);
    assert_eq!(findings.violations[0].at, history.calls[1].completed);
    assert_eq!(findings.violations[0].call, Some(1));
    assert_snapshot!(witnesses(&findings), @"S1 (fails closed): call 1 accepted serial 77 of payments at inventory at 12.4 s; must be refused since 7 s (publish-crl at 5 s, window 2 s)");
}

#[test]
fn who_is_let_in_is_let_in_whatever_the_caller_sees() {
    let mut history = world();
    revoke(&mut history, 5 * S);
    for (at, accepts) in [(6 * S, true), (8 * S, false), (9 * S, true)] {
        call(&mut history, at, CallOutcome::TimedOut).server_view = view(accepts, 1);
    }
    let findings = found(&history);
    let strangers = findings.violations.iter();
    let strangers = strangers.filter(|one| one.invariant.is_about_strangers());
    let calls: Vec<_> = strangers.map(|one| one.call).collect();
    assert_eq!(calls, [Some(2)], "one in the window, and one refused");
    assert_eq!((findings.calls.forbidden, findings.calls.let_in), (2, 1));
    assert_snapshot!(witnesses(&findings).lines().next().unwrap(), @"S1 (fails closed): call 2 accepted serial 77 of payments at inventory at 9 s for the server alone, and for the caller it timed out; must be refused since 7 s (publish-crl at 5 s, window 2 s)");
    // A caller that must not trust the server says nothing of what the server may do.
    let mut history = world();
    publish(
        &mut history,
        "push-caller-bundle",
        5 * S,
        Fact::Trusts("root".into()),
        false,
        WindowKind::Bundle,
    );
    history.changes.last_mut().unwrap().party = Some("payments".into());
    let refusing = CallOutcome::RefusedServer("UnknownIssuer".into());
    call(&mut history, 8 * S, refusing).server_view = view(true, 1);
    assert_eq!(violated(&found(&history)), []);
}

#[test]
fn no_downgrade() {
    let mut history = world();
    refused(&mut history, S).serial = None;
    assert_eq!(violated(&found(&history)), []);
    accepted(&mut history, 2 * S).serial = None;
    let plain = accepted(&mut history, 3 * S);
    (plain.canary, plain.serial, plain.presented) = (Some(Canary::Plaintext), None, None);
    publish(
        &mut history,
        "require-tls",
        S,
        Fact::TakesPlaintext,
        false,
        WindowKind::Policy,
    );
    history.changes.insert(0, history.changes[2].clone());
    history.changes[0].holds = true;
    (history.changes[0].at, history.changes[0].step) = (0, None);
    let mut findings = found(&history);
    findings.violations.truncate(2);
    assert_eq!(violated(&findings), [Invariant::NoDowngrade; 2]);
    assert_snapshot!(witnesses(&findings), @r"
    S2 (no downgrade): call 1 accepted payments without a certificate at inventory at 2 s; must be refused at all times (inventory takes nobody without a certificate)
    S2 (no downgrade): call 2 accepted payments without TLS at inventory at 3 s; must be refused since 2 s (require-tls at 1 s, window 1 s)
    ");
}

#[test]
fn bounds_lineage() {
    let mut history = world();
    revoke(&mut history, 5 * S);
    let old = accepted(&mut history, 7 * S + S / 4);
    (old.connection.reused, old.connection.opened) = (true, 3 * S);
    assert_eq!(violated(&found(&history)), []);
    let old = accepted(&mut history, 7 * S + S / 2);
    (old.connection.reused, old.connection.opened) = (true, 3 * S);
    let resumed = accepted(&mut history, 8 * S);
    resumed.connection.handshake = Some(HandshakeKind::Resumed);
    resumed.connection.verified = Some(3_100_000);
    let findings = found(&history);
    assert_eq!(violated(&findings), [Invariant::BoundsLineage; 2]);
    assert_snapshot!(witnesses(&findings), @r"
    S5 (bounds lineage): call 1 accepted serial 77 of payments at inventory at 7.5 s; must be refused since 7.5 s (publish-crl at 5 s, window 2.5 s); connection opened at 3 s
    S5 (bounds lineage): call 2 accepted serial 77 of payments at inventory at 8 s; must be refused since 7 s (publish-crl at 5 s, window 2 s); resumed session last verified at 3.1 s
    ");
}

#[test]
fn binds_identity() {
    let mut history = world();
    let told = |identity: &str, serial| {
        let mut told = view(true, 1).unwrap();
        (told.identity, told.serial) = (Some(identity.into()), serial);
        Some(told)
    };
    accepted(&mut history, S).server_view = told("payments", Some(PAYMENTS));
    accepted(&mut history, S).server_view = view(true, 1);
    // What is said of somebody who is not let in does no harm.
    refused(&mut history, 0).server_view = told("ledger", Some(4));
    history.calls[2].outcome = CallOutcome::RefusedServer("no".into());
    let limits = Limits {
        availability: 0,
        ..lenient()
    };
    assert_eq!(violated(&check(&history, &limits)), []);
    accepted(&mut history, 2 * S).server_view = told("ledger", None);
    accepted(&mut history, 3 * S).server_view = told("payments", Some(4));
    let findings = check(&history, &limits);
    assert_eq!(violated(&findings), [Invariant::BindsIdentity; 2]);
    assert_snapshot!(witnesses(&findings), @r"
    S3 (binds identity): call 3 accepted serial 77 of payments at inventory at 2 s; its application was told that the caller is ledger
    S3 (binds identity): call 4 accepted serial 77 of payments at inventory at 3 s; its application was told that the caller is payments; it holds the caller by serial 4
    ");
}

#[test]
fn keeps_pairs() {
    let mut history = world();
    accepted(&mut history, S);
    assert_eq!(violated(&found(&history)), []);
    call(&mut history, 2 * S, CallOutcome::KeyMismatch);
    let findings = found(&history);
    assert_eq!(
        violated(&findings),
        [Invariant::KeepsPairs, Invariant::Serves]
    );
    assert_snapshot!(witnesses(&findings), @r"
    S6 (keeps pairs): call 1 of payments to inventory at 2 s: the server's key does not fit its certificate of serial 88
    A1 (serves): call 1 of payments (serial 77) to inventory at 2 s met a key that does not fit the certificate; must be accepted at all times; 1 of 2 such calls were not
    ");
}

#[test]
fn serves() {
    let mut history = world();
    for second in 0..9 {
        accepted(&mut history, second * S);
    }
    assert_eq!(violated(&found(&history)), []);
    refused(&mut history, 12 * S);
    let findings = found(&history);
    assert_eq!(violated(&findings), [Invariant::Serves]);
    assert_snapshot!(witnesses(&findings), @"A1 (serves): call 9 of payments (serial 77) to inventory at 12 s was refused (alert certificate_revoked); must be accepted at all times; 1 of 10 such calls were not");
    let enough = |availability| {
        violated(&check(
            &history,
            &Limits {
                availability,
                ..lenient()
            },
        ))
    };
    assert_eq!(enough(900), []);
    assert_eq!(enough(901), [Invariant::Serves]);
    call(&mut history, 13 * S, CallOutcome::TimedOut);
    let findings = found(&history);
    assert_eq!(
        (
            findings.violations_in_all,
            findings.calls.due,
            findings.calls.served
        ),
        (1, 11, 9)
    );
}

/// A revoked certificate is refused by generation 3 in the window, and accepted in it afterwards.
fn flapping() -> mtls_gauntlet::oracle::history::History {
    let mut history = world();
    revoke(&mut history, 5 * S);
    refused(&mut history, 5 * S + S / 2).server_view = view(false, 3);
    accepted(&mut history, 6 * S).server_view = view(true, 3);
    history
}

#[test]
fn does_not_flap() {
    let findings = found(&flapping());
    assert_eq!(violated(&findings), [Invariant::DoesNotFlap]);
    assert_snapshot!(witnesses(&findings), @"S4 (does not flap): call 1 accepted serial 77 of payments at inventory at 6 s, by generation 3; call 0 was refused there at 5.5 s, by generation 3; nothing in between made it good");

    let mut older = flapping();
    older.calls[1].server_view = view(true, 2);
    assert_eq!(
        violated(&found(&older)),
        [],
        "an older generation did not know yet"
    );

    let mut other_way = flapping();
    other_way.calls[0].invoked = 6 * S + S / 2;
    other_way.calls[0].completed = 6 * S + S / 2;
    assert_eq!(
        violated(&found(&other_way)),
        [],
        "it was refused after it was accepted"
    );

    let mut at_once = flapping();
    at_once.calls[0].completed = 6 * S + 1;
    assert_eq!(
        violated(&found(&at_once)),
        [],
        "nobody knows which was first"
    );

    let mut open = flapping();
    open.calls[1].connection.reused = true;
    assert_eq!(
        violated(&found(&open)),
        [],
        "open connections have their own window"
    );

    let mut no_view = flapping();
    no_view.calls[0].server_view = None;
    assert_eq!(
        violated(&found(&no_view)),
        [],
        "the server did not say that it refused"
    );
}

#[test]
fn what_is_made_good_does_not_flap() {
    let mut mended = flapping();
    publish(
        &mut mended,
        "roll-back-crl",
        5 * S + 3 * S / 4,
        Fact::InForce(PAYMENTS),
        true,
        WindowKind::Crl,
    );
    assert_eq!(violated(&found(&mended)), []);
    let mut elsewhere = mended.clone();
    elsewhere.changes.last_mut().unwrap().party = Some("ledger".into());
    assert_eq!(violated(&found(&elsewhere)), [Invariant::DoesNotFlap]);

    // It was published before the refusal, and may have come after it.
    let mut coming = world();
    publish(
        &mut coming,
        "disallow",
        S,
        Fact::Admits("payments".into()),
        false,
        WindowKind::Policy,
    );
    publish(
        &mut coming,
        "allow",
        5 * S,
        Fact::Admits("payments".into()),
        true,
        WindowKind::Policy,
    );
    refused(&mut coming, 5 * S + S / 4).server_view = view(false, 3);
    accepted(&mut coming, 5 * S + S / 2).server_view = view(true, 4);
    assert_eq!(violated(&found(&coming)), []);

    let mut set_back = flapping();
    set_back.clocks.push(ClockChange {
        at: 5 * S + 3 * S / 4,
        party: None,
        by: -1,
    });
    assert_eq!(violated(&found(&set_back)), []);
    set_back.clocks[0].by = 1;
    assert_eq!(violated(&found(&set_back)), [Invariant::DoesNotFlap]);

    let mut young = world();
    young.windows.clock = Span::seconds(1);
    young.certificates[1].not_before = 2_000_000;
    refused(&mut young, 2 * S).server_view = view(false, 3);
    accepted(&mut young, 2 * S + S / 2).server_view = view(true, 3);
    assert_eq!(violated(&found(&young)), [], "it had not been valid yet");
}

#[test]
fn trouble_and_turning_away_are_no_refusals() {
    let mut trouble = flapping();
    publish(
        &mut trouble,
        "partition",
        5 * S,
        Fact::Well,
        false,
        WindowKind::None,
    );
    assert_eq!(violated(&found(&trouble)), []);

    let mut without_reason = world();
    refused(&mut without_reason, S).server_view = view(false, 3);
    accepted(&mut without_reason, 2 * S).server_view = view(true, 3);
    assert_eq!(violated(&found(&without_reason)), [Invariant::Serves]);

    let mut turned_away = flapping();
    turned_away.calls[0].outcome = CallOutcome::RefusedServer("no".into());
    assert_eq!(violated(&found(&turned_away)), []);
}

#[test]
fn sessions_flap_only_where_their_window_is_no_longer() {
    let mut resumed = flapping();
    resumed.calls[1].connection.handshake = Some(HandshakeKind::Resumed);
    assert_eq!(violated(&found(&resumed)), [Invariant::DoesNotFlap]);
    resumed.windows.resumption = Span::seconds(1);
    assert_eq!(violated(&found(&resumed)), []);
}

#[test]
fn many_strangers_do_not_hide_the_rest() {
    let mut history = world();
    history.certificates[1].defect = Some("is for servers".into());
    for at in 0..50 {
        accepted(&mut history, at);
    }
    call(&mut history, S, CallOutcome::KeyMismatch);
    let findings = found(&history);
    assert_eq!(findings.violations_in_all, 51);
    assert_eq!(findings.violations.len(), Findings::MOST);
    let calls: Vec<_> = findings
        .violations
        .iter()
        .map(|violation| violation.call.unwrap())
        .collect();
    assert_eq!(
        calls,
        Vec::from_iter((0..19).chain([50])),
        "worst first, then in the order of time"
    );
    assert_snapshot!(findings.violations[0].witness, @"call 0 accepted serial 77 of payments at inventory at 0 s; must be refused at all times (certificate 77: is for servers)");
}
