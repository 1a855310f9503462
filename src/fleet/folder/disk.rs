//! A folder of files on disk.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use super::Act;
use crate::target::command::folder::PrivateFolder;

/// A private folder on disk.
pub struct Disk {
    folder: PrivateFolder,
}

impl Disk {
    /// Makes one.
    pub fn make() -> io::Result<Self> {
        Ok(Self {
            folder: PrivateFolder::make()?,
        })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.at(name))
    }

    pub fn resolve(&self, name: &str) -> io::Result<String> {
        let top = fs::canonicalize(self.folder.path())?;
        let path = fs::canonicalize(self.at(name))?;
        let below = path.strip_prefix(top).map_err(io::Error::other)?;
        Ok(below.to_string_lossy().into_owned())
    }

    pub fn is_link(&self, name: &str) -> bool {
        self.at(name).is_symlink()
    }

    pub fn perform(&self, act: &Act) -> io::Result<()> {
        match act {
            Act::MakeFolder(name) => DirBuilder::new().mode(0o700).create(self.at(name)),
            Act::Write(name, content) => OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(self.at(name))?
                .write_all(content),
            Act::Append(name, content) => OpenOptions::new()
                .append(true)
                .open(self.at(name))?
                .write_all(content),
            Act::Rename(from, to) => {
                if self.is_folder(from)? {
                    return Err(io::ErrorKind::IsADirectory.into());
                }
                fs::rename(self.at(from), self.at(to))
            }
            Act::Remove(name) => fs::remove_file(self.at(name)),
            Act::RemoveFolder(name) => {
                if !self.is_folder(name)? {
                    return Err(io::ErrorKind::NotADirectory.into());
                }
                fs::remove_dir_all(self.at(name))
            }
            Act::Link(target, name) => symlink(target, self.at(name)),
        }
    }

    /// Is it a folder itself, and not a link to one?
    fn is_folder(&self, name: &str) -> io::Result<bool> {
        Ok(fs::symlink_metadata(self.at(name))?.is_dir())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
