//! The ledger: where everybody in a fleet writes down what happened, and when.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::oracle::history::{
    Call, Certificate, Change, ClockChange, Fact, History, Micros, Sample, StepMark, WindowKind,
};
use crate::scenario::fleet::Windows;

/// A history that is being written.
pub struct Ledger {
    /// Goes by itself, and nobody sets it.
    time: Clock,
    history: Mutex<History>,
    calls: AtomicU64,
}

impl Ledger {
    /// An empty one. `began` is the wall time, in microseconds since 1970.
    pub fn new(windows: Windows, began: i64) -> Self {
        let history = History {
            windows,
            began,
            ..History::default()
        };
        Self {
            time: Clock::going(0),
            history: Mutex::new(history),
            calls: AtomicU64::new(0),
        }
    }

    /// Microseconds since it was begun.
    pub fn now(&self) -> Micros {
        u64::try_from(self.time.micros()).unwrap_or(0)
    }

    /// Parties renew their leaves by themselves.
    pub fn renews(&self) {
        self.history().renews = true;
    }

    /// Waits until this instant; for ever where there is none.
    pub async fn until(&self, instant: Option<Micros>) {
        match instant {
            Some(instant) => {
                let left = instant.saturating_sub(self.now());
                tokio::time::sleep(Duration::from_micros(left)).await;
            }
            None => std::future::pending().await,
        }
    }

    /// A certificate was issued, now.
    pub fn issued(&self, certificate: Certificate) {
        let issued = self.now();
        self.history().certificates.push(Certificate {
            issued,
            ..certificate
        });
    }

    /// A fact has become true or false for a party, or for everybody, by the step under way.
    pub fn change(&self, party: Option<&str>, fact: Fact, holds: bool, window: WindowKind) {
        let at = self.now();
        let mut history = self.history();
        let step = history.steps.len().checked_sub(1);
        history.changes.push(Change {
            at,
            step,
            party: party.map(str::to_owned),
            fact,
            holds,
            window,
        });
    }

    /// A clock was set: everybody's, or one party's.
    pub fn clock_set(&self, party: Option<&str>, by: i64) {
        let at = self.now();
        self.history().clocks.push(ClockChange {
            at,
            party: party.map(str::to_owned),
            by,
        });
    }

    /// A step begins.
    pub fn step(&self, what: String) {
        let at = self.now();
        self.history().steps.push(StepMark {
            at,
            what,
            missed: None,
        });
    }

    /// The step at this place, counted from 0, has never happened.
    pub fn missed(&self, step: usize, why: String) {
        if let Some(step) = self.history().steps.get_mut(step) {
            step.missed = Some(why);
        }
    }

    /// The number of a call that begins now.
    pub fn next_call(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed)
    }

    /// A call is over.
    pub fn call(&self, call: Call) {
        self.history().calls.push(call);
    }

    /// A call began so much later than it was due.
    pub fn late(&self, by: Duration) {
        let by = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        let mut history = self.history();
        history.lateness = history.lateness.max(by);
    }

    /// Something was counted.
    pub fn sample(&self, sample: Sample) {
        self.history().samples.push(sample);
    }

    /// The warm-up is over.
    pub fn warm(&self) {
        let now = self.now();
        self.history().warm_until = now;
    }

    /// Everything has been healed, and has had its time.
    pub fn settled(&self) {
        let now = self.now();
        self.history().settled_from = now;
    }

    /// How many steps there have been.
    pub fn steps(&self) -> usize {
        self.history().steps.len()
    }

    /// What was written, in order.
    pub fn close(&self) -> History {
        let now = self.now();
        let mut history = std::mem::take(&mut *self.history());
        history.end = now;
        // Calls are written down when they are over; a reader wants them as they began.
        history.calls.sort_by_key(|call| call.id);
        history
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
