//! A reception: clients that nobody here can start come in their own time, to a port for each case.
//!
//! All ports are open at once, because a client that is sent from one to the next should not wait. The
//! first connection to a port meets the case's peer, the second its twin; there is no third.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::environment::{Patience, Stage};
use super::event::Event;
use super::schedule::{Schedule, Staged, warm_up};
use super::shop::unsupported;
use super::trial::{Trial, refusal};
use crate::judge::Evidence;
use crate::net::{Listener, Stream};
use crate::observe::Observation;
use crate::peer::{self, Peer};
use crate::pki::mint::Mint;
use crate::record::TargetRecord;
use crate::scenario::Role;
use crate::scenario::expand::Case;
use crate::target::Target;
use crate::target::address::{Client, fits};

/// What to serve to whom.
pub struct Reception {
    /// The client.
    pub client: Client,
    /// The cases, expanded and selected; those of the other role are passed over.
    pub cases: Vec<Case>,
    /// Where the first case's port is; the others follow. Port 0 leaves all of them to the system.
    pub address: SocketAddr,
    /// How long clients are waited for.
    pub wait: Duration,
    /// How long peers wait.
    pub patience: Patience,
    /// Where certificates come from.
    pub mint: Arc<Mint>,
}

/// A port that is open, and what happens there.
pub struct Door<'a> {
    /// The port.
    pub port: u16,
    /// The case.
    pub case: &'a Case,
    /// Is there a second connection to come, which meets the twin?
    pub twin: bool,
    staged: &'a Staged,
    digest: &'a str,
    listener: Listener,
    peer: Peer,
    twin_peer: Option<Result<Peer, Evidence>>,
}

/// Why stories are not for clients that come by themselves.
const STORIES: &str = "a story needs a client that comes when it is told to";

/// How often the flag is looked at that ends the waiting.
const GLANCE: Duration = Duration::from_millis(50);

/// Receives the client and tells `emit` what happens. `announce` is called when all ports are open;
/// `stop` ends the waiting, and what has begun is finished.
///
/// # Errors
/// When a port cannot be listened at.
pub fn receive(
    reception: &Reception,
    stop: &AtomicBool,
    announce: impl FnOnce(&[Door<'_>]),
    mut emit: impl FnMut(Event),
) -> io::Result<()> {
    let Reception { client, mint, .. } = reception;
    let cases: Vec<_> = reception
        .cases
        .iter()
        .filter(|case| case.role == Role::Client)
        .cloned()
        .collect();
    mint.warm(warm_up(&cases));
    let schedule = Schedule::of(&cases, mint);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (doors, turned_away) = reception.open(&schedule)?;
        announce(&doors);
        emit(Event::RunStarted { cases: cases.len() });
        for (case, error) in &schedule.broken {
            let evidence = Evidence::Broken(format!(
                "the scenario's certificates could not be minted: {error}"
            ));
            let trial = Trial::without_stage(case, evidence);
            emit(Event::CaseJudged(Box::new(trial.judged(client))));
        }
        for trial in turned_away {
            emit(Event::CaseJudged(Box::new(trial.judged(client))));
        }
        // Why nobody is waited for any longer.
        let (close, closed) = watch::channel(None);
        // Each takes its door along: a port is closed as soon as it is done with.
        let mut visits: FuturesUnordered<_> = doors
            .into_iter()
            .map(|door| reception.attend(door, closed.clone()))
            .collect();
        let waiting = async {
            while !stop.load(Ordering::Relaxed) {
                sleep(GLANCE).await;
            }
        };
        let waiting = async {
            let why = match timeout(reception.wait, waiting).await {
                Ok(()) => "before the run was told to end".to_owned(),
                Err(_) => format!("within {:?}", reception.wait),
            };
            // Nobody looks any more where all have been visited.
            let _ = close.send(Some(why));
            std::future::pending::<()>().await;
        };
        let visiting = async {
            while let Some(trial) = visits.next().await {
                emit(Event::CaseJudged(Box::new(trial.judged(client))));
            }
        };
        tokio::select! {
            () = visiting => {}
            () = waiting => {}
        }
        Ok::<_, io::Error>(())
    })?;
    emit(Event::TargetFinished(TargetRecord {
        name: client.name(),
        role: Role::Client,
        version: client.version(),
        starts: 0,
        environments: 1,
        absent: None,
    }));
    emit(Event::RunFinished { complete: true });
    Ok(())
}

impl Reception {
    /// Opens a port for each case that fits the client, in the order of their ids; the others are turned
    /// away with the reason.
    fn open<'a>(&self, schedule: &'a Schedule) -> io::Result<(Vec<Door<'a>>, Vec<Trial<'a>>)> {
        let mut doors = Vec::new();
        let mut turned_away = Vec::new();
        let mut fitting = HashMap::new();
        let mut all: Vec<_> = schedule
            .groups
            .iter()
            .flat_map(|group| group.cases.iter().map(|staged| (staged, &group.digest)))
            .collect();
        all.sort_by_cached_key(|(staged, _)| staged.case.id());
        let mut address = self.address;
        for (staged, digest) in all {
            let story = staged.case.scenario.is_story();
            let why = story.then(|| STORIES.to_owned());
            let suits = match why.or_else(|| unsupported(&self.client, &staged.case)) {
                Some(why) => Err(Evidence::Unsupported(why)),
                None => {
                    let suits = || self.suits(&staged.stage);
                    fitting.entry(digest).or_insert_with(suits).clone()
                }
            };
            let peer = match suits.and_then(|()| self.peer(staged, &staged.stage)) {
                Ok(peer) => peer,
                Err(evidence) => {
                    turned_away.push(Trial::of(staged, digest, evidence));
                    continue;
                }
            };
            let twin_peer = staged.twin.as_ref().map(|twin| {
                self.suits(&twin.stage)?;
                self.peer(staged, &twin.stage)
            });
            let listener = Listener::at(address).map_err(|error| {
                let words = format!("cannot listen at {address}: {error}");
                io::Error::new(error.kind(), words)
            })?;
            let port = listener.port()?;
            if address.port() != 0 {
                let next = port.checked_add(1);
                address.set_port(next.ok_or_else(|| io::Error::other("there are no more ports"))?);
            }
            doors.push(Door {
                port,
                case: &staged.case,
                twin: matches!(twin_peer, Some(Ok(_))),
                staged,
                digest,
                listener,
                peer,
                twin_peer,
            });
        }
        Ok((doors, turned_away))
    }

    fn suits(&self, stage: &Stage) -> Result<(), Evidence> {
        let environment = stage
            .environment(&self.mint, stage.pki())
            .map_err(|error| Evidence::Broken(error.to_string()))?;
        fits(&self.client.environment, &environment).map_err(Evidence::Unsupported)
    }

    fn peer(&self, staged: &Staged, stage: &Stage) -> Result<Peer, Evidence> {
        let peer = stage.peer(staged.case.tls, self.patience);
        peer.map_err(|error| Evidence::Broken(error.to_string()))
    }

    /// Serves what comes to a door, until that has been enough or it is closed.
    async fn attend<'a>(
        &self,
        door: Door<'a>,
        mut closed: watch::Receiver<Option<String>>,
    ) -> Trial<'a> {
        let evidence = self.meet(&door, &door.peer, "", &mut closed).await;
        let mut trial = Trial::of(door.staged, door.digest, evidence);
        if let (Some(twin), Some(_)) = (&door.twin_peer, refusal(&trial.evidence)) {
            let evidence = match twin {
                Ok(peer) => {
                    self.meet(&door, peer, "a second time, for the twin, ", &mut closed)
                        .await
                }
                Err(evidence) => evidence.clone(),
            };
            trial.twin = Some((evidence, true));
        }
        trial
    }

    async fn meet(
        &self,
        door: &Door<'_>,
        peer: &Peer,
        time: &str,
        closed: &mut watch::Receiver<Option<String>>,
    ) -> Evidence {
        let visitor = async {
            tokio::select! {
                biased;
                visitor = self.visitor(door) => Ok(visitor),
                // It cannot be that nobody is left to say so.
                why = closed.wait_for(Option::is_some) => {
                    Err(why.ok().and_then(|why| (*why).clone()).unwrap_or_default())
                }
            }
        };
        let stream = match visitor.await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Evidence::Broken(format!("cannot accept: {error}")),
            Err(why) => {
                return Evidence::Absent(format!(
                    "nobody connected to port {} {time}{why}",
                    door.port
                ));
            }
        };
        match peer::server::serve(peer, &self.client.application, stream).await {
            Ok(peer) => Evidence::Observed(Observation { peer, target: None }),
            Err(error) => Evidence::Broken(format!("the peer could not be set up: {error}")),
        }
    }

    /// The next connection that means it: whoever only looks whether the port is open leaves again
    /// without a word.
    async fn visitor(&self, door: &Door<'_>) -> io::Result<Stream> {
        loop {
            let stream = door.listener.accept().await?;
            let speaks = self.client.application.protocol.client_speaks_first();
            if !speaks || !matches!(timeout(door.peer.deadline, stream.left()).await, Ok(true)) {
                return Ok(stream);
            }
        }
    }
}
