//! Targets that are commands: real servers, clients, proxies and libraries, described by
//! `targets/*.toml`.
//!
//! ```text
//! descriptor + Environment --launch--> Process, Place --> Server | Dialler | Caller
//! ```
//!
//! A `Server` listens and is dialled; a `Dialler` is a client that stays (a shim, or a proxy's
//! upstream side); a `Caller` is a client that is run once for each case. Each start has a private
//! folder and a process group, and both end with it.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use tokio::sync::OnceCell;

use self::caller::Caller;
use self::dialler::Dialler;
use self::folder::PrivateFolder;
use self::place::{Place, Ports, shim_variables};
use self::process::{Invocation, is_there};
use self::server::Server;
use super::descriptor::{Descriptor, Reload, RoleDescription};
use super::{Capability, Environment, Running, StartError, Target, Task};
use crate::net::Transport;
use crate::net::protocol::Protocol;
use crate::peer::Application;
use crate::scenario::{Profile, Role};

mod caller;
mod dialler;
pub mod folder;
mod launch;
mod place;
pub mod process;
mod reload;
mod server;
mod shim;
pub mod template;
mod writing;

/// A target that a descriptor describes.
pub struct Command {
    name: String,
    descriptor: Descriptor,
    version: OnceLock<Result<String, String>>,
    prepared: OnceCell<Result<PrivateFolder, String>>,
}

/// How long the command that prints the version may take.
const VERSION: Duration = Duration::from_secs(20);

/// How long the command that prepares a target may take.
const PREPARATION: Duration = Duration::from_secs(120);

impl Command {
    /// The target that this descriptor describes.
    pub fn of(name: String, descriptor: Descriptor) -> Self {
        Self {
            name,
            descriptor,
            version: OnceLock::new(),
            prepared: OnceCell::new(),
        }
    }

    /// The folder that all starts share, made when it is first asked for.
    async fn prepared(&self, description: &RoleDescription) -> Result<Option<PathBuf>, StartError> {
        if description.prepare.is_empty() {
            return Ok(None);
        }
        let prepare = || async {
            let folder = PrivateFolder::make()
                .map_err(|error| format!("its folder could not be made: {error}"))?;
            prepare(description, folder.path()).await.map(|()| folder)
        };
        let prepared = self.prepared.get_or_init(prepare).await;
        match prepared {
            Ok(folder) => Ok(Some(folder.path().to_owned())),
            Err(error) => Err(StartError::Broken(error.clone())),
        }
    }

    /// Renders everything that a start in this environment would need into a folder, for a person who
    /// wants to start it by hand, and says how: a line for a shell.
    ///
    /// # Errors
    /// Why that cannot be done.
    pub async fn export(
        &self,
        environment: &Environment,
        folder: &Path,
    ) -> Result<Exported, String> {
        let Some(description) = self.descriptor.role(environment.role) else {
            return Err(format!("`{}` has no {} role", self.name, environment.role));
        };
        let prepared = match description.prepare.is_empty() {
            true => None,
            false => {
                let prepared = folder.join("prepared");
                std::fs::create_dir_all(&prepared).map_err(|error| error.to_string())?;
                prepare(description, &prepared).await?;
                Some(prepared)
            }
        };
        // As a client the harness's server has the port that a server would have.
        let mut ports = Exported::PORTS;
        if environment.role == Role::Client {
            ports.own = 8444;
        }
        let place = Place::make_in(folder.to_owned(), environment, ports, prepared.as_deref())
            .map_err(|error| format!("`{}`: {error}", folder.display()))?;
        place.render_files(&description.files)?;
        let mut variables = if description.shim {
            shim_variables(environment, &place)
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()
        } else {
            Vec::new()
        };
        for (name, text) in &description.environment {
            variables.push((name.clone(), place.render(text)?));
        }
        let words = match description.connect.is_empty() {
            true => &description.start,
            false => &description.connect,
        };
        let variables = variables
            .iter()
            .map(|(name, value)| format!("{name}={}", quoted(value)));
        let words = place.render_command(words)?;
        let words = words.iter().map(|word| quoted(word));
        Ok(Exported {
            line: variables.chain(words).collect::<Vec<_>>().join(" "),
            input: place.render(&description.input)?,
            protocol: description.protocol,
            is_shim: description.shim,
            is_proxy: !description.shim && !description.start.is_empty(),
        })
    }

    fn probe(&self) -> Result<String, String> {
        let context = general(Path::new(""));
        let programs = [&self.descriptor.server, &self.descriptor.client]
            .into_iter()
            .flatten()
            .filter_map(|role| role.start.first().or(role.connect.first()));
        for program in programs.chain(self.descriptor.version.first()) {
            let program = template::render(program, &context).unwrap_or_default();
            // What is in its own folder is there when it is started.
            if !program.is_empty() && !is_there(&program) {
                return Err(format!("`{program}` is not installed"));
            }
        }
        let words = template::render_command(&self.descriptor.version, &context)?;
        if words.is_empty() {
            return Ok("of no version".into());
        }
        let text = printed(&words)?;
        version_in(&text).ok_or_else(|| {
            format!(
                "`{}` does not print a version: {}",
                words.join(" "),
                text.lines().next().unwrap_or("nothing")
            )
        })
    }
}

impl Target for Command {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn version(&self) -> String {
        let version = self.version.get_or_init(|| self.probe());
        version.clone().unwrap_or_default()
    }

    fn absent(&self) -> Option<String> {
        let why = self.version.get_or_init(|| self.probe()).as_ref().err()?;
        Some(match &self.descriptor.install {
            Some(install) => format!("{why}; to install it: {install}"),
            None => why.clone(),
        })
    }

    fn plays(&self, role: Role) -> bool {
        self.descriptor.role(role).is_some()
    }

    fn has_injected_clock(&self) -> bool {
        false
    }

    fn musters(&self) -> bool {
        self.settle().is_some()
    }

    fn settle(&self) -> Option<Duration> {
        let server = self.descriptor.server.as_ref()?;
        Some(server.settle?.duration())
    }

    fn supports(&self, role: Role, capability: Capability) -> bool {
        match capability {
            Capability::Spiffe => self.descriptor.follows(Profile::Spiffe),
            _ => self
                .descriptor
                .role(role)
                .is_some_and(|role| role.supports.contains(&capability)),
        }
    }

    fn reloads(&self, role: Role) -> bool {
        let role = self.descriptor.role(role);
        role.is_some_and(|role| {
            let runs = !role.start.is_empty();
            runs && (role.shim || role.reload.is_some())
        })
    }

    /// Files are replaced for a reload, and rendered again; command lines and variables are not. What is
    /// taken over an administrative socket, or noticed by itself, is certificates and no settings.
    fn takes_settings(&self, role: Role) -> bool {
        let role = self.descriptor.role(role);
        role.is_some_and(|role| {
            let reads = matches!(role.reload, Some(Reload::Signal(_) | Reload::Command(_)));
            let mut files = role.files.values();
            reads && !role.shim && files.any(|text| text.contains("client_auth"))
        })
    }

    fn known(&self, case: &str) -> Option<&str> {
        self.descriptor.known(case)
    }

    fn lacks(&self, case: &str) -> Option<&str> {
        self.descriptor.lacks(case)
    }

    fn varies(&self, case: &str, let_in: bool) -> Option<&str> {
        self.descriptor.varies(case, let_in)
    }

    fn start(
        &self,
        environment: Arc<Environment>,
        _transport: Transport,
    ) -> Task<'_, Result<Box<dyn Running>, StartError>> {
        Box::pin(async move {
            let Some(description) = self.descriptor.role(environment.role) else {
                let why = format!("it has no {} role", environment.role);
                return Err(StartError::Unsupported(why));
            };
            let running: Box<dyn Running> = match environment.role {
                Role::Server => Box::new(Server::start(self, description, environment).await?),
                Role::Client if description.start.is_empty() => {
                    Box::new(Caller::start(self, description, environment).await?)
                }
                Role::Client => Box::new(Dialler::start(self, description, environment).await?),
            };
            Ok(running)
        })
    }
}

/// What a command prints, on either stream, within a bounded time.
fn printed(words: &[String]) -> Result<String, String> {
    let invocation = Invocation {
        words: words.to_vec(),
        variables: Vec::new(),
        folder: env::temp_dir(),
    };
    // A thread of its own, for the caller may be in a runtime already.
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        runtime.block_on(process::run(&invocation, "", VERSION))
    };
    let finished = thread::scope(|scope| scope.spawn(run).join());
    match finished {
        Ok(Ok(Some(finished))) => Ok(finished.output),
        Ok(Ok(None)) => Err(format!(
            "`{}` did not end within {} s",
            words.join(" "),
            VERSION.as_secs()
        )),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(format!("`{}` could not be run", words.join(" "))),
    }
}

/// A target that has been rendered for a person.
pub struct Exported {
    /// The line for a shell that starts it, or calls it.
    pub line: String,
    /// What it is given on standard input.
    pub input: String,
    /// What it speaks inside TLS.
    pub protocol: Protocol,
    /// It speaks the shim contract.
    pub is_shim: bool,
    /// As a client, it takes a question in the clear to a server.
    pub is_proxy: bool,
}

impl Exported {
    /// A server listens on 8443, and a client connects there; a proxy is asked on 8444, and what only
    /// terminates TLS has its backend on 8445.
    const PORTS: Ports = Ports {
        own: 8443,
        spare: [8446, 8447, 8448],
        backend: 8445,
        peer: 8443,
    };
}

async fn prepare(description: &RoleDescription, folder: &Path) -> Result<(), String> {
    let invocation = Invocation {
        words: template::render_command(&description.prepare, &general(folder))?,
        variables: Vec::new(),
        folder: folder.to_owned(),
    };
    match process::run(&invocation, "", PREPARATION).await? {
        Some(finished) if finished.status == Some(0) => Ok(()),
        Some(finished) => Err(format!(
            "`prepare`: {}: {}",
            finished.words, finished.output
        )),
        None => Err("`prepare` did not end in time".into()),
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Where `targets/install` puts what it builds: `$MTLS_GAUNTLET_HOME`, or
/// `~/.local/share/mtls-gauntlet`.
pub fn home() -> PathBuf {
    env::var_os("MTLS_GAUNTLET_HOME").map_or_else(
        || {
            let home = env::var_os("HOME").unwrap_or_default();
            Path::new(&home).join(".local/share/mtls-gauntlet")
        },
        PathBuf::from,
    )
}

/// What templates can name outside of any start.
fn general(prepared: &Path) -> minijinja::Value {
    minijinja::context! {
        home => home().display().to_string(),
        prepared => prepared.display().to_string(),
        superuser => rustix::process::geteuid().is_root(),
    }
}

/// What a target answers, by its descriptor.
fn application(description: &RoleDescription) -> Application {
    let listed = |codes: &[u16], usual: &[u16]| {
        if codes.is_empty() {
            usual.to_vec()
        } else {
            codes.to_vec()
        }
    };
    Application {
        protocol: description.protocol,
        accepts: listed(&description.accepts.http, &[200]),
        refuses: listed(&description.refuses.http, &[400, 403]),
    }
}

/// The first thing in a text that looks like a version: digits with a dot, and what is joined to them.
fn version_in(text: &str) -> Option<String> {
    let belongs = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '~');
    let words = text.split(|c: char| !belongs(c));
    let from_digit = words.filter_map(|word| {
        word.find(|c: char| c.is_ascii_digit())
            .map(|at| &word[at..])
    });
    from_digit
        .map(|word| word.trim_end_matches(['.', '-', '+', '~']))
        .find(|word| {
            let (major, rest) = word.split_once('.').unwrap_or((word, ""));
            major.chars().all(|c| c.is_ascii_digit())
                && rest.starts_with(|c: char| c.is_ascii_digit())
        })
        .map(str::to_owned)
}
