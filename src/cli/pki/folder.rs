//! The folder that certificates and keys are written to, as PEM.

use std::cell::RefCell;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rustls::pki_types::CertificateDer;

use crate::pki::{Identity, pem};

/// The folder that is written to.
pub(super) struct Folder {
    path: PathBuf,
    present: RefCell<Vec<String>>,
}

/// Who may read a file.
pub(super) enum Access {
    /// Everybody.
    Public,
    /// Its owner alone.
    Private,
}

impl Folder {
    /// Opens it for files that may be there, and are overwritten then.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(path).with_context(|| {
            format!(
                "failed to create `{}`; name another folder with --dir",
                path.display()
            )
        })?;
        Ok(Self::at(path))
    }

    /// Makes it, for its owner alone, unless it is there; none of these files may be in it.
    pub(super) fn found(path: &Path, files: &[&str]) -> anyhow::Result<Self> {
        for file in files {
            let file = path.join(file);
            if file.symlink_metadata().is_ok() {
                bail!(
                    "`{}` is there already, and something may rely on it\nhelp: name another folder with --dir, or move the files away if nothing does",
                    file.display()
                );
            }
        }
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).with_context(|| {
            format!(
                "failed to create `{}`; name another folder with --dir",
                path.display()
            )
        })?;
        Ok(Self::at(path))
    }

    fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            present: RefCell::default(),
        }
    }

    /// The names of the files that were written.
    pub(super) fn present(&self) -> Vec<String> {
        self.present.borrow().clone()
    }

    /// Writes `<name>.pem`, the chain, and `<name>.key`.
    pub(super) fn identity(&self, name: &str, identity: &Identity) -> anyhow::Result<()> {
        self.certificates(&format!("{name}.pem"), &identity.chain)?;
        self.file(
            &format!("{name}.key"),
            identity.key.pem().as_bytes(),
            Access::Private,
        )
    }

    /// Writes certificates to one file.
    pub(super) fn certificates(
        &self,
        name: &str,
        certificates: &[CertificateDer<'_>],
    ) -> anyhow::Result<()> {
        let text = pem::certificates(certificates);
        self.file(name, text.as_bytes(), Access::Public)
    }

    /// Writes a file.
    pub(super) fn file(&self, name: &str, content: &[u8], access: Access) -> anyhow::Result<()> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        if matches!(access, Access::Private) {
            use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
            options.mode(0o600);
            // The mode above counts for new files only.
            if path.exists() {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
                    .with_context(|| format!("failed to protect `{}`", path.display()))?;
            }
        }
        options
            .open(&path)
            .and_then(|mut file| file.write_all(content))
            .with_context(|| format!("failed to write `{}`", path.display()))?;
        self.present.borrow_mut().push(name.to_owned());
        Ok(())
    }
}
