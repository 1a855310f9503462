//! The mint: who issues whom, what scenarios share, what is presented and trusted.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mtls_gauntlet::clock::Clock;
use mtls_gauntlet::pki::mint::{Mint, Pki};
use mtls_gauntlet::scenario::{Role, load};
use mtls_gauntlet::seed::Seed;
use rustls::RootCertStore;
use rustls::pki_types::UnixTime;
use rustls::server::WebPkiClientVerifier;
use x509_parser::prelude::*;

use crate::support::{
    NOW, extension, is_signed_by, mint, openssl_verify, parse, pki, pool, recipes, try_pki,
};

fn text(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn purposes(pki: &Pki, entry: &str) -> (bool, bool) {
    let minted = pki.certificate(entry).unwrap();
    let certificate = parse(&minted.der);
    let usage = certificate.extended_key_usage().unwrap().unwrap().value;
    (usage.server_auth, usage.client_auth)
}

#[test]
fn the_baseline_verifies_from_peer_to_root() {
    let pki = pki("");
    assert_eq!(pki.default_presents("peer").unwrap(), ["peer", "issuing"]);
    assert_eq!(pki.default_presents("root").unwrap(), ["root"]);

    let chain = ["peer", "issuing", "root", "root"].map(|name| pki.certificate(name).unwrap());
    for pair in chain.windows(2) {
        let certificate = parse(&pair[0].der);
        assert_eq!(certificate.issuer().as_raw(), &*pair[1].subject);
        assert!(is_signed_by(&certificate, &pair[1].spki));
        assert!(
            certificate
                .validity()
                .is_valid_at(ASN1Time::from_timestamp(NOW).unwrap())
        );
    }
    assert_eq!(
        parse(&chain[0].der).subject().to_string(),
        "O=mtls-gauntlet, CN=peer"
    );
    if let Some((verified, text)) = openssl_verify(
        &chain[0].der,
        &chain[1].der,
        &chain[2].der,
        &["-x509_strict", "-purpose", "sslclient"],
    ) {
        assert!(verified, "{text}");
    }

    let mut roots = RootCertStore::empty();
    for anchor in pki.trust(&text(&["root"])).unwrap().anchors {
        roots.add(anchor).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .unwrap();
    let identity = pki.identity(None, None, "peer").unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(NOW.unsigned_abs()));
    verifier
        .verify_client_cert(&identity.chain[0], &identity.chain[1..], now)
        .unwrap();
}

#[test]
fn usages_follow_the_role_of_the_target() {
    let server = mint()
        .pki(&recipes("[extra]\nlike = \"peer\""), Role::Server, "s")
        .unwrap();
    let client = mint()
        .pki(&recipes("[extra]\nlike = \"peer\""), Role::Client, "c")
        .unwrap();
    let (serves, asks) = ((true, false), (false, true));
    assert_eq!(purposes(&server, "target"), serves);
    assert_eq!(purposes(&server, "peer"), asks);
    assert_eq!(purposes(&server, "extra"), asks);
    assert_eq!(purposes(&client, "target"), asks);
    assert_eq!(purposes(&client, "peer"), serves);
    assert_eq!(purposes(&client, "extra"), serves);
    let issuing = server.certificate("issuing").unwrap();
    assert!(extension(&parse(&issuing.der), "2.5.29.37").is_none());
}

#[test]
fn new_entries_stand_where_their_like_stands() {
    let pki = pki(
        "[rogue-root]\nlike = \"root\"\n[second]\nlike = \"issuing\"\n\
                   [below]\nlike = \"peer\"\nissuer = \"second\"\n[other]\nlike = \"target\"",
    );
    let issuer = |entry: &str| pki.certificate(entry).unwrap().issuer.to_string();
    assert_eq!(issuer("rogue-root"), "rogue-root");
    assert_eq!(issuer("second"), "root");
    assert_eq!(issuer("below"), "second");
    assert_eq!(issuer("other"), "issuing");
    assert_eq!(pki.default_presents("below").unwrap(), ["below", "second"]);
    let subject = pki.certificate("below").unwrap();
    assert_eq!(
        parse(&subject.der).subject().to_string(),
        "O=mtls-gauntlet, CN=below"
    );
    assert_ne!(
        pki.certificate("rogue-root").unwrap().spki,
        pki.certificate("root").unwrap().spki
    );
}

#[test]
fn the_target_keeps_out_of_what_is_done_to_issuing() {
    let mint = mint();
    let plain = mint.pki(&recipes(""), Role::Server, "a").unwrap();
    let changed = mint
        .pki(&recipes("[issuing]\nca = false"), Role::Server, "b")
        .unwrap();
    let target = changed.certificate("target").unwrap();
    assert_eq!(target.der, plain.certificate("target").unwrap().der);
    assert_eq!(
        changed.lineage("target").unwrap(),
        plain.lineage("target").unwrap()
    );
    assert_eq!(
        changed.default_presents("target").unwrap(),
        ["target", "baseline/issuing"]
    );
    let identity = changed.identity(None, None, "target").unwrap();
    assert_eq!(identity.chain[1], plain.certificate("issuing").unwrap().der);
    assert_ne!(
        identity.chain[1],
        changed.certificate("issuing").unwrap().der
    );

    let moved = mint
        .pki(
            &recipes("[issuing]\nca = false\n[target]\nissuer = \"issuing\""),
            Role::Server,
            "c",
        )
        .unwrap();
    let presented = moved.identity(None, None, "target").unwrap().chain;
    assert_eq!(presented[1], moved.certificate("issuing").unwrap().der);
}

#[test]
fn authorities_and_the_target_are_shared_and_peers_are_not() {
    let mint = mint();
    let first = mint
        .pki(&recipes("[extra]\nlike = \"root\""), Role::Server, "first")
        .unwrap();
    let second = mint
        .pki(&recipes("[extra]\nlike = \"root\""), Role::Server, "second")
        .unwrap();
    for shared in ["root", "issuing", "target", "extra"] {
        let minted = first.certificate(shared).unwrap();
        assert!(
            Arc::ptr_eq(&minted, &second.certificate(shared).unwrap()),
            "{shared}"
        );
    }
    let peers = [&first, &second].map(|pki| pki.certificate("peer").unwrap());
    assert_ne!(peers[0].serial, peers[1].serial);
    assert!(Arc::ptr_eq(&peers[0], &first.certificate("peer").unwrap()));
    assert!(Arc::ptr_eq(&peers[0].key, &peers[1].key));

    let other = mint
        .pki(
            &recipes("[root]\nnot-after = \"+1d\""),
            Role::Server,
            "first",
        )
        .unwrap();
    assert_ne!(
        other.certificate("root").unwrap().der,
        first.certificate("root").unwrap().der
    );
    let root = first.certificate("root").unwrap();
    assert_eq!(other.certificate("root").unwrap().spki, root.spki);
}

#[test]
fn serials_repeat_with_the_seed_and_the_label() {
    let serial = |seed: u64, label: &str, entry: &str| {
        let mint = Mint::new(Clock::at(NOW), Seed(seed), pool());
        let pki = mint.pki(&recipes(""), Role::Server, label).unwrap();
        pki.certificate(entry).unwrap().serial.clone()
    };
    for entry in ["root", "issuing", "target", "peer"] {
        assert_eq!(serial(1, "a", entry), serial(1, "a", entry));
        assert_ne!(serial(1, "a", entry), serial(2, "a", entry));
    }
    assert_ne!(serial(1, "a", "peer"), serial(1, "b", "peer"));
    assert_eq!(serial(1, "a", "issuing"), serial(1, "b", "issuing"));
    assert_ne!(serial(1, "a", "issuing"), serial(1, "a", "root"));
}

#[test]
fn minting_anew_changes_the_serial_alone() {
    let pki = pki("");
    let first = pki.certificate("peer").unwrap();
    let (second, third) = (pki.remint("peer").unwrap(), pki.remint("peer").unwrap());
    assert_ne!(first.serial, second.serial);
    assert_ne!(second.serial, third.serial);
    assert_eq!(pki.certificate("peer").unwrap().der, first.der);
    assert_eq!(second.certificates, std::slice::from_ref(&second.der));
    let (before, after) = (parse(&first.der), parse(&second.der));
    assert_eq!(after.raw_serial(), second.serial);
    assert_eq!(before.subject(), after.subject());
    assert_eq!(before.validity(), after.validity());
    assert_eq!(before.extensions(), after.extensions());
    assert!(is_signed_by(
        &after,
        &pki.certificate("issuing").unwrap().spki
    ));
}

#[test]
fn threads_that_ask_at_once_get_the_same() {
    let mint = mint();
    let pki = mint.pki(&recipes(""), Role::Server, "threads").unwrap();
    let ders = thread::scope(|scope| {
        let asked: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| pki.certificate("peer").unwrap().der.clone()))
            .collect();
        asked
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert!(ders.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn keys_can_be_shared_by_name() {
    let pki = pki("[root]\nkey = \"p384\"\n\
                   [again]\nlike = \"root\"\nkey-of = \"root\"\nsubject = [\"CN=root\"]");
    let root = pki.certificate("root").unwrap();
    let again = pki.certificate("again").unwrap();
    assert_eq!(root.spki, again.spki);
    assert_ne!(root.serial, again.serial);
    assert!(is_signed_by(&parse(&again.der), &root.spki));
    assert!(pki.lineage("again").unwrap().contains("key of root"));
}

#[test]
fn an_rsa_rogue_does_not_share_the_true_key() {
    let pki = pki("[root]\nkey = \"rsa2048\"\n[issuing]\nkey = \"rsa2048\"\n\
                   [rogue]\nlike = \"root\"\nkey = \"rsa2048\"");
    let spki = |entry: &str| pki.certificate(entry).unwrap().spki.clone();
    assert_ne!(spki("root"), spki("issuing"));
    assert_ne!(spki("root"), spki("rogue"));
}

#[test]
fn a_chain_is_presented_from_the_last_to_the_first() {
    let pki = pki("[issuing]\nchain = 4");
    assert_eq!(pki.default_presents("peer").unwrap(), ["peer", "issuing"]);
    let presented = pki.identity(None, None, "peer").unwrap().chain;
    let subjects: Vec<String> = presented
        .iter()
        .map(|der| parse(der).subject().to_string())
        .collect();
    let expected = ["peer", "issuing", "issuing-3", "issuing-2", "issuing-1"];
    assert_eq!(
        subjects,
        expected.map(|name| format!("O=mtls-gauntlet, CN={name}"))
    );
    let mut above = pki.certificate("root").unwrap().spki.clone();
    for name in ["issuing-1", "issuing-2", "issuing-3", "issuing", "peer"] {
        let minted = pki.certificate(name).unwrap();
        assert!(is_signed_by(&parse(&minted.der), &above), "{name}");
        above = Arc::clone(&minted.spki);
    }
    let long = try_pki("[issuing]\nchain = 2000").unwrap();
    assert!(long.lineage("issuing-1999").unwrap().len() < 5_000);
    assert_eq!(long.identity(None, None, "peer").unwrap().chain.len(), 2001);
}

#[test]
fn copies_differ_in_their_serials_alone() {
    let pki = pki("[issuing]\ncopies = 3");
    let minted = pki.certificate("issuing").unwrap();
    assert_eq!(minted.certificates.len(), 3);
    assert_eq!(minted.certificates[0], minted.der);
    let parsed: Vec<_> = minted.certificates.iter().map(|der| parse(der)).collect();
    let mut serials: Vec<_> = parsed
        .iter()
        .map(|certificate| certificate.raw_serial())
        .collect();
    serials.dedup();
    assert_eq!(serials.len(), 3);
    for certificate in &parsed {
        assert_eq!(certificate.subject(), parsed[0].subject());
        assert_eq!(certificate.public_key(), parsed[0].public_key());
    }
    assert_eq!(pki.trust(&text(&["issuing"])).unwrap().anchors.len(), 3);
}

#[test]
fn identities_present_and_sign_as_told() {
    let pki = pki("[other]\nlike = \"peer\"");
    let key = |entry: &str| pki.certificate(entry).unwrap().key.clone();

    let usual = pki.identity(None, None, "peer").unwrap();
    assert_eq!(usual.chain.len(), 2);
    assert!(Arc::ptr_eq(&usual.key, &key("peer")));

    let none = pki.identity(Some(&[]), None, "peer").unwrap();
    assert!(none.chain.is_empty());
    assert!(Arc::ptr_eq(&none.key, &key("peer")));

    let told = pki
        .identity(Some(&text(&["other", "root"])), None, "peer")
        .unwrap();
    assert_eq!(told.chain[1], pki.certificate("root").unwrap().der);
    assert!(Arc::ptr_eq(&told.key, &key("other")));

    let thief = pki.identity(None, Some("other"), "peer").unwrap();
    assert_eq!(thief.chain, usual.chain);
    assert!(Arc::ptr_eq(&thief.key, &key("other")));

    assert!(
        pki.identity(Some(&text(&["nobody"])), None, "peer")
            .is_err()
    );
    assert!(pki.trust(&text(&["nobody"])).is_err());
    assert!(pki.trust(&[]).unwrap().anchors.is_empty());
}

#[test]
fn lineages_say_all_but_the_random_parts() {
    let lineage =
        |tables: &str, entry: &str| try_pki(tables).unwrap().lineage(entry).unwrap().to_owned();
    let peer = lineage("", "peer");
    assert_eq!(peer, lineage("[other]\nlike = \"peer\"", "peer"));
    assert_eq!(peer, lineage("[peer]\nkey = \"p256\"", "peer"));
    for change in [
        "[peer]\nnot-after = \"+2d\"",
        "[issuing]\nnot-after = \"+2d\"",
        "[root]\nkey = \"p384\"",
        "[peer]\nmangle = [\"flip-signature\"]",
        "[peer]\nissuer = \"root\"",
        "[issuing]\nchain = 2",
    ] {
        assert_ne!(peer, lineage(change, "peer"), "{change}");
    }
    assert_eq!(
        lineage("", "root"),
        lineage("[issuing]\nca = false", "root")
    );
    // Only the first of a chain repeats the recipe.
    assert!(lineage("[issuing]\nchain = 50", "peer").len() < 5_000);
}

/// Every scenario that is built in can be minted, whichever part its target plays.
#[test]
fn every_scenario_mints() {
    let mint = mint();
    let mut failures = Vec::new();
    let scenarios = load::built_in().unwrap();
    assert!(!scenarios.is_empty());
    for scenario in &scenarios {
        for role in &scenario.roles {
            let mut check = |what: &str, result: Result<(), String>| {
                if let Err(error) = result {
                    failures.push(format!("{} {role} {what}: {error}", scenario.id));
                }
            };
            let pki = match mint.pki(&scenario.pki, *role, &scenario.id) {
                Ok(pki) => pki,
                Err(error) => {
                    check("pki", Err(error.to_string()));
                    continue;
                }
            };
            for name in scenario
                .pki
                .keys()
                .map(String::as_str)
                .chain(["target", "peer"])
            {
                let minted = pki.certificate(name);
                check(name, minted.map(drop).map_err(|error| error.to_string()));
            }
            for (name, recipe) in &scenario.crl {
                let crl = pki.crl(name, recipe);
                check(name, crl.map(drop).map_err(|error| error.to_string()));
            }
            if let Some(recipe) = &scenario.ocsp {
                let staple = pki.staple(recipe);
                check("ocsp", staple.map(drop).map_err(|error| error.to_string()));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
