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
use super::{Peer, end_of, ended, provider, stay_mute};
use crate::net::fault::Faulty;
use crate::net::{Listener, Stream, exchange};
use crate::observe::{PeerEnd, PeerView};
use crate::peer::completed;

/// Waits for the target to connect to `listener`, and serves it.
///
/// # Errors
/// When the peer itself cannot be set up: the harness's fault.
pub async fn meet(peer: &Peer, listener: &Listener) -> io::Result<PeerView> {
    let config = Arc::new(config(peer)?);
    let conversation = async {
        let stream = listener.accept().await?;
        Ok(converse(peer, config, stream).await)
    };
    timeout(peer.deadline, conversation)
        .await
        .unwrap_or_else(|_| Ok(ended(PeerEnd::TimedOut)))
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

async fn converse(peer: &Peer, config: Arc<ServerConfig>, mut stream: Stream) -> PeerView {
    if peer.mute {
        return stay_mute(peer, &mut stream).await;
    }
    let stream = Faulty::new(stream, peer.faults);
    let mut stream = match TlsAcceptor::from(config).accept(stream).await {
        Ok(stream) => stream,
        Err(error) => return ended(end_of(&error)),
    };
    let mut view = PeerView {
        handshake: completed(stream.get_ref().1),
        data_arrived: false,
        end: PeerEnd::TimedOut,
    };
    match exchange::await_question(&mut stream).await {
        Ok(()) => view.data_arrived = true,
        Err(error) => {
            view.end = end_of(&error);
            return view;
        }
    }
    if let Err(error) = exchange::answer(&mut stream).await {
        view.end = end_of(&error);
        return view;
    }
    view.end = PeerEnd::Exchanged;
    // Wait for the target's good-bye, so that closing does not reset the answer away.
    let mut octet = [0];
    let _ = stream.read(&mut octet).await;
    let _ = stream.shutdown().await;
    view
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
