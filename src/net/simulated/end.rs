//! One end of a simulated connection, as a stream, and the port that connections are accepted from. The
//! state is the network's; an end only knows which it is, and when to look again.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::Simulated;
use super::lane::Found;
use super::link::{Link, Side, Weather};

/// One end of a simulated connection.
pub struct End {
    network: Arc<Simulated>,
    number: u64,
    side: Side,
    alarm: Alarm,
}

/// Wakes a reader when a parcel is due.
#[derive(Default)]
struct Alarm(Option<(i64, Pin<Box<Sleep>>)>);

impl End {
    pub(super) fn new(network: Arc<Simulated>, number: u64, side: Side) -> Self {
        Self {
            network,
            number,
            side,
            alarm: Alarm::default(),
        }
    }

    /// Waits for the other end's first octet, which stays to be read. True when it closes without any.
    pub(in crate::net) async fn left(&self) -> bool {
        let mut alarm = Alarm::default();
        poll_fn(|cx| self.poll_found(&mut alarm, cx)).await != Found::Octets
    }

    /// The same, and says what it is; none when it closes without any.
    pub(in crate::net) async fn first_octet(&self) -> Option<u8> {
        if self.left().await {
            return None;
        }
        let first = |link: &mut Link, _: Weather<'_>| link.first(self.side);
        self.network.with_link(self.number, first).flatten()
    }

    /// Makes dropping this end a reset.
    pub(in crate::net) fn reset_on_drop(&self) {
        self.network
            .with_link(self.number, |link, _| link.be_rude(self.side));
    }

    /// Anything but [`Found::Nothing`].
    fn poll_found(&self, alarm: &mut Alarm, cx: &mut Context<'_>) -> Poll<Found> {
        loop {
            let found = self.network.with_link(self.number, |link, weather| {
                link.look(self.side, weather, cx)
            });
            match found.unwrap_or(Found::Reset) {
                Found::Nothing(Some(due)) => {
                    let now = self.network.now();
                    ready!(alarm.poll(due, now, cx));
                }
                Found::Nothing(None) => return Poll::Pending,
                found => return Poll::Ready(found),
            }
        }
    }
}

impl Alarm {
    fn poll(&mut self, due: i64, now: i64, cx: &mut Context<'_>) -> Poll<()> {
        let (set_to, alarm) = self.0.get_or_insert_with(|| (due, rest(due, now)));
        if *set_to != due {
            *set_to = due;
            *alarm = rest(due, now);
        }
        ready!(alarm.as_mut().poll(cx));
        self.0 = None;
        Poll::Ready(())
    }
}

fn rest(due: i64, now: i64) -> Pin<Box<Sleep>> {
    let micros = u64::try_from(due.saturating_sub(now)).unwrap_or(0);
    Box::pin(sleep(Duration::from_micros(micros)))
}

impl AsyncRead for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut alarm = std::mem::take(&mut self.alarm);
        let found = self.poll_found(&mut alarm, cx);
        self.alarm = alarm;
        match ready!(found) {
            Found::Octets => {
                self.network.with_link(self.number, |link, weather| {
                    link.take(self.side, weather, buf)
                });
                Poll::Ready(Ok(()))
            }
            Found::Reset => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Found::Close | Found::Nothing(_) => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.network.with_link(self.number, |link, weather| {
            link.write(self.side, buf, weather, cx)
        });
        written.unwrap_or_else(|| Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())))
    }

    // One write is one parcel, even if it comes in parts.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let octets: Vec<u8> = bufs.iter().flat_map(|part| part.iter().copied()).collect();
        self.poll_write(cx, &octets)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.network
            .with_link(self.number, |link, weather| link.close(self.side, weather));
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.network.drop_end(self.number, self.side);
    }
}

/// Where a party of a simulated network accepts connections. Dropping it stops that, and resets what
/// nobody has accepted.
pub struct Port {
    network: Arc<Simulated>,
    party: String,
    /// Tells this port from an earlier one of the same party.
    number: u64,
}

impl Port {
    pub(super) fn new(network: Arc<Simulated>, party: &str, number: u64) -> Self {
        Self {
            network,
            party: party.to_owned(),
            number,
        }
    }

    /// The network that it is in.
    pub(in crate::net) fn network(&self) -> &Arc<Simulated> {
        &self.network
    }

    /// Who listens here.
    pub fn party(&self) -> &str {
        &self.party
    }

    /// The next connection: its number and this end of it.
    pub(in crate::net) async fn accept(&self) -> io::Result<(u64, End)> {
        let number = poll_fn(|cx| self.network.poll_accept(&self.party, self.number, cx)).await?;
        let end = End::new(Arc::clone(&self.network), number, Side::Listener);
        Ok((number, end))
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.network.stop_listening(&self.party, self.number);
    }
}
