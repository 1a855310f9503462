//! A porch: a plain accept loop, for what stands beside a service and has nothing to defend.

use std::io;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::service::BREATH;
use crate::net::{Listener, Stream};

/// Has a conversation with everybody who comes, side by side, until nobody can come any more. Dropping it
/// ends them all.
pub async fn receive<C>(listener: Listener, converse: impl Fn(Stream) -> C)
where
    C: Future<Output: Send + 'static> + Send + 'static,
{
    let mut conversations = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            Some(_) = conversations.join_next(), if !conversations.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(stream) => {
                conversations.spawn(converse(stream));
            }
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return,
            Err(_) => sleep(BREATH).await,
        }
    }
}
