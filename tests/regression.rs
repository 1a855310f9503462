//! One test for each bug that was found, named after it.
//!
//! A test here fails on the code as it was and says in its first line what a user saw. It stays as it
//! is when the code around it is rewritten.

use mtls_gauntlet::judge::Verdict;
use mtls_gauntlet::net::Transport;
use mtls_gauntlet::observe::PeerEnd;

use rig::Rig;

#[path = "support/rig.rs"]
mod rig;

/// Refusals of TLS 1.3 clients came to the peer as a bare close: a client that refuses has a
/// ChangeCipherSpec and an alert to send and one go at sending them, and a stream that does not
/// write vectored takes the first buffer only.
#[test]
fn the_alert_of_a_tls13_client_that_refuses_reaches_its_peer() {
    let cases = rig::cases(&["validity/expired/client/tls1.3", "names/*/client/tls1.3"]);
    for transport in [Transport::Tcp, Transport::Memory] {
        let run = Rig::over(transport).run(&[rig::rustls()], &cases);
        let mut refusals = 0;
        for case in &run.cases {
            if case.verdict == Verdict::Pass && case.is_forbidden() {
                let seen = &case.observation.as_ref().unwrap().peer;
                let alerted = matches!(seen.end, PeerEnd::Alert(_));
                assert!(alerted, "{} over {transport:?}: {seen:?}", case.id);
                refusals += 1;
            }
        }
        assert!(refusals > 3, "{refusals} refusals prove little");
    }
}
