//! Faults between the peer and the wire: records split small, octets that dribble, a flight that stops
//! half-way.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::Stream;

/// What goes wrong on the way out.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Faults {
    /// Split plaintext handshake records into records of this many payload octets.
    pub fragment: Option<u16>,
    /// Send pieces of this many octets, [`PAUSE`] apart.
    pub dribble: Option<u16>,
    /// Swallow everything from this point on.
    pub silence: Option<Silence>,
    /// Reset the connection where the silence would begin.
    pub reset: bool,
}

/// Where the writer falls silent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Silence {
    /// Half of the first write gets out.
    HalfFirstFlight,
    /// All that is written before it is answered gets out.
    AfterFirstFlight,
}

/// The pause between two pieces of a dribbling writer.
pub const PAUSE: Duration = Duration::from_millis(1);

const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
const HEADER: usize = 5;

/// A stream whose outgoing octets suffer [`Faults`].
pub struct Faulty {
    stream: Stream,
    faults: Faults,
    /// Octets that have been taken from the writer and are not yet sent.
    outgoing: VecDeque<u8>,
    /// An incomplete outgoing record.
    record: Vec<u8>,
    /// A ChangeCipherSpec has gone out: handshake records after it are encrypted.
    encrypted: bool,
    pause: Option<Pin<Box<Sleep>>>,
    spoken: bool,
    silent: bool,
}

impl Faulty {
    /// Puts `faults` in front of `stream`.
    pub fn new(stream: Stream, faults: Faults) -> Self {
        Self {
            stream,
            faults,
            outgoing: VecDeque::new(),
            record: Vec::new(),
            encrypted: false,
            pause: None,
            spoken: false,
            silent: false,
        }
    }

    /// The stream behind the faults.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    fn fall_silent(&mut self) -> io::Result<()> {
        self.silent = true;
        if self.faults.reset {
            self.stream.reset_on_drop()?;
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }

    /// Takes in complete records and queues them, split where they are plaintext handshake records.
    fn split(&mut self, octets: &[u8], payload: usize) {
        self.record.extend_from_slice(octets);
        while self.record.len() >= HEADER {
            let length = usize::from(u16::from_be_bytes([self.record[3], self.record[4]]));
            if self.record.len() < HEADER + length {
                return;
            }
            let rest = self.record.split_off(HEADER + length);
            let record = std::mem::replace(&mut self.record, rest);
            let (header, body) = record.split_at(HEADER);
            if header[0] == CHANGE_CIPHER_SPEC {
                self.encrypted = true;
            }
            if header[0] != HANDSHAKE || self.encrypted {
                self.outgoing.extend(&record);
                continue;
            }
            for piece in body.chunks(payload) {
                self.outgoing.extend(&header[..3]);
                // A piece is never longer than the record it comes from, whose length is a u16.
                self.outgoing.extend((piece.len() as u16).to_be_bytes());
                self.outgoing.extend(piece);
            }
        }
    }

    /// Sends what is queued.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.is_empty() {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            let (front, _) = self.outgoing.as_slices();
            let piece = self.faults.dribble.map_or(front.len(), |octets| {
                front.len().min(usize::from(octets).max(1))
            });
            let sent = ready!(Pin::new(&mut self.stream).poll_write(cx, &front[..piece]))?;
            self.outgoing.drain(..sent);
            if self.faults.dribble.is_some() {
                self.pause = Some(Box::pin(tokio::time::sleep(PAUSE)));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Faulty {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let first_flight_answered = self.spoken && !self.silent && buf.filled().len() > before;
        if first_flight_answered && self.faults.silence == Some(Silence::AfterFirstFlight) {
            self.fall_silent()?;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Faulty {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.silent {
            return Poll::Ready(Ok(buf.len()));
        }
        self.spoken = true;
        ready!(self.poll_drain(cx))?;
        if self.faults.silence == Some(Silence::HalfFirstFlight) {
            self.outgoing.extend(&buf[..buf.len() / 2]);
            let drained = self.poll_drain(cx);
            self.fall_silent()?;
            if let Poll::Ready(result) = drained {
                result?;
            }
        } else if let Some(payload) = self.faults.fragment {
            self.split(buf, usize::from(payload).max(1));
        } else if self.faults.dribble.is_some() {
            self.outgoing.extend(buf);
        } else {
            return Pin::new(&mut self.stream).poll_write(cx, buf);
        }
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.silent {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
