//! AMQP 0-9-1, for RabbitMQ: it begins a session with whoever it lets in, and asks for a name later.
//!
//! <https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf>, sections 2.2.4 and 4.2.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

use super::Answer;
use super::bounded::{Bounded, say, strange};

const HEADER: &[u8; 8] = b"AMQP\0\0\x09\x01";
const METHOD: u8 = 1;
const FRAME_END: u8 = 0xce;

/// A class and a method of it.
type Method = [u8; 4];

const CONNECTION_START: Method = [0, 10, 0, 10];
const CONNECTION_START_OK: Method = [0, 10, 0, 11];
const CONNECTION_TUNE: Method = [0, 10, 0, 30];
const CONNECTION_OPEN: Method = [0, 10, 0, 40];
const CONNECTION_OPEN_OK: Method = [0, 10, 0, 41];
const CONNECTION_CLOSE: Method = [0, 10, 0, 50];
const CONNECTION_CLOSE_OK: Method = [0, 10, 0, 51];
const CHANNEL_OPEN: Method = [0, 20, 0, 10];
const CHANNEL_OPEN_OK: Method = [0, 20, 0, 11];
const CHANNEL_CLOSE: Method = [0, 20, 0, 40];
const CHANNEL_CLOSE_OK: Method = [0, 20, 0, 41];

pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<Answer> {
    say(stream, HEADER).await?;
    let mut frames = Bounded::new(stream);
    let first: [u8; 7] = frames.array().await?;
    if let [b'A', b'M', b'Q', b'P', _, major, minor] = first {
        let revision = frames.octet().await?;
        let words = format!("the server wants version {major}-{minor}-{revision}");
        return Ok(Answer::Refused(words));
    }
    match rest(&mut frames, first).await? {
        (_, Some((CONNECTION_START, _))) => Ok(Answer::Accepted),
        (_, Some((CONNECTION_CLOSE, reason))) => Ok(Answer::Refused(words_of_close(&reason))),
        _ => Err(strange("the answer is no Connection.Start")),
    }
}

/// The question is the protocol header.
pub async fn await_question<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    let mut header = Bounded::new(stream);
    if header.array().await? == *HEADER {
        return Ok(());
    }
    // The header of what is spoken here, which is what the specification wants said.
    header.say(HEADER).await?;
    Err(strange("the client does not speak AMQP 0-9-1"))
}

pub async fn answer<S: AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    let no_properties = [0; 4];
    let version = [0, 9];
    let mechanisms = b"\0\0\0\x0ePLAIN EXTERNAL";
    let locales = b"\0\0\0\x05en_US";
    let start = [&version[..], &no_properties, mechanisms, locales].concat();
    say(stream, &frame([0, 0], CONNECTION_START, &start)).await
}

/// Lets anybody log in and open channels, and does nothing in them.
pub async fn attend<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    let mut frames = Bounded::new(stream);
    loop {
        let start = frames.array().await?;
        let (channel, Some((method, _))) = rest(&mut frames, start).await? else {
            continue;
        };
        let reply = match method {
            CONNECTION_START_OK => {
                let channels_frame_heartbeat = [0, 8, 0, 0, 0x40, 0, 0, 0];
                frame(channel, CONNECTION_TUNE, &channels_frame_heartbeat)
            }
            CONNECTION_OPEN => frame(channel, CONNECTION_OPEN_OK, &[0]),
            CONNECTION_CLOSE => {
                let reply = frame(channel, CONNECTION_CLOSE_OK, &[]);
                return frames.say(&reply).await;
            }
            CHANNEL_OPEN => frame(channel, CHANNEL_OPEN_OK, &[0; 4]),
            CHANNEL_CLOSE => frame(channel, CHANNEL_CLOSE_OK, &[]),
            _ => continue,
        };
        frames.say(&reply).await?;
    }
}

fn frame(channel: [u8; 2], method: Method, arguments: &[u8]) -> Vec<u8> {
    let length = u32::try_from(arguments.len() + 4).unwrap_or(u32::MAX);
    let length = length.to_be_bytes();
    let end = [FRAME_END];
    [&[METHOD], &channel[..], &length, &method, arguments, &end].concat()
}

/// The rest of the frame that starts like this: its channel and, unless it is of another kind, its
/// method with the arguments.
async fn rest<S: AsyncRead + Unpin>(
    frames: &mut Bounded<'_, S>,
    [kind, channel_0, channel_1, length @ ..]: [u8; 7],
) -> io::Result<([u8; 2], Option<(Method, Vec<u8>)>)> {
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    let content = frames.octets(length).await?;
    if frames.octet().await? != FRAME_END {
        return Err(strange("a frame of AMQP does not end as they do"));
    }
    let method = content.split_first_chunk();
    let method = method.filter(|_| kind == METHOD);
    let method = method.map(|(method, arguments)| (*method, arguments.to_vec()));
    Ok(([channel_0, channel_1], method))
}

/// `403: ACCESS_REFUSED`: a code, and a text with its length in front.
fn words_of_close(reason: &[u8]) -> String {
    let (code, text) = reason.split_first_chunk().unwrap_or((&[0, 0], &[]));
    let text = text
        .split_first()
        .and_then(|(length, text)| text.get(..usize::from(*length)));
    let text = String::from_utf8_lossy(text.unwrap_or_default());
    format!("{}: {text}", u16::from_be_bytes(*code))
}
