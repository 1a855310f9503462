//! The network between the peer and the target: loopback TCP, or pipes in memory; and between the parties
//! of a fleet: a simulated network, or loopback TCP through proxies.
//!
//! All have the same shape (listen, dial, accept), so an in-process target or service runs its real
//! accept loop on each. What befalls a fleet's network is in `mishap`; `fault` is what a single peer does on
//! purpose. Real sockets are set up as a careful service would: TCP_NODELAY at both
//! ends, and a listen backlog of 4096 where tokio's own `bind` gives 128.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Mutex, mpsc};

use self::proxy::Wires;
use self::simulated::Simulated;

pub mod fault;
pub mod mishap;
pub mod protocol;
pub mod proxy;
pub mod simulated;

const BACKLOG: u32 = 4096;
const PIPE_OCTETS: usize = 256 * 1024;

/// What carries the octets.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// TCP on the loopback interface.
    #[default]
    Tcp,
    /// Pipes in memory.
    Memory,
}

impl Transport {
    /// Its word, in files and on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Memory => "memory",
        }
    }

    /// Starts listening on an address of its own choice: a free port of 127.0.0.1, or a new pipe.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn listen(self) -> io::Result<Listener> {
        match self {
            Self::Tcp => {
                let socket = TcpSocket::new_v4()?;
                socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
                Ok(Listener::Tcp(socket.listen(BACKLOG)?))
            }
            Self::Memory => {
                let (dialled, accepted) = mpsc::unbounded_channel();
                Ok(Listener::Memory(
                    Mutex::new(accepted),
                    Arc::new(Pipe::new(dialled)),
                ))
            }
        }
    }
}

/// Something that connections can be accepted from.
pub enum Listener {
    /// A TCP socket.
    Tcp(TcpListener),
    /// The accepting end of a pipe.
    Memory(Mutex<mpsc::UnboundedReceiver<Stream>>, Arc<Pipe>),
    /// A party of a simulated network.
    Simulated(simulated::Port),
}

impl Listener {
    /// Listens at this address.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn at(address: SocketAddr) -> io::Result<Self> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // Ports that an earlier run was visited at linger for a minute.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(Self::Tcp(socket.listen(BACKLOG)?))
    }

    /// The TCP port; 0 for what has none.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn port(&self) -> io::Result<u16> {
        Ok(match self {
            Self::Tcp(listener) => listener.local_addr()?.port(),
            Self::Memory(..) | Self::Simulated(_) => 0,
        })
    }

    /// Where to dial it.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn address(&self) -> io::Result<Address> {
        Ok(match self {
            Self::Tcp(listener) => Address::Tcp(listener.local_addr()?),
            Self::Memory(_, pipe) => Address::Memory(Arc::clone(pipe)),
            Self::Simulated(port) => port.network().address(port.party()),
        })
    }

    /// The next connection.
    ///
    /// # Errors
    /// What the operating system says, or `BrokenPipe` when nobody can dial any more: a pipe has no other
    /// end, or a simulated party has crashed.
    pub async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => {
                let (stream, remote) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Stream {
                    id: ConnectionId::of_port(remote.port()),
                    carrier: Carrier::Tcp(stream),
                })
            }
            Self::Memory(accepted, _) => {
                let next = accepted.lock().await.recv().await;
                next.ok_or_else(|| io::ErrorKind::BrokenPipe.into())
            }
            Self::Simulated(port) => {
                let (number, end) = port.accept().await?;
                Ok(Stream {
                    id: ConnectionId(number),
                    carrier: Carrier::Simulated(end),
                })
            }
        }
    }
}

/// Where a listener can be dialled.
#[derive(Clone)]
pub enum Address {
    /// A socket address.
    Tcp(SocketAddr),
    /// A pipe in memory.
    Memory(Arc<Pipe>),
    /// A party of a simulated network.
    Simulated(Arc<Simulated>, String),
    /// The proxy in front of a party.
    Proxied(SocketAddr, Arc<Wires>),
}

impl Address {
    /// Connects as this party, so that what befalls it, or the pair, befalls the connection. Only networks
    /// of fleets look at the name.
    ///
    /// # Errors
    /// As [`Address::dial`].
    pub async fn dial_from(&self, from: &str) -> io::Result<Stream> {
        match self {
            Self::Simulated(network, party) => network.dial(from, party).await,
            Self::Proxied(address, wires) => wires.dial(from, *address).await,
            Self::Tcp(_) | Self::Memory(_) => self.dial().await,
        }
    }

    /// Connects, as nobody in particular.
    ///
    /// # Errors
    /// What the operating system says, or `ConnectionRefused` when the listener is gone.
    pub async fn dial(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(address) | Self::Proxied(address, _) => {
                Stream::of_dialled(TcpStream::connect(address).await?)
            }
            Self::Memory(pipe) => pipe.dial(),
            Self::Simulated(network, party) => network.dial("", party).await,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) | Self::Proxied(address, _) => address.fmt(f),
            Self::Memory(_) => f.write_str("memory"),
            Self::Simulated(_, party) => party.fmt(f),
        }
    }
}

/// The dialling end of a listener in memory.
pub struct Pipe {
    dialled: mpsc::UnboundedSender<Stream>,
    connections: AtomicU64,
}

impl Pipe {
    fn new(dialled: mpsc::UnboundedSender<Stream>) -> Self {
        Self {
            dialled,
            connections: AtomicU64::new(0),
        }
    }

    fn dial(&self) -> io::Result<Stream> {
        let id = ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed));
        let (near, far) = tokio::io::duplex(PIPE_OCTETS);
        self.dialled
            .send(Stream {
                id,
                carrier: Carrier::Memory(far),
            })
            .map_err(|_| io::ErrorKind::ConnectionRefused)?;
        Ok(Stream {
            id,
            carrier: Carrier::Memory(near),
        })
    }
}

/// Names a connection alike at both ends, as long as its listener lives.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// The connection whose dialling end has this TCP port.
    pub fn of_port(port: u16) -> Self {
        Self(u64::from(port))
    }
}

/// One end of a connection.
pub struct Stream {
    id: ConnectionId,
    carrier: Carrier,
}

enum Carrier {
    Tcp(TcpStream),
    Memory(DuplexStream),
    Simulated(simulated::End),
}

impl Stream {
    fn of_dialled(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self {
            id: ConnectionId::of_port(stream.local_addr()?.port()),
            carrier: Carrier::Tcp(stream),
        })
    }

    /// The connection that this is an end of.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// Waits for the other end's first octet, which stays to be read. True when it closes without any.
    pub async fn left(&self) -> bool {
        match &self.carrier {
            Carrier::Tcp(stream) => !matches!(stream.peek(&mut [0]).await, Ok(1..)),
            Carrier::Memory(_) => false,
            Carrier::Simulated(end) => end.left().await,
        }
    }

    /// Waits for the other end's first octet, which stays to be read, and says what it is; none when it closes
    /// without any. Pipes in memory cannot look without reading, and never say.
    pub async fn first_octet(&self) -> Option<u8> {
        match &self.carrier {
            Carrier::Tcp(stream) => {
                let mut octet = [0];
                let peeked = stream.peek(&mut octet).await;
                peeked.is_ok_and(|count| count > 0).then_some(octet[0])
            }
            Carrier::Memory(_) => None,
            Carrier::Simulated(end) => end.first_octet().await,
        }
    }

    /// Makes dropping this end a reset instead of an orderly close. Pipes in memory have no resets.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn reset_on_drop(&self) -> io::Result<()> {
        match &self.carrier {
            Carrier::Tcp(stream) => stream.set_zero_linger(),
            Carrier::Memory(_) => Ok(()),
            Carrier::Simulated(end) => {
                end.reset_on_drop();
                Ok(())
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.carrier {
            Carrier::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Carrier::Memory(stream) => Pin::new(stream).poll_read(cx, buf),
            Carrier::Simulated(end) => Pin::new(end).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.carrier {
            Carrier::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Carrier::Memory(stream) => Pin::new(stream).poll_write(cx, buf),
            Carrier::Simulated(end) => Pin::new(end).poll_write(cx, buf),
        }
    }

    // A TLS stack that has one go at sending its last words (a ChangeCipherSpec and an alert are two
    // buffers) needs them to leave together.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.carrier {
            Carrier::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Carrier::Memory(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Carrier::Simulated(end) => Pin::new(end).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.carrier {
            Carrier::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Carrier::Memory(stream) => Pin::new(stream).poll_flush(cx),
            Carrier::Simulated(end) => Pin::new(end).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.carrier {
            Carrier::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Carrier::Memory(stream) => Pin::new(stream).poll_shutdown(cx),
            Carrier::Simulated(end) => Pin::new(end).poll_shutdown(cx),
        }
    }
}
