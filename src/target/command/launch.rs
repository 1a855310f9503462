//! Launching: from a descriptor and an environment to a process that is ready.
//!
//! ```text
//! Environment --Place--> files --render--> command --Process--> ready
//! ```
//!
//! A target that ends before it is ready has refused its configuration; one that is never ready, or
//! cannot be run at all, is the harness's trouble.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::id;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::place::{Place, Ports, shim_variables};
use super::process::{self, Invocation, Process, Streams, poll};
use super::shim::{Shim, UNSUPPORTED};
use crate::target::descriptor::{Readiness, RoleDescription, Stop};
use crate::target::{Environment, StartError};

/// A target that has been started and is ready.
pub struct Launched {
    /// Its process. Dropped before the folder, in which its files are.
    pub process: Process,
    /// The conversation with it, if it is a shim.
    pub shim: Option<Shim>,
    /// Its folder.
    pub place: Place,
}

/// Starts a target on these ports and waits until it is ready. Where it does not start, and somebody
/// else has one of the ports by then, that may be why: it is given others, once.
///
/// # Errors
/// Says whether the target refused, cannot, or could not be started.
pub async fn launch_on_free_ports(
    description: &RoleDescription,
    environment: &Environment,
    prepared: Option<&Path>,
    ports: impl Fn() -> Result<Ports, StartError>,
) -> Result<Launched, StartError> {
    let first = ports()?;
    match launch(description, environment, first, prepared).await {
        Err(StartError::Refused(_)) if !are_free(first) => {
            launch(description, environment, ports()?, prepared).await
        }
        outcome => outcome,
    }
}

fn are_free(ports: Ports) -> bool {
    let mut all = ports.spare.into_iter().chain([ports.own]);
    all.all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
}

async fn launch(
    description: &RoleDescription,
    environment: &Environment,
    ports: Ports,
    prepared: Option<&Path>,
) -> Result<Launched, StartError> {
    let place = furnish(description, environment, ports, prepared)?;
    // Programs that are starting take all of a processor; with more of them than processors, those
    // that are being tested would be slow to answer, and be blamed for it.
    let _permit = STARTING.acquire().await;
    let invocation = Invocation {
        words: place
            .render_command(&description.start)
            .map_err(StartError::Broken)?,
        variables: variables(description, environment, &place)?,
        folder: place.path().to_owned(),
    };
    let streams = match description.shim {
        true => Streams::Spoken,
        false => Streams::Logged,
    };
    let mut process = Process::start(&invocation, streams).map_err(StartError::Broken)?;
    let shim = description
        .shim
        .then(|| Shim::converse(process.input.take(), process.output.take()));
    let mut launched = Launched {
        process,
        shim,
        place,
    };
    launched.await_readiness(description).await?;
    Ok(launched)
}

/// Makes the place of a start and renders what the descriptor wants in it.
///
/// # Errors
/// `Broken`: templates and disks are not the target's affair.
pub fn furnish(
    description: &RoleDescription,
    environment: &Environment,
    ports: Ports,
    prepared: Option<&Path>,
) -> Result<Place, StartError> {
    let place = Place::make(environment, ports, prepared)
        .map_err(|error| StartError::Broken(format!("its folder could not be made: {error}")))?;
    place
        .render_files(&description.files)
        .map_err(StartError::Broken)?;
    Ok(place)
}

/// The environment variables of a command.
///
/// # Errors
/// `Broken`, when a template is invalid.
pub fn variables(
    description: &RoleDescription,
    environment: &Environment,
    place: &Place,
) -> Result<Vec<(String, String)>, StartError> {
    let mut variables: Vec<(String, String)> = shim_variables(environment, place)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    for (name, text) in &description.environment {
        let value = place
            .render(text)
            .map_err(|error| StartError::Broken(format!("variable `{name}`: {error}")))?;
        variables.push((name.clone(), value));
    }
    Ok(variables)
}

/// Free ports of 127.0.0.1, below those that the kernel gives to outgoing connections, so that none
/// of ours can be taken between this moment and the target's `bind`.
///
/// # Errors
/// `Broken`, when there is none.
pub fn ports(backend: u16, peer: u16) -> Result<Ports, StartError> {
    let free = || {
        const FIRST: u32 = 10_000;
        const COUNT: u32 = 22_000;
        // Two programs at a time should not try the same ports in the same order.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let _ = NEXT.compare_exchange(
            0,
            id().wrapping_mul(97),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        (0..COUNT)
            .map(|_| FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT)
            .filter_map(|port| u16::try_from(port).ok())
            .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
            .ok_or_else(|| StartError::Broken("there is no free port on 127.0.0.1".into()))
    };
    Ok(Ports {
        own: free()?,
        spare: [free()?, free()?, free()?],
        backend,
        peer,
    })
}

impl Launched {
    /// How its process ended, if it does within this time.
    pub async fn death(&self, within: Duration) -> Option<String> {
        let words = timeout(within, self.process.ended()).await.ok()?;
        Some(format!("{words}: {}", self.process.log().tail()))
    }

    /// Ends it: with good words first.
    pub async fn end(&mut self, stop: Stop) {
        // A shim ends with its input.
        self.shim = None;
        self.process.ask_to_end(stop.signal).await;
    }

    async fn await_readiness(&mut self, description: &RoleDescription) -> Result<(), StartError> {
        let deadline = description.start_deadline();
        let ready = async {
            match (&self.shim, &description.ready) {
                (Some(shim), _) => {
                    let state = shim.spoken().await;
                    match (state.refused, state.strange) {
                        (Some(reason), _) => Err(StartError::Refused(reason)),
                        (None, Some(strange)) => Err(StartError::Broken(strange)),
                        (None, None) => Ok(true),
                    }
                }
                (None, Readiness::Tcp) => {
                    let port = self.place.port();
                    let ready = poll(deadline, async || {
                        TcpStream::connect((Ipv4Addr::LOCALHOST, port))
                            .await
                            .is_ok()
                    });
                    Ok(ready.await)
                }
                (None, Readiness::Log(text)) => {
                    let log = self.process.log();
                    Ok(poll(deadline, async || log.text().contains(text.as_str())).await)
                }
                (None, Readiness::Command(words)) => {
                    let invocation = Invocation {
                        words: self
                            .place
                            .render_command(words)
                            .map_err(StartError::Broken)?,
                        variables: Vec::new(),
                        folder: self.place.path().to_owned(),
                    };
                    let ready = poll(deadline, async || {
                        let run = process::run(&invocation, "", deadline).await;
                        matches!(run, Ok(Some(finished)) if finished.status == Some(0))
                    });
                    Ok(ready.await)
                }
            }
        };
        let outcome = tokio::select! {
            biased;
            outcome = ready => outcome.and_then(|ready| match ready {
                true => Ok(()),
                false => Err(self.never_ready(deadline)),
            }),
            words = self.process.ended() => Err(self.ended_early(&words).await),
            () = sleep(deadline) => Err(self.never_ready(deadline)),
        };
        outcome?;
        // Whatever answered at its port, it was not this process.
        match self.process.has_ended() {
            Some(words) => Err(self.ended_early(&words).await),
            None => Ok(()),
        }
    }

    async fn ended_early(&self, words: &str) -> StartError {
        // Its last words may still be under way.
        poll(Duration::from_millis(100), async || {
            !self.process.log().text().is_empty()
        })
        .await;
        let log = self.process.log().tail();
        if let Some(refused) = self.shim.as_ref().and_then(|shim| shim.state().refused) {
            return StartError::Refused(refused);
        }
        let status = self.process.status().and_then(|status| status.code());
        if status == Some(UNSUPPORTED) {
            let why = log.rsplit("; ").next().unwrap_or_default();
            return StartError::Unsupported(why.to_owned());
        }
        match status {
            Some(_) => StartError::Refused(format!("{words}: {log}")),
            // Who means to refuse exits.
            None => StartError::Crashed(format!("{words}: {log}")),
        }
    }

    fn never_ready(&self, deadline: Duration) -> StartError {
        StartError::Broken(format!(
            "it was not ready after {} s; its log ends: {}",
            deadline.as_secs_f32(),
            self.process.log().tail()
        ))
    }
}

static STARTING: Semaphore = Semaphore::const_new(2);
