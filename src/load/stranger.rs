//! Strangers: connections that are no calls, for nobody behind them wants to be served.

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use super::visit::Destination;
use crate::net::Stream;

/// Somebody who connects to a server.
pub struct Stranger {
    /// Whom it connects to.
    pub destination: Arc<Destination>,
}

/// What a stranger does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mischief {
    /// It says nothing.
    Silence,
    /// It says what may become a ClientHello, an octet at a time.
    Dribble,
    /// It closes at once.
    Leave,
    /// It says something that is not TLS.
    Babble,
    /// It breaks off in the middle of a ClientHello.
    BreakOff,
}

/// The beginning of a ClientHello of 512 octets: the record, the message, the version.
const BEGINNING: [u8; 11] = [
    0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03,
];

/// The pause between two octets of somebody who dribbles.
const PAUSE: Duration = Duration::from_millis(120);

/// How long a stranger waits for a server to be rid of it.
const PATIENCE: Duration = Duration::from_secs(2);

impl Mischief {
    /// What is over soon.
    pub const SHORT: [Self; 3] = [Self::Leave, Self::Babble, Self::BreakOff];
}

impl Stranger {
    /// Comes, and stays until it is dropped, even when the server has closed.
    pub async fn stay(self, mischief: Mischief) {
        let Ok(mut stream) = self.dial().await else {
            return;
        };
        if mischief == Mischief::Dribble {
            for octet in BEGINNING.into_iter().chain([0; 500]) {
                if stream.write_all(&[octet]).await.is_err() {
                    break;
                }
                sleep(PAUSE).await;
            }
        }
        std::future::pending().await
    }

    /// Comes, and leaves when it has done what it came for and the server has closed.
    pub async fn visit(self, mischief: Mischief) {
        let Ok(mut stream) = self.dial().await else {
            return;
        };
        let said = match mischief {
            Mischief::Babble => stream.write_all(b"HELO gauntlet.test\r\n").await,
            Mischief::BreakOff => {
                let said = stream.write_all(&BEGINNING).await;
                // It is rude as well: a half is answered by nobody.
                let _ = stream.reset_on_drop();
                return drop(said);
            }
            Mischief::Silence | Mischief::Dribble | Mischief::Leave => stream.shutdown().await,
        };
        if said.is_ok() {
            let mut answer = Vec::new();
            let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        }
    }

    async fn dial(&self) -> io::Result<Stream> {
        let address = self
            .destination
            .address
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        address.dial_from("stranger").await
    }
}
