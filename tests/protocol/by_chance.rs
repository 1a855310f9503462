//! Whatever a stranger sends, nothing panics, everything ends, and no more is read than is allowed.

use mtls_gauntlet::net::protocol::LONGEST;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use tokio::io::repeat;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn strangers_are_survived(script in vec(piece(), 0..24)) {
        let script = script.concat();
        for protocol in Protocol::ALL {
            survive(protocol, &script);
        }
    }

    #[test]
    fn slips_are_survived(protocol in protocol(), places in vec(any::<(Index, u8)>(), 1..4)) {
        let (mut said, mut heard) = now(transcript(protocol));
        for (place, octet) in places {
            *place.get_mut(&mut said) = octet;
            *place.get_mut(&mut heard) = octet;
        }
        survive(protocol, &said);
        survive(protocol, &heard);
    }
}

proptest! {
    // Each of these is read as far as it may be.
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn those_who_go_on_and_on_are_cut_off(start in vec(piece(), 0..8), again in vec(piece(), 1..8)) {
        let mut script = start.concat();
        let again = again.concat();
        if !again.is_empty() {
            while script.len() < 2 * LONGEST {
                script.extend(&again);
            }
        }
        for protocol in Protocol::ALL {
            survive(protocol, &script);
        }
    }
}

#[test]
fn one_octet_for_ever_is_cut_off() {
    for octet in *b"\0\x01\x20\n\r+-*$ARSZ\xce\xff" {
        for protocol in Protocol::ALL {
            let stranger = || join(repeat(octet), tokio::io::sink());
            let _ = now(protocol.open(&mut stranger()));
            let _ = now(protocol.ask(&mut stranger(), Opening::default(), HOST));
            let _ = now(protocol.welcome(&mut stranger()));
            let _ = now(protocol.await_question(&mut stranger()));
            let _ = now(protocol.attend(&mut stranger()));
        }
    }
}

/// Takes every step of a conversation with one who says `script`.
fn survive(protocol: Protocol, script: &[u8]) {
    let limit = |stranger: Scripted<'_>| {
        let read = script.len() - stranger.into_inner().0.len();
        assert!(read <= LONGEST, "{protocol:?} has read {read} octets");
    };
    let mut stranger = scripted(script);
    let opening = now(protocol.open(&mut stranger));
    if let Ok(opening) = opening {
        let (rest, _) = stranger.into_inner();
        let mut stranger = scripted(rest);
        let _ = now(protocol.ask(&mut stranger, opening, HOST));
        let left = stranger.into_inner().0.len();
        assert!(rest.len() - left <= LONGEST, "{protocol:?}");
    } else {
        limit(stranger);
    }
    let mut stranger = scripted(script);
    // In the clear MySQL's greeting is a step of its own.
    if protocol != Protocol::Mysql {
        let _ = now(protocol.ask(&mut stranger, Opening::default(), HOST));
        limit(stranger);
    }
    let mut stranger = scripted(script);
    let _ = now(protocol.welcome(&mut stranger));
    limit(stranger);
    let mut stranger = scripted(script);
    let _ = now(protocol.await_question(&mut stranger));
    limit(stranger);
    let mut stranger = scripted(script);
    let _ = now(protocol.attend(&mut stranger));
    limit(stranger);
}

/// What never has to wait is done at once.
fn now<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(work)
}

fn protocol() -> impl Strategy<Value = Protocol> {
    select(&Protocol::ALL[..])
}

/// Noise, and beginnings that lead further into the protocols than noise does.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known = select(vec![
        &b"HTTP/1.1 200 OK\r\n"[..],
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"Content-Length: 18446744073709551615\r\n\r\n",
        b"ffffffffffffffff\r\n",
        b"GET / HTTP/1.1\r\n",
        b"\r\n",
        b"*3\r\n",
        b"*18446744073709551615\r\n",
        b"$0\r\n\r\n",
        b"$18446744073709551615\r\n",
        b"HELLO 3\r\n",
        b"S",
        b"R\0\0\0\x08\0\0\0\0",
        b"E\xff\xff\xff\xff",
        b"E\0\0\0\x04",
        b"Q\0\0\0\x04",
        b"\0\0\0\x08\x04\xd2\x16\x2f",
        b"\0\0\0\x08\0\x03\0\0",
        b"\0\0\0\0",
        b"\x01\0\0\0\x0a",
        b"\0\0\0\x02",
        b"\x01\0\0\x02\xfe",
        b"\x02\0\0\x02\x01\x03",
        b"\x02\0\0\x02\xff\x15",
        b"\xff\xff\xff\xff",
        b"\x20\x02\0\x05",
        b"\x10\x07\0\x04MQTT\x04",
        b"\x32\x02\xff\xff",
        b"\x32\x02\0\0",
        b"\xc0\0",
        b"INFO {\"tls_required\":true}\r\n",
        b"CONNECT {\"verbose\":true}\r\n",
        b"PING\r\n",
        b"+OK\r\n",
        b"AMQP\0\0\x09\x01",
        b"\x01\0\0\0\0\0\x04\0\x0a\0\x0b\xce",
        b"\x01\0\0\0\0\0\0\xce",
        b"\x01\0\0\0\0\0\x05\0\x0a\0\x32\x01\xce",
    ]);
    prop_oneof![
        2 => known.prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..16),
    ]
}
