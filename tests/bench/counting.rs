//! What is counted, in every kind of connection that a plan can ask for.

use std::sync::Arc;

use mtls_gauntlet::net::Transport;
use mtls_gauntlet::record::Measurement;
use mtls_gauntlet::scenario::ClientAuth;

use crate::altered::Altered;
use crate::range::{measure, named, nothing_is_lost, plan};

const BRIEF: &str = "[measure]\nduration = \"300ms\"\nwarm-up = \"100ms\"\nrepetitions = 1\n";

#[test]
fn every_kind_of_connection_is_confirmed() {
    let rows = rows(
        r#"
[setting]
arrival = "closed"
in-flight = 4
[[row]]
name = "plaintext"
setting = { auth = "plaintext" }
[[row]]
name = "server-only"
setting = { auth = "server-only" }
[[row]]
name = "tls1.2"
setting = { tls = "tls1.2" }
[[row]]
name = "fin"
setting = { close = "fin" }
[[row]]
name = "deep"
setting = { depth = 6 }
[[row]]
name = "shallow"
setting = { depth = 2 }
[[row]]
name = "rsa"
setting = { key = "rsa2048" }
[[row]]
name = "rsa-tls1.2"
setting = { key = "rsa2048", tls = "tls1.2", suite = "chacha20-poly1305-sha256" }
[[row]]
name = "ed25519"
setting = { key = "ed25519" }
[[row]]
name = "post-quantum"
setting = { group = "x25519mlkem768" }
[[row]]
name = "p384"
setting = { key = "p384", group = "secp384r1", suite = "aes256-gcm-sha384" }
[[row]]
name = "list"
setting = { crl-entries = 100 }
[[row]]
name = "shallow-list"
setting = { crl-entries = 10, depth = 2 }
[[row]]
name = "bundle"
setting = { bundle = 50 }
[[row]]
name = "ring"
setting = { provider = "ring" }
"#,
        Transport::Tcp,
    );
    for row in &rows {
        assert_eq!(row.unmeasured, None, "{}", row.row);
        let repetition = &row.repetitions[0];
        let tally = &repetition.tally;
        assert!(tally.confirmed > 0, "{}: {tally:?}", row.row);
        assert_eq!(
            (tally.failures(), tally.other_kind),
            (0, 0),
            "{}: {tally:?}",
            row.row
        );
        nothing_is_lost(tally);
        let latency = &repetition.latency;
        for histogram in [
            &latency.connect,
            &latency.confirmed,
            &latency.first_byte,
            &latency.from_due,
        ] {
            assert_eq!(histogram.count(), tally.confirmed, "{}", row.row);
        }
        // The parts of a connection take no longer than the whole.
        assert!(latency.connect.quantile(0.5) <= latency.first_byte.quantile(0.5));
        assert!(latency.handshake.quantile(1.0) <= latency.first_byte.quantile(1.0));
        assert_eq!(row.objection(), None);
    }
}

#[test]
fn in_memory_too() {
    for row in rows(
        "[setting]\narrival = \"closed\"\nin-flight = 4\n[axes]\nauth = [\"mutual\", \"plaintext\"]",
        Transport::Memory,
    ) {
        let tally = &row.repetitions[0].tally;
        assert!(
            tally.confirmed > 0 && tally.failures() == 0,
            "{}: {tally:?}",
            row.row
        );
        assert_eq!(row.transport, "memory");
    }
}

/// Only handshakes of the wanted kind are measured. The first of each worker is a full one, and lies in the warm-up.
#[test]
fn resumed_handshakes_are_resumed() {
    for tls in ["tls1.3", "tls1.2"] {
        let text = format!(
            "[setting]\narrival = \"closed\"\nin-flight = 4\nhandshake = \"resumed\"\ntls = \"{tls}\""
        );
        let rows = rows(&text, Transport::Tcp);
        let tally = &rows[0].repetitions[0].tally;
        assert!(tally.confirmed > 10 * tally.other_kind, "{tls}: {tally:?}");
        assert_eq!(tally.failures(), 0, "{tls}: {tally:?}");
    }
}

/// A server that does not resume is not measured as if it did.
#[test]
fn full_handshakes_are_not_counted_as_resumed() {
    // The service behind plaintext's opposite: it is told to resume, and has no sessions to do it with.
    let text = "[setting]\narrival = \"closed\"\nin-flight = 4\nhandshake = \"resumed\"\n";
    let plan = plan(&format!("{BRIEF}{text}"));
    let forgetful = Altered(|environment| environment.resumption = false);
    let rows = measure(&plan, Arc::new(forgetful), Transport::Tcp);
    let tally = &rows[0].repetitions[0].tally;
    assert_eq!(tally.confirmed, 0, "{tally:?}");
    assert!(tally.other_kind > 0, "{tally:?}");
}

/// Whoever is let in without being asked has not been authenticated, nor has whoever comes back with such a session.
#[test]
fn a_server_that_asks_for_no_certificate_is_not_mutual() {
    for tls in ["tls1.3", "tls1.2"] {
        for handshake in ["full", "resumed"] {
            let text = format!(
                "[setting]\narrival = \"closed\"\nin-flight = 4\nhandshake = \"{handshake}\"\ntls = \"{tls}\""
            );
            let plan = plan(&format!("{BRIEF}{text}"));
            let careless = Altered(|environment| environment.client_auth = ClientAuth::None);
            let rows = measure(&plan, Arc::new(careless), Transport::Tcp);
            let tally = &rows[0].repetitions[0].tally;
            assert_eq!(tally.confirmed, 0, "{tls}, {handshake}: {tally:?}");
            let why = "let in, and no certificate was asked for";
            assert_eq!(tally.failed.get(why), Some(&tally.failures()), "{tally:?}");
            nothing_is_lost(tally);
            assert!(rows[0].objection().is_some());
        }
    }
}

#[test]
fn a_rotation_costs_nobody_a_connection() {
    let rows = rows(
        "[setting]\narrival = \"100/s\"\n[axes]\nrotates = [\"leaf\", \"trust\"]",
        Transport::Tcp,
    );
    for row in &rows {
        let repetition = &row.repetitions[0];
        assert_eq!(
            repetition.tally.failures(),
            0,
            "{}: {:?}",
            row.row,
            repetition.tally
        );
        assert_eq!(repetition.tally.due, 30);
        let in_course: u64 = repetition
            .course
            .iter()
            .map(|slice| slice.latency.count() + slice.failed)
            .sum();
        assert_eq!(in_course, 30, "every connection is in some slice");
    }
}

#[test]
fn what_cannot_be_measured_says_why() {
    let rows = rows(
        "[setting]\nprovider = \"ring\"\ngroup = \"x25519mlkem768\"\narrival = \"closed\"",
        Transport::Tcp,
    );
    let words = rows[0].unmeasured.as_deref().unwrap();
    assert!(words.contains("ring has no ML-KEM"), "{words}");
    assert_eq!(rows[0].repetitions.len(), 0);
}

fn rows(text: &str, transport: Transport) -> Vec<Measurement> {
    measure(&plan(&format!("{BRIEF}{text}")), named("rustls"), transport)
}
