//! The line protocol with an identity in front of it: what a proxy that verifies callers tells the service
//! behind it, and what a caller may try to tell that service itself.
//!
//! ```text
//! caller  --[identity: NAME]* who goes there?--> proxy --identity: NAME, who goes there?--> service
//!         <--------------a friend--------------        <-----told: NAME, a friend----------
//! ```
//!
//! The service says whom it was told, so that the harness knows. The caller does not hear it.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

use super::bounded::{Bounded, say, strange};
use super::{Answer, line};

const IDENTITY: &str = "identity: ";
const TOLD: &str = "told: ";

/// How many identities somebody may name before a question.
const MOST: usize = 4;

/// As a caller: says that it is `name`, and asks.
///
/// # Errors
/// What the connection says; `InvalidData` when something else than the answer comes.
pub async fn claim<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    name: &str,
) -> io::Result<Answer> {
    say(stream, format!("{IDENTITY}{name}\n").as_bytes()).await?;
    line::ask(stream).await
}

/// As a proxy or a service: waits for the question, and says whom the other side has named before it, in
/// order.
///
/// # Errors
/// What the connection says; `UnexpectedEof` when it closes without a question, `InvalidData` when
/// something else comes.
pub async fn await_question<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Vec<String>> {
    let question = line::QUESTION.strip_suffix(b"\n").unwrap_or(line::QUESTION);
    let mut bounded = Bounded::new(stream);
    let mut named = Vec::new();
    loop {
        let line = bounded.line().await?;
        if line.as_bytes() == question {
            return Ok(named);
        }
        match line.strip_prefix(IDENTITY) {
            Some(name) if named.len() < MOST => named.push(name.to_owned()),
            _ => return Err(strange("the other side asks something else")),
        }
    }
}

/// As a proxy: names these, asks, and hears whom the service was told; nobody where that is nothing.
///
/// # Errors
/// As [`claim`].
pub async fn pass_on<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    names: &[&str],
) -> io::Result<Option<String>> {
    let mut words: String = names
        .iter()
        .map(|name| format!("{IDENTITY}{name}\n"))
        .collect();
    words.push_str(&String::from_utf8_lossy(line::QUESTION));
    say(stream, words.as_bytes()).await?;
    let told = Bounded::new(stream).line().await?;
    let told = told
        .strip_prefix(TOLD)
        .ok_or_else(|| strange("the service does not say whom it was told"))?;
    line::await_answer(stream).await?;
    Ok(Some(told.to_owned()).filter(|told| !told.is_empty()))
}

/// As the service: answers, having been told of this caller.
///
/// # Errors
/// What the connection says.
pub async fn answer<S: AsyncWrite + Unpin>(stream: &mut S, told: Option<&str>) -> io::Result<()> {
    say(
        stream,
        format!("{TOLD}{}\n", told.unwrap_or_default()).as_bytes(),
    )
    .await?;
    line::answer(stream).await
}
