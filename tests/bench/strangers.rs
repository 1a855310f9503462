//! No false success: whoever must be refused is never counted as served, whatever its own end of the handshake says.

use mtls_gauntlet::net::Transport;

use crate::range::{measure, measure_one, named, nothing_is_lost, plan};

/// In TLS 1.3 each of these has completed its handshake before the server refuses it.
#[test]
fn nobody_without_a_good_certificate_is_confirmed() {
    for strangers in ["anonymous", "expired", "foreign"] {
        for tls in ["tls1.3", "tls1.2"] {
            let repetition = measure_one(&alone(strangers, tls), "rustls");
            let tally = &repetition.tally;
            assert_eq!(
                tally.confirmed + tally.other_kind,
                0,
                "{strangers}, {tls}: {tally:?}"
            );
            assert_eq!(tally.strangers_accepted, 0, "{strangers}, {tls}: {tally:?}");
            assert!(tally.strangers_refused > 0, "{strangers}, {tls}: {tally:?}");
            assert_eq!(
                tally.strangers, tally.strangers_refused,
                "{strangers}, {tls}: {tally:?}"
            );
            assert_eq!(repetition.latency.first_byte.count(), 0);
            // What refusals cost is measured all the same.
            assert!(repetition.cpu_of_harness().is_some_and(|nanos| nanos > 0.0));
        }
    }
}

/// The same test fails where a server lets them in.
#[test]
fn a_server_that_lets_strangers_in_is_caught() {
    let repetition = measure_one(&alone("expired", "tls1.3"), "planted:ignores-expiry");
    assert!(
        repetition.tally.strangers_accepted > 0,
        "{:?}",
        repetition.tally
    );
    assert_eq!(repetition.tally.confirmed, 0, "strangers are no customers");
}

#[test]
fn callers_are_served_beside_strangers() {
    let text = "[measure]\nduration = \"400ms\"\nwarm-up = \"50ms\"\nrepetitions = 1\n[setting]\narrival = \"closed\"\n\
                in-flight = 8\nstrangers = \"expired\"\nstranger-share = 50";
    let tally = measure_one(text, "rustls").tally;
    assert!(
        tally.confirmed > 0 && tally.strangers_refused > 0,
        "{tally:?}"
    );
    assert_eq!(
        (tally.strangers_accepted, tally.failures()),
        (0, 0),
        "{tally:?}"
    );
    nothing_is_lost(&tally);
}

/// Whoever refuses everybody has refused no stranger.
#[test]
fn a_server_that_refuses_everybody_proves_nothing() {
    let text = alone("expired", "tls1.3") + "\ndepth = 4";
    let rows = measure(
        &plan(&text),
        named("planted:rejects-two-intermediates"),
        Transport::Tcp,
    );
    let row = &rows[0];
    assert_eq!((row.repetitions.len(), row.broken), (0, true));
    let words = row.unmeasured.as_deref().unwrap();
    assert!(words.starts_with("who must be let in was not"), "{words}");
    let depth_is_no_matter = measure(&plan(&text), named("rustls"), Transport::Tcp);
    assert_eq!(depth_is_no_matter[0].unmeasured, None);
}

fn alone(strangers: &str, tls: &str) -> String {
    format!(
        "[measure]\nduration = \"300ms\"\nwarm-up = \"0s\"\nrepetitions = 1\n[setting]\narrival = \"closed\"\nin-flight = 8\n\
         tls = \"{tls}\"\nstrangers = \"{strangers}\"\nstranger-share = 100"
    )
}
