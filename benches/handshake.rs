//! What one connection costs: the peer meets the rustls target, in memory and over loopback TCP,
//! beside bare rustls over buffers. All is configured beforehand; a round is a full mutual handshake
//! with a round trip of application data, and the peer verifies nothing on either side.
//!
//! These are wall times, good for seeing where a change shows; the goals, as ratios of CPU time, are
//! in `pipeline.rs`.

use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use mtls_gauntlet::clock::Clock;
use mtls_gauntlet::judge::Evidence;
use mtls_gauntlet::net::Transport;
use mtls_gauntlet::pki::key::KeyPool;
use mtls_gauntlet::pki::mint::Mint;
use mtls_gauntlet::pki::recipe::KeyKind;
use mtls_gauntlet::run::attempt::attempt;
use mtls_gauntlet::run::environment::{Patience, Stage};
use mtls_gauntlet::scenario::{Role, Scenario, TlsVersion, load};
use mtls_gauntlet::seed::Seed;
use mtls_gauntlet::target::registry;
use tokio::runtime::Runtime;

use self::bare::Bare;

#[path = "shared/bare.rs"]
mod bare;

const ROLE: Role = Role::Server;

fn handshakes(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    let seed = Seed(1);
    let mint = Mint::new(Clock::start(), seed, Arc::new(KeyPool::new(seed)));
    for tls in TlsVersion::ALL {
        let mut group = criterion.benchmark_group(format!("handshake/{tls}"));
        for (name, kind) in [
            ("p256", KeyKind::P256),
            ("ed25519", KeyKind::Ed25519),
            ("rsa2048", KeyKind::Rsa2048),
        ] {
            let bare = Bare::new(kind).expect("bare certificates can be minted");
            let ends = bare.ends(ROLE, tls).expect("both ends can be configured");
            group.bench_function(BenchmarkId::new("bare", name), |bencher| {
                bencher.iter(|| ends.converse().expect("a handshake"));
            });
            let stage = stage(&mint, kind);
            for (carrier, transport) in [("memory", Transport::Memory), ("tcp", Transport::Tcp)] {
                group.bench_function(BenchmarkId::new(carrier, name), |bencher| {
                    let meet = meeting(&runtime, &mint, &stage, tls, transport);
                    bencher.iter(meet);
                });
            }
        }
        group.finish();
    }
}

/// Starts the target, and gives what lets the peer meet it once.
fn meeting(
    runtime: &Runtime,
    mint: &Arc<Mint>,
    stage: &Stage,
    tls: TlsVersion,
    transport: Transport,
) -> impl Fn() {
    let target = registry::find("rustls").expect("the rustls target is there");
    let environment = stage
        .environment(mint, stage.pki())
        .expect("the target's certificates can be minted");
    let patience = Patience {
        listen: Duration::from_millis(250),
        deadline: Duration::from_secs(5),
    };
    let peer = stage
        .peer(tls, patience)
        .expect("the peer's certificates can be minted");
    let running = runtime
        .block_on(target.start(Arc::new(environment), transport))
        .expect("the target starts");
    move || {
        let evidence = runtime.block_on(attempt(running.as_ref(), ROLE, &peer, transport));
        let accepted = matches!(&evidence, Evidence::Observed(seen) if seen.accepted());
        assert!(accepted, "the peer was not accepted: {evidence:?}");
    }
}

/// The plain scenario with every key of this kind.
fn stage(mint: &Arc<Mint>, kind: KeyKind) -> Stage {
    let scenarios = load::built_in().expect("the built-in scenarios are valid");
    let plain = scenarios
        .iter()
        .find(|scenario| scenario.id == "baseline/full-chain")
        .expect("there is a plain scenario");
    let mut scenario = Scenario::clone(plain);
    for name in load::BASELINE {
        let recipe = scenario.pki.entry(name.into()).or_default();
        recipe.key = Some(kind);
        if name == "target" {
            // Unless it is told, the target stays under the authorities that no scenario changes.
            recipe.issuer = Some("issuing".into());
        }
    }
    Stage::new(mint, Arc::new(scenario), ROLE, "handshake").expect("the recipes can be resolved")
}

criterion_group!(benches, handshakes);
criterion_main!(benches);
