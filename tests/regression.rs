//! One test for each bug that was found, named after it.
//!
//! A test here fails on the code as it was and says in its first line what a user saw. It stays as it
//! is when the code around it is rewritten.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use mtls_gauntlet::judge::Verdict;
use mtls_gauntlet::net::Transport;
use mtls_gauntlet::observe::{PeerEnd, TargetEnd};
use mtls_gauntlet::run::Plan;
use mtls_gauntlet::run::environment::Stage;
use mtls_gauntlet::run::event::Event;
use mtls_gauntlet::scenario::Role;
use mtls_gauntlet::scenario::expand::expand;
use mtls_gauntlet::scenario::load;

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

/// Now and then a case hung whose target had accepted the peer: connections that nobody asks about (a
/// crowd's, for one) left a view behind, their ports came round again, and the next connection from
/// there was taken for refused before it had begun.
#[test]
fn the_view_of_a_connection_is_no_view_of_the_next_from_its_port() {
    let plan = Rig::default().plan(&[], &[]);
    let scenario = Arc::clone(&rig::case("baseline/full-chain/server/tls1.3").scenario);
    let stage = Stage::new(&plan.mint, scenario, Role::Server, "test").unwrap();
    let environment = stage.environment(&plan.mint, stage.pki()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let target = rig::rustls();
        let server = target
            .start(Arc::new(environment), Transport::Tcp)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        let address = server.address().unwrap();
        let nobody_s = address.dial().await.unwrap();
        let port = nobody_s.id();
        drop(nobody_s);
        let asked_about = address.dial().await.unwrap();
        let decided = server.decided(asked_about.id());
        let view = server.view(asked_about.id());
        drop(asked_about);
        assert!(matches!(decided.await.end, TargetEnd::Refused(_)));
        assert!(view.await.is_some(), "and the one before it is over too");
        assert_eq!(server.decided(port).now_or_never(), None);
    });
}

/// On a busy machine innocent targets were said to hang, and twins to be refused: a worker that waited
/// for an RSA key kept no time for the connections that it had under way, and their deadlines passed
/// all at once when it woke.
#[test]
fn who_waits_for_a_key_holds_up_no_connection() {
    let scenario = load::parse("test/rsa", "test/rsa.toml", RSA).unwrap();
    let mut cases = rig::cases(&["baseline/full-chain", "validity/expired", "validity/future"]);
    let quick = cases.len();
    cases.extend(expand(&[Arc::new(scenario)]));
    let rig = Rig {
        // Many times what a connection takes, and a fraction of what the keys take.
        deadline: Duration::from_secs(1),
        ..Rig::default()
    };
    let plan = Plan {
        jobs: 1,
        ..rig.plan(&[rig::rustls()], &cases)
    };
    let mut judged = Vec::new();
    mtls_gauntlet::run::run(&plan, &false.into(), |event| {
        if let Event::CaseJudged(case) = event {
            judged.push(case);
        }
    })
    .expect("every worker does its part");
    for case in &judged {
        assert_eq!(case.verdict, Verdict::Pass, "{}: {}", case.id, case.reason);
    }
    assert!(judged.len() > quick);
}

const RSA: &str = r#"
title = "Anchors with large keys are anchors"
level = "must"
spec = ["none"]
why = "To keep a worker waiting."
roles = ["server"]
tls = ["tls1.3"]
[pki.one]
like = "root"
key = "rsa4096"
[pki.two]
like = "root"
key = "rsa4096"
[pki.three]
like = "root"
key = "rsa4096"
[pki.four]
like = "root"
key = "rsa4096"
[target]
trusts = ["root", "one", "two", "three", "four"]
[expect]
outcome = "accept"
"#;

/// Now and then a run stood still for ever, at no load: a story copies what scenarios share, and while it did so
/// it held the list of all slots and waited for one of them, whose holder was minting and waited for the list.
#[test]
fn a_story_that_copies_the_mint_does_not_stop_those_who_mint() {
    const ROUNDS: usize = 300;
    const FOR_EVER: Duration = Duration::from_secs(120);
    let (told, done) = mpsc::channel();
    for _ in 0..ROUNDS {
        let plan = Rig::default().plan(&[], &[]);
        let scenario = Arc::clone(&rig::case("baseline/full-chain/server/tls1.3").scenario);
        let over = Arc::new(AtomicBool::new(false));
        let (mint, told, ended) = (Arc::clone(&plan.mint), told.clone(), Arc::clone(&over));
        thread::spawn(move || {
            let stage = Stage::new(&mint, scenario, Role::Server, "test").unwrap();
            // From the leaf up: each is being minted while its issuer is asked for.
            stage.pki().certificate("peer").unwrap();
            ended.store(true, Ordering::Relaxed);
            told.send(()).unwrap();
        });
        let mint = Arc::clone(&plan.mint);
        thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                drop(mint.apart(mint.clock()));
            }
        });
        done.recv_timeout(FOR_EVER).expect("nobody gets on");
    }
}
