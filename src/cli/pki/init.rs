//! `pki init`: a root that outlives a run, for targets that are configured by others.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::folder::{Access, Folder};
use super::installed::{ROOT_CERTIFICATE, ROOT_KEY};
use crate::cli::exit::Exit;
use crate::cli::{Failure, print};
use crate::clock::Clock;
use crate::pki::key::KeyPool;
use crate::pki::mint::Mint;
use crate::pki::recipe::{Moment, Recipe, Recipes};
use crate::scenario::Role;
use crate::seed::Seed;

/// What `pki init` is told.
#[derive(Args)]
pub(super) struct Init {
    /// Where the files go; made if need be. Files of these names must not be there yet.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

/// What it writes.
const FILES: [&str; 6] = [
    ROOT_CERTIFICATE,
    ROOT_KEY,
    "target.pem",
    "target.key",
    "peer.pem",
    "peer.key",
];

pub(super) fn init(init: &Init) -> Result<Exit, Failure> {
    let folder = Folder::found(&init.dir, &FILES).map_err(Failure::usage)?;
    let clock = Clock::start();
    // The serial numbers come from the time: two roots are not to be taken for one.
    let seed = Seed(clock.unix().unsigned_abs());
    let mint = Mint::new(clock, seed, Arc::new(KeyPool::new(seed)));
    let pki = mint.pki(&recipes(), Role::Server, "init")?;
    folder.certificates(ROOT_CERTIFICATE, &[pki.certificate("root")?.der.clone()])?;
    folder.file(ROOT_KEY, pki.key("root")?.pem().as_bytes(), Access::Private)?;
    for name in ["target", "peer"] {
        folder.identity(name, &pki.identity(None, None, name)?)?;
    }
    print(&told(&init.dir, &folder.present()))
}

/// The root is the baseline's, so that scenarios find it as they expect it. What hangs below it lives
/// for a year, serves in both roles, and has an authority of its own: a run's `issuing` has the same
/// name every time and another key, and an implementation may keep what it once was given.
fn recipes() -> Recipes {
    let year = Some(Moment::Relative(365 * 24 * 3600));
    let authority = Recipe {
        like: Some("issuing".into()),
        subject: Some(vec!["O=mtls-gauntlet".into(), "CN=deployed".into()]),
        not_after: year,
        ..Recipe::default()
    };
    let leaf = Recipe {
        issuer: Some("deployed".into()),
        eku: Some(vec!["server-auth".into(), "client-auth".into()]),
        not_after: year,
        ..Recipe::default()
    };
    Recipes::from([
        ("deployed".into(), authority),
        ("target".into(), leaf.clone()),
        ("peer".into(), leaf),
    ])
}

/// What was written, and what to do with it.
fn told(dir: &Path, files: &[String]) -> String {
    let (dir, files) = (dir.display(), files.join(", "));
    format!(
        "wrote {dir}: {files}\n\
         root.pem is valid for ten years, target.pem and peer.pem for one. Who has root.key can be anybody \
         to those who trust root.pem: keep it, and install root.pem where you test and nowhere else.\n\
         \n\
         a server trusts root.pem for its clients, and may present target.pem:\n\
         \x20 openssl s_server -accept 127.0.0.1:8443 -cert {dir}/target.pem -key {dir}/target.key -cert_chain {dir}/target.pem -CAfile {dir}/root.pem -Verify 9 -verify_return_error -www\n\
         in nginx:\n\
         \x20 ssl_certificate {dir}/target.pem; ssl_certificate_key {dir}/target.key;\n\
         \x20 ssl_client_certificate {dir}/root.pem; ssl_verify_client on; ssl_verify_depth 9;\n\
         a good client is let in:\n\
         \x20 curl --connect-to target.gauntlet.test:443:127.0.0.1:8443 --cacert {dir}/root.pem --cert {dir}/peer.pem --key {dir}/peer.key https://target.gauntlet.test/\n\
         and others are not:\n\
         \x20 mtls-gauntlet run --server 127.0.0.1:8443 --pki {dir}\n\
         \n\
         a client trusts root.pem for its servers, presents target.pem, and is sent where this one says:\n\
         \x20 mtls-gauntlet run --client-listen 127.0.0.1:9000 --pki {dir} 'validity/*'\n"
    )
}
