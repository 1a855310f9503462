//! A service: a party that listens. It fails closed.
//!
//! Handshakes run off the accept loop, with a deadline and a bound on how many there are. A session is
//! resumed only while the trust stands that it was granted under, and its caller is judged anew. So is
//! the caller of every open connection when the trust changes and when a certificate runs out.

use std::collections::HashMap;
use std::future::pending;
use std::io;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::io::AsyncWriteExt;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::party::{Party, name_of};
use super::sidecar::Backend;
use crate::expect::HandshakeKind;
use crate::load::visit::serial_of;
use crate::net::protocol::Protocol;
use crate::net::{ConnectionId, Listener, Stream};
use crate::oracle::history::{Sample, Serial, ServerView};
use crate::target::identity::application_identity;
use crate::target::planted::Bug;

mod entrance;

/// A party that listens.
pub struct Service {
    /// The party.
    pub party: Arc<Party>,
    settings: Settings,
    /// What stands behind it, where it is a sidecar.
    backend: Option<Arc<Backend>>,
    /// Places at the door; made when the first caller comes, for most services of a large fleet are idle.
    permits: OnceLock<Arc<Semaphore>>,
    views: Mutex<HashMap<ConnectionId, ServerView>>,
    connections: AtomicU32,
    handshakes: AtomicU32,
    tasks: AtomicU32,
    accepted: AtomicU64,
    /// The generation that its last handshake began with; 0 before the first.
    greeted_by: AtomicU64,
    /// No descriptor is left for a new connection.
    exhausted: AtomicBool,
    closing: OnceLock<watch::Sender<u64>>,
    /// It has been told to leave.
    leaving: AtomicBool,
    departure: Notify,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

/// How a service treats connections.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many handshakes may be under way.
    pub handshakes: u32,
    /// How long each may take.
    pub handshake_deadline: Duration,
    /// How long a connection may be silent.
    pub idle: Option<Duration>,
}

/// How long callers who have set out already are waited for by a service that leaves.
const ON_THEIR_WAY: Duration = Duration::from_millis(150);

/// The pause after a connection could not be accepted.
pub(super) const BREATH: Duration = Duration::from_millis(10);

/// EMFILE, as Linux and the BSDs number it.
const TOO_MANY_OPEN_FILES: i32 = 24;

impl Service {
    /// A service that does not listen yet; a sidecar, if there is something behind it.
    pub fn new(party: Arc<Party>, settings: Settings, backend: Option<Arc<Backend>>) -> Arc<Self> {
        Arc::new(Self {
            party,
            settings,
            backend,
            permits: OnceLock::new(),
            views: Mutex::default(),
            connections: AtomicU32::new(0),
            handshakes: AtomicU32::new(0),
            tasks: AtomicU32::new(0),
            accepted: AtomicU64::new(0),
            greeted_by: AtomicU64::new(0),
            exhausted: AtomicBool::new(false),
            closing: OnceLock::new(),
            leaving: AtomicBool::new(false),
            departure: Notify::new(),
            accepting: Mutex::default(),
        })
    }

    /// Accepts connections from now on.
    pub fn open(self: &Arc<Self>, listener: Listener) {
        let accepting = tokio::spawn(Arc::clone(self).accept(listener));
        *lock(&self.accepting) = Some(accepting);
    }

    /// Stops, at once: nobody is accepted any more, and every connection ends.
    pub fn shut(&self) {
        if let Some(accepting) = &*lock(&self.accepting) {
            accepting.abort();
        }
        self.close_connections();
    }

    /// Stops, and waits until its listener is gone and another can have its place.
    pub async fn stop(&self) {
        self.shut();
        let accepting = lock(&self.accepting).take();
        if let Some(accepting) = accepting {
            // It has been told to end, and says so as an error.
            let _ = accepting.await;
        }
    }

    /// Leaves: nobody is sent to it any more, and who is there is served to the end of the call, for so long
    /// at most.
    pub async fn leave(&self, patience: Duration) {
        if !self.party.has(Bug::ResetsAtLeaving) {
            sleep(ON_THEIR_WAY).await;
            self.leaving.store(true, Ordering::Relaxed);
            self.departure.notify_one();
            self.close_connections();
            let accepting = lock(&self.accepting).take();
            if let Some(mut accepting) = accepting
                && timeout(patience, &mut accepting).await.is_err()
            {
                accepting.abort();
                let _ = accepting.await;
            }
        }
        self.stop().await;
    }

    /// Does it accept connections?
    pub fn is_open(&self) -> bool {
        let accepting = lock(&self.accepting);
        accepting
            .as_ref()
            .is_some_and(|accepting| !accepting.is_finished())
    }

    /// From now on there is no descriptor left for a new connection, or there is one again.
    pub fn exhaust(&self, exhausted: bool) {
        self.exhausted.store(exhausted, Ordering::Relaxed);
    }

    /// Ends every connection.
    pub fn close_connections(&self) {
        // Where nobody has ever come there is nobody to be told.
        if let Some(closing) = self.closing.get() {
            closing.send_modify(|count| *count += 1);
        }
    }

    /// What it has seen of a connection last. Asked once, it forgets.
    pub fn take_view(&self, connection: ConnectionId) -> Option<ServerView> {
        lock(&self.views).remove(&connection)
    }

    /// What there is to count.
    pub fn sample(&self, at: u64) -> Sample {
        Sample {
            at,
            service: self.party.name.clone(),
            generations: self.party.generations(),
            connections: self.connections.load(Ordering::Relaxed),
            handshakes: self.handshakes.load(Ordering::Relaxed),
            alarms: self.party.alarms(),
            tasks: self.tasks.load(Ordering::Relaxed),
            accepted: self.accepted.load(Ordering::Relaxed),
        }
    }

    async fn accept(self: Arc<Self>, listener: Listener) {
        // Dropping the set ends what is in it; those who closed themselves are reaped on the way.
        let mut serving = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                biased;
                Some(_) = serving.join_next(), if !serving.is_empty() => continue,
                () = self.departure.notified() => break,
                accepted = self.next_stream(&listener) => accepted,
            };
            let stream = match accepted {
                Ok(stream) => stream,
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return,
                Err(_) if self.party.has(Bug::EndsAtFirstError) => return,
                // What is wrong with one connection must not end the service for all.
                Err(_) => {
                    sleep(BREATH).await;
                    continue;
                }
            };
            self.accepted.fetch_add(1, Ordering::Relaxed);
            if self.party.has(Bug::BlocksAcceptLoop) {
                // Apart, for a handshake in the accept loop would make every accept loop large.
                Box::pin(self.greet(stream, &mut serving)).await;
                continue;
            }
            // Who comes when too many are at the door already is sent away: waiting for a place would
            // let strangers who say nothing keep everybody else outside.
            let permit = self.place();
            if permit.is_none() && !self.party.has(Bug::UnboundedHandshakes) {
                continue;
            }
            let service = Arc::clone(&self);
            serving.spawn(async move {
                let _task = Counted::new(&service.tasks);
                if service.hears_plaintext(&stream).await {
                    drop(permit);
                    // Apart, for the conversation would make every task large.
                    return Box::pin(service.converse_in_the_clear(stream)).await;
                }
                let met = service.shake_hands(stream).await;
                drop(permit);
                match met {
                    Some(met) => service.converse(met).await,
                    None if service.party.has(Bug::LeaksFailedHandshakes) => pending().await,
                    None => {}
                }
            });
        }
        drop(listener);
        while serving.join_next().await.is_some() {}
    }

    /// A place at the door, if there is one.
    fn place(&self) -> Option<OwnedSemaphorePermit> {
        let places = || Arc::new(Semaphore::new(self.settings.handshakes as usize));
        Arc::clone(self.permits.get_or_init(places))
            .try_acquire_owned()
            .ok()
    }

    /// The next connection. Without a descriptor for it the kernel keeps it, and says so at once, each
    /// time that it is asked.
    async fn next_stream(&self, listener: &Listener) -> io::Result<Stream> {
        if self.exhausted.load(Ordering::Relaxed) {
            return Err(io::Error::from_raw_os_error(TOO_MANY_OPEN_FILES));
        }
        listener.accept().await
    }

    /// As a service does that has not thought of strangers who say nothing.
    async fn greet(self: &Arc<Self>, stream: Stream, serving: &mut JoinSet<()>) {
        if let Some(met) = self.shake_hands(stream).await {
            let service = Arc::clone(self);
            serving.spawn(async move {
                let _task = Counted::new(&service.tasks);
                service.converse(met).await;
            });
        }
    }

    async fn shake_hands(&self, stream: Stream) -> Option<Met> {
        let _handshake = Counted::new(&self.handshakes);
        let id = stream.id();
        let Some(generation) = self.party.current() else {
            self.tell(id, refusal(0, "the service has no certificate"));
            return None;
        };
        let greeted_by = self.greeted_by.swap(generation.number, Ordering::Relaxed);
        let is_news = greeted_by != 0 && greeted_by != generation.number;
        if is_news && self.party.has(Bug::PanicsAtReload) {
            // Unwinds as a panic does, and says nothing on standard error: this one is meant.
            resume_unwind(Box::new("the new configuration is not what it was"));
        }
        let acceptor = TlsAcceptor::from(Arc::clone(&generation.server));
        let handshake = acceptor.accept(stream).into_fallible();
        let deadline = match self.party.has(Bug::NoHandshakeDeadline) {
            true => Duration::from_secs(86_400 * 365),
            false => self.settings.handshake_deadline,
        };
        let mut changes = self.party.changes();
        let shaken = tokio::select! {
            biased;
            _ = changes.changed(), if self.party.has(Bug::DropsHandshakesAtReload) => {
                self.tell(id, refusal(generation.number, "there was a reload"));
                return None;
            }
            shaken = timeout(deadline, handshake) => shaken,
        };
        match shaken {
            Err(_) => {
                self.tell(
                    id,
                    refusal(generation.number, "the handshake took too long"),
                );
                None
            }
            Ok(Err((error, mut stream))) => {
                self.tell(id, refusal(generation.number, &error.to_string()));
                let _ = stream.shutdown().await;
                None
            }
            Ok(Ok(stream)) => {
                let connection = stream.get_ref().1;
                let resumed = connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
                let chain = connection
                    .peer_certificates()
                    .map(|chain| chain.iter().map(|der| der.clone().into_owned()).collect())
                    .unwrap_or_default();
                Some(Met {
                    id,
                    guest: Guest::of(chain),
                    judged_by: generation.number,
                    kind: if resumed {
                        HandshakeKind::Resumed
                    } else {
                        HandshakeKind::Full
                    },
                    stream,
                })
            }
        }
    }

    async fn converse(&self, met: Met) {
        let Met {
            id,
            mut guest,
            mut judged_by,
            kind,
            mut stream,
        } = met;
        if guest.chain.is_empty() && self.party.has(Bug::AnswersProbers) {
            return Box::pin(self.answer_prober(id, stream)).await;
        }
        let _open = Counted::new(&self.connections);
        let _pinned = self
            .party
            .current()
            .filter(|_| self.party.has(Bug::PinsGenerations));
        let mut changes = self.party.changes();
        let mut closing = self.closing();
        if self.party.has(Bug::RefusesInSilence) {
            // Nobody was judged in the handshake.
            judged_by = 0;
        }
        if kind == HandshakeKind::Resumed && !self.party.has(Bug::ResumesBlindly) {
            // What the library judged was the session; the certificates may have lost their trust since.
            judged_by = 0;
        }
        loop {
            match self.judge(&mut guest, &mut judged_by, kind) {
                Ok(_) => {}
                Err(why) => {
                    self.tell(id, refusal(self.generation(), &why));
                    let _ = stream.shutdown().await;
                    return;
                }
            }
            let question = {
                let mut asking = pin!(self.question(&mut stream));
                let mut silence = pin!(self.silence());
                loop {
                    let judged = tokio::select! {
                        biased;
                        _ = closing.changed() => None,
                        () = &mut silence => None,
                        _ = changes.changed() => match self.party.has(Bug::ClosesAtReload) {
                            true => None,
                            false => Some(self.judge(&mut guest, &mut judged_by, kind)),
                        },
                        () = self.run_out(&guest) => Some(self.judge(&mut guest, &mut judged_by, kind)),
                        question = &mut asking => break Some(question),
                    };
                    match judged {
                        Some(Ok(_)) => {}
                        Some(Err(_)) | None => break None,
                    }
                }
            };
            let Some(Ok(claims)) = question else {
                let _ = stream.shutdown().await;
                return;
            };
            match self.judge(&mut guest, &mut judged_by, kind) {
                Ok(view) => {
                    let Ok(view) = self.passed_on(view, &claims).await else {
                        let _ = stream.shutdown().await;
                        return;
                    };
                    self.tell(id, view);
                }
                Err(why) => {
                    self.tell(id, refusal(self.generation(), &why));
                    let _ = stream.shutdown().await;
                    return;
                }
            }
            if Protocol::Line.answer(&mut stream).await.is_err() {
                return;
            }
            if self.leaving.load(Ordering::Relaxed) {
                let _ = stream.shutdown().await;
                return;
            }
        }
    }

    /// Is the guest still somebody to be let in? Asked again whenever the generation has changed or the
    /// guest's certificate has run out.
    fn judge(
        &self,
        guest: &mut Guest,
        judged_by: &mut u64,
        kind: HandshakeKind,
    ) -> Result<ServerView, String> {
        let clock = &self.party.loader().clock;
        let generation = self
            .party
            .current()
            .ok_or("the service has no certificate")?;
        let blind = (guest.let_in && self.party.has(Bug::KeepsConnections))
            || (kind == HandshakeKind::Resumed && self.party.has(Bug::ResumesBlindly));
        let lists_end = generation.lists_end();
        let stale = *judged_by != generation.number
            || clock.unix() > guest.not_after
            || clock.unix() >= lists_end;
        if stale && !blind {
            generation.judge(&guest.chain, clock)?;
            *judged_by = generation.number;
        }
        let anonymous = guest.name.is_none() && self.party.has(Bug::TakesEmptyBundleForNoRule);
        let admitted = anonymous
            || guest
                .name
                .as_ref()
                .is_some_and(|name| blind || generation.material.admits.contains(name));
        if !admitted {
            let name = guest.name.as_deref().unwrap_or("nobody");
            return Err(format!("{name} is not on the list of callers"));
        }
        guest.let_in = true;
        let forgets = kind == HandshakeKind::Resumed && self.party.has(Bug::ForgetsResumedIdentity);
        Ok(ServerView {
            accepted: true,
            identity: guest.name.clone().filter(|_| !forgets),
            serial: guest.serial,
            generation: generation.number,
            reason: None,
        })
    }

    /// Until the guest's certificate or the revocation lists have run out, whichever is first; what has
    /// already does not count.
    async fn run_out(&self, guest: &Guest) {
        let now = self.party.loader().clock.micros();
        let lists_end = self.party.current().map(|current| current.lists_end());
        let ends = [Some(guest.not_after.saturating_add(1)), lists_end];
        let left = ends
            .into_iter()
            .flatten()
            .filter_map(|end| u64::try_from(end.saturating_mul(1_000_000).saturating_sub(now)).ok())
            .filter(|left| *left > 0)
            .min();
        match left {
            Some(left @ 1..=MONTH) => sleep(Duration::from_micros(left)).await,
            _ => pending().await,
        }
    }

    /// Until a connection has been silent for too long.
    async fn silence(&self) {
        match self.settings.idle {
            Some(idle) if !self.party.has(Bug::KeepsHalfOpen) => sleep(idle).await,
            _ => pending().await,
        }
    }

    /// Tells when every connection is to end.
    fn closing(&self) -> watch::Receiver<u64> {
        let closing = self.closing.get_or_init(|| watch::Sender::new(0));
        closing.subscribe()
    }

    fn generation(&self) -> u64 {
        self.party
            .current()
            .map_or(0, |generation| generation.number)
    }

    fn tell(&self, id: ConnectionId, view: ServerView) {
        lock(&self.views).insert(id, view);
    }
}

/// A month in microseconds: longer than any timer need run.
const MONTH: u64 = 30 * 86_400 * 1_000_000;

/// A connection whose handshake is done.
struct Met {
    id: ConnectionId,
    guest: Guest,
    judged_by: u64,
    kind: HandshakeKind,
    stream: TlsStream<Stream>,
}

/// Who is at the other end.
struct Guest {
    chain: Vec<CertificateDer<'static>>,
    name: Option<String>,
    serial: Option<Serial>,
    /// The last second in which all of its certificates are valid.
    not_after: i64,
    /// Has it been let in already?
    let_in: bool,
}

impl Guest {
    fn of(chain: Vec<CertificateDer<'static>>) -> Self {
        let identity = application_identity(&chain);
        let not_after = chain.iter().filter_map(not_after).min();
        Self {
            name: identity.map(|identity| name_of(&identity).unwrap_or(&identity).to_owned()),
            serial: chain.first().and_then(serial_of),
            not_after: not_after.unwrap_or(i64::MAX),
            let_in: false,
            chain,
        }
    }
}

fn not_after(der: &CertificateDer<'_>) -> Option<i64> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate.validity().not_after.timestamp())
}

fn refusal(generation: u64, why: &str) -> ServerView {
    ServerView {
        generation,
        reason: Some(why.to_owned()),
        ..ServerView::default()
    }
}

/// Counts something as long as it lives.
struct Counted<'a>(&'a AtomicU32);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicU32) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
