//! Planted bugs: targets that are broken on purpose, one omission each.
//!
//! They prove that a scenario can fail: each reject scenario is caught by at least one of them, and
//! each of them by at least one scenario. Beside them stands `planted:none`, the same verifier without
//! any flaw: where it does not do what a scenario expects, a bug that does not either proves nothing.
//!
//! The verifier is our own and shares no path validation with the embedded rustls target: RFC 5280
//! section 6.1 over x509-parser, in small parts with one noun each.
//!
//! ```text
//! certificate, extension, name     what was presented
//! path -> chain -> constraints     a way to an anchor, and whether it is good
//! revocation (list), staple        who is no longer to be trusted
//! server_name, spiffe              who it is
//! signature, legacy                the cryptography
//! verifier -> tls                  the order of it all, and rustls's questions
//! ```

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};

use self::fragments::FragmentServer;
use self::identity::last_common_name;
use self::leak::LeakyClient;
use self::outfit::{ClientOutfit, ServerOutfit};
use self::tls::TlsVerifier;
use super::identity::application_identity;
use super::rustls::{client_config, manners, server_config};
use super::service::{Client, Manners, Server};
use super::session::Outfit;
use super::{Capability, Environment, Running, StartError, Target, Task};
use crate::net::Transport;
use crate::peer::provider;
use crate::scenario::{Role, TlsVersion};

pub use self::bug::{Bug, Flaws};
pub use self::refusal::{Accepted, Refusal};
pub use self::verifier::{Verifier, verify};

mod across;
mod bug;
mod certificate;
mod chain;
mod constraints;
mod encoding;
mod extension;
mod fragments;
mod identity;
mod leak;
mod legacy;
mod list;
mod name;
mod outfit;
mod path;
mod refusal;
mod revocation;
mod server_name;
mod signature;
mod spiffe;
mod staple;
mod tls;
mod verifier;

/// What the names of these targets begin with.
pub const PREFIX: &str = "planted:";

/// A planted target.
#[derive(Clone, Copy)]
pub struct Planted {
    flaws: Flaws,
}

impl Planted {
    /// The target with this bug.
    pub fn with(bug: Bug) -> Self {
        Self {
            flaws: Flaws::of(bug),
        }
    }

    /// The control: no bug at all.
    pub fn flawless() -> Self {
        Self { flaws: Flaws::NONE }
    }

    /// The target with this name: `planted:<bug>`, or `planted:none` for the control.
    pub fn named(name: &str) -> Option<Self> {
        match name.strip_prefix(PREFIX)? {
            "none" => Some(Self::flawless()),
            bug => Bug::named(bug).map(Self::with),
        }
    }

    /// The names of all planted targets, the control first.
    pub fn names() -> impl Iterator<Item = String> {
        let bugs = Bug::ALL.iter().map(|bug| bug.name());
        std::iter::once("none")
            .chain(bugs)
            .map(|name| format!("{PREFIX}{name}"))
    }
}

impl Target for Planted {
    fn name(&self) -> String {
        let name = self.flaws.bug().map_or("none", Bug::name);
        format!("{PREFIX}{name}")
    }

    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").into()
    }

    fn plays(&self, _: Role) -> bool {
        self.flaws.bug().is_none_or(|bug| !bug.roles().is_empty())
    }

    fn musters(&self) -> bool {
        self.flaws.bug().is_none_or(Bug::shows_in_fleets)
    }

    fn supports(&self, _: Role, _: Capability) -> bool {
        true
    }

    fn reloads(&self, _: Role) -> bool {
        true
    }

    fn known(&self, _: &str) -> Option<&str> {
        None
    }

    fn flaws(&self) -> Option<Flaws> {
        Some(self.flaws)
    }

    fn start(
        &self,
        environment: Arc<Environment>,
        transport: Transport,
    ) -> Task<'_, Result<Box<dyn Running>, StartError>> {
        Box::pin(async move { self.launch(environment, transport) })
    }
}

impl Planted {
    fn launch(
        &self,
        environment: Arc<Environment>,
        transport: Transport,
    ) -> Result<Box<dyn Running>, StartError> {
        let deadline = environment.handshake_deadline;
        Ok(match environment.role {
            Role::Server => {
                let mut outfit = ServerOutfit::new(*self);
                if self.flaws.has(Bug::MishandlesFragments) {
                    let config = (*outfit.fit(&environment)?.config).clone();
                    let careless = self.server_config(&environment, None)?;
                    let server = FragmentServer::start(config, careless, deadline, transport)?;
                    return Ok(Box::new(server));
                }
                Box::new(Server::outfitted(Box::new(outfit), environment, transport)?)
            }
            Role::Client => {
                let mut outfit = ClientOutfit::new(*self);
                if self.flaws.has(Bug::LeaksRefusedConnections) {
                    let config = (*outfit.fit(&environment)?.config).clone();
                    let server_name = environment.server_name.clone();
                    return Ok(Box::new(LeakyClient::new(config, server_name, deadline)));
                }
                Box::new(Client::outfitted(Box::new(outfit), environment)?)
            }
        })
    }
}

impl Planted {
    /// The environment as a careless administrator, or none, would have it.
    fn configured(&self, environment: &Environment) -> Environment {
        let mut environment = environment.clone();
        if self.flaws.has(Bug::AcceptsOldVersions) {
            environment.versions = TlsVersion::ALL.to_vec();
        }
        if self.flaws.has(Bug::IgnoresAlpn) {
            environment.alpn.clear();
        }
        environment
    }

    fn manners(&self, environment: &Environment) -> Manners {
        let careful = manners(environment);
        Manners {
            handshake_deadline: careful
                .handshake_deadline
                .filter(|_| !self.flaws.has(Bug::NoHandshakeDeadline)),
            handshakes_inline: self.flaws.has(Bug::BlocksAcceptLoop),
            stays: careful.stays,
            tells_resumed: !self.flaws.has(Bug::LosesIdentityOnResumption),
            answers: !self.flaws.has(Bug::CompletesWithoutApplicationData),
            identity: if self.flaws.has(Bug::IdentityFromLastCn) {
                last_common_name
            } else {
                application_identity
            },
        }
    }

    fn server_config(
        &self,
        environment: &Environment,
        verifier: Option<Arc<TlsVerifier>>,
    ) -> Result<ServerConfig, StartError> {
        if !self.flaws.has(Bug::LoadsMismatchedPair) {
            return server_config(environment, verifier.map(|verifier| verifier as _));
        }
        let builder =
            ServerConfig::builder_with_details(provider(), Arc::new(environment.clock.clone()))
                .with_protocol_versions(&versions(environment))
                .map_err(|error| StartError::Broken(error.to_string()))?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(unchecked(environment)));
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.alpn_protocols.clone_from(&environment.alpn);
        Ok(config)
    }

    fn client_config(
        &self,
        environment: &Environment,
        verifier: Arc<TlsVerifier>,
    ) -> Result<ClientConfig, StartError> {
        if !self.flaws.has(Bug::LoadsMismatchedPair) {
            return client_config(environment, verifier);
        }
        let mut config =
            ClientConfig::builder_with_details(provider(), Arc::new(environment.clock.clone()))
                .with_protocol_versions(&versions(environment))
                .map_err(|error| StartError::Broken(error.to_string()))?
                .dangerous()
                .with_custom_certificate_verifier(verifier)
                .with_client_cert_resolver(Arc::new(unchecked(environment)));
        config.resumption = Resumption::disabled();
        config.alpn_protocols.clone_from(&environment.alpn);
        Ok(config)
    }
}

fn versions(environment: &Environment) -> Vec<&'static SupportedProtocolVersion> {
    environment
        .versions
        .iter()
        .map(|version| match version {
            TlsVersion::Tls12 => &rustls::version::TLS12,
            TlsVersion::Tls13 => &rustls::version::TLS13,
        })
        .collect()
}

/// The environment's certificate and key, whether they fit or not.
fn unchecked(environment: &Environment) -> SingleCertAndKey {
    let identity = &environment.identity;
    SingleCertAndKey::from(CertifiedKey::new(
        identity.chain.clone(),
        identity.key.signer(),
    ))
}
