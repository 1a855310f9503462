//! Reloading: a target that runs takes other trust anchors, by each of the ways that descriptors know.
//!
//! A target that is not installed is left out; where `MTLS_GAUNTLET_TARGETS` is set, as `.ci/run` does, it
//! must be there.

use std::sync::Arc;
use std::time::Duration;

use mtls_gauntlet::clock::Clock;
use mtls_gauntlet::judge::Evidence;
use mtls_gauntlet::net::Transport;
use mtls_gauntlet::pki::key::KeyPool;
use mtls_gauntlet::pki::mint::Mint;
use mtls_gauntlet::run::attempt::attempt;
use mtls_gauntlet::run::environment::{Patience, Stage};
use mtls_gauntlet::scenario::load::parse;
use mtls_gauntlet::scenario::{Role, TlsVersion};
use mtls_gauntlet::seed::Seed;
use mtls_gauntlet::target::{Running, registry};

/// How often a peer tries to see the change, and how long it waits in between: Apache takes two seconds.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(50);

#[test]
fn by_a_signal() {
    takes_other_anchors("nginx");
}

#[test]
fn by_a_signal_to_the_leader_alone() {
    takes_other_anchors("haproxy");
}

#[test]
fn by_a_command() {
    takes_other_anchors("caddy");
}

#[test]
fn by_an_administrative_socket() {
    takes_other_anchors("redis");
}

#[test]
fn by_itself() {
    takes_other_anchors("envoy");
}

#[test]
fn by_the_shim_contract() {
    takes_other_anchors("python");
    takes_other_anchors("go");
}

fn takes_other_anchors(name: &str) {
    let target = registry::find(name).unwrap();
    if let Some(why) = target.absent() {
        assert!(
            std::env::var_os("MTLS_GAUNTLET_TARGETS").is_none(),
            "{name}: {why}"
        );
        println!("left out: {why}");
        return;
    }
    let before = stage("");
    let after = stage(
        "[target]\ntrusts = [\"other\"]\n[pki.other]\nlike = \"root\"\n\
                       [pki.issuing]\nissuer = \"other\"\n",
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let environment = before.environment();
        let mut running = target.start(environment, Transport::Tcp).await.unwrap();
        assert!(
            before.accepted_by(running.as_ref()).await,
            "{name}: the peer of before, before"
        );
        assert!(
            !after.accepted_by(running.as_ref()).await,
            "{name}: the peer of after, before"
        );
        running.reload(after.environment()).await.unwrap();
        let mut tries = 0;
        while !after.accepted_by(running.as_ref()).await {
            tries += 1;
            assert!(
                tries < TRIES,
                "{name}: the peer of after was never accepted"
            );
            tokio::time::sleep(PAUSE).await;
        }
        // Old workers may take a connection or two before they go.
        while before.accepted_by(running.as_ref()).await {
            tries += 1;
            assert!(
                tries < TRIES,
                "{name}: the peer of before was never refused"
            );
            tokio::time::sleep(PAUSE).await;
        }
        running.stop().await;
    });
}

/// A world: what the target is given in it, and a peer that belongs there.
struct World {
    mint: Arc<Mint>,
    stage: Stage,
}

fn stage(delta: &str) -> World {
    let text = format!(
        "title = \"A peer is accepted\"\nlevel = \"must\"\nspec = [\"RFC 8446\"]\nwhy = \"It is.\"\n\
         [expect]\noutcome = \"accept\"\n{delta}"
    );
    let scenario = Arc::new(parse("family/name", "name.toml", &text).unwrap());
    let mint = Mint::new(Clock::start(), Seed(1), Arc::new(KeyPool::new(Seed(1))));
    let stage = Stage::new(&mint, scenario, Role::Server, "reload").unwrap();
    World { mint, stage }
}

impl World {
    fn environment(&self) -> Arc<mtls_gauntlet::target::Environment> {
        Arc::new(
            self.stage
                .environment(&self.mint, self.stage.pki())
                .unwrap(),
        )
    }

    async fn accepted_by(&self, running: &dyn Running) -> bool {
        let patience = Patience {
            listen: Duration::from_millis(250),
            deadline: Duration::from_secs(60),
        };
        let peer = self.stage.peer(TlsVersion::Tls13, patience).unwrap();
        let evidence = attempt(running, Role::Server, &peer, Transport::Tcp).await;
        matches!(evidence, Evidence::Observed(seen) if seen.accepted())
    }
}
