//! HTTP/1.1, for web servers, proxies and whatever terminates TLS in front of one.
//!
//! RFC 9112: messages; section 6 says how long a body is.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

use super::Answer;
use super::bounded::{Bounded, say, strange};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Content-Type: text/plain\r\n\
    Content-Length: 9\r\n\
    Connection: close\r\n\
    \r\n\
    a friend\n";

/// Asks for `/` and wants nothing more. Once the status is there, how the body ends proves nothing more:
/// servers leave out the good-bye of TLS, and pages may be longer than what is read.
pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    host: &str,
) -> io::Result<Answer> {
    request(stream, host, "close").await?;
    let mut response = Bounded::new(stream);
    let (status, body) = final_head(&mut response).await?;
    let _ = read_body(&mut response, status, body).await;
    Ok(Answer::Status(status))
}

/// Asks for `/`, and leaves the connection as it must be for the next request (RFC 9112 section 9.3): the
/// answer is read to its last octet.
pub async fn ask_and_stay<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    host: &str,
) -> io::Result<Answer> {
    request(stream, host, "keep-alive").await?;
    let mut response = Bounded::new(stream);
    let (status, body) = final_head(&mut response).await?;
    read_body(&mut response, status, body).await?;
    Ok(Answer::Status(status))
}

async fn request<S: AsyncWrite + Unpin>(
    stream: &mut S,
    host: &str,
    connection: &str,
) -> io::Result<()> {
    let request = format!(
        "GET / HTTP/1.1\r\n\
         Host: {host}\r\n\
         User-Agent: mtls-gauntlet\r\n\
         Accept: */*\r\n\
         Connection: {connection}\r\n\
         \r\n"
    );
    say(stream, request.as_bytes()).await
}

/// The head of the response: an interim one announces the real one.
async fn final_head<S: AsyncRead + Unpin>(
    response: &mut Bounded<'_, S>,
) -> io::Result<(u16, Body)> {
    loop {
        let (status, body) = head(response).await?;
        if !(100..200).contains(&status) || status == 101 {
            return Ok((status, body));
        }
    }
}

pub async fn await_question<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<()> {
    let mut request = Bounded::new(stream);
    let first = request.line().await?;
    if !first.contains(" HTTP/1.") {
        return Err(strange("this is no request of HTTP/1.1"));
    }
    while !request.line().await?.is_empty() {}
    Ok(())
}

pub async fn answer<S: AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    say(stream, ANSWER).await
}

/// What the head says of the length of the body.
enum Body {
    Octets(usize),
    Chunks,
    UntilClosed,
}

async fn head<S: AsyncRead + Unpin>(response: &mut Bounded<'_, S>) -> io::Result<(u16, Body)> {
    // Read to its length first: a server that speaks something else may never end its line.
    if response.array().await? != *b"HTTP/1." {
        return Err(strange("the answer is not of HTTP/1.1"));
    }
    let line = response.line().await?;
    let status = line
        .split(' ')
        .nth(1)
        .filter(|digits| digits.len() == 3)
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| strange("the answer has no HTTP status"))?;
    let mut body = Body::UntilClosed;
    loop {
        let line = response.line().await?;
        if line.is_empty() {
            return Ok((status, body));
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.trim().to_ascii_lowercase();
        if name.eq_ignore_ascii_case("transfer-encoding") && value.ends_with("chunked") {
            body = Body::Chunks;
        } else if name.eq_ignore_ascii_case("content-length") && !matches!(body, Body::Chunks) {
            let octets = value.parse();
            body = Body::Octets(octets.map_err(|_| strange("the answer has no length"))?);
        }
    }
}

async fn read_body<S: AsyncRead + Unpin>(
    response: &mut Bounded<'_, S>,
    status: u16,
    body: Body,
) -> io::Result<()> {
    match body {
        _ if matches!(status, 101 | 204 | 304) => {}
        Body::Octets(octets) => drop(response.octets(octets).await?),
        Body::Chunks => loop {
            let line = response.line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            match usize::from_str_radix(size, 16) {
                Ok(0) => {
                    while !response.line().await?.is_empty() {}
                    break;
                }
                Ok(octets) => drop(response.octets(octets).await?),
                Err(_) => return Err(strange("a chunk has no length")),
            }
            response.line().await?;
        },
        Body::UntilClosed => loop {
            response.octet().await?;
        },
    }
    Ok(())
}
