//! What the load generator itself costs, as ratios of processor time, both sides by turns in one run:
//!
//! - (a) a mutual handshake through `bench`, in memory, beside a bare rustls loop with the same configuration;
//! - (b) the same over loopback TCP, beside what it costs in memory and what a connection costs in plaintext.
//!
//! The goals are 1.05 and 1.10. `cargo bench --bench generator` prints medians and quartiles; with `-- --assert` it fails
//! where a goal is missed. `peers.sh` compares with other load generators.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use mtls_gauntlet::bench::{Bench, Event, bench};
use mtls_gauntlet::clock::Clock;
use mtls_gauntlet::net::Transport;
use mtls_gauntlet::pki::key::KeyPool;
use mtls_gauntlet::pki::mint::Mint;
use mtls_gauntlet::pki::recipe::KeyKind;
use mtls_gauntlet::record::Measurement;
use mtls_gauntlet::scenario::bench::{BenchPlan, parse};
use mtls_gauntlet::seed::Seed;
use mtls_gauntlet::target::registry;
use rustls::crypto::aws_lc_rs::{cipher_suite, kx_group};

use self::bare::{Bare, Ends};
use self::pairs::repeat;

#[path = "shared/bare.rs"]
#[allow(dead_code, reason = "each bench uses what it needs")]
mod bare;
#[path = "shared/pairs.rs"]
#[allow(dead_code, reason = "each bench uses what it needs")]
mod pairs;

const IN_MEMORY_GOAL: f64 = 1.05;
const LOOPBACK_GOAL: f64 = 1.10;

/// One worker, sixteen connections at once, a full mutual handshake of TLS 1.3; and one in the clear.
const PLAN: &str = r#"
title = "the load generator"
why   = "its own cost"
[measure]
duration    = "1s"
warm-up     = "200ms"
repetitions = 1
[setting]
arrival   = "closed"
in-flight = 16
[[row]]
name = "mutual"
[[row]]
name    = "plaintext"
setting = { auth = "plaintext" }
"#;

fn main() -> Result<ExitCode> {
    let told = |word: &str| std::env::args().any(|argument| argument == word);
    // `cargo test --benches` wants to see that it works, and `cargo bench` what it says.
    let pairs = if told("--bench") { 9 } else { 1 };
    let bare = Bare::new(KeyKind::P256)?;
    let ends = bare.mutual(cipher_suite::TLS13_AES_128_GCM_SHA256, kx_group::X25519)?;
    let mut in_memory = Vec::new();
    let mut loopback = Vec::new();
    bare_cost(&ends)?;
    for pair in 0..pairs {
        // Whoever goes second finds the caches as the other left them, so they take turns.
        let (bare, memory) = if pair % 2 == 0 {
            let bare = bare_cost(&ends)?;
            (bare, cost(Transport::Memory, "mutual")?)
        } else {
            let memory = cost(Transport::Memory, "mutual")?;
            (bare_cost(&ends)?, memory)
        };
        let tcp = cost(Transport::Tcp, "mutual")?;
        let plaintext = cost(Transport::Tcp, "plaintext")?;
        println!(
            "pair {}: bare {bare:.1} us, in memory {memory:.1} us, loopback {tcp:.1} us, plaintext {plaintext:.1} us",
            pair + 1
        );
        in_memory.push(memory / bare);
        loopback.push(tcp / (memory + plaintext));
    }
    let missed = [
        line("(a) in memory / bare", in_memory, IN_MEMORY_GOAL),
        line(
            "(b) loopback / (in memory + plaintext)",
            loopback,
            LOOPBACK_GOAL,
        ),
    ];
    let fails = told("--assert") && missed.contains(&true);
    Ok(ExitCode::from(u8::from(fails)))
}

/// Prints a ratio's quartiles, and says whether the goal is missed.
fn line(what: &str, mut ratios: Vec<f64>, goal: f64) -> bool {
    ratios.sort_by(f64::total_cmp);
    let at = |share: f64| ratios[((ratios.len() - 1) as f64 * share).round() as usize];
    let missed = at(0.5) > goal;
    let word = if missed { "missed" } else { "met" };
    println!(
        "{what}: {:.3} [{:.3} {:.3}], goal <= {goal}: {word}",
        at(0.5),
        at(0.25),
        at(0.75)
    );
    missed
}

/// What a handshake costs without anything around it, in microseconds.
fn bare_cost(ends: &Ends) -> Result<f64> {
    const ROUNDS: u32 = 2500;
    let cost = repeat(ROUNDS, || ends.converse())?;
    Ok(cost.as_secs_f64() * 1e6 / f64::from(ROUNDS))
}

/// What a connection costs in this row, both ends, in microseconds.
fn cost(transport: Transport, row: &str) -> Result<f64> {
    let plan: BenchPlan = parse("generator", "generator", PLAN)?;
    let rows: Vec<_> = (0..)
        .zip(plan.rows())
        .filter(|(_, one)| one.name == row)
        .collect();
    let seed = Seed(1);
    let generator = Bench {
        plan,
        rows,
        targets: vec![registry::find("rustls")?],
        transport,
        workers: 1,
        patience: Duration::from_secs(10),
        mint: Mint::new(Clock::start(), seed, Arc::new(KeyPool::new(seed))),
        load_average: || None,
        together: None,
    };
    let mut measured: Option<Measurement> = None;
    bench(&generator, &AtomicBool::new(false), |event| {
        if let Event::Measured(measurement) = event {
            measured = Some(*measurement);
        }
    });
    let measured = measured.context("nothing was measured")?;
    let repetition = measured
        .repetitions
        .first()
        .with_context(|| format!("{:?}", measured.unmeasured))?;
    ensure!(
        repetition.tally.failures() == 0,
        "connections failed: {:?}",
        repetition.tally
    );
    let nanos = repetition
        .cpu_of_harness()
        .context("nothing was confirmed")?;
    Ok(nanos / 1000.0)
}
