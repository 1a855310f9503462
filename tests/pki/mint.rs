//! Recipes become certificates that say what was asked for.

use x509_parser::prelude::*;

use crate::support::pki;

#[test]
fn the_baseline_verifies_from_peer_to_root() {
    let pki = pki("");
    let names = pki.default_presents("peer").unwrap();
    assert_eq!(names, ["peer", "issuing"]);

    let chain = ["peer", "issuing", "root"].map(|name| pki.certificate(name).unwrap());
    let parsed = chain
        .each_ref()
        .map(|minted| X509Certificate::from_der(&minted.der).unwrap().1);
    for pair in parsed.windows(2) {
        assert_eq!(pair[0].issuer().as_raw(), pair[1].subject().as_raw());
    }
}
