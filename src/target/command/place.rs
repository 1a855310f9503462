//! The place of one start: a private folder with the target's keys, certificates and configuration.
//!
//! The folder is mode 0700 and its files 0600; it is removed when the start is over, or when the
//! program is.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use minijinja::Value;
use rustls::pki_types::ServerName;
use serde_json::json;

use super::folder::PrivateFolder;
use super::template;
use crate::pki::pem;
use crate::scenario::{Choice, ClientAuth, RevocationDepth, Role, TlsVersion};
use crate::target::Environment;

/// A start's folder.
pub struct Place {
    folder: Folder,
    role: Role,
    ports: Ports,
    prepared: Option<PathBuf>,
    context: Value,
}

enum Folder {
    /// Removed with the place.
    Own(PrivateFolder),
    /// Somebody else's.
    Given(PathBuf),
}

/// The ports that a start uses, all of 127.0.0.1.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// What the target listens on.
    pub own: u16,
    /// Further ones for the target.
    pub spare: [u16; 3],
    /// The plaintext service behind it; 0 where it has none.
    pub backend: u16,
    /// The harness's server; 0 where there is none yet.
    pub peer: u16,
}

impl Place {
    /// Makes the folder and writes keys and certificates into it. `prepared` is the folder that all
    /// starts of the target share, if it has one.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn make(
        environment: &Environment,
        ports: Ports,
        prepared: Option<&Path>,
    ) -> io::Result<Self> {
        let folder = PrivateFolder::make()?;
        Self::within(Folder::Own(folder), environment, ports, prepared)
    }

    /// The same in a folder that stays, for people who want to look.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn make_in(
        folder: PathBuf,
        environment: &Environment,
        ports: Ports,
        prepared: Option<&Path>,
    ) -> io::Result<Self> {
        Self::within(Folder::Given(folder), environment, ports, prepared)
    }

    fn within(
        folder: Folder,
        environment: &Environment,
        ports: Ports,
        prepared: Option<&Path>,
    ) -> io::Result<Self> {
        let mut place = Self {
            context: Value::UNDEFINED,
            role: environment.role,
            ports,
            prepared: prepared.map(Path::to_owned),
            folder,
        };
        place.furnish(environment)?;
        Ok(place)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        match &self.folder {
            Folder::Own(folder) => folder.path(),
            Folder::Given(folder) => folder,
        }
    }

    /// The port that the target listens on.
    pub fn port(&self) -> u16 {
        self.ports.own
    }

    /// Writes keys and certificates anew: each file is replaced whole, so that nobody reads half of it.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn furnish(&mut self, environment: &Environment) -> io::Result<()> {
        for (name, content) in papers(environment) {
            self.put(&format!("{PKI}/{name}"), content)?;
        }
        self.context = self.context(environment, &self.files(environment));
        Ok(())
    }

    /// Where keys and certificates are.
    pub fn pki(&self) -> PathBuf {
        self.path().join(PKI)
    }

    fn files(&self, environment: &Environment) -> Files {
        let file = |name: &str| self.pki().join(name);
        let lists = 0..environment.crls.len();
        Files {
            chain: file(CHAIN),
            leaf: file(LEAF),
            issuers: file(ISSUERS),
            bundle: file(BUNDLE),
            key: file(KEY),
            trust: file(TRUST),
            vhost_trust: environment.vhost.as_ref().map(|_| file(VHOST_TRUST)),
            crl: (!lists.is_empty()).then(|| file(CRL)),
            crls: lists.map(|number| file(&crl_name(number))).collect(),
        }
    }

    /// Renders the descriptor's files.
    ///
    /// # Errors
    /// A template that is invalid, or what the operating system says, with the name of the file.
    pub fn render_files(&self, files: &BTreeMap<String, String>) -> Result<(), String> {
        for (name, text) in files {
            let text = self
                .render(text)
                .map_err(|error| format!("file `{name}`: {error}"))?;
            self.put(name, &text)
                .map_err(|error| format!("cannot write `{name}`: {error}"))?;
        }
        Ok(())
    }

    /// Renders one template.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn render(&self, text: &str) -> Result<String, String> {
        template::render(text, &self.context)
    }

    /// Renders a command.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn render_command(&self, words: &[String]) -> Result<Vec<String>, String> {
        template::render_command(words, &self.context)
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> io::Result<PathBuf> {
        let path = self.path().join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let fresh = path.with_added_extension("new");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(&fresh)?.write_all(content.as_ref())?;
        fs::rename(&fresh, &path)?;
        Ok(path)
    }

    fn context(&self, environment: &Environment, files: &Files) -> Value {
        let Ports {
            own,
            spare,
            backend,
            peer,
        } = self.ports;
        let name = &environment.server_name;
        let speaks = |version| environment.versions.contains(&version);
        let (tls12, tls13) = (speaks(TlsVersion::Tls12), speaks(TlsVersion::Tls13));
        let alpn = environment.alpn.iter();
        template_value(json!({
            "dir": self.path(),
            "prepared": self.prepared,
            "home": super::home(),
            "role": self.role,
            "port": own,
            "spare": spare,
            "backend": backend,
            "peer": { "host": "127.0.0.1", "port": peer },
            "identity": {
                "chain": files.chain,
                "leaf": files.leaf,
                "issuers": files.issuers,
                "key": files.key,
                "bundle": files.bundle,
            },
            "trust": files.trust,
            "crl": files.crl,
            "crls": files.crls,
            "client_auth": asks(environment.client_auth),
            "vhost": environment.vhost.as_ref().map(|vhost| json!({
                "name": vhost.name.as_ref(),
                "trust": files.vhost_trust,
                "client_auth": asks(vhost.client_auth),
            })),
            "tls12": tls12,
            "tls13": tls13,
            "min_tls": if tls12 { "1.2" } else { "1.3" },
            "max_tls": if tls13 { "1.3" } else { "1.2" },
            "alpn": alpn.map(|name| String::from_utf8_lossy(name)).collect::<Vec<_>>(),
            "server_name": name.to_str(),
            "server_name_is_ip": matches!(name, ServerName::IpAddress(_)),
            "revocation": match environment.revocation {
                RevocationDepth::None => "none",
                RevocationDepth::EndEntity => "end-entity",
                RevocationDepth::Chain => "chain",
            },
            "unknown_status": choice(environment.unknown_status),
            "expired_crl": choice(environment.expired_crl),
            "stapling": environment.stapling,
            "resumption": environment.resumption,
            "handshake_deadline_ms": environment.handshake_deadline.as_millis() as u64,
            "superuser": rustix::process::geteuid().is_root(),
        }))
    }
}

const PKI: &str = "pki";

/// The chain that it presents.
pub const CHAIN: &str = "chain.pem";
const LEAF: &str = "leaf.pem";
const ISSUERS: &str = "issuers.pem";

/// The chain and its key, for those who want both in one file.
pub const BUNDLE: &str = "bundle.pem";

/// The private key.
pub const KEY: &str = "key.pem";
const TRUST: &str = "trust.pem";
const VHOST_TRUST: &str = "vhost-trust.pem";
const CRL: &str = "crl.pem";

fn crl_name(number: usize) -> String {
    format!("crl-{number}.der")
}

/// An environment's certificates, keys and lists as files: by name, in the order in which they are written.
pub fn papers(environment: &Environment) -> Vec<(String, Vec<u8>)> {
    let Environment {
        identity,
        trust,
        vhost,
        crls,
        ..
    } = environment;
    let (leaf, issuers) = identity.chain.split_at(identity.chain.len().min(1));
    let chain = pem::certificates(&identity.chain);
    let key = identity.key.pem();
    let mut papers = vec![
        (LEAF.to_owned(), pem::certificates(leaf).into_bytes()),
        (ISSUERS.to_owned(), pem::certificates(issuers).into_bytes()),
        (BUNDLE.to_owned(), format!("{chain}{key}").into_bytes()),
        (CHAIN.to_owned(), chain.into_bytes()),
        (KEY.to_owned(), key.into_bytes()),
        (
            TRUST.to_owned(),
            pem::certificates(&trust.anchors).into_bytes(),
        ),
    ];
    if let Some(vhost) = vhost {
        let anchors = pem::certificates(&vhost.trust.anchors);
        papers.push((VHOST_TRUST.to_owned(), anchors.into_bytes()));
    }
    if !crls.is_empty() {
        let lists = crls.iter().map(|crl| pem::crl(crl));
        papers.push((CRL.to_owned(), lists.collect::<String>().into_bytes()));
    }
    for (number, crl) in crls.iter().enumerate() {
        papers.push((crl_name(number), crl.as_ref().to_vec()));
    }
    papers
}

struct Files {
    chain: PathBuf,
    leaf: PathBuf,
    issuers: PathBuf,
    key: PathBuf,
    bundle: PathBuf,
    trust: PathBuf,
    vhost_trust: Option<PathBuf>,
    crl: Option<PathBuf>,
    crls: Vec<PathBuf>,
}

/// The environment variables of the shim contract, in the order of `targets/README.md`.
pub fn shim_variables(environment: &Environment, place: &Place) -> Vec<(&'static str, String)> {
    let get = |path: &str| place.render(path).unwrap_or_default();
    let mut variables = vec![
        ("GAUNTLET_ROLE", environment.role.to_string()),
        ("GAUNTLET_CHAIN", get("{{ identity.chain }}")),
        ("GAUNTLET_KEY", get("{{ identity.key }}")),
        ("GAUNTLET_TRUST", get("{{ trust }}")),
        ("GAUNTLET_MIN_TLS", get("{{ min_tls }}")),
        ("GAUNTLET_MAX_TLS", get("{{ max_tls }}")),
        ("GAUNTLET_REVOCATION", get("{{ revocation }}")),
        ("GAUNTLET_UNKNOWN_STATUS", get("{{ unknown_status }}")),
        ("GAUNTLET_EXPIRED_CRL", get("{{ expired_crl }}")),
        (
            "GAUNTLET_HANDSHAKE_DEADLINE_MS",
            get("{{ handshake_deadline_ms }}"),
        ),
    ];
    match environment.role {
        Role::Server => {
            variables.push(("GAUNTLET_LISTEN", format!("127.0.0.1:{}", place.port())));
            variables.push(("GAUNTLET_CLIENT_AUTH", get("{{ client_auth }}")));
        }
        Role::Client => variables.push(("GAUNTLET_SERVER_NAME", get("{{ server_name }}"))),
    }
    if !environment.crls.is_empty() {
        variables.push(("GAUNTLET_CRL", get("{{ crl }}")));
    }
    if !environment.alpn.is_empty() {
        variables.push(("GAUNTLET_ALPN", get("{{ alpn | join(',') }}")));
    }
    if environment.stapling {
        variables.push(("GAUNTLET_STAPLING", "true".into()));
    }
    variables
}

fn template_value(json: serde_json::Value) -> Value {
    // Every JSON value is a template's value.
    serde_json::from_value(json).unwrap_or(Value::UNDEFINED)
}

fn asks(client_auth: ClientAuth) -> &'static str {
    match client_auth {
        ClientAuth::Required => "required",
        ClientAuth::Optional => "optional",
        ClientAuth::None => "none",
    }
}

fn choice(choice: Choice) -> &'static str {
    match choice {
        Choice::Deny => "deny",
        Choice::Allow => "allow",
    }
}
