//! The shim contract: one JSON object to a line from the shim, one command to a line to it.
//!
//! `targets/README.md` is the contract's text.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;

use crate::expect::Alert;
use crate::net::ConnectionId;
use crate::observe::{TargetEnd, TargetView};
use crate::target::views::Views;

/// The exit status with which a shim says that it cannot do what it is asked to.
pub const UNSUPPORTED: i32 = 89;

/// How long a shim may take to answer `reload`.
const RELOAD: Duration = Duration::from_secs(10);

/// A conversation with a running shim.
pub struct Shim {
    views: Arc<Views>,
    state: watch::Receiver<State>,
    commands: Mutex<Option<ChildStdin>>,
}

/// What a shim has said of itself.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// It is ready.
    pub ready: bool,
    /// It refuses its configuration, in these words.
    pub refused: Option<String>,
    /// It has written something that is not of the contract.
    pub strange: Option<String>,
    /// How each `reload` came out, the latest last.
    reloads: Vec<Result<(), String>>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Event {
    Ready {},
    RefusedToStart {
        reason: String,
    },
    Accepted {
        connection: SocketAddr,
        #[serde(default)]
        identity: Option<String>,
    },
    Refused {
        connection: SocketAddr,
        #[serde(default)]
        reason: String,
        #[serde(default)]
        alert: Option<u8>,
    },
    Data {
        connection: SocketAddr,
    },
    Closed {
        connection: SocketAddr,
    },
    Reloaded {},
    ReloadFailed {
        #[serde(default)]
        reason: String,
    },
}

impl Shim {
    /// Begins to listen to a shim, and to take what it is told.
    pub fn converse(input: Option<ChildStdin>, output: Option<ChildStdout>) -> Self {
        let views = Arc::new(Views::default());
        let (told, state) = watch::channel(State::default());
        if let Some(output) = output {
            tokio::spawn(listen(output, Arc::clone(&views), told));
        }
        Self {
            views,
            state,
            commands: Mutex::new(input),
        }
    }

    /// What it has told of its connections.
    pub fn views(&self) -> &Arc<Views> {
        &self.views
    }

    /// Waits until it has said that it is ready, that it refuses, or something strange.
    pub async fn spoken(&self) -> State {
        let mut state = self.state.clone();
        let spoken =
            |state: &State| state.ready || state.refused.is_some() || state.strange.is_some();
        let waited = state.wait_for(spoken).await.map(|state| state.clone());
        match waited {
            Ok(state) => state,
            // It has closed its output. Whether it has ended too is for its process to say.
            Err(_) => std::future::pending().await,
        }
    }

    /// Waits until it has written something that is not of the contract, and says what.
    pub async fn babbled(&self) -> String {
        let mut state = self.state.clone();
        let waited = state.wait_for(|state| state.strange.is_some()).await;
        match waited.map(|state| state.strange.clone()) {
            Ok(Some(strange)) => strange,
            _ => std::future::pending().await,
        }
    }

    /// What it has said of itself so far.
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// Tells it to connect.
    ///
    /// # Errors
    /// When it no longer takes commands.
    pub async fn connect(&self, address: SocketAddr) -> Result<(), String> {
        self.tell(&format!("connect {address}\n")).await
    }

    /// Tells it to read its files again, and waits for its answer.
    ///
    /// # Errors
    /// When it says that it cannot, or says nothing.
    pub async fn reload(&self) -> Result<(), String> {
        let mut state = self.state.clone();
        let before = state.borrow().reloads.len();
        self.tell("reload\n").await?;
        let answered = timeout(RELOAD, state.wait_for(|state| state.reloads.len() > before)).await;
        match answered {
            Ok(Ok(state)) => state.reloads.last().cloned().unwrap_or(Ok(())),
            _ => Err("the shim did not answer `reload`".into()),
        }
    }

    async fn tell(&self, line: &str) -> Result<(), String> {
        let mut commands = self.commands.lock().await;
        let Some(input) = commands.as_mut() else {
            return Err("the shim takes no commands".into());
        };
        let written = async {
            input.write_all(line.as_bytes()).await?;
            input.flush().await
        };
        written
            .await
            .map_err(|error| format!("the shim no longer takes commands: {error}"))
    }
}

/// How long a line may be, in octets.
const LONGEST: u64 = 64 * 1024;

async fn listen(output: ChildStdout, views: Arc<Views>, told: watch::Sender<State>) {
    let mut output = BufReader::new(output);
    let strange = |what: String| {
        told.send_modify(|state| {
            state.strange.get_or_insert(what);
        });
    };
    loop {
        let mut line = Vec::new();
        let mut bounded = (&mut output).take(LONGEST);
        match bounded.read_until(b'\n', &mut line).await {
            Ok(0) => return,
            Ok(_) if line.len() as u64 == LONGEST => {
                return strange(format!(
                    "the shim wrote a line of more than {LONGEST} octets"
                ));
            }
            Ok(_) => {}
            Err(error) => return strange(format!("the shim cannot be listened to: {error}")),
        }
        let line = String::from_utf8_lossy(&line);
        match serde_json::from_str::<Event>(&line) {
            Ok(event) => take(event, &views, &told),
            Err(error) => {
                let start: String = line.trim_end().chars().take(200).collect();
                strange(format!(
                    "the shim wrote `{start}`, which is no event: {error}"
                ));
            }
        }
    }
}

fn take(event: Event, views: &Views, told: &watch::Sender<State>) {
    match event {
        Event::Ready {} => told.send_modify(|state| state.ready = true),
        Event::RefusedToStart { reason } => {
            told.send_modify(|state| state.refused = Some(reason));
        }
        Event::Accepted {
            connection,
            identity,
        } => {
            let view = TargetView {
                identity,
                ..TargetView::of(TargetEnd::Accepted)
            };
            views.tell(id(connection), view, false);
        }
        Event::Refused {
            connection,
            reason,
            alert,
        } => {
            let view = TargetView {
                alert_sent: alert.and_then(Alert::from_number),
                ..TargetView::of(TargetEnd::Refused(reason))
            };
            // What has reached the application has reached it, whatever the library thinks of it later.
            views.amend(id(connection), |known| {
                let data_arrived = known.as_ref().is_some_and(|known| known.data_arrived);
                *known = Some(TargetView {
                    data_arrived,
                    ..view
                });
            });
        }
        Event::Data { connection } => views.amend(id(connection), |view| {
            if let Some(view) = view {
                view.data_arrived = true;
            }
        }),
        Event::Closed { connection } => views.close(id(connection)),
        Event::Reloaded {} => told.send_modify(|state| state.reloads.push(Ok(()))),
        Event::ReloadFailed { reason } => {
            told.send_modify(|state| state.reloads.push(Err(reason)));
        }
    }
}

fn id(connection: SocketAddr) -> ConnectionId {
    ConnectionId::of_port(connection.port())
}
