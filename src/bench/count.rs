//! What one worker has counted: no locks, and nothing kept of a connection but what goes into a histogram.

use super::call::{Answered, Failed};
use super::window::Window;
use crate::clock::Tick;
use crate::expect::HandshakeKind;
use crate::record::measurement::{Latencies, Slice, Tally};

/// How many slices the measured time is cut into, where something changes in its middle.
const SLICES: u64 = 20;

/// A worker's counts, or those of all of them.
pub(super) struct Count {
    window: Window,
    wanted: Option<HandshakeKind>,
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
    /// Nothing yet. `wanted` is the kind of handshake that counts; any, where there is no TLS.
    pub(super) fn new(window: Window, wanted: Option<HandshakeKind>, in_slices: bool) -> Self {
        let slices = if in_slices { SLICES } else { 0 };
        let length = u64::try_from(window.length().as_micros()).unwrap_or(u64::MAX);
        Self {
            window,
            wanted,
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
            let reason = "a stranger: dropped, because as many were open as there may be";
            *self.tally.failed.entry(reason.into()).or_default() += 1;
        }
    }

    /// A caller's connection is over.
    pub(super) fn called(&mut self, due: Tick, outcome: &Result<Answered, Failed>) {
        let measured = self.window.measures(due);
        match outcome {
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
                *self.tally.failed.entry(reason.to_string()).or_default() += 1;
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
                let reason = format!("a stranger: {words}");
                *self.tally.failed.entry(reason).or_default() += 1;
            }
            Err(_) => {}
        }
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
