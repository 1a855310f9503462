//! One repetition of one row: everybody is set up, the measured time passes, the counts are added up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use super::call::Line;
use super::count::Count;
use super::crew::{Assignment, GLANCE, labour, start};
use super::pacing::{Rhythm, pace};
use super::processor::group_time;
use super::window::Window;
use super::{Job, Trouble};
use crate::clock::{Tick, processor_time};
use crate::record::Latency;
use crate::record::measurement::{Cpu, Repetition};
use crate::scenario::bench::{Measure, Rotation};
use crate::target::Running;

/// How much later than ready everybody begins, so that nobody's first connection is late.
const NOTICE: Duration = Duration::from_millis(20);

/// Measures. `rhythm` is how connections are due, over all workers; none in a closed loop. `None` when it was told
/// to end before the end.
///
/// # Errors
/// Why nothing could be measured, in words.
pub(super) fn measure(
    job: &Arc<Job>,
    times: &Measure,
    rhythm: Option<Rhythm>,
    begin: Option<Tick>,
    stop: &AtomicBool,
) -> Result<Option<Repetition>, Trouble> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("there is no runtime: {error}"))?;
    runtime.block_on(async {
        let mut apart = match job.embedded {
            true => None,
            false => Some(start(job, &job.scene.environment).await?),
        };
        let line = apart.as_ref().map(|running| job.line_to(running.as_ref()));
        let measured = spend(
            job,
            times,
            rhythm,
            begin,
            line.transpose()?,
            &mut apart,
            stop,
        )
        .await;
        if let Some(running) = apart {
            running.stop().await;
        }
        measured
    })
}

async fn spend(
    job: &Arc<Job>,
    times: &Measure,
    rhythm: Option<Rhythm>,
    begin: Option<Tick>,
    line: Option<Line>,
    apart: &mut Option<Box<dyn Running>>,
    stop: &AtomicBool,
) -> Result<Option<Repetition>, Trouble> {
    let halt = Arc::new(AtomicBool::new(false));
    // Whatever way this is left, nobody goes on loading the target.
    let _end = Halting(Arc::clone(&halt));
    let mut senders = Vec::new();
    let mut crew = Vec::new();
    let workers = job.workers();
    for index in 0..workers {
        let (ready, is_ready) = oneshot::channel();
        let (tell, window) = oneshot::channel();
        let (done, count) = oneshot::channel();
        let due = rhythm.map(|_| {
            let (sender, receiver) = mpsc::unbounded_channel();
            senders.push(sender);
            receiver
        });
        let assignment = Assignment {
            job: Arc::clone(job),
            in_flight: job.in_flight_of(index),
            line: line.clone(),
            due,
            ready,
            window,
            halt: Arc::clone(&halt),
        };
        thread::Builder::new()
            .name(format!("worker-{index}"))
            .spawn(move || drop(done.send(labour(assignment))))
            .map_err(|error| format!("a worker could not be started: {error}"))?;
        crew.push((is_ready, tell, count));
    }
    let mut counting = Vec::new();
    let mut told = Vec::new();
    for (is_ready, tell, count) in crew {
        is_ready.await.unwrap_or_else(|_| Err(DIED.into()))?;
        told.push(tell);
        counting.push(count);
    }
    let begin = match begin {
        None => Tick::now().after(NOTICE),
        Some(begin) if begin.remaining().is_zero() => return Err(LATE.into()),
        Some(begin) => begin,
    };
    let window = Window::beginning(begin, times);
    for tell in told {
        let _ = tell.send(window);
    }
    let (paced, late) = oneshot::channel();
    if let Some(rhythm) = rhythm {
        let senders = senders.clone();
        thread::Builder::new()
            .name("pacing".into())
            .spawn(move || drop(paced.send(pace(window, rhythm, &senders))))
            .map_err(|error| format!("the pacing thread could not be started: {error}"))?;
    }
    // The pacing thread has its own: when that ends, so do the workers' loops.
    drop(senders);
    let group = apart.as_ref().and_then(|running| running.process_group());
    let spent = || Cpu {
        harness_ns: processor_time(),
        target_ns: group.and_then(group_time),
        connections: 0,
    };
    let mut stopped = !until(window.from, stop).await;
    let before = spent();
    stopped = stopped || !until(window.middle(), stop).await;
    let changes = job.setting.rotates != Rotation::Nothing;
    if let (Some(running), Some(next), true) = (apart, &job.scene.next, changes && !stopped) {
        let reloaded = running.reload(Arc::clone(next)).await;
        reloaded.map_err(|error| format!("the target could not be given what is next: {error}"))?;
    }
    stopped = stopped || !until(window.until, stop).await;
    let after = spent();
    if stopped {
        return Ok(None);
    }
    let mut all: Option<Count> = None;
    for mut count in counting {
        let count = loop {
            tokio::select! {
                biased;
                count = &mut count => break count.unwrap_or_else(|_| Err(DIED.into()))?,
                () = sleep(GLANCE) => if stop.load(Ordering::Relaxed) { return Ok(None) },
            }
        };
        match &mut all {
            Some(all) => all.add(&count),
            None => all = Some(count),
        }
    }
    let count = all.ok_or("there are no workers")?;
    let late = match rhythm {
        Some(_) => late.await.map_err(|_| "the pacing thread died")?,
        None => Latency::new(),
    };
    Ok(Some(summed(count, late, times, &before, &after)))
}

/// Tells the workers to end when it is dropped.
struct Halting(Arc<AtomicBool>);

impl Drop for Halting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Waits until then; false when somebody wants an end first.
async fn until(tick: Tick, stop: &AtomicBool) -> bool {
    loop {
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        let left = tick.remaining();
        if left.is_zero() {
            return true;
        }
        sleep(left.min(GLANCE)).await;
    }
}

/// Who begins later than the others measures something else.
const LATE: &str = "the instant at which all harnesses begin had passed when this one was ready";

const DIED: &str = "a worker died";

fn summed(count: Count, late: Latency, times: &Measure, before: &Cpu, after: &Cpu) -> Repetition {
    let target = after.target_ns.zip(before.target_ns);
    let mut latency = count.latency;
    latency.pacing = late;
    Repetition {
        duration_us: times.duration.as_micros(),
        tally: count.tally,
        cpu: Cpu {
            harness_ns: after.harness_ns - before.harness_ns,
            target_ns: target.map(|(after, before)| after.saturating_sub(before)),
            connections: count.answered + count.refused,
        },
        latency,
        course: count.course,
        ..Repetition::default()
    }
}
