//! The protocol of NATS: the server introduces itself in the clear, and then both turn to TLS.
//!
//! <https://docs.nats.io/reference/reference-protocols/nats-protocol>. A server that is told to begin with
//! TLS (`handshake_first`) has no prelude, so it must not be told so.

use std::io;

use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Answer;
use super::bounded::{Bounded, say, strange};

const QUESTION: &[u8] = b"CONNECT {\"verbose\":false,\"pedantic\":false,\"tls_required\":true,\
    \"lang\":\"rust\",\"version\":\"0\",\"protocol\":0,\"name\":\"mtls-gauntlet\"}\r\n\
    PING\r\n";
const ANSWER: &[u8] = b"PONG\r\n";
const WELCOME: &[u8] = b"INFO {\"server_id\":\"MTLSGAUNTLET\",\"server_name\":\"mtls-gauntlet\",\
    \"version\":\"2.0.0\",\"proto\":0,\"headers\":false,\"max_payload\":32768,\
    \"tls_required\":true,\"tls_verify\":true}\r\n";

/// What is of interest in the server's introduction.
#[derive(Deserialize)]
struct Info {
    #[serde(default)]
    tls_required: bool,
    #[serde(default)]
    tls_available: bool,
}

/// What is of interest in a client's.
#[derive(Deserialize)]
struct Connect {
    #[serde(default)]
    verbose: bool,
}

pub async fn open<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<()> {
    let line = Bounded::new(stream).line().await?;
    let Some(info) = line.strip_prefix("INFO ") else {
        return Err(strange("the server does not introduce itself with INFO"));
    };
    match serde_json::from_str(info) {
        Ok(Info {
            tls_required: false,
            tls_available: false,
        }) => Err(strange("the server offers no TLS")),
        Ok(_) => Ok(()),
        Err(_) => Err(strange("the server's INFO is no JSON")),
    }
}

pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<Answer> {
    say(stream, QUESTION).await?;
    let mut lines = Bounded::new(stream);
    loop {
        let line = lines.line().await?;
        match line.split_whitespace().next() {
            Some("PONG") => return Ok(Answer::Accepted),
            Some("-ERR") => {
                let words = line.trim_start_matches("-ERR").trim();
                return Ok(Answer::Refused(words.trim_matches('\'').into()));
            }
            Some("INFO" | "+OK") => {}
            Some("PING") => lines.say(ANSWER).await?,
            _ => return Err(strange("this is not the protocol of NATS")),
        }
    }
}

pub async fn welcome<S: AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    say(stream, WELCOME).await
}

/// The question is the first `PING`; `CONNECT` comes ahead of it.
pub async fn await_question<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    let mut lines = Bounded::new(stream);
    loop {
        let line = lines.line().await?;
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match word.to_ascii_uppercase().as_str() {
            "PING" => return Ok(()),
            "CONNECT" => match serde_json::from_str(rest) {
                Ok(Connect { verbose: true }) => lines.say(b"+OK\r\n").await?,
                Ok(Connect { verbose: false }) => {}
                Err(_) => return Err(strange("the client's CONNECT is no JSON")),
            },
            _ => return Err(strange("the client does not begin with CONNECT and PING")),
        }
    }
}

pub async fn answer<S: AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    say(stream, ANSWER).await
}

/// Takes what is published and tells it to nobody: all that needs an answer is `PING`.
pub async fn attend<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    let mut lines = Bounded::new(stream);
    loop {
        if lines.line().await?.eq_ignore_ascii_case("PING") {
            lines.say(ANSWER).await?;
        }
    }
}
