//! A simulated network, for one thread and a paused clock.
//!
//! Parties have names. What one writes, another can read after the latency of the way between them, in
//! order, whole writes at a time, however long they are: a signature may be an octet longer or shorter by
//! chance, and no history must show it. Connections, closes and resets travel the same way. All state is in
//! one place, in order of creation, so that the same programme gives the same history; ends and ports
//! (`end`) only know which they are. A connection is a `link` of two `lane`s.
//!
//! The runtime's timers go in whole milliseconds, so a latency is in effect rounded up to them.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;

use self::link::{Link, Side, Weather};
use super::mishap::{Conditions, Ending, Mishap, Mishaps};
use super::{Address, BACKLOG, Carrier, ConnectionId, Listener, Stream};
use crate::clock::Clock;

pub use self::end::{End, Port};

mod end;
mod lane;
mod link;

/// A network in memory whose time is the runtime's.
pub struct Simulated {
    latency: Duration,
    clock: Clock,
    state: Mutex<State>,
    /// The conditions have changed.
    changed: Notify,
}

#[derive(Default)]
struct State {
    conditions: Conditions,
    ports: BTreeMap<String, Queue>,
    links: BTreeMap<u64, Link>,
    /// The number of the next link or port.
    next: u64,
}

/// Connections that nobody has accepted yet.
struct Queue {
    number: u64,
    links: VecDeque<u64>,
    accepting: Vec<Waker>,
}

impl Simulated {
    /// A network in which one way takes this long. Make it inside the runtime whose time it goes by.
    pub fn new(latency: Duration) -> Arc<Self> {
        Arc::new(Self {
            latency,
            clock: Clock::going(0),
            state: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// This party accepts connections from now on.
    ///
    /// # Errors
    /// `AddrInUse` when it does already.
    pub fn listen(self: &Arc<Self>, party: &str) -> io::Result<Listener> {
        let mut state = self.state();
        if state.ports.contains_key(party) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let number = state.number();
        state.ports.insert(
            party.to_owned(),
            Queue {
                number,
                links: VecDeque::new(),
                accepting: Vec::new(),
            },
        );
        drop(state);
        Ok(Listener::Simulated(Port::new(
            Arc::clone(self),
            party,
            number,
        )))
    }

    /// Where this party can be dialled, whether it listens or not.
    pub fn address(self: &Arc<Self>, party: &str) -> Address {
        Address::Simulated(Arc::clone(self), party.to_owned())
    }

    /// Connects two parties, which takes a round trip. Across a partition it waits until that has healed.
    ///
    /// # Errors
    /// `ConnectionRefused` when the other does not listen.
    pub async fn dial(self: &Arc<Self>, from: &str, to: &str) -> io::Result<Stream> {
        self.travel(from, to).await;
        let admitted = self.admit(from, to);
        self.travel(to, from).await;
        admitted
    }

    async fn travel(&self, from: &str, to: &str) {
        let delay = self.latency + self.state().conditions.delay(from, to);
        tokio::time::sleep(delay).await;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if !self.state().conditions.stop(from, to) {
                return;
            }
            changed.await;
        }
    }

    fn admit(self: &Arc<Self>, from: &str, to: &str) -> io::Result<Stream> {
        let now = self.now();
        let mut state = self.state();
        let number = state.number();
        let State {
            conditions,
            ports,
            links,
            ..
        } = &mut *state;
        let port = ports
            .get_mut(to)
            .filter(|port| port.links.len() < BACKLOG as usize);
        let port = port.ok_or(io::ErrorKind::ConnectionRefused)?;
        let weather = Weather {
            now,
            latency: self.latency,
            conditions,
        };
        links.insert(number, Link::new(from, to, weather));
        port.links.push_back(number);
        port.accepting.drain(..).for_each(Waker::wake);
        drop(state);
        let end = End::new(Arc::clone(self), number, Side::Dialler);
        Ok(Stream {
            id: ConnectionId(number),
            carrier: Carrier::Simulated(end),
        })
    }

    fn poll_accept(&self, party: &str, number: u64, cx: &Context<'_>) -> Poll<io::Result<u64>> {
        let mut state = self.state();
        let port = state.ports.get_mut(party);
        let Some(port) = port.filter(|port| port.number == number) else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        match port.links.pop_front() {
            Some(link) => Poll::Ready(Ok(link)),
            None => {
                port.accepting.push(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn stop_listening(&self, party: &str, number: u64) {
        let mut state = self.state();
        if state.ports.get(party).is_some_and(|it| it.number == number) {
            state.stop_listening(party, self.now(), self.latency);
        }
    }

    fn drop_end(&self, number: u64, side: Side) {
        self.with_link(number, |link, weather| link.drop_end(side, weather));
        self.state().forget_if_over(number);
    }

    /// Does something with a connection; nothing, if it is over.
    fn with_link<R>(
        &self,
        number: u64,
        act: impl FnOnce(&mut Link, Weather<'_>) -> R,
    ) -> Option<R> {
        let now = self.now();
        let mut state = self.state();
        let State {
            conditions, links, ..
        } = &mut *state;
        let weather = Weather {
            now,
            latency: self.latency,
            conditions,
        };
        links.get_mut(&number).map(|link| act(link, weather))
    }

    /// Microseconds since the network was made.
    fn now(&self) -> i64 {
        self.clock.micros()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the conditions, after what has arrived by now has been told from what has not.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let now = self.now();
        let mut state = self.state();
        state.each_link(now, self.latency, |link, weather| link.settle(weather));
        change(&mut state);
        state.each_link(now, self.latency, |link, _| link.stir());
        drop(state);
        self.changed.notify_waiters();
    }
}

impl Mishaps for Simulated {
    fn befall(&self, party: &str, mishap: Mishap) {
        let now = self.now();
        self.change(|state| {
            let Some(ending) = state.conditions.befall(party, mishap) else {
                return;
            };
            state.each_link(now, self.latency, |link, weather| {
                link.end(party, ending, weather);
            });
            if ending == Ending::Reset {
                state.stop_listening(party, now, self.latency);
            }
        });
    }

    fn isolate(&self, one: &str, other: &str) {
        self.change(|state| state.conditions.isolate(one, other));
    }

    fn heal(&self) {
        self.change(|state| state.conditions.heal());
    }

    fn struck(&self, party: &str) -> u64 {
        self.state().conditions.struck(party)
    }

    fn established(&self, party: &str) -> usize {
        let state = self.state();
        let links = state.links.values();
        links.filter(|link| link.is_held_by_listener(party)).count()
    }
}

impl State {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn each_link(
        &mut self,
        now: i64,
        latency: Duration,
        mut act: impl FnMut(&mut Link, Weather<'_>),
    ) {
        let weather = Weather {
            now,
            latency,
            conditions: &self.conditions,
        };
        self.links.values_mut().for_each(|link| act(link, weather));
    }

    /// The party's port is gone, and with it the ends that nobody has accepted.
    fn stop_listening(&mut self, party: &str, now: i64, latency: Duration) {
        let Some(port) = self.ports.remove(party) else {
            return;
        };
        for number in port.links {
            let weather = Weather {
                now,
                latency,
                conditions: &self.conditions,
            };
            if let Some(link) = self.links.get_mut(&number) {
                link.be_rude(Side::Listener);
                link.drop_end(Side::Listener, weather);
            }
            self.forget_if_over(number);
        }
        port.accepting.into_iter().for_each(Waker::wake);
    }

    fn forget_if_over(&mut self, number: u64) {
        if self.links.get(&number).is_some_and(Link::is_over) {
            self.links.remove(&number);
        }
    }
}
