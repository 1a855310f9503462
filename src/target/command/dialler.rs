//! A client that stays: a shim that connects when it is told to, or a proxy that takes our question
//! to our server.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{IpAddr, ServerName};

use super::launch::{Launched, launch_on_free_ports, ports};
use super::reload::reload;
use super::server::{listen, port};
use super::{Command, application};
use crate::net::protocol::{Answer, Opening};
use crate::net::{Address, ConnectionId, Listener};
use crate::observe::{TargetEnd, TargetView};
use crate::peer::Application;
use crate::target::descriptor::RoleDescription;
use crate::target::{Environment, Running, StartError, Task};

/// How long a shim may live that takes no commands any more.
const LAST_BREATH: Duration = Duration::from_secs(2);

/// A client that runs.
pub struct Dialler {
    launched: Launched,
    application: Application,
    host: String,
    description: RoleDescription,
    /// Where a proxy takes our questions to: it is configured once, so the harness's server must not
    /// move.
    upstream: Listener,
}

impl Dialler {
    /// Starts it.
    ///
    /// # Errors
    /// Says whether the target refused, cannot, or could not be started.
    pub async fn start(
        target: &Command,
        description: &RoleDescription,
        environment: Arc<Environment>,
    ) -> Result<Self, StartError> {
        let prepared = target.prepared(description).await?;
        let (upstream, peer) = listen()?;
        let launched = launch_on_free_ports(description, &environment, prepared.as_deref(), || {
            ports(0, peer)
        })
        .await?;
        Ok(Self {
            launched,
            application: application(description),
            host: match &environment.server_name {
                ServerName::IpAddress(IpAddr::V6(address)) => {
                    format!("[{}]", std::net::Ipv6Addr::from(*address))
                }
                name => name.to_str().into_owned(),
            },
            description: description.clone(),
            upstream,
        })
    }

    /// Asks the proxy our question in the clear.
    async fn ask(&self) -> TargetView {
        let port = self.launched.place.port();
        let address = Address::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let protocol = self.application.protocol;
        let answer = async {
            let mut stream = address.dial().await?;
            protocol
                .ask(&mut stream, Opening::default(), &self.host)
                .await
        };
        let Application {
            accepts, refuses, ..
        } = &self.application;
        let status = |status: u16| match (accepts.contains(&status), refuses.contains(&status)) {
            (true, _) => TargetEnd::Accepted,
            (false, true) => TargetEnd::Refused(format!("HTTP {status}")),
            (false, false) => TargetEnd::Broken(format!(
                "the proxy answered HTTP {status}, which its descriptor lists neither under `accepts` nor \
                 under `refuses`"
            )),
        };
        TargetView::of(match answer.await {
            Ok(Answer::Accepted) => TargetEnd::Accepted,
            Ok(Answer::Status(code)) => status(code),
            Ok(Answer::Refused(words) | Answer::Strange(words)) => TargetEnd::Refused(words),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                TargetEnd::Broken(format!("the proxy cannot be asked: {error}"))
            }
            Err(error) => TargetEnd::Refused(format!("it gave no answer: {error}")),
        })
    }
}

impl Running for Dialler {
    fn address(&self) -> Option<Address> {
        None
    }

    fn application(&self) -> Application {
        self.application.clone()
    }

    fn upstream(&self) -> Option<&Listener> {
        Some(&self.upstream)
    }

    fn decided(&self, _connection: ConnectionId) -> Task<'_, TargetView> {
        Box::pin(std::future::pending())
    }

    fn view(&self, _connection: ConnectionId) -> Task<'_, Option<TargetView>> {
        Box::pin(async { None })
    }

    fn connect(&self, peer: Address) -> Task<'_, Option<TargetView>> {
        let Some(shim) = &self.launched.shim else {
            return Box::pin(async { Some(self.ask().await) });
        };
        let connection = ConnectionId::of_port(port(&peer));
        let watched = shim.views().of(connection);
        Box::pin(async move {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port(&peer)));
            let view = match shim.connect(address).await {
                Ok(()) => tokio::select! {
                    biased;
                    words = shim.babbled() => Some(TargetView::of(TargetEnd::Broken(words))),
                    view = watched.over() => view,
                    _ = self.launched.process.ended() => None,
                },
                // Whoever takes no commands has died, or is about to.
                Err(words) => match self.launched.death(LAST_BREATH).await {
                    Some(_) => None,
                    None => Some(TargetView::of(TargetEnd::Broken(words))),
                },
            };
            shim.views().forget(connection);
            view
        })
    }

    fn death(&self, within: Duration) -> Task<'_, Option<String>> {
        Box::pin(self.launched.death(within))
    }

    fn log_end(&self) -> usize {
        self.launched.process.log().end()
    }

    fn log_since(&self, end: usize) -> Option<String> {
        Some(self.launched.process.log().since(end))
    }

    fn reload(&mut self, environment: Arc<Environment>) -> Task<'_, Result<(), String>> {
        let Self {
            launched,
            description,
            ..
        } = self;
        Box::pin(async move { reload(launched, description, &environment).await })
    }

    fn stop(mut self: Box<Self>) -> Task<'static, ()> {
        Box::pin(async move { self.launched.end(self.description.stop).await })
    }
}
