//! Private folders for keys and configuration: mode 0700, and gone when they are no longer needed, also
//! when the program ends in a hurry.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// A folder that nobody else can look into, and that goes with this value.
pub struct PrivateFolder {
    path: PathBuf,
}

impl PrivateFolder {
    /// Makes one.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn make() -> io::Result<Self> {
        let mut kept = kept();
        let folder = tempfile::Builder::new()
            .prefix("mtls-gauntlet-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()?;
        let path = folder.keep();
        kept.insert(path.clone());
        Ok(Self { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        let mut kept = kept();
        remove(&self.path);
        kept.remove(&self.path);
    }
}

/// Removes every folder; from now on nobody can make one. For a program that ends without unwinding.
pub fn remove_all() {
    let kept = kept();
    kept.iter().for_each(|path| remove(path));
    std::mem::forget(kept);
}

/// A process that has just been killed may still be writing into its folder for a moment.
fn remove(path: &Path) {
    const TRIES: u32 = 40;
    for _ in 0..TRIES {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                thread::sleep(Duration::from_millis(5));
            }
            _ => return,
        }
    }
}

/// The folders that there are.
fn kept() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    static KEPT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}
