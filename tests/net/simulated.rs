//! The simulated network, in virtual time.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::sync::Arc;

use mtls_gauntlet::net::mishap::{Mishap, Mishaps, Strike};
use mtls_gauntlet::net::simulated::Simulated;
use proptest::prelude::*;
use tokio::time::sleep;

use super::*;

/// A connection from `a` to `b`: the network, a clock, both ends, and the port.
async fn pair() -> (Arc<Simulated>, Clock, Stream, Stream, Listener) {
    let network = Simulated::new(LATENCY);
    let port = network.listen("b").unwrap();
    let near = network.dial("a", "b").await.unwrap();
    let far = port.accept().await.unwrap();
    assert_eq!(near.id(), far.id());
    (network, Clock::going(0), near, far, port)
}

#[test]
fn a_dial_takes_a_round_trip_and_an_octet_one_way() {
    simulate(async {
        let network = Simulated::new(LATENCY);
        let clock = Clock::going(0);
        let port = network.listen("b").unwrap();
        let ((near, dialled), (far, accepted)) = tokio::join!(
            async { (network.dial("a", "b").await.unwrap(), now(&clock)) },
            async { (port.accept().await.unwrap(), now(&clock)) },
        );
        assert_eq!((accepted, dialled), (5, 10));
        let (mut near, mut far) = (near, far);
        near.write_all(b"long or short, it takes as long")
            .await
            .unwrap();
        near.write_all(b"!").await.unwrap();
        drop(near);
        assert_eq!(hear(&mut far).await.0, b"long or short, it takes as long!");
        assert_eq!(now(&clock), 15);
    });
}

#[test]
fn whoever_does_not_listen_refuses_after_a_round_trip() {
    simulate(async {
        let network = Simulated::new(LATENCY);
        let clock = Clock::going(0);
        let refused = network.dial("a", "b").await.err().unwrap();
        assert_eq!(
            (refused.kind(), now(&clock)),
            (ErrorKind::ConnectionRefused, 10)
        );

        let port = network.listen("b").unwrap();
        assert_eq!(
            network.listen("b").err().unwrap().kind(),
            ErrorKind::AddrInUse
        );
        let mut waiting = network.dial("a", "b").await.unwrap();
        drop(port);
        assert_eq!(hear(&mut waiting).await.1, Some(ErrorKind::ConnectionReset));
        assert!(network.listen("b").is_ok());
    });
}

#[test]
fn writers_wait_for_readers() {
    simulate(async {
        let (_network, _, mut near, mut far, _port) = pair().await;
        let much = vec![7; 1024 * 1024];
        let mut written = 0;
        while let Ok(octets) = timeout(ms(1), near.write(&much)).await {
            written += octets.unwrap();
        }
        assert_eq!(written, 256 * 1024);
        let (read, ()) = tokio::join!(hear(&mut far), async {
            near.write_all(&much).await.unwrap();
            near.shutdown().await.unwrap();
        });
        assert_eq!(read.0.len(), written + much.len());
    });
}

#[test]
fn who_writes_to_somebody_who_is_gone_is_reset_after_a_round_trip() {
    simulate(async {
        let (network, clock, mut near, far, _port) = pair().await;
        drop(far);
        assert_eq!(network.established("b"), 0);
        assert_eq!(hear(&mut near).await, (vec![], None));
        assert_eq!(now(&clock), 5);
        near.write_all(b"hello?").await.unwrap();
        sleep(ms(9)).await;
        near.write_all(b"hello?").await.unwrap();
        sleep(ms(1)).await;
        let error = near.write_all(b"hello?").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_rude_end_resets() {
    simulate(async {
        let (_network, clock, mut near, far, _port) = pair().await;
        far.reset_on_drop().unwrap();
        drop(far);
        assert_eq!(hear(&mut near).await.1, Some(ErrorKind::ConnectionReset));
        assert_eq!(now(&clock), 5);
    });
}

#[test]
fn who_left_without_a_word_is_told_from_who_spoke() {
    simulate(async {
        let (_network, _, mut near, far, _port) = pair().await;
        near.write_all(b"a word").await.unwrap();
        assert!(!far.left().await);
        let (_network, _, near, far, _port) = pair().await;
        drop(near);
        assert!(far.left().await);
    });
}

#[test]
fn a_partition_silences_both_ways_and_heals() {
    simulate(async {
        let (network, clock, mut near, mut far, _port) = pair().await;
        far.write_all(b"before").await.unwrap();
        sleep(ms(5)).await;
        network.befall("b", Mishap::Partition);
        far.write_all(b", within").await.unwrap();
        near.write_all(b"within").await.unwrap();
        let mut six = [0; 6];
        near.read_exact(&mut six).await.unwrap();
        assert_eq!(&six, b"before", "what had arrived is there");
        assert!(timeout(ms(1000), near.read_u8()).await.is_err());
        assert!(timeout(ms(1000), far.read_u8()).await.is_err());
        assert!(timeout(ms(1000), network.dial("a", "b")).await.is_err());
        assert!(timeout(ms(1000), network.dial("b", "a")).await.is_err());

        let healed = async {
            sleep(ms(100)).await;
            network.heal();
            now(&clock)
        };
        let mut rest = [0; 8];
        let (heard, dialled, healed) = tokio::join!(
            async { (near.read_exact(&mut rest).await.unwrap(), now(&clock)) },
            async { (network.dial("a", "b").await.is_ok(), now(&clock)) },
            healed,
        );
        assert_eq!(heard, (8, healed));
        assert_eq!(dialled, (true, healed + 5));
        assert_eq!(&rest, b", within");
        far.read_exact(&mut six).await.unwrap();
        assert_eq!(&six, b"within");
    });
}

#[test]
fn isolation_is_of_a_pair() {
    simulate(async {
        let network = Simulated::new(LATENCY);
        tokio::spawn(echo(network.listen("b").unwrap()));
        network.isolate("a", "b");
        assert!(timeout(ms(1000), network.dial("a", "b")).await.is_err());
        let mut other = network.dial("c", "b").await.unwrap();
        assert_eq!(ask(&mut other, b"well").await.unwrap(), b"well");
        network.heal();
        assert!(network.dial("a", "b").await.is_ok());
    });
}

#[test]
fn what_is_held_back_comes_in_order_and_the_other_way_is_open() {
    simulate(async {
        let (network, _, mut near, mut far, _port) = pair().await;
        network.befall("b", Mishap::Hold);
        for word in ["one ", "two ", "three"] {
            near.write_all(word.as_bytes()).await.unwrap();
            sleep(ms(50)).await;
        }
        drop(near.shutdown().await);
        far.write_all(b"x").await.unwrap();
        assert_eq!(near.read_u8().await.unwrap(), b'x');
        assert!(timeout(ms(1000), far.read_u8()).await.is_err());
        network.heal();
        let heard = timeout(ms(0), hear(&mut far)).await.unwrap();
        assert_eq!(heard, (b"one two three".to_vec(), None));
    });
}

#[test]
fn slowness_is_more_latency_and_keeps_the_order() {
    simulate(async {
        let (network, clock, mut near, mut far, _port) = pair().await;
        network.befall("b", Mishap::Slow(ms(100)));
        near.write_all(b"1").await.unwrap();
        network.heal();
        near.write_all(b"2").await.unwrap();
        assert_eq!((far.read_u8().await.unwrap(), now(&clock)), (b'1', 105));
        assert_eq!((far.read_u8().await.unwrap(), now(&clock)), (b'2', 105));
    });
}

#[test]
fn a_crash_resets_and_refuses_until_somebody_listens() {
    simulate(async {
        let (network, clock, mut near, mut far, port) = pair().await;
        let mut waiting = network.dial("c", "b").await.unwrap();
        let before = now(&clock);
        network.befall("b", Mishap::Crash);
        assert_eq!(hear(&mut far).await.1, Some(ErrorKind::ConnectionReset));
        assert_eq!(now(&clock), before);
        assert_eq!(hear(&mut near).await.1, Some(ErrorKind::ConnectionReset));
        assert_eq!(now(&clock), before + 5);
        assert_eq!(hear(&mut waiting).await.1, Some(ErrorKind::ConnectionReset));
        assert_eq!(
            port.accept().await.err().unwrap().kind(),
            ErrorKind::BrokenPipe
        );
        let refused = network.dial("a", "b").await.err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

        let again = network.listen("b").unwrap();
        drop(port);
        assert!(
            network.dial("a", "b").await.is_ok(),
            "the old port is not the new one"
        );
        drop((again, far));
        assert_eq!(network.established("b"), 0);
    });
}

#[test]
fn close_all_is_orderly() {
    simulate(async {
        let (network, _, mut near, mut far, _port) = pair().await;
        near.write_all(b"last words").await.unwrap();
        network.befall("b", Mishap::CloseAll);
        assert_eq!(hear(&mut far).await, (b"last words".to_vec(), None));
        assert_eq!(hear(&mut near).await, (vec![], None));
        assert_eq!(
            near.write(b"more").await.unwrap_err().kind(),
            ErrorKind::BrokenPipe
        );
        assert!(network.dial("a", "b").await.is_ok());
    });
}

#[test]
fn strikes_hit_where_they_should() {
    let struck = |strike: Strike| {
        simulate(async move {
            let network = Simulated::new(LATENCY);
            network.befall("b", Mishap::Strike(strike));
            let port = network.listen("b").unwrap();
            let mut near = network.dial("a", "b").await.unwrap();
            let mut far = port.accept().await.unwrap();
            // Two records, the first of one octet and the second of two.
            let _ = near.write_all(b"\x16\x03\x03\0\x01A\x16\x03").await;
            let _ = near.write_all(b"\x03\0\x02BC").await;
            let mut heard = Vec::new();
            let ended = timeout(ms(1000), far.read_to_end(&mut heard)).await;
            let far = ended.map_or("silence", |end| end.map_or("reset", |_| "end"));
            let ended = timeout(ms(1000), near.read_u8()).await;
            let near = ended.map_or("silence", |end| match end.unwrap_err().kind() {
                ErrorKind::ConnectionReset => "reset",
                _ => "end",
            });
            (heard.len(), heard.get(5).copied(), far, near)
        })
    };
    assert_eq!(struck(Strike::Cut(0)), (0, None, "reset", "reset"));
    assert_eq!(struck(Strike::Cut(7)), (7, Some(b'A'), "reset", "reset"));
    assert_eq!(
        struck(Strike::CutAfterRecord(1)),
        (6, Some(b'A'), "reset", "reset")
    );
    assert_eq!(
        struck(Strike::CutAfterRecord(2)),
        (13, Some(b'A'), "reset", "reset")
    );
    assert_eq!(
        struck(Strike::BlackHole(6)),
        (6, Some(b'A'), "silence", "silence")
    );
    assert_eq!(
        struck(Strike::Corrupt(5)),
        (13, Some(b'@'), "silence", "silence")
    );
    assert_eq!(
        struck(Strike::Cut(14)),
        (13, Some(b'A'), "silence", "silence")
    );
}

#[test]
fn a_black_hole_is_for_good_and_healing_is_for_new_connections() {
    simulate(async {
        let (network, _, mut near, mut far, port) = pair().await;
        network.befall("b", Mishap::Strike(Strike::BlackHole(0)));
        near.write_all(b"?").await.unwrap();
        network.heal();
        near.write_all(b"?").await.unwrap();
        far.write_all(b"!").await.unwrap();
        drop(near.shutdown().await);
        assert!(timeout(ms(1000), near.read_u8()).await.is_err());
        assert!(timeout(ms(1000), far.read_u8()).await.is_err());
        tokio::spawn(echo(port));
        let mut new = network.dial("a", "b").await.unwrap();
        assert_eq!(ask(&mut new, b"well").await.unwrap(), b"well");
    });
}

#[test]
fn open_connections_are_counted() {
    simulate(async {
        let (network, _, near, far, port) = pair().await;
        assert_eq!((network.established("a"), network.established("b")), (0, 1));
        let second = network.dial("a", "b").await.unwrap();
        assert_eq!(network.established("b"), 2);
        drop((near, second));
        assert_eq!(
            network.established("b"),
            2,
            "the listener still holds its ends"
        );
        drop(far);
        drop(port.accept().await);
        assert_eq!(network.established("b"), 0);
    });
}

#[test]
fn a_dialler_who_gives_up_leaves_nothing_behind() {
    simulate(async {
        let network = Simulated::new(LATENCY);
        let port = network.listen("b").unwrap();
        assert!(timeout(ms(7), network.dial("a", "b")).await.is_err());
        let mut far = port.accept().await.unwrap();
        assert_eq!(hear(&mut far).await, (vec![], None));
    });
}

/// What happened, in order.
type Log = Rc<RefCell<Vec<String>>>;

#[test]
fn the_same_programme_gives_the_same_log() {
    let [once, again] = [0, 1].map(|_| simulate(programme()));
    assert!(once.len() > 100, "{once:?}");
    for word in ["reset", "refused", "timed out", "Ok"] {
        assert!(
            once.iter().any(|line| line.contains(word)),
            "{word} in {once:#?}"
        );
    }
    assert_eq!(once, again);
}

/// Callers and services, through every mishap.
async fn programme() -> Vec<String> {
    let network = Simulated::new(LATENCY);
    let clock = Clock::going(0);
    let log = Log::default();
    let tasks = tokio::task::LocalSet::new();
    for party in ["x", "y"] {
        tasks.spawn_local(echo(network.listen(party).unwrap()));
    }
    let calls = (0..6).map(|caller| {
        let (network, clock, log) = (Arc::clone(&network), clock.clone(), Log::clone(&log));
        async move {
            for call in 0..25 {
                let party = ["x", "y"][(caller + call) % 2];
                let from = format!("caller-{caller}");
                let answer = timeout(ms(60), async {
                    let address = network.address(party);
                    let mut stream = address.dial_from(&from).await?;
                    ask(&mut stream, &[u8::try_from(call).unwrap(); 9]).await
                });
                let answer = answer
                    .await
                    .unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()));
                let answer = answer.map_err(|error| error.kind().to_string());
                let line = format!("{} {from} {party} {answer:?}", now(&clock));
                log.borrow_mut().push(line);
                sleep(ms(3)).await;
            }
        }
    });
    let mishaps = async {
        for mishap in [
            Mishap::Partition,
            Mishap::Hold,
            Mishap::Slow(ms(20)),
            Mishap::Strike(Strike::Cut(4)),
            Mishap::Strike(Strike::BlackHole(4)),
            Mishap::Strike(Strike::Corrupt(4)),
            Mishap::CloseAll,
            Mishap::Crash,
        ] {
            sleep(ms(37)).await;
            network.befall("x", mishap);
            sleep(ms(41)).await;
            network.heal();
        }
    };
    let all = async { tokio::join!(futures_util::future::join_all(calls), mishaps) };
    tasks.run_until(all).await;
    log.take()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever lasts for a while and heals, the octets arrive, all of them and in order.
    #[test]
    fn what_is_written_is_read_in_order(
        writes in prop::collection::vec((1..70_000_usize, 0..8_u64), 1..12),
        mishaps in prop::collection::vec((0..4_u8, 0..20_u64), 0..8),
    ) {
        let (sent, read) = simulate(async {
            let (network, _, mut near, mut far, _port) = pair().await;
            let mut sent = Vec::new();
            let write = async {
                for (size, pause) in writes {
                    let start = sent.len();
                    sent.extend((start..start + size).map(|octet| (octet % 251) as u8));
                    near.write_all(&sent[start..]).await.unwrap();
                    sleep(ms(pause)).await;
                }
                near.shutdown().await.unwrap();
            };
            let befall = async {
                for (mishap, pause) in mishaps {
                    match mishap {
                        0 => network.befall("b", Mishap::Partition),
                        1 => network.befall("b", Mishap::Hold),
                        2 => network.befall("a", Mishap::Slow(ms(13))),
                        _ => network.heal(),
                    }
                    sleep(ms(pause)).await;
                }
                network.heal();
            };
            let (read, (), ()) = tokio::join!(hear(&mut far), write, befall);
            (sent, read)
        });
        prop_assert!(read == (sent, None));
    }
}
