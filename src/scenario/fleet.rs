//! Fleets as data: which services there are, who calls them, and how long a change may take.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::span::Span;

/// How many callers from outside there are, `caller-0` and on.
pub const CALLERS: u32 = 2;

/// The caller that throws no session away.
pub const HOARDER: &str = "hoarder-0";

/// The name of the anchor that a fleet begins with.
pub const FIRST_ROOT: &str = "root";

/// A fleet of mTLS services, each with an identity, a listener and an allow-list of its own.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct FleetPlan {
    /// How many services there are in the beginning.
    pub services: u32,
    /// Who calls whom.
    pub topology: Topology,
    /// How services get their certificates.
    pub delivery: Delivery,
    /// How long a leaf is valid.
    pub lifetime: Span,
    /// At which share of its lifetime a leaf is renewed, in hundredths; none: only steps rotate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renew_at: Option<u32>,
    /// By how much of the lifetime each renewal may be early, by chance, in hundredths.
    pub jitter: u32,
    /// How long before the present a new leaf begins to be valid.
    pub backdate: Span,
    /// How long the issuing authority is valid.
    pub authority_lifetime: Span,
    /// How long the authority takes a rest after each leaf that it issues on request; who asks much sooner
    /// is turned away. None: it takes none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pace: Option<Span>,
    /// How long a CRL is valid; none: services use no CRL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crl_lifetime: Option<Span>,
    /// How often the authority publishes a new list by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_every: Option<Span>,
    /// A sidecar terminates mTLS for each service, which speaks plaintext behind it.
    pub sidecars: bool,
    /// Services offer sessions for resumption.
    pub resumption: bool,
    /// Services take plaintext too, until a step requires TLS.
    pub permissive: bool,
    /// Services say on a port of its own, in plaintext, whether they are ready; a prober asks them there, and
    /// another on the port where a certificate is required.
    pub health: bool,
    /// How many connections a service takes part in handshakes with at once.
    pub handshakes: u32,
    /// How long a handshake may take.
    pub handshake_deadline: Span,
    /// How long a connection may be silent; none: for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<Span>,
    /// The pause between two looks at files, for services that look.
    pub poll: Span,
    /// Each service learns of what is published after a delay of its own, up to this.
    pub lag: Span,
    /// One way through the network, in a simulation.
    pub latency: Span,
}

impl Default for FleetPlan {
    fn default() -> Self {
        Self {
            services: 3,
            topology: Topology::Star,
            delivery: Delivery::Push,
            lifetime: Span::seconds(86_400),
            renew_at: None,
            jitter: 10,
            backdate: Span::seconds(60),
            authority_lifetime: Span::seconds(30 * 86_400),
            pace: None,
            crl_lifetime: None,
            publish_every: None,
            sidecars: false,
            resumption: true,
            permissive: false,
            health: false,
            handshakes: 64,
            handshake_deadline: Span::millis(1000),
            idle: None,
            poll: Span::millis(50),
            lag: Span::ZERO,
            latency: Span::millis(1),
        }
    }
}

/// Who calls whom in a fleet. Callers from outside call whom the topology shows to them.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Topology {
    /// Callers from outside call every service.
    #[default]
    Star,
    /// Callers call the first service, and each calls the next.
    Chain,
    /// Every service calls every other.
    Mesh,
}

impl FromStr for Topology {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::Star, Self::Chain, Self::Mesh];
        let topology = all.into_iter().find(|one| one.to_string() == text);
        topology.ok_or_else(|| "write star, chain or mesh".into())
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Star => "star",
            Self::Chain => "chain",
            Self::Mesh => "mesh",
        })
    }
}

/// How services get certificates, keys, bundles and lists.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// The authority pushes them over a channel.
    #[default]
    Push,
    /// They are files, which somebody writes and the service looks at.
    Files,
}

/// The load on a fleet: who calls, how and how often. Arrivals are open-loop: a slow answer does not
/// delay the next call.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct LoadPlan {
    /// Calls in a second that must succeed, all together.
    pub rate: u32,
    /// Of ten calls, how many come by a new connection.
    pub fresh: u32,
    /// How many by a pooled connection that is kept alive.
    pub pooled: u32,
    /// How many are a heartbeat on a stream that lives as long as it may.
    pub streams: u32,
    /// How many resume the session of an earlier call.
    pub resuming: u32,
    /// How many resume a session for longer than its lifetime allows.
    pub hoarding: u32,
    /// How many come by a new connection and say that they are somebody else; only where there are sidecars.
    pub claiming: u32,
    /// Calls in a second by clients that must be refused.
    pub canary_rate: u32,
    /// Who they are; all kinds unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canaries: Option<Vec<Canary>>,
    /// How long the load runs before the timeline begins.
    pub warm_up: Span,
    /// How long it runs after everything has been healed.
    pub settle: Span,
    /// How long a call may take.
    pub timeout: Span,
}

impl Default for LoadPlan {
    fn default() -> Self {
        Self {
            rate: 40,
            fresh: 5,
            pooled: 2,
            streams: 1,
            resuming: 1,
            hoarding: 1,
            claiming: 0,
            canary_rate: 12,
            canaries: None,
            warm_up: Span::millis(300),
            settle: Span::millis(700),
            timeout: Span::seconds(2),
        }
    }
}

impl LoadPlan {
    /// How many shares the manners of calls have together.
    pub fn shares(&self) -> u64 {
        [
            self.fresh,
            self.pooled,
            self.streams,
            self.resuming,
            self.hoarding,
            self.claiming,
        ]
        .into_iter()
        .map(u64::from)
        .sum()
    }
}

/// A client that must be refused, and tries all the time.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Canary {
    /// Its certificate has expired.
    Expired,
    /// Its certificate has been revoked; only where services use CRLs.
    Revoked,
    /// Its certificate is from an authority that nobody trusts.
    WrongAuthority,
    /// It is on nobody's allow-list.
    WrongName,
    /// Its certificate is for servers.
    WrongUsage,
    /// It presents none.
    NoCertificate,
    /// It does not speak TLS at all.
    Plaintext,
    /// It presents none, and asks for nothing but whether the service is ready; only where services tell.
    Prober,
}

impl Canary {
    /// Every kind that comes to any fleet.
    pub const ALL: [Self; 7] = [
        Self::Expired,
        Self::Revoked,
        Self::WrongAuthority,
        Self::WrongName,
        Self::WrongUsage,
        Self::NoCertificate,
        Self::Plaintext,
    ];

    /// Its name in the history.
    pub fn party(self) -> String {
        format!("canary-{}", self.word().replace(' ', "-"))
    }

    /// What is wrong with it, as reports say it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::WrongAuthority => "wrong authority",
            Self::WrongName => "wrong name",
            Self::WrongUsage => "wrong usage",
            Self::NoCertificate => "no certificate",
            Self::Plaintext => "plaintext",
            Self::Prober => "prober",
        }
    }
}

impl fmt::Display for Canary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// How long a change may take to be in force, after it has been published, before the old behaviour is
/// a violation.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Windows {
    /// A new leaf.
    pub leaf: Span,
    /// A bundle of trust anchors.
    pub bundle: Span,
    /// A revocation list.
    pub crl: Span,
    /// An allow-list, or another setting of a service.
    pub policy: Span,
    /// Beyond that: connections that were open.
    pub connection: Span,
    /// Beyond that: sessions that are resumed.
    pub resumption: Span,
    /// How far clocks may be apart.
    pub clock: Span,
    /// How long the network and the machines need to be well again after `heal`.
    pub heal: Span,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            leaf: Span::seconds(1),
            bundle: Span::seconds(1),
            crl: Span::seconds(1),
            policy: Span::seconds(1),
            connection: Span::millis(500),
            resumption: Span::ZERO,
            clock: Span::seconds(1),
            heal: Span::seconds(1),
        }
    }
}

impl Windows {
    /// The longest lingering of connections and sessions that a timeline waits for.
    const WATCHED: Span = Span::seconds(60);

    /// How long it takes at most until everything that was published is in force everywhere.
    pub fn longest(self) -> Span {
        let change = [self.leaf, self.bundle, self.crl, self.policy, self.heal];
        let longest = change.into_iter().max().unwrap_or_default();
        // What may last for longer than anybody watches is a policy: it is not waited for.
        let lingering = [self.connection, self.resumption].into_iter();
        let lingering = lingering.filter(|span| *span <= Self::WATCHED).max();
        let lingering = lingering.unwrap_or_default();
        Span::micros(longest.as_micros() + lingering.as_micros())
    }
}

/// What a timeline must keep to, beside the oracle's permissions.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Limits {
    /// The least share of the calls that must be accepted that are, in thousandths.
    pub availability: u32,
    /// How many times the mean rate of issuance its peak may be, in hundredths; not looked at unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuance_peak: Option<u32>,
    /// How many generations of its configuration a service may keep at the end.
    pub generations: u32,
    /// How many alarms about bad material there must be at least, where some was delivered.
    pub alarms: u32,
    /// How many thousandths of the calls of the settling phase must have succeeded beside the warm-up.
    pub recovery: u32,
    /// How many handshakes a service may take part in at once; not looked at unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handshakes: Option<u32>,
    /// How many connections there may be to a hundred calls; not looked at unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dials: Option<u32>,
    /// How many thousandths of those whose certificate is refused must be told so by an alert.
    pub told: u32,
    /// How long a call may take that must be accepted; not looked at unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slowest: Option<Span>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            availability: 1000,
            issuance_peak: None,
            generations: 2,
            alarms: 0,
            recovery: 950,
            handshakes: None,
            dials: None,
            told: 0,
            slowest: None,
        }
    }
}

/// What carries a fleet's octets.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// A simulated network, on a paused clock, in one thread.
    Simulated,
    /// Loopback sockets.
    Sockets,
}

impl Network {
    /// Both, in the order of reports.
    pub const ALL: [Self; 2] = [Self::Simulated, Self::Sockets];

    pub(super) fn both() -> Vec<Self> {
        Self::ALL.to_vec()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Simulated => "simulated",
            Self::Sockets => "sockets",
        })
    }
}
