//! Tiny targets, each odd in the one way that a rule of evidence is about.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use mtls_gauntlet::net::protocol::Protocol;
use mtls_gauntlet::net::{Address, ConnectionId, Listener, Stream, Transport};
use mtls_gauntlet::observe::{TargetEnd, TargetView};
use mtls_gauntlet::scenario::Role;
use mtls_gauntlet::target::rustls::{Rustls, client_config, manners, server_config};
use mtls_gauntlet::target::service::{Client, Manners, Server};
use mtls_gauntlet::target::{Capability, Environment, Running, StartError, Target, Task};

type Started = Result<Box<dyn Running>, StartError>;

/// A target made of the function that starts it.
pub struct Odd {
    start: Box<dyn Fn(Arc<Environment>, Transport) -> Started + Send + Sync>,
    lacks: Option<Capability>,
    known: Option<&'static str>,
    starts: Arc<AtomicU32>,
}

impl Odd {
    /// A target that is started so, can do everything and has no known deviation.
    pub fn new(
        start: impl Fn(Arc<Environment>, Transport) -> Started + Send + Sync + 'static,
    ) -> Self {
        Self {
            start: Box::new(start),
            lacks: None,
            known: None,
            starts: Arc::default(),
        }
    }

    /// It cannot do this.
    pub fn lacking(self, capability: Capability) -> Self {
        Self {
            lacks: Some(capability),
            ..self
        }
    }

    /// Whatever it does is a known deviation, for this reason.
    pub fn known_for(self, reason: &'static str) -> Self {
        Self {
            known: Some(reason),
            ..self
        }
    }

    /// How often somebody has tried to start it, as long as it lives and after.
    pub fn starts(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.starts)
    }
}

impl Target for Odd {
    fn name(&self) -> String {
        "odd".into()
    }

    fn version(&self) -> String {
        "1".into()
    }

    fn supports(&self, _: Role, capability: Capability) -> bool {
        self.lacks != Some(capability)
    }

    fn known(&self, _: &str) -> Option<&str> {
        self.known
    }

    fn start(&self, environment: Arc<Environment>, transport: Transport) -> Task<'_, Started> {
        self.starts.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move { (self.start)(environment, transport) })
    }
}

/// As the embedded rustls target does it.
pub fn careful(environment: Arc<Environment>, transport: Transport) -> Started {
    Rustls::load().unwrap().launch(environment, transport)
}

/// With this verifier in place of rustls's own, and these manners.
pub fn verifying(
    answer: Answer,
    change: impl Fn(&mut Manners) + Send + Sync + 'static,
) -> impl Fn(Arc<Environment>, Transport) -> Started {
    move |environment, transport| {
        let verifier = Arc::new(Says(answer));
        let mut manners = manners(&environment);
        change(&mut manners);
        Ok(match environment.role {
            Role::Server => {
                let config = server_config(&environment, Some(verifier))?;
                Box::new(Server::start(config, manners, transport)?)
            }
            Role::Client => Box::new(Client::new(
                client_config(&environment, verifier)?,
                environment.server_name.clone(),
                manners,
            )),
        })
    }
}

/// It takes connections and never says anything.
pub fn silent(_: Arc<Environment>, transport: Transport) -> Started {
    Ok(Box::new(Silent(listen(transport)?)))
}

struct Silent(Listener);

impl Running for Silent {
    fn address(&self) -> Option<Address> {
        self.0.address().ok()
    }

    fn decided(&self, _: ConnectionId) -> Task<'_, TargetView> {
        Box::pin(std::future::pending())
    }

    fn view(&self, _: ConnectionId) -> Task<'_, Option<TargetView>> {
        Box::pin(async { None })
    }

    fn connect(&self, _: Address) -> Task<'_, Option<TargetView>> {
        Box::pin(std::future::pending())
    }
}

/// It works as another does, and cannot tell anything about it.
pub fn mute(
    start: impl Fn(Arc<Environment>, Transport) -> Started,
) -> impl Fn(Arc<Environment>, Transport) -> Started {
    move |environment, transport| Ok(Box::new(Mute(start(environment, transport)?)))
}

struct Mute(Box<dyn Running>);

impl Running for Mute {
    fn address(&self) -> Option<Address> {
        self.0.address()
    }

    fn decided(&self, _: ConnectionId) -> Task<'_, TargetView> {
        Box::pin(std::future::pending())
    }

    fn view(&self, _: ConnectionId) -> Task<'_, Option<TargetView>> {
        Box::pin(async { None })
    }

    fn connect(&self, peer: Address) -> Task<'_, Option<TargetView>> {
        Box::pin(async {
            self.0.connect(peer).await;
            None
        })
    }
}

/// A server that takes the peer's question and closes without an answer.
pub fn swallowing(environment: Arc<Environment>, transport: Transport) -> Started {
    let config = server_config(&environment, Some(Arc::new(Says(Answer::Anyone))))?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = listen(transport)?;
    let address = listener.address().map_err(broken)?;
    let (seen, view) = watch::channel(None);
    tokio::spawn(async move {
        while let Ok(stream) = listener.accept().await {
            let mut stream = acceptor.accept(stream).await.unwrap();
            Protocol::Line.await_question(&mut stream).await.unwrap();
            let _ = stream.shutdown().await;
            seen.send_replace(Some(TargetView {
                end: TargetEnd::Accepted,
                identity: None,
                alert_sent: None,
                handshake: None,
                data_arrived: true,
            }));
        }
    });
    Ok(Box::new(Swallowing { address, view }))
}

struct Swallowing {
    address: Address,
    view: watch::Receiver<Option<TargetView>>,
}

impl Running for Swallowing {
    fn address(&self) -> Option<Address> {
        Some(self.address.clone())
    }

    fn decided(&self, _: ConnectionId) -> Task<'_, TargetView> {
        Box::pin(std::future::pending())
    }

    fn view(&self, _: ConnectionId) -> Task<'_, Option<TargetView>> {
        let mut view = self.view.clone();
        Box::pin(async move { view.wait_for(Option::is_some).await.ok()?.clone() })
    }

    fn connect(&self, _: Address) -> Task<'_, Option<TargetView>> {
        Box::pin(async { None })
    }
}

/// A careful server behind a network that loses its alerts (those that are not encrypted) and closes
/// the connection in their place, as a reset that overtakes them does.
pub fn losing_alerts(environment: Arc<Environment>, transport: Transport) -> Started {
    let inner = careful(environment, transport)?;
    let listener = listen(transport)?;
    let address = listener.address().map_err(broken)?;
    let behind = inner.address().unwrap();
    tokio::spawn(async move {
        while let Ok(stream) = listener.accept().await {
            let inner = behind.dial().await.unwrap();
            tokio::spawn(lose_alerts(stream, inner));
        }
    });
    Ok(Box::new(Behind { inner, address }))
}

async fn lose_alerts(peer: Stream, target: Stream) -> io::Result<()> {
    const ALERT: u8 = 21;
    let (mut from_peer, mut to_peer) = tokio::io::split(peer);
    let (mut from_target, mut to_target) = tokio::io::split(target);
    let there = async {
        tokio::io::copy(&mut from_peer, &mut to_target).await?;
        to_target.shutdown().await
    };
    let back = async {
        loop {
            let mut header = [0; 5];
            if from_target.read_exact(&mut header).await.is_err() || header[0] == ALERT {
                return to_peer.shutdown().await;
            }
            let mut body = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
            from_target.read_exact(&mut body).await?;
            to_peer.write_all(&header).await?;
            to_peer.write_all(&body).await?;
        }
    };
    tokio::try_join!(there, back).map(|_| ())
}

/// A server that is reached at another address than its own.
struct Behind {
    inner: Box<dyn Running>,
    address: Address,
}

// In memory a listener counts its connections, so both ends of this network call them alike.
impl Running for Behind {
    fn address(&self) -> Option<Address> {
        Some(self.address.clone())
    }

    fn decided(&self, connection: ConnectionId) -> Task<'_, TargetView> {
        self.inner.decided(connection)
    }

    fn view(&self, connection: ConnectionId) -> Task<'_, Option<TargetView>> {
        self.inner.view(connection)
    }

    fn connect(&self, peer: Address) -> Task<'_, Option<TargetView>> {
        self.inner.connect(peer)
    }
}

/// A careful server that falls apart: from this connection on it closes on everybody.
pub fn falling_apart(after: usize) -> impl Fn(Arc<Environment>, Transport) -> Started {
    move |environment, transport| {
        let inner = careful(environment, transport)?;
        let listener = listen(transport)?;
        let address = listener.address().map_err(broken)?;
        let behind = inner.address().unwrap();
        tokio::spawn(async move {
            for _ in 0..after {
                let mut stream = listener.accept().await.unwrap();
                let mut inner = behind.dial().await.unwrap();
                tokio::spawn(async move {
                    tokio::io::copy_bidirectional(&mut stream, &mut inner).await
                });
            }
            while let Ok(stream) = listener.accept().await {
                drop(stream);
            }
        });
        Ok(Box::new(Mute(Box::new(Behind { inner, address }))))
    }
}

/// It works as another does, until it dies of its second connection and stays dead.
pub fn dying_at_the_second(inner: Box<dyn Running>) -> Box<dyn Running> {
    Box::new(Mortal {
        inner,
        connections: Cell::new(0),
    })
}

struct Mortal {
    inner: Box<dyn Running>,
    connections: Cell<u32>,
}

impl Running for Mortal {
    fn address(&self) -> Option<Address> {
        self.inner.address()
    }

    fn decided(&self, connection: ConnectionId) -> Task<'_, TargetView> {
        self.connections.set(self.connections.get() + 1);
        self.inner.decided(connection)
    }

    fn view(&self, connection: ConnectionId) -> Task<'_, Option<TargetView>> {
        Box::pin(async move {
            let mut view = self.inner.view(connection).await?;
            if self.connections.get() > 1 {
                view.end = TargetEnd::Crashed("of old age".into());
            }
            Some(view)
        })
    }

    fn connect(&self, peer: Address) -> Task<'_, Option<TargetView>> {
        self.inner.connect(peer)
    }
}

/// It counts the connections that are made to a careful server.
pub fn counting(connections: Arc<AtomicU32>) -> impl Fn(Arc<Environment>, Transport) -> Started {
    move |environment, transport| {
        Ok(Box::new(Counting {
            inner: careful(environment, transport)?,
            connections: Arc::clone(&connections),
        }))
    }
}

struct Counting {
    inner: Box<dyn Running>,
    connections: Arc<AtomicU32>,
}

impl Running for Counting {
    fn address(&self) -> Option<Address> {
        self.inner.address()
    }

    fn decided(&self, connection: ConnectionId) -> Task<'_, TargetView> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.inner.decided(connection)
    }

    fn view(&self, connection: ConnectionId) -> Task<'_, Option<TargetView>> {
        self.inner.view(connection)
    }

    fn connect(&self, peer: Address) -> Task<'_, Option<TargetView>> {
        self.inner.connect(peer)
    }
}

/// What a verifier says of every certificate.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// Come in.
    Anyone,
    /// Go away.
    Nobody,
    /// It dies.
    Death,
}

#[derive(Debug)]
struct Says(Answer);

impl Says {
    fn answer(&self) -> Result<(), rustls::Error> {
        match self.0 {
            Answer::Anyone => Ok(()),
            Answer::Nobody => Err(CertificateError::UnknownIssuer.into()),
            // A panic that does not write its backtrace all over the tests' output.
            Answer::Death => std::panic::resume_unwind(Box::new("out of cheese")),
        }
    }
}

impl ClientCertVerifier for Says {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.answer().map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        schemes()
    }
}

impl ServerCertVerifier for Says {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.answer().map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        schemes()
    }
}

fn schemes() -> Vec<SignatureScheme> {
    default_provider()
        .signature_verification_algorithms
        .supported_schemes()
}

fn listen(transport: Transport) -> Result<Listener, StartError> {
    transport.listen().map_err(broken)
}

fn broken(error: io::Error) -> StartError {
    StartError::Broken(error.to_string())
}
