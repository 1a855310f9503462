//! One service, one caller, and the two bodies of a fleet's network: the same code on each.

use std::sync::Arc;

use mtls_gauntlet::net::mishap::{Mishap, Mishaps};
use mtls_gauntlet::net::proxy::Proxies;
use mtls_gauntlet::net::simulated::Simulated;
use mtls_gauntlet::net::{Address, Transport};

use super::*;

#[test]
fn on_a_simulated_network() {
    simulate(async {
        let network = Simulated::new(LATENCY);
        let listener = network.listen("service").unwrap();
        let address = listener.address().unwrap();
        assert_eq!(
            (address.to_string(), listener.port().unwrap()),
            ("service".into(), 0)
        );
        befalls(listener, address, Arc::clone(&network) as Arc<dyn Mishaps>).await;
    });
}

#[test]
fn on_sockets() {
    live(async {
        let proxies = Proxies::new();
        let listener = Transport::Tcp.listen().unwrap();
        let socket = ([127, 0, 0, 1], listener.port().unwrap()).into();
        let address = proxies.front("service", socket).unwrap();
        befalls(listener, address, Arc::new(proxies)).await;
    });
}

/// Lets things befall a service that says back what it hears.
async fn befalls(listener: Listener, address: Address, network: Arc<dyn Mishaps>) {
    let service = tokio::spawn(echo(listener));
    let mut kept = address.dial_from("caller").await.unwrap();
    assert_eq!(ask(&mut kept, b"one").await.unwrap(), b"one");
    assert_eq!(network.established("service"), 1);

    for lasting in [
        (|network| network.befall("service", Mishap::Partition)) as fn(&dyn Mishaps),
        |network| network.befall("service", Mishap::Hold),
        |network| network.befall("caller", Mishap::Partition),
        |network| network.isolate("caller", "service"),
    ] {
        lasting(&*network);
        kept.write_all(b"kept").await.unwrap();
        let mut four = [0; 4];
        assert!(timeout(ms(30), kept.read_exact(&mut four)).await.is_err());
        network.heal();
        kept.read_exact(&mut four).await.unwrap();
        assert_eq!(&four, b"kept");
    }
    network.isolate("caller", "service");
    let mut other = address.dial_from("other").await.unwrap();
    assert_eq!(ask(&mut other, b"two").await.unwrap(), b"two");
    network.heal();

    network.befall("service", Mishap::CloseAll);
    assert_eq!(hear(&mut kept).await, (vec![], None));
    assert_eq!(hear(&mut other).await, (vec![], None));
    drop((kept, other));

    let mut kept = address.dial_from("caller").await.unwrap();
    assert_eq!(ask(&mut kept, b"three").await.unwrap(), b"three");
    network.befall("service", Mishap::Crash);
    assert_eq!(
        hear(&mut kept).await.1,
        Some(io::ErrorKind::ConnectionReset)
    );
    drop(kept);
    service.abort();
    // On a simulated network nobody listens any more; on sockets the service is gone, because we end it.
    let _ = service.await;
    let refused = match address.dial_from("caller").await {
        Ok(mut stream) => hear(&mut stream).await.1,
        Err(error) => Some(error.kind()),
    };
    let refusals = [
        io::ErrorKind::ConnectionRefused,
        io::ErrorKind::ConnectionReset,
    ];
    assert!(refusals.contains(&refused.unwrap()));
}
