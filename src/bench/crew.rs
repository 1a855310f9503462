//! The workers: a thread each, with a runtime of its own, which share nothing but the configuration.
//!
//! An embedded target is started in every worker, so that both ends of a connection are on one thread and no
//! octet has to wait for another processor. A target that is apart is dialled by all of them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::task::{JoinSet, LocalSet};

use super::call::Line;
use super::count::Count;
use super::pacing::Due;
use super::plaintext::Plaintext;
use super::window::Window;
use super::{Job, Trouble};
use crate::clock::Tick;
use crate::scenario::bench::{Authentication, Rotation};
use crate::target::{Environment, Running, StartError};

/// What a worker is given when it begins.
pub(super) struct Assignment {
    /// What is done.
    pub(super) job: Arc<Job>,
    /// How many connections it may have open at once.
    pub(super) in_flight: u32,
    /// Whom it calls, where the target is apart.
    pub(super) line: Option<Line>,
    /// What is due; none in a closed loop.
    pub(super) due: Option<UnboundedReceiver<Due>>,
    /// Where it says that it is ready.
    pub(super) ready: oneshot::Sender<Result<(), Trouble>>,
    /// When it begins.
    pub(super) window: oneshot::Receiver<Window>,
    /// It should end: nobody waits for the rest.
    pub(super) halt: Arc<AtomicBool>,
}

/// Does the work of one worker.
///
/// # Errors
/// Why it could not, in words.
pub(super) fn labour(assignment: Assignment) -> Result<Count, Trouble> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("a worker has no runtime: {error}"))?;
    LocalSet::new().block_on(&runtime, work(assignment))
}

async fn work(assignment: Assignment) -> Result<Count, Trouble> {
    let Assignment {
        job,
        in_flight,
        line,
        due,
        ready,
        window,
        halt,
    } = assignment;
    let prepared = prepare(&job, line).await;
    let (crew, mut ground) = match prepared {
        Ok(prepared) => {
            let _ = ready.send(Ok(()));
            prepared
        }
        Err(words) => {
            let _ = ready.send(Err(words.clone()));
            return Err(words);
        }
    };
    let Ok(window) = window.await else {
        // Another worker could not begin.
        return Err("nothing was measured".into());
    };
    let changes = job.setting.rotates != Rotation::Nothing;
    let shift = Rc::new(Shift {
        crew,
        count: RefCell::new(Count::new(window, &job.setting)),
        open: Cell::new(0),
    });
    let calling = async {
        match due {
            Some(due) => open_loop(&shift, due, in_flight, &halt).await,
            None => closed_loop(&shift, window, in_flight, job.setting.stranger_share, &halt).await,
        }
    };
    let rotating = async {
        if let (true, Some(next), Ground::Embedded(running)) =
            (changes, &job.scene.next, &mut ground)
        {
            tokio::time::sleep_until(window.middle().for_timers()).await;
            running.reload(Arc::clone(next)).await?;
        }
        Ok::<(), String>(())
    };
    let ((), rotated) = tokio::join!(calling, rotating);
    rotated.map_err(|error| format!("the target could not be given what is next: {error}"))?;
    let shift = Rc::into_inner(shift).ok_or("a call outlived its worker")?;
    Ok(shift.count.into_inner())
}

/// What is called, where that is this worker's.
enum Ground {
    Apart,
    Embedded(Box<dyn Running>),
    Clear(#[expect(dead_code, reason = "it lives as long as it is called")] Plaintext),
}

/// Who calls, and whom.
struct Crew {
    line: Line,
    caller: Option<Arc<ClientConfig>>,
    stranger: Option<Arc<ClientConfig>>,
    stranger_share: u32,
}

async fn prepare(job: &Job, line: Option<Line>) -> Result<(Crew, Ground), Trouble> {
    let Job { setting, scene, .. } = job;
    let plaintext = setting.auth == Authentication::Plaintext;
    let (line, ground) = match line {
        Some(line) => (line, Ground::Apart),
        None if plaintext => {
            let service = Plaintext::start(job.transport)
                .map_err(|error| format!("cannot listen: {error}"))?;
            let line = job.line(service.address(), Default::default(), None)?;
            (line, Ground::Clear(service))
        }
        None => {
            let running = start(job, &scene.environment).await?;
            (job.line_to(running.as_ref())?, Ground::Embedded(running))
        }
    };
    let caller = match plaintext {
        true => None,
        false => Some(scene.caller.config(setting)?),
    };
    let stranger = scene.stranger.as_ref();
    let stranger = stranger
        .map(|stranger| stranger.config(setting))
        .transpose()?;
    if stranger.is_some() {
        // What everybody is refused is no refusal of strangers.
        let control = line.call(caller.as_ref()).await;
        control.map_err(|failed| {
            format!(
                "who must be let in was not, before any stranger came: {failed}; what strangers meet there proves nothing"
            )
        })?;
    }
    let crew = Crew {
        line,
        caller,
        stranger,
        stranger_share: setting.stranger_share,
    };
    Ok((crew, ground))
}

/// Starts the target on this thread.
///
/// # Errors
/// In words.
pub(super) async fn start(
    job: &Job,
    environment: &Arc<Environment>,
) -> Result<Box<dyn Running>, Trouble> {
    let started = job.target.start(Arc::clone(environment), job.transport);
    started.await.map_err(|error| match error {
        StartError::Unsupported(words) => Trouble::Unsupported(words),
        StartError::Refused(_) | StartError::Crashed(_) | StartError::Broken(_) => {
            Trouble::Broken(error.to_string())
        }
    })
}

/// One worker's measured time.
struct Shift {
    crew: Crew,
    count: RefCell<Count>,
    open: Cell<u32>,
}

impl Shift {
    async fn call(self: Rc<Self>, number: u64, due: Tick) {
        if is_strangers(number, self.crew.stranger_share) {
            let outcome = self.crew.line.call(self.crew.stranger.as_ref()).await;
            self.count.borrow_mut().knocked(due, &outcome);
        } else {
            let outcome = self.crew.line.call(self.crew.caller.as_ref()).await;
            self.count.borrow_mut().called(due, &outcome);
        }
    }
}

/// Is the connection with this number a stranger's? So many in a hundred are, evenly spread.
fn is_strangers(number: u64, share: u32) -> bool {
    let until = |number: u64| number * u64::from(share) / 100;
    until(number + 1) > until(number)
}

async fn open_loop(
    shift: &Rc<Shift>,
    mut due: UnboundedReceiver<Due>,
    in_flight: u32,
    halt: &AtomicBool,
) {
    let mut calls = JoinSet::new();
    // Each worker has its own share of strangers: by the pacing thread's numbers one of them might get all.
    let mut number = 0;
    while let Some(Due { at }) = due.recv().await {
        if halt.load(Ordering::Relaxed) {
            break;
        }
        number += 1;
        let stranger = is_strangers(number, shift.crew.stranger_share);
        if !stranger {
            shift.count.borrow_mut().due(at);
        }
        if shift.open.get() >= in_flight {
            let mut count = shift.count.borrow_mut();
            match stranger {
                true => count.drop_stranger(at),
                false => count.drop_one(at),
            }
            continue;
        }
        shift.open.set(shift.open.get() + 1);
        let shift = Rc::clone(shift);
        calls.spawn_local(async move {
            Rc::clone(&shift).call(number, at).await;
            shift.open.set(shift.open.get() - 1);
        });
        // Those that are over make room.
        while calls.try_join_next().is_some() {}
    }
    drain(&mut calls, halt).await;
}

/// Waits for the calls that are open, but not once somebody wants an end.
async fn drain(calls: &mut JoinSet<()>, halt: &AtomicBool) {
    loop {
        tokio::select! {
            biased;
            over = calls.join_next() => if over.is_none() { return },
            () = tokio::time::sleep(GLANCE) => {}
        }
        if halt.load(Ordering::Relaxed) {
            // Whoever is still under way is dropped with the set.
            calls.shutdown().await;
            return;
        }
    }
}

/// How often is asked whether anybody wants an end.
pub(super) const GLANCE: Duration = Duration::from_millis(50);

async fn closed_loop(
    shift: &Rc<Shift>,
    window: Window,
    in_flight: u32,
    stranger_share: u32,
    halt: &Arc<AtomicBool>,
) {
    tokio::time::sleep_until(window.begin.for_timers()).await;
    let next = Rc::new(Cell::new(0_u64));
    let mut calls = JoinSet::new();
    for _ in 0..in_flight {
        let (shift, next, halt) = (Rc::clone(shift), Rc::clone(&next), Arc::clone(halt));
        calls.spawn_local(async move {
            loop {
                let begun = Tick::now();
                if begun >= window.until || halt.load(Ordering::Relaxed) {
                    break;
                }
                let number = next.replace(next.get() + 1);
                if !is_strangers(number, stranger_share) {
                    shift.count.borrow_mut().due(begun);
                }
                Rc::clone(&shift).call(number, begun).await;
            }
        });
    }
    drain(&mut calls, halt).await;
}
