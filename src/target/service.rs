//! The in-process service that the embedded targets share: a real accept loop and a real client
//! around a rustls configuration.
//!
//! What differs between the embedded targets is the configuration (whose verifier it holds) and, for
//! planted bugs, the service's [`Manners`]. A service reports what it saw of each connection twice:
//! once it has decided whether to accept the peer, and once the connection is over.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{AlertDescription, ClientConfig, CommonState, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::views::Views;
use super::{Running, StartError, Task};
use crate::expect::Alert;
use crate::net::protocol::{Answer, Opening, Protocol};
use crate::net::{Address, ConnectionId, Listener, Stream, Transport};
use crate::observe::{TargetEnd, TargetView};
use crate::peer::completed;
use crate::scenario::Role;

/// How a service treats its connections. The default is how a careful one does.
#[derive(Clone, Debug)]
pub struct Manners {
    /// How long a handshake may take; `None` waits for ever.
    pub handshake_deadline: Option<Duration>,
    /// Do handshakes inside the accept loop, one after the other.
    pub handshakes_inline: bool,
    /// Answer the peer's question.
    pub answers: bool,
    /// What the application is told about the peer, from the certificates that it presented.
    pub identity: fn(&[CertificateDer<'_>]) -> Option<String>,
}

/// A running service in the server role.
pub struct Server {
    address: Address,
    views: Arc<Views>,
    accept_loop: JoinHandle<()>,
}

impl Server {
    /// Starts accepting connections.
    ///
    /// # Errors
    /// `Broken` when no address can be listened on.
    pub fn start(
        config: ServerConfig,
        manners: Manners,
        transport: Transport,
    ) -> Result<Self, StartError> {
        let broken = |error: io::Error| StartError::Broken(format!("cannot listen: {error}"));
        let listener = transport.listen().map_err(broken)?;
        let address = listener.address().map_err(broken)?;
        let views = Arc::new(Views::default());
        let door = Door {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            manners,
            views: Arc::clone(&views),
        };
        let accept_loop = tokio::spawn(Arc::new(door).accept(listener));
        Ok(Self {
            address,
            views,
            accept_loop,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accept_loop.abort();
    }
}

impl Running for Server {
    fn address(&self) -> Option<Address> {
        Some(self.address.clone())
    }

    fn decided(&self, connection: ConnectionId) -> Task<'_, TargetView> {
        let watched = self.views.of(connection);
        Box::pin(watched.decided())
    }

    fn view(&self, connection: ConnectionId) -> Task<'_, Option<TargetView>> {
        let watched = self.views.of(connection);
        Box::pin(async move {
            let view = watched.over().await;
            self.views.forget(connection);
            view
        })
    }

    fn connect(&self, _peer: Address) -> Task<'_, Option<TargetView>> {
        Box::pin(async { None })
    }
}

/// The pause after a connection could not be accepted.
const BREATH: Duration = Duration::from_millis(10);

struct Door {
    acceptor: TlsAcceptor,
    manners: Manners,
    views: Arc<Views>,
}

impl Door {
    async fn accept(self: Arc<Self>, listener: Listener) {
        loop {
            let stream = match listener.accept().await {
                Ok(stream) => stream,
                // Nobody can dial any more.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return,
                // A connection that was gone before it was accepted, or no file descriptor left: what
                // is wrong with one must not end the service for all.
                Err(_) => {
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            };
            let serving = Arc::clone(&self).serve(stream);
            if self.manners.handshakes_inline {
                serving.await;
            } else {
                tokio::spawn(serving);
            }
        }
    }

    async fn serve(self: Arc<Self>, stream: Stream) {
        let connection = stream.id();
        let conversation = AssertUnwindSafe(self.converse(stream)).catch_unwind();
        let view = conversation
            .await
            .unwrap_or_else(|panic| crashed(panic.as_ref()));
        self.views.tell(connection, view, true);
    }

    async fn converse(&self, stream: Stream) -> TargetView {
        let connection = stream.id();
        let handshake = self.acceptor.accept(stream).into_fallible();
        let handshake = within(self.manners.handshake_deadline, handshake).await;
        let mut stream = match handshake {
            None => return refused("the handshake took longer than its deadline".into(), None),
            Some(Err((error, stream))) => {
                let view = refused(error.to_string(), alert_sent(&error, Role::Server));
                self.views.tell(connection, view.clone(), false);
                drain(stream).await;
                return view;
            }
            Some(Ok(stream)) => stream,
        };
        let mut view = accepted(stream.get_ref().1, self.manners.identity);
        self.views.tell(connection, view.clone(), false);
        if self.manners.answers && Protocol::Line.await_question(&mut stream).await.is_ok() {
            view.data_arrived = true;
            // A peer that leaves without the answer is the peer's affair; its view will tell.
            let _ = Protocol::Line.answer(&mut stream).await;
        }
        let _ = stream.shutdown().await;
        view
    }
}

/// A service in the client role.
pub struct Client {
    connector: TlsConnector,
    server_name: ServerName<'static>,
    manners: Manners,
}

impl Client {
    /// A client that expects `server_name`.
    pub fn new(config: ClientConfig, server_name: ServerName<'static>, manners: Manners) -> Self {
        Self {
            connector: TlsConnector::from(Arc::new(config)),
            server_name,
            manners,
        }
    }

    async fn converse(&self, peer: Address) -> Option<TargetView> {
        let stream = match peer.dial().await {
            Ok(stream) => stream,
            Err(error) => return Some(refused(format!("cannot connect: {error}"), None)),
        };
        let handshake = self
            .connector
            .connect(self.server_name.clone(), stream)
            .into_fallible();
        let mut stream = match within(self.manners.handshake_deadline, handshake).await {
            None => {
                let reason = "the handshake took longer than its deadline".into();
                return Some(refused(reason, None));
            }
            Some(Err((error, stream))) => {
                drain(stream).await;
                return Some(refused(error.to_string(), alert_sent(&error, Role::Client)));
            }
            Some(Ok(stream)) => stream,
        };
        let mut view = accepted(stream.get_ref().1, self.manners.identity);
        if self.manners.answers {
            let answer = Protocol::Line.ask(&mut stream, Opening::default(), "");
            match answer.await.and_then(Answer::accepted) {
                Ok(()) => view.data_arrived = true,
                Err(error) => {
                    view.end = TargetEnd::Refused(format!("no answer came: {error}"));
                }
            }
        }
        let _ = stream.shutdown().await;
        Some(view)
    }
}

impl Running for Client {
    fn address(&self) -> Option<Address> {
        None
    }

    fn decided(&self, _connection: ConnectionId) -> Task<'_, TargetView> {
        Box::pin(std::future::pending())
    }

    fn view(&self, _connection: ConnectionId) -> Task<'_, Option<TargetView>> {
        Box::pin(async { None })
    }

    fn connect(&self, peer: Address) -> Task<'_, Option<TargetView>> {
        Box::pin(async move {
            let conversation = AssertUnwindSafe(self.converse(peer)).catch_unwind();
            conversation
                .await
                .unwrap_or_else(|panic| Some(crashed(panic.as_ref())))
        })
    }
}

async fn within<T>(deadline: Option<Duration>, work: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => timeout(deadline, work).await.ok(),
        None => Some(work.await),
    }
}

/// Reads what is still under way before the socket is closed: closing a TCP socket that holds unread
/// octets resets the connection, and the reset can overtake the alert.
async fn drain(mut stream: Stream) {
    const LONGEST: Duration = Duration::from_millis(500);
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut sink = [0; 4096];
    let _ = timeout(LONGEST, async {
        while matches!(stream.read(&mut sink).await, Ok(octets) if octets > 0) {}
    })
    .await;
}

fn accepted(
    connection: &CommonState,
    identity: fn(&[CertificateDer<'_>]) -> Option<String>,
) -> TargetView {
    TargetView {
        end: TargetEnd::Accepted,
        identity: connection.peer_certificates().and_then(identity),
        alert_sent: None,
        handshake: completed(connection),
        data_arrived: false,
    }
}

fn refused(reason: String, alert_sent: Option<Alert>) -> TargetView {
    TargetView {
        end: TargetEnd::Refused(reason),
        identity: None,
        alert_sent,
        handshake: None,
        data_arrived: false,
    }
}

fn crashed(panic: &(dyn std::any::Any + Send)) -> TargetView {
    let words = panic
        .downcast_ref::<&str>()
        .map(|words| (*words).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".into());
    TargetView {
        end: TargetEnd::Crashed(words),
        ..refused(String::new(), None)
    }
}

/// The alert that rustls sends with this error. Its own mapping is public for certificates only;
/// where it is not, the target does not claim to know and the peer's view stands alone.
fn alert_sent(error: &io::Error, role: Role) -> Option<Alert> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    let description = match error {
        rustls::Error::InvalidCertificate(reason) => AlertDescription::from(reason.clone()),
        rustls::Error::NoCertificatesPresented if role == Role::Server => {
            AlertDescription::CertificateRequired
        }
        rustls::Error::NoApplicationProtocol if role == Role::Server => {
            AlertDescription::NoApplicationProtocol
        }
        _ => return None,
    };
    Alert::from_number(u8::from(description))
}
