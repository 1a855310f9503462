//! A child process in a group of its own: started, listened to, and ended with all its descendants.
//!
//! The group is ended when its [`Process`] is dropped, so also on a panic, and by [`end_all`] when the
//! program ends in a hurry. Nothing is ever ended by name.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::folder;
use crate::target::descriptor::SignalName;

/// How long a group may take to end after it has been asked to.
const GRACE: Duration = Duration::from_secs(2);

/// A command, ready to be started.
#[derive(Debug)]
pub struct Invocation {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// Environment variables, beside those of the harness.
    pub variables: Vec<(String, String)>,
    /// The folder that it runs in.
    pub folder: PathBuf,
}

/// What is connected to a child's standard streams; the others go to the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Streams {
    /// Nothing on standard input, standard output into the log.
    Logged,
    /// Both are the harness's.
    Spoken,
}

/// A running child with its group.
pub struct Process {
    group: Pid,
    over: watch::Receiver<Option<Option<ExitStatus>>>,
    log: Arc<Log>,
    /// The child's standard input, where it is the harness's.
    pub input: Option<ChildStdin>,
    /// The child's standard output, where it is the harness's.
    pub output: Option<ChildStdout>,
}

impl Process {
    /// Starts it.
    ///
    /// # Errors
    /// When the program is missing or cannot be started, in words that say what to do.
    pub fn start(invocation: &Invocation, streams: Streams) -> Result<Self, String> {
        let Some((program, arguments)) = invocation.words.split_first() else {
            return Err("the command is empty".into());
        };
        let spoken = streams == Streams::Spoken;
        // Held until the child is among them: `end_all` must not miss one that is just being started.
        let mut groups = live();
        let mut child = Command::new(program)
            .args(arguments)
            // What the harness was started with must not reach what it starts.
            .env_remove("GAUNTLET_CRL")
            .env_remove("GAUNTLET_ALPN")
            .env_remove("GAUNTLET_STAPLING")
            .env_remove("OPENSSL_CONF")
            .env_remove("SSL_CERT_FILE")
            .env_remove("SSL_CERT_DIR")
            .envs(
                invocation
                    .variables
                    .iter()
                    .map(|(name, value)| (name, value)),
            )
            .current_dir(&invocation.folder)
            .stdin(if spoken {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| format!("cannot run `{program}`: {error}"))?;
        let group = child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
            .ok_or("the child has no process id")?;
        groups.insert(group.as_raw_nonzero().get());
        drop(groups);
        let log = Arc::new(Log::within(&invocation.folder));
        if let Some(stream) = child.stderr.take() {
            tokio::spawn(Arc::clone(&log).keep(stream));
        }
        let input = child.stdin.take();
        let mut output = child.stdout.take();
        if !spoken && let Some(stream) = output.take() {
            tokio::spawn(Arc::clone(&log).keep(stream));
        }
        let (told, over) = watch::channel(None);
        tokio::spawn(async move {
            let status = child.wait().await.ok();
            told.send_replace(Some(status));
        });
        Ok(Self {
            group,
            over,
            log,
            input,
            output,
        })
    }

    /// The number of its group.
    pub fn group(&self) -> u32 {
        self.group.as_raw_nonzero().get().unsigned_abs()
    }

    /// Its log.
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Waits until it has ended, and says how.
    pub async fn ended(&self) -> String {
        let mut over = self.over.clone();
        match over.wait_for(Option::is_some).await {
            Ok(status) => status.flatten().map_or("it ended".into(), in_words),
            Err(_) => "it ended".into(),
        }
    }

    /// Its exit status, if it has ended by itself.
    pub fn status(&self) -> Option<ExitStatus> {
        self.over.borrow().flatten()
    }

    /// How it ended, if it has.
    pub fn has_ended(&self) -> Option<String> {
        let over = *self.over.borrow();
        over.map(|status| status.map_or("it ended".into(), in_words))
    }

    /// Sends it a signal: it alone, and not the workers that are its own affair.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&self, signal: SignalName) -> Result<(), String> {
        kill_process(self.group, number(signal))
            .map_err(|error| format!("the signal could not be sent: {error}"))
    }

    /// Asks the group to end, and waits a while for it. What is left then ends with this value.
    pub async fn ask_to_end(&mut self, signal: SignalName) {
        // A shim ends with its input.
        drop(self.input.take());
        if kill_process_group(self.group, number(signal)).is_ok() {
            let _ = timeout(GRACE, self.ended()).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The whole group, also where its leader has ended: a server's workers may outlive it.
        let _ = kill_process_group(self.group, Signal::KILL);
        live().remove(&self.group.as_raw_nonzero().get());
    }
}

/// Ends every group at once and removes every folder; from now on nothing can be started. For a program
/// that ends without unwinding.
pub fn end_all() {
    let groups = live();
    for group in groups.iter().filter_map(|group| Pid::from_raw(*group)) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    std::mem::forget(groups);
    folder::remove_all();
}

/// The outcome of a command that was run to its end.
#[derive(Debug)]
pub struct Finished {
    /// How it ended; none where it was a signal that ended it.
    pub status: Option<i32>,
    /// How it ended, in words.
    pub words: String,
    /// What it wrote, on both streams, as far as the log keeps it.
    pub output: String,
}

/// Runs a command to its end, and gives it `input`. `None` when it has not ended in time; it is ended
/// then.
///
/// # Errors
/// As [`Process::start`].
pub async fn run(
    invocation: &Invocation,
    input: &str,
    deadline: Duration,
) -> Result<Option<Finished>, String> {
    let mut process = Process::start(invocation, Streams::Spoken)?;
    let stdin = process.input.take();
    let reading = process
        .output
        .take()
        .map(|stream| tokio::spawn(Arc::clone(&process.log).keep(stream)));
    let feeding = async {
        if let Some(mut stdin) = stdin {
            // A program that does not read what it is given says by its exit status what it thinks.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        process.ended().await
    };
    let Ok(words) = timeout(deadline, feeding).await else {
        return Ok(None);
    };
    if let Some(reading) = reading {
        // A descendant may hold the stream open; what has been written by now is what counts.
        let _ = timeout(Duration::from_millis(200), reading).await;
    }
    Ok(Some(Finished {
        status: process.status().and_then(|status| status.code()),
        words,
        output: process.log.text(),
    }))
}

/// What a child has written: the last part of it.
#[derive(Default)]
pub struct Log {
    kept: Mutex<Kept>,
    /// What paths are called when it is read: a record should not tell where things lay on a machine.
    names: Vec<(String, &'static str)>,
}

#[derive(Default)]
struct Kept {
    octets: Vec<u8>,
    /// How many octets were written before those that are kept.
    forgotten: usize,
}

/// How much of a log is kept, in octets.
const KEPT: usize = 64 * 1024;

impl Log {
    /// The log of a child that runs in this folder.
    fn within(folder: &Path) -> Self {
        let names = [
            (folder.to_owned(), "{{ dir }}"),
            (super::home(), "{{ home }}"),
        ];
        Self {
            kept: Mutex::default(),
            names: names
                .into_iter()
                .map(|(path, name)| (path.display().to_string(), name))
                .collect(),
        }
    }

    async fn keep(self: Arc<Self>, mut stream: impl AsyncRead + Unpin) {
        let mut octets = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut octets).await {
            let mut kept = self.lock();
            kept.octets.extend_from_slice(&octets[..read]);
            if kept.octets.len() > 2 * KEPT {
                let surplus = kept.octets.len() - KEPT;
                kept.octets.drain(..surplus);
                kept.forgotten += surplus;
            }
        }
    }

    /// All that is kept.
    pub fn text(&self) -> String {
        self.readable(&self.lock().octets)
    }

    /// Where it ends now: how many octets have been written.
    pub fn end(&self) -> usize {
        let kept = self.lock();
        kept.forgotten + kept.octets.len()
    }

    /// What was written since the log ended there.
    pub fn since(&self, end: usize) -> String {
        let kept = self.lock();
        let start = end.saturating_sub(kept.forgotten).min(kept.octets.len());
        self.readable(&kept.octets[start..])
    }

    /// Its last lines, for a message.
    pub fn tail(&self) -> String {
        let text = self.text();
        let lines: Vec<_> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        lines[lines.len().saturating_sub(6)..].join("; ")
    }

    fn readable(&self, octets: &[u8]) -> String {
        let mut text = String::from_utf8_lossy(octets).into_owned();
        for (path, name) in &self.names {
            if !path.is_empty() && text.contains(path.as_str()) {
                text = text.replace(path.as_str(), name);
            }
        }
        text
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until `reached` says so, looking every few milliseconds; false when the time is up.
pub async fn poll(within: Duration, mut reached: impl AsyncFnMut() -> bool) -> bool {
    const PAUSE: Duration = Duration::from_millis(5);
    let polling = async {
        while !reached().await {
            sleep(PAUSE).await;
        }
    };
    timeout(within, polling).await.is_ok()
}

/// Is the program to be found, as a path or on the search path?
pub fn is_there(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).is_file();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn in_words(status: ExitStatus) -> String {
    status.to_string()
}

fn number(signal: SignalName) -> Signal {
    match signal {
        SignalName::Hup => Signal::HUP,
        SignalName::Int => Signal::INT,
        SignalName::Quit => Signal::QUIT,
        SignalName::Term => Signal::TERM,
        SignalName::Usr1 => Signal::USR1,
        SignalName::Usr2 => Signal::USR2,
        SignalName::Winch => Signal::WINCH,
        SignalName::Kill => Signal::KILL,
    }
}

/// The groups that are alive.
fn live() -> MutexGuard<'static, BTreeSet<i32>> {
    static LIVE: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}
