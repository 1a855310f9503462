//! The peer as a server: it meets a target in the client role.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::lenient::AnyClient;
use super::{Peer, end_of, provider, stay_mute, unheard};
use crate::net::fault::Faulty;
use crate::net::protocol::Protocol;
use crate::net::{Listener, Stream};
use crate::observe::{PeerEnd, PeerView};
use crate::peer::completed;

/// Waits for the target to connect to `listener`, and serves it.
///
/// # Errors
/// When the peer itself cannot be set up: the harness's fault.
pub async fn meet(peer: &Peer, listener: &Listener) -> io::Result<PeerView> {
    let config = Arc::new(config(peer)?);
    let mut view = unheard();
    let conversation = async {
        let stream = listener.accept().await?;
        let end = converse(peer, config, stream, &mut view).await;
        Ok::<_, io::Error>(end.unwrap_or_else(|error| end_of(&error)))
    };
    if let Ok(end) = timeout(peer.deadline, conversation).await {
        view.end = end?;
    }
    Ok(view)
}

fn config(peer: &Peer) -> io::Result<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&peer.versions())
        .map_err(io::Error::other)?;
    let builder = if peer.asks {
        builder.with_client_cert_verifier(Arc::new(AnyClient {
            hints: Arc::clone(&peer.hints),
        }))
    } else {
        builder.with_no_client_auth()
    };
    let certificates = Presents {
        certified: peer.certified_key(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(certificates));
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols.clone_from(&peer.alpn);
    Ok(config)
}

/// Says how it ended, and writes down what it sees on the way: the time may be up at any point.
async fn converse(
    peer: &Peer,
    config: Arc<ServerConfig>,
    mut stream: Stream,
    view: &mut PeerView,
) -> io::Result<PeerEnd> {
    if peer.mute {
        return stay_mute(peer, &mut stream).await;
    }
    let stream = Faulty::new(stream, peer.faults);
    let mut stream = TlsAcceptor::from(config).accept(stream).await?;
    view.handshake = completed(stream.get_ref().1);
    Protocol::Line.await_question(&mut stream).await?;
    view.data_arrived = true;
    Protocol::Line.answer(&mut stream).await?;
    // Wait a moment for the target's good-bye, so that closing does not reset the answer away. A
    // client that keeps its connections need not say any.
    let mut octet = [0];
    let _ = timeout(peer.listen, stream.read(&mut octet)).await;
    let _ = timeout(peer.listen, stream.shutdown()).await;
    Ok(PeerEnd::Exchanged)
}

/// Presents one identity whatever the client asks for.
#[derive(Debug)]
struct Presents {
    certified: Arc<CertifiedKey>,
}

impl ResolvesServerCert for Presents {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.certified))
    }
}
