//! What services keep, alarms, and the authority's load.

use insta::assert_snapshot;

use mtls_gauntlet::oracle::check::check;
use mtls_gauntlet::oracle::findings::Invariant;
use mtls_gauntlet::oracle::history::Sample;
use mtls_gauntlet::scenario::fleet::Limits;

use super::world::{PAYMENTS, S, certificate, found, lenient, sample, violated, witnesses, world};

#[test]
fn gives_back() {
    let ending_with = |last: Sample| {
        let mut history = world();
        let first = sample(&mut history, 0);
        (first.tasks, first.connections) = (2, 1);
        // The load is on at the end of the warm-up.
        let warm = sample(&mut history, 4 * S);
        (warm.tasks, warm.connections) = (10, 5);
        let middle = sample(&mut history, 10 * S);
        (middle.generations, middle.tasks, middle.connections) = (100, 1000, 1000);
        *sample(&mut history, 20 * S) = Sample {
            at: 20 * S,
            service: "inventory".into(),
            ..last
        };
        found(&history)
    };
    let kept = Sample {
        generations: 2,
        tasks: 36,
        connections: 26,
        ..Sample::default()
    };
    assert_eq!(violated(&ending_with(kept.clone())), []);
    for more in [
        Sample {
            generations: 3,
            ..kept.clone()
        },
        Sample {
            tasks: 37,
            ..kept.clone()
        },
        Sample {
            connections: 27,
            ..kept
        },
    ] {
        assert_eq!(violated(&ending_with(more)), [Invariant::GivesBack]);
    }
    let all = Sample {
        generations: 9,
        tasks: 900,
        connections: 900,
        ..Sample::default()
    };
    assert_snapshot!(witnesses(&ending_with(all)), @r"
    $1-3 (gives back): inventory at 20 s: 9 generations of its configuration are kept; 2 may be
    $1-3 (gives back): inventory at 20 s: 900 tasks, and 10 in the warm-up
    $1-3 (gives back): inventory at 20 s: 900 connections, and 5 in the warm-up
    ");
}

#[test]
fn tells() {
    let mut history = world();
    sample(&mut history, S).alarms = 9;
    sample(&mut history, 20 * S).alarms = 1;
    sample(&mut history, 20 * S).service = "ledger".into();
    history.samples[2].alarms = 2;
    let demanding = |alarms| {
        check(
            &history,
            &Limits {
                alarms,
                ..lenient()
            },
        )
    };
    assert_eq!(violated(&demanding(3)), []);
    assert_eq!(violated(&demanding(4)), [Invariant::Tells]);
    assert_snapshot!(witnesses(&demanding(4)), @"S7 (tells): 3 alarms were raised about bad material; there had to be 4");
}

#[test]
fn spares_the_authority() {
    let mut history = world();
    (history.warm_until, history.end) = (S, 25 * S);
    // One leaf in each second of a renewal period of 24, and another three in the tenth.
    let mut before = certificate(99, "holder 123", Some(PAYMENTS));
    before.issued = S / 2;
    history.certificates.push(before);
    for part in 0..24 {
        let holder = format!("holder {}", 100 + part);
        let mut one = certificate(100 + part, &holder, Some(PAYMENTS));
        one.issued = S + part * S + S / 2;
        history.certificates.push(one);
    }
    for serial in 200..203 {
        let mut one = certificate(serial, &format!("holder {serial}"), Some(PAYMENTS));
        one.issued = 10 * S + S / 2;
        history.certificates.push(one);
    }
    // Neither what was issued in the warm-up counts, nor an authority.
    history.certificates[1].issued = 10 * S + S / 2;
    let allowing = |limit| {
        let issuance_peak = Some(limit);
        check(
            &history,
            &Limits {
                issuance_peak,
                ..lenient()
            },
        )
    };
    assert_eq!(violated(&allowing(355)), []);
    assert_eq!(violated(&allowing(354)), [Invariant::SparesAuthority]);
    assert_snapshot!(witnesses(&allowing(150)), @"$5 (spares the authority): 4 of 27 leaves were issued within 1 s from 10 s, which is 3.55 times the mean; 1.50 times is the most");
    assert_eq!(violated(&found(&history)), [], "nobody set a limit");
}
