//! A sidecar: mTLS in front of a service that speaks plaintext and believes what it is told.
//!
//! ```text
//! caller --mTLS--> Service (verifies, judges) --Lead: identity, question--> Backend
//! ```
//!
//! The backend hears one thing only about who calls: what the sidecar says. It believes the first identity
//! that it is told, as many a service does with a header that is there twice. So whatever the caller has
//! said of itself must not come through. Nobody but the sidecar knows where the backend listens.

use std::io;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::Ground;
use super::porch::receive;
use crate::net::protocol::forwarded;
use crate::net::{Address, Stream};

/// The service behind a sidecar; it ends when this is dropped.
pub struct Backend {
    address: Address,
    _serving: JoinSet<()>,
}

/// A connection to a backend.
pub struct Lead {
    stream: Stream,
}

impl Backend {
    /// Has the backend of this service listen.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open(service: &str, ground: &Ground) -> io::Result<Arc<Self>> {
        let listener = ground.listen(&format!("backend of {service}"), None)?;
        let address = listener.address()?;
        let mut serving = JoinSet::new();
        serving.spawn(receive(listener, converse));
        Ok(Arc::new(Self {
            address,
            _serving: serving,
        }))
    }

    /// A connection to it.
    ///
    /// # Errors
    /// What the operating system says.
    pub async fn reach(&self) -> io::Result<Lead> {
        let stream = self.address.dial().await?;
        Ok(Lead { stream })
    }
}

impl Lead {
    /// Passes a question on, in this name; `claims` are names that the caller has given, for a sidecar that
    /// lets them through. Says whom the backend took the caller for.
    ///
    /// # Errors
    /// What the connection says.
    pub async fn ask(
        &mut self,
        verified: Option<&str>,
        claims: &[String],
    ) -> io::Result<Option<String>> {
        let names: Vec<&str> = claims.iter().map(String::as_str).chain(verified).collect();
        forwarded::pass_on(&mut self.stream, &names).await
    }
}

async fn converse(mut stream: Stream) {
    while let Ok(named) = forwarded::await_question(&mut stream).await {
        let told = named.first().map(String::as_str);
        if forwarded::answer(&mut stream, told).await.is_err() {
            return;
        }
    }
}
