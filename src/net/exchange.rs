//! The round trip of application data that alone proves acceptance.
//!
//! In TLS 1.3 a client finishes before the server has judged its certificate, so a completed
//! handshake proves nothing. One line each way does: the client asks, the server answers.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const QUESTION: &[u8] = b"who goes there?\n";
const ANSWER: &[u8] = b"a friend\n";

/// As a client: asks, and waits for the answer.
///
/// # Errors
/// What the connection says; `UnexpectedEof` when it closes without an answer, `InvalidData` when
/// something else is answered.
pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    stream.write_all(QUESTION).await?;
    stream.flush().await?;
    expect_line(stream, ANSWER).await
}

/// As a server: waits for the question.
///
/// # Errors
/// As [`ask`].
pub async fn await_question<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<()> {
    expect_line(stream, QUESTION).await
}

/// As a server: answers.
///
/// # Errors
/// What the connection says.
pub async fn answer<S: AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    stream.write_all(ANSWER).await?;
    stream.flush().await
}

async fn expect_line<S: AsyncRead + Unpin>(stream: &mut S, line: &[u8]) -> io::Result<()> {
    let mut received = [0; 16];
    let received = &mut received[..line.len()];
    stream.read_exact(received).await?;
    if received == line {
        Ok(())
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the other side sent application data that is not of this protocol",
        ))
    }
}
