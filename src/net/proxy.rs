//! A TCP proxy in front of a real server, which lets mishaps befall it: the body of a fleet's network
//! where that is made of sockets.
//!
//! Each party has a [`Proxy`] in front of it, and all proxies of a fleet ([`Proxies`]) share one set of
//! conditions. A dialler that says who it is ([`Address::dial_from`]) binds its port before it connects and
//! leaves a note of it, so that a proxy knows both parties of a connection, as the simulated network does.
//! A `relay` carries the octets of one connection.
//!
//! A proxy cannot keep the kernel from taking a connection. Where the simulated network would not answer
//! or refuse, a connection through a proxy is made and then stays silent or is reset.

use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinSet};

use self::relay::Relay;
use super::mishap::{Conditions, Ending, Mishap, Mishaps};
use super::{Address, Carrier, Listener, Stream, Transport};

mod relay;

/// The pause after a connection that could not be accepted.
const RESPITE: Duration = Duration::from_millis(10);

/// A proxy in front of one server. Dropping it ends all its connections.
pub struct Proxy {
    party: String,
    address: SocketAddr,
    wires: Arc<Wires>,
    upstream: Arc<Mutex<SocketAddr>>,
    endings: watch::Sender<Option<Ending>>,
    task: AbortHandle,
}

/// What all proxies of a fleet share.
#[derive(Default)]
pub struct Wires {
    conditions: Mutex<Conditions>,
    /// The conditions have changed.
    changed: Notify,
    /// Who dials from which port, until the proxy has taken the connection.
    diallers: Mutex<BTreeMap<u16, String>>,
}

/// The proxies of a fleet, by the names of the parties behind them.
#[derive(Default)]
pub struct Proxies {
    wires: Arc<Wires>,
    proxies: Mutex<BTreeMap<String, Proxy>>,
}

impl Proxy {
    /// Starts a proxy for this server, at a free port of 127.0.0.1.
    ///
    /// # Errors
    /// What the operating system says, or that there is no runtime.
    pub fn start(upstream: SocketAddr) -> io::Result<Self> {
        Self::before("server", upstream, Arc::default())
    }

    fn before(party: &str, upstream: SocketAddr, wires: Arc<Wires>) -> io::Result<Self> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        let listener = Transport::Tcp.listen()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, listener.port()?));
        let upstream = Arc::new(Mutex::new(upstream));
        let endings = watch::Sender::new(None);
        let front = Front {
            listener,
            party: party.to_owned(),
            wires: Arc::clone(&wires),
            upstream: Arc::clone(&upstream),
            endings: endings.clone(),
        };
        Ok(Self {
            party: party.to_owned(),
            address,
            wires,
            upstream,
            endings,
            task: runtime.spawn(front.accept()).abort_handle(),
        })
    }

    /// Where to dial it; whoever does so by [`Address::dial_from`] is known by name.
    pub fn address(&self) -> Address {
        Address::Proxied(self.address, Arc::clone(&self.wires))
    }

    /// The socket it listens on, for programs.
    pub fn socket(&self) -> SocketAddr {
        self.address
    }

    /// New connections go to this server instead.
    pub fn redirect(&self, upstream: SocketAddr) {
        *locked(&self.upstream) = upstream;
    }

    /// This happens to the server behind it.
    pub fn befall(&self, mishap: Mishap) {
        let ending = locked(&self.wires.conditions).befall(&self.party, mishap);
        self.wires.changed.notify_waiters();
        if ending.is_some() {
            self.endings.send_replace(ending);
        }
    }

    /// All that lasts ends, for all proxies that share their conditions.
    pub fn heal(&self) {
        self.wires.heal();
    }

    /// How many connections it carries.
    pub fn established(&self) -> usize {
        self.endings.receiver_count()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxies {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a proxy in front of this party, or sends the one that it has to another server. Returns where
    /// the party can be dialled, which does not change.
    ///
    /// # Errors
    /// What the operating system says, or that there is no runtime.
    pub fn front(&self, party: &str, upstream: SocketAddr) -> io::Result<Address> {
        let mut proxies = locked(&self.proxies);
        if let Some(proxy) = proxies.get(party) {
            proxy.redirect(upstream);
            return Ok(proxy.address());
        }
        let proxy = Proxy::before(party, upstream, Arc::clone(&self.wires))?;
        let address = proxy.address();
        proxies.insert(party.to_owned(), proxy);
        Ok(address)
    }
}

impl Mishaps for Proxies {
    fn befall(&self, party: &str, mishap: Mishap) {
        match locked(&self.proxies).get(party) {
            Some(proxy) => proxy.befall(mishap),
            // Somebody who only dials: what lasts can befall it all the same.
            None => {
                locked(&self.wires.conditions).befall(party, mishap);
                self.wires.changed.notify_waiters();
            }
        }
    }

    fn isolate(&self, one: &str, other: &str) {
        locked(&self.wires.conditions).isolate(one, other);
        self.wires.changed.notify_waiters();
    }

    fn heal(&self) {
        self.wires.heal();
    }

    fn struck(&self, party: &str) -> u64 {
        locked(&self.wires.conditions).struck(party)
    }

    fn established(&self, party: &str) -> usize {
        locked(&self.proxies)
            .get(party)
            .map_or(0, Proxy::established)
    }
}

impl Wires {
    /// Connects to a proxy as this party.
    pub(super) async fn dial(&self, from: &str, to: SocketAddr) -> io::Result<Stream> {
        let socket = match to {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let port = socket.local_addr()?.port();
        locked(&self.diallers).insert(port, from.to_owned());
        let note = Note { wires: self, port };
        let stream = socket.connect(to).await?;
        // Now the proxy takes it down.
        std::mem::forget(note);
        Stream::of_dialled(stream)
    }

    fn heal(&self) {
        locked(&self.conditions).heal();
        self.changed.notify_waiters();
    }

    /// Waits until something can go from one party to another.
    async fn open(&self, from: &str, to: &str) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if !locked(&self.conditions).stop(from, to) {
                return;
            }
            changed.await;
        }
    }
}

/// Takes the note of a dialler down again that has not got through.
struct Note<'a> {
    wires: &'a Wires,
    port: u16,
}

impl Drop for Note<'_> {
    fn drop(&mut self) {
        locked(&self.wires.diallers).remove(&self.port);
    }
}

/// The accepting side of a proxy.
struct Front {
    listener: Listener,
    party: String,
    wires: Arc<Wires>,
    upstream: Arc<Mutex<SocketAddr>>,
    endings: watch::Sender<Option<Ending>>,
}

impl Front {
    async fn accept(self) {
        let mut relays = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                Some(_) = relays.join_next() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok(stream) => self.relay(stream, &mut relays),
                    // Perhaps no descriptor is free, and some will be when others have ended.
                    Err(_) => tokio::time::sleep(RESPITE).await,
                },
            }
        }
    }

    fn relay(&self, stream: Stream, relays: &mut JoinSet<()>) {
        let Carrier::Tcp(client) = stream.carrier else {
            return;
        };
        let port = client.peer_addr().map_or(0, |address| address.port());
        let dialler = locked(&self.wires.diallers).remove(&port);
        let relay = Relay {
            dialler: dialler.unwrap_or_default(),
            party: self.party.clone(),
            wires: Arc::clone(&self.wires),
        };
        let (upstream, endings) = (Arc::clone(&self.upstream), self.endings.subscribe());
        relays.spawn(async move {
            let upstream = *locked(&upstream);
            relay.carry(client, upstream, endings).await;
        });
    }
}

/// Waits for the next ending; for ever, once there can be none.
async fn ending(endings: &mut watch::Receiver<Option<Ending>>) -> Ending {
    while endings.changed().await.is_ok() {
        if let Some(ending) = *endings.borrow_and_update() {
            return ending;
        }
    }
    pending().await
}

/// Connects without ceremony.
async fn connect(upstream: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(upstream).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
