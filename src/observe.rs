//! What both ends of a connection saw: plain data, no judgement.
//!
//! The peer (the harness's end) always has a view; the target has one where it can tell. Text is kept
//! as context for people; nothing is ever decided by matching on it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::expect::Alert;
pub use crate::expect::HandshakeKind;
use crate::scenario::TlsVersion;

/// Everything that was seen of one connection.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct Observation {
    /// The harness's end.
    pub peer: PeerView,
    /// The target's end, where it can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetView>,
}

/// What the peer saw.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct PeerView {
    /// The handshake, if it completed at this end. In TLS 1.3 that proves nothing about the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handshake: Option<Handshake>,
    /// Did application data of the target arrive here? A refusal above TLS is none.
    pub data_arrived: bool,
    /// As a server: did the target hand over a certificate of its own?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub certificate_arrived: bool,
    /// How it ended.
    pub end: PeerEnd,
}

/// How a connection ended for the peer.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PeerEnd {
    /// Application data went both ways.
    Exchanged,
    /// The target sent this fatal alert.
    Alert(Alert),
    /// The target sent a fatal alert with a number that has no name here.
    UnnamedAlert(u8),
    /// The handshake was completed, and the target's application refused, in these words.
    RefusedAboveTls(String),
    /// The target closed the connection and gave no reason.
    Closed,
    /// The connection was reset: an alert may have been lost with it.
    Reset,
    /// Nothing happened until the case's time was up.
    TimedOut,
    /// The target offers nothing that the peer can do, in these words: no signature scheme, for one, that
    /// the peer's key can sign with. It was not asked anything.
    NothingInCommon(String),
    /// The target broke the TLS protocol, and the peer went no further, in these words.
    Misbehaved(String),
    /// The peer's own TLS stack gave up, in these words.
    Failed(String),
    /// There was nobody to meet: the target did not start.
    Unmet,
}

/// What the target saw, where it can tell.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct TargetView {
    /// How it ended.
    pub end: TargetEnd,
    /// The identity of the peer that it would give its application; none for an unauthenticated peer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The fatal alert that it sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert_sent: Option<Alert>,
    /// The handshake, if it completed at this end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handshake: Option<Handshake>,
    /// Did application data of the peer reach its application?
    pub data_arrived: bool,
}

/// How a connection ended for the target.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TargetEnd {
    /// It accepted the peer.
    Accepted,
    /// It refused the peer, in these words.
    Refused(String),
    /// It would not start with this configuration, in these words.
    RefusedToStart(String),
    /// It died.
    Crashed(String),
    /// It says that it cannot do what it was asked to, for this reason.
    Unsupported(String),
    /// The harness could not run it, for this reason.
    Broken(String),
}

impl TargetView {
    /// A view of which nothing is known but the end.
    pub fn of(end: TargetEnd) -> Self {
        Self {
            end,
            identity: None,
            alert_sent: None,
            handshake: None,
            data_arrived: false,
        }
    }
}

/// A completed handshake.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct Handshake {
    /// The version that was negotiated.
    pub version: TlsVersion,
    /// Full or resumed.
    pub kind: HandshakeKind,
}

impl Observation {
    /// A target that would not start with its configuration.
    pub fn refused_to_start(reason: String) -> Self {
        Self {
            peer: PeerView {
                handshake: None,
                data_arrived: false,
                certificate_arrived: false,
                end: PeerEnd::Unmet,
            },
            target: Some(TargetView::of(TargetEnd::RefusedToStart(reason))),
        }
    }

    /// A target that died of its configuration.
    pub fn crashed_at_start(reason: String) -> Self {
        Self {
            target: Some(TargetView::of(TargetEnd::Crashed(reason))),
            ..Self::refused_to_start(String::new())
        }
    }

    /// Application data went both ways.
    pub fn accepted(&self) -> bool {
        self.peer.end == PeerEnd::Exchanged
    }

    /// Application data went at least one way: a peer that should be refused has sent to the target's
    /// application or has got something from it.
    pub fn leaked(&self) -> bool {
        self.peer.data_arrived
            || self
                .target
                .as_ref()
                .is_some_and(|target| target.data_arrived)
    }

    /// The alert of the refusal. What the target says it sent outranks what arrived: a reset can eat
    /// an alert on the wire.
    pub fn alert(&self) -> Option<Alert> {
        let sent = self.target.as_ref().and_then(|target| target.alert_sent);
        sent.or(match self.peer.end {
            PeerEnd::Alert(alert) => Some(alert),
            _ => None,
        })
    }
}
