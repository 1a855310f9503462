//! The round trip of application data that alone proves acceptance, in the protocols that targets speak.
//!
//! In TLS 1.3 a client finishes before the server has judged its certificate, so a completed
//! handshake proves nothing. A question and its answer do: the client asks, the server answers. A
//! library or a tunnel is asked in a line of our own; a service only answers in its own protocol.
//!
//! Everything that the other side sends is bounded ([`LONGEST`]), and none of it is trusted.

use std::io;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

pub use bounded::LONGEST;

mod amqp;
mod bounded;
pub mod forwarded;
pub mod health;
mod http;
mod line;
mod mqtt;
mod mysql;
mod nats;
mod postgres;
mod redis;

/// What is spoken inside TLS, and with some before it.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    Deserialize,
    Eq,
    Hash,
    JsonSchema,
    PartialEq,
    Serialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// A line each way: `who goes there?`, `a friend`.
    #[default]
    Line,
    /// HTTP/1.1: `GET /`.
    Http,
    /// The protocol of Redis: `PING`.
    Redis,
    /// The protocol of PostgreSQL, TLS being asked for first: a session is started.
    Postgres,
    /// The protocol of MySQL and MariaDB, TLS being asked for first: a session is started.
    Mysql,
    /// MQTT 3.1.1: `CONNECT`.
    Mqtt,
    /// The protocol of NATS, the server speaking before TLS: `CONNECT` and `PING`.
    Nats,
    /// AMQP 0-9-1: the protocol header.
    Amqp,
}

/// What a target answered to the question.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// It answered as it answers friends.
    Accepted,
    /// The status of an HTTP response: what it means depends on the target.
    Status(u16),
    /// An error of the application protocol, in the server's words.
    Refused(String),
    /// Nothing of this protocol: what was wrong with it.
    Strange(String),
}

impl Answer {
    /// For those who have to do with nothing but acceptance; with HTTP that is status 200.
    ///
    /// # Errors
    /// `InvalidData` with the words of any other answer.
    pub fn accepted(self) -> io::Result<()> {
        let words = match self {
            Self::Accepted | Self::Status(200) => return Ok(()),
            Self::Status(status) => format!("the other side answered with HTTP status {status}"),
            Self::Refused(words) | Self::Strange(words) => words,
        };
        Err(io::Error::new(io::ErrorKind::InvalidData, words))
    }
}

/// What a client remembers of the prelude until it asks. The default is that of a client that had
/// none: whoever asks in the clear, or of a server that begins with TLS.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opening {
    mysql: Option<mysql::Greeting>,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Line,
        Self::Http,
        Self::Redis,
        Self::Postgres,
        Self::Mysql,
        Self::Mqtt,
        Self::Nats,
        Self::Amqp,
    ];

    /// Does the client say the first word on the wire?
    pub fn client_speaks_first(self) -> bool {
        !matches!(self, Self::Mysql | Self::Nats)
    }

    /// As a client: what goes over the wire before TLS begins.
    ///
    /// # Errors
    /// What the connection says; `UnexpectedEof` when it closes half-way; `InvalidData` with words
    /// when the server speaks something else or offers no TLS.
    pub async fn open<S: AsyncRead + AsyncWrite + Unpin>(
        self,
        stream: &mut S,
    ) -> io::Result<Opening> {
        let mut opening = Opening::default();
        match self {
            Self::Line | Self::Http | Self::Redis | Self::Mqtt | Self::Amqp => {}
            Self::Postgres => postgres::open(stream).await?,
            Self::Mysql => opening.mysql = Some(mysql::open(stream).await?),
            Self::Nats => nats::open(stream).await?,
        }
        Ok(opening)
    }

    /// As a client: asks, and reads the answer to its end. `host` is whom HTTP asks for.
    ///
    /// # Errors
    /// What the connection says; `UnexpectedEof` when it closes without an answer.
    pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
        self,
        stream: &mut S,
        opening: Opening,
        host: &str,
    ) -> io::Result<Answer> {
        let answer = match self {
            Self::Line => line::ask(stream).await,
            Self::Http => http::ask(stream, host).await,
            Self::Redis => redis::ask(stream).await,
            Self::Postgres => postgres::ask(stream).await,
            Self::Mysql => mysql::ask(stream, opening.mysql).await,
            Self::Mqtt => mqtt::ask(stream).await,
            Self::Nats => nats::ask(stream).await,
            Self::Amqp => amqp::ask(stream).await,
        };
        answer.or_else(|error| bounded::words_of_strangers(error).map(Answer::Strange))
    }

    /// As a client that means to ask again over the same connection: the same, where the protocol has a way
    /// to say so.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn ask_and_stay<S: AsyncRead + AsyncWrite + Unpin>(
        self,
        stream: &mut S,
        opening: Opening,
        host: &str,
    ) -> io::Result<Answer> {
        match self {
            Self::Http => http::ask_and_stay(stream, host)
                .await
                .or_else(|error| bounded::words_of_strangers(error).map(Answer::Strange)),
            _ => self.ask(stream, opening, host).await,
        }
    }

    /// Can a client ask several times over one connection? With the others a question opens a session.
    pub fn asks_again(self) -> bool {
        matches!(self, Self::Line | Self::Http | Self::Redis)
    }

    /// May a server close a connection that nobody has asked anything for a while, without anything being
    /// wrong? A client then asks again over a new one (RFC 9112 section 9.3.1).
    pub fn lets_go_of_idlers(self) -> bool {
        self == Self::Http
    }

    /// As a server: what goes over the wire before TLS begins.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn welcome<S: AsyncRead + AsyncWrite + Unpin>(
        self,
        stream: &mut S,
    ) -> io::Result<()> {
        match self {
            Self::Line | Self::Http | Self::Redis | Self::Mqtt | Self::Amqp => Ok(()),
            Self::Postgres => postgres::welcome(stream).await,
            Self::Mysql => mysql::welcome(stream).await,
            Self::Nats => nats::welcome(stream).await,
        }
    }

    /// As a server: waits for the question, and answers what clients say ahead of it.
    ///
    /// # Errors
    /// What the connection says; `UnexpectedEof` when it closes without a question, `InvalidData` when
    /// something else comes.
    pub async fn await_question<S: AsyncRead + AsyncWrite + Unpin>(
        self,
        stream: &mut S,
    ) -> io::Result<()> {
        match self {
            Self::Line => line::await_question(stream).await,
            Self::Http => http::await_question(stream).await,
            Self::Redis => redis::await_question(stream).await,
            Self::Postgres => postgres::await_question(stream).await,
            Self::Mysql => mysql::await_question(stream).await,
            Self::Mqtt => mqtt::await_question(stream).await,
            Self::Nats => nats::await_question(stream).await,
            Self::Amqp => amqp::await_question(stream).await,
        }
    }

    /// As a server: answers. A real client may want more: see [`attend`](Self::attend).
    ///
    /// # Errors
    /// What the connection says.
    pub async fn answer<S: AsyncWrite + Unpin>(self, stream: &mut S) -> io::Result<()> {
        match self {
            Self::Line => line::answer(stream).await,
            Self::Http => http::answer(stream).await,
            Self::Redis => redis::answer(stream).await,
            Self::Postgres => postgres::answer(stream).await,
            Self::Mysql => mysql::answer(stream).await,
            Self::Mqtt => mqtt::answer(stream).await,
            Self::Nats => nats::answer(stream).await,
            Self::Amqp => amqp::answer(stream).await,
        }
    }

    /// As a server that has answered: gives a real client what it asks for next (a query, a message to
    /// be published), until it says good-bye or has said too much. It proves nothing more, and a client
    /// that keeps its connections never leaves: bound it in time, and expect no particular end.
    ///
    /// # Errors
    /// What the connection says; `UnexpectedEof` when it closes, which is a good-bye too.
    pub async fn attend<S: AsyncRead + AsyncWrite + Unpin>(self, stream: &mut S) -> io::Result<()> {
        match self {
            // These have nothing more to ask: whatever comes is a good-bye.
            Self::Line | Self::Http => stream.read(&mut [0]).await.map(drop),
            Self::Redis => redis::attend(stream).await,
            Self::Postgres => postgres::attend(stream).await,
            Self::Mysql => mysql::attend(stream).await,
            Self::Mqtt => mqtt::attend(stream).await,
            Self::Nats => nats::attend(stream).await,
            Self::Amqp => amqp::attend(stream).await,
        }
    }
}
