//! What our clients say, octet by octet, and what they make of the answers that real servers give.

use super::*;

/// As a client, with `script` for a server: the answer, and what the client said.
async fn ask(protocol: Protocol, script: &[u8]) -> (io::Result<Answer>, Vec<u8>) {
    let mut server = scripted(script);
    let answer = meet(protocol, &mut server).await;
    (answer, said(server))
}

async fn answer(protocol: Protocol, script: &[u8]) -> Answer {
    ask(protocol, script).await.0.unwrap()
}

fn refused(words: &str) -> Answer {
    Answer::Refused(words.into())
}

#[track_caller]
fn assert_strange(answer: &Answer) {
    assert!(matches!(answer, Answer::Strange(_)), "{answer:?}");
}

#[tokio::test]
async fn line() {
    let (answer_, said) = ask(Protocol::Line, b"a friend\n").await;
    assert_eq!(answer_.unwrap(), Answer::Accepted);
    assert_eq!(said, b"who goes there?\n");
    assert_strange(&answer(Protocol::Line, b"a fiend!\n").await);
}

#[tokio::test]
async fn http() {
    let (status, said) = ask(
        Protocol::Http,
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    )
    .await;
    assert_eq!(status.unwrap(), Answer::Status(200));
    assert_eq!(
        String::from_utf8(said).unwrap(),
        "GET / HTTP/1.1\r\nHost: target.gauntlet.test\r\nUser-Agent: mtls-gauntlet\r\n\
         Accept: */*\r\nConnection: close\r\n\r\n"
    );
    for (script, status) in [
        // openssl s_server -www, and servers that leave out the reason or the carriage returns
        (
            "HTTP/1.0 200 ok\r\nContent-type: text/html\r\n\r\n<html>",
            200,
        ),
        ("HTTP/1.1 400\r\n\r\n", 400),
        ("HTTP/1.1 403 Forbidden\nServer: x\n\nno", 403),
        (
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
            204,
        ),
        (
            "HTTP/1.1 502 Bad Gateway\r\nTransfer-Encoding: chunked\r\n\r\nzz",
            502,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
            200,
        ),
    ] {
        let answer = answer(Protocol::Http, script.as_bytes()).await;
        assert_eq!(answer, Answer::Status(status), "{script}");
    }
    for script in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 OK\r\n\r\n",
        "HTTP/1.1 99999 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
    ] {
        assert_strange(&answer(Protocol::Http, script.as_bytes()).await);
    }
}

#[tokio::test]
async fn an_http_body_is_read_to_its_end_and_no_further() {
    for body in [
        "Content-Length: 4\r\n\r\nbody",
        "content-length:4 \r\n\r\nbody",
        "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nbod\r\n1\r\ny\r\n0\r\nTrailer: x\r\n\r\n",
        "Transfer-Encoding: gzip, Chunked\r\nContent-Length: 1\r\n\r\n1\r\nb\r\n0\r\n\r\n",
    ] {
        let script = format!("HTTP/1.1 200 OK\r\n{body}");
        let further = format!("{script}further");
        let mut server = scripted(further.as_bytes());
        meet(Protocol::Http, &mut server).await.unwrap();
        assert_eq!(server.into_inner().0, b"further", "{script}");
    }
    let mut server = scripted(b"HTTP/1.1 200 OK\r\n\r\nuntil it closes");
    meet(Protocol::Http, &mut server).await.unwrap();
    assert_eq!(server.into_inner().0, b"");
}

#[tokio::test]
async fn redis() {
    let (accepted, said) = ask(Protocol::Redis, b"+PONG\r\n").await;
    assert_eq!(accepted.unwrap(), Answer::Accepted);
    assert_eq!(said, b"*1\r\n$4\r\nPING\r\n");
    assert_eq!(
        answer(Protocol::Redis, b"-NOAUTH Authentication required.\r\n").await,
        refused("NOAUTH Authentication required.")
    );
    assert_strange(&answer(Protocol::Redis, b"+OK\r\n").await);
    assert_strange(&answer(Protocol::Redis, b":1\r\n").await);
}

#[tokio::test]
async fn postgres() {
    let script = [
        &b"S"[..],
        b"R\0\0\0\x08\0\0\0\0",
        b"S\0\0\0\x15session\0defaults\0",
        b"K\0\0\0\x0c\0\0\0\x01\0\0\0\x02",
        b"Z\0\0\0\x05I",
    ]
    .concat();
    let (accepted, said) = ask(Protocol::Postgres, &script).await;
    assert_eq!(accepted.unwrap(), Answer::Accepted);
    let expected = [
        &b"\0\0\0\x08\x04\xd2\x16\x2f"[..],
        b"\0\0\0\x48\0\x03\0\0user\0postgres\0database\0postgres\0",
        b"application_name\0mtls-gauntlet\0\0",
        b"X\0\0\0\x04",
    ];
    assert_eq!(said, expected.concat());

    let no_certificate =
        b"SE\0\0\0\x4aSFATAL\0VFATAL\0C28000\0Mconnection requires a valid client certificate\0\0";
    assert_eq!(
        answer(Protocol::Postgres, no_certificate).await,
        refused("28000: connection requires a valid client certificate")
    );
    assert_eq!(
        answer(Protocol::Postgres, b"SR\0\0\0\x0c\0\0\0\x05salt").await,
        refused("the server wants authentication of type 5")
    );
    assert_strange(&answer(Protocol::Postgres, b"S+PONG\r\n").await);
    assert_strange(&answer(Protocol::Postgres, b"SR\0\0\0\x03").await);

    for (script, words) in [
        (&b"N"[..], "the server offers no TLS"),
        (
            b"E\0\0",
            "the server answered the request for TLS with an error",
        ),
        (b"H", "this is not the protocol of PostgreSQL"),
    ] {
        let error = ask(Protocol::Postgres, script).await.0.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert_eq!(error.to_string(), words);
    }
}

/// A packet of MySQL.
fn packet(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    [&[length, 0, 0, number], content].concat()
}

/// As a MariaDB server greets, with these lower capabilities.
fn greeting(capabilities: [u8; 2]) -> Vec<u8> {
    let content = [
        &b"\x0a5.5.5-10.11.19-MariaDB\0"[..],
        b"\x01\0\0\0saltsalt\0",
        &capabilities,
        b"\x2d\x02\0\xff\x81\x15",
        &[0; 10],
        b"saltsaltsalt\0mysql_native_password\0",
    ];
    packet(0, &content.concat())
}

const WITH_TLS: [u8; 2] = [0xfe, 0xff];
const WITHOUT_TLS: [u8; 2] = [0xfe, 0xf7];

#[tokio::test]
async fn mysql() {
    let ok = packet(3, b"\0\0\0\x02\0\0\0");
    let script = [greeting(WITH_TLS), ok.clone()].concat();
    let (accepted, said) = ask(Protocol::Mysql, &script).await;
    assert_eq!(accepted.unwrap(), Answer::Accepted);
    let ours = [&b"\x01\x8a\x08\0\0\0\0\x01\x21"[..], &[0; 23]].concat();
    let login = [&ours, &b"gauntlet\0\0mysql_native_password\0"[..]].concat();
    assert_eq!(
        said,
        [packet(1, &ours), packet(2, &login), packet(0, &[1])].concat()
    );

    let denied = packet(3, b"\xff\x15\x04#28000Access denied for user 'gauntlet'");
    assert_eq!(
        answer(Protocol::Mysql, &[greeting(WITH_TLS), denied].concat()).await,
        refused("1045 28000: Access denied for user 'gauntlet'")
    );

    let switch = packet(3, b"\xfecaching_sha2_password\0saltsaltsaltsaltsalt\0");
    let more = [
        packet(5, &[1, 4]),
        packet(7, &[1, 3]),
        packet(8, &[0, 0, 0]),
    ]
    .concat();
    let script = [greeting(WITH_TLS), switch, more].concat();
    let (accepted, said) = ask(Protocol::Mysql, &script).await;
    assert_eq!(accepted.unwrap(), Answer::Accepted);
    let tail = [packet(4, &[0]), packet(6, &[0]), packet(0, &[1])].concat();
    assert!(said.ends_with(&tail), "{said:?}");

    let switch = packet(3, b"\xfemysql_native_password\0saltsaltsaltsaltsalt\0");
    let script = [greeting(WITH_TLS), switch, packet(5, &[0, 0, 0])].concat();
    let said = ask(Protocol::Mysql, &script).await.1;
    let tail = [packet(4, &[]), packet(0, &[1])].concat();
    assert!(said.ends_with(&tail), "{said:?}");

    assert_strange(
        &answer(
            Protocol::Mysql,
            &[greeting(WITH_TLS), packet(3, b"?")].concat(),
        )
        .await,
    );
    for (script, words) in [
        (greeting(WITHOUT_TLS), "the server offers no TLS"),
        (
            packet(0, b"\xff\x69\x04Host is not allowed"),
            "1129: Host is not allowed",
        ),
        (packet(0, b"\x0a8\0abc"), "the server's greeting ends early"),
        (packet(0, b"hello"), "this is not the protocol of MySQL"),
    ] {
        let error = ask(Protocol::Mysql, &script).await.0.unwrap_err();
        assert_eq!(error.to_string(), words);
    }
}

#[tokio::test]
async fn mysql_in_the_clear_asks_for_no_tls() {
    let script = [greeting(WITHOUT_TLS), packet(2, &[0, 0, 0])].concat();
    let mut server = scripted(&script);
    let answer = Protocol::Mysql
        .ask(&mut server, Opening::default(), HOST)
        .await;
    assert_eq!(answer.unwrap(), Answer::Accepted);
    let said = said(server);
    assert_eq!(
        &said[3..8],
        b"\x01\x01\x82\x08\0",
        "the first packet logs in"
    );
}

#[tokio::test]
async fn mqtt() {
    let (accepted, said) = ask(Protocol::Mqtt, b"\x20\x02\0\0").await;
    assert_eq!(accepted.unwrap(), Answer::Accepted);
    assert_eq!(said, b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0\xe0\0");
    for (reason, words) in [
        (1, "1: unacceptable protocol version"),
        (4, "4: bad user name or password"),
        (5, "5: not authorized"),
        (99, "99: a reason that the protocol does not know"),
    ] {
        let answer = answer(Protocol::Mqtt, &[0x20, 2, 0, reason]).await;
        assert_eq!(answer, refused(words));
    }
    assert_strange(&answer(Protocol::Mqtt, b"\x30\x02\0\0").await);
    assert_strange(&answer(Protocol::Mqtt, b"\x20\x01\0").await);
    assert_strange(&answer(Protocol::Mqtt, b"\x20\xff\xff\xff\xff\xff").await);
    assert_strange(&answer(Protocol::Mqtt, b"\x20\xff\xff\xff\x7f").await);
}

#[tokio::test]
async fn nats() {
    const INFO: &str = "INFO {\"server_id\":\"x\",\"tls_required\":true,\"tls_verify\":true} \r\n";
    let (accepted, said) = ask(Protocol::Nats, format!("{INFO}PONG\r\n").as_bytes()).await;
    assert_eq!(accepted.unwrap(), Answer::Accepted);
    let said = String::from_utf8(said).unwrap();
    let connect = said.strip_prefix("CONNECT ").unwrap();
    let connect = connect.strip_suffix("\r\nPING\r\n").unwrap();
    let connect: serde_json::Value = serde_json::from_str(connect).unwrap();
    assert_eq!(connect["name"], "mtls-gauntlet");
    assert_eq!(connect["verbose"], false);

    let chatty = format!("{INFO}+OK\r\n{INFO}PING\r\nPONG\r\n");
    let (accepted, said) = ask(Protocol::Nats, chatty.as_bytes()).await;
    assert_eq!(accepted.unwrap(), Answer::Accepted);
    assert!(said.ends_with(b"\r\nPING\r\nPONG\r\n"));

    let violation = format!("{INFO}-ERR 'Authorization Violation'\r\n");
    assert_eq!(
        answer(Protocol::Nats, violation.as_bytes()).await,
        refused("Authorization Violation")
    );
    assert_strange(&answer(Protocol::Nats, format!("{INFO}\r\n").as_bytes()).await);
    for (script, words) in [
        ("INFO {}\r\n", "the server offers no TLS"),
        ("INFO {\r\n", "the server's INFO is no JSON"),
        (
            "220 hello\r\n",
            "the server does not introduce itself with INFO",
        ),
    ] {
        let error = ask(Protocol::Nats, script.as_bytes()).await.0.unwrap_err();
        assert_eq!(error.to_string(), words);
    }
    assert!(
        ask(Protocol::Nats, b"INFO {\"tls_available\":true}\r\nPONG\r\n")
            .await
            .0
            .is_ok()
    );
}

#[tokio::test]
async fn amqp() {
    let start = b"\x01\0\0\0\0\0\x0c\0\x0a\0\x0a\0\x09\0\0\0\0\0\0\xce";
    let (accepted, said) = ask(Protocol::Amqp, start).await;
    assert_eq!(accepted.unwrap(), Answer::Accepted);
    assert_eq!(said, b"AMQP\0\0\x09\x01");
    assert_eq!(
        answer(Protocol::Amqp, b"AMQP\0\x01\0\0").await,
        refused("the server wants version 1-0-0")
    );
    let close = b"\x01\0\0\0\0\0\x0c\0\x0a\0\x32\x01\x93\x05NO WA\xce";
    assert_eq!(answer(Protocol::Amqp, close).await, refused("403: NO WA"));
    for script in [
        &b"\x01\0\0\0\0\0\x04\0\x0a\0\x0b\xce"[..],
        b"\x08\0\0\0\0\0\0\xce",
        b"\x01\0\0\0\0\0\x04\0\x0a\0\x0a\xcf",
        b"\x01\0\0\xff\xff\xff\xff",
    ] {
        assert_strange(&answer(Protocol::Amqp, script).await);
    }
}
