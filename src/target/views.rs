//! What a target has told of its connections so far, for those who wait to hear it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::net::ConnectionId;
use crate::observe::TargetView;

/// What is known so far of each connection that somebody has asked about. The others leave nothing
/// behind: their ports come round again, and a view of the last connection from a port is no view of
/// the next.
#[derive(Default)]
pub struct Views {
    connections: Mutex<HashMap<ConnectionId, watch::Sender<Progress>>>,
}

#[derive(Clone, Debug, Default)]
struct Progress {
    view: Option<TargetView>,
    over: bool,
}

/// One connection, watched.
pub struct Watched(watch::Receiver<Progress>);

impl Watched {
    /// The view, as soon as the target has decided; pends for ever where it never does.
    pub async fn decided(mut self) -> TargetView {
        let decided = self.0.wait_for(|progress| progress.view.is_some()).await;
        let view = decided.ok().and_then(|progress| progress.view.clone());
        match view {
            Some(view) => view,
            None => std::future::pending().await,
        }
    }

    /// The view, once the connection is over.
    pub async fn over(mut self) -> Option<TargetView> {
        let over = self.0.wait_for(|progress| progress.over).await;
        over.ok().and_then(|progress| progress.view.clone())
    }
}

impl Views {
    /// For those who ask, and ask as soon as they have dialled: before there is anything to tell.
    pub fn of(&self, connection: ConnectionId) -> Watched {
        Watched(self.lock().entry(connection).or_default().subscribe())
    }

    /// Tells the view of a connection, and whether that is over.
    pub fn tell(&self, connection: ConnectionId, view: TargetView, over: bool) {
        if let Some(asked) = self.lock().get(&connection) {
            asked.send_replace(Progress {
                view: Some(view),
                over,
            });
        }
    }

    /// Changes what is known of a connection.
    pub fn amend(&self, connection: ConnectionId, change: impl FnOnce(&mut Option<TargetView>)) {
        if let Some(asked) = self.lock().get(&connection) {
            asked.send_modify(|progress| change(&mut progress.view));
        }
    }

    /// The connection is over; what is known of it stands.
    pub fn close(&self, connection: ConnectionId) {
        if let Some(asked) = self.lock().get(&connection) {
            asked.send_modify(|progress| progress.over = true);
        }
    }

    /// Forgets a connection.
    pub fn forget(&self, connection: ConnectionId) {
        self.lock().remove(&connection);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConnectionId, watch::Sender<Progress>>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
