//! The protocol of PostgreSQL: TLS has to be asked for, and a refused certificate may be an error of the
//! session rather than of TLS.
//!
//! <https://www.postgresql.org/docs/current/protocol-message-formats.html>

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

use super::Answer;
use super::bounded::{Bounded, say, strange};

const SSL_REQUEST: u32 = 80_877_103;
const GSS_ENCRYPTION_REQUEST: u32 = 80_877_104;
const VERSION_3: u32 = 0x0003_0000;
const SESSION: &[u8] = b"user\0postgres\0database\0postgres\0application_name\0mtls-gauntlet\0\0";
const TERMINATE: &[u8] = &[b'X', 0, 0, 0, 4];
const READY: &[u8] = b"I";

pub async fn open<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    say(stream, &packet(&SSL_REQUEST.to_be_bytes())).await?;
    match Bounded::new(stream).octet().await? {
        b'S' => Ok(()),
        b'N' => Err(strange("the server offers no TLS")),
        b'E' => Err(strange(
            "the server answered the request for TLS with an error",
        )),
        _ => Err(strange("this is not the protocol of PostgreSQL")),
    }
}

/// Starts a session as the user that every installation has.
pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<Answer> {
    let start = packet(&[&VERSION_3.to_be_bytes(), SESSION].concat());
    say(stream, &start).await?;
    let mut messages = Bounded::new(stream);
    loop {
        let (kind, content) = message(&mut messages).await?;
        match kind {
            b'E' => return Ok(Answer::Refused(words_of_error(&content))),
            // Authentication: whom the certificate is not enough for wants something else as well.
            b'R' => match content.first_chunk().map(|kind| u32::from_be_bytes(*kind)) {
                Some(0) => {}
                Some(kind) => {
                    let words = format!("the server wants authentication of type {kind}");
                    return Ok(Answer::Refused(words));
                }
                None => return Err(strange("an authentication message has no type")),
            },
            b'Z' => {
                let _ = messages.say(TERMINATE).await;
                return Ok(Answer::Accepted);
            }
            // Parameters, keys, notices, an older version of the protocol.
            b'S' | b'K' | b'N' | b'v' => {}
            _ => return Err(strange("this is not the protocol of PostgreSQL")),
        }
    }
}

pub async fn welcome<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    let mut requests = Bounded::new(stream);
    loop {
        match request(&mut requests).await? {
            SSL_REQUEST => return requests.say(b"S").await,
            GSS_ENCRYPTION_REQUEST => requests.say(b"N").await?,
            _ => return Err(strange("the client does not ask for TLS")),
        }
    }
}

/// The question is the start of a session. One who asks in the clear may ask for TLS first: not here.
pub async fn await_question<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    let mut requests = Bounded::new(stream);
    loop {
        match request(&mut requests).await? {
            SSL_REQUEST | GSS_ENCRYPTION_REQUEST => requests.say(b"N").await?,
            version if version >> 16 == VERSION_3 >> 16 => return Ok(()),
            _ => return Err(strange("the client does not start a session")),
        }
    }
}

pub async fn answer<S: AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    let mut answer = typed(b'R', &0_u32.to_be_bytes());
    for parameter in [
        "server_version\x0015.0\0",
        "server_encoding\0UTF8\0",
        "client_encoding\0UTF8\0",
        "DateStyle\0ISO, MDY\0",
        "integer_datetimes\0on\0",
        "standard_conforming_strings\0on\0",
    ] {
        answer.extend(typed(b'S', parameter.as_bytes()));
    }
    answer.extend(typed(b'K', &[0; 8]));
    answer.extend(typed(b'Z', READY));
    say(stream, &answer).await
}

/// Every query has the same result, in either of the two ways of asking.
pub async fn attend<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    let mut messages = Bounded::new(stream);
    loop {
        let (kind, content) = message(&mut messages).await?;
        let reply = match kind {
            b'X' => return Ok(()),
            b'Q' if content.iter().all(|octet| b" ;\n\0".contains(octet)) => {
                [typed(b'I', b""), typed(b'Z', READY)].concat()
            }
            b'Q' => [columns(), row(), typed(b'Z', READY)].concat(),
            b'P' => typed(b'1', b""),
            b'B' => typed(b'2', b""),
            b'D' if content.first() == Some(&b'S') => [typed(b't', &[0, 0]), columns()].concat(),
            b'D' => columns(),
            b'E' => row(),
            b'C' => typed(b'3', b""),
            b'S' => typed(b'Z', READY),
            b'H' => continue,
            _ => return Err(strange("this is not the protocol of PostgreSQL")),
        };
        messages.say(&reply).await?;
    }
}

/// One column of text.
fn columns() -> Vec<u8> {
    const TEXT: [u8; 4] = 25_u32.to_be_bytes();
    let unknown = [0; 6];
    let size_modifier_format = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0];
    let column = [
        &[0, 1],
        &b"answer\0"[..],
        &unknown,
        &TEXT,
        &size_modifier_format,
    ];
    typed(b'T', &column.concat())
}

fn row() -> Vec<u8> {
    let row = typed(b'D', b"\0\x01\0\0\0\x08a friend");
    [row, typed(b'C', b"SELECT 1\0")].concat()
}

fn packet(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 4).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), content].concat()
}

fn typed(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind], &packet(content)[..]].concat()
}

/// A message of a session: its type and its content.
async fn message<S: AsyncRead + Unpin>(messages: &mut Bounded<'_, S>) -> io::Result<(u8, Vec<u8>)> {
    let kind = messages.octet().await?;
    Ok((kind, content(messages).await?))
}

/// A message ahead of a session: its code, or its version.
async fn request<S: AsyncRead + Unpin>(requests: &mut Bounded<'_, S>) -> io::Result<u32> {
    let content = content(requests).await?;
    let code = content.first_chunk().map(|code| u32::from_be_bytes(*code));
    code.ok_or_else(|| strange("a message without content"))
}

async fn content<S: AsyncRead + Unpin>(messages: &mut Bounded<'_, S>) -> io::Result<Vec<u8>> {
    let length = u32::from_be_bytes(messages.array().await?);
    let length = usize::try_from(length).ok();
    let length = length.and_then(|length| length.checked_sub(4));
    messages
        .octets(length.ok_or_else(|| strange("a message is shorter than its length"))?)
        .await
}

/// The SQLSTATE and the message: fields are a letter and a text, each ended by NUL.
fn words_of_error(content: &[u8]) -> String {
    let field = |letter: u8| {
        let fields = content.split(|octet| *octet == 0);
        let text = fields.filter_map(|field| field.split_first());
        let text = text.into_iter().find(|(kind, _)| **kind == letter);
        text.map_or_else(String::new, |(_, text)| {
            String::from_utf8_lossy(text).into_owned()
        })
    };
    format!("{}: {}", field(b'C'), field(b'M'))
}
