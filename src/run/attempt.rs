//! One attempt: the peer meets a started target, and both say what they saw.

use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;

use super::environment::TARGET_NAME;
use crate::judge::Evidence;
use crate::net::{Listener, Transport};
use crate::observe::{Observation, PeerEnd, PeerView, TargetEnd, TargetView};
use crate::peer::{self, Peer};
use crate::scenario::Role;
use crate::target::Running;

/// How long a target may take to finish its side once the peer's is over.
const AFTERMATH: Duration = Duration::from_secs(2);

/// Lets `peer` meet the running target.
pub async fn attempt(
    running: &dyn Running,
    role: Role,
    peer: &Peer,
    transport: Transport,
) -> Evidence {
    let observed = match role {
        Role::Server => meet_server(running, peer).await,
        Role::Client => meet_client(running, peer, transport).await,
    };
    match observed {
        Ok(observation) => Evidence::Observed(observation),
        Err(error) => Evidence::Broken(format!("the peer could not be set up: {error}")),
    }
}

async fn meet_server(running: &dyn Running, peer: &Peer) -> std::io::Result<Observation> {
    let Some(address) = running.address() else {
        return Err(std::io::Error::other("the target has no address"));
    };
    let renamed;
    let peer = match running.server_name() {
        Some(name) if asks_for_baseline(peer) => {
            renamed = Peer {
                server_name: Some(name),
                ..peer.clone()
            };
            &renamed
        }
        _ => peer,
    };
    let met = peer::client::meet(peer, &running.application(), &address, |connection| {
        running.decided(connection)
    })
    .await;
    let (connection, view) = match met {
        Ok(met) => met,
        // Nobody listens any more: has it died?
        Err(error) => match running.death(AFTERMATH).await {
            Some(words) => return Ok(dead(peer::unmet(), words)),
            None => return Err(error),
        },
    };
    if let Some(words) = running.death(patience_for_death(&view.end)).await {
        return Ok(dead(view, words));
    }
    let target = match connection {
        Some(connection) => aftermath(running.view(connection)).await,
        None => None,
    };
    Ok(unless_dead(running, view, target).await)
}

fn asks_for_baseline(peer: &Peer) -> bool {
    let name = peer.server_name.as_ref();
    name.is_some_and(|name| name.as_ref() == TARGET_NAME)
}

async fn meet_client(
    running: &dyn Running,
    peer: &Peer,
    transport: Transport,
) -> std::io::Result<Observation> {
    let own;
    let listener = match running.upstream() {
        Some(upstream) => upstream,
        None => {
            own = transport.listen()?;
            &own
        }
    };
    // What a target that keeps its server's address has sent after the last case belongs to that.
    while let Ok(Ok(stray)) = timeout(Duration::ZERO, listener.accept()).await {
        drop(stray);
    }
    let address = listener.address()?;
    let (gone, ended) = tokio::sync::oneshot::channel();
    let target = async {
        let view = timeout(peer.deadline, running.connect(address))
            .await
            .ok()?;
        let _ = gone.send(());
        view
    };
    let ended = async {
        if ended.await.is_err() {
            // It has not ended: its time was up.
            std::future::pending::<()>().await;
        }
    };
    let application = running.application();
    let meeting = peer::server::meet(peer, &application, listener, ended);
    let (view, target) = while_sending_strays_away(meeting, target, listener).await;
    let view = view?;
    if let Some(words) = running.death(patience_for_death(&view.end)).await {
        return Ok(dead(view, words));
    }
    Ok(unless_dead(running, view, target).await)
}

/// Waits for both ends. Some clients connect again after a failure, and would wait for ever where nobody
/// takes that connection: the peer has met them once, and sends them away.
async fn while_sending_strays_away<V, T>(
    meeting: impl Future<Output = V>,
    target: impl Future<Output = T>,
    listener: &Listener,
) -> (V, T) {
    let (mut meeting, mut target) = (pin!(meeting), pin!(target));
    let mut early = None;
    let view = loop {
        tokio::select! {
            biased;
            view = &mut meeting => break view,
            ended = &mut target, if early.is_none() => early = Some(ended),
        }
    };
    let ended = match early {
        Some(ended) => ended,
        None => loop {
            tokio::select! {
                biased;
                ended = &mut target => break ended,
                Ok(stray) = listener.accept() => drop(stray),
                else => {}
            }
        },
    };
    (view, ended)
}

/// What both ends saw. A target that has told nothing may have died while it was waited for.
async fn unless_dead(
    running: &dyn Running,
    peer: PeerView,
    target: Option<TargetView>,
) -> Observation {
    if target.is_none()
        && let Some(words) = running.death(Duration::ZERO).await
    {
        return dead(peer, words);
    }
    Observation { peer, target }
}

/// How long a target that has died takes to be seen as dead. Its connections end a little earlier.
const DEATH: Duration = Duration::from_millis(25);

/// Only an end without words can be that of a target that died.
fn patience_for_death(end: &PeerEnd) -> Duration {
    match end {
        PeerEnd::Closed | PeerEnd::Reset | PeerEnd::Failed(_) | PeerEnd::Unmet => DEATH,
        _ => Duration::ZERO,
    }
}

fn dead(peer: PeerView, words: String) -> Observation {
    Observation {
        peer,
        target: Some(TargetView::of(TargetEnd::Crashed(words))),
    }
}

async fn aftermath(view: impl Future<Output = Option<TargetView>>) -> Option<TargetView> {
    timeout(AFTERMATH, view).await.ok().flatten()
}
