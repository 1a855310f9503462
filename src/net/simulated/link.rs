//! One simulated connection: its two parties, a lane in each direction, and who still holds an end.

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::ReadBuf;

use super::lane::{Content, Found, Lane};
use crate::net::mishap::toll::{Onward, Toll};
use crate::net::mishap::{Conditions, Ending};

/// Which end of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Side {
    Dialler = 0,
    Listener = 1,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Dialler => Self::Listener,
            Self::Listener => Self::Dialler,
        }
    }
}

/// What the network is like at this moment.
#[derive(Clone, Copy)]
pub(super) struct Weather<'a> {
    /// In microseconds.
    pub(super) now: i64,
    /// One way.
    pub(super) latency: Duration,
    pub(super) conditions: &'a Conditions,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    /// The dialler and the listener.
    parties: [String; 2],
    /// What the dialler writes, and what the listener writes.
    lanes: [Lane; 2],
    toll: Toll,
    /// Somebody holds this end.
    held: [bool; 2],
    /// Dropping this end is a reset.
    rude: [bool; 2],
}

impl Link {
    pub(super) fn new(dialler: &str, listener: &str, weather: Weather<'_>) -> Self {
        let mut link = Self {
            parties: [dialler.to_owned(), listener.to_owned()],
            lanes: [Lane::default(), Lane::default()],
            toll: Toll::default(),
            held: [true, true],
            rude: [false, false],
        };
        let strike = weather.conditions.strike(listener);
        let onward = strike.map_or(Onward::Goes, |strike| link.toll.onward(strike));
        if onward != Onward::Goes {
            weather.conditions.hit(listener);
        }
        link.go(onward, weather);
        link
    }

    /// Whether this party has the listening end and still holds it.
    pub(super) fn is_held_by_listener(&self, party: &str) -> bool {
        self.held[Side::Listener as usize] && self.parties[Side::Listener as usize] == party
    }

    /// Whether nobody holds either end.
    pub(super) fn is_over(&self) -> bool {
        self.held == [false, false]
    }

    /// Makes dropping this end a reset.
    pub(super) fn be_rude(&mut self, side: Side) {
        self.rude[side as usize] = true;
    }

    /// What this end would read.
    pub(super) fn look(&mut self, side: Side, weather: Weather<'_>, cx: &Context<'_>) -> Found {
        let stopped = self.stopped(side.other(), weather);
        self.lanes[side.other() as usize].look(weather.now, stopped, cx)
    }

    /// The first octet that this end has not read, be it here or on its way.
    pub(super) fn first(&self, side: Side) -> Option<u8> {
        self.lanes[side.other() as usize].first()
    }

    /// Reads what has come for this end.
    pub(super) fn take(&mut self, side: Side, weather: Weather<'_>, buf: &mut ReadBuf<'_>) {
        let stopped = self.stopped(side.other(), weather);
        self.lanes[side.other() as usize].take(weather.now, stopped, buf);
    }

    /// Writes at this end.
    pub(super) fn write(
        &mut self,
        side: Side,
        octets: &[u8],
        weather: Weather<'_>,
        cx: &Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let stopped = self.stopped(side.other(), weather);
        if self.lanes[side.other() as usize].is_reset(weather.now, stopped) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let lane = &mut self.lanes[side as usize];
        if lane.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let taken = lane.room(cx).min(octets.len());
        if taken == 0 && !octets.is_empty() {
            return Poll::Pending;
        }
        let mut passing = octets[..taken].to_vec();
        let onward = match side {
            Side::Dialler => {
                let strike = weather.conditions.strike(&self.parties[1]);
                let onward = self.toll.pass(&mut passing, strike);
                if self.toll.take_struck() {
                    weather.conditions.hit(&self.parties[1]);
                }
                onward
            }
            Side::Listener => Onward::Goes,
        };
        if !passing.is_empty() {
            self.send(side, Content::Octets(passing.into()), weather);
            if !self.held[side.other() as usize] {
                self.answer_with_reset(side, weather);
            }
        }
        self.go(onward, weather);
        Poll::Ready(Ok(taken))
    }

    /// Closes this end for writing.
    pub(super) fn close(&mut self, side: Side, weather: Weather<'_>) {
        if !self.lanes[side as usize].ended {
            self.send(side, Content::Close, weather);
            self.lanes[side as usize].ended = true;
        }
    }

    /// This end is given up.
    pub(super) fn drop_end(&mut self, side: Side, weather: Weather<'_>) {
        if self.rude[side as usize] {
            self.send(side, Content::Reset, weather);
            self.lanes[side as usize].lose();
        } else {
            self.close(side, weather);
        }
        self.held[side as usize] = false;
        self.lanes[side.other() as usize].abandon();
    }

    /// The connection ends by what befalls this party, if it takes part in it.
    pub(super) fn end(&mut self, party: &str, ending: Ending, weather: Weather<'_>) {
        for side in [Side::Dialler, Side::Listener] {
            if self.parties[side as usize] != party {
                continue;
            }
            match ending {
                Ending::Reset => {
                    self.send(side, Content::Reset, weather);
                    self.lanes[side as usize].lose();
                    self.lanes[side.other() as usize].break_off();
                }
                Ending::Close => {
                    self.close(side, weather);
                    self.close(side.other(), weather);
                }
            }
        }
    }

    /// What has arrived by now will not be stopped by what happens next.
    pub(super) fn settle(&mut self, weather: Weather<'_>) {
        for side in [Side::Dialler, Side::Listener] {
            if !self.stopped(side, weather) {
                self.lanes[side as usize].settle(weather.now);
            }
        }
    }

    /// Lets both ends look again.
    pub(super) fn stir(&mut self) {
        self.lanes.iter_mut().for_each(Lane::stir);
    }

    fn go(&mut self, onward: Onward, weather: Weather<'_>) {
        if onward == Onward::Goes {
            return;
        }
        for side in [Side::Dialler, Side::Listener] {
            if onward == Onward::Cut {
                self.send(side, Content::Reset, weather);
            }
            self.lanes[side as usize].lose();
        }
    }

    /// What is written to an end that is gone comes back as a reset, after a round trip.
    fn answer_with_reset(&mut self, side: Side, weather: Weather<'_>) {
        let lane = &mut self.lanes[side.other() as usize];
        let [from, to] = [
            &self.parties[side as usize],
            &self.parties[side.other() as usize],
        ];
        let there = weather.after(from, to);
        let back = weather.after(to, from) - weather.now;
        lane.send(Content::Reset, there + back);
        lane.lose();
    }

    fn send(&mut self, side: Side, content: Content, weather: Weather<'_>) {
        let [from, to] = [
            &self.parties[side as usize],
            &self.parties[side.other() as usize],
        ];
        let due = weather.after(from, to);
        self.lanes[side as usize].send(content, due);
    }

    fn stopped(&self, writer: Side, weather: Weather<'_>) -> bool {
        let [from, to] = [
            &self.parties[writer as usize],
            &self.parties[writer.other() as usize],
        ];
        weather.conditions.stop(from, to)
    }
}

impl Weather<'_> {
    /// When something arrives that is sent now, in microseconds.
    fn after(&self, from: &str, to: &str) -> i64 {
        let takes = self.latency + self.conditions.delay(from, to);
        let micros = i64::try_from(takes.as_micros()).unwrap_or(i64::MAX);
        self.now.saturating_add(micros)
    }
}
