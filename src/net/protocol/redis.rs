//! The protocol of Redis and its kin: a `PING`, which needs no data and no privileges beyond being let in.
//!
//! <https://redis.io/docs/latest/develop/reference/protocol-spec/>: commands are arrays of strings.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

use super::Answer;
use super::bounded::{Bounded, say, strange};

const QUESTION: &[u8] = b"*1\r\n$4\r\nPING\r\n";
const ANSWER: &[u8] = b"+PONG\r\n";

pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<Answer> {
    say(stream, QUESTION).await?;
    let mut reply = Bounded::new(stream);
    match reply.octet().await? {
        b'+' if reply.line().await? == "PONG" => Ok(Answer::Accepted),
        b'-' => Ok(Answer::Refused(reply.line().await?)),
        _ => Err(strange("the answer to PING is not PONG")),
    }
}

/// The question is the first `PING`.
pub async fn await_question<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    let mut commands = Bounded::new(stream);
    loop {
        let command = command(&mut commands).await?;
        if is(&command, "PING") {
            return Ok(());
        }
        commands.say(reply(&command)).await?;
    }
}

pub async fn answer<S: AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    say(stream, ANSWER).await
}

pub async fn attend<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    let mut commands = Bounded::new(stream);
    loop {
        let command = command(&mut commands).await?;
        commands.say(reply(&command)).await?;
        if is(&command, "QUIT") {
            return Ok(());
        }
    }
}

fn is(command: &[String], name: &str) -> bool {
    command
        .first()
        .is_some_and(|first| first.eq_ignore_ascii_case(name))
}

/// What client libraries say of their own accord, they are given. `HELLO` is refused as servers did
/// before RESP3, whereupon clients go on in RESP2.
fn reply(command: &[String]) -> &'static [u8] {
    let name = command.first().map(|name| name.to_ascii_uppercase());
    match name.as_deref() {
        Some("PING") => ANSWER,
        Some("AUTH" | "CLIENT" | "QUIT" | "SELECT") => b"+OK\r\n",
        Some("COMMAND") => b"*0\r\n",
        Some("HELLO") => b"-NOPROTO unsupported protocol version\r\n",
        _ => b"-ERR unknown command\r\n",
    }
}

/// A command as an array of strings, or as people type it.
async fn command<S: AsyncRead + Unpin>(commands: &mut Bounded<'_, S>) -> io::Result<Vec<String>> {
    let line = commands.line().await?;
    let Some(count) = line.strip_prefix('*') else {
        return Ok(line.split_whitespace().map(str::to_owned).collect());
    };
    let mut words = Vec::new();
    for _ in 0..length(count)? {
        let line = commands.line().await?;
        let octets = line
            .strip_prefix('$')
            .ok_or_else(|| strange("a command consists of strings"))?;
        let word = commands.octets(length(octets)?).await?;
        words.push(String::from_utf8_lossy(&word).into_owned());
        commands.line().await?;
    }
    Ok(words)
}

fn length(digits: &str) -> io::Result<usize> {
    digits
        .parse()
        .map_err(|_| strange("a command has no length"))
}
