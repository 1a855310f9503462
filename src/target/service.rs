//! The in-process service that the embedded targets share: a real accept loop and a real client
//! around a rustls configuration.
//!
//! What differs between the embedded targets is the configuration (whose verifier it holds) and, for
//! planted bugs, the service's [`Manners`]. A service reports what it saw of each connection twice:
//! once it has decided whether to accept the peer, and once the connection is over.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::Acceptor;
use rustls::{AlertDescription, ClientConfig, CommonState, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor, TlsConnector};

use super::session::{Outfit, Scrutiny, Setting};
use super::views::Views;
use super::{Environment, Running, StartError, Task};
use crate::expect::{Alert, HandshakeKind};
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
    /// Keep the connection for further questions, until the peer leaves.
    pub stays: bool,
    /// Tell the application who the peer of a resumed session is.
    pub tells_resumed: bool,
    /// What the application is told about the peer, from the certificates that it presented.
    pub identity: fn(&[CertificateDer<'_>]) -> Option<String>,
}

/// A running service in the server role.
pub struct Server {
    address: Address,
    door: Arc<Door>,
    accept_loop: JoinHandle<()>,
    outfit: Option<Box<dyn Outfit<ServerConfig>>>,
    environment: Option<Arc<Environment>>,
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
        Self::open(Setting::new(config, manners), transport)
    }

    /// Starts accepting connections as the outfit says, which is asked again at each reload.
    ///
    /// # Errors
    /// As [`start`](Self::start), and what the outfit says.
    pub fn outfitted(
        mut outfit: Box<dyn Outfit<ServerConfig>>,
        environment: Arc<Environment>,
        transport: Transport,
    ) -> Result<Self, StartError> {
        let mut server = Self::open(outfit.fit(&environment)?, transport)?;
        server.outfit = Some(outfit);
        server.environment = Some(environment);
        Ok(server)
    }

    fn open(setting: Setting<ServerConfig>, transport: Transport) -> Result<Self, StartError> {
        let broken = |error: io::Error| StartError::Broken(format!("cannot listen: {error}"));
        let listener = transport.listen().map_err(broken)?;
        let address = listener.address().map_err(broken)?;
        let door = Arc::new(Door {
            inline: setting.manners.handshakes_inline,
            setting: Mutex::new(Arc::new(setting)),
            views: Views::default(),
        });
        let accept_loop = tokio::spawn(Arc::clone(&door).accept(listener));
        Ok(Self {
            address,
            door,
            accept_loop,
            outfit: None,
            environment: None,
        })
    }

    fn refit(&mut self, environment: Arc<Environment>) -> Result<(), String> {
        let outfit = self.outfit.as_mut().ok_or(FIXED)?;
        let setting = outfit
            .fit(&environment)
            .map_err(|error| error.to_string())?;
        self.door.change(setting);
        self.environment = Some(environment);
        Ok(())
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
        let watched = self.door.views.of(connection);
        Box::pin(watched.decided())
    }

    fn view(&self, connection: ConnectionId) -> Task<'_, Option<TargetView>> {
        let watched = self.door.views.of(connection);
        Box::pin(async move {
            let view = watched.over().await;
            self.door.views.forget(connection);
            view
        })
    }

    fn connect(&self, _peer: Address) -> Task<'_, Option<TargetView>> {
        Box::pin(async { None })
    }

    fn reload(&mut self, environment: Arc<Environment>) -> Task<'_, Result<(), String>> {
        Box::pin(async move { self.refit(environment) })
    }

    fn forget_sessions(&mut self) -> Result<(), String> {
        self.outfit.as_mut().ok_or(FIXED)?.forget();
        let environment = self.environment.clone().ok_or(FIXED)?;
        self.refit(environment)
    }
}

/// Why a service cannot reload that was started with a configuration and no outfit.
const FIXED: &str = "this service cannot be set up again while it runs";

/// The pause after a connection could not be accepted.
const BREATH: Duration = Duration::from_millis(10);

struct Door {
    inline: bool,
    setting: Mutex<Arc<Setting<ServerConfig>>>,
    views: Views,
}

impl Door {
    fn setting(&self) -> Arc<Setting<ServerConfig>> {
        Arc::clone(&self.setting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, setting: Setting<ServerConfig>) {
        *self.setting.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(setting);
    }

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
            if self.inline {
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
        let whole = self.setting();
        let mut asked = None;
        let handshake = shake(&whole, stream, &mut asked);
        let handshake = within(whole.manners.handshake_deadline, handshake).await;
        let setting = whole.asked_for(asked.as_deref());
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
        let mut view = accepted(stream.get_ref().1, &setting.manners);
        if let Some(words) = objection(stream.get_ref().1, &setting.scrutiny, &view) {
            view = turned_out(view, words);
            self.views.tell(connection, view.clone(), false);
            drain(stream.into_inner().0).await;
            return view;
        }
        self.views.tell(connection, view.clone(), false);
        while setting.manners.answers && Protocol::Line.await_question(&mut stream).await.is_ok() {
            // What held for the first question may have changed since.
            let held = self
                .setting()
                .asked_for(asked.as_deref())
                .scrutiny
                .held
                .clone()
                .filter(|_| view.data_arrived);
            if let Some(Err(words)) = held.map(|held| held(certificates(stream.get_ref().1))) {
                let view = turned_out(view, words);
                self.views.tell(connection, view.clone(), false);
                drain(stream.into_inner().0).await;
                return view;
            }
            view.data_arrived = true;
            // A peer that leaves without the answer is the peer's affair; its view will tell.
            let _ = Protocol::Line.answer(&mut stream).await;
            if !setting.manners.stays {
                break;
            }
        }
        let _ = stream.shutdown().await;
        view
    }
}

/// A server's handshake, by the setting of the virtual host that the client asks for; `asked` becomes its name.
async fn shake(
    setting: &Setting<ServerConfig>,
    stream: Stream,
    asked: &mut Option<String>,
) -> Result<TlsStream<Stream>, (io::Error, Stream)> {
    if setting.vhost.is_none() {
        let acceptor = TlsAcceptor::from(Arc::clone(&setting.config));
        return acceptor.accept(stream).into_fallible().await;
    }
    let mut hello = std::pin::pin!(LazyConfigAcceptor::new(Acceptor::default(), stream));
    let hello = match hello.as_mut().await {
        Ok(hello) => hello,
        Err(error) => {
            return match hello.take_io() {
                Some(stream) => Err((error, stream)),
                None => std::future::pending().await,
            };
        }
    };
    *asked = hello.client_hello().server_name().map(str::to_owned);
    let config = Arc::clone(&setting.asked_for(asked.as_deref()).config);
    hello.into_stream(config).into_fallible().await
}

/// A service in the client role.
pub struct Client {
    setting: Setting<ClientConfig>,
    server_name: ServerName<'static>,
    outfit: Option<Box<dyn Outfit<ClientConfig>>>,
    environment: Option<Arc<Environment>>,
}

impl Client {
    /// A client that expects `server_name`.
    pub fn new(config: ClientConfig, server_name: ServerName<'static>, manners: Manners) -> Self {
        Self {
            setting: Setting::new(config, manners),
            server_name,
            outfit: None,
            environment: None,
        }
    }

    /// A client that is as the outfit says, which is asked again at each reload.
    ///
    /// # Errors
    /// What the outfit says.
    pub fn outfitted(
        mut outfit: Box<dyn Outfit<ClientConfig>>,
        environment: Arc<Environment>,
    ) -> Result<Self, StartError> {
        Ok(Self {
            setting: outfit.fit(&environment)?,
            server_name: environment.server_name.clone(),
            outfit: Some(outfit),
            environment: Some(environment),
        })
    }

    fn refit(&mut self, environment: Arc<Environment>) -> Result<(), String> {
        let outfit = self.outfit.as_mut().ok_or(FIXED)?;
        self.setting = outfit
            .fit(&environment)
            .map_err(|error| error.to_string())?;
        self.server_name = environment.server_name.clone();
        self.environment = Some(environment);
        Ok(())
    }

    async fn converse(&self, peer: Address) -> Option<TargetView> {
        let stream = match peer.dial().await {
            Ok(stream) => stream,
            Err(error) => return Some(refused(format!("cannot connect: {error}"), None)),
        };
        let Setting {
            config,
            manners,
            scrutiny,
            vhost: _,
        } = &self.setting;
        let handshake = TlsConnector::from(Arc::clone(config))
            .connect(self.server_name.clone(), stream)
            .into_fallible();
        let mut stream = match within(manners.handshake_deadline, handshake).await {
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
        let mut view = accepted(stream.get_ref().1, manners);
        if let Some(words) = objection(stream.get_ref().1, scrutiny, &view) {
            drain(stream.into_inner().0).await;
            return Some(turned_out(view, words));
        }
        if manners.answers {
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

    fn reload(&mut self, environment: Arc<Environment>) -> Task<'_, Result<(), String>> {
        Box::pin(async move { self.refit(environment) })
    }

    fn forget_sessions(&mut self) -> Result<(), String> {
        self.outfit.as_mut().ok_or(FIXED)?.forget();
        let environment = self.environment.clone().ok_or(FIXED)?;
        self.refit(environment)
    }
}

/// What a second look at a peer finds wrong with it, after the handshake.
fn objection(connection: &CommonState, scrutiny: &Scrutiny, view: &TargetView) -> Option<String> {
    let recheck = match view.handshake.as_ref()?.kind {
        HandshakeKind::Full => scrutiny.full.as_ref()?,
        HandshakeKind::Resumed => scrutiny.resumed.as_ref()?,
    };
    recheck(certificates(connection)).err()
}

/// What the peer presented, now or when its session was made.
fn certificates(connection: &CommonState) -> &[CertificateDer<'static>] {
    connection.peer_certificates().unwrap_or_default()
}

/// The view of a peer that had been let in and is sent away.
fn turned_out(view: TargetView, words: String) -> TargetView {
    TargetView {
        end: TargetEnd::Refused(words),
        identity: None,
        ..view
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

fn accepted(connection: &CommonState, manners: &Manners) -> TargetView {
    let handshake = completed(connection);
    let full = handshake
        .as_ref()
        .is_none_or(|handshake| handshake.kind == HandshakeKind::Full);
    let told = full || manners.tells_resumed;
    let known = connection.peer_certificates().filter(|_| told);
    TargetView {
        end: TargetEnd::Accepted,
        identity: known.and_then(manners.identity),
        alert_sent: None,
        handshake,
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
    TargetView {
        end: TargetEnd::Crashed(words_of(panic)),
        ..refused(String::new(), None)
    }
}

/// What a panic has said.
pub(crate) fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|words| (*words).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".into())
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
