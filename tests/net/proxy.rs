//! The proxy in front of a real socket.

use std::fs;
use std::net::SocketAddr;

use mtls_gauntlet::net::Transport;
use mtls_gauntlet::net::mishap::{Mishap, Strike};
use mtls_gauntlet::net::proxy::{Proxies, Proxy};

use super::*;

/// How long a test listens for what must not come.
const SILENCE: Duration = ms(30);

/// A listener, and a proxy in front of it.
fn fronted() -> (Listener, Proxy) {
    let listener = Transport::Tcp.listen().unwrap();
    let proxy = Proxy::start(socket(&listener)).unwrap();
    (listener, proxy)
}

fn socket(listener: &Listener) -> SocketAddr {
    ([127, 0, 0, 1], listener.port().unwrap()).into()
}

#[test]
fn there_is_no_proxy_without_a_runtime() {
    let somewhere = ([127, 0, 0, 1], 1).into();
    assert!(Proxy::start(somewhere).is_err());
}

#[test]
fn it_carries_much_and_closes_each_way_for_itself() {
    live(async {
        let (listener, proxy) = fronted();
        let mut near = proxy.address().dial().await.unwrap();
        let mut far = listener.accept().await.unwrap();
        let much = vec![7; 3 * 1024 * 1024];
        let (heard, ()) = tokio::join!(hear(&mut far), async {
            near.write_all(&much).await.unwrap();
            near.shutdown().await.unwrap();
        });
        assert!(heard == (much, None));
        far.write_all(b"got it").await.unwrap();
        drop(far);
        assert_eq!(hear(&mut near).await, (b"got it".to_vec(), None));
    });
}

#[test]
fn a_cut_lets_so_much_through_and_resets_both() {
    for (strike, passes) in [
        (Strike::Cut(0), 0),
        (Strike::Cut(3), 3),
        (Strike::CutAfterRecord(1), 6),
    ] {
        live(async {
            let (listener, proxy) = fronted();
            proxy.befall(Mishap::Strike(strike));
            let mut near = proxy.address().dial().await.unwrap();
            let mut far = listener.accept().await.unwrap();
            let _ = near.write_all(b"\x16\x03\x03\0\x01A\x16").await;
            let mut heard = Vec::new();
            let error = far.read_to_end(&mut heard).await.unwrap_err();
            assert_eq!(
                (heard.len(), error.kind()),
                (passes, io::ErrorKind::ConnectionReset)
            );
            assert_eq!(
                hear(&mut near).await.1,
                Some(io::ErrorKind::ConnectionReset)
            );
            proxy.heal();
            let mut near = proxy.address().dial().await.unwrap();
            tokio::spawn(echo(listener));
            assert_eq!(ask(&mut near, b"well").await.unwrap(), b"well");
        });
    }
}

#[test]
fn a_black_hole_swallows_both_ways() {
    live(async {
        let (listener, proxy) = fronted();
        proxy.befall(Mishap::Strike(Strike::BlackHole(2)));
        let mut near = proxy.address().dial().await.unwrap();
        let mut far = listener.accept().await.unwrap();
        near.write_all(b"hello").await.unwrap();
        let mut two = [0; 2];
        far.read_exact(&mut two).await.unwrap();
        far.write_all(b"hello").await.unwrap();
        drop(near.shutdown().await);
        assert!(timeout(SILENCE, far.read_u8()).await.is_err());
        assert!(timeout(SILENCE, near.read_u8()).await.is_err());
        assert_eq!(proxy.established(), 1);
        drop((near, far));
        while proxy.established() > 0 {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn one_bit_is_flipped() {
    live(async {
        let (listener, proxy) = fronted();
        tokio::spawn(echo(listener));
        proxy.befall(Mishap::Strike(Strike::Corrupt(1)));
        let mut near = proxy.address().dial().await.unwrap();
        assert_eq!(ask(&mut near, b"ABBA").await.unwrap(), b"ACBA");
    });
}

#[test]
fn slowness_is_latency() {
    live(async {
        let (listener, proxy) = fronted();
        tokio::spawn(echo(listener));
        proxy.befall(Mishap::Slow(ms(20)));
        let mut near = proxy.address().dial().await.unwrap();
        let clock = Clock::going(0);
        ask(&mut near, b"there and back").await.unwrap();
        assert!(clock.micros() >= 40_000, "{}", clock.micros());
    });
}

#[test]
fn a_reset_goes_through() {
    live(async {
        let (listener, proxy) = fronted();
        let mut near = proxy.address().dial().await.unwrap();
        let far = listener.accept().await.unwrap();
        far.reset_on_drop().unwrap();
        drop(far);
        assert_eq!(
            hear(&mut near).await.1,
            Some(io::ErrorKind::ConnectionReset)
        );

        drop(listener);
        let mut near = proxy.address().dial().await.unwrap();
        assert_eq!(
            hear(&mut near).await.1,
            Some(io::ErrorKind::ConnectionReset)
        );
    });
}

#[test]
fn a_party_moves_and_its_address_stays() {
    live(async {
        let proxies = Proxies::new();
        let old = Transport::Tcp.listen().unwrap();
        let address = proxies.front("service", socket(&old)).unwrap();
        drop(old);
        let new = Transport::Tcp.listen().unwrap();
        let same = proxies.front("service", socket(&new)).unwrap();
        assert_eq!(same.to_string(), address.to_string());
        tokio::spawn(echo(new));
        let mut near = address.dial_from("caller").await.unwrap();
        assert_eq!(ask(&mut near, b"moved").await.unwrap(), b"moved");
    });
}

/// Nothing else in this process may open or close anything meanwhile: the counting happens in a process
/// of its own.
#[test]
fn nothing_is_left_after_it_is_dropped() {
    const ALONE: &str = "MTLS_GAUNTLET_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let name = "proxy::nothing_is_left_after_it_is_dropped";
        let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
        let alone = alone
            .args(["--exact", name])
            .env(ALONE, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&alone.stdout);
        assert!(
            alone.status.success() && said.contains("1 passed"),
            "{said}"
        );
        return;
    }
    live(async {
        let before = (descriptors(), tasks());
        let (listener, proxy) = fronted();
        let mut open = Vec::new();
        for strike in [None, Some(Strike::BlackHole(1)), Some(Strike::Corrupt(0))] {
            if let Some(strike) = strike {
                proxy.befall(Mishap::Strike(strike));
            }
            for _ in 0..4 {
                let mut near = proxy.address().dial_from("caller").await.unwrap();
                let far = listener.accept().await.unwrap();
                near.write_all(b"hello").await.unwrap();
                open.push((near, far));
            }
        }
        proxy.befall(Mishap::Partition);
        let waiting = proxy.address().dial_from("caller").await.unwrap();
        assert_eq!(tasks(), before.1 + 1 + 12);
        assert!(descriptors() >= before.0 + 2 + 4 * 12);

        drop(proxy);
        for (mut near, far) in open {
            let (_, _) = (hear(&mut near).await, far);
        }
        drop((waiting, listener));
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!((descriptors(), tasks()), before);
    });
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn tasks() -> usize {
    tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
}
