//! One attempt: the peer meets a started target, and both say what they saw.

use std::time::Duration;

use tokio::time::timeout;

use crate::judge::Evidence;
use crate::net::Transport;
use crate::observe::{Observation, TargetView};
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
    let (connection, view) =
        peer::client::meet(peer, &address, |connection| running.decided(connection)).await?;
    let target = match connection {
        Some(connection) => aftermath(running.view(connection)).await,
        None => None,
    };
    Ok(Observation { peer: view, target })
}

async fn meet_client(
    running: &dyn Running,
    peer: &Peer,
    transport: Transport,
) -> std::io::Result<Observation> {
    let listener = transport.listen()?;
    let address = listener.address()?;
    let target = async {
        let connecting = timeout(peer.deadline, running.connect(address)).await;
        connecting.ok().flatten()
    };
    let (view, target) = tokio::join!(peer::server::meet(peer, &listener), target);
    Ok(Observation {
        peer: view?,
        target,
    })
}

async fn aftermath(view: impl Future<Output = Option<TargetView>>) -> Option<TargetView> {
    timeout(AFTERMATH, view).await.ok().flatten()
}
