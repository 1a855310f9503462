//! Steps: what happens in a story, one thing after the other.
//!
//! Without a `[fleet]` the steps are a **story** of one pair: the peer connects, something changes, the
//! peer comes again. Each step begins when the one before it is over. With a `[fleet]` they are its
//! **timeline**: each step happens at its instant, under load.
//!
//! One type serves both, so that a file reads alike; which keys a step takes depends on what it does, and
//! loading says so.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ClientAuth;
use super::span::Span;
use crate::expect::HandshakeKind;
use crate::expect::Outcome;

/// One step of a story or of a fleet's timeline.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Step {
    /// What happens.
    #[serde(rename = "do")]
    pub action: Action,
    /// Fleets: when, counted from the end of the warm-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Span>,
    /// Stories: what should come of a connection; accept, reject or policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Outcome>,
    /// Stories: the kind of handshake that the connection must come by, where that matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handshake: Option<HandshakeKind>,
    /// The PKI entry that presents itself (stories), or the party that is meant (fleets).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// Stories: the server name that a connection asks for; the one of `[peer]` unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sni: Option<String>,
    /// The trust anchors from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusts: Option<Vec<String>>,
    /// The entries (stories) or parties (fleets) that the list revokes from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revokes: Option<Vec<String>>,
    /// What the target asks of clients from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_auth: Option<ClientAuth>,
    /// How far the clock is advanced, or how slow something becomes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Span>,
    /// How far a clock goes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<Span>,
    /// How long it lasts, where it ends by itself.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Span>,
    /// Which services, by number; all unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services: Option<Vec<u32>>,
    /// How files are written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<WriteStyle>,
    /// What is wrong with the material that is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defect: Option<MaterialDefect>,
    /// The pause between the parts of a write, or between services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<Span>,
    /// How many: services, connections, repetitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// The pause between repetitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    /// The octet of a connection at which a fault strikes, the first being 0; for `sweep`, how far apart
    /// the places are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub octet: Option<u32>,
    /// The number of complete TLS records after which a connection is cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<u32>,
    /// What strikes in a `sweep`; a cut unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strike: Option<Blow>,
}

/// What a step does.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    // Stories.
    /// A new connection with a full handshake; it leaves a session behind where the target gives one.
    Connect,
    /// A new connection that offers the session of the last one.
    Resume,
    /// A new connection that stays open.
    Hold,
    /// A round trip on the connection that is held.
    Ask,
    /// The target takes other trust anchors (`trusts`).
    ReplaceTrust,
    /// The target takes a list that revokes these (`revokes`).
    ReplaceCrl,
    /// The target asks for something else of its clients (`client-auth`).
    ReplaceClientAuth,
    /// The target loses its session tickets and their keys.
    ForgetTickets,
    // Both.
    /// The clock goes forward (`by`).
    Advance,
    /// A service, or the target, stops and starts again.
    Restart,
    // Fleets: certificates.
    /// Services get new leaves, with new keys; with a `defect` that they must notice, or in another name
    /// (`who`) than their callers know.
    RotateLeaf,
    /// The callers get new leaves; with a `defect` that they must notice.
    RotateCaller,
    /// The bundle that services trust becomes `trusts`.
    PushBundle,
    /// The bundle that callers trust becomes `trusts`.
    PushCallerBundle,
    /// Later leaves come from this authority (`who`).
    IssueFrom,
    /// The root `who` is certified by the first, `for` so long; its later leaves bring that certificate
    /// along, so that who trusts only the first root can follow them to it.
    CrossSign,
    /// The authority revokes these (`revokes`), and tells nobody yet.
    Revoke,
    /// The authority publishes its list; services get it.
    PublishCrl,
    /// An older list is published again.
    RollBackCrl,
    /// Files are written in this `style`, or with this `defect`.
    WriteFiles,
    /// Services stop admitting a party (`who`).
    Disallow,
    /// Services admit a party (`who`).
    Allow,
    // Fleets: the authority.
    /// The authority answers nobody.
    StopAuthority,
    /// It answers again.
    StartAuthority,
    /// It takes this long (`by`) to answer.
    SlowAuthority,
    /// Its answers have a `defect`.
    CorruptAuthority,
    // Fleets: the network and the machines.
    /// These services cannot be reached, nor reach the authority.
    Partition,
    /// All that was cut, held, slowed or corrupted is well again.
    Heal,
    /// Octets to these services are held back, and delivered on `heal`.
    HoldBack,
    /// The clocks of these services, or of a party (`who`), go wrong: ahead (`by`), or behind (`back`).
    Skew,
    /// The fleet grows or shrinks to `count` services.
    Scale,
    /// `count` connections that say nothing are opened and left.
    Stall,
    /// `count` handshakes that must fail are tried.
    Flood,
    /// All connections of these services are closed at once.
    CloseConnections,
    /// The services stop taking plaintext.
    RequireTls,
    /// Every connection to these services is cut after `octet` octets, or after `record` TLS records.
    Cut,
    /// All that these services, or a party (`who`), say and hear takes longer (`by`).
    Slow,
    /// Every connection to these services falls silent after `octet` octets, for good.
    BlackHole,
    /// One bit of the octet `octet` of every connection to these services is flipped.
    Corrupt,
    /// `count` calls to these services, each struck (`strike`) `octet` octets later than the one before.
    Sweep,
    /// These services die, and stay dead until `restart` or `heal`.
    Crash,
    /// `count` callers call each of these services, stay connected, and are never heard of again.
    Linger,
    /// These services have no descriptor left for a new connection.
    ExhaustDescriptors,
}

/// What strikes a connection.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Blow {
    /// It is reset.
    #[default]
    Cut,
    /// It is reset after a complete TLS record.
    CutAfterRecord,
    /// It falls silent.
    BlackHole,
    /// One bit is flipped.
    Corrupt,
}

impl Action {
    /// Does a step like this open a connection, or use one?
    pub fn connects(self) -> bool {
        matches!(self, Self::Connect | Self::Resume | Self::Hold | Self::Ask)
    }

    /// What it is called in files.
    pub fn name(self) -> String {
        let value = toml::Value::try_from(self).ok();
        let name = value.as_ref().and_then(toml::Value::as_str);
        name.unwrap_or_default().to_owned()
    }
}

/// How somebody writes files that a service reads.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WriteStyle {
    /// Each file beside the old one, then renamed over it.
    Rename,
    /// In place: emptied, then written in two halves with the `gap` between them.
    Torn,
    /// The certificate, then after the `gap` the key.
    CertificateFirst,
    /// The key, then after the `gap` the certificate.
    KeyFirst,
    /// A new folder, and the symbolic link that leads to it exchanged, as Kubernetes does.
    Symlink,
    /// Removed, then after the `gap` created.
    Recreate,
    /// The same content again.
    Touch,
}

/// What is wrong with new material.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MaterialDefect {
    /// The key belongs to another certificate.
    WrongKey,
    /// The leaf has expired.
    Expired,
    /// The leaf is not valid yet.
    NotYetValid,
    /// The leaf names somebody else.
    WrongName,
    /// The leaf is not for the purpose it is used for.
    WrongUsage,
    /// The intermediate authority is missing.
    NoIntermediate,
    /// The file is empty.
    Empty,
    /// The file holds something else.
    Garbage,
    /// One certificate of several cannot be read.
    OneBad,
    /// The list is signed by somebody else.
    WrongSignature,
    /// The list is about another authority.
    WrongIssuer,
    /// The list has expired; or the leaf is an older one again.
    Stale,
    /// The file is gone.
    Missing,
}
