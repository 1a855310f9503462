//! rustls as a target, in process, in both roles: the embedded default.
//!
//! It is configured as a careful user would: webpki verifiers given the run's clock, CRLs for every
//! certificate of the chain, statuses that nobody vouches for refused. Sessions are resumed in stories alone,
//! and never without another look at what they rest on. `rustls-default` leaves sessions to the library. The
//! facts it reports are rustls's own; nothing is added to its verdicts, except under the SPIFFE
//! profile, which rustls leaves to the application.

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::descriptor::Descriptor;
use super::identity::application_identity;
use super::planted::{Bug, Flaws};
use super::service::{Client, Manners, Server};
use super::session::{
    GivenSessions, KeptSessions, Outfit, Scrutiny, SessionStore, Setting, recheck_client,
    recheck_server,
};
use super::{Capability, Environment, Running, StartError, Target, Task};
use crate::document::DocumentError;
use crate::net::Transport;
use crate::peer::provider_of;
use crate::pki::TrustBundle;
use crate::scenario::bench::Provider;
use crate::scenario::{Choice, ClientAuth, Profile, RevocationDepth, Role, TlsVersion};

mod spiffe;

/// The name of the target whose sessions are the library's affair.
pub const DEFAULT: &str = "rustls-default";

/// The embedded default target, or rustls with its default sessions.
pub struct Rustls {
    descriptor: Descriptor,
    careful: bool,
}

impl Rustls {
    /// The target, with the deviations that `targets/rustls.toml` knows.
    ///
    /// # Errors
    /// When that file is not a valid descriptor.
    pub fn load() -> Result<Self, DocumentError> {
        let text = include_str!("../../targets/rustls.toml");
        Ok(Self {
            descriptor: Descriptor::parse("targets/rustls.toml", text)?,
            careful: true,
        })
    }

    /// The same with rustls's default sessions: one store for as long as the service runs, and nobody looks
    /// at a certificate again. It shows what that comes to.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn with_default_sessions() -> Result<Self, DocumentError> {
        Ok(Self {
            careful: false,
            ..Self::load()?
        })
    }
}

impl Target for Rustls {
    fn name(&self) -> String {
        if self.careful { "rustls" } else { DEFAULT }.into()
    }

    fn version(&self) -> String {
        format!("{} (aws-lc-rs)", env!("MTLS_GAUNTLET_RUSTLS_VERSION"))
    }

    fn supports(&self, _: Role, capability: Capability) -> bool {
        match capability {
            Capability::Spiffe => self.descriptor.follows(Profile::Spiffe),
            _ => true,
        }
    }

    fn reloads(&self, _: Role) -> bool {
        true
    }

    fn known(&self, case: &str) -> Option<&str> {
        self.descriptor.known(case)
    }

    fn flaws(&self) -> Option<Flaws> {
        // A service around rustls's default sessions is a careful one that resumes them blindly.
        Some(match self.careful {
            true => Flaws::NONE,
            false => Flaws::of(Bug::ResumesBlindly),
        })
    }

    fn start(
        &self,
        environment: Arc<Environment>,
        transport: Transport,
    ) -> Task<'_, Result<Box<dyn Running>, StartError>> {
        Box::pin(async move { self.launch(environment, transport) })
    }
}

impl Rustls {
    /// Starts it: in process there is nothing to wait for.
    ///
    /// # Errors
    /// Says whether the target refused the configuration or the harness failed.
    pub fn launch(
        &self,
        environment: Arc<Environment>,
        transport: Transport,
    ) -> Result<Box<dyn Running>, StartError> {
        Ok(match environment.role {
            Role::Server => {
                let outfit = ServerOutfit::new(self.careful);
                Box::new(Server::outfitted(Box::new(outfit), environment, transport)?)
            }
            Role::Client => {
                let outfit = ClientOutfit(self.careful, KeptSessions::new(self.careful));
                Box::new(Client::outfitted(Box::new(outfit), environment)?)
            }
        })
    }
}

/// Sets a server up; careful or not, and with the sessions that it has given.
struct ServerOutfit {
    careful: bool,
    sessions: GivenSessions,
    /// Those of a second virtual host, where they are kept apart.
    vhost: GivenSessions,
}

impl ServerOutfit {
    fn new(careful: bool) -> Self {
        Self {
            careful,
            sessions: GivenSessions::new(careful),
            vhost: GivenSessions::new(careful),
        }
    }

    fn setting(
        &self,
        environment: &Environment,
        sessions: Arc<SessionStore>,
    ) -> Result<Setting<ServerConfig>, StartError> {
        let verifier = client_verifier(environment)?;
        let mut config = server_config(environment, verifier.clone())?;
        let mut scrutiny = Scrutiny::default();
        if environment.resumption {
            config.session_storage = sessions;
            config.send_tls13_tickets = TICKETS;
            if self.careful {
                let recheck = recheck_client(environment, verifier);
                scrutiny.resumed = Some(Arc::clone(&recheck));
                scrutiny.held = Some(recheck);
            }
        }
        Ok(Setting {
            scrutiny,
            ..Setting::new(config, manners(environment))
        })
    }
}

impl Outfit<ServerConfig> for ServerOutfit {
    fn fit(&mut self, environment: &Arc<Environment>) -> Result<Setting<ServerConfig>, StartError> {
        let shared = self.sessions.within(environment);
        let mut setting = self.setting(environment, Arc::clone(&shared))?;
        if let Some((name, own)) = environment.at_vhost() {
            let own = Arc::new(own);
            // Who leaves sessions to the library has one store for all.
            let sessions = match self.careful {
                true => self.vhost.within(&own),
                false => shared,
            };
            setting.vhost = Some((name, Arc::new(self.setting(&own, sessions)?)));
        }
        Ok(setting)
    }

    fn forget(&mut self) {
        self.sessions.forget();
        self.vhost.forget();
    }
}

/// Sets a client up; careful or not, and with the sessions that it has been given.
struct ClientOutfit(bool, KeptSessions);

impl Outfit<ClientConfig> for ClientOutfit {
    fn fit(&mut self, environment: &Arc<Environment>) -> Result<Setting<ClientConfig>, StartError> {
        let Self(careful, sessions) = self;
        let verifier = server_verifier(environment)?;
        let mut config = client_config(environment, Arc::clone(&verifier))?;
        let mut scrutiny = Scrutiny::default();
        if environment.resumption {
            config.resumption = sessions.renewed();
            if *careful {
                scrutiny.resumed = Some(recheck_server(environment, verifier));
            }
        }
        Ok(Setting {
            scrutiny,
            ..Setting::new(config, manners(environment))
        })
    }

    fn forget(&mut self) {
        self.1.forget();
    }
}

/// How many tickets a TLS 1.3 server sends after a handshake: rustls's own number.
pub const TICKETS: usize = 2;

/// A careful service's manners in this environment.
pub fn manners(environment: &Environment) -> Manners {
    Manners {
        handshake_deadline: Some(environment.handshake_deadline),
        handshakes_inline: false,
        answers: true,
        stays: environment.resumption,
        tells_resumed: true,
        identity: application_identity,
    }
}

/// A server's configuration around a verifier; `None` asks for no client certificate.
///
/// # Errors
/// `Refused` when the certificate and the key do not fit, or no version is left.
pub fn server_config(
    environment: &Environment,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
) -> Result<ServerConfig, StartError> {
    let builder = ServerConfig::builder_with_details(
        provider_of(environment.provider),
        Arc::new(environment.clock.clone()),
    )
    .with_protocol_versions(&versions(environment))
    .map_err(refused)?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config =
        builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified(environment)?)));
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols.clone_from(&environment.alpn);
    Ok(config)
}

/// A client's configuration around a verifier.
///
/// # Errors
/// As [`server_config`].
pub fn client_config(
    environment: &Environment,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<ClientConfig, StartError> {
    let mut config = ClientConfig::builder_with_details(
        provider_of(environment.provider),
        Arc::new(environment.clock.clone()),
    )
    .with_protocol_versions(&versions(environment))
    .map_err(refused)?
    .dangerous()
    .with_custom_certificate_verifier(verifier)
    .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified(environment)?)));
    config.resumption = Resumption::disabled();
    config.alpn_protocols.clone_from(&environment.alpn);
    Ok(config)
}

fn certified(environment: &Environment) -> Result<CertifiedKey, StartError> {
    let identity = &environment.identity;
    let signer = match environment.provider {
        // It is loaded there already, and loading a key costs as much as a signature.
        Provider::AwsLcRs => identity.key.signer(),
        Provider::Ring => {
            let der = PrivatePkcs8KeyDer::from(identity.key.pkcs8_der().to_vec());
            let keys = provider_of(environment.provider).key_provider;
            keys.load_private_key(der.into()).map_err(refused)?
        }
    };
    let certified = CertifiedKey::new(identity.chain.clone(), signer);
    certified.keys_match().map_err(refused)?;
    Ok(certified)
}

fn client_verifier(
    environment: &Environment,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, StartError> {
    if environment.client_auth == ClientAuth::None {
        return Ok(None);
    }
    let verifier: Arc<dyn ClientCertVerifier> = if environment.profile == Some(Profile::Spiffe) {
        Arc::new(spiffe::ClientVerifier::new(environment)?)
    } else {
        webpki_client_verifier(environment, &environment.trust)?
    };
    Ok(Some(verifier))
}

/// Adds the environment's revocation lists to a verifier's builder; rustls has one for clients and one
/// for servers, alike but for their type.
macro_rules! with_crls {
    ($builder:expr, $environment:expr) => {{
        let (mut builder, environment): (_, &Environment) = ($builder, $environment);
        if environment.revocation != RevocationDepth::None {
            builder = builder.with_crls(environment.crls.iter().cloned());
            if environment.revocation == RevocationDepth::EndEntity {
                builder = builder.only_check_end_entity_revocation();
            }
            if environment.unknown_status == Choice::Allow {
                builder = builder.allow_unknown_revocation_status();
            }
            if environment.expired_crl == Choice::Deny {
                builder = builder.enforce_revocation_expiration();
            }
        }
        builder
    }};
}

fn server_verifier(environment: &Environment) -> Result<Arc<dyn ServerCertVerifier>, StartError> {
    if environment.profile == Some(Profile::Spiffe) {
        return Ok(Arc::new(spiffe::ServerVerifier::new(environment)?));
    }
    let builder = WebPkiServerVerifier::builder_with_provider(
        roots(&environment.trust)?,
        provider_of(environment.provider),
    );
    let builder = with_crls!(builder, environment);
    Ok(builder.build().map_err(refused)?)
}

fn webpki_client_verifier(
    environment: &Environment,
    trust: &TrustBundle,
) -> Result<Arc<dyn ClientCertVerifier>, StartError> {
    let mut builder = WebPkiClientVerifier::builder_with_provider(
        roots(trust)?,
        provider_of(environment.provider),
    );
    if environment.client_auth == ClientAuth::Optional {
        builder = builder.allow_unauthenticated();
    }
    let builder = with_crls!(builder, environment);
    builder.build().map_err(refused)
}

fn roots(trust: &TrustBundle) -> Result<Arc<RootCertStore>, StartError> {
    let mut roots = RootCertStore::empty();
    for anchor in &trust.anchors {
        roots.add(anchor.clone()).map_err(refused)?;
    }
    Ok(Arc::new(roots))
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

fn refused(error: impl std::fmt::Display) -> StartError {
    StartError::Refused(error.to_string())
}
