//! The application protocols: each client against its own server, the octets that others know them
//! by, refusals, and whatever a stranger may send.

use std::io::{self, ErrorKind};

use mtls_gauntlet::net::protocol::{Answer, Opening, Protocol};
use tokio::io::{AsyncRead, AsyncWrite, Join, duplex, join};

#[path = "protocol/by_chance.rs"]
mod by_chance;
#[path = "protocol/clients.rs"]
mod clients;
#[path = "protocol/servers.rs"]
mod servers;

const HOST: &str = "target.gauntlet.test";

/// One who says what is written down, hears everything, and then is gone.
type Scripted<'a> = Join<&'a [u8], Vec<u8>>;

fn scripted(script: &[u8]) -> Scripted<'_> {
    join(script, Vec::new())
}

/// What has been said to it.
fn said(scripted: Scripted<'_>) -> Vec<u8> {
    scripted.into_inner().1
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    protocol: Protocol,
    stream: &mut S,
) -> io::Result<()> {
    protocol.welcome(stream).await?;
    protocol.await_question(stream).await?;
    protocol.answer(stream).await
}

/// The steps of a client, of which any may fail.
async fn meet<S: AsyncRead + AsyncWrite + Unpin>(
    protocol: Protocol,
    stream: &mut S,
) -> io::Result<Answer> {
    let opening = protocol.open(stream).await?;
    protocol.ask(stream, opening, HOST).await
}

/// All that our client and our server say to each other: what either has said is played to the other
/// again and again, until neither has more to say.
async fn transcript(protocol: Protocol) -> (Vec<u8>, Vec<u8>) {
    let mut asked = Vec::new();
    let mut answered = Vec::new();
    loop {
        let mut client = scripted(&asked);
        if serve(protocol, &mut client).await.is_ok() {
            let _ = protocol.attend(&mut client).await;
        }
        let now_answered = said(client);
        let mut server = scripted(&now_answered);
        let _ = meet(protocol, &mut server).await;
        let now_asked = said(server);
        if (&now_asked, &now_answered) == (&asked, &answered) {
            return (asked, answered);
        }
        (asked, answered) = (now_asked, now_answered);
    }
}

#[tokio::test]
async fn every_client_is_answered_by_its_own_server() {
    for protocol in Protocol::ALL {
        let (mut near, mut far) = duplex(1 << 16);
        let client = async {
            let answer = meet(protocol, &mut near).await;
            drop(near);
            answer
        };
        let server = async {
            serve(protocol, &mut far).await?;
            // A client that has closed has said good-bye as well.
            match protocol.attend(&mut far).await {
                Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(error),
                _ => Ok(()),
            }
        };
        let (answer, served) = tokio::join!(client, server);
        let expected = match protocol {
            Protocol::Http => Answer::Status(200),
            _ => Answer::Accepted,
        };
        assert_eq!(answer.unwrap(), expected, "{protocol:?}");
        served.unwrap_or_else(|error| panic!("{protocol:?}: {error}"));
    }
}

#[tokio::test]
async fn whoever_begins_with_tls_or_stays_in_the_clear_can_be_asked() {
    for protocol in Protocol::ALL {
        // MySQL's server speaks first, and only its prelude says with which words.
        if protocol == Protocol::Mysql {
            continue;
        }
        let (mut near, mut far) = duplex(1 << 16);
        let (answer, served) =
            tokio::join!(protocol.ask(&mut near, Opening::default(), HOST), async {
                protocol.await_question(&mut far).await?;
                protocol.answer(&mut far).await
            });
        served.unwrap();
        answer.unwrap().accepted().unwrap();
    }
}

#[tokio::test]
async fn one_protocol_is_strange_to_another() {
    for protocol in Protocol::ALL {
        let (_, heard) = transcript(protocol).await;
        for other in Protocol::ALL {
            if protocol == other {
                continue;
            }
            let answer = other
                .ask(&mut scripted(&heard), Opening::default(), HOST)
                .await;
            match answer {
                Ok(Answer::Strange(words)) => assert!(!words.is_empty()),
                // Too short a script for a line, a header or a frame.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {}
                answer => panic!("{other:?} took {protocol:?} for its own: {answer:?}"),
            }
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_short_is_none() {
    for protocol in Protocol::ALL {
        let (said, heard) = transcript(protocol).await;
        // What follows the head of an HTTP response does not matter, nor what follows an answer.
        let needed = match protocol {
            Protocol::Http => heard.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4,
            _ => heard.len(),
        };
        for length in 0..needed {
            let met = meet(protocol, &mut scripted(&heard[..length])).await;
            let error = met.expect_err("part of an answer is none");
            assert_eq!(
                error.kind(),
                ErrorKind::UnexpectedEof,
                "{protocol:?} {length}"
            );
        }
        let all = meet(protocol, &mut scripted(&heard)).await;
        assert!(all.unwrap().accepted().is_ok(), "{protocol:?}");
        // The same for the other direction: no question, no answer.
        let mut answered = 0;
        for length in 0..=said.len() {
            match serve(protocol, &mut scripted(&said[..length])).await {
                Ok(()) => answered += 1,
                Err(error) => {
                    assert_eq!(
                        error.kind(),
                        ErrorKind::UnexpectedEof,
                        "{protocol:?} {length}"
                    );
                    assert_eq!(answered, 0, "{protocol:?} {length}");
                }
            }
        }
        assert!(answered > 0, "{protocol:?}");
    }
}

#[tokio::test]
async fn only_friends_are_accepted() {
    assert!(Answer::Accepted.accepted().is_ok());
    assert!(Answer::Status(200).accepted().is_ok());
    for (answer, words) in [
        (
            Answer::Status(400),
            "the other side answered with HTTP status 400",
        ),
        (Answer::Refused("not you".into()), "not you"),
        (Answer::Strange("what?".into()), "what?"),
    ] {
        let error = answer.accepted().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert_eq!(error.to_string(), words);
    }
}

#[test]
fn names_are_those_that_descriptors_use() {
    let names = Protocol::ALL.map(|protocol| serde_json::to_value(protocol).unwrap());
    assert_eq!(
        names,
        [
            "line", "http", "redis", "postgres", "mysql", "mqtt", "nats", "amqp"
        ]
    );
    for (name, protocol) in names.into_iter().zip(Protocol::ALL) {
        assert_eq!(serde_json::from_value::<Protocol>(name).unwrap(), protocol);
    }
    assert_eq!(Protocol::default(), Protocol::Line);
    let all = <Protocol as clap::ValueEnum>::value_variants();
    assert_eq!(all, Protocol::ALL, "ALL has them all");
}
