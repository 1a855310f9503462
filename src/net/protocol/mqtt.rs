//! MQTT, for brokers: a session is asked for, and the broker says whether there is one.
//!
//! MQTT 3.1.1, <https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/mqtt-v3.1.1.html>, chapters 2 and 3.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

use super::Answer;
use super::bounded::{Bounded, say, strange};

// A clean session without a name: the broker gives one, so that no two connections take the other's.
const CONNECT: &[u8] = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00";
const CONNACK: u8 = 0x20;
const ACCEPTED: &[u8] = &[CONNACK, 2, 0, 0];
const UNACCEPTABLE_VERSION: &[u8] = &[CONNACK, 2, 0, 1];
const DISCONNECT: &[u8] = &[0xe0, 0];

pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<Answer> {
    say(stream, CONNECT).await?;
    let mut packets = Bounded::new(stream);
    let reason = match read(&mut packets).await? {
        (CONNACK, content) => match content[..] {
            [_, reason] => reason,
            _ => return Err(strange("a CONNACK has two octets")),
        },
        _ => return Err(strange("the answer to CONNECT is no CONNACK")),
    };
    let words = match reason {
        0 => {
            let _ = packets.say(DISCONNECT).await;
            return Ok(Answer::Accepted);
        }
        1 => "unacceptable protocol version",
        2 => "identifier rejected",
        3 => "server unavailable",
        4 => "bad user name or password",
        5 => "not authorized",
        _ => "a reason that the protocol does not know",
    };
    Ok(Answer::Refused(format!("{reason}: {words}")))
}

/// The question is the `CONNECT`.
pub async fn await_question<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    let mut packets = Bounded::new(stream);
    match read(&mut packets).await? {
        (0x10, content) if content.starts_with(b"\0\x04MQTT\x04") => Ok(()),
        // MQTT 3.1, whose answer is the same.
        (0x10, content) if content.starts_with(b"\0\x06MQIsdp\x03") => Ok(()),
        (0x10, _) => {
            packets.say(UNACCEPTABLE_VERSION).await?;
            Err(strange("the client does not speak MQTT 3.1.1"))
        }
        _ => Err(strange("the client does not begin with a CONNECT")),
    }
}

pub async fn answer<S: AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    say(stream, ACCEPTED).await
}

/// Takes what is published and tells it to nobody.
pub async fn attend<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    let mut packets = Bounded::new(stream);
    loop {
        let (first, content) = read(&mut packets).await?;
        let reply = match (first >> 4, first >> 1 & 3) {
            // PUBLISH, at most once.
            (3, 0) => continue,
            // PUBLISH, at least or exactly once: PUBACK or PUBREC.
            (3, quality) => {
                let [high, low] = identifier_after_topic(&content)?;
                [if quality == 1 { 0x40 } else { 0x50 }, 2, high, low].to_vec()
            }
            // PUBREL: PUBCOMP.
            (6, _) => {
                let [high, low] = identifier(&content)?;
                vec![0x70, 2, high, low]
            }
            // SUBSCRIBE: SUBACK, for the one topic that a simple client has.
            (8, _) => {
                let [high, low] = identifier(&content)?;
                vec![0x90, 3, high, low, 0]
            }
            // UNSUBSCRIBE: UNSUBACK.
            (10, _) => {
                let [high, low] = identifier(&content)?;
                vec![0xb0, 2, high, low]
            }
            // PINGREQ: PINGRESP.
            (12, _) => vec![0xd0, 0],
            (14, _) => return Ok(()),
            _ => return Err(strange("a packet that clients do not send")),
        };
        packets.say(&reply).await?;
    }
}

fn identifier(content: &[u8]) -> io::Result<[u8; 2]> {
    let identifier = content.first_chunk().copied();
    identifier.ok_or_else(|| strange("a packet without its identifier"))
}

fn identifier_after_topic(content: &[u8]) -> io::Result<[u8; 2]> {
    let topic = usize::from(u16::from_be_bytes(identifier(content)?));
    identifier(content.get(2 + topic..).unwrap_or_default())
}

/// A packet's first octet and what follows its length, which is written seven bits at a time.
async fn read<S: AsyncRead + Unpin>(packets: &mut Bounded<'_, S>) -> io::Result<(u8, Vec<u8>)> {
    let first = packets.octet().await?;
    let mut length = 0;
    for place in 0..4 {
        let octet = packets.octet().await?;
        length |= usize::from(octet & 0x7f) << (7 * place);
        if octet & 0x80 == 0 {
            return Ok((first, packets.octets(length).await?));
        }
    }
    Err(strange("a length has no more than four octets"))
}
