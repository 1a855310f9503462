//! What happened: the one record of a fleet or a story, from which everything else is worked out.
//!
//! Instants are microseconds since the history began, on a clock that nothing sets. What time it was for
//! certificates is said apart, in [`History::clocks`].

use std::fmt::Debug;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::expect::HandshakeKind;
use crate::scenario::fleet::{Canary, Windows};

/// An instant: microseconds since the history began.
pub type Micros = u64;

/// A serial number, unique in a history.
pub type Serial = u64;

/// Who did what, and when.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct History {
    /// How long changes may take.
    pub windows: Windows,
    /// What time it was at instant 0, in microseconds since 1970.
    pub began: i64,
    /// Do parties renew their leaves by themselves? Then it is no excuse for a server that the leaf that it
    /// presents is not valid: where it has one, it is said not to be well.
    #[serde(default)]
    pub renews: bool,
    /// Every certificate that was issued, of end entities and of authorities below the anchors.
    pub certificates: Vec<Certificate>,
    /// What was published, in the order of time.
    pub changes: Vec<Change>,
    /// How clocks were set, in the order of time.
    pub clocks: Vec<ClockChange>,
    /// What was tried, in the order in which it began.
    pub calls: Vec<Call>,
    /// What was counted.
    pub samples: Vec<Sample>,
    /// What was done, one entry for each step, in order.
    pub steps: Vec<StepMark>,
    /// When the timeline began: the warm-up ends.
    pub warm_until: Micros,
    /// When everything had been healed: the settling begins.
    pub settled_from: Micros,
    /// When it ended.
    pub end: Micros,
    /// How much later than it was due a call has begun, at most: how much the harness itself was kept
    /// waiting by the machine.
    pub lateness: Micros,
}

/// A certificate that was issued.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct Certificate {
    /// Its serial number.
    pub serial: Serial,
    /// Whose it is.
    pub holder: String,
    /// The serial number of its issuer, where that is not an anchor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Serial>,
    /// The anchor at the end of its chain, by name.
    pub anchor: String,
    /// The serial number of a cross-signed certificate that is sent with it: it stands for the anchor where
    /// its own anchor is trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<Serial>,
    /// The first instant of its validity, in microseconds since 1970.
    pub not_before: i64,
    /// The last instant of its validity, in microseconds since 1970.
    pub not_after: i64,
    /// What is wrong with it for ever: it names somebody else, is for another purpose, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defect: Option<String>,
    /// When it was issued.
    pub issued: Micros,
}

/// A fact that changes.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// The verifier trusts this anchor. False before anything is said.
    Trusts(String),
    /// As far as the verifier should know, this certificate has not been revoked. True before anything is
    /// said.
    InForce(Serial),
    /// The service lets this caller in. False before anything is said.
    Admits(String),
    /// The service takes callers without TLS. False before anything is said.
    TakesPlaintext,
    /// The service takes callers without a certificate. False before anything is said.
    TakesAnonymous,
    /// The verifier's list is fresh enough to be relied on. True before anything is said.
    ListIsFresh,
    /// The service can be reached, and nothing is done to it. True before anything is said. Only what must
    /// be accepted depends on it: a service in trouble has no excuse to let strangers in.
    Well,
    /// The party, service or caller, presents this leaf. For convergence only: it permits and forbids
    /// nothing.
    Presents(Serial),
}

/// How long a change may take: which of the windows is meant.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum WindowKind {
    /// It is in force at once.
    None,
    /// A leaf.
    Leaf,
    /// A bundle.
    Bundle,
    /// A revocation list.
    Crl,
    /// An allow-list or another setting.
    Policy,
    /// The network or a machine becoming well again.
    Heal,
}

/// A fact is made known.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct Change {
    /// When it was published.
    pub at: Micros,
    /// The step that did it, by its place in [`History::steps`]; none for how things were in the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// For whom: a party by name, or everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub party: Option<String>,
    /// What.
    pub fact: Fact,
    /// Is it so, or is it not so any more?
    pub holds: bool,
    /// How long it may take to be in force.
    pub window: WindowKind,
}

/// A clock was set.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct ClockChange {
    /// When.
    pub at: Micros,
    /// Whose: a party's, or everybody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub party: Option<String>,
    /// By how many microseconds, forward, or back where negative.
    pub by: i64,
}

/// One attempt to be served.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct Call {
    /// Its number: calls are numbered in the order in which they began.
    pub id: u64,
    /// Who called.
    pub caller: String,
    /// Whom.
    pub server: String,
    /// What is wrong with the caller, if it must be refused for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
    /// The certificate that the caller presents, or presented when the connection or the session was new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Serial>,
    /// When it began.
    pub invoked: Micros,
    /// When it was over.
    pub completed: Micros,
    /// How the connection had come about.
    pub connection: Connection,
    /// What the caller saw.
    pub outcome: CallOutcome,
    /// The leaf that the server presented to the caller, when the connection or the session was new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presented: Option<Serial>,
    /// What the server saw, where it can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_view: Option<ServerView>,
}

/// The connection that a call came by.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct Connection {
    /// When it was opened: the call's own beginning, or earlier for one that is reused.
    pub opened: Micros,
    /// Was it opened for an earlier call?
    pub reused: bool,
    /// The kind of its handshake, if that was completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handshake: Option<HandshakeKind>,
    /// For a resumed session: the instant at which its certificates were last verified in a full handshake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Micros>,
}

/// How a call ended for the caller.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CallOutcome {
    /// Application data went both ways.
    Accepted,
    /// It did not: the server refused, or nobody was there. In the caller's words.
    Refused(String),
    /// The caller refused the server, in these words.
    RefusedServer(String),
    /// The server proved possession of another key than its certificate's.
    KeyMismatch,
    /// Nothing came in time.
    TimedOut,
}

/// How the words of a refusal begin that came by an alert.
const ALERT: &str = "alert ";

impl CallOutcome {
    /// The server said by this alert that it refuses.
    pub fn alerted(alert: impl Debug) -> Self {
        Self::Refused(format!("{ALERT}{alert:?}"))
    }

    /// Was the caller told by an alert?
    pub fn names_alert(&self) -> bool {
        matches!(self, Self::Refused(words) if words.starts_with(ALERT))
    }

    /// Did application data go both ways?
    pub fn accepted(&self) -> bool {
        *self == Self::Accepted
    }
}

/// What the server saw of a call.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct ServerView {
    /// Did it let the caller in?
    pub accepted: bool,
    /// Whom it told its application that the caller is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The certificate that it holds the caller by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Serial>,
    /// The generation of trust material that it decided under; it grows with each that is taken.
    pub generation: u64,
    /// Why it refused, in its words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What was counted of a service at an instant.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct Sample {
    /// When.
    pub at: Micros,
    /// Of which service.
    pub service: String,
    /// Generations of configuration that are still kept.
    pub generations: u32,
    /// Connections that are open.
    pub connections: u32,
    /// Handshakes under way.
    pub handshakes: u32,
    /// Alarms raised so far about material that was bad.
    pub alarms: u32,
    /// Tasks that work for it.
    pub tasks: u32,
    /// Connections that it has accepted so far, whatever has become of them.
    #[serde(default)]
    pub accepted: u64,
}

/// What a step was, and when it was done.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct StepMark {
    /// When.
    pub at: Micros,
    /// What, in words: "publish-crl".
    pub what: String,
    /// Why it never happened, where whoever did it has seen so: "no connection came so far".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<String>,
}
