//! A fixed amount of work for callgrind: as many mutual TLS 1.3 handshakes of the embedded service as it is told,
//! one after the other, in memory, on one thread, each confirmed by a round trip. `benches/instructions.sh` counts
//! the instructions of many and of few and divides the difference, so that what a process costs once falls out.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use mtls_gauntlet::clock::Clock;
use mtls_gauntlet::judge::Evidence;
use mtls_gauntlet::net::Transport;
use mtls_gauntlet::pki::key::KeyPool;
use mtls_gauntlet::pki::mint::Mint;
use mtls_gauntlet::run::attempt::attempt;
use mtls_gauntlet::run::environment::{Patience, Stage};
use mtls_gauntlet::scenario::{Role, TlsVersion, load};
use mtls_gauntlet::seed::Seed;
use mtls_gauntlet::target::registry;

fn main() -> Result<()> {
    // What `cargo bench` and `cargo test` add are no numbers.
    let told = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let handshakes: u32 = told.unwrap_or(1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let seed = Seed(1);
    let mint = Mint::new(Clock::start(), seed, Arc::new(KeyPool::new(seed)));
    let scenarios = load::built_in()?;
    let plain = scenarios
        .iter()
        .find(|scenario| scenario.id == "baseline/full-chain");
    let plain = Arc::clone(plain.context("there is no plain scenario")?);
    let stage = Stage::new(&mint, plain, Role::Server, "instructions")?;
    let environment = Arc::new(stage.environment(&mint, stage.pki())?);
    let patience = Patience {
        listen: Duration::from_millis(250),
        deadline: Duration::from_secs(600),
    };
    let peer = stage.peer(TlsVersion::Tls13, patience)?;
    let target = registry::find("rustls")?;
    runtime.block_on(async {
        let running = target.start(environment, Transport::Memory).await?;
        for _ in 0..handshakes {
            let seen = attempt(running.as_ref(), Role::Server, &peer, Transport::Memory).await;
            let accepted = matches!(&seen, Evidence::Observed(seen) if seen.accepted());
            ensure!(accepted, "the peer was not accepted: {seen:?}");
        }
        Ok(())
    })
}
