//! The entrance of a service that is permissive: who speaks TLS goes one way, and who does not the other,
//! for as long as plaintext is taken.

use std::future::pending;

use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::{Counted, Service, refusal};
use crate::net::protocol::{Protocol, forwarded, health};
use crate::net::{ConnectionId, Stream};
use crate::oracle::history::ServerView;
use crate::target::planted::Bug;

/// The first octet of a TLS record that holds a handshake message.
const HANDSHAKE: u8 = 0x16;

impl Service {
    /// Does it take plaintext, and is this somebody who speaks it? Waits for the first octet.
    pub(super) async fn hears_plaintext(&self, stream: &Stream) -> bool {
        if !self.is_permissive() {
            return false;
        }
        let first = timeout(self.settings.handshake_deadline, stream.first_octet()).await;
        matches!(first, Ok(Some(octet)) if octet != HANDSHAKE) && self.is_permissive()
    }

    /// Serves somebody who does not speak TLS: nobody knows who it is.
    pub(super) async fn converse_in_the_clear(&self, mut stream: Stream) {
        let id = stream.id();
        let _open = Counted::new(&self.connections);
        let mut changes = self.party.changes();
        let mut closing = self.closing();
        loop {
            let question = tokio::select! {
                biased;
                _ = closing.changed() => break,
                () = self.strict(&mut changes) => break,
                () = self.silence() => break,
                question = self.question(&mut stream) => question,
            };
            let Ok(claims) = question else { break };
            if !self.is_permissive() {
                self.tell(id, refusal(self.generation(), "TLS is required"));
                break;
            }
            let view = ServerView {
                accepted: true,
                generation: self.generation(),
                ..ServerView::default()
            };
            let Ok(view) = self.passed_on(view, &claims).await else {
                break;
            };
            self.tell(id, view);
            if Protocol::Line.answer(&mut stream).await.is_err() {
                return;
            }
        }
        // Whoever has left already does not mind.
        let _ = stream.shutdown().await;
    }

    /// As a service does that means well by probers.
    pub(super) async fn answer_prober(&self, id: ConnectionId, mut stream: TlsStream<Stream>) {
        if health::await_question(&mut stream).await.is_ok() {
            let view = ServerView {
                accepted: true,
                generation: self.generation(),
                ..ServerView::default()
            };
            self.tell(id, view);
            let _ = health::answer(&mut stream, self.health()).await;
        }
        let _ = stream.shutdown().await;
    }

    /// The question, and what the caller has said of itself before it, where anybody listens to that.
    pub(super) async fn question<S>(&self, stream: &mut S) -> std::io::Result<Vec<String>>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        match self.backend {
            Some(_) => forwarded::await_question(stream).await,
            None => Protocol::Line
                .await_question(stream)
                .await
                .map(|()| Vec::new()),
        }
    }

    /// The same view, with whom the backend was told, where there is one.
    pub(super) async fn passed_on(
        &self,
        mut view: ServerView,
        claims: &[String],
    ) -> std::io::Result<ServerView> {
        if let Some(backend) = &self.backend {
            let claims = match self.party.has(Bug::PassesForgedIdentity) {
                true => claims,
                false => &[],
            };
            let mut lead = backend.reach().await?;
            view.identity = lead.ask(view.identity.as_deref(), claims).await?;
        }
        Ok(view)
    }

    /// Until TLS is required.
    async fn strict(&self, changes: &mut watch::Receiver<u64>) {
        while self.is_permissive() {
            if changes.changed().await.is_err() {
                pending::<()>().await;
            }
        }
    }

    fn is_permissive(&self) -> bool {
        let current = self.party.current();
        current.is_some_and(|current| current.material.permissive)
    }
}
