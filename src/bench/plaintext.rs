//! The service without TLS: what a connection costs before anybody authenticates anybody.

use std::io;

use tokio::task::JoinHandle;

use crate::net::protocol::Protocol;
use crate::net::{Address, Listener, Transport};

/// A service that answers in the clear. Dropping it ends it.
pub(super) struct Plaintext {
    address: Address,
    accept_loop: JoinHandle<()>,
}

impl Plaintext {
    /// Starts accepting connections.
    ///
    /// # Errors
    /// When no address can be listened on.
    pub(super) fn start(transport: Transport) -> io::Result<Self> {
        let listener = transport.listen()?;
        Ok(Self {
            address: listener.address()?,
            accept_loop: tokio::spawn(accept(listener)),
        })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> Address {
        self.address.clone()
    }
}

impl Drop for Plaintext {
    fn drop(&mut self) {
        self.accept_loop.abort();
    }
}

async fn accept(listener: Listener) {
    loop {
        let mut stream = match listener.accept().await {
            Ok(stream) => stream,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return,
            Err(_) => {
                // Out of file descriptors for a moment.
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                continue;
            }
        };
        tokio::spawn(async move {
            if Protocol::Line.await_question(&mut stream).await.is_ok() {
                // A caller that leaves without the answer says so itself.
                let _ = Protocol::Line.answer(&mut stream).await;
            }
        });
    }
}
