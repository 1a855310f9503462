//! One direction of a simulated connection: parcels on their way, in order, each with the moment at which
//! it arrives. A parcel is what was written at once, however much it was, so that time does not depend
//! on the length of a signature.

use std::collections::VecDeque;
use std::task::{Context, Waker};

use tokio::io::ReadBuf;

/// How many octets may be on their way, or wait to be read, before a writer has to wait.
const ROOM: usize = 256 * 1024;

/// The parcels of one direction.
#[derive(Debug, Default)]
pub(super) struct Lane {
    parcels: VecDeque<Parcel>,
    /// Octets in all parcels.
    octets: usize,
    /// When the parcel arrives that was sent last, in microseconds.
    latest: i64,
    /// The writer has closed it.
    pub(super) ended: bool,
    /// What is sent from now on is lost.
    pub(super) lost: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Debug)]
struct Parcel {
    due: i64,
    /// It had arrived before something stopped this direction.
    arrived: bool,
    content: Content,
}

/// What is sent.
#[derive(Debug)]
pub(super) enum Content {
    /// Octets, never none.
    Octets(VecDeque<u8>),
    /// An orderly close.
    Close,
    /// A reset.
    Reset,
}

/// What a reader finds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Found {
    Octets,
    Close,
    Reset,
    /// Nothing yet; something will be there at this moment, if nothing stops it.
    Nothing(Option<i64>),
}

impl Lane {
    /// How many octets a writer may add; none: its turn comes when it is woken.
    pub(super) fn room(&mut self, cx: &Context<'_>) -> usize {
        if self.lost {
            return usize::MAX;
        }
        let room = ROOM.saturating_sub(self.octets);
        if room == 0 {
            self.writer = Some(cx.waker().clone());
        }
        room
    }

    /// Sends something that arrives at `due`, or later if what was sent before it does.
    pub(super) fn send(&mut self, content: Content, due: i64) {
        if self.lost {
            return;
        }
        if let Content::Octets(octets) = &content {
            self.octets += octets.len();
        }
        self.latest = self.latest.max(due);
        self.parcels.push_back(Parcel {
            due: self.latest,
            arrived: false,
            content,
        });
        wake(&mut self.reader);
    }

    /// Takes no more from the writer, which does not notice. What is on its way arrives.
    pub(super) fn lose(&mut self) {
        self.lost = true;
        wake(&mut self.writer);
    }

    /// Nobody reads any more.
    pub(super) fn abandon(&mut self) {
        self.parcels.clear();
        self.octets = 0;
        self.lose();
    }

    /// The reader's own end breaks, at once.
    pub(super) fn break_off(&mut self) {
        self.abandon();
        self.parcels.push_back(Parcel {
            due: 0,
            arrived: true,
            content: Content::Reset,
        });
        wake(&mut self.reader);
    }

    /// What has arrived by now will not be stopped by what happens next.
    pub(super) fn settle(&mut self, now: i64) {
        for parcel in &mut self.parcels {
            parcel.arrived |= parcel.due <= now;
        }
    }

    /// Lets the reader look again.
    pub(super) fn stir(&mut self) {
        wake(&mut self.reader);
    }

    /// What the reader finds, and who it is, should it find nothing.
    pub(super) fn look(&mut self, now: i64, stopped: bool, cx: &Context<'_>) -> Found {
        if self.is_reset(now, stopped) && self.octets == 0 {
            return Found::Reset;
        }
        let front = self.parcels.front();
        if let Some(parcel) = front.filter(|parcel| parcel.is_here(now, stopped)) {
            return match parcel.content {
                Content::Octets(_) => Found::Octets,
                Content::Close => Found::Close,
                Content::Reset => Found::Reset,
            };
        }
        let due = front.filter(|_| !stopped).map(|parcel| parcel.due);
        self.reader = Some(cx.waker().clone());
        Found::Nothing(due)
    }

    /// The first octet, be it here or on its way.
    pub(super) fn first(&self) -> Option<u8> {
        match &self.parcels.front()?.content {
            Content::Octets(octets) => octets.front().copied(),
            Content::Close | Content::Reset => None,
        }
    }

    /// Reads what is here.
    pub(super) fn take(&mut self, now: i64, stopped: bool, buf: &mut ReadBuf<'_>) {
        while buf.remaining() > 0
            && let Some(parcel) = self.parcels.front_mut()
            && parcel.is_here(now, stopped)
            && let Content::Octets(octets) = &mut parcel.content
        {
            let (front, _) = octets.as_slices();
            let taken = front.len().min(buf.remaining());
            buf.put_slice(&front[..taken]);
            octets.drain(..taken);
            self.octets -= taken;
            if octets.is_empty() {
                self.parcels.pop_front();
            }
        }
        wake(&mut self.writer);
    }

    /// Whether a reset has come in. Nothing is ever sent after one.
    pub(super) fn is_reset(&self, now: i64, stopped: bool) -> bool {
        matches!(self.parcels.back(), Some(parcel)
            if matches!(parcel.content, Content::Reset) && parcel.is_here(now, stopped))
    }
}

impl Parcel {
    fn is_here(&self, now: i64, stopped: bool) -> bool {
        self.arrived || (!stopped && self.due <= now)
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}
