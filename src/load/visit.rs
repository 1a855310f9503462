//! A visit: one call, from the first octet to the answer.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::credentials::{Credentials, Purse, resuming};
use super::habits::Habits;
use super::ledger::Ledger;
use super::shown;
use crate::expect::HandshakeKind;
use crate::net::protocol::{Answer, Opening, forwarded, health};
use crate::net::{Address, ConnectionId, Stream};
use crate::oracle::history::{Call, CallOutcome, Connection, Micros, Serial, ServerView};
use crate::peer::Application;
use crate::scenario::fleet::Canary;

/// For how long a caller that presumes to be accepted is busy with something else.
const DISTRACTION: Duration = Duration::from_millis(20);

/// Where a server is, and what it speaks.
pub struct Destination {
    /// The server's name in the history.
    pub name: String,
    /// The name that callers ask for and expect.
    pub server_name: ServerName<'static>,
    /// Where it listens; another after a restart.
    pub address: Mutex<Address>,
    /// What it speaks inside TLS; a fleet's services share it.
    pub application: Arc<Application>,
    /// Asks the server what it has seen of a connection, where it can tell.
    pub views: Option<Box<dyn Fn(ConnectionId) -> Option<ServerView> + Send + Sync>>,
}

/// The manner in which a call reaches its server.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Manner {
    /// A new connection with a full handshake, closed after the call.
    Fresh,
    /// A connection that is kept for the next call, and looked at before it is used again.
    Pooled,
    /// A connection that lives as long as it may: what breaks it breaks the call.
    Stream,
    /// A new connection that resumes the session of the last one.
    Resuming,
    /// The same by a caller that throws no session away.
    Hoarding,
    /// As fresh, by a caller that says in plain words that it is somebody else.
    Claiming,
}

/// One caller's way to one server.
pub struct Visitor {
    /// The caller's name in the history.
    pub caller: String,
    /// What is wrong with the caller.
    pub canary: Option<Canary>,
    /// How it comes.
    pub manner: Manner,
    /// What it presents.
    pub purse: Arc<dyn Purse>,
    /// How long a call may take.
    pub timeout: Duration,
    /// What it does that it should not.
    pub habits: Habits,
    kept: tokio::sync::Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    connection: Option<Open>,
    session: Option<Session>,
    broken: bool,
}

/// A session store, and what the sessions in it rest on.
struct Session {
    config: Arc<ClientConfig>,
    edition: u64,
    serial: Option<Serial>,
    presented: Option<Serial>,
    verified: Option<Micros>,
    good_until: i64,
}

/// An open connection, and how it came about.
struct Open {
    stream: TlsStream<Stream>,
    id: ConnectionId,
    opened: Micros,
    edition: u64,
    handshake: Option<HandshakeKind>,
    serial: Option<Serial>,
    presented: Option<Serial>,
    verified: Option<Micros>,
    opening: Opening,
    /// The last second in which the server's certificates are valid, since 1970.
    good_until: i64,
}

impl Visitor {
    /// A caller's way to a server that it has not gone yet.
    pub fn new(caller: &str, manner: Manner, purse: Arc<dyn Purse>, timeout: Duration) -> Self {
        Self {
            caller: caller.to_owned(),
            canary: None,
            manner,
            purse,
            timeout,
            habits: Habits::default(),
            kept: tokio::sync::Mutex::default(),
        }
    }

    /// Calls the server once, and says what came of it.
    pub async fn call(&self, id: u64, destination: &Destination, ledger: &Ledger) -> Call {
        let invoked = ledger.now();
        let mut call = Call {
            id,
            caller: self.caller.clone(),
            server: destination.name.clone(),
            canary: self.canary,
            serial: None,
            invoked,
            completed: invoked,
            connection: Connection {
                opened: invoked,
                reused: false,
                handshake: None,
                verified: None,
            },
            outcome: CallOutcome::TimedOut,
            presented: None,
            server_view: None,
        };
        let mut connection = None;
        let visit = self.try_visit(&mut call, destination, ledger, &mut connection);
        if let Ok(outcome) = timeout(self.timeout, visit).await {
            call.outcome = match outcome {
                // A stranger's signatures are bad by nature.
                CallOutcome::KeyMismatch if self.canary.is_some() => {
                    CallOutcome::Refused("alert DecryptError".into())
                }
                outcome => outcome,
            };
        }
        call.completed = ledger.now();
        call.server_view = match (&destination.views, connection) {
            (Some(views), Some(connection)) => views(connection),
            _ => None,
        };
        call
    }

    async fn try_visit(
        &self,
        call: &mut Call,
        destination: &Destination,
        ledger: &Ledger,
        connection: &mut Option<ConnectionId>,
    ) -> CallOutcome {
        let tries = if self.habits.insists {
            Habits::TRIES
        } else {
            1
        };
        let mut outcome = CallOutcome::TimedOut;
        for _ in 0..tries {
            outcome = self.visit(call, destination, ledger, connection).await;
            if !matches!(outcome, CallOutcome::Refused(_)) {
                break;
            }
        }
        if self.habits.undresses && !outcome.accepted() {
            // What it presented and was shown before has nothing to do with this.
            (call.serial, call.presented, call.connection.handshake) = (None, None, None);
            outcome = self.visit_in_the_clear(destination, connection).await;
        }
        outcome
    }

    async fn visit(
        &self,
        call: &mut Call,
        destination: &Destination,
        ledger: &Ledger,
        connection: &mut Option<ConnectionId>,
    ) -> CallOutcome {
        let Some(credentials) = self.purse.credentials() else {
            return CallOutcome::Refused("the caller has no certificate".into());
        };
        call.serial = credentials.serial;
        let Some(config) = &credentials.config else {
            return self.visit_in_the_clear(destination, connection).await;
        };
        // Two calls at once do not share what is kept; the second comes as somebody new.
        let asks_again = destination.application.protocol.asks_again();
        let kept = match self.manner {
            Manner::Fresh | Manner::Claiming => None,
            Manner::Pooled | Manner::Stream if !asks_again => None,
            _ => self.kept.try_lock().ok(),
        };
        let Some(mut kept) = kept else {
            let opened = self
                .open(
                    call,
                    destination,
                    ledger,
                    Arc::clone(config),
                    &credentials,
                    connection,
                )
                .await;
            return match opened {
                Ok(mut open) => {
                    let outcome = self.ask(&mut open, destination).await;
                    let _ = open.stream.shutdown().await;
                    outcome
                }
                Err(outcome) => outcome,
            };
        };
        match self.manner {
            Manner::Resuming | Manner::Hoarding => {
                self.resume(
                    &mut kept,
                    call,
                    destination,
                    ledger,
                    &credentials,
                    connection,
                )
                .await
            }
            _ => {
                self.reuse(
                    &mut kept,
                    call,
                    destination,
                    ledger,
                    &credentials,
                    connection,
                )
                .await
            }
        }
    }

    /// Calls over the connection that is kept, or over a new one that is kept from now on.
    async fn reuse(
        &self,
        kept: &mut Kept,
        call: &mut Call,
        destination: &Destination,
        ledger: &Ledger,
        credentials: &Credentials,
        connection: &mut Option<ConnectionId>,
    ) -> CallOutcome {
        if let Some(open) = &mut kept.connection {
            let changed = open.edition != credentials.edition || self.is_past(open.good_until);
            let outdated = changed && !self.habits.clings;
            let dead = self.manner == Manner::Pooled
                && !self.habits.clutches
                && has_ended(&mut open.stream).await;
            if (outdated || dead)
                && let Some(mut open) = kept.connection.take()
            {
                let _ = open.stream.shutdown().await;
            }
        }
        let mut open = match kept.connection.take() {
            None if kept.broken => return CallOutcome::Refused("the caller has given up".into()),
            Some(open) => {
                call.connection.reused = true;
                call.connection.opened = open.opened;
                call.connection.handshake = open.handshake;
                call.connection.verified = open.verified;
                call.serial = open.serial;
                call.presented = open.presented;
                *connection = Some(open.id);
                open
            }
            None => {
                let Some(config) = &credentials.config else {
                    return CallOutcome::Refused("the caller does not speak TLS".into());
                };
                let config = Arc::clone(config);
                match self
                    .open(call, destination, ledger, config, credentials, connection)
                    .await
                {
                    Ok(open) => open,
                    Err(outcome) => return outcome,
                }
            }
        };
        // While the call is under way the connection is in nobody's hands: whatever interrupts it, a
        // timeout for one, ends the connection too.
        let mut outcome = self.ask_and_stay(&mut open.stream, destination).await;
        let may_let_go = destination.application.protocol.lets_go_of_idlers();
        if may_let_go && call.connection.reused && is_gone(&outcome) {
            call.connection.reused = false;
            call.connection.verified = None;
            let Some(config) = &credentials.config else {
                return outcome;
            };
            let config = Arc::clone(config);
            call.serial = credentials.serial;
            open = match self
                .open(call, destination, ledger, config, credentials, connection)
                .await
            {
                Ok(open) => open,
                Err(outcome) => return outcome,
            };
            outcome = self.ask_and_stay(&mut open.stream, destination).await;
        }
        if outcome.accepted() || self.habits.clutches {
            kept.connection = Some(open);
        } else {
            kept.broken = self.habits.gives_up && self.manner == Manner::Stream;
        }
        outcome
    }

    /// Calls over a new connection, by the session of the last one where the server will have it.
    async fn resume(
        &self,
        kept: &mut Kept,
        call: &mut Call,
        destination: &Destination,
        ledger: &Ledger,
        credentials: &Credentials,
        connection: &mut Option<ConnectionId>,
    ) -> CallOutcome {
        let Some(config) = &credentials.config else {
            return CallOutcome::Refused("the caller does not speak TLS".into());
        };
        let hoards = self.manner == Manner::Hoarding;
        let outdated = |session: &Session| {
            let changed = session.edition != credentials.edition;
            (changed || self.is_past(session.good_until)) && !hoards
        };
        if kept.session.as_ref().is_none_or(outdated) {
            kept.session = Some(Session {
                config: resuming(config, hoards),
                edition: credentials.edition,
                serial: credentials.serial,
                presented: None,
                verified: None,
                good_until: i64::MAX,
            });
        }
        let Some(session) = &mut kept.session else {
            return CallOutcome::Refused("the caller has no session".into());
        };
        let config = Arc::clone(&session.config);
        let mut open = match self
            .open(call, destination, ledger, config, credentials, connection)
            .await
        {
            Ok(open) => open,
            Err(outcome) => return outcome,
        };
        if open.handshake == Some(HandshakeKind::Resumed) {
            call.serial = session.serial;
            call.presented = session.presented;
            call.connection.verified = session.verified;
        } else {
            session.serial = open.serial;
            session.presented = open.presented;
            session.verified = Some(call.invoked);
            session.good_until = open.good_until;
        }
        let outcome = self.ask(&mut open, destination).await;
        let _ = open.stream.shutdown().await;
        outcome
    }

    async fn ask(&self, open: &mut Open, destination: &Destination) -> CallOutcome {
        if self.habits.presumes {
            // Long enough for the server to have its say, to which nobody listens.
            sleep(DISTRACTION).await;
            return CallOutcome::Accepted;
        }
        let stream = &mut open.stream;
        if self.canary == Some(Canary::Prober) {
            let asked = health::ask(stream).await.map(|_| Answer::Accepted);
            return outcome_of_answer(asked, &destination.application);
        }
        if self.manner == Manner::Claiming {
            let asked = forwarded::claim(stream, self.somebody_else()).await;
            return outcome_of_answer(asked, &destination.application);
        }
        ask(stream, destination, open.opening).await
    }

    /// A name that services know, and that is not its own.
    fn somebody_else(&self) -> &'static str {
        match self.caller.as_str() {
            "caller-0" => "caller-1",
            _ => "caller-0",
        }
    }

    /// The same over a connection that is to stay.
    async fn ask_and_stay(
        &self,
        stream: &mut TlsStream<Stream>,
        destination: &Destination,
    ) -> CallOutcome {
        if self.habits.presumes {
            return CallOutcome::Accepted;
        }
        ask_and_stay(stream, destination).await
    }

    async fn open(
        &self,
        call: &mut Call,
        destination: &Destination,
        ledger: &Ledger,
        config: Arc<ClientConfig>,
        credentials: &Credentials,
        connection: &mut Option<ConnectionId>,
    ) -> Result<Open, CallOutcome> {
        let opened = ledger.now();
        let mut stream = self.dial(destination).await?;
        let id = *connection.insert(stream.id());
        let protocol = destination.application.protocol;
        let opening = protocol
            .open(&mut stream)
            .await
            .map_err(|error| outcome_of(&error))?;
        let connector = TlsConnector::from(config);
        let connecting = connector.connect(destination.server_name.clone(), stream);
        let (connected, shown) = shown::watch(connecting).await;
        if credentials.verifies {
            call.presented = shown;
        }
        let stream = connected.map_err(|error| outcome_of(&error))?;
        let (_, tls) = stream.get_ref();
        let handshake = tls.handshake_kind().map(|kind| match kind {
            rustls::HandshakeKind::Resumed => HandshakeKind::Resumed,
            _ => HandshakeKind::Full,
        });
        let presented = tls
            .peer_certificates()
            .and_then(|chain| chain.first())
            .and_then(serial_of)
            .filter(|_| credentials.verifies);
        let chain = tls.peer_certificates().unwrap_or_default().iter();
        let good_until = chain.filter_map(not_after).min().unwrap_or(i64::MAX);
        call.connection.opened = opened;
        call.connection.handshake = handshake;
        call.presented = presented;
        Ok(Open {
            stream,
            id,
            opened,
            edition: credentials.edition,
            handshake,
            serial: credentials.serial,
            presented,
            verified: None,
            opening,
            good_until,
        })
    }

    /// Is this second over, for the caller?
    fn is_past(&self, second: i64) -> bool {
        self.purse.unix().is_some_and(|now| now > second)
    }

    async fn dial(&self, destination: &Destination) -> Result<Stream, CallOutcome> {
        let address = destination
            .address
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        address
            .dial_from(&self.caller)
            .await
            .map_err(|error| CallOutcome::Refused(format!("nobody was there: {}", error.kind())))
    }

    async fn visit_in_the_clear(
        &self,
        destination: &Destination,
        connection: &mut Option<ConnectionId>,
    ) -> CallOutcome {
        let mut stream = match self.dial(destination).await {
            Ok(stream) => stream,
            Err(outcome) => return outcome,
        };
        *connection = Some(stream.id());
        ask(&mut stream, destination, Opening::default()).await
    }
}

/// The serial number of a certificate, where it fits.
pub fn serial_of(der: &CertificateDer<'_>) -> Option<Serial> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    u64::try_from(&certificate.tbs_certificate.serial).ok()
}

fn not_after(der: &CertificateDer<'_>) -> Option<i64> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate.validity().not_after.timestamp())
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    destination: &Destination,
    opening: Opening,
) -> CallOutcome {
    let host = destination.server_name.to_str();
    let protocol = destination.application.protocol;
    let answer = protocol.ask(stream, opening, &host).await;
    outcome_of_answer(answer, &destination.application)
}

async fn ask_and_stay<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    destination: &Destination,
) -> CallOutcome {
    let host = destination.server_name.to_str();
    let protocol = destination.application.protocol;
    let asking = protocol.ask_and_stay(stream, Opening::default(), &host);
    outcome_of_answer(asking.await, &destination.application)
}

fn outcome_of_answer(answer: io::Result<Answer>, application: &Application) -> CallOutcome {
    match answer {
        Ok(Answer::Accepted) => CallOutcome::Accepted,
        Ok(Answer::Status(status)) if application.accepts.contains(&status) => {
            CallOutcome::Accepted
        }
        Ok(Answer::Status(status)) => CallOutcome::Refused(format!("HTTP {status}")),
        Ok(Answer::Refused(words) | Answer::Strange(words)) => CallOutcome::Refused(words),
        Err(error) => outcome_of(&error),
    }
}

/// Was it the connection's end that ended the call?
fn is_gone(outcome: &CallOutcome) -> bool {
    matches!(outcome, CallOutcome::Refused(words) if words == CLOSED || words == RESET)
}

const CLOSED: &str = "closed";
const RESET: &str = "reset";

/// Has the other end gone? Looked at without waiting.
async fn has_ended(stream: &mut TlsStream<Stream>) -> bool {
    let mut octet = [0];
    timeout(Duration::ZERO, stream.read(&mut octet))
        .await
        .is_ok()
}

/// What an error of the connection means for the call.
fn outcome_of(error: &io::Error) -> CallOutcome {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(CertificateError::BadSignature)) => {
            CallOutcome::KeyMismatch
        }
        Some(rustls::Error::AlertReceived(rustls::AlertDescription::DecryptError)) => {
            CallOutcome::KeyMismatch
        }
        Some(rustls::Error::AlertReceived(alert)) => CallOutcome::alerted(alert),
        Some(rustls::Error::InvalidCertificate(reason)) => {
            CallOutcome::RefusedServer(format!("{reason:?}"))
        }
        Some(other) => CallOutcome::Refused(other.to_string()),
        None => CallOutcome::Refused(match error.kind() {
            io::ErrorKind::UnexpectedEof => CLOSED.into(),
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted => RESET.into(),
            kind => kind.to_string(),
        }),
    }
}
