//! What our servers say to the clients that people really use: what comes ahead of the question, and
//! what is asked after it.

use super::*;

/// As a server, with `script` for a client: how it ended, and what the server said once it had been
/// welcomed.
async fn attend(protocol: Protocol, script: &[u8]) -> (io::Result<()>, Vec<u8>) {
    let mut client = scripted(script);
    let end = async {
        protocol.await_question(&mut client).await?;
        protocol.answer(&mut client).await?;
        protocol.attend(&mut client).await
    };
    let end = end.await;
    (end, said(client))
}

/// The error of a server that is asked this.
async fn objection(protocol: Protocol, script: &[u8]) -> String {
    let end = serve(protocol, &mut scripted(script)).await;
    let error = end.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{protocol:?}");
    error.to_string()
}

#[tokio::test]
async fn line_and_http() {
    let (end, said) = attend(Protocol::Line, b"who goes there?\n").await;
    end.unwrap();
    assert_eq!(said, b"a friend\n");

    let request = b"POST /a/b?c HTTP/1.0\r\nHost: x\r\nAccept: */*\r\n\r\n";
    let (end, said) = attend(Protocol::Http, request).await;
    end.unwrap();
    let said = String::from_utf8(said).unwrap();
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(said.contains("\r\nContent-Length: 9\r\n"));
    assert!(said.ends_with("\r\n\r\na friend\n"));

    assert_eq!(
        objection(Protocol::Http, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await,
        "this is no request of HTTP/1.1"
    );
}

#[tokio::test]
async fn redis() {
    let script = b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n\
        *4\r\n$6\r\nclient\r\n$7\r\nSETINFO\r\n$8\r\nlib-name\r\n$2\r\nx\r\n\r\n\
        COMMAND DOCS\r\nnonsense\r\n\
        *1\r\n$4\r\nping\r\n\
        PING\r\nquit\r\nPING\r\n";
    let mut client = scripted(script);
    Protocol::Redis.await_question(&mut client).await.unwrap();
    Protocol::Redis.answer(&mut client).await.unwrap();
    Protocol::Redis.attend(&mut client).await.unwrap();
    let (rest, said) = client.into_inner();
    assert_eq!(
        String::from_utf8(said).unwrap(),
        "-NOPROTO unsupported protocol version\r\n+OK\r\n-ERR unknown command\r\n*0\r\n\
         -ERR unknown command\r\n+PONG\r\n+PONG\r\n+OK\r\n"
    );
    assert_eq!(rest, b"PING\r\n", "after QUIT nobody listens");

    for script in [
        &b"*1\r\n+PING\r\n"[..],
        b"*x\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n$70000\r\n",
    ] {
        objection(Protocol::Redis, script).await;
    }
}

/// A message of a PostgreSQL session.
fn message(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len() + 4).unwrap();
    [&[kind, 0, 0, 0, length], content].concat()
}

/// The types of the messages in `said`.
fn kinds(mut said: &[u8]) -> String {
    let mut kinds = String::new();
    while let [kind, a, b, c, d, ..] = said {
        kinds.push(char::from(*kind));
        let length = u32::from_be_bytes([*a, *b, *c, *d]);
        said = &said[1 + usize::try_from(length).unwrap()..];
    }
    assert!(said.is_empty());
    kinds
}

const GSS: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x30";
const SSL: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x2f";
const CANCEL: &[u8] = b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x01\0\0\0\x02";
const START: &[u8] = b"\0\0\0\x16\0\x03\0\0user\0mallory\0\0";

#[tokio::test]
async fn postgres() {
    let script = [GSS, SSL, b"tls"].concat();
    let mut client = scripted(&script);
    Protocol::Postgres.welcome(&mut client).await.unwrap();
    let (rest, said) = client.into_inner();
    assert_eq!((rest, &said[..]), (&b"tls"[..], &b"NS"[..]));

    let (_, session) = attend(Protocol::Postgres, START).await;
    assert_eq!(kinds(&session), "RSSSSSSKZ");
    assert!(session.starts_with(b"R\0\0\0\x08\0\0\0\0"));
    assert!(session.ends_with(b"Z\0\0\0\x05I"));

    let simple = [message(b'Q', b"select 1\0"), message(b'Q', b" ;\0")].concat();
    let extended = [
        message(b'P', b"\0select 1\0\0\0"),
        message(b'D', b"S\0"),
        message(b'B', b"\0\0\0\0\0\0\0\0"),
        message(b'D', b"P\0"),
        message(b'E', b"\0\0\0\0\0"),
        message(b'C', b"P\0"),
        message(b'H', b""),
        message(b'S', b""),
        message(b'X', b""),
    ]
    .concat();
    let (end, said) = attend(Protocol::Postgres, &[START, &simple, &extended].concat()).await;
    end.unwrap();
    assert_eq!(kinds(&said[session.len()..]), "TDCZIZ1tT2TDC3Z");
    assert!(said.windows(8).any(|words| words == b"a friend"));

    // In the clear, to a server that has no TLS.
    let (_, said) = attend(Protocol::Postgres, &[SSL, START].concat()).await;
    assert_eq!(kinds(said.strip_prefix(b"N").unwrap()), "RSSSSSSKZ");

    for (script, words) in [
        (START, "the client does not ask for TLS"),
        (CANCEL, "the client does not ask for TLS"),
        (
            &[SSL, CANCEL].concat(),
            "the client does not start a session",
        ),
        (b"\0\0\0\x04", "a message without content"),
        (b"\0\0\0\x03", "a message is shorter than its length"),
    ] {
        assert_eq!(objection(Protocol::Postgres, script).await, words);
    }
}

#[tokio::test]
async fn mysql() {
    // The greeting is what others make of it; ours is read back by our client elsewhere.
    let capabilities = b"\x85\xa6\xff\x19\0\0\0\x01\x2d";
    let request = [
        &b"\x20\0\0\x01"[..],
        &[0x85, 0xae],
        &capabilities[2..],
        &[0; 23],
    ]
    .concat();
    let login = [
        &b"\x2a\0\0\x02"[..],
        &[0x85, 0xae],
        &capabilities[2..],
        &[0; 23],
        b"mallory\0\0\0",
    ]
    .concat();
    let mut client = scripted(&request);
    Protocol::Mysql.welcome(&mut client).await.unwrap();
    let greeting = said(client);
    assert_eq!(usize::from(greeting[0]), greeting.len() - 4);
    assert!(greeting[4..].starts_with(b"\x0a8.0.0-mtls-gauntlet\0"));
    assert!(greeting.ends_with(b"\0mysql_native_password\0"));

    let ping_and_quit = b"\x01\0\0\0\x0e\x01\0\0\0\x01";
    let (end, said) = attend(Protocol::Mysql, &[&login, &ping_and_quit[..]].concat()).await;
    end.unwrap();
    let ok = b"\0\0\0\x02\0\0\0";
    let expected = [&b"\x07\0\0\x03"[..], ok, b"\x07\0\0\x01", ok];
    assert_eq!(said, expected.concat());

    // Who logs in at once has not asked for TLS.
    let hasty = [&b"\x2a\0\0\x01\x85\xa6"[..], &login[6..]].concat();
    assert_eq!(
        objection(Protocol::Mysql, &hasty).await,
        "the client does not ask for TLS"
    );
    assert_eq!(
        objection(Protocol::Mysql, &[&request[..], b"\x01\0\0\x02?"].concat()).await,
        "the client does not log in"
    );
}

#[tokio::test]
async fn mqtt() {
    let connect = b"\x10\x12\0\x04MQTT\x04\x02\0\x3c\0\x06mallet";
    let session = [
        &connect[..],
        b"\x30\x05\0\x01tno",         // PUBLISH, at most once
        b"\x32\x07\0\x01t\x12\x34hi", // at least once
        b"\x34\x07\0\x01t\x12\x35hi", // exactly once
        b"\x62\x02\x12\x35",          // PUBREL
        b"\x82\x06\0\x07\0\x01t\0",   // SUBSCRIBE
        b"\xa2\x05\0\x08\0\x01t",     // UNSUBSCRIBE
        b"\xc0\0",                    // PINGREQ
        b"\xe0\0",                    // DISCONNECT
    ]
    .concat();
    let (end, said) = attend(Protocol::Mqtt, &session).await;
    end.unwrap();
    let expected = [
        &b"\x20\x02\0\0"[..],
        b"\x40\x02\x12\x34",
        b"\x50\x02\x12\x35",
        b"\x70\x02\x12\x35",
        b"\x90\x03\0\x07\0",
        b"\xb0\x02\0\x08",
        b"\xd0\0",
    ];
    assert_eq!(said, expected.concat());

    let (end, said) = attend(
        Protocol::Mqtt,
        b"\x10\x10\0\x06MQIsdp\x03\x02\0\x3c\0\x02ab\xe0\0",
    )
    .await;
    end.unwrap();
    assert_eq!(said, b"\x20\x02\0\0");

    let (end, said) = attend(Protocol::Mqtt, b"\x10\x0d\0\x04MQTT\x05\x02\0\x3c\0\0\0").await;
    assert_eq!(
        end.unwrap_err().to_string(),
        "the client does not speak MQTT 3.1.1"
    );
    assert_eq!(said, b"\x20\x02\0\x01");

    objection(Protocol::Mqtt, b"\xc0\0").await;
    for broken in [
        &b"\x32\x01\0"[..],
        b"\x32\x04\xff\xff\0\x01",
        b"\x82\0",
        b"\x20\x02\0\0",
    ] {
        let (end, _) = attend(Protocol::Mqtt, &[connect, broken].concat()).await;
        assert_eq!(
            end.unwrap_err().kind(),
            ErrorKind::InvalidData,
            "{broken:?}"
        );
    }
}

#[tokio::test]
async fn nats() {
    let mut client = scripted(b"");
    Protocol::Nats.welcome(&mut client).await.unwrap();
    let info = String::from_utf8(said(client)).unwrap();
    let info = info
        .strip_prefix("INFO ")
        .unwrap()
        .strip_suffix("\r\n")
        .unwrap();
    let info: serde_json::Value = serde_json::from_str(info).unwrap();
    assert_eq!(info["tls_required"], true);

    let script =
        b"CONNECT {\"verbose\":true,\"lang\":\"go\"}\r\nPING\r\nPUB a 5\r\nhello\r\nPING\r\n";
    let (end, said) = attend(Protocol::Nats, script).await;
    assert_eq!(end.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(said, b"+OK\r\nPONG\r\nPONG\r\n");

    objection(Protocol::Nats, b"CONNECT verbosely\r\n").await;
    objection(Protocol::Nats, b"GET / HTTP/1.1\r\n").await;
}

/// A method frame of AMQP.
fn frame(channel: u8, method: [u8; 4], arguments: &[u8]) -> Vec<u8> {
    let length = u8::try_from(4 + arguments.len()).unwrap();
    [
        &[1, 0, channel, 0, 0, 0, length],
        &method[..],
        arguments,
        &[0xce],
    ]
    .concat()
}

#[tokio::test]
async fn amqp() {
    let session = [
        b"AMQP\0\0\x09\x01".to_vec(),
        frame(
            0,
            [0, 10, 0, 11],
            b"\0\0\0\0\x05PLAIN\0\0\0\x02\0\0\x05en_US",
        ),
        frame(0, [0, 10, 0, 31], &[0, 8, 0, 0, 0x40, 0, 0, 0]),
        frame(0, [0, 10, 0, 40], b"\x01/\0\0"),
        frame(1, [0, 20, 0, 10], &[0]),
        b"\x08\0\0\0\0\0\0\xce".to_vec(),
        frame(1, [0, 20, 0, 40], &[0; 7]),
        frame(0, [0, 10, 0, 50], &[0; 7]),
    ]
    .concat();
    let (end, said) = attend(Protocol::Amqp, &session).await;
    end.unwrap();
    let start = [
        &b"\0\x09\0\0\0\0\0\0\0\x0ePLAIN EXTERNAL"[..],
        b"\0\0\0\x05en_US",
    ];
    let expected = [
        frame(0, [0, 10, 0, 10], &start.concat()),
        frame(0, [0, 10, 0, 30], &[0, 8, 0, 0, 0x40, 0, 0, 0]),
        frame(0, [0, 10, 0, 41], &[0]),
        frame(1, [0, 20, 0, 11], &[0; 4]),
        frame(1, [0, 20, 0, 41], &[]),
        frame(0, [0, 10, 0, 51], &[]),
    ];
    assert_eq!(said, expected.concat());

    let (end, said) = attend(Protocol::Amqp, b"AMQP\0\x01\0\0").await;
    assert_eq!(end.unwrap_err().kind(), ErrorKind::InvalidData);
    assert_eq!(said, b"AMQP\0\0\x09\x01", "it says what it speaks");
}
