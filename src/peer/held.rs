//! A connection that stays open, so that the peer can ask again after something has changed.

use std::io;

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::client::{encounter, meaning};
use super::{Application, Peer, end_of, unheard};
use crate::net::fault::Faulty;
use crate::net::protocol::Opening;
use crate::net::{Address, ConnectionId};
use crate::observe::{Handshake, PeerEnd, PeerView, TargetView};

/// An open connection to a server that has answered once.
pub struct Held {
    connection: ConnectionId,
    stream: TlsStream<Faulty>,
    handshake: Option<Handshake>,
}

/// Meets the server at `address` as [`client::meet`](super::client::meet) does, and holds the connection
/// if an answer has come.
///
/// # Errors
/// As [`client::meet`](super::client::meet).
pub async fn hold<D>(
    peer: &Peer,
    application: &Application,
    address: &Address,
    decided: impl FnOnce(ConnectionId) -> D,
) -> io::Result<(Option<ConnectionId>, PeerView, Option<Held>)>
where
    D: Future<Output = TargetView>,
{
    let met = encounter(peer, application, address, decided).await?;
    let held = met
        .open
        .zip(met.connection)
        .map(|(stream, connection)| Held {
            connection,
            stream,
            handshake: met.view.handshake.clone(),
        });
    Ok((met.connection, met.view, held))
}

impl Held {
    /// The connection.
    pub fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// A round trip on it.
    pub async fn ask(&mut self, peer: &Peer, application: &Application) -> PeerView {
        let name = peer.server_name.as_ref();
        let host = name.map_or("127.0.0.1", |name| name.as_ref());
        let asking = application
            .protocol
            .ask(&mut self.stream, Opening::default(), host);
        let end = match timeout(peer.deadline, asking).await {
            Ok(Ok(answer)) => meaning(application, answer),
            Ok(Err(error)) => end_of(&error),
            Err(_) => PeerEnd::TimedOut,
        };
        PeerView {
            handshake: self.handshake.clone(),
            data_arrived: end == PeerEnd::Exchanged,
            end,
            ..unheard()
        }
    }

    /// Says good-bye.
    pub async fn close(mut self, peer: &Peer) {
        let _ = timeout(peer.listen, self.stream.shutdown()).await;
    }
}
