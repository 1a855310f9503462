//! The root that `pki init` has made and somebody has installed: read again, and looked at closely.
//!
//! A root that does not fit shows as a target that refuses everybody, which is a bad way to tell.

use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::clock::Clock;
use crate::pki::authority::Authority;
use crate::pki::key::Key;

/// Its certificate's file.
pub(super) const ROOT_CERTIFICATE: &str = "root.pem";
/// Its key's file.
pub(super) const ROOT_KEY: &str = "root.key";

/// The root in this folder.
///
/// # Errors
/// Says which file is not as it should be, and what to do about it.
pub(in crate::cli) fn root(folder: &Path, clock: Clock) -> anyhow::Result<Authority> {
    let certificate = folder.join(ROOT_CERTIFICATE);
    let key = folder.join(ROOT_KEY);
    let text = read(&certificate)?;
    let der = CertificateDer::from_pem_slice(&text).map_err(|error| {
        anyhow!(
            "`{}` is no certificate in PEM: {error}",
            certificate.display()
        )
    })?;
    let text = read(&key)?;
    check_protection(&key)?;
    let pair = Key::from_pem(&String::from_utf8_lossy(&text)).map_err(|error| {
        anyhow!(
            "`{}` is no private key in PEM (PKCS#8): {error}",
            key.display()
        )
    })?;
    Authority::root(der, pair, clock).map_err(|error| {
        anyhow!(
            "`{}` cannot be used: {error}\nhelp: `mtls-gauntlet pki init` makes another in a new folder, which the target has to be given then",
            certificate.display()
        )
    })
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| {
        format!(
            "failed to read `{}`; --pki names a folder that `mtls-gauntlet pki init --dir DIR` has made",
            path.display()
        )
    })
}

/// Whoever can read the key can be anybody to the target.
#[cfg(unix)]
fn check_protection(key: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(key)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        bail!(
            "`{}` can be read by others (its mode is {mode:o})\nhelp: chmod 600 {0}",
            key.display()
        );
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_protection(_key: &Path) -> anyhow::Result<()> {
    Ok(())
}
