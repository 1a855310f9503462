//! What a caller presents itself by.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::Resumption;

use super::hoard::Hoard;
use crate::oracle::history::Serial;

/// What a caller presents and trusts at an instant.
#[derive(Clone)]
pub struct Credentials {
    /// How it calls, without resumption; none for a caller that does not speak TLS.
    pub config: Option<Arc<ClientConfig>>,
    /// The certificate that it presents.
    pub serial: Option<Serial>,
    /// Changes whenever something of this does.
    pub edition: u64,
    /// Does it verify the server? What a caller that does not was presented proves nothing.
    pub verifies: bool,
}

/// Where a caller gets its credentials from: they change while it calls.
pub trait Purse: Send + Sync {
    /// What it presents and trusts now; none while it has nothing.
    fn credentials(&self) -> Option<Credentials>;

    /// What time it is for the caller, in seconds since 1970; none for one that does not look.
    fn unix(&self) -> Option<i64> {
        None
    }
}

impl Purse for Credentials {
    fn credentials(&self) -> Option<Credentials> {
        Some(self.clone())
    }
}

/// The same configuration with a session store of its own.
pub(super) fn resuming(config: &Arc<ClientConfig>, hoards: bool) -> Arc<ClientConfig> {
    let mut config = ClientConfig::clone(config);
    config.resumption = if hoards {
        Resumption::store(Arc::new(Hoard::default()))
    } else {
        Resumption::in_memory_sessions(8)
    };
    Arc::new(config)
}
