//! The peer as a client: it meets a target in the server role.

use std::io;
use std::sync::Arc;

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::lenient::AnyServer;
use super::{Peer, end_of, provider, stay_mute, unheard};
use crate::net::fault::Faulty;
use crate::net::protocol::{Opening, Protocol};
use crate::net::{Address, ConnectionId, Stream};
use crate::observe::{PeerEnd, PeerView, TargetEnd, TargetView};
use crate::peer::completed;

/// Meets the server at `address`. `decided` yields the target's view of the connection that it is
/// called with, as soon as the target has made up its mind; where the target cannot tell it pends, and
/// the peer listens for a moment instead.
///
/// # Errors
/// When the peer itself cannot be set up or is refused a connection: the harness's fault.
pub async fn meet<D>(
    peer: &Peer,
    address: &Address,
    decided: impl FnOnce(ConnectionId) -> D,
) -> io::Result<(Option<ConnectionId>, PeerView)>
where
    D: Future<Output = TargetView>,
{
    let config = Arc::new(config(peer)?);
    let mut connection = None;
    let mut view = unheard();
    // A target that does not accept in time hangs as one that does not answer: all is in the deadline.
    let meeting = async {
        let mut crowd = Vec::new();
        for _ in 0..peer.crowd {
            crowd.push(address.dial().await?);
        }
        let stream = address.dial().await?;
        let decided = decided(*connection.insert(stream.id()));
        let end = converse(peer, config, stream, decided, &mut view).await;
        Ok::<_, io::Error>(end.unwrap_or_else(|error| end_of(&error)))
    };
    if let Ok(end) = timeout(peer.deadline, meeting).await {
        view.end = end?;
    }
    Ok((connection, view))
}

fn config(peer: &Peer) -> io::Result<ClientConfig> {
    let certificates = Presents {
        certified: (!peer.presents_nothing()).then(|| peer.certified_key()),
    };
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&peer.versions())
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer))
        .with_client_cert_resolver(Arc::new(certificates));
    config.resumption = Resumption::disabled();
    config.enable_sni = peer.server_name.is_some();
    config.alpn_protocols.clone_from(&peer.alpn);
    Ok(config)
}

/// Says how it ended, and writes down what it sees on the way: the time may be up at any point.
async fn converse(
    peer: &Peer,
    config: Arc<ClientConfig>,
    mut stream: Stream,
    decided: impl Future<Output = TargetView>,
    view: &mut PeerView,
) -> io::Result<PeerEnd> {
    if peer.mute {
        return stay_mute(peer, &mut stream).await;
    }
    // Without a name there is no SNI; rustls still wants something to call the server.
    let name = peer.server_name.clone().map_or_else(
        || ServerName::from(std::net::IpAddr::from(std::net::Ipv4Addr::LOCALHOST)),
        ServerName::DnsName,
    );
    let stream = Faulty::new(stream, peer.faults);
    let mut stream = TlsConnector::from(config).connect(name, stream).await?;
    view.handshake = completed(stream.get_ref().1);
    if let Some(end) = listen(peer, &mut stream, decided, view).await? {
        return Ok(end);
    }
    Protocol::Line
        .ask(&mut stream, Opening::default(), "")
        .await?
        .accepted()?;
    view.data_arrived = true;
    // The evidence is complete; how the other side takes the good-bye is no part of it.
    let _ = stream.shutdown().await;
    Ok(PeerEnd::Exchanged)
}

/// Listens until the target has decided or the moment is over. `None`: it is time to write.
async fn listen(
    peer: &Peer,
    stream: &mut TlsStream<Faulty>,
    decided: impl Future<Output = TargetView>,
    view: &mut PeerView,
) -> io::Result<Option<PeerEnd>> {
    let mut octet = [0];
    let moment = async {
        tokio::select! {
            view = decided => view.end == TargetEnd::Accepted,
            () = sleep(peer.listen) => true,
        }
    };
    tokio::select! {
        biased;
        read = stream.read(&mut octet) => return heard(read, view).map(Some),
        may_write = moment => if may_write { return Ok(None) },
    }
    // The target says that it has refused: whatever comes now is the evidence.
    heard(stream.read(&mut octet).await, view).map(Some)
}

/// The target has spoken before it was asked: nothing of this protocol.
fn heard(read: io::Result<usize>, view: &mut PeerView) -> io::Result<PeerEnd> {
    if read? == 0 {
        return Ok(PeerEnd::Closed);
    }
    view.data_arrived = true;
    Ok(PeerEnd::Failed(
        "the target sent application data before it was asked for any".into(),
    ))
}

/// Presents one identity whatever the server asks for: choosing is not the peer's business.
#[derive(Debug)]
struct Presents {
    certified: Option<Arc<CertifiedKey>>,
}

impl ResolvesClientCert for Presents {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.certified.clone()
    }

    fn has_certs(&self) -> bool {
        self.certified.is_some()
    }
}
