//! A command in the server role, shim or not.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::Command;
use super::launch::{Launched, launch_on_free_ports, ports};
use super::reload::reload;
use super::writing::rewrite;
use crate::net::protocol::Protocol;
use crate::net::{Address, ConnectionId, Listener, Transport};
use crate::observe::{TargetEnd, TargetView};
use crate::peer::Application;
use crate::target::descriptor::RoleDescription;
use crate::target::{Environment, Running, StartError, Task, Writing};

/// A server that runs.
pub struct Server {
    launched: Launched,
    application: Application,
    description: RoleDescription,
    backend: JoinHandle<()>,
}

impl Server {
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
        let (listener, behind) = listen()?;
        let backend = tokio::spawn(serve(listener, description.protocol));
        let launched = launch_on_free_ports(description, &environment, prepared.as_deref(), || {
            ports(behind, 0)
        })
        .await?;
        Ok(Self {
            launched,
            application: super::application(description),
            description: description.clone(),
            backend,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.backend.abort();
    }
}

impl Running for Server {
    fn address(&self) -> Option<Address> {
        let port = self.launched.place.port();
        Some(Address::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port))))
    }

    fn application(&self) -> Application {
        self.application.clone()
    }

    fn decided(&self, connection: ConnectionId) -> Task<'_, TargetView> {
        match &self.launched.shim {
            Some(shim) => Box::pin(shim.views().of(connection).decided()),
            None => Box::pin(std::future::pending()),
        }
    }

    fn view(&self, connection: ConnectionId) -> Task<'_, Option<TargetView>> {
        let Some(shim) = &self.launched.shim else {
            return Box::pin(async { None });
        };
        let watched = shim.views().of(connection);
        Box::pin(async move {
            let view = tokio::select! {
                biased;
                words = shim.babbled() => Some(TargetView::of(TargetEnd::Broken(words))),
                view = watched.over() => view,
                _ = self.launched.process.ended() => None,
            };
            shim.views().forget(connection);
            view
        })
    }

    fn connect(&self, _peer: Address) -> Task<'_, Option<TargetView>> {
        Box::pin(async { None })
    }

    fn death(&self, within: Duration) -> Task<'_, Option<String>> {
        Box::pin(self.launched.death(within))
    }

    fn process_group(&self) -> Option<u32> {
        Some(self.launched.process.group())
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

    fn rewrite(
        &mut self,
        environment: Arc<Environment>,
        writing: Writing,
    ) -> Task<'_, Result<(), String>> {
        let Self {
            launched,
            description,
            ..
        } = self;
        Box::pin(async move { rewrite(launched, description, &environment, writing).await })
    }

    fn stop(mut self: Box<Self>) -> Task<'static, ()> {
        Box::pin(async move { self.launched.end(self.description.stop).await })
    }
}

/// The plaintext service behind targets that only terminate TLS.
async fn serve(listener: Listener, protocol: Protocol) {
    loop {
        let Ok(mut stream) = listener.accept().await else {
            // Out of file descriptors for a moment.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        tokio::spawn(async move {
            // What the target makes of our answers is the target's affair.
            while protocol.await_question(&mut stream).await.is_ok() {
                let answered = protocol.answer(&mut stream).await;
                // Only where nothing but questions and answers goes over a connection can it be kept.
                if answered.is_err() || protocol != Protocol::Line {
                    return;
                }
            }
        });
    }
}

/// A listener of the harness's own, and its port; targets that are processes live on real sockets alone.
///
/// # Errors
/// `Broken`, with what the operating system says.
pub fn listen() -> Result<(Listener, u16), StartError> {
    let listen = || {
        let listener = Transport::Tcp.listen()?;
        let port = port(&listener.address()?);
        Ok((listener, port))
    };
    listen().map_err(|error: io::Error| StartError::Broken(format!("cannot listen: {error}")))
}

/// The port of an address of ours.
pub fn port(address: &Address) -> u16 {
    match address {
        Address::Tcp(address) | Address::Proxied(address, _) => address.port(),
        Address::Memory(_) | Address::Simulated(..) => 0,
    }
}
