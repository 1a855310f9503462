//! One connection: dialled, authenticated, asked a question, and closed; with the moment of each.
//!
//! Only an answer of the target's counts. In TLS 1.3 a client is done before the server has looked at its
//! certificate (RFC 8446 section 2), so a handshake that is complete at the client's end says nothing.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_rustls::TlsConnector;

use super::{asking, tickets};
use crate::clock::Tick;
use crate::expect::{Alert, HandshakeKind};
use crate::net::protocol::{Answer, Opening};
use crate::net::{Address, Stream};
use crate::peer::Application;
use crate::scenario::bench::Close;

/// Whom a worker's callers call, and how.
#[derive(Clone)]
pub(super) struct Line {
    /// Where the target listens.
    pub(super) address: Address,
    /// What it speaks.
    pub(super) application: Application,
    /// What it is called, in TLS and in HTTP.
    pub(super) server_name: ServerName<'static>,
    /// How a connection ends.
    pub(super) close: Close,
    /// How long one may take.
    pub(super) patience: Duration,
}

/// What became of a connection that was answered, with the moments that led there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered {
    /// The kind of its handshake; none without TLS.
    pub(super) kind: Option<HandshakeKind>,
    /// Has the server asked for the caller's certificate in it?
    pub(super) asked: bool,
    /// It was dialled.
    pub(super) dialled: Tick,
    /// TCP was connected.
    pub(super) connected: Tick,
    /// TLS began, after what the protocol says in the clear.
    pub(super) began: Tick,
    /// The client was done.
    pub(super) done: Tick,
    /// The server had confirmed.
    pub(super) confirmed: Tick,
    /// The first octet of the answer was there.
    pub(super) first_octet: Tick,
}

/// Why a connection was not answered, in words that can be counted: `alert certificate_expired`.
#[derive(Clone, Debug)]
pub(super) enum Failed {
    /// The target has sent the caller away.
    Refused(String),
    /// The machine, or the harness's own end, was in the way; or nothing came.
    Otherwise(String),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Refused(words) | Self::Otherwise(words)) = self;
        f.write_str(words)
    }
}

impl Line {
    /// One connection, over TLS where there is a configuration.
    pub(super) async fn call(
        &self,
        config: Option<&Arc<ClientConfig>>,
    ) -> Result<Answered, Failed> {
        match tokio::time::timeout(self.patience, self.converse(config)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failed::Otherwise("no answer in time".into())),
        }
    }

    async fn converse(&self, config: Option<&Arc<ClientConfig>>) -> Result<Answered, Failed> {
        let dialled = Tick::now();
        let mut stream = self
            .address
            .dial()
            .await
            .map_err(|error| Failed::Otherwise(format!("cannot connect: {}", error.kind())))?;
        let connected = Tick::now();
        let opening = self.application.protocol.open(&mut stream).await;
        let opening = opening.map_err(|error| reason(&error))?;
        let began = Tick::now();
        let moments = Answered {
            kind: None,
            asked: false,
            dialled,
            connected,
            began,
            done: began,
            confirmed: began,
            first_octet: began,
        };
        let Some(config) = config else {
            return self
                .ask(stream, opening, moments, Stream::reset_on_drop)
                .await;
        };
        let connector = TlsConnector::from(Arc::clone(config));
        let mut handshake = pin!(connector.connect(self.server_name.clone(), stream));
        let mut asked = false;
        let stream = poll_fn(|cx| {
            // What was asked in somebody else's handshake is not ours.
            asking::asked();
            let polled = handshake.as_mut().poll(cx);
            asked |= asking::asked();
            polled
        })
        .await
        .map_err(|error| reason(&error))?;
        let done = Tick::now();
        let connection = stream.get_ref().1;
        let kind = connection.handshake_kind().map(|kind| match kind {
            rustls::HandshakeKind::Resumed => HandshakeKind::Resumed,
            _ => HandshakeKind::Full,
        });
        // In a full handshake of TLS 1.2 the server has the last word (RFC 5246 section 7.3).
        let last_word = connection.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_2)
            && kind == Some(HandshakeKind::Full);
        let moments = Answered {
            kind,
            asked,
            done,
            ..moments
        };
        let resets =
            |stream: &tokio_rustls::client::TlsStream<Stream>| stream.get_ref().0.reset_on_drop();
        let answered = self.ask(stream, opening, moments, resets).await?;
        Ok(match last_word {
            true => Answered {
                confirmed: done,
                ..answered
            },
            false => answered,
        })
    }

    async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        opening: Opening,
        moments: Answered,
        resets: impl FnOnce(&S) -> io::Result<()>,
    ) -> Result<Answered, Failed> {
        let mut stream = Noted {
            stream,
            ticket: None,
            first_octet: None,
        };
        let Application {
            protocol, accepts, ..
        } = &self.application;
        let host = self.server_name.to_str();
        let answer = protocol.ask(&mut stream, opening, &host).await;
        let refused = match answer.map_err(|error| reason(&error))? {
            Answer::Accepted => None,
            Answer::Status(status) if accepts.contains(&status) => None,
            Answer::Status(status) => Some(Failed::Refused(format!("HTTP status {status}"))),
            Answer::Refused(_) => Some(Failed::Refused(
                "refused by the application protocol".into(),
            )),
            Answer::Strange(_) => Some(Failed::Otherwise("an answer that is none".into())),
        };
        match self.close {
            // Nothing can be done about a socket that will not have it; it closes as it may.
            Close::Reset => drop(resets(&stream.stream)),
            Close::Fin => drop(stream.stream.shutdown().await),
        }
        if let Some(refused) = refused {
            return Err(refused);
        }
        let first_octet = stream.first_octet.unwrap_or_else(Tick::now);
        Ok(Answered {
            confirmed: stream.ticket.unwrap_or(first_octet),
            first_octet,
            ..moments
        })
    }
}

/// A stream that notes when its first octet has come, and its first session ticket.
struct Noted<S> {
    stream: S,
    ticket: Option<Tick>,
    first_octet: Option<Tick>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Noted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.first_octet.is_some() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let before = buf.filled().len();
        // What came with somebody else's read is not ours.
        tickets::came();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if tickets::came() && self.ticket.is_none() {
            self.ticket = Some(Tick::now());
        }
        if buf.filled().len() > before {
            self.first_octet = Some(Tick::now());
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Noted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// What ended the connection, in words that can be counted.
fn reason(error: &io::Error) -> Failed {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::AlertReceived(description)) => {
            let number = u8::from(*description);
            Failed::Refused(match Alert::from_number(number) {
                Some(alert) => format!("alert {alert}"),
                None => format!("alert {number}"),
            })
        }
        Some(error) => Failed::Otherwise(format!("TLS: {error}")),
        None => match error.kind() {
            io::ErrorKind::UnexpectedEof => Failed::Refused("closed without an answer".into()),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                Failed::Refused("reset".into())
            }
            kind => Failed::Otherwise(kind.to_string()),
        },
    }
}
