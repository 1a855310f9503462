//! A second oracle, which knows nothing of courses: it asks at every instant of a small history what the
//! facts are, and must agree with the first on every call.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use mtls_gauntlet::expect::HandshakeKind;
use mtls_gauntlet::oracle::check::check;
use mtls_gauntlet::oracle::findings::Invariant;
use mtls_gauntlet::oracle::history::{
    Call, CallOutcome, Certificate, Change, ClockChange, Connection, Fact, History, WindowKind,
};
use mtls_gauntlet::scenario::fleet::{Canary, Limits, Windows};
use mtls_gauntlet::scenario::span::Span;

const PARTIES: [&str; 3] = ["a", "b", "c"];
const ANCHORS: [&str; 2] = ["r", "q"];
const END: u64 = 30;

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn the_oracle_agrees_with_one_that_samples(history in history()) {
        for call in &history.calls {
            let alone = History { calls: vec![call.clone()], ..history.clone() };
            let findings = check(&alone, &Limits { recovery: 0, ..Limits::default() });
            let instants = call.invoked..=call.completed;
            let brute = Brute { history: &history, call };
            // Who presents what is no good, and was not asked to, has no excuse.
            let excused = call.outcome.accepted() || !brute.presents_unasked();
            let trusts = |at| if excused { brute.trusts(at) } else { YES };
            let due = instants.clone().all(|at| brute.may(at).min(trusts(at)).min(brute.well(at)) == YES);
            let forbidden = !due && instants.clone().all(|at| brute.may(at).min(brute.trusts(at)) == NO);
            prop_assert_eq!(findings.calls.due, u64::from(due), "due: {:?}", call);
            prop_assert_eq!(findings.calls.forbidden, u64::from(forbidden), "forbidden: {:?}", call);
            prop_assert_eq!(findings.calls.grey, u64::from(!due && !forbidden));
            let accepted = call.outcome.accepted();
            let let_in = findings.violations.iter().any(|violation| matches!(
                violation.invariant,
                Invariant::FailsClosed | Invariant::NoDowngrade | Invariant::BoundsLineage
            ));
            prop_assert_eq!(let_in, forbidden && accepted);
            let lost = findings.violations.iter().any(|violation| violation.invariant == Invariant::Serves);
            prop_assert_eq!(lost, due && !accepted);
        }
    }

    #[test]
    fn the_parts_add_up(history in history()) {
        let all = check(&history, &Limits::default()).calls;
        prop_assert_eq!(all.all, history.calls.len() as u64);
        prop_assert_eq!(all.due + all.forbidden + all.grey, all.all);
        prop_assert!(all.served <= all.due && all.let_in <= all.forbidden);
    }
}

/// The chance histories are worth something only if all three kinds of calls are in them.
#[test]
fn chance_finds_calls_of_every_kind() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut due, mut forbidden, mut grey) = (0, 0, 0);
    for _ in 0..300 {
        let history = history().new_tree(&mut runner).unwrap().current();
        let calls = check(&history, &Limits::default()).calls;
        due += calls.due;
        forbidden += calls.forbidden;
        grey += calls.grey;
    }
    assert!(
        due > 50 && forbidden > 50 && grey > 50,
        "{due} {forbidden} {grey}"
    );
}

const NO: u8 = 0;
const PERHAPS: u8 = 1;
const YES: u8 = 2;

/// What one call rests on, worked out anew for each instant.
struct Brute<'h> {
    history: &'h History,
    call: &'h Call,
}

impl Brute<'_> {
    fn may(&self, at: u64) -> u8 {
        let server = &self.call.server;
        if self.call.canary == Some(Canary::Plaintext) {
            return self.fact(server, &Fact::TakesPlaintext, false, at);
        }
        let Some(serial) = self.call.serial else {
            return self.fact(server, &Fact::TakesAnonymous, false, at);
        };
        let admits = self.fact(server, &Fact::Admits(self.call.caller.clone()), false, at);
        let fresh = self.fact(server, &Fact::ListIsFresh, true, at);
        admits.min(fresh).min(self.chain(server, serial, at))
    }

    fn trusts(&self, at: u64) -> u8 {
        let presented = self.call.presented;
        presented.map_or(YES, |serial| self.chain(&self.call.caller, serial, at))
    }

    fn presents_unasked(&self) -> bool {
        let all = &self.history.certificates;
        let presented = all
            .iter()
            .find(|one| Some(one.serial) == self.call.presented);
        let asked = |serial| {
            let mut changes = self.history.changes.iter();
            changes.any(|change| change.fact == Fact::Presents(serial))
        };
        presented.is_some_and(|one| one.defect.is_some() && !asked(one.serial))
    }

    fn well(&self, at: u64) -> u8 {
        let server = self.fact(&self.call.server, &Fact::Well, true, at);
        server.min(self.fact(&self.call.caller, &Fact::Well, true, at))
    }

    fn chain(&self, verifier: &str, serial: u64, at: u64) -> u8 {
        let find = |serial| {
            self.history
                .certificates
                .iter()
                .find(|one| one.serial == serial)
        };
        let Some(leaf) = find(serial) else { return NO };
        let mut truth = self.fact(verifier, &Fact::Trusts(leaf.anchor.clone()), false, at);
        let mut next = Some(leaf);
        while let Some(one) = next {
            truth = truth
                .min(self.fact(verifier, &Fact::InForce(one.serial), true, at))
                .min(self.valid(verifier, one, at))
                .min(if one.defect.is_some() { NO } else { YES });
            next = one.issuer.and_then(find);
        }
        truth
    }

    fn longer(&self) -> u64 {
        let windows = &self.history.windows;
        let connection = &self.call.connection;
        let mut longer = 0;
        if connection.reused {
            longer += windows.connection.as_micros();
        }
        if connection.handshake == Some(HandshakeKind::Resumed) {
            longer += windows.resumption.as_micros();
        }
        longer
    }

    fn fact(&self, verifier: &str, fact: &Fact, unless_said: bool, at: u64) -> u8 {
        let windows = &self.history.windows;
        let mut holds = unless_said;
        let mut grey_until = 0;
        for change in &self.history.changes {
            let concerns = change
                .party
                .as_deref()
                .is_none_or(|party| party == verifier);
            if change.at > at || !concerns || change.fact != *fact || change.holds == holds {
                continue;
            }
            holds = change.holds;
            let window = match change.window {
                WindowKind::None => Span::ZERO,
                WindowKind::Leaf => windows.leaf,
                WindowKind::Bundle => windows.bundle,
                WindowKind::Crl => windows.crl,
                WindowKind::Policy => windows.policy,
                WindowKind::Heal => windows.heal,
            };
            let initial = change.at == 0 && change.step.is_none();
            grey_until = if initial {
                0
            } else {
                change.at + window.as_micros() + self.longer()
            };
        }
        match holds {
            _ if at < grey_until => PERHAPS,
            true => YES,
            false => NO,
        }
    }

    fn valid(&self, verifier: &str, certificate: &Certificate, at: u64) -> u8 {
        let tolerance = self.history.windows.clock.as_micros() as i64;
        let longer = self.longer() as i64;
        let wall = |at: u64, before: bool| {
            let settings = self.history.clocks.iter().filter(|change| {
                let concerns = change
                    .party
                    .as_deref()
                    .is_none_or(|party| party == verifier);
                concerns && (change.at < at || (change.at == at && !before))
            });
            self.history.began + at as i64 + settings.map(|change| change.by).sum::<i64>()
        };
        // Valid by a clock that is wrong by this much?
        let by = |wall: i64, wrong: i64, longer: i64| {
            certificate.not_before <= certificate.not_after
                && certificate.not_before <= wall + wrong
                && wall + wrong <= certificate.not_after + longer
        };
        let truth = |wall: i64| {
            let wrongs = -tolerance..=tolerance;
            if wrongs.clone().all(|wrong| by(wall, wrong, 0)) {
                YES
            } else if wrongs.clone().any(|wrong| by(wall, wrong, longer)) {
                PERHAPS
            } else {
                NO
            }
        };
        let blurred = (1..=at).any(|set| {
            let (before, after) = (truth(wall(set, true)), truth(wall(set, false)));
            let past = wall(set, false) > certificate.not_after;
            let blur = tolerance + if past { longer } else { 0 };
            before != after && (at as i64) < set as i64 + blur
        });
        if blurred {
            PERHAPS
        } else {
            truth(wall(at, false))
        }
    }
}

fn history() -> impl Strategy<Value = History> {
    let windows = vec(0u64..4, 8);
    let certificates = vec(certificate(), 4);
    let clocks = vec((0..END, party(), -12i64..12), 0..3);
    let calls = vec(call(), 1..6);
    (windows, certificates, vec(change(), 0..12), clocks, calls).prop_map(
        |(windows, certificates, changes, clocks, calls)| {
            let mut changes = [initially(), changes].concat();
            changes.sort_by_key(|change| change.at);
            let mut clocks: Vec<ClockChange> = clocks
                .into_iter()
                .map(|(at, party, by)| ClockChange { at, party, by })
                .collect();
            clocks.sort_by_key(|change| change.at);
            let span = |index: usize| Span::micros(windows[index]);
            History {
                windows: Windows {
                    leaf: span(0),
                    bundle: span(1),
                    crl: span(2),
                    policy: span(3),
                    connection: span(4),
                    resumption: span(5),
                    clock: span(6),
                    heal: span(7),
                },
                began: 100,
                certificates: certificates
                    .into_iter()
                    .zip(1..)
                    .map(|(certificate, serial)| Certificate {
                        serial,
                        // Issuers have smaller numbers, so that there are no circles.
                        issuer: certificate.issuer.filter(|issuer| *issuer < serial),
                        ..certificate
                    })
                    .collect(),
                changes,
                clocks,
                calls: calls
                    .into_iter()
                    .zip(0..)
                    .map(|(call, id)| Call { id, ..call })
                    .collect(),
                warm_until: END / 4,
                settled_from: END,
                end: END * 2,
                ..History::default()
            }
        },
    )
}

/// Without these nearly everything would be forbidden all the time.
fn initially() -> Vec<Change> {
    let facts = [
        Fact::Trusts("r".into()),
        Fact::Trusts("q".into()),
        Fact::Admits("a".into()),
        Fact::Admits("b".into()),
    ];
    let changes = facts.into_iter().map(|fact| Change {
        at: 0,
        step: None,
        party: None,
        fact,
        holds: true,
        window: WindowKind::None,
    });
    changes.collect()
}

fn party() -> impl Strategy<Value = Option<String>> {
    option::of(select(PARTIES.to_vec()).prop_map(String::from))
}

fn certificate() -> impl Strategy<Value = Certificate> {
    (
        select(ANCHORS.to_vec()),
        option::weighted(0.3, 1u64..4),
        prop_oneof![2 => Just(0i64), 1 => 95i64..115],
        prop_oneof![2 => Just(1000i64), 1 => 105i64..130],
        option::weighted(0.1, Just("defect".to_owned())),
    )
        .prop_map(
            |(anchor, issuer, not_before, not_after, defect)| Certificate {
                bridge: None,
                serial: 0,
                holder: "a".into(),
                issuer,
                anchor: anchor.into(),
                not_before,
                not_after,
                defect,
                issued: 0,
            },
        )
}

fn change() -> impl Strategy<Value = Change> {
    let name = || select(PARTIES.to_vec()).prop_map(String::from);
    let fact = prop_oneof![
        select(ANCHORS.to_vec()).prop_map(|anchor| Fact::Trusts(anchor.into())),
        (1u64..5).prop_map(Fact::InForce),
        name().prop_map(Fact::Admits),
        Just(Fact::TakesPlaintext),
        Just(Fact::TakesAnonymous),
        Just(Fact::ListIsFresh),
        Just(Fact::Well),
    ];
    let window = select(vec![
        WindowKind::None,
        WindowKind::Leaf,
        WindowKind::Bundle,
        WindowKind::Crl,
        WindowKind::Policy,
        WindowKind::Heal,
    ]);
    (
        0..END,
        option::of(Just(0)),
        party(),
        fact,
        any::<bool>(),
        window,
    )
        .prop_map(|(at, step, party, fact, holds, window)| Change {
            at,
            step,
            party,
            fact,
            holds,
            window,
        })
}

fn call() -> impl Strategy<Value = Call> {
    let outcome = prop_oneof![
        3 => Just(CallOutcome::Accepted),
        2 => Just(CallOutcome::Refused("no".into())),
        1 => Just(CallOutcome::RefusedServer("no".into())),
        1 => Just(CallOutcome::TimedOut),
    ];
    let handshake = select(vec![
        None,
        Some(HandshakeKind::Full),
        Some(HandshakeKind::Resumed),
    ]);
    let canary = option::weighted(0.1, Just(Canary::Plaintext));
    (
        (select(PARTIES.to_vec()), select(PARTIES.to_vec()), canary),
        (option::weighted(0.9, 1u64..6), option::of(1u64..6)),
        (0..END, 0u64..6),
        (any::<bool>(), handshake),
        outcome,
    )
        .prop_map(
            |(
                (caller, server, canary),
                (serial, presented),
                (invoked, length),
                (reused, handshake),
                outcome,
            )| Call {
                id: 0,
                caller: caller.into(),
                server: server.into(),
                canary,
                serial,
                invoked,
                completed: invoked + length,
                connection: Connection {
                    opened: invoked,
                    reused,
                    handshake,
                    verified: None,
                },
                outcome,
                presented,
                server_view: None,
            },
        )
}
