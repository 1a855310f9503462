//! Descriptors for tests, and a watch over the processes that come of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mtls_gauntlet::clock::Stopwatch;
use mtls_gauntlet::scenario::expand::{Case, expand};
use mtls_gauntlet::scenario::load;
use mtls_gauntlet::target::{Target, registry};

pub use self::shim::shim;

#[path = "../../support/shim.rs"]
mod shim;

/// What the shim can be asked, in the role of a server and of a client.
const SERVER: &str = r#"["tls1.2", "tls1.3", "crl", "crl-end-entity", "unknown-status", "expired-crl", "alpn",
    "optional-client-auth", "handshake-deadline", "identity"]"#;
const CLIENT: &str = r#"["tls1.2", "tls1.3", "crl", "crl-end-entity", "unknown-status", "expired-crl", "alpn",
    "stapling", "handshake-deadline", "identity"]"#;

/// The variable that tells a test's own processes from all others: children inherit it.
pub const MARK: &str = "GAUNTLET_TEST_MARK";

/// A folder with descriptors and scenarios. No process with its mark outlives it unnoticed.
pub struct Bench {
    folder: tempfile::TempDir,
    pub mark: String,
}

impl Bench {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            folder: tempfile::tempdir().unwrap(),
            mark: format!("{}-{number}", std::process::id()),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Writes the descriptor of a shim that is started with these words, in both roles.
    pub fn describe(&self, name: &str, words: &str) -> PathBuf {
        self.describe_with(name, words, "")
    }

    /// The same, with more keys for both roles.
    pub fn describe_with(&self, name: &str, words: &str, keys: &str) -> PathBuf {
        let start: Vec<String> = std::iter::once(shim().display().to_string())
            .chain(words.split_whitespace().map(str::to_owned))
            .collect();
        let role = |role: &str, supports: &str| {
            format!(
                "[{role}]\nstart = {start:?}\nshim = true\nsupports = {supports}\n{keys}\n\
                 [{role}.environment]\n{MARK} = {:?}\n",
                self.mark
            )
        };
        let text = format!(
            "version = [{:?}, \"--version\"]\n{}{}",
            shim(),
            role("server", SERVER),
            role("client", CLIENT)
        );
        self.write(&format!("{name}.toml"), &text)
    }

    /// The target that [`describe`](Self::describe) describes.
    pub fn target(&self, name: &str, words: &str) -> Arc<dyn Target> {
        find(&self.describe(name, words))
    }

    /// The cases of a folder of scenarios in which a peer with each of these DNS names, and nothing
    /// else in its certificate that it could be called by, is to be accepted.
    pub fn peers(&self, names: &[&str]) -> Vec<Case> {
        for name in names {
            self.write(
                &format!("scenarios/peer/{name}.toml"),
                &scenario_about(name),
            );
        }
        let scenarios = load::folders(&[self.path("scenarios")]).unwrap();
        expand(&scenarios)
    }

    /// No process with this mark is left. One that has just been killed may take a moment to vanish;
    /// one that has not never will.
    pub fn assert_alone(&self) {
        const LONGEST: Duration = Duration::from_secs(30);
        let began = Stopwatch::start();
        loop {
            let left = marked(&self.mark);
            if left.is_empty() {
                return;
            }
            assert!(began.elapsed() < LONGEST, "these are left: {left:?}");
            std::thread::yield_now();
        }
    }
}

/// A scenario with a peer that has this DNS name and is to be accepted.
pub fn scenario_about(name: &str) -> String {
    format!(
        "title = \"A peer called {name} is accepted\"\nlevel = \"must\"\nspec = [\"a test\"]\n\
         why = \"What comes of it depends on the target.\"\n[pki.peer]\nnames = [\"{name}\", \"peer.gauntlet.test\"]\n\
         [expect]\noutcome = \"accept\"\n"
    )
}

/// The target whose descriptor is here.
pub fn find(descriptor: &Path) -> Arc<dyn Target> {
    match registry::find(&descriptor.display().to_string()) {
        Ok(target) => target,
        Err(error) => panic!("{error}"),
    }
}

/// The processes with this mark in their environment. What has ended and was not waited for yet has no
/// environment any more.
pub fn marked(mark: &str) -> Vec<String> {
    let entry = format!("{MARK}={mark}");
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let marked = processes.filter(|process| {
        let environment = fs::read(process.path().join("environ")).unwrap_or_default();
        environment
            .split(|octet| *octet == 0)
            .any(|variable| variable == entry.as_bytes())
    });
    marked
        .map(|process| {
            let words = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).replace('\0', " ");
            format!("{}: {words}", process.file_name().display())
        })
        .collect()
}

/// What is in this folder.
pub fn content(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// Gives a command a folder for temporary files, and this mark.
pub fn confined(command: &mut Command, temporary: &Path, mark: &str) {
    fs::create_dir_all(temporary).unwrap();
    command.env("TMPDIR", temporary).env(MARK, mark);
}
