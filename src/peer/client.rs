//! The peer as a client: it meets a target in the server role.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::client::{ClientSessionStore, ResolvesClientCert, Resumption, Tls12Resumption};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::hark::Hark;
use super::lenient::AnyServer;
use super::{Application, NO_SCHEME, Peer, end_of, provider, stay_mute, unheard};
use crate::clock::Clock;
use crate::net::fault::Faulty;
use crate::net::protocol::Answer;
use crate::net::{Address, ConnectionId, Stream};
use crate::observe::{PeerEnd, PeerView, TargetEnd, TargetView};
use crate::peer::completed;
use crate::scenario::TlsVersion;

/// Meets the server at `address`, and says good-bye. `decided` yields the target's view of the connection that it is
/// called with, as soon as the target has made up its mind; where the target cannot tell it pends, and
/// the peer listens for a moment instead.
///
/// # Errors
/// When the peer itself cannot be set up or is refused a connection: the harness's fault.
pub async fn meet<D>(
    peer: &Peer,
    application: &Application,
    address: &Address,
    decided: impl FnOnce(ConnectionId) -> D,
) -> io::Result<(Option<ConnectionId>, PeerView)>
where
    D: Future<Output = TargetView>,
{
    let mut met = encounter(peer, application, address, decided).await?;
    if let Some(stream) = &mut met.open {
        // The evidence is complete; how the other side takes the good-bye is no part of it.
        let _ = timeout(peer.deadline, stream.shutdown()).await;
    }
    Ok((met.connection, met.view))
}

/// What came of meeting a server.
pub(super) struct Met {
    /// The connection, if there was one.
    pub(super) connection: Option<ConnectionId>,
    /// What the peer saw.
    pub(super) view: PeerView,
    /// The connection while it is open: only after an answer.
    pub(super) open: Option<TlsStream<Faulty>>,
}

/// Meets the server at `address`, and leaves the connection open where an answer has come.
///
/// # Errors
/// As [`meet`].
pub(super) async fn encounter<D>(
    peer: &Peer,
    application: &Application,
    address: &Address,
    decided: impl FnOnce(ConnectionId) -> D,
) -> io::Result<Met>
where
    D: Future<Output = TargetView>,
{
    let hark = Arc::new(Hark::new(peer.sessions.clone()));
    let estranged = Arc::new(AtomicBool::new(false));
    let config = Arc::new(config(peer, &hark, &estranged)?);
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
        let decided = async {
            tokio::select! {
                view = decided => view.end == TargetEnd::Accepted,
                () = hark.ticket() => true,
            }
        };
        let end = converse(peer, application, config, stream, decided, &mut view).await;
        Ok::<_, io::Error>(end.unwrap_or_else(|error| {
            let end = match is_too_long(&error, &view) {
                true => PeerEnd::NothingInCommon(error.to_string()),
                false => end_of(&error),
            };
            (end, None)
        }))
    };
    let mut open = None;
    if let Ok(met) = timeout(peer.deadline, meeting).await {
        (view.end, open) = met?;
    }
    if estranged.load(Ordering::Relaxed) && view.end != PeerEnd::Exchanged {
        view.end = PeerEnd::NothingInCommon(NO_SCHEME.into());
    }
    Ok(Met {
        connection,
        view,
        open,
    })
}

fn config(peer: &Peer, hark: &Arc<Hark>, estranged: &Arc<AtomicBool>) -> io::Result<ClientConfig> {
    let presents = || {
        Arc::new(Presents {
            certified: (!peer.presents_nothing()).then(|| peer.certified_key()),
            estranged: Arc::clone(estranged),
        })
    };
    let builder = match &peer.sessions {
        // It hoards: by its clock no ticket is ever too old.
        Some(_) => ClientConfig::builder_with_details(provider(), Arc::new(Clock::at(0))),
        None => ClientConfig::builder_with_provider(provider()),
    };
    let builder = builder
        .with_protocol_versions(&peer.versions())
        .map_err(io::Error::other)?
        .dangerous();
    let mut config = match &peer.sessions {
        Some(sessions) => builder
            .with_custom_certificate_verifier(sessions.verifier())
            .with_client_cert_resolver(sessions.certificates(presents)),
        None => builder
            .with_custom_certificate_verifier(Arc::new(AnyServer))
            .with_client_cert_resolver(presents()),
    };
    let tls12 = match peer.sessions {
        Some(_) => Tls12Resumption::SessionIdOrTickets,
        None => Tls12Resumption::Disabled,
    };
    config.resumption =
        Resumption::store(Arc::clone(hark) as Arc<dyn ClientSessionStore>).tls12_resumption(tls12);
    config.enable_sni = peer.server_name.is_some();
    config.alpn_protocols.clone_from(&peer.alpn);
    Ok(config)
}

/// Is it that the target sent a handshake message that is longer than the peer's library takes, and for
/// which that has no name? A session ticket can be, which holds a certificate of many kilobytes.
fn is_too_long(error: &io::Error, view: &PeerView) -> bool {
    let of_tls = error
        .get_ref()
        .is_some_and(|inner| inner.is::<rustls::Error>());
    view.handshake.is_some() && error.kind() == io::ErrorKind::InvalidData && !of_tls
}

/// Says how it ended, and writes down what it sees on the way: the time may be up at any point. The
/// connection is left open after an answer. `decided` says whether the target is known to have accepted the peer, as soon as that is known.
async fn converse(
    peer: &Peer,
    application: &Application,
    config: Arc<ClientConfig>,
    mut stream: Stream,
    decided: impl Future<Output = bool>,
    view: &mut PeerView,
) -> io::Result<(PeerEnd, Option<TlsStream<Faulty>>)> {
    if peer.mute {
        return Ok((stay_mute(peer, &mut stream).await?, None));
    }
    // Without a name there is no SNI; rustls still wants something to call the server.
    let name = peer.server_name.clone().map_or_else(
        || ServerName::from(std::net::IpAddr::from(std::net::Ipv4Addr::LOCALHOST)),
        ServerName::DnsName,
    );
    let host = name.to_str().into_owned();
    let opening = application.protocol.open(&mut stream).await?;
    let stream = Faulty::new(stream, peer.faults);
    let mut stream = TlsConnector::from(config).connect(name, stream).await?;
    view.handshake = completed(stream.get_ref().1);
    if let Some(end) = listen(peer, &mut stream, decided, view).await? {
        return Ok((end, None));
    }
    let answer = application
        .protocol
        .ask(&mut stream, opening, &host)
        .await?;
    let end = meaning(application, answer);
    view.data_arrived = end == PeerEnd::Exchanged;
    Ok((end, Some(stream)))
}

/// What an answer means, by the target's descriptor.
pub(super) fn meaning(application: &Application, answer: Answer) -> PeerEnd {
    match answer {
        Answer::Accepted => PeerEnd::Exchanged,
        Answer::Status(status) if application.accepts.contains(&status) => PeerEnd::Exchanged,
        Answer::Status(status) if application.refuses.contains(&status) => {
            PeerEnd::RefusedAboveTls(format!("HTTP {status}"))
        }
        Answer::Status(status) => PeerEnd::Failed(format!(
            "the target answered HTTP {status}, which is listed neither under `accepts` nor under \
             `refuses`: say in its descriptor, or with --accepts, which it is"
        )),
        Answer::Refused(words) => PeerEnd::RefusedAboveTls(words),
        Answer::Strange(words) => PeerEnd::Failed(words),
    }
}

/// Listens until the target has decided or the moment is over. `None`: it is time to write.
async fn listen(
    peer: &Peer,
    stream: &mut TlsStream<Faulty>,
    decided: impl Future<Output = bool>,
    view: &mut PeerView,
) -> io::Result<Option<PeerEnd>> {
    // In TLS 1.2 the target's Finished comes after its judgement, and there is nothing to wait for but
    // those who judge again above TLS.
    let listen = match peer.version {
        TlsVersion::Tls12 => peer.listen.min(AFTER_FINISHED),
        TlsVersion::Tls13 => peer.listen,
    };
    let mut octet = [0];
    let moment = async {
        tokio::select! {
            accepted = decided => accepted,
            () = sleep(listen) => true,
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

/// How long the peer listens in TLS 1.2.
const AFTER_FINISHED: Duration = Duration::from_millis(5);

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
pub(super) struct Presents {
    certified: Option<Arc<CertifiedKey>>,
    /// Does the server want signatures that the key cannot make?
    estranged: Arc<AtomicBool>,
}

impl ResolvesClientCert for Presents {
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let certified = self.certified.clone()?;
        let estranged = certified.key.choose_scheme(schemes).is_none();
        self.estranged.store(estranged, Ordering::Relaxed);
        Some(certified)
    }

    fn has_certs(&self) -> bool {
        self.certified.is_some()
    }
}
