//! Tricks: ways in which a target that is a process can be a bad one.

use std::process::{Command, Stdio, exit};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{env, thread};

use mtls_gauntlet::observe::{TargetEnd, TargetView};
use rustix::process::{Signal, getpid, kill_process};
use tokio::signal::unix::{SignalKind, signal};

/// One bad habit. Those with a name fall into it when they meet a peer that the application takes for
/// this one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Trick {
    /// Exits with status 3 and says why on standard error alone.
    ExitsAtStart,
    /// Refuses its configuration, in the words of the contract.
    RefusesToStart,
    /// Exits with status 89.
    CannotDoIt,
    /// Is never ready.
    IsNeverReady,
    /// Writes to standard output what is no event.
    Babbles,
    /// Says in words of its own whom it lets in.
    ForgetsItself,
    /// Does not end when it is asked to, nor with its input.
    OutstaysItsWelcome,
    /// Has a child in its group that does not end with it.
    LeavesAChild,
    /// Takes so many milliseconds before it begins to answer anybody.
    TakesItsTime(u64),
    /// Exits with status 70 when it has decided, and before it says so.
    ExitsOn(String),
    /// Is killed at that moment.
    DiesOn(String),
    /// Says and does nothing more at that moment.
    HangsOn(String),
    /// Exits with status 71 when the connection is over, before it has said so.
    ExitsAfter(String),
    /// Exits with status 72 when the connection is over and it has said so; nobody can connect by then.
    ExitsLate(String),
}

impl Trick {
    /// The trick that this word of the command line stands for.
    ///
    /// # Errors
    /// When it is none.
    pub fn named(word: &str) -> Result<Self, String> {
        let (trick, name) = word.split_once('=').unwrap_or((word, ""));
        let name = name.to_owned();
        Ok(match trick {
            "exits-at-start" => Self::ExitsAtStart,
            "refuses-to-start" => Self::RefusesToStart,
            "cannot-do-it" => Self::CannotDoIt,
            "is-never-ready" => Self::IsNeverReady,
            "babbles" => Self::Babbles,
            "forgets-itself" => Self::ForgetsItself,
            "outstays-its-welcome" => Self::OutstaysItsWelcome,
            "leaves-a-child" => Self::LeavesAChild,
            "takes-its-time" => {
                let millis = name.parse();
                Self::TakesItsTime(millis.map_err(|_| format!("`{name}` is no milliseconds"))?)
            }
            "exits-on" => Self::ExitsOn(name),
            "dies-on" => Self::DiesOn(name),
            "hangs-on" => Self::HangsOn(name),
            "exits-after" => Self::ExitsAfter(name),
            "exits-late" => Self::ExitsLate(name),
            _ => return Err(format!("there is no trick `{word}`")),
        })
    }
}

/// The tricks of one process.
#[derive(Debug, Default)]
pub struct Tricks(Vec<Trick>);

impl FromIterator<Trick> for Tricks {
    fn from_iter<T: IntoIterator<Item = Trick>>(tricks: T) -> Self {
        Self(tricks.into_iter().collect())
    }
}

impl Tricks {
    /// Does it have this one?
    pub fn has(&self, trick: &Trick) -> bool {
        self.0.contains(trick)
    }

    /// How long it takes before it begins to answer.
    pub fn delay(&self) -> Option<Duration> {
        self.0.iter().find_map(|trick| match trick {
            Trick::TakesItsTime(millis) => Some(Duration::from_millis(*millis)),
            _ => None,
        })
    }

    /// It has decided about a peer. True when it is to do nothing more about it.
    pub fn at_decision(&self, view: &TargetView) -> bool {
        let Some(name) = known_as(view) else {
            return false;
        };
        if self.has(&Trick::ExitsOn(name.clone())) {
            eprintln!("{name} is too much for me");
            exit(70);
        }
        if self.has(&Trick::DiesOn(name.clone())) {
            let _ = kill_process(getpid(), Signal::KILL);
        }
        self.has(&Trick::HangsOn(name))
    }

    /// A connection is over, and it has not said so yet.
    pub fn at_the_end(&self, view: Option<&TargetView>) {
        let name = view.and_then(known_as);
        if name.is_some_and(|name| self.has(&Trick::ExitsAfter(name))) {
            exit(71);
        }
    }

    /// Is it to exit once it has said that this connection is over?
    pub fn exits_late(&self, view: Option<&TargetView>) -> bool {
        let name = view.and_then(known_as);
        name.is_some_and(|name| self.has(&Trick::ExitsLate(name)))
    }
}

fn known_as(view: &TargetView) -> Option<String> {
    match view.end {
        TargetEnd::Accepted => view.identity.clone(),
        _ => None,
    }
}

static STAYS: AtomicBool = AtomicBool::new(false);

/// Is the end of its input no reason to end?
pub fn is_to_stay() -> bool {
    STAYS.load(Ordering::Relaxed)
}

/// From now on nothing but SIGKILL ends this process.
pub fn ignore_requests_to_end() -> Result<(), String> {
    STAYS.store(true, Ordering::Relaxed);
    let mut requests = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    tokio::task::spawn_local(async move { while requests.recv().await.is_some() {} });
    Ok(())
}

/// Starts a child that outlives this process, unless somebody ends the whole group.
pub fn leave_a_child() -> Result<(), String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    Command::new(program)
        .arg("--linger")
        .stdin(Stdio::null())
        .spawn()
        .map(drop)
        .map_err(|error| error.to_string())
}

/// What such a child does. It ignores what would end a whole group in good manners.
pub fn linger() -> ! {
    let _ = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map(|runtime| {
            runtime.block_on(async {
                if let Ok(mut requests) = signal(SignalKind::terminate()) {
                    while requests.recv().await.is_some() {}
                }
            });
        });
    loop {
        thread::park();
    }
}
