//! A line each way: for libraries, shims and tunnels, which have no application protocol of their own.
//!
//! It is described in `targets/README.md`.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

use super::Answer;
use super::bounded::{Bounded, say, strange};

pub(super) const QUESTION: &[u8; 16] = b"who goes there?\n";
const ANSWER: &[u8; 9] = b"a friend\n";

pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<Answer> {
    say(stream, QUESTION).await?;
    await_answer(stream).await?;
    Ok(Answer::Accepted)
}

pub async fn await_answer<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<()> {
    expect(stream, ANSWER).await
}

pub async fn await_question<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<()> {
    expect(stream, QUESTION).await
}

pub async fn answer<S: AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    say(stream, ANSWER).await
}

async fn expect<const N: usize, S: AsyncRead + Unpin>(
    stream: &mut S,
    line: &[u8; N],
) -> io::Result<()> {
    if Bounded::new(stream).array::<N>().await? == *line {
        Ok(())
    } else {
        Err(strange(
            "the other side sent application data that is not of this protocol",
        ))
    }
}
