//! The protocol of MySQL and MariaDB: the server greets first, and a missing certificate is an error of the
//! session rather than of TLS.
//!
//! <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html>

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

use super::Answer;
use super::bounded::{Bounded, say, strange};

const LONG_PASSWORD: u32 = 1;
const PROTOCOL_41: u32 = 1 << 9;
const SSL: u32 = 1 << 11;
const SECURE_CONNECTION: u32 = 1 << 15;
const PLUGIN_AUTH: u32 = 1 << 19;
const CAPABILITIES: u32 = LONG_PASSWORD | PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH;
const LONGEST_PACKET: u32 = 1 << 24;
const UTF8: u8 = 33;
const USER: &[u8] = b"gauntlet\0";
const PLUGIN: &[u8] = b"mysql_native_password\0";
const SERVER_VERSION: &[u8] = b"8.0.0-mtls-gauntlet\0";
const CHALLENGE: &[u8; 20] = b"there is no password";
const AUTOCOMMIT: u16 = 2;
const QUIT: &[u8] = &[1];

/// What a client has to know of the prelude.
#[derive(Clone, Copy, Debug)]
pub struct Greeting {
    /// The number that the next packet bears.
    next: u8,
}

pub async fn open<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<Greeting> {
    let (capabilities, greeting) = greeting(stream).await?;
    if capabilities & SSL == 0 {
        return Err(strange("the server offers no TLS"));
    }
    say(stream, &packet(greeting.next, &ours(SSL))).await?;
    Ok(Greeting {
        next: greeting.next.wrapping_add(1),
    })
}

/// Logs in without a password: the certificate is what counts.
pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    opening: Option<Greeting>,
) -> io::Result<Answer> {
    let (next, over_tls) = match opening {
        Some(greeting) => (greeting.next, SSL),
        None => (greeting(stream).await?.1.next, 0),
    };
    let no_password = [0];
    let login = [&ours(over_tls), USER, &no_password, PLUGIN].concat();
    say(stream, &packet(next, &login)).await?;
    let mut packets = Bounded::new(stream);
    loop {
        let (number, content) = read(&mut packets).await?;
        let next = number.wrapping_add(1);
        match content.split_first() {
            Some((0x00, _)) => {
                let _ = packets.say(&packet(0, QUIT)).await;
                return Ok(Answer::Accepted);
            }
            Some((0xff, error)) => return Ok(Answer::Refused(words_of_error(error))),
            // Another way of proving the password that there is not.
            Some((0xfe, plugin)) => {
                let empty: &[u8] = match until_nul(plugin).0 {
                    b"mysql_native_password" => &[],
                    _ => &[0],
                };
                packets.say(&packet(next, empty)).await?;
            }
            // caching_sha2_password: fine (3), or the password itself is wanted (4).
            Some((0x01, [3])) => {}
            Some((0x01, [4])) => packets.say(&packet(next, &[0])).await?,
            _ => return Err(strange("this is not the protocol of MySQL")),
        }
    }
}

pub async fn welcome<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    let [low_0, low_1, high_0, high_1] = (CAPABILITIES | SSL).to_le_bytes();
    let (first, second) = CHALLENGE.split_at(8);
    let thread = 1_u32.to_le_bytes();
    let [status_0, status_1] = AUTOCOMMIT.to_le_bytes();
    let parameters = [low_0, low_1, UTF8, status_0, status_1, high_0, high_1, 21];
    let greeting = [
        &[10],
        SERVER_VERSION,
        &thread,
        first,
        &[0],
        &parameters,
        &[0; 10],
        second,
        &[0],
        PLUGIN,
    ];
    say(stream, &packet(0, &greeting.concat())).await?;
    let (_, request) = read(&mut Bounded::new(stream)).await?;
    let capabilities = request
        .first_chunk()
        .map(|octets| u32::from_le_bytes(*octets));
    if capabilities.is_some_and(|capabilities| capabilities & SSL != 0) && request.len() == 32 {
        Ok(())
    } else {
        Err(strange("the client does not ask for TLS"))
    }
}

/// The question is the login, whoever it is that logs in.
pub async fn await_question<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<()> {
    let (_, login) = read(&mut Bounded::new(stream)).await?;
    let capabilities = login
        .first_chunk()
        .map(|octets| u32::from_le_bytes(*octets));
    if capabilities.is_some_and(|capabilities| capabilities & PROTOCOL_41 != 0) && login.len() > 32
    {
        Ok(())
    } else {
        Err(strange("the client does not log in"))
    }
}

pub async fn answer<S: AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    // After the greeting, the request for TLS and the login.
    say(stream, &ok(3)).await
}

/// Every command succeeds and has no result.
pub async fn attend<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    let mut packets = Bounded::new(stream);
    loop {
        let (_, command) = read(&mut packets).await?;
        if command == QUIT {
            return Ok(());
        }
        packets.say(&ok(1)).await?;
    }
}

fn ok(number: u8) -> Vec<u8> {
    let [status_0, status_1] = AUTOCOMMIT.to_le_bytes();
    packet(number, &[0, 0, 0, status_0, status_1, 0, 0])
}

/// What the request for TLS and the login begin with.
fn ours(further: u32) -> Vec<u8> {
    let capabilities = (CAPABILITIES | further).to_le_bytes();
    let longest = LONGEST_PACKET.to_le_bytes();
    [&capabilities, &longest, &[UTF8][..], &[0; 23]].concat()
}

/// The server's capabilities, and what is to be remembered.
async fn greeting<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<(u32, Greeting)> {
    let (number, content) = read(&mut Bounded::new(stream)).await?;
    let rest = match content.split_first() {
        Some((10, rest)) => rest,
        Some((0xff, error)) => return Err(strange(words_of_error(error))),
        _ => return Err(strange("this is not the protocol of MySQL")),
    };
    // Thread and challenge; the capabilities' lower half; character set and status; the upper half.
    let (_, rest) = until_nul(rest);
    match rest.get(13..20) {
        Some(&[low_0, low_1, _, _, _, high_0, high_1]) => {
            let capabilities = u32::from_le_bytes([low_0, low_1, high_0, high_1]);
            let next = number.wrapping_add(1);
            Ok((capabilities, Greeting { next }))
        }
        _ => Err(strange("the server's greeting ends early")),
    }
}

fn packet(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    let [length_0, length_1, length_2, _] = length.to_le_bytes();
    [&[length_0, length_1, length_2, number], content].concat()
}

/// A packet's number and content.
async fn read<S: AsyncRead + Unpin>(packets: &mut Bounded<'_, S>) -> io::Result<(u8, Vec<u8>)> {
    let [length_0, length_1, length_2, number] = packets.array().await?;
    let length = u32::from_le_bytes([length_0, length_1, length_2, 0]);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    Ok((number, packets.octets(length).await?))
}

/// What stands before the first NUL, and what stands after it.
fn until_nul(octets: &[u8]) -> (&[u8], &[u8]) {
    let end = octets.iter().position(|octet| *octet == 0);
    let (before, after) = octets.split_at(end.unwrap_or(octets.len()));
    (before, after.get(1..).unwrap_or_default())
}

/// `1045 28000: Access denied`. Errors ahead of the login have no SQLSTATE.
fn words_of_error(error: &[u8]) -> String {
    let (code, words) = error.split_first_chunk().unwrap_or((&[0, 0], error));
    let code = u16::from_le_bytes(*code);
    let words = String::from_utf8_lossy(words).into_owned();
    let with_state = words
        .strip_prefix('#')
        .and_then(|rest| rest.split_at_checked(5));
    match with_state {
        Some((state, words)) => format!("{code} {state}: {words}"),
        None => format!("{code}: {words}"),
    }
}
