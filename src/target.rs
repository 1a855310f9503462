//! Targets: the implementations under test, and what one must do to be one.
//!
//! A target is started with an [`Environment`] and then either listens (role server) or connects
//! when told to (role client). It reports facts, as a [`TargetView`]; it never judges.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ::rustls::pki_types::{CertificateRevocationListDer, DnsName, ServerName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::net::{Address, ConnectionId, Listener, Transport};
use crate::observe::TargetView;
use crate::peer::Application;
use crate::pki::{Identity, TrustBundle};
use crate::scenario::bench::Provider;
use crate::scenario::step::WriteStyle;
use crate::scenario::{Choice, ClientAuth, Profile, RevocationDepth, Role, TlsVersion};

pub mod address;
pub mod command;
pub mod descriptor;
pub mod excuses;
pub mod identity;
pub mod planted;
pub mod registry;
pub mod rustls;
pub mod service;
pub mod session;
mod stack;
mod views;

/// A boxed future: targets are kept behind one trait.
pub type Task<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// What a target is configured with. Cases with an equal environment share one start of the target.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The side that the target plays.
    pub role: Role,
    /// The run's clock, for targets that can be given one.
    pub clock: Clock,
    /// What the target presents, and the key that it is given for it.
    pub identity: Identity,
    /// The trust anchors.
    pub trust: TrustBundle,
    /// The anchors of each SPIFFE trust domain; looked at under the SPIFFE profile only.
    pub trust_domains: BTreeMap<String, TrustBundle>,
    /// The profile that the verifier follows.
    pub profile: Option<Profile>,
    /// As a server, what it asks of clients.
    pub client_auth: ClientAuth,
    /// As a server, its second virtual host.
    pub vhost: Option<VirtualHost>,
    /// The TLS versions that it speaks.
    pub versions: Vec<TlsVersion>,
    /// The application protocols that it offers or selects from.
    pub alpn: Vec<Vec<u8>>,
    /// As a client, the reference identity.
    pub server_name: ServerName<'static>,
    /// The certificate revocation lists.
    pub crls: Vec<CertificateRevocationListDer<'static>>,
    /// Which certificates are looked up in them.
    pub revocation: RevocationDepth,
    /// What to do where no list says anything.
    pub unknown_status: Choice,
    /// What to do with a list whose nextUpdate is past.
    pub expired_crl: Choice,
    /// As a client, does it look at stapled OCSP responses?
    pub stapling: bool,
    /// Are sessions resumed? In ordinary scenarios they are not, and every handshake is a full one.
    pub resumption: bool,
    /// How long a handshake may take.
    pub handshake_deadline: Duration,
    /// The cryptography of a target in process; others have their own.
    pub provider: Provider,
    /// Names the environment: equal for equal environments, in every run.
    pub digest: String,
}

/// A second virtual host of a server, told from the first by the server name that the client asks for.
#[derive(Clone, Debug)]
pub struct VirtualHost {
    /// The server name.
    pub name: DnsName<'static>,
    /// The trust anchors.
    pub trust: TrustBundle,
    /// What it asks of clients.
    pub client_auth: ClientAuth,
}

/// Something that a target can be asked to do and may not be able to.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// TLS 1.2.
    #[serde(rename = "tls1.2")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "tls1.3")]
    Tls13,
    /// Certificate revocation lists.
    Crl,
    /// Lists for the end entity alone.
    CrlEndEntity,
    /// A choice about certificates that no list covers.
    UnknownStatus,
    /// A choice about expired lists.
    ExpiredCrl,
    /// Stapled OCSP responses.
    Stapling,
    /// Application-layer protocol negotiation.
    Alpn,
    /// Client certificates that are asked for and not required.
    OptionalClientAuth,
    /// A deadline for handshakes.
    HandshakeDeadline,
    /// The X.509-SVID rules.
    Spiffe,
    /// Telling whom the application is told that the peer is.
    Identity,
    /// Virtual hosts that trust differently.
    Vhosts,
}

impl Capability {
    /// What it is called in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
            Self::Crl => "CRLs",
            Self::CrlEndEntity => "CRLs for the end entity alone",
            Self::UnknownStatus => "accepting certificates that no CRL covers",
            Self::ExpiredCrl => "using expired CRLs",
            Self::Stapling => "stapled OCSP responses",
            Self::Alpn => "ALPN",
            Self::OptionalClientAuth => "optional client authentication",
            Self::HandshakeDeadline => "a handshake deadline",
            Self::Spiffe => "the SPIFFE profile",
            Self::Identity => "telling whom it takes the peer for",
            Self::Vhosts => "virtual hosts that trust differently",
        }
    }
}

impl Environment {
    /// The environment as its second virtual host has it, and the name of that.
    pub fn at_vhost(&self) -> Option<(DnsName<'static>, Self)> {
        let vhost = self.vhost.clone()?;
        let own = Self {
            trust: vhost.trust,
            client_auth: vhost.client_auth,
            vhost: None,
            ..self.clone()
        };
        Some((vhost.name, own))
    }

    /// What a target must be able to do to be started with this environment.
    pub fn needs(&self) -> Vec<Capability> {
        let mut needs = Vec::new();
        let mut need = |wanted: bool, capability| {
            if wanted {
                needs.push(capability);
            }
        };
        let crl = self.revocation != RevocationDepth::None;
        need(self.revocation == RevocationDepth::Chain, Capability::Crl);
        need(
            self.revocation == RevocationDepth::EndEntity,
            Capability::CrlEndEntity,
        );
        need(
            crl && self.unknown_status == Choice::Allow,
            Capability::UnknownStatus,
        );
        need(
            crl && self.expired_crl == Choice::Allow,
            Capability::ExpiredCrl,
        );
        need(self.stapling, Capability::Stapling);
        need(!self.alpn.is_empty(), Capability::Alpn);
        let vhost = self.vhost.as_ref().map(|vhost| vhost.client_auth);
        need(
            [Some(self.client_auth), vhost].contains(&Some(ClientAuth::Optional)),
            Capability::OptionalClientAuth,
        );
        need(vhost.is_some(), Capability::Vhosts);
        need(self.profile == Some(Profile::Spiffe), Capability::Spiffe);
        need(
            self.handshake_deadline != DEFAULT_HANDSHAKE_DEADLINE,
            Capability::HandshakeDeadline,
        );
        needs
    }
}

/// How long a handshake may take where the scenario does not say.
pub const DEFAULT_HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// An implementation under test.
pub trait Target: Send + Sync {
    /// The name in reports: `rustls`, `planted:ignores-expiry`.
    fn name(&self) -> String;

    /// The version of the implementation.
    fn version(&self) -> String;

    /// Why it is not there, and how to get it, if it is not.
    fn absent(&self) -> Option<String> {
        None
    }

    /// Does it play this role?
    fn plays(&self, _role: Role) -> bool {
        true
    }

    /// Does it take the run's clock, which stands still? Others go by their own.
    fn has_injected_clock(&self) -> bool {
        true
    }

    /// Can it do this?
    fn supports(&self, role: Role, capability: Capability) -> bool;

    /// Can it take other certificates, keys and lists while it runs?
    fn reloads(&self, _role: Role) -> bool {
        false
    }

    /// Can it ask something else of its clients while it runs?
    fn takes_settings(&self, role: Role) -> bool {
        self.reloads(role)
    }

    /// Why this deviation from the case with this id is known, if it is.
    fn known(&self, case: &str) -> Option<&str>;

    /// Why the twin of the case with this id is not accepted, if that is known: what the target lacks.
    fn lacks(&self, _case: &str) -> Option<&str> {
        None
    }

    /// Why the case with this id comes out one way or the other, if that is known to depend on chance. `let_in` says
    /// that it came out with somebody let in who must be refused, which not every reason excuses.
    fn varies(&self, _case: &str, _let_in: bool) -> Option<&str> {
        None
    }

    /// What is wrong with its services, for a target that can be a whole fleet in process.
    fn flaws(&self) -> Option<planted::Flaws> {
        None
    }

    /// Is there something to be learnt from a fleet of it?
    fn musters(&self) -> bool {
        self.flaws().is_some()
    }

    /// How long it may take to have new material in force, for a program that can be the body of a fleet's
    /// services.
    fn settle(&self) -> Option<Duration> {
        None
    }

    /// Starts it, and waits until it is ready. Runs on the thread and in the runtime that will talk to
    /// it.
    ///
    /// # Errors
    /// Says whether the target refused the configuration or the harness failed.
    fn start(
        &self,
        environment: Arc<Environment>,
        transport: Transport,
    ) -> Task<'_, Result<Box<dyn Running>, StartError>>;
}

/// A started target. Dropping it ends it, at once and without ceremony.
pub trait Running {
    /// Role server: where to dial it.
    fn address(&self) -> Option<Address>;

    /// What it speaks inside TLS.
    fn application(&self) -> Application {
        Application::default()
    }

    /// Role server: the name to ask it for where scenarios leave that to the baseline.
    fn server_name(&self) -> Option<DnsName<'static>> {
        None
    }

    /// Role client: where the peer has to listen, for a target that was told so when it was started.
    fn upstream(&self) -> Option<&Listener> {
        None
    }

    /// Role server: its view of the connection with this id, as soon as it has decided whether to
    /// accept the peer. Pends for ever where the target cannot tell.
    fn decided(&self, connection: ConnectionId) -> Task<'_, TargetView>;

    /// Role server: its view of the connection, once that is over. `None` where it cannot tell.
    fn view(&self, connection: ConnectionId) -> Task<'_, Option<TargetView>>;

    /// Role client: connects to `peer`, tries a round trip of application data, and says what it saw.
    fn connect(&self, peer: Address) -> Task<'_, Option<TargetView>>;

    /// How it died, if it does within this time.
    fn death(&self, _within: Duration) -> Task<'_, Option<String>> {
        Box::pin(async { None })
    }

    /// The process group that it is, for a target that is one of its own.
    fn process_group(&self) -> Option<u32> {
        None
    }

    /// How long its log is now.
    fn log_end(&self) -> usize {
        0
    }

    /// What it has logged since its log was so long; none for a target without a log.
    fn log_since(&self, _end: usize) -> Option<String> {
        None
    }

    /// Takes this environment's certificates, keys and lists instead of those it was started with.
    ///
    /// # Errors
    /// Why it did not.
    fn reload(&mut self, _environment: Arc<Environment>) -> Task<'_, Result<(), String>> {
        Box::pin(async { Err("the target cannot reload".into()) })
    }

    /// Loses its sessions, and the keys of its tickets.
    ///
    /// # Errors
    /// Where that cannot be asked of it; to start it anew comes to the same.
    fn forget_sessions(&mut self) -> Result<(), String> {
        Err("the target cannot be told to forget its sessions".into())
    }

    /// Takes this environment's material too, from files that somebody writes in this way. It is told to
    /// look at every state of them that lasts, also at those that are not whole.
    ///
    /// # Errors
    /// Why it could not be told of the last of them.
    fn rewrite(
        &mut self,
        _environment: Arc<Environment>,
        _writing: Writing,
    ) -> Task<'_, Result<(), String>> {
        Box::pin(async { Err("the target has no files that could be written so".into()) })
    }

    /// Ends it in an orderly way.
    fn stop(self: Box<Self>) -> Task<'static, ()>
    where
        Self: 'static,
    {
        drop(self);
        Box::pin(async {})
    }
}

/// How somebody writes the files of a target that runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Writing {
    /// In which order, and where.
    pub style: WriteStyle,
    /// How long a state lasts that is not whole.
    pub gap: Duration,
}

/// Why a target did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The target would not have this configuration.
    #[error("the target refused to start: {0}")]
    Refused(String),
    /// The target died over this configuration.
    #[error("the target died at its start: {0}")]
    Crashed(String),
    /// The target cannot be configured so.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// The harness could not start it.
    #[error("could not start the target: {0}")]
    Broken(String),
}
