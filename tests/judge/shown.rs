//! Expectations and observations to show to the judge, made from one another.

use mtls_gauntlet::expect::{Alert, Expectation, Outcome};
use mtls_gauntlet::judge::Evidence;
use mtls_gauntlet::observe::{
    Handshake, HandshakeKind, Observation, PeerEnd, PeerView, TargetEnd, TargetView,
};
use mtls_gauntlet::scenario::TlsVersion;

pub(crate) fn expect(outcome: Outcome, alert: &[Alert]) -> Expectation {
    Expectation {
        outcome,
        alert: alert.to_vec(),
        identity: None,
    }
}

/// The peer's end was this, and the target cannot tell.
pub(crate) fn ended(end: PeerEnd) -> Evidence {
    Evidence::Observed(Observation {
        peer: PeerView {
            handshake: None,
            data_arrived: false,
            certificate_arrived: false,
            end,
        },
        target: None,
    })
}

pub(crate) fn alert(alert: Alert) -> Evidence {
    ended(PeerEnd::Alert(alert))
}

/// Application data went both ways, and the target says so too.
pub(crate) fn exchanged() -> Evidence {
    let evidence = shaken(leaked_out(ended(PeerEnd::Exchanged)));
    with_target(evidence, |target| {
        target.end = TargetEnd::Accepted;
        target.data_arrived = true;
    })
}

pub(crate) fn blind(evidence: Evidence) -> Evidence {
    with(evidence, |observation| observation.target = None)
}

/// The peer's handshake was complete before it ended.
pub(crate) fn shaken(evidence: Evidence) -> Evidence {
    with(evidence, |observation| {
        observation.peer.handshake = Some(Handshake {
            version: TlsVersion::Tls13,
            kind: HandshakeKind::Full,
        });
    })
}

/// Data of the target reached the peer.
pub(crate) fn leaked_out(evidence: Evidence) -> Evidence {
    with(evidence, |observation| observation.peer.data_arrived = true)
}

/// Data of the peer reached the target's application.
pub(crate) fn leaked_in(evidence: Evidence) -> Evidence {
    with_target(evidence, |target| {
        target.end = TargetEnd::Accepted;
        target.data_arrived = true;
    })
}

pub(crate) fn refused(evidence: Evidence, alert_sent: Option<Alert>) -> Evidence {
    with_target(evidence, |target| {
        target.end = TargetEnd::Refused("no".into());
        target.alert_sent = alert_sent;
    })
}

pub(crate) fn dead(evidence: Evidence) -> Evidence {
    with_target(evidence, |target| {
        target.end = TargetEnd::Crashed("panicked".into())
    })
}

pub(crate) fn with_target(evidence: Evidence, change: impl FnOnce(&mut TargetView)) -> Evidence {
    with(evidence, |observation| {
        let view = observation.target.get_or_insert_with(|| TargetView {
            end: TargetEnd::Refused("no".into()),
            identity: None,
            alert_sent: None,
            handshake: None,
            data_arrived: false,
        });
        change(view);
    })
}

pub(crate) fn with(mut evidence: Evidence, change: impl FnOnce(&mut Observation)) -> Evidence {
    if let Evidence::Observed(observation) = &mut evidence {
        change(observation);
    }
    evidence
}
