//! The relay of one connection: two pumps, from the dialler to the party and back.
//!
//! A pump reads, gives what it has read the moment at which it may go on, and writes it in order when that
//! has come and nothing stops this direction. So slowness is latency, and does not become a lower rate.
//! The dialler's pump pays the toll before.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Sleep, sleep, timeout};

use super::{Wires, connect, ending, locked};
use crate::net::mishap::Ending;
use crate::net::mishap::toll::{Onward, Toll};

const CHUNK: usize = 16 * 1024;
const CHUNKS: usize = 16;

/// How long a connection that was closed for both parties is read to its end. Dropping what has not been
/// read would turn the close into a reset.
const LINGER: Duration = Duration::from_secs(1);

/// Whose connection it is.
pub(super) struct Relay {
    pub(super) dialler: String,
    pub(super) party: String,
    pub(super) wires: Arc<Wires>,
}

/// What has been read, and when it may go on.
type Parcel = (Sleep, Vec<u8>);

/// Why the pumps have stopped.
enum Stopped {
    /// Both directions were closed.
    Closed,
    Reset,
    Silent,
}

impl Relay {
    /// Carries the octets of a connection until both parties have closed it, or something ends it.
    pub(super) async fn carry(
        self,
        mut client: TcpStream,
        upstream: SocketAddr,
        mut endings: watch::Receiver<Option<Ending>>,
    ) {
        let connected = tokio::select! {
            biased;
            _ = ending(&mut endings) => None,
            connected = self.connect(upstream) => connected.ok(),
        };
        let Some(mut server) = connected else {
            reset(&client);
            return;
        };
        let stopped = tokio::select! {
            biased;
            ending = ending(&mut endings) => match ending {
                Ending::Reset => Stopped::Reset,
                Ending::Close => {
                    close_both(&mut client, &mut server).await;
                    Stopped::Closed
                }
            },
            stopped = self.pump(&mut client, &mut server) => stopped,
        };
        match stopped {
            Stopped::Closed => {}
            Stopped::Reset => {
                reset(&client);
                reset(&server);
            }
            Stopped::Silent => tokio::select! {
                biased;
                () = crash(&mut endings) => {
                    reset(&client);
                    reset(&server);
                }
                () = swallow(&mut client, &mut server) => {}
            },
        }
    }

    async fn connect(&self, upstream: SocketAddr) -> io::Result<TcpStream> {
        self.wires.open(&self.dialler, &self.party).await;
        connect(upstream).await
    }

    async fn pump(&self, client: &mut TcpStream, server: &mut TcpStream) -> Stopped {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let ways = async {
            tokio::try_join!(
                biased;
                self.forth(from_client, to_server),
                self.back(from_server, to_client),
            )
        };
        match ways.await {
            Ok(_) => Stopped::Closed,
            Err(stopped) => stopped,
        }
    }

    async fn forth(&self, from: ReadHalf<'_>, mut into: WriteHalf<'_>) -> Result<(), Stopped> {
        let (dialler, party) = (&*self.dialler, &*self.party);
        let (parcels, sent) = mpsc::channel(CHUNKS);
        // What has passed the toll arrives before the strike does.
        let (onward, ()) = tokio::try_join!(
            biased;
            self.read_dialler(from, parcels),
            self.write(sent, &mut into, dialler, party),
        )?;
        match onward {
            Onward::Goes => self.close(into, dialler, party).await,
            Onward::Cut => Err(Stopped::Reset),
            Onward::Silent => Err(Stopped::Silent),
        }
    }

    async fn back(&self, from: ReadHalf<'_>, mut into: WriteHalf<'_>) -> Result<(), Stopped> {
        let (dialler, party) = (&*self.dialler, &*self.party);
        let (parcels, sent) = mpsc::channel(CHUNKS);
        tokio::try_join!(
            biased;
            self.read_party(from, parcels),
            self.write(sent, &mut into, party, dialler),
        )?;
        self.close(into, party, dialler).await
    }

    /// Reads up to the end or the strike.
    async fn read_dialler(
        &self,
        mut from: ReadHalf<'_>,
        forth: mpsc::Sender<Parcel>,
    ) -> Result<Onward, Stopped> {
        let mut toll = Toll::default();
        let mut octets = Vec::new();
        let mut ended = false;
        loop {
            let (onward, delay) = {
                let conditions = locked(&self.wires.conditions);
                let strike = conditions.strike(&self.party);
                let delay = conditions.delay(&self.dialler, &self.party);
                let onward = toll.pass(&mut octets, strike);
                if toll.take_struck() {
                    conditions.hit(&self.party);
                }
                (onward, delay)
            };
            if !octets.is_empty() {
                let parcel = (sleep(delay), std::mem::take(&mut octets));
                forth.send(parcel).await.map_err(|_| Stopped::Reset)?;
            }
            if ended || onward != Onward::Goes {
                return Ok(onward);
            }
            octets.resize(CHUNK, 0);
            let read = from.read(&mut octets).await;
            let read = read.map_err(|_| Stopped::Reset)?;
            octets.truncate(read);
            ended = read == 0;
        }
    }

    async fn read_party(
        &self,
        mut from: ReadHalf<'_>,
        back: mpsc::Sender<Parcel>,
    ) -> Result<(), Stopped> {
        loop {
            let mut octets = vec![0; CHUNK];
            let read = from.read(&mut octets).await;
            let read = read.map_err(|_| Stopped::Reset)?;
            if read == 0 {
                return Ok(());
            }
            octets.truncate(read);
            let delay = locked(&self.wires.conditions).delay(&self.party, &self.dialler);
            let parcel = (sleep(delay), octets);
            back.send(parcel).await.map_err(|_| Stopped::Reset)?;
        }
    }

    /// Writes parcels when their time has come.
    async fn write(
        &self,
        mut parcels: mpsc::Receiver<Parcel>,
        into: &mut WriteHalf<'_>,
        from: &str,
        to: &str,
    ) -> Result<(), Stopped> {
        while let Some((due, octets)) = parcels.recv().await {
            due.await;
            self.wires.open(from, to).await;
            let written = into.write_all(&octets).await;
            written.map_err(|_| Stopped::Reset)?;
        }
        Ok(())
    }

    /// Closes one direction.
    async fn close(&self, mut into: WriteHalf<'_>, from: &str, to: &str) -> Result<(), Stopped> {
        self.wires.open(from, to).await;
        into.shutdown().await.map_err(|_| Stopped::Reset)
    }
}

/// Closes both ends in an orderly way.
async fn close_both(client: &mut TcpStream, server: &mut TcpStream) {
    // Whoever has gone already cannot be told.
    let _ = client.shutdown().await;
    let _ = server.shutdown().await;
    let _ = timeout(LINGER, swallow(client, server)).await;
}

/// Reads both ends to where they end, and throws it away.
async fn swallow(client: &mut TcpStream, server: &mut TcpStream) {
    let mut nowhere = (tokio::io::sink(), tokio::io::sink());
    let _ = tokio::join!(
        biased;
        tokio::io::copy(client, &mut nowhere.0),
        tokio::io::copy(server, &mut nowhere.1),
    );
}

/// Waits for a reset; a close does not get through to a connection that is silent.
async fn crash(endings: &mut watch::Receiver<Option<Ending>>) {
    while ending(endings).await != Ending::Reset {}
}

/// Makes dropping this stream a reset.
fn reset(stream: &TcpStream) {
    // It fails where the other end has reset it already.
    let _ = stream.set_zero_linger();
}
