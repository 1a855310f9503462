//! A small world to write histories about: a caller and a server that know each other.

use mtls_gauntlet::expect::HandshakeKind;
use mtls_gauntlet::oracle::check::check;
use mtls_gauntlet::oracle::findings::{Findings, Invariant};
use mtls_gauntlet::oracle::history::{
    Call, CallOutcome, Certificate, Change, Connection, Fact, History, Sample, ServerView,
    StepMark, WindowKind,
};
use mtls_gauntlet::scenario::fleet::{Limits, Windows};
use mtls_gauntlet::scenario::span::Span;

/// A second.
pub const S: u64 = 1_000_000;

/// Of the caller.
pub const PAYMENTS: u64 = 77;
/// Of the server.
pub const INVENTORY: u64 = 88;
/// Of the authority that issued both.
pub const ISSUING: u64 = 5;

/// `payments` calls `inventory`; both have certificates by `root`, which both trust. The warm-up ends at
/// 4 s, the settling begins at 16 s, the end is at 20 s.
pub fn world() -> History {
    let mut history = History {
        windows: Windows {
            leaf: Span::seconds(1),
            bundle: Span::seconds(1),
            crl: Span::seconds(2),
            policy: Span::seconds(1),
            connection: Span::millis(500),
            resumption: Span::ZERO,
            clock: Span::ZERO,
            heal: Span::seconds(1),
        },
        warm_until: 4 * S,
        settled_from: 16 * S,
        end: 20 * S,
        ..History::default()
    };
    history.certificates = vec![
        certificate(ISSUING, "issuing", None),
        certificate(PAYMENTS, "payments", Some(ISSUING)),
        certificate(INVENTORY, "inventory", Some(ISSUING)),
    ];
    for (party, fact) in [
        (None, Fact::Trusts("root".into())),
        (Some("inventory"), Fact::Admits("payments".into())),
    ] {
        history.changes.push(Change {
            at: 0,
            step: None,
            party: party.map(Into::into),
            fact,
            holds: true,
            window: WindowKind::None,
        });
    }
    history
}

/// A certificate that is valid all the time, by `root`.
pub fn certificate(serial: u64, holder: &str, issuer: Option<u64>) -> Certificate {
    Certificate {
        serial,
        holder: holder.into(),
        issuer,
        anchor: "root".into(),
        bridge: None,
        not_before: -1_000_000_000,
        not_after: 1_000_000_000,
        defect: None,
        issued: 0,
    }
}

/// Adds a step that changes something at the server.
pub fn publish(
    history: &mut History,
    what: &str,
    at: u64,
    fact: Fact,
    holds: bool,
    window: WindowKind,
) {
    history.steps.push(StepMark {
        at,
        what: what.into(),
        missed: None,
    });
    history.changes.push(Change {
        at,
        step: Some(history.steps.len() - 1),
        party: Some("inventory".into()),
        fact,
        holds,
        window,
    });
}

/// Adds the step that revokes the caller's certificate.
pub fn revoke(history: &mut History, at: u64) {
    publish(
        history,
        "publish-crl",
        at,
        Fact::InForce(PAYMENTS),
        false,
        WindowKind::Crl,
    );
}

/// Adds a call from `payments` to `inventory` by a new connection, which takes a hundredth of a second.
pub fn call(history: &mut History, at: u64, outcome: CallOutcome) -> &mut Call {
    let accepted = outcome.accepted();
    history.calls.push(Call {
        id: history.calls.len() as u64,
        caller: "payments".into(),
        server: "inventory".into(),
        canary: None,
        serial: Some(PAYMENTS),
        invoked: at,
        completed: at + S / 100,
        connection: Connection {
            opened: at,
            reused: false,
            handshake: accepted.then_some(HandshakeKind::Full),
            verified: None,
        },
        outcome,
        presented: Some(INVENTORY),
        server_view: None,
    });
    history.calls.last_mut().unwrap()
}

/// Adds a call that was accepted.
pub fn accepted(history: &mut History, at: u64) -> &mut Call {
    call(history, at, CallOutcome::Accepted)
}

/// Adds a call that was refused.
pub fn refused(history: &mut History, at: u64) -> &mut Call {
    call(
        history,
        at,
        CallOutcome::Refused("alert certificate_revoked".into()),
    )
}

/// What the server saw.
pub fn view(accepted: bool, generation: u64) -> Option<ServerView> {
    Some(ServerView {
        accepted,
        generation,
        ..ServerView::default()
    })
}

/// Adds a sample of `inventory`.
pub fn sample(history: &mut History, at: u64) -> &mut Sample {
    history.samples.push(Sample {
        at,
        service: "inventory".into(),
        generations: 1,
        ..Sample::default()
    });
    history.samples.last_mut().unwrap()
}

/// What it comes to, where nothing is demanded of the settling phase.
pub fn found(history: &History) -> Findings {
    check(history, &lenient())
}

/// Limits that say nothing of the settling phase.
pub fn lenient() -> Limits {
    Limits {
        recovery: 0,
        ..Limits::default()
    }
}

/// The invariants that are violated, in order.
pub fn violated(findings: &Findings) -> Vec<Invariant> {
    findings
        .violations
        .iter()
        .map(|violation| violation.invariant)
        .collect()
}

/// The witnesses, one a line.
pub fn witnesses(findings: &Findings) -> String {
    let lines = findings.violations.iter();
    let lines = lines.map(|violation| format!("{}: {}", violation.invariant, violation.witness));
    lines.collect::<Vec<_>>().join("\n")
}
