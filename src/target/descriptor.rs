//! Target descriptors: what `targets/*.toml` says of an implementation.
//!
//! `targets/README.md` is the reference for those who write one. A descriptor is data: what is done
//! with it is [`command`](super::command)'s business.

use std::collections::BTreeMap;
use std::path::{Component, Path};
use std::time::Duration;

use globset::{GlobBuilder, GlobMatcher};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Capability;
use super::stack::Stack;
use crate::document::{Document, DocumentError};
use crate::net::protocol::Protocol;
use crate::scenario::span::Span;
use crate::scenario::{Profile, Role};

/// What a descriptor says.
#[derive(Debug)]
pub struct Descriptor {
    /// The command that prints the version.
    pub version: Vec<String>,
    /// What to tell people who lack it.
    pub install: Option<String>,
    /// Its server role.
    pub server: Option<RoleDescription>,
    /// Its client role.
    pub client: Option<RoleDescription>,
    known: Globs,
    lacks: Globs,
    varies: Globs,
    admits: Globs,
    profiles: Vec<Profile>,
}

/// Globs over case ids, each with a reason.
pub type Globs = Vec<(GlobMatcher, String)>;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct File {
    /// The command that prints the version.
    #[serde(default)]
    version: Vec<String>,
    /// What to tell people who lack it.
    #[serde(default)]
    install: Option<String>,
    /// The library under it, whose known deviations hold for it too.
    #[serde(default)]
    stack: Option<String>,
    /// The profiles that it follows.
    #[serde(default)]
    profiles: Vec<Profile>,
    /// Its server role.
    #[serde(default)]
    server: Option<RoleDescription>,
    /// Its client role.
    #[serde(default)]
    client: Option<RoleDescription>,
    /// Globs of the stack's file that do not hold for it, and why.
    #[serde(default)]
    spared: BTreeMap<String, String>,
    /// What it lacks, so that twins are refused: a glob over case ids, and the reason with a reference.
    #[serde(default)]
    lacks: BTreeMap<String, String>,
    /// Deviations that depend on chance, a newly made key for one: a glob over case ids, and the reason. They
    /// excuse nobody's being let in.
    #[serde(default)]
    varies: BTreeMap<String, String>,
    /// Deviations that depend on chance, in which whoever must be refused is let in: a glob over case ids, and the
    /// reason.
    #[serde(default)]
    admits: BTreeMap<String, String>,
    /// Its documented deviations: a glob over case ids, and the reason with a reference.
    #[serde(default)]
    known: BTreeMap<String, String>,
}

/// How a target is run in one role. The strings of commands, files, environment and input are
/// templates.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct RoleDescription {
    /// The command that starts it, once for each environment.
    pub start: Vec<String>,
    /// As a client: the command that is run once for each case.
    pub connect: Vec<String>,
    /// What `connect` is given on standard input.
    pub input: String,
    /// A command that is run once for each run.
    pub prepare: Vec<String>,
    /// How to know that it is ready.
    pub ready: Readiness,
    /// How long it may take to be ready, in milliseconds.
    pub start_deadline_ms: Option<u32>,
    /// What is spoken inside TLS.
    pub protocol: Protocol,
    /// What counts as acceptance.
    pub accepts: Signs,
    /// What counts as a refusal above TLS.
    pub refuses: Signs,
    /// How it takes new files.
    pub reload: Option<Reload>,
    /// How long it may take to have new files in force. Who says so takes part in fleets.
    pub settle: Option<Span>,
    /// How it is asked to end.
    pub stop: Stop,
    /// What it can be asked.
    pub supports: Vec<Capability>,
    /// It speaks the shim contract.
    pub shim: bool,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// Files of its private folder.
    pub files: BTreeMap<String, String>,
}

/// How to know that a target is ready.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Readiness {
    /// Its port can be connected to.
    #[default]
    Tcp,
    /// It has written this text, on either stream.
    Log(String),
    /// This command exits with 0.
    Command(Vec<String>),
}

/// What a target's answer, exit status or output must be.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Signs {
    /// HTTP status codes.
    pub http: Vec<u16>,
    /// Exit statuses of `connect`.
    pub exit: Vec<i32>,
    /// A text in the output of `connect`.
    pub output: Option<String>,
}

/// How a target takes new files.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reload {
    /// It sees by itself that they have been replaced.
    Automatic,
    /// It is sent this signal.
    Signal(SignalName),
    /// This command tells it.
    Command(Vec<String>),
    /// These lines are sent to its administrative socket.
    Socket(AdminSocket),
}

/// An administrative socket.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AdminSocket {
    /// Where it is in the file system.
    pub path: String,
    /// What is sent, each in a connection of its own.
    pub lines: Vec<String>,
}

/// How a target is asked to end.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Stop {
    /// The signal that its process group is sent.
    pub signal: SignalName,
}

/// The signals that a descriptor may name.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum SignalName {
    /// Hang-up.
    Hup,
    /// Interrupt.
    Int,
    /// Quit.
    Quit,
    /// Terminate.
    #[default]
    Term,
    /// The first signal for users.
    Usr1,
    /// The second signal for users.
    Usr2,
    /// A change of the window; Apache httpd and HAProxy give it other meanings.
    Winch,
    /// Kill.
    Kill,
}

impl Descriptor {
    /// Parses a descriptor; `path` is what errors call it.
    ///
    /// # Errors
    /// When the file is not TOML, has an unknown key, a glob or a template that is none, or a role
    /// that cannot be run.
    pub fn parse(path: &str, text: &str) -> Result<Self, DocumentError> {
        Self::parse_beside(path, text, None)
    }

    /// The same for a descriptor that lies in this folder: stacks are looked for in its `stack/` first.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_beside(
        path: &str,
        text: &str,
        folder: Option<&Path>,
    ) -> Result<Self, DocumentError> {
        let document = Document::parse(path, text)?;
        let file: File = document.read()?;
        for (role, description) in [("server", &file.server), ("client", &file.client)] {
            if let Some(description) = description {
                description.check(role, &document)?;
            }
        }
        let mut known = globs(&document, "known", file.known)?;
        let mut lacks = globs(&document, "lacks", file.lacks)?;
        let mut varies = globs(&document, "varies", file.varies)?;
        let mut admits = globs(&document, "admits", file.admits)?;
        if let Some(stack) = &file.stack {
            let spared = globs(&document, "spared", file.spared)?;
            let is_spared =
                |glob: &GlobMatcher| spared.iter().any(|(one, _)| one.glob() == glob.glob());
            let shared = Stack::named(stack, folder)
                .map_err(|hint| document.error_at(&["stack"], "unknown stack", Some(hint)))?;
            for (own, shared) in [
                (&mut known, shared.known),
                (&mut lacks, shared.lacks),
                (&mut varies, shared.varies),
                (&mut admits, shared.admits),
            ] {
                let shared = shared.into_iter();
                own.extend(shared.filter(|(glob, _)| !is_spared(glob)));
            }
        }
        Ok(Self {
            version: file.version,
            install: file.install,
            server: file.server,
            client: file.client,
            known,
            lacks,
            varies,
            admits,
            profiles: file.profiles,
        })
    }

    /// How it is run in this role, if it plays it.
    pub fn role(&self, role: Role) -> Option<&RoleDescription> {
        match role {
            Role::Server => self.server.as_ref(),
            Role::Client => self.client.as_ref(),
        }
    }

    /// Why a deviation in this case is known, if it is.
    pub fn known(&self, case: &str) -> Option<&str> {
        reason(&self.known, case)
    }

    /// What it lacks, so that this case's twin is not accepted, if that is known.
    pub fn lacks(&self, case: &str) -> Option<&str> {
        reason(&self.lacks, case)
    }

    /// Why this case comes out one way or the other, if that is known. Of somebody who was let in and must be
    /// refused it has to be said outright.
    pub fn varies(&self, case: &str, let_in: bool) -> Option<&str> {
        let admits = reason(&self.admits, case);
        admits.or_else(|| reason(&self.varies, case).filter(|_| !let_in))
    }

    /// Does it follow this profile?
    pub fn follows(&self, profile: Profile) -> bool {
        self.profiles.contains(&profile)
    }
}

impl RoleDescription {
    /// How long it may take to be ready.
    pub fn start_deadline(&self) -> Duration {
        Duration::from_millis(self.start_deadline_ms.unwrap_or(15_000).into())
    }

    /// Every template in it, with the keys that lead to it.
    pub fn templates(&self) -> impl Iterator<Item = (Vec<&str>, &str)> {
        let commands = [
            ("start", &self.start),
            ("connect", &self.connect),
            ("prepare", &self.prepare),
        ];
        let reload = match &self.reload {
            Some(Reload::Command(command)) => Some(("reload", command)),
            Some(Reload::Socket(socket)) => Some(("reload", &socket.lines)),
            _ => None,
        };
        let ready = match &self.ready {
            Readiness::Command(command) => Some(("ready", command)),
            _ => None,
        };
        let words = commands
            .into_iter()
            .chain(reload)
            .chain(ready)
            .flat_map(|(key, words)| words.iter().map(move |word| (vec![key], word.as_str())));
        let tables = [("files", &self.files), ("environment", &self.environment)];
        let texts = tables.into_iter().flat_map(|(key, table)| {
            table
                .iter()
                .map(move |(name, text)| (vec![key, name.as_str()], text.as_str()))
        });
        words
            .chain(texts)
            .chain(std::iter::once((vec!["input"], self.input.as_str())))
    }

    fn check(&self, role: &str, document: &Document<'_>) -> Result<(), DocumentError> {
        let error = |keys: &[&str], message: &str, hint: &str| {
            let keys: Vec<_> = std::iter::once(role).chain(keys.iter().copied()).collect();
            Err(document.error_at(&keys, message, Some(hint.to_owned())))
        };
        if self.start.is_empty() && (role == "server" || self.connect.is_empty()) {
            return error(
                &[],
                "there is no command",
                "write `start = [\"program\", ...]`",
            );
        }
        if !self.connect.is_empty() && role == "server" {
            let hint = "a server has `start`; `connect` belongs into `[client]`";
            return error(&["connect"], "a server does not connect", hint);
        }
        if !self.connect.is_empty() && !self.start.is_empty() {
            let hint = "a client with `start` is a proxy or a shim, and is not called by `connect`";
            return error(
                &["connect"],
                "`start` and `connect` exclude each other",
                hint,
            );
        }
        if self.supports.is_empty() {
            let hint = "list at least `tls1.2` or `tls1.3`; what is not listed is never asked";
            return error(&["supports"], "it supports nothing", hint);
        }
        if self.supports.contains(&Capability::Spiffe) {
            let hint = "a profile is claimed for the whole target: write `profiles = [\"spiffe\"]` at the top";
            return error(
                &["supports"],
                "`spiffe` is a profile, not a capability",
                hint,
            );
        }
        if let Some(name) = self.files.keys().find(|name| !stays_inside(name)) {
            let hint = "write a name relative to the private folder, without `..`";
            return error(
                &["files", name],
                "the file would not be in the private folder",
                hint,
            );
        }
        for (keys, text) in self.templates() {
            if let Err(problem) = super::command::template::check(text) {
                let hint = "templates are written in the language of minijinja";
                return error(&keys, &format!("the template is invalid: {problem}"), hint);
            }
        }
        Ok(())
    }
}

/// Does this path lead to a file below where it starts?
fn stays_inside(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    !name.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
}

fn reason<'g>(globs: &'g Globs, case: &str) -> Option<&'g str> {
    globs
        .iter()
        .find(|(glob, _)| glob.is_match(case))
        .map(|(_, reason)| reason.as_str())
}

/// The globs of a table.
///
/// # Errors
/// When one is none.
pub fn globs(
    document: &Document<'_>,
    table: &str,
    entries: BTreeMap<String, String>,
) -> Result<Globs, DocumentError> {
    let mut globs = Vec::new();
    for (glob, reason) in entries {
        // `{,-v6}`: with an end or without.
        let matcher = GlobBuilder::new(&glob)
            .empty_alternates(true)
            .build()
            .map_err(|error| document.error_at(&[table, &glob], &error.to_string(), None))?;
        globs.push((matcher.compile_matcher(), reason));
    }
    Ok(globs)
}
