//! How a service is, in a line each way: `are you ready?`, and `ready` or `not ready` with the serial number
//! of the certificate that it is about.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

use super::bounded::{Bounded, say, strange};

const QUESTION: &str = "are you ready?";
const READY: &str = "ready ";
const NOT_READY: &str = "not ready ";

/// What a service says of itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Health {
    /// Does it serve?
    pub ready: bool,
    /// The serial number of the certificate that it would present; 0 for none.
    pub serial: u64,
}

/// As a prober: asks.
///
/// # Errors
/// What the connection says; `InvalidData` when something else than the answer comes.
pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<Health> {
    say(stream, format!("{QUESTION}\n").as_bytes()).await?;
    let line = Bounded::new(stream).line().await?;
    let (ready, serial) = match (line.strip_prefix(READY), line.strip_prefix(NOT_READY)) {
        (Some(serial), _) => (true, serial),
        (None, Some(serial)) => (false, serial),
        (None, None) => return Err(strange("the other side does not say how it is")),
    };
    let serial = serial
        .parse()
        .map_err(|_| strange("the other side names no certificate"))?;
    Ok(Health { ready, serial })
}

/// As a service: waits for the question.
///
/// # Errors
/// What the connection says; `InvalidData` when something else comes.
pub async fn await_question<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<()> {
    match Bounded::new(stream).line().await? == QUESTION {
        true => Ok(()),
        false => Err(strange("the other side asks something else")),
    }
}

/// As a service: answers.
///
/// # Errors
/// What the connection says.
pub async fn answer<S: AsyncWrite + Unpin>(stream: &mut S, health: Health) -> io::Result<()> {
    let word = if health.ready { READY } else { NOT_READY };
    say(stream, format!("{word}{}\n", health.serial).as_bytes()).await
}
