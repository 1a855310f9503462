//! The program as its users call it, in a folder of its own.

#![allow(
    dead_code,
    reason = "each test crate that includes it uses what it needs"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use mtls_gauntlet::record::Run;

/// The program, in a folder of its own.
pub struct Gauntlet {
    folder: tempfile::TempDir,
}

impl Gauntlet {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The command with these arguments, which are separated by spaces.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mtls-gauntlet"));
        command
            .args(arguments.split_whitespace())
            .current_dir(self.folder())
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Writes a file below its folder.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.folder().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The record below this folder of its folder.
    pub fn record(&self, out: &str) -> Run {
        let text = fs::read_to_string(self.folder().join(out).join("run.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

/// Sends a signal to this process alone.
pub fn send(signal: &str, process: u32) {
    let status = Command::new("sh")
        .args(["-c", "kill -\"$0\" \"$1\"", signal, &process.to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}
