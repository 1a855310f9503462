//! Reading what a stranger sends without believing what it says of its length.
//!
//! Octets that follow the ones that are wanted stay where they are: with some protocols the next one is
//! TLS's.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// How many octets the other side may send in one step of a conversation.
pub const LONGEST: usize = 64 * 1024;

/// One step of a conversation.
pub struct Bounded<'a, S> {
    stream: &'a mut S,
    left: usize,
}

impl<'a, S: Unpin> Bounded<'a, S> {
    pub fn new(stream: &'a mut S) -> Self {
        Self {
            stream,
            left: LONGEST,
        }
    }

    fn spend(&mut self, octets: usize) -> io::Result<()> {
        self.left = self
            .left
            .checked_sub(octets)
            .ok_or_else(|| strange(format!("the other side sends more than {LONGEST} octets")))?;
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> Bounded<'_, S> {
    pub async fn octet(&mut self) -> io::Result<u8> {
        self.spend(1)?;
        self.stream.read_u8().await
    }

    pub async fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        self.spend(N)?;
        let mut octets = [0; N];
        self.stream.read_exact(&mut octets).await?;
        Ok(octets)
    }

    pub async fn octets(&mut self, count: usize) -> io::Result<Vec<u8>> {
        self.spend(count)?;
        let mut octets = vec![0; count];
        self.stream.read_exact(&mut octets).await?;
        Ok(octets)
    }

    /// A line without its end, which is a line feed with or without a carriage return. What is not
    /// UTF-8 is replaced.
    pub async fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        loop {
            match self.octet().await? {
                b'\n' => break,
                octet => line.push(octet),
            }
        }
        line.pop_if(|last| *last == b'\r');
        Ok(String::from_utf8_lossy(&line).into_owned())
    }
}

impl<S: AsyncWrite + Unpin> Bounded<'_, S> {
    pub async fn say(&mut self, octets: &[u8]) -> io::Result<()> {
        say(self.stream, octets).await
    }
}

pub async fn say<S: AsyncWrite + Unpin>(stream: &mut S, octets: &[u8]) -> io::Result<()> {
    stream.write_all(octets).await?;
    stream.flush().await
}

/// The error for what is nothing of the protocol.
pub fn strange(words: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Strange(words.into()))
}

/// The words of an error that [`strange`] made; any other error is handed back. Its kind alone does not
/// tell: TLS errors are `InvalidData` too.
pub fn words_of_strangers(error: io::Error) -> io::Result<String> {
    let words = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Strange>())
        .map(|strange| strange.0.clone());
    words.ok_or(error)
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Strange(String);
