//! The peer: the harness's own end of the connection, opposite the target.
//!
//! It presents what the scenario says, verifies nothing, and reports what it saw. In TLS 1.3 the
//! target judges after the peer's handshake is done, so the peer listens a moment before it writes: a
//! request sent into a refusal turns the alert into a reset, and the evidence is gone.

use std::io;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rustls::crypto::{CryptoProvider, aws_lc_rs, ring};
use rustls::pki_types::{CertificateDer, DnsName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, CommonState, DistinguishedName, SupportedProtocolVersion};
use tokio::io::AsyncReadExt;

use crate::expect::Alert;
use crate::net::Stream;
use crate::net::fault::{Faults, Silence};
use crate::net::protocol::Protocol;
use crate::observe::{Handshake, HandshakeKind, PeerEnd, PeerView};
use crate::pki::Identity;
use crate::scenario::bench::Provider;
use crate::scenario::{HandshakePoint, TlsVersion};

use self::session::Sessions;

pub mod client;
mod hark;
pub mod held;
mod lenient;
pub mod server;
pub mod session;

/// Everything that the peer needs to know about one connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// What it presents; an empty chain presents nothing.
    pub identity: Identity,
    /// The OCSP response that it staples, as a server.
    pub staple: Vec<u8>,
    /// The only TLS version that it speaks.
    pub version: TlsVersion,
    /// The server name that it asks for, as a client.
    pub server_name: Option<DnsName<'static>>,
    /// The application protocols that it offers.
    pub alpn: Vec<Vec<u8>>,
    /// The authorities that it names in its CertificateRequest, as a server.
    pub hints: Arc<[DistinguishedName]>,
    /// Does it ask for a client certificate, as a server?
    pub asks: bool,
    /// What it does to its own octets on their way out.
    pub faults: Faults,
    /// It says nothing at all.
    pub mute: bool,
    /// How many silent connections it opens first, as a client.
    pub crowd: u16,
    /// The sessions that it keeps; none: it throws them away, and every handshake is a full one.
    pub sessions: Option<Sessions>,
    /// How long it listens before it writes, where the target does not tell that it has decided.
    pub listen: Duration,
    /// How long the whole connection may take.
    pub deadline: Duration,
}

/// What a target speaks inside TLS, and what its answers mean.
#[derive(Clone, Debug)]
pub struct Application {
    /// The protocol.
    pub protocol: Protocol,
    /// The HTTP status codes that are acceptance.
    pub accepts: Vec<u16>,
    /// The HTTP status codes that are a refusal above TLS.
    pub refuses: Vec<u16>,
}

impl Default for Application {
    fn default() -> Self {
        Self {
            protocol: Protocol::Line,
            accepts: vec![200],
            refuses: vec![400, 403],
        }
    }
}

impl Peer {
    /// The faults of a peer that stalls or aborts at these points.
    pub fn faults(stalls: Option<HandshakePoint>, aborts: Option<HandshakePoint>) -> Faults {
        let silence = stalls.or(aborts).and_then(|point| match point {
            HandshakePoint::FirstByte => None,
            HandshakePoint::HalfFirstFlight => Some(Silence::HalfFirstFlight),
            HandshakePoint::AfterFirstFlight => Some(Silence::AfterFirstFlight),
        });
        Faults {
            silence,
            reset: aborts.is_some(),
            ..Faults::default()
        }
    }

    fn certified_key(&self) -> Arc<CertifiedKey> {
        let mut certified =
            CertifiedKey::new(self.identity.chain.clone(), self.identity.key.signer());
        if !self.staple.is_empty() {
            certified.ocsp = Some(self.staple.clone());
        }
        Arc::new(certified)
    }

    fn presents_nothing(&self) -> bool {
        self.identity.chain.is_empty()
    }

    fn versions(&self) -> [&'static SupportedProtocolVersion; 1] {
        [match self.version {
            TlsVersion::Tls12 => &rustls::version::TLS12,
            TlsVersion::Tls13 => &rustls::version::TLS13,
        }]
    }
}

/// The cryptographic provider that both ends share.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));
    Arc::clone(&PROVIDER)
}

/// The provider for an end whose cryptography is chosen.
pub(crate) fn provider_of(choice: Provider) -> Arc<CryptoProvider> {
    static RING: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(ring::default_provider()));
    match choice {
        Provider::AwsLcRs => provider(),
        Provider::Ring => Arc::clone(&RING),
    }
}

/// A client that presents this, or nothing, whatever it is asked for, and verifies nobody. Its clock is
/// that of the machine, by which nothing of it is judged.
///
/// # Errors
/// What the TLS library says.
pub fn presenting(
    identity: Option<(
        Vec<CertificateDer<'static>>,
        Arc<dyn rustls::sign::SigningKey>,
    )>,
) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(lenient::AnyServer));
    let mut config = match identity {
        Some((chain, key)) => {
            let certified = CertifiedKey::new(chain, key);
            let resolver = rustls::sign::SingleCertAndKey::from(certified);
            builder.with_client_cert_resolver(Arc::new(resolver))
        }
        None => builder.with_no_client_auth(),
    };
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

/// The handshake that a connection has completed, if it has: either end's view of it.
pub(crate) fn completed(connection: &CommonState) -> Option<Handshake> {
    let version = match connection.protocol_version()? {
        rustls::ProtocolVersion::TLSv1_2 => TlsVersion::Tls12,
        rustls::ProtocolVersion::TLSv1_3 => TlsVersion::Tls13,
        _ => return None,
    };
    let kind = match connection.handshake_kind()? {
        rustls::HandshakeKind::Resumed => HandshakeKind::Resumed,
        _ => HandshakeKind::Full,
    };
    Some(Handshake { version, kind })
}

/// Why a certificate could not be presented.
const NO_SCHEME: &str = "it offers no signature scheme that the peer's key can sign with";

/// How an error of the connection ended it.
fn end_of(error: &io::Error) -> PeerEnd {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match (tls, error.kind()) {
        (Some(rustls::Error::AlertReceived(description)), _) => {
            let number = u8::from(*description);
            Alert::from_number(number).map_or(PeerEnd::UnnamedAlert(number), PeerEnd::Alert)
        }
        (Some(rustls::Error::PeerIncompatible(_)), _) => {
            PeerEnd::NothingInCommon(error.to_string())
        }
        (
            Some(
                rustls::Error::PeerMisbehaved(_)
                | rustls::Error::InvalidMessage(_)
                | rustls::Error::InappropriateMessage { .. }
                | rustls::Error::InappropriateHandshakeMessage { .. }
                | rustls::Error::DecryptError
                | rustls::Error::PeerSentOversizedRecord,
            ),
            _,
        ) => PeerEnd::Misbehaved(error.to_string()),
        (Some(other), _) => PeerEnd::Failed(other.to_string()),
        (None, io::ErrorKind::UnexpectedEof) => PeerEnd::Closed,
        (
            None,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted,
        ) => PeerEnd::Reset,
        (None, _) => PeerEnd::Failed(error.to_string()),
    }
}

/// Says nothing, and waits for the target to end the connection, or resets it at once.
async fn stay_mute(peer: &Peer, stream: &mut Stream) -> io::Result<PeerEnd> {
    if peer.faults.reset {
        stream.reset_on_drop()?;
        return Ok(PeerEnd::Reset);
    }
    let mut octets = [0; 256];
    while stream.read(&mut octets).await? > 0 {}
    Ok(PeerEnd::Closed)
}

/// What the peer has seen when there was nobody to meet.
pub fn unmet() -> PeerView {
    PeerView {
        end: PeerEnd::Unmet,
        ..unheard()
    }
}

/// What the peer has seen before anything has happened, and when nothing ever does.
fn unheard() -> PeerView {
    PeerView {
        handshake: None,
        data_arrived: false,
        certificate_arrived: false,
        end: PeerEnd::TimedOut,
    }
}
