//! `run --server` and `run --client-listen`: targets that run already, under a root of `pki init`.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use rustls::pki_types::DnsName;

use super::Columns;
use crate::cli::Failure;
use crate::cli::pki::installed;
use crate::clock::Clock;
use crate::expect::Outcome;
use crate::net::protocol::Protocol;
use crate::peer::Application;
use crate::pki::PkiError;
use crate::pki::key::KeyPool;
use crate::pki::mint::Mint;
use crate::run::Plan;
use crate::run::environment::Stage;
use crate::run::event::Event;
use crate::run::reception::{Door, Reception, receive};
use crate::scenario::expand::Case;
use crate::scenario::{Role, Scenario};
use crate::seed::Seed;
use crate::target::address::{Client, Server};
use crate::target::{Environment, Target, registry};

/// What `run` is told of a target that runs already.
#[derive(Args)]
#[command(next_help_heading = "Targets that run already")]
pub(super) struct DeployedArguments {
    /// Test the server there, which trusts the root of --pki. Cases are attacks of sorts: only what is
    /// yours. Those that need another configuration than this one are not supported.
    #[arg(long, value_name = "HOST:PORT", group = "deployed", requires = "pki")]
    #[arg(conflicts_with_all = ["target", "all_targets"])]
    server: Option<String>,

    /// Listen from this port on, one port to a case, for a client that trusts the root of --pki, and say
    /// on standard error what happens where. Port 0 takes any that are free.
    #[arg(long, value_name = "HOST:PORT", group = "deployed", requires = "pki")]
    #[arg(conflicts_with_all = ["target", "all_targets"])]
    client_listen: Option<String>,

    /// The folder that `pki init` has made.
    #[arg(long, value_name = "DIR", requires = "deployed")]
    pki: Option<PathBuf>,

    /// What the target speaks inside TLS; http, unless said.
    #[arg(long, value_name = "NAME", requires = "deployed")]
    protocol: Option<Protocol>,

    /// The HTTP statuses with which the server answers those whom it lets in; 2xx, 3xx and 404, unless
    /// said. 400, 403, 495 and 496 are refusals; what is neither breaks the case.
    #[arg(
        long,
        value_name = "STATUS",
        value_delimiter = ',',
        requires = "server"
    )]
    #[arg(value_parser = clap::value_parser!(u16).range(200..=599))]
    accepts: Vec<u16>,

    /// The name (SNI) to ask the server for; target.gauntlet.test, unless said.
    #[arg(long, value_name = "NAME", requires = "server", value_parser = parse_name)]
    server_name: Option<DnsName<'static>>,

    /// Take what the descriptor of this target says of known deviations: nginx, or what ends in .toml.
    #[arg(long, value_name = "NAME", requires = "deployed")]
    known: Option<String>,

    /// How long to wait for the client, in seconds, all in all.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=3600))]
    #[arg(requires = "client_listen")]
    wait: u32,
}

/// A target that runs already.
pub(super) enum Deployed {
    /// A server.
    Server(Arc<Server>, Arc<Mint>),
    /// A client.
    Client(Awaited),
}

/// A client that is waited for.
pub(super) struct Awaited {
    name: String,
    address: SocketAddr,
    application: Application,
    wait: Duration,
    mint: Arc<Mint>,
    known_as: Option<Arc<dyn Target>>,
}

/// How long a server may take to take a connection.
const DIAL: Duration = Duration::from_secs(5);

impl DeployedArguments {
    /// The target that is asked for, if one is.
    pub(super) fn find(
        &self,
        cases: &[Case],
        clock: Clock,
        seed: Seed,
        pool: &Arc<KeyPool>,
    ) -> Result<Option<Deployed>, Failure> {
        let Some(folder) = &self.pki else {
            return Ok(None);
        };
        let (role, name) = match (&self.server, &self.client_listen) {
            (Some(name), _) => (Role::Server, name),
            (None, Some(name)) => (Role::Client, name),
            (None, None) => return Ok(None),
        };
        if !cases.iter().any(|case| case.role == role) {
            return Err(Failure::nothing_selected(anyhow!(
                "none of the selected cases is for a target in the role {role}"
            )));
        }
        let root = installed::root(folder, clock.clone()).map_err(Failure::usage)?;
        let mint = Mint::under(root, clock, seed, Arc::clone(pool))?;
        let known_as = self.known.as_deref().map(registry::find).transpose();
        let known_as = known_as.map_err(Failure::usage)?;
        let addresses = resolve(name).map_err(Failure::usage)?;
        Ok(Some(match role {
            Role::Server => {
                let server = Server {
                    application: self.application(),
                    server_name: self.server_name.clone(),
                    known_as,
                    ..server_at(name, &mint)?
                };
                Deployed::Server(Arc::new(server), mint)
            }
            Role::Client => Deployed::Client(Awaited {
                name: name.clone(),
                address: addresses[0],
                application: self.application(),
                wait: Duration::from_secs(self.wait.into()),
                mint,
                known_as,
            }),
        }))
    }

    fn application(&self) -> Application {
        let accepts = match self.accepts.is_empty() {
            true => (200..400).chain([404]).collect(),
            false => self.accepts.clone(),
        };
        let refusals = [400, 403, 495, 496].into_iter();
        Application {
            protocol: self.protocol.unwrap_or(Protocol::Http),
            refuses: refusals
                .filter(|status| !accepts.contains(status))
                .collect(),
            accepts,
        }
    }
}

impl Deployed {
    /// The columns; a client that is waited for has no place in a plan.
    pub(super) fn columns(&self) -> Columns {
        let mut columns = Columns::default();
        if let Self::Server(server, _) = self {
            columns.there.push(Arc::clone(server) as Arc<dyn Target>);
        }
        columns
    }

    /// What it is called in records.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Server(server, _) => &server.name,
            Self::Client(client) => &client.name,
        }
    }

    /// The mint whose root the target trusts.
    pub(super) fn mint(&self) -> Arc<Mint> {
        match self {
            Self::Server(_, mint) => Arc::clone(mint),
            Self::Client(client) => Arc::clone(&client.mint),
        }
    }
}

impl Awaited {
    /// Says where to come, and waits.
    pub(super) fn receive(
        &self,
        plan: &Plan,
        stop: &AtomicBool,
        emit: impl FnMut(Event),
    ) -> std::io::Result<()> {
        let environment = baseline(&self.mint, Role::Client).map_err(std::io::Error::other)?;
        let reception = Reception {
            client: Client {
                name: self.name.clone(),
                application: self.application.clone(),
                environment,
                known_as: self.known_as.clone(),
            },
            cases: plan.cases.clone(),
            address: self.address,
            wait: self.wait,
            patience: plan.patience,
            mint: Arc::clone(&self.mint),
        };
        let announce = |doors: &[Door<'_>]| {
            // Who does not see it will not come, and that shows.
            let _ = anstream::stderr().write_all(self.table(doors).as_bytes());
        };
        receive(&reception, stop, announce, emit)
    }

    fn table(&self, doors: &[Door<'_>]) -> String {
        let mut table = format!(
            "Send the client to https://peer.gauntlet.test:PORT/, a name that has to lead it to {}; it trusts \
             root.pem and presents target.pem.\n\
             The first connection to a port meets the case, the second the twin. Waiting for {} s, or until \
             Ctrl-C.\n port  the client should           case\n",
            self.address.ip(),
            self.wait.as_secs(),
        );
        for door in doors {
            let should = match door.case.scenario.expect.outcome {
                Outcome::Accept | Outcome::Holds => "accept it",
                Outcome::Policy => "do as it likes",
                Outcome::Reject if door.twin => "refuse it, then accept it",
                Outcome::Reject => "refuse it",
            };
            table.push_str(&format!("{:>5}  {should:<26}  {}\n", door.port, door.case));
        }
        table
    }
}

/// The server at this address, HOST:PORT, with certificates of this mint; it speaks HTTP.
pub(in crate::cli) fn server_at(name: &str, mint: &Arc<Mint>) -> Result<Server, Failure> {
    let addresses = resolve(name).map_err(Failure::usage)?;
    Ok(Server {
        name: name.to_owned(),
        address: reachable(name, &addresses).map_err(Failure::usage)?,
        application: Application {
            protocol: Protocol::Http,
            accepts: (200..400).chain([404]).collect(),
            refuses: vec![400, 403, 495, 496],
        },
        server_name: None,
        environment: baseline(mint, Role::Server)?,
        known_as: None,
    })
}

/// What a target is taken to be configured with, in this role.
fn baseline(mint: &Arc<Mint>, role: Role) -> Result<Environment, PkiError> {
    let stage = Stage::new(mint, Arc::new(Scenario::baseline()), role, "baseline")?;
    stage.environment(mint, stage.pki())
}

fn resolve(name: &str) -> anyhow::Result<Vec<SocketAddr>> {
    let found: Vec<_> = name
        .to_socket_addrs()
        .with_context(|| format!("`{name}` is no host and port, such as 127.0.0.1:8443"))?
        .collect();
    if found.is_empty() {
        return Err(anyhow!("`{name}` has no address"));
    }
    Ok(found)
}

/// The first of the addresses where somebody listens.
fn reachable(name: &str, addresses: &[SocketAddr]) -> anyhow::Result<SocketAddr> {
    let mut last = None;
    for address in addresses {
        match TcpStream::connect_timeout(address, DIAL) {
            Ok(_) => return Ok(*address),
            Err(error) => last = Some(error),
        }
    }
    let why = last.map_or("it has no address".into(), |error| error.to_string());
    Err(anyhow!(
        "nobody listens at `{name}`: {why}\nhelp: start the server first; the harness does not"
    ))
}

pub(in crate::cli) fn parse_name(text: &str) -> Result<DnsName<'static>, String> {
    DnsName::try_from(text.to_owned()).map_err(|_| "write a DNS name".into())
}
