//! The peer as a server: it meets a target in the client role.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::ServerConfig;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::lenient::AnyClient;
use super::{Application, NO_SCHEME, Peer, end_of, provider, stay_mute, unheard};
use crate::net::fault::Faulty;
use crate::net::protocol::Protocol;
use crate::net::{Listener, Stream};
use crate::observe::{PeerEnd, PeerView};
use crate::peer::completed;

/// Waits for the target to connect to `listener`, and serves it. `gone` completes when the target has
/// ended: one that has not connected by then never will.
///
/// # Errors
/// When the peer itself cannot be set up: the harness's fault.
pub async fn meet(
    peer: &Peer,
    application: &Application,
    listener: &Listener,
    gone: impl Future<Output = ()>,
) -> io::Result<PeerView> {
    let arrival = async {
        tokio::select! {
            biased;
            stream = listener.accept() => stream.map(Some),
            () = gone => Ok(None),
        }
    };
    serve_arrival(peer, application, arrival).await
}

/// Serves a target that has connected.
///
/// # Errors
/// When the peer itself cannot be set up: the harness's fault.
pub async fn serve(peer: &Peer, application: &Application, stream: Stream) -> io::Result<PeerView> {
    serve_arrival(peer, application, async { Ok(Some(stream)) }).await
}

async fn serve_arrival(
    peer: &Peer,
    application: &Application,
    arrival: impl Future<Output = io::Result<Option<Stream>>>,
) -> io::Result<PeerView> {
    let arrived = Arc::new(AtomicBool::new(false));
    let estranged = Arc::new(AtomicBool::new(false));
    let config = Arc::new(config(peer, &arrived, &estranged)?);
    let mut view = unheard();
    let conversation = async {
        let Some(stream) = arrival.await? else {
            return Ok(PeerEnd::Unmet);
        };
        let end = converse(peer, application, config, stream, &mut view).await;
        Ok::<_, io::Error>(end.unwrap_or_else(|error| end_of(&error)))
    };
    if let Ok(end) = timeout(peer.deadline, conversation).await {
        view.end = end?;
    }
    if estranged.load(Ordering::Relaxed) && view.handshake.is_none() {
        view.end = PeerEnd::NothingInCommon(NO_SCHEME.into());
    }
    view.certificate_arrived = arrived.load(Ordering::Relaxed);
    Ok(view)
}

fn config(
    peer: &Peer,
    arrived: &Arc<AtomicBool>,
    estranged: &Arc<AtomicBool>,
) -> io::Result<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&peer.versions())
        .map_err(io::Error::other)?;
    let builder = if peer.asks {
        builder.with_client_cert_verifier(Arc::new(AnyClient {
            hints: Arc::clone(&peer.hints),
            arrived: Arc::clone(arrived),
        }))
    } else {
        builder.with_no_client_auth()
    };
    let certificates = Presents {
        certified: peer.certified_key(),
        estranged: Arc::clone(estranged),
    };
    let mut config = builder.with_cert_resolver(Arc::new(certificates));
    match &peer.sessions {
        Some(sessions) => config.session_storage = Arc::new(sessions.clone()),
        None => {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
    }
    config.alpn_protocols.clone_from(&peer.alpn);
    Ok(config)
}

/// Says how it ended, and writes down what it sees on the way: the time may be up at any point.
async fn converse(
    peer: &Peer,
    application: &Application,
    config: Arc<ServerConfig>,
    mut stream: Stream,
    view: &mut PeerView,
) -> io::Result<PeerEnd> {
    if peer.mute {
        return stay_mute(peer, &mut stream).await;
    }
    application.protocol.welcome(&mut stream).await?;
    let stream = Faulty::new(stream, peer.faults);
    let mut stream = TlsAcceptor::from(config).accept(stream).await?;
    view.handshake = completed(stream.get_ref().1);
    application.protocol.await_question(&mut stream).await?;
    view.data_arrived = true;
    application.protocol.answer(&mut stream).await?;
    // A moment for what a real client wants next, and for its good-bye: closing at once could reset the
    // answer away. One that keeps its connections need not say any.
    if matches!(application.protocol, Protocol::Line | Protocol::Http) {
        let _ = timeout(peer.listen, stream.shutdown()).await;
    }
    let _ = timeout(peer.listen, application.protocol.attend(&mut stream)).await;
    let _ = timeout(peer.listen, stream.shutdown()).await;
    Ok(PeerEnd::Exchanged)
}

/// Presents one identity whatever the client asks for.
#[derive(Debug)]
struct Presents {
    certified: Arc<CertifiedKey>,
    /// Does the client want signatures that the key cannot make?
    estranged: Arc<AtomicBool>,
}

impl ResolvesServerCert for Presents {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let scheme = self.certified.key.choose_scheme(hello.signature_schemes());
        self.estranged.store(scheme.is_none(), Ordering::Relaxed);
        Some(Arc::clone(&self.certified))
    }
}
