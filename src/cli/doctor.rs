//! `doctor`: what is there, and what is missing.

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use clap::Args;

use super::exit::Exit;
use super::{Failure, print};
use crate::net::Transport;
use crate::scenario::Role;
use crate::target::registry;

/// What `doctor` is told.
#[derive(Args)]
pub(super) struct Arguments {}

/// A program that is of use and not needed.
struct Companion {
    program: &'static str,
    version: &'static str,
    what_for: &'static str,
    install: &'static str,
}

const COMPANIONS: &[Companion] = &[Companion {
    program: "openssl",
    version: "version",
    what_for: "to try by hand what `pki export` writes, and for the tests of minted certificates",
    install: "apt-get install openssl",
}];

pub(super) fn doctor(_: &Arguments) -> Result<Exit, Failure> {
    let mut out = String::new();
    let mut exit = Exit::AsExpected;
    match listen() {
        Ok(address) => {
            let _ = writeln!(out, "ok       loopback: can listen, at {address} for one");
        }
        Err(error) => {
            exit = Exit::Broken;
            let _ = writeln!(
                out,
                "missing  loopback: cannot listen on 127.0.0.1: {error}"
            );
            let _ = writeln!(
                out,
                "         in-process targets still run with --transport memory"
            );
        }
    }
    for name in registry::names() {
        if registry::is_planted(&name) {
            continue;
        }
        let target = match registry::find(&name) {
            Ok(target) => target,
            Err(error) => {
                exit = Exit::Broken;
                let _ = writeln!(out, "broken   target {name}: {error}");
                continue;
            }
        };
        let roles = Role::ALL.into_iter().filter(|role| target.plays(*role));
        let roles: Vec<_> = roles.map(|role| role.to_string()).collect();
        let roles = roles.join(", ");
        match target.absent() {
            None => {
                let _ = writeln!(
                    out,
                    "ok       target {name}: {} ({roles})",
                    target.version()
                );
            }
            Some(why) => {
                let _ = writeln!(out, "absent   target {name} ({roles}): {why}");
            }
        }
    }
    for companion in COMPANIONS {
        match version(companion) {
            Some(version) => {
                let _ = writeln!(out, "ok       {}: {version}", companion.program);
            }
            None => {
                let _ = writeln!(
                    out,
                    "missing  {}, {}",
                    companion.program, companion.what_for
                );
                let _ = writeln!(out, "         {}", companion.install);
            }
        }
    }
    print(&out)?;
    Ok(exit)
}

fn listen() -> std::io::Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async { Ok(Transport::Tcp.listen()?.address()?.to_string()) })
}

fn version(companion: &Companion) -> Option<String> {
    let output = Command::new(companion.program)
        .arg(companion.version)
        .stdin(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().next().map(str::to_owned)
}
