//! What the shim is told: the variables of the contract, and the files that they name.

use std::env;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mtls_gauntlet::clock::Clock;
use mtls_gauntlet::pki::key::Key;
use mtls_gauntlet::pki::{Identity, TrustBundle};
use mtls_gauntlet::scenario::bench::Provider;
use mtls_gauntlet::scenario::{Choice, ClientAuth, RevocationDepth, Role, TlsVersion};
use mtls_gauntlet::target::Environment;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName};

/// What the shim is told.
pub struct Settings {
    /// The side that it plays.
    pub role: Role,
    /// As a server, where it listens.
    pub listen: Option<SocketAddr>,
    /// What the target inside is started with.
    pub environment: Environment,
}

impl Settings {
    /// Reads the variables and the files.
    ///
    /// # Errors
    /// Names the variable that means nothing, or the file that holds nothing.
    pub fn read() -> Result<Self, String> {
        let role: Role = parse("GAUNTLET_ROLE", &variable("GAUNTLET_ROLE")?)?;
        let (listen, server_name) = match role {
            Role::Server => {
                let listen = parse("GAUNTLET_LISTEN", &variable("GAUNTLET_LISTEN")?)?;
                (Some(listen), "peer.gauntlet.test".to_owned())
            }
            Role::Client => (None, variable("GAUNTLET_SERVER_NAME")?),
        };
        let deadline: u64 = {
            let name = "GAUNTLET_HANDSHAKE_DEADLINE_MS";
            parse(name, &variable(name)?)?
        };
        let key = variable("GAUNTLET_KEY")?;
        let pem = std::fs::read_to_string(&key).map_err(|error| format!("`{key}`: {error}"))?;
        let environment = Environment {
            role,
            clock: Clock::start(),
            identity: Identity {
                chain: certificates("GAUNTLET_CHAIN")?,
                key: Arc::new(Key::from_pem(&pem).map_err(|error| error.to_string())?),
            },
            trust: TrustBundle {
                anchors: certificates("GAUNTLET_TRUST")?,
            },
            trust_domains: Default::default(),
            profile: None,
            client_auth: match env::var("GAUNTLET_CLIENT_AUTH").as_deref() {
                Ok("optional") => ClientAuth::Optional,
                Ok("none") => ClientAuth::None,
                _ => ClientAuth::Required,
            },
            vhost: None,
            versions: versions()?,
            alpn: env::var("GAUNTLET_ALPN").map_or_else(
                |_| Vec::new(),
                |names| names.split(',').map(|name| name.into()).collect(),
            ),
            server_name: ServerName::try_from(server_name)
                .map_err(|error| format!("`GAUNTLET_SERVER_NAME`: {error}"))?,
            crls: lists()?,
            revocation: match variable("GAUNTLET_REVOCATION")?.as_str() {
                "none" => RevocationDepth::None,
                "end-entity" => RevocationDepth::EndEntity,
                _ => RevocationDepth::Chain,
            },
            unknown_status: choice("GAUNTLET_UNKNOWN_STATUS")?,
            expired_crl: choice("GAUNTLET_EXPIRED_CRL")?,
            stapling: env::var_os("GAUNTLET_STAPLING").is_some(),
            resumption: false,
            handshake_deadline: Duration::from_millis(deadline),
            provider: Provider::AwsLcRs,
            digest: String::new(),
        };
        Ok(Self {
            role,
            listen,
            environment,
        })
    }
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("`{name}` is not set"))
}

fn parse<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{name}` is `{text}`"))
}

fn versions() -> Result<Vec<TlsVersion>, String> {
    let (lowest, highest) = (variable("GAUNTLET_MIN_TLS")?, variable("GAUNTLET_MAX_TLS")?);
    let mut versions = TlsVersion::ALL.to_vec();
    versions.retain(|version| match version {
        TlsVersion::Tls12 => lowest == "1.2",
        TlsVersion::Tls13 => highest == "1.3",
    });
    Ok(versions)
}

fn choice(name: &str) -> Result<Choice, String> {
    match variable(name)?.as_str() {
        "allow" => Ok(Choice::Allow),
        "deny" => Ok(Choice::Deny),
        other => Err(format!("`{name}` is `{other}`")),
    }
}

fn certificates(name: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    read_all(&variable(name)?)
}

fn lists() -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    match env::var("GAUNTLET_CRL") {
        Ok(path) => read_all(&path),
        Err(_) => Ok(Vec::new()),
    }
}

/// Everything of this kind in a PEM file, which may be empty.
fn read_all<T: PemObject>(path: &str) -> Result<Vec<T>, String> {
    T::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| format!("`{path}`: {error}"))
}
