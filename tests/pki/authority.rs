//! Roots from outside: which are taken, and what hangs under one.

use std::sync::Arc;

use mtls_gauntlet::clock::Clock;
use mtls_gauntlet::pki::authority::{Authority, AuthorityError};
use mtls_gauntlet::pki::key::{Key, KeyPool};
use mtls_gauntlet::pki::mint::Mint;
use mtls_gauntlet::pki::recipe::Recipes;
use mtls_gauntlet::scenario::Role;
use mtls_gauntlet::seed::Seed;

use crate::support::{NOW, is_signed_by, parse, pki};

const YEAR: i64 = 365 * 24 * 3600;

/// Another program's copy of this key.
fn copy(key: &Key) -> Key {
    Key::from_pem(&key.pem()).unwrap()
}

/// What is said of this entry as a root, at this time.
fn root_of(tables: &str, entry: &str, now: i64) -> Result<Authority, AuthorityError> {
    let pki = pki(tables);
    let minted = pki.certificate(entry).unwrap();
    Authority::root(minted.der.clone(), copy(&minted.key), Clock::at(now))
}

#[test]
fn only_a_root_with_its_own_key_that_is_valid_now_is_one() {
    assert!(root_of("", "root", NOW).is_ok());
    for (tables, entry, now, why) in [
        ("", "root", NOW + 11 * YEAR, AuthorityError::Expired),
        ("", "root", NOW - 2 * YEAR, AuthorityError::NotYetValid),
        ("", "issuing", NOW, AuthorityError::NoRoot),
        ("[root]\nca = false", "root", NOW, AuthorityError::NoRoot),
        (
            "[root]\nkey = \"ed25519\"",
            "root",
            NOW,
            AuthorityError::AnotherKind,
        ),
        (
            "[root]\nski = \"0102\"",
            "root",
            NOW,
            AuthorityError::AnotherIdentifier,
        ),
    ] {
        assert_eq!(root_of(tables, entry, now).unwrap_err(), why, "{entry}");
    }
    let pki = pki("");
    let other = copy(&pki.key("issuing").unwrap());
    let der = pki.certificate("root").unwrap().der.clone();
    let refused = Authority::root(der, other, Clock::at(NOW)).unwrap_err();
    assert_eq!(refused, AuthorityError::AnotherKey);
    let garbage = vec![0x30, 0x00].into();
    let refused = Authority::root(garbage, copy(&pki.key("root").unwrap()), Clock::at(NOW));
    assert_eq!(refused.unwrap_err(), AuthorityError::NoCertificate);
}

#[test]
fn what_scenarios_leave_alone_hangs_under_it_in_every_run() {
    let installed = pki("").certificate("root").unwrap();
    let mint = |now| {
        let clock = Clock::at(now);
        let root =
            Authority::root(installed.der.clone(), copy(&installed.key), clock.clone()).unwrap();
        let seed = Seed(7);
        Mint::under(root, clock, seed, Arc::new(KeyPool::new(seed))).unwrap()
    };
    let (one, next) = (mint(NOW), mint(NOW + 60));
    let mut serials = Vec::new();
    for mint in [&one, &next] {
        for role in Role::ALL {
            let pki = mint.pki(&Recipes::new(), role, "test").unwrap();
            assert_eq!(pki.certificate("root").unwrap().der, installed.der);
            let issuing = pki.certificate("issuing").unwrap();
            assert!(is_signed_by(&parse(&issuing.der), &installed.spki));
            serials.push(issuing.serial.clone());
        }
    }
    assert_eq!(serials[0], serials[1]);
    assert_ne!(serials[0], serials[2], "one number for two certificates");
}

#[test]
fn a_root_that_a_scenario_changes_is_another() {
    let installed = pki("").certificate("root").unwrap();
    let clock = Clock::at(NOW);
    let root = Authority::root(installed.der.clone(), copy(&installed.key), clock.clone()).unwrap();
    let seed = Seed(7);
    let mint = Mint::under(root, clock, seed, Arc::new(KeyPool::new(seed))).unwrap();
    let recipes = toml::from_str("[root]\npath-len = 3").unwrap();
    let pki = mint.pki(&recipes, Role::Server, "test").unwrap();
    assert_ne!(pki.certificate("root").unwrap().der, installed.der);
}
