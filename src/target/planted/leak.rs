//! A client that never lets go of a connection whose handshake has failed.
//!
//! A refusal that the peer hears nothing of and that does not close the connection either is a hang
//! for the peer and a lost file descriptor for the client.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::net::protocol::{Opening, Protocol};
use crate::net::{Address, ConnectionId, Stream};
use crate::observe::{TargetEnd, TargetView};
use crate::peer::completed;

use crate::target::{Running, Task};

/// The client.
pub struct LeakyClient {
    connector: TlsConnector,
    server_name: ServerName<'static>,
    deadline: Duration,
    leaked: Mutex<Vec<Stream>>,
}

impl LeakyClient {
    /// A client that expects `server_name`, and gives a handshake as long as `deadline`.
    pub fn new(config: ClientConfig, server_name: ServerName<'static>, deadline: Duration) -> Self {
        Self {
            connector: TlsConnector::from(Arc::new(config)),
            server_name,
            deadline,
            leaked: Mutex::default(),
        }
    }

    async fn converse(&self, peer: Address) -> io::Result<TargetView> {
        let stream = peer.dial().await?;
        let handshake = self.connector.connect(self.server_name.clone(), stream);
        let shaken = timeout(self.deadline, handshake.into_fallible()).await;
        let mut stream = match shaken {
            Ok(Ok(stream)) => stream,
            Ok(Err((error, stream))) => {
                let mut leaked = self.leaked.lock().unwrap_or_else(PoisonError::into_inner);
                leaked.push(stream);
                return Err(error);
            }
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        };
        let handshake = completed(stream.get_ref().1);
        Protocol::Line
            .ask(&mut stream, Opening::default(), "")
            .await?
            .accepted()?;
        stream.shutdown().await?;
        Ok(TargetView {
            end: TargetEnd::Accepted,
            identity: None,
            alert_sent: None,
            handshake,
            data_arrived: true,
        })
    }
}

impl Running for LeakyClient {
    fn address(&self) -> Option<Address> {
        None
    }

    fn decided(&self, _: ConnectionId) -> Task<'_, TargetView> {
        Box::pin(std::future::pending())
    }

    fn view(&self, _: ConnectionId) -> Task<'_, Option<TargetView>> {
        Box::pin(async { None })
    }

    fn connect(&self, peer: Address) -> Task<'_, Option<TargetView>> {
        Box::pin(async move {
            let view = self.converse(peer).await;
            Some(view.unwrap_or_else(|error| TargetView {
                end: TargetEnd::Refused(error.to_string()),
                identity: None,
                alert_sent: None,
                handshake: None,
                data_arrived: false,
            }))
        })
    }
}
