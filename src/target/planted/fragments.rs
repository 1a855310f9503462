//! A server that takes what is in the first record for the whole ClientHello.
//!
//! It routes connections by what the ClientHello says, and where it cannot read that it falls back to
//! a configuration that asks for no certificate: the mistake of CVE-2026-32305. RFC 8446 section 5.1
//! lets a client spread its ClientHello over as many records as it likes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::net::protocol::Protocol;
use crate::net::{Address, ConnectionId, Listener, Stream, Transport};
use crate::observe::TargetView;
use crate::target::{Running, StartError, Task};

/// The server.
pub struct FragmentServer {
    address: Address,
    accept_loop: JoinHandle<()>,
}

impl FragmentServer {
    /// Starts accepting connections: `careless` is for those whose ClientHello is in pieces. A
    /// handshake may take as long as `deadline`.
    ///
    /// # Errors
    /// `Broken` when no address can be listened on.
    pub fn start(
        careful: ServerConfig,
        careless: ServerConfig,
        deadline: Duration,
        transport: Transport,
    ) -> Result<Self, StartError> {
        let broken = |error: io::Error| StartError::Broken(format!("cannot listen: {error}"));
        let listener = transport.listen().map_err(broken)?;
        let address = listener.address().map_err(broken)?;
        let router = Router {
            careful: TlsAcceptor::from(Arc::new(careful)),
            careless: TlsAcceptor::from(Arc::new(careless)),
            deadline,
        };
        let accept_loop = tokio::spawn(Arc::new(router).accept(listener));
        Ok(Self {
            address,
            accept_loop,
        })
    }
}

impl Drop for FragmentServer {
    fn drop(&mut self) {
        self.accept_loop.abort();
    }
}

/// It does not tell what it sees: the peer's view has to do.
impl Running for FragmentServer {
    fn address(&self) -> Option<Address> {
        Some(self.address.clone())
    }

    fn decided(&self, _: ConnectionId) -> Task<'_, TargetView> {
        Box::pin(std::future::pending())
    }

    fn view(&self, _: ConnectionId) -> Task<'_, Option<TargetView>> {
        Box::pin(async { None })
    }

    fn connect(&self, _: Address) -> Task<'_, Option<TargetView>> {
        Box::pin(async { None })
    }
}

struct Router {
    careful: TlsAcceptor,
    careless: TlsAcceptor,
    deadline: Duration,
}

impl Router {
    async fn accept(self: Arc<Self>, listener: Listener) {
        while let Ok(stream) = listener.accept().await {
            let router = Arc::clone(&self);
            tokio::spawn(async move {
                // What becomes of one connection is the peer's to tell.
                let _ = router.serve(stream).await;
            });
        }
    }

    async fn serve(&self, stream: Stream) -> io::Result<()> {
        let mut stream = match timeout(self.deadline, self.shake_hands(stream)).await {
            Ok(shaken) => shaken?,
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        };
        Protocol::Line.await_question(&mut stream).await?;
        Protocol::Line.answer(&mut stream).await?;
        stream.shutdown().await
    }

    async fn shake_hands(&self, mut stream: Stream) -> io::Result<TlsStream<Replayed>> {
        let mut record = vec![0; HEADER];
        stream.read_exact(&mut record).await?;
        let payload = usize::from(u16::from_be_bytes([record[3], record[4]]));
        record.resize(HEADER + payload, 0);
        stream.read_exact(&mut record[HEADER..]).await?;
        let acceptor = if holds_a_whole_message(&record[HEADER..]) {
            &self.careful
        } else {
            &self.careless
        };
        let replayed = Replayed {
            record,
            replayed: 0,
            stream,
        };
        match acceptor.accept(replayed).into_fallible().await {
            Ok(stream) => Ok(stream),
            Err((error, mut stream)) => {
                // Reading what is under way keeps the alert from being lost in a reset.
                stream.shutdown().await?;
                let _ = stream.read_to_end(&mut Vec::new()).await;
                Err(error)
            }
        }
    }
}

const HEADER: usize = 5;

/// Is the first handshake message of this record complete (RFC 8446 section 4)?
fn holds_a_whole_message(payload: &[u8]) -> bool {
    match payload {
        [_, high, middle, low, body @ ..] => {
            let length = u32::from_be_bytes([0, *high, *middle, *low]);
            usize::try_from(length).is_ok_and(|length| length <= body.len())
        }
        _ => false,
    }
}

/// A stream whose first record has been looked at already.
struct Replayed {
    record: Vec<u8>,
    replayed: usize,
    stream: Stream,
}

impl AsyncRead for Replayed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = self.record.get(self.replayed..).unwrap_or_default();
        if left.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let fitting = left.len().min(buf.remaining());
        buf.put_slice(&left[..fitting]);
        self.replayed += fitting;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Replayed {
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
