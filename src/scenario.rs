//! Scenarios: one requirement each, as plain data read from one TOML file.
//!
//! A scenario states only how it differs from the baseline PKI (`root` signs `issuing`, which signs
//! `target` and `peer`). [`load`] reads files, [`expand`] turns a scenario into cases, [`select`]
//! picks among them. Nothing here touches keys, sockets or TLS.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::expect::{Expectation, Level, Outcome};
use crate::pki::recipe::{CrlRecipes, Moment, OcspRecipe, Recipes};

use self::fleet::{FleetPlan, Limits, LoadPlan, Network, Windows};
use self::step::Step;

pub mod bench;
mod check;
pub mod expand;
pub mod fleet;
pub mod load;
pub mod select;
pub mod span;
pub mod step;

/// One requirement, in one file; the file's path below the scenario folder is its id.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Scenario {
    /// `family/name`, from the path; never written in the file.
    #[serde(skip)]
    pub id: String,
    /// The file that it was read from.
    #[serde(skip)]
    pub path: String,
    /// The line at which the file says what it expects, from 1; 0 where it does not come from a file.
    #[serde(skip)]
    pub line: u32,
    /// SHA-256 of the file, in hexadecimal.
    #[serde(skip)]
    pub digest: String,
    /// The twin, worked out when it is loaded; reject scenarios have one.
    #[serde(skip)]
    pub control: Option<Arc<Scenario>>,
    /// A sentence that says what holds: "An expired peer certificate is refused".
    pub title: String,
    /// How binding it is.
    pub level: Level,
    /// Where it is written: "RFC 5280 section 6.1.3", "CVE-2021-3450".
    pub spec: Vec<String>,
    /// What a practitioner learns from it, or loses without it.
    pub why: String,
    /// The roles that the target plays in turn; both unless said otherwise.
    #[serde(default = "Role::both")]
    pub roles: Vec<Role>,
    /// The TLS versions that it runs over; both unless said otherwise.
    #[serde(default = "TlsVersion::both")]
    pub tls: Vec<TlsVersion>,
    /// Words to select it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The profile whose followers alone it binds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// How the certificates differ from the baseline.
    #[serde(default)]
    pub pki: Recipes,
    /// How the peer behaves.
    #[serde(default)]
    pub peer: PeerPlan,
    /// How the target is configured.
    #[serde(default)]
    pub target: TargetPlan,
    /// A second virtual host of the target, as a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vhost: Option<VirtualHostPlan>,
    /// The CRLs that the target is given.
    #[serde(default)]
    pub crl: CrlRecipes,
    /// The OCSP response that the peer staples (the peer is a server then).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ocsp: Option<OcspRecipe>,
    /// A fleet of services instead of one target and one peer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetPlan>,
    /// The load on the fleet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<LoadPlan>,
    /// How long changes may take to be in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Windows>,
    /// What the fleet must keep to beside what the oracle permits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// What carries the fleet's octets; a simulated network and sockets in turn unless said otherwise.
    #[serde(default = "Network::both")]
    pub networks: Vec<Network>,
    /// The planted bugs that fail the fleet, by name: what proves that its scenario can fail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fails: Vec<String>,
    /// What happens, one after the other: the story of a pair, or the timeline of a fleet.
    #[serde(default, rename = "step", skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// What should happen.
    pub expect: Expectation,
    /// What the twin heals; laid over the scenario's own tables key by key. Without it the twin is
    /// the scenario without its `[pki.peer]`, `[pki.issuing]`, `[peer]` and `[ocsp]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin: Option<TwinPlan>,
}

impl Scenario {
    /// The baseline and nothing else: what every target must be able to start with.
    pub fn baseline() -> Self {
        Self {
            id: "baseline".into(),
            path: String::new(),
            line: 0,
            digest: String::new(),
            control: None,
            title: "The baseline peer is accepted".into(),
            level: Level::Must,
            spec: Vec::new(),
            why: "Nothing else can be asked of a target that cannot do this.".into(),
            roles: Role::both(),
            tls: TlsVersion::both(),
            tags: Vec::new(),
            profile: None,
            pki: Recipes::default(),
            peer: PeerPlan::default(),
            target: TargetPlan::default(),
            vhost: None,
            crl: CrlRecipes::default(),
            ocsp: None,
            fleet: None,
            load: None,
            window: None,
            limits: None,
            networks: Network::both(),
            fails: Vec::new(),
            steps: Vec::new(),
            expect: Expectation::of(Outcome::Accept),
            twin: None,
        }
    }

    /// The next moment after the run's clock at which a certificate, list or response of this scenario
    /// or its twin begins or ends to be valid, in seconds.
    pub fn next_moment(&self) -> Option<i64> {
        let certificates = self
            .pki
            .values()
            .flat_map(|recipe| [recipe.not_before, recipe.not_after]);
        let lists = self
            .crl
            .values()
            .flat_map(|crl| [crl.this_update, crl.next_update]);
        let responses = self
            .ocsp
            .iter()
            .flat_map(|ocsp| [ocsp.this_update, ocsp.next_update]);
        let own = certificates
            .chain(lists)
            .chain(responses)
            .filter_map(|moment| match moment? {
                Moment::Relative(seconds) => (seconds >= 0).then_some(seconds),
                Moment::Absolute(_) => None,
            });
        own.chain(self.control.iter().filter_map(|twin| twin.next_moment()))
            .min()
    }

    /// Is it the story of a pair: steps, and no fleet?
    pub fn is_story(&self) -> bool {
        !self.steps.is_empty() && self.fleet.is_none()
    }

    /// Is it selected by this word?
    pub fn has_tag(&self, word: &str) -> bool {
        self.tags.iter().any(|tag| tag == word)
    }

    /// The family: the first part of the id.
    pub fn family(&self) -> &str {
        self.id.split_once('/').map_or("", |(family, _)| family)
    }

    /// The name of the entry that signs `entry`; its own where it signs itself.
    pub fn issuer_of<'a>(&'a self, entry: &'a str) -> Option<&'a str> {
        let recipe = self.pki.get(entry);
        if let Some(issuer) = recipe.and_then(|recipe| recipe.issuer.as_deref()) {
            return Some(issuer);
        }
        let like = recipe
            .and_then(|recipe| recipe.like.as_deref())
            .unwrap_or(entry);
        match like {
            "root" => Some(entry),
            "issuing" => Some("root"),
            "target" | "peer" => Some("issuing"),
            _ => None,
        }
    }
}

/// The side that the target plays.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It verifies a client certificate.
    Server,
    /// It verifies a server certificate.
    Client,
}

impl Role {
    /// Every role, in the order of reports.
    pub const ALL: [Self; 2] = [Self::Server, Self::Client];

    fn both() -> Vec<Self> {
        Self::ALL.to_vec()
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let role = Self::ALL.into_iter().find(|role| role.to_string() == text);
        role.ok_or_else(|| "write server or client".into())
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "server",
            Self::Client => "client",
        })
    }
}

/// A TLS version.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, JsonSchema,
)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    #[serde(rename = "tls1.2")]
    Tls12,
    /// TLS 1.3 (RFC 8446).
    #[serde(rename = "tls1.3")]
    Tls13,
}

impl TlsVersion {
    /// Every version, in the order of reports.
    pub const ALL: [Self; 2] = [Self::Tls12, Self::Tls13];

    fn both() -> Vec<Self> {
        Self::ALL.to_vec()
    }
}

impl FromStr for TlsVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let version = Self::ALL
            .into_iter()
            .find(|version| version.to_string() == text);
        version.ok_or_else(|| "write tls1.2 or tls1.3".into())
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "tls1.2",
            Self::Tls13 => "tls1.3",
        })
    }
}

/// A set of rules beyond the RFCs that a target may claim to follow.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// X.509-SVID: the leaf carries one SPIFFE ID and is checked against its trust domain's bundle.
    Spiffe,
}

/// How the peer behaves, where it is not the baseline's way.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct PeerPlan {
    /// The certificates that it sends, in this order; unless said otherwise the peer and every
    /// authority above it that is not self-signed. An empty list sends none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presents: Option<Vec<String>>,
    /// The entry whose private key signs the handshake; the first presented unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signs_with: Option<String>,
    /// The server name that it asks for as a client; `target.gauntlet.test` unless said otherwise,
    /// an empty string sends none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sni: Option<String>,
    /// The application protocols that it offers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alpn: Vec<String>,
    /// Split every plaintext handshake record into records of this many payload octets
    /// (RFC 8446 section 5.1 allows it).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fragment: Option<u16>,
    /// Send its bytes in pieces of this many octets, a millisecond apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dribble: Option<u16>,
    /// Fall silent at this point and keep the connection open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stalls: Option<HandshakePoint>,
    /// Drop the connection at this point.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aborts: Option<HandshakePoint>,
    /// Open this many further connections first and leave them silent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crowd: Option<u16>,
    /// As a server, the authorities that it names in its CertificateRequest; those that the target
    /// trusts unless said otherwise. An empty list names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hints: Option<Vec<String>>,
    /// As a server, name this many further authorities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filler_hints: Option<u16>,
    /// As a server, do not ask for a client certificate.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub asks_nothing: bool,
}

/// A point in the handshake, as the peer sees it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HandshakePoint {
    /// Before it has sent anything.
    FirstByte,
    /// In the middle of its first flight (ClientHello or ServerHello).
    HalfFirstFlight,
    /// After its first flight is out and the target has answered.
    AfterFirstFlight,
}

/// How the target is configured, where it is not the baseline's way.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct TargetPlan {
    /// The trust anchors; `["root"]` unless said otherwise. An empty list is an empty bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusts: Option<Vec<String>>,
    /// As a server, what it asks of clients; `required` unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_auth: Option<ClientAuth>,
    /// The TLS versions that it speaks; both unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub versions: Option<Vec<TlsVersion>>,
    /// As a client, the reference identity: a DNS name or an IP address;
    /// `peer.gauntlet.test` unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// The application protocols that it offers or selects from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alpn: Vec<String>,
    /// Which certificates it looks up in its CRLs; `chain` where there is a `[crl]`, else `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocation: Option<RevocationDepth>,
    /// What it does where no CRL says anything; `deny` unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_status: Option<Choice>,
    /// What it does with a CRL whose nextUpdate is past; `deny` unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expired_crl: Option<Choice>,
    /// For the SPIFFE profile: the trust domains it knows and the anchors of each;
    /// `gauntlet.test` with what `trusts` says unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_domains: Option<BTreeMap<String, Vec<String>>>,
    /// How long a handshake may take before it is given up, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handshake_deadline_ms: Option<u32>,
    /// The entry that it presents; `target` unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presents: Option<Vec<String>>,
    /// The entry whose private key it is given; the first presented unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signs_with: Option<String>,
    /// It may also refuse to start with this configuration: that counts as refusing the peer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub may_refuse_to_start: bool,
}

/// A second virtual host of a server: at the same address, under another name, with a trust of its own. The
/// first is what `[target]` says. In all else they are alike.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VirtualHostPlan {
    /// The server name (RFC 6066 section 3) that it is asked for by.
    pub name: String,
    /// The trust anchors; `["root"]` unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusts: Option<Vec<String>>,
    /// What it asks of clients; `required` unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_auth: Option<ClientAuth>,
}

/// What a server asks of its clients.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuth {
    /// A certificate, or no connection.
    #[default]
    Required,
    /// A certificate, or an unauthenticated client.
    Optional,
    /// Nothing.
    None,
}

/// Which certificates of a chain are looked up in the CRLs.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RevocationDepth {
    /// None.
    None,
    /// The end entity alone.
    EndEntity,
    /// Every certificate below the trust anchor.
    Chain,
}

/// What a verifier does where it cannot know.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// Fail closed.
    Deny,
    /// Carry on.
    Allow,
}

/// What a twin heals: the same tables as the scenario's, laid over them key by key; lists replace
/// lists.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct TwinPlan {
    /// Certificates.
    pub pki: Recipes,
    /// The peer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<PeerPlan>,
    /// The target. A twin that changes the environment runs in a start of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetPlan>,
    /// CRLs.
    pub crl: CrlRecipes,
    /// The stapled response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ocsp: Option<OcspRecipe>,
}
