//! Large histories: what is kept and made grows with the calls and the changes, not with their product.

use mtls_gauntlet::oracle::check::check;
use mtls_gauntlet::oracle::facts::{Facts, Subject};
use mtls_gauntlet::oracle::history::{Change, Fact, History, WindowKind};
use mtls_gauntlet::scenario::fleet::Limits;

use super::world::{S, accepted, certificate, world};

/// Services that call each other, and whose leaves are renewed.
fn fleet(services: u64, rotations: u64, calls: u64) -> History {
    let mut history = world();
    history.certificates.clear();
    history.changes.truncate(1);
    let name = |service: u64| format!("service-{service}");
    let change = |at, party, fact, step| Change {
        at,
        step,
        party,
        fact,
        holds: true,
        window: WindowKind::Leaf,
    };
    for service in 0..services {
        let (party, next) = (Some(name(service)), name((service + 1) % services));
        history
            .changes
            .push(change(0, party, Fact::Admits(next), None));
    }
    let span = 20 * S / rotations;
    for rotation in 0..rotations {
        for service in 0..services {
            let serial = rotation * services + service;
            let mut leaf = certificate(serial, &name(service), None);
            leaf.issued = rotation * span;
            history.certificates.push(leaf);
            let fact = Fact::Presents(serial);
            history
                .changes
                .push(change(rotation * span, Some(name(service)), fact, Some(0)));
        }
    }
    for number in 0..calls {
        let at = 20 * S / calls.max(1) * number;
        let serial = |service: u64| Some(at / span * services + service);
        let server = number % services;
        let caller = (server + 1) % services;
        let call = accepted(&mut history, at);
        (call.caller, call.server) = (name(caller), name(server));
        (call.serial, call.presented) = (serial(caller), serial(server));
    }
    history
}

#[test]
fn parties_that_no_change_names_share_a_course() {
    let history = fleet(50, 2, 0);
    let mut facts = Facts::of(&history);
    let names: Vec<String> = (0..50)
        .map(|service| format!("service-{service}"))
        .collect();
    let trusts: Vec<_> = names
        .iter()
        .map(|name| facts.known_to(name, Subject::Trusts("root"), 0))
        .collect();
    assert!(
        trusts
            .windows(2)
            .all(|pair| std::rc::Rc::ptr_eq(&pair[0], &pair[1]))
    );
    let own = facts.known_to("service-1", Subject::Admits("service-2"), 0);
    let others = facts.known_to("service-3", Subject::Admits("service-2"), 0);
    assert_ne!(own, others);
}

#[test]
fn a_fleet_is_checked() {
    let history = fleet(100, 10, 10_000);
    let findings = check(&history, &Limits::default());
    assert_eq!(findings.calls.all, 10_000);
    assert_eq!(findings.violations, []);
    assert_eq!(findings.convergence[0].services, 100);
}

/// Ignored because it takes long without optimization: `cargo test --release --test oracle -- --ignored`.
#[test]
#[ignore = "a million calls take a while without optimization"]
fn a_million_calls_are_checked() {
    let history = fleet(2000, 24, 1_000_000);
    let findings = check(&history, &Limits::default());
    assert_eq!(findings.calls.served, findings.calls.all);
    assert_eq!(findings.violations, []);
}
