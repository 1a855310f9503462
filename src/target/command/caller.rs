//! A client that is a command, run once for each case: curl, `openssl s_client`.

use std::sync::Arc;
use std::time::Duration;

use super::launch::{furnish, ports, variables};
use super::place::Place;
use super::process::{self, Finished, Invocation};
use super::server::listen;
use super::shim::UNSUPPORTED;
use super::{Command, application};
use crate::net::{Address, ConnectionId, Listener};
use crate::observe::{TargetEnd, TargetView};
use crate::peer::Application;
use crate::target::descriptor::RoleDescription;
use crate::target::{Environment, Running, StartError, Task};

/// A client, with its files in place.
pub struct Caller {
    description: RoleDescription,
    variables: Vec<(String, String)>,
    place: Place,
    /// Where the harness's server listens: files may name its port as well as the command.
    upstream: Listener,
}

/// Nobody waits as long as this for a client; the case's own time is up before.
const LONGEST: Duration = Duration::from_secs(300);

impl Caller {
    /// Puts its files in place.
    ///
    /// # Errors
    /// `Broken`: nothing of the target has run yet.
    pub async fn start(
        target: &Command,
        description: &RoleDescription,
        environment: Arc<Environment>,
    ) -> Result<Self, StartError> {
        let prepared = target.prepared(description).await?;
        let (upstream, peer) = listen()?;
        let ports = ports(0, peer)?;
        let place = furnish(description, &environment, ports, prepared.as_deref())?;
        Ok(Self {
            description: description.clone(),
            variables: variables(description, &environment, &place)?,
            place,
            upstream,
        })
    }

    async fn call(&self) -> Result<Option<Finished>, String> {
        let invocation = Invocation {
            words: self.place.render_command(&self.description.connect)?,
            variables: self.variables.clone(),
            folder: self.place.path().to_owned(),
        };
        let input = self.place.render(&self.description.input)?;
        process::run(&invocation, &input, LONGEST).await
    }

    fn view(&self, finished: &Finished) -> TargetView {
        let signs = &self.description.accepts;
        let exits = if signs.exit.is_empty() {
            &[0][..]
        } else {
            &signs.exit
        };
        let said = signs
            .output
            .as_ref()
            .is_none_or(|text| finished.output.contains(text.as_str()));
        let accepted = said
            && finished
                .status
                .is_some_and(|status| exits.contains(&status));
        let words = format!("{}: {}", finished.words, tail(&finished.output));
        let end = match (accepted, finished.status) {
            (true, _) => TargetEnd::Accepted,
            (false, Some(UNSUPPORTED)) => TargetEnd::Unsupported(words),
            (false, Some(_)) => TargetEnd::Refused(words),
            (false, None) => TargetEnd::Crashed(words),
        };
        // Whether our answer has reached it is for our server to tell: it says so of anything that it does.
        TargetView::of(end)
    }
}

impl Running for Caller {
    fn address(&self) -> Option<Address> {
        None
    }

    fn application(&self) -> Application {
        application(&self.description)
    }

    fn decided(&self, _connection: ConnectionId) -> Task<'_, TargetView> {
        Box::pin(std::future::pending())
    }

    fn view(&self, _connection: ConnectionId) -> Task<'_, Option<TargetView>> {
        Box::pin(async { None })
    }

    fn upstream(&self) -> Option<&Listener> {
        Some(&self.upstream)
    }

    fn connect(&self, _peer: Address) -> Task<'_, Option<TargetView>> {
        Box::pin(async move {
            match self.call().await {
                Ok(finished) => finished.map(|finished| self.view(&finished)),
                Err(error) => Some(TargetView::of(TargetEnd::Broken(error))),
            }
        })
    }
}

/// The last lines of an output, for a message.
fn tail(output: &str) -> String {
    let lines: Vec<_> = output
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(3)..].join("; ")
}
