//! The folder in which a service finds its files, and in which somebody writes them.
//!
//! ```text
//! Delivery --style--> Act, Act, Act --> Folder { memory | disk } <-- read, every poll -- Watch
//! ```
//!
//! A folder has one of two bodies with the same meaning: files on disk, private and removed in the end,
//! for services on sockets; and a tree in memory for simulations, where no disk adds chance. Names are
//! paths below the folder. Symbolic links are relative to where they are, and none leads out.

use std::io;
use std::path::Path;

use self::disk::Disk;
use self::memory::Memory;

mod disk;
mod memory;

/// A folder of files.
pub struct Folder {
    body: Body,
}

enum Body {
    Memory(Memory),
    Disk(Disk),
}

impl Folder {
    /// An empty folder in memory.
    pub fn in_memory() -> Self {
        Self {
            body: Body::Memory(Memory::default()),
        }
    }

    /// An empty folder on disk that nobody else can look into (mode 0700, its files 0600). It goes with
    /// this value.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn on_disk() -> io::Result<Self> {
        Ok(Self {
            body: Body::Disk(Disk::make()?),
        })
    }

    /// Where it is, if it is on disk.
    pub fn path(&self) -> Option<&Path> {
        match &self.body {
            Body::Memory(_) => None,
            Body::Disk(disk) => Some(disk.path()),
        }
    }

    /// Reads a file; links are followed.
    ///
    /// # Errors
    /// There is no such file, a link leads nowhere or in a circle, or what the operating system says.
    pub fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        checked(name)?;
        match &self.body {
            Body::Memory(memory) => memory.read(name),
            Body::Disk(disk) => disk.read(name),
        }
    }

    /// The name of the file that this name leads to, without a link in it.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn resolve(&self, name: &str) -> io::Result<String> {
        checked(name)?;
        match &self.body {
            Body::Memory(memory) => memory.resolve(name),
            Body::Disk(disk) => disk.resolve(name),
        }
    }

    /// Is there a symbolic link with this name?
    pub fn is_link(&self, name: &str) -> bool {
        checked(name).is_ok()
            && match &self.body {
                Body::Memory(memory) => memory.is_link(name),
                Body::Disk(disk) => disk.is_link(name),
            }
    }

    /// Does one thing to it, at once and as a whole.
    ///
    /// # Errors
    /// It cannot be done: something is missing, in the way, or of another kind.
    pub fn perform(&self, act: &Act) -> io::Result<()> {
        for name in act.names() {
            checked(name)?;
        }
        match &self.body {
            Body::Memory(memory) => memory.perform(act),
            Body::Disk(disk) => disk.perform(act),
        }
    }
}

/// One thing that is done to a folder.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Act {
    /// Makes a folder below this one, where there is nothing yet.
    MakeFolder(String),
    /// Creates a file or empties it, and writes this; links are followed.
    Write(String, Vec<u8>),
    /// Writes this at the end of a file; links are followed.
    Append(String, Vec<u8>),
    /// Gives a file or a link another name, in place of the file or link that has it.
    Rename(String, String),
    /// Removes a file or a link.
    Remove(String),
    /// Removes a folder with all that is in it.
    RemoveFolder(String),
    /// Makes a symbolic link where there is nothing yet: what it leads to, then its name.
    Link(String, String),
}

impl Act {
    fn names(&self) -> Vec<&str> {
        match self {
            Self::MakeFolder(name)
            | Self::Write(name, _)
            | Self::Append(name, _)
            | Self::Remove(name)
            | Self::RemoveFolder(name) => vec![name],
            Self::Rename(from, to) | Self::Link(from, to) => vec![from, to],
        }
    }
}

/// A name that leads out of the folder, or back up in it, is nobody's file.
fn checked(name: &str) -> io::Result<()> {
    let strange = |part: &str| matches!(part, "" | "." | "..");
    if name.split('/').any(strange) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("`{name}` is not the name of a file in this folder"),
        ));
    }
    Ok(())
}
