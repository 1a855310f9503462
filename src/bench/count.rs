//! What one worker has counted: no locks, and nothing kept of a connection but what goes into a histogram.

use super::call::{Answered, Failed};
use super::window::Window;
use crate::clock::Tick;
use crate::expect::HandshakeKind;
use crate::record::measurement::{Latencies, Slice, Tally};
use crate::scenario::bench::{Authentication, Rotation, Setting};

/// How many slices the measured time is cut into, where something changes in its middle.
const SLICES: u64 = 20;

/// A worker's counts, or those of all of them.
pub(super) struct Count {
    window: Window,
    /// The kind of handshake that counts; any, where there is no TLS.
    wanted: Option<HandshakeKind>,
    /// Must the server ask for a certificate?
    mutual: bool,
    /// Has it let a caller in without? Then the sessions that it has granted are nobody's either.
    unasked: bool,
    /// What became of the connections.
    pub(super) tally: Tally,
    /// How many ended within the measured time by being answered, whenever they began.
    pub(super) answered: u64,
    /// How many strangers were refused within it.
    pub(super) refused: u64,
    /// How long things took.
    pub(super) latency: Latencies,
    /// When.
    pub(super) course: Vec<Slice>,
}

impl Count {
    /// Nothing yet, of callers in this setting.
    pub(super) fn new(window: Window, setting: &Setting) -> Self {
        let slices = match setting.rotates {
            Rotation::Nothing => 0,
            Rotation::Leaf | Rotation::Trust => SLICES,
        };
        let tls = setting.auth != Authentication::Plaintext;
        let length = u64::try_from(window.length().as_micros()).unwrap_or(u64::MAX);
        Self {
            window,
            wanted: tls.then_some(setting.handshake),
            mutual: setting.auth == Authentication::Mutual,
            unasked: false,
            tally: Tally::default(),
            answered: 0,
            refused: 0,
            latency: Latencies::default(),
            course: (0..slices)
                .map(|slice| Slice {
                    from_us: length * slice / SLICES,
                    ..Slice::default()
                })
                .collect(),
        }
    }

    /// Something is due.
    pub(super) fn due(&mut self, at: Tick) {
        if self.window.measures(at) {
            self.tally.due += 1;
        }
    }

    /// What was due is not begun.
    pub(super) fn drop_one(&mut self, at: Tick) {
        if self.window.measures(at) {
            self.tally.dropped += 1;
            self.slice(at, |slice| slice.failed += 1);
        }
    }

    /// A stranger finds no room.
    pub(super) fn drop_stranger(&mut self, at: Tick) {
        if self.window.measures(at) {
            self.tally.strangers += 1;
            self.fail_stranger("dropped, because as many were open as there may be");
        }
    }

    /// A caller's connection is over.
    pub(super) fn called(&mut self, due: Tick, outcome: &Result<Answered, Failed>) {
        let measured = self.window.measures(due);
        if due < self.window.from && Tick::now() >= self.window.until {
            // Whoever waits through all of the measured time is in none of the figures.
            self.tally.due += 1;
            self.fail("not answered in all the time that was measured");
            return;
        }
        match outcome {
            Ok(answered) if self.is_unasked(answered) => {
                if measured {
                    self.fail("let in, and no certificate was asked for");
                    self.slice(due, |slice| slice.failed += 1);
                }
            }
            Ok(answered) => {
                if self.window.measures(Tick::now()) {
                    self.answered += 1;
                    self.tally.in_time += u64::from(answered.kind == self.wanted);
                }
                if !measured {
                    return;
                }
                if answered.kind != self.wanted {
                    self.tally.other_kind += 1;
                    return;
                }
                self.tally.confirmed += 1;
                let took = answered.first_octet.nanos_since(due);
                let latency = &mut self.latency;
                // Without TLS there is no handshake that could take no time.
                if answered.kind.is_some() {
                    let took = answered.done.nanos_since(answered.began);
                    latency.handshake.add(took);
                }
                for (histogram, nanos) in [
                    (
                        &mut latency.connect,
                        answered.connected.nanos_since(answered.dialled),
                    ),
                    (
                        &mut latency.confirmed,
                        answered.confirmed.nanos_since(answered.began),
                    ),
                    (
                        &mut latency.first_byte,
                        answered.first_octet.nanos_since(answered.dialled),
                    ),
                    (&mut latency.from_due, took),
                ] {
                    histogram.add(nanos);
                }
                self.slice(due, |slice| slice.latency.add(took));
            }
            Err(reason) if measured => {
                self.fail(&reason.to_string());
                self.slice(due, |slice| slice.failed += 1);
            }
            Err(_) => {}
        }
    }

    /// A stranger's connection is over.
    pub(super) fn knocked(&mut self, due: Tick, outcome: &Result<Answered, Failed>) {
        let measured = self.window.measures(due);
        if measured {
            self.tally.strangers += 1;
        }
        match outcome {
            Ok(_) if measured => self.tally.strangers_accepted += 1,
            Ok(_) => {}
            Err(Failed::Refused(_)) => {
                if self.window.measures(Tick::now()) {
                    self.refused += 1;
                }
                if measured {
                    self.tally.strangers_refused += 1;
                }
            }
            // Nobody was refused where nobody answered.
            Err(Failed::Otherwise(words)) if measured => {
                self.fail_stranger(words);
            }
            Err(_) => {}
        }
    }

    /// Was this caller let in whom the server has not looked at?
    fn is_unasked(&mut self, answered: &Answered) -> bool {
        let full = answered.kind == Some(HandshakeKind::Full);
        self.unasked |= self.mutual && full && !answered.asked;
        self.unasked
    }

    fn fail(&mut self, reason: &str) {
        *self.tally.failed.entry(reason.to_owned()).or_default() += 1;
    }

    fn fail_stranger(&mut self, reason: &str) {
        let reason = reason.to_owned();
        *self.tally.strangers_failed.entry(reason).or_default() += 1;
    }

    /// Adds another worker's.
    pub(super) fn add(&mut self, other: &Self) {
        self.tally.add(&other.tally);
        self.answered += other.answered;
        self.refused += other.refused;
        self.latency.add(&other.latency);
        for (slice, other) in self.course.iter_mut().zip(&other.course) {
            slice.add(other);
        }
    }

    fn slice(&mut self, at: Tick, change: impl FnOnce(&mut Slice)) {
        let gone = at.nanos_since(self.window.from) / 1000;
        let slice = self.course.iter_mut().rev();
        if let Some(slice) = slice.into_iter().find(|slice| slice.from_us <= gone) {
            change(slice);
        }
    }
}
