//! `pki export`: a scenario's certificates as files, with commands to try them by hand.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use rustls::pki_types::ServerName;

use super::folder::{Access, Folder};
use crate::cli::exit::Exit;
use crate::cli::show::find;
use crate::cli::{Failure, print};
use crate::clock::Clock;
use crate::net::protocol::Protocol;
use crate::pki::key::KeyPool;
use crate::pki::mint::Mint;
use crate::pki::pem;
use crate::run::environment::{Patience, Stage};
use crate::scenario::{Role, TlsVersion};
use crate::seed::Seed;
use crate::target::{Environment, registry};

/// What `pki export` is told.
#[derive(Args)]
pub(super) struct Export {
    /// The scenario, or one of its cases.
    #[arg(value_name = "ID")]
    id: String,

    /// Where the files go; created if need be.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,

    /// The side that the target plays; the scenario's first, unless said.
    #[arg(long, value_name = "ROLE")]
    role: Option<Role>,

    /// Write the twin, which must be accepted, instead of the case.
    #[arg(long)]
    twin: bool,

    /// Also write this target's configuration, with a line that starts it by hand.
    #[arg(long, value_name = "NAME")]
    target: Option<String>,

    /// Read scenarios from this folder instead of the built-in ones; may be given several times.
    #[arg(long, value_name = "DIR")]
    scenarios: Vec<PathBuf>,

    /// The seed of what is drawn by chance: serial numbers and the like, not keys.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

pub(super) fn export(export: &Export) -> Result<Exit, Failure> {
    let scenario = find(&export.id, &export.scenarios)?;
    let role = export
        .role
        .or_else(|| {
            let of_case = export.id.strip_prefix(&scenario.id)?;
            let wanted = |role: &Role| of_case.contains(&format!("/{role}"));
            scenario.roles.iter().copied().find(wanted)
        })
        .or_else(|| scenario.roles.first().copied())
        .unwrap_or(Role::Server);
    let seed = Seed(export.seed);
    let mint = Mint::new(Clock::start(), seed, Arc::new(KeyPool::new(seed)));
    let label = format!("{}/{role}", scenario.id);
    let stage = Stage::new(&mint, Arc::clone(&scenario), role, &label)?;
    let environment = stage.environment(&mint, stage.pki())?;
    let patience = Patience {
        listen: std::time::Duration::ZERO,
        deadline: std::time::Duration::ZERO,
    };
    let peer = match (&scenario.control, export.twin) {
        (Some(control), true) => {
            let twin = Stage::new(&mint, Arc::clone(control), role, &format!("{label}/twin"))?;
            twin.peer(TlsVersion::Tls13, patience)?
        }
        (None, true) => {
            return Err(Failure::usage(anyhow::anyhow!(
                "`{}` has no twin: only scenarios that expect a refusal have one",
                scenario.id
            )));
        }
        _ => stage.peer(TlsVersion::Tls13, patience)?,
    };

    let folder = Folder::open(&export.dir).map_err(Failure::usage)?;
    folder.certificates("trust.pem", &environment.trust.anchors)?;
    folder.identity("target", &environment.identity)?;
    folder.identity("peer", &peer.identity)?;
    let mut crls = String::new();
    for crl in &environment.crls {
        crls.push_str(&pem::crl(crl));
    }
    if !crls.is_empty() {
        folder.file("crls.pem", crls.as_bytes(), Access::Public)?;
    }
    if !peer.staple.is_empty() {
        folder.file("staple.der", &peer.staple, Access::Public)?;
    }
    let mut text = commands(&export.dir, &environment, &folder.present());
    if let Some(name) = &export.target {
        text.push_str(&by_hand(name, &environment, &export.dir)?);
    }
    print(&text)
}

/// How to start a target in this environment, and to meet it, without this program.
fn by_hand(name: &str, environment: &Environment, dir: &Path) -> Result<String, Failure> {
    let target = registry::find_command(name).map_err(Failure::usage)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    // What is named by its path is called by the file's name.
    let called = Path::new(name).file_stem().unwrap_or_default();
    let folder = std::path::absolute(dir.join(called))?;
    let exported = runtime
        .block_on(target.export(environment, &folder))
        .map_err(|error| Failure::usage(anyhow::anyhow!(error)))?;
    let http = exported.protocol == Protocol::Http;
    let meet = match environment.role {
        Role::Server if http => {
            "printf 'GET / HTTP/1.1\\r\\nHost: target.gauntlet.test\\r\\nConnection: close\\r\\n\\r\\n' | openssl s_client -connect 127.0.0.1:8443 -servername target.gauntlet.test -cert peer.pem -key peer.key -cert_chain peer.pem -ign_eof"
        }
        Role::Server => {
            "(sleep 1; echo 'who goes there?'; sleep 1) | openssl s_client -connect 127.0.0.1:8443 -servername target.gauntlet.test -cert peer.pem -key peer.key -cert_chain peer.pem"
        }
        Role::Client if http => {
            "openssl s_server -accept 127.0.0.1:8443 -cert peer.pem -key peer.key -cert_chain peer.pem -verify 9 -www"
        }
        Role::Client => {
            "openssl s_server -accept 127.0.0.1:8443 -cert peer.pem -key peer.key -cert_chain peer.pem -verify 9"
        }
    };
    let mut notes = Vec::new();
    if exported.is_proxy && environment.role == Role::Client {
        notes.push("ask it with: curl -i http://127.0.0.1:8444/".to_owned());
    }
    if exported.is_shim && environment.role == Role::Client {
        notes.push("then type: connect 127.0.0.1:8443".to_owned());
    }
    if !exported.input.is_empty() {
        notes.push(format!(
            "it is given on standard input: {}",
            exported.input.trim_end()
        ));
    }
    let notes: String = notes.iter().map(|note| format!("  ({note})\n")).collect();
    Ok(format!(
        "\nor let {name} meet a program that is not ours:\n  {}\n{notes}  {meet}\n",
        exported.line
    ))
}

/// What to type to see for oneself, with a program that is not ours.
fn commands(dir: &Path, environment: &Environment, present: &[String]) -> String {
    let has = |name: &str| present.iter().any(|file| file == name);
    let crl = if has("crls.pem") {
        " -CRL crls.pem -crl_check_all"
    } else {
        ""
    };
    let crl_check = if has("crls.pem") {
        " -CRLfile crls.pem -crl_check_all"
    } else {
        ""
    };
    let staple = if has("staple.der") {
        " -status_file staple.der"
    } else {
        ""
    };
    let name = match &environment.server_name {
        ServerName::IpAddress(address) => format!("-verify_ip {}", IpAddr::from(*address)),
        name => format!("-verify_hostname {}", name.to_str()),
    };
    let (purpose, serve, connect) = match environment.role {
        Role::Server => (
            "sslclient".to_owned(),
            format!("openssl s_server -accept 127.0.0.1:8443 -cert target.pem -key target.key -cert_chain target.pem -CAfile trust.pem -Verify 9 -verify_return_error{crl}"),
            "openssl s_client -connect 127.0.0.1:8443 -cert peer.pem -key peer.key -cert_chain peer.pem -CAfile trust.pem".to_owned(),
        ),
        Role::Client => (
            format!("sslserver {name}"),
            format!("openssl s_server -accept 127.0.0.1:8443 -cert peer.pem -key peer.key -cert_chain peer.pem{staple}"),
            format!("openssl s_client -connect 127.0.0.1:8443 -cert target.pem -key target.key -cert_chain target.pem -CAfile trust.pem -verify_return_error {name} -status{crl}"),
        ),
    };
    format!(
        "wrote {}: {}\n\nverify the peer's chain:\n  cd {}\n  openssl verify -purpose {purpose} -CAfile trust.pem -untrusted peer.pem{crl_check} peer.pem\n\nor let them meet:\n  {serve}\n  {connect}\n",
        dir.display(),
        present.join(", "),
        dir.display(),
    )
}
