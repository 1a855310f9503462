//! Targets that are addresses: what runs already, configured by somebody else.
//!
//! The harness cannot give them an environment, so that they have one: the baseline's, under a root that
//! their owner has installed. Cases that need another are not theirs.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::DnsName;

use super::{Capability, Environment, Running, StartError, Target, Task};
use crate::net::{Address, ConnectionId, Transport};
use crate::observe::TargetView;
use crate::peer::Application;
use crate::scenario::Role;

/// A server that is dialled where it is.
pub struct Server {
    /// What the user calls it.
    pub name: String,
    /// Where it is.
    pub address: SocketAddr,
    /// What it speaks.
    pub application: Application,
    /// The name that it wants to be asked for, if not the baseline's.
    pub server_name: Option<DnsName<'static>>,
    /// Its one environment.
    pub environment: Environment,
    /// A target whose descriptor knows its deviations.
    pub known_as: Option<Arc<dyn Target>>,
}

/// A client that comes when it likes. It is not started but received: see
/// [`reception`](crate::run::reception).
pub struct Client {
    /// What the user calls it.
    pub name: String,
    /// What it speaks.
    pub application: Application,
    /// Its one environment.
    pub environment: Environment,
    /// A target whose descriptor knows its deviations.
    pub known_as: Option<Arc<dyn Target>>,
}

/// What is known of the version of what somebody else has installed.
const VERSION: &str = "unknown";

impl Target for Server {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn version(&self) -> String {
        VERSION.into()
    }

    fn plays(&self, role: Role) -> bool {
        role == Role::Server
    }

    fn has_injected_clock(&self) -> bool {
        false
    }

    fn supports(&self, _role: Role, capability: Capability) -> bool {
        supports(capability)
    }

    fn known(&self, case: &str) -> Option<&str> {
        self.known_as.as_ref()?.known(case)
    }

    fn lacks(&self, case: &str) -> Option<&str> {
        self.known_as.as_ref()?.lacks(case)
    }

    fn varies(&self, case: &str, let_in: bool) -> Option<&str> {
        self.known_as.as_ref()?.varies(case, let_in)
    }

    fn start(
        &self,
        environment: Arc<Environment>,
        _transport: Transport,
    ) -> Task<'_, Result<Box<dyn Running>, StartError>> {
        Box::pin(async move {
            fits(&self.environment, &environment).map_err(StartError::Unsupported)?;
            Ok(Box::new(Dialled {
                address: self.address,
                application: self.application.clone(),
                server_name: self.server_name.clone(),
            }) as Box<dyn Running>)
        })
    }
}

impl Target for Client {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn version(&self) -> String {
        VERSION.into()
    }

    fn plays(&self, role: Role) -> bool {
        role == Role::Client
    }

    fn has_injected_clock(&self) -> bool {
        false
    }

    fn supports(&self, _role: Role, capability: Capability) -> bool {
        supports(capability)
    }

    fn known(&self, case: &str) -> Option<&str> {
        self.known_as.as_ref()?.known(case)
    }

    fn lacks(&self, case: &str) -> Option<&str> {
        self.known_as.as_ref()?.lacks(case)
    }

    fn varies(&self, case: &str, let_in: bool) -> Option<&str> {
        self.known_as.as_ref()?.varies(case, let_in)
    }

    fn start(
        &self,
        _environment: Arc<Environment>,
        _transport: Transport,
    ) -> Task<'_, Result<Box<dyn Running>, StartError>> {
        let why = "a client that comes when it likes cannot be started";
        Box::pin(async { Err(StartError::Unsupported(why.into())) })
    }
}

/// What takes an environment of its own is told when that is asked for, with the reason. This is what is
/// never known of a target from outside.
fn supports(capability: Capability) -> bool {
    !matches!(capability, Capability::Identity | Capability::Spiffe)
}

/// Can a target that has this one environment be taken for one that has been given `wanted`?
///
/// # Errors
/// In which parts it cannot.
pub fn fits(fixed: &Environment, wanted: &Environment) -> Result<(), String> {
    if fixed.digest == wanted.digest {
        return Ok(());
    }
    // Every field is named here, so that a new one is not forgotten.
    let Environment {
        role,
        clock: _,
        identity,
        trust,
        trust_domains,
        profile,
        client_auth,
        vhost,
        versions,
        alpn,
        server_name,
        crls,
        revocation,
        unknown_status,
        expired_crl,
        stapling,
        handshake_deadline,
        // Whether it resumes shows.
        resumption: _,
        provider: _,
        digest: _,
    } = wanted;
    let server = *role == Role::Server;
    let parts = [
        ("the role", *role != fixed.role),
        (
            "its virtual hosts",
            vhost.is_some() || fixed.vhost.is_some(),
        ),
        (
            "its own certificate",
            identity.chain != fixed.identity.chain,
        ),
        (
            "its own key",
            identity.key.spki_der() != fixed.identity.key.spki_der(),
        ),
        ("the trust bundle", trust.anchors != fixed.trust.anchors),
        (
            "the SPIFFE profile",
            *profile != fixed.profile || trust_domains.len() != fixed.trust_domains.len(),
        ),
        (
            "what it asks of clients",
            server && *client_auth != fixed.client_auth,
        ),
        ("its TLS versions", *versions != fixed.versions),
        ("ALPN", *alpn != fixed.alpn),
        (
            "the name it expects of servers",
            !server && *server_name != fixed.server_name,
        ),
        (
            "CRLs",
            !crls.is_empty()
                || *revocation != fixed.revocation
                || *unknown_status != fixed.unknown_status
                || *expired_crl != fixed.expired_crl,
        ),
        (
            "stapled OCSP responses",
            !server && *stapling != fixed.stapling,
        ),
        (
            "the handshake deadline",
            *handshake_deadline != fixed.handshake_deadline,
        ),
    ];
    let different: Vec<_> = parts
        .into_iter()
        .filter_map(|(part, differs)| differs.then_some(part))
        .collect();
    if different.is_empty() {
        // What differs is nothing that this role looks at.
        return Ok(());
    }
    Err(format!(
        "it needs an environment of its own, and this target's is fixed; it differs in {}",
        different.join(", ")
    ))
}

/// A server that was there all the time.
struct Dialled {
    address: SocketAddr,
    application: Application,
    server_name: Option<DnsName<'static>>,
}

impl Running for Dialled {
    fn address(&self) -> Option<Address> {
        Some(Address::Tcp(self.address))
    }

    fn application(&self) -> Application {
        self.application.clone()
    }

    fn server_name(&self) -> Option<DnsName<'static>> {
        self.server_name.clone()
    }

    fn decided(&self, _connection: ConnectionId) -> Task<'_, TargetView> {
        Box::pin(std::future::pending())
    }

    fn view(&self, _connection: ConnectionId) -> Task<'_, Option<TargetView>> {
        Box::pin(async { None })
    }

    fn connect(&self, _peer: Address) -> Task<'_, Option<TargetView>> {
        Box::pin(async { None })
    }
}
