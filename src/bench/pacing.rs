//! The pacing thread of an open loop: it says when connections are due, and nothing else.
//!
//! Deadlines are absolute, so that being late once makes nobody later after it, and the thread is the operating
//! system's alone, so that no runtime that is busy with handshakes holds it up. How late it is nevertheless is
//! published with every result: what it is late by is no property of the target's. Latencies are counted
//! from the moment at which a connection was due, so that a stall befalls all who would have come meanwhile
//! (coordinated omission: Gil Tene, "How NOT to Measure Latency", 2013).

use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::window::Window;
use crate::clock::Tick;
use crate::record::Latency;

/// A connection that is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    /// When it was due.
    pub(super) at: Tick,
}

/// How connections are due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rhythm {
    /// How many in a second.
    pub(super) per_second: f64,
    /// How long after the beginning the first one is: who loads a target together with others is not to meet them
    /// at the door each time.
    pub(super) offset: Duration,
}

/// Sends what is due, in turn to each worker, until the window is over. Returns how late it was within the
/// measured time.
pub(super) fn pace(window: Window, rhythm: Rhythm, workers: &[UnboundedSender<Due>]) -> Latency {
    // Unless it is told otherwise, the kernel wakes a sleeper up to 50 us late to save power.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
    let mut late = Latency::new();
    for number in 0_u64.. {
        let gone = Duration::from_secs_f64(number as f64 / rhythm.per_second);
        let at = window.begin.after(rhythm.offset + gone);
        if at >= window.until {
            break;
        }
        let early = at.remaining();
        if !early.is_zero() {
            thread::sleep(early);
        }
        let Some(worker) = workers.get((number % workers.len().max(1) as u64) as usize) else {
            break;
        };
        if window.measures(at) {
            late.add(Tick::now().nanos_since(at));
        }
        if worker.send(Due { at }).is_err() {
            // The worker has gone, which it says itself.
            break;
        }
    }
    late
}
