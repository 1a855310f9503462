//! What certificates cost: minting from a recipe beside bare rcgen, by kind of key; a mangled leaf; a
//! CRL of a thousand entries.
//!
//! `again` mints an entry whose plan is made, which is what a twin or a copy costs; `first` is what a
//! scenario pays: its recipes laid over the baseline, the plan made, one certificate signed. Keys come
//! from the pool in all of them. These are wall times; before them one ratio of CPU time is printed,
//! minting again over rcgen's `signed_by` with a loaded key, both sides in turn.

use std::sync::Arc;

use anyhow::Result;
use criterion::{Criterion, criterion_group};
use mtls_gauntlet::clock::Clock;
use mtls_gauntlet::pki::key::KeyPool;
use mtls_gauntlet::pki::mint::{Mint, Pki};
use mtls_gauntlet::pki::recipe::{CrlRecipe, KeyKind, Mangle, Recipe, Recipes};
use mtls_gauntlet::scenario::Role;
use mtls_gauntlet::scenario::load::BASELINE;
use mtls_gauntlet::seed::Seed;

use self::bare::Bare;
use self::pairs::{Pairs, repeat};

#[expect(dead_code, reason = "only its certificates are of interest here")]
#[path = "shared/bare.rs"]
mod bare;
#[path = "shared/pairs.rs"]
mod pairs;

const ROLE: Role = Role::Server;

fn minting(criterion: &mut Criterion) {
    let mint = mint();
    let mut group = criterion.benchmark_group("mint");
    for (name, kind) in [
        ("p256", KeyKind::P256),
        ("ed25519", KeyKind::Ed25519),
        ("rsa2048", KeyKind::Rsa2048),
    ] {
        let bare = Bare::new(kind).expect("bare certificates can be minted");
        group.bench_function(format!("{name}/bare"), |bencher| {
            bencher.iter(|| bare.mint_peer(ROLE).expect("a certificate"));
        });
        let recipes = of_kind(kind);
        let pki = pki(&mint, &recipes);
        group.bench_function(format!("{name}/again"), |bencher| {
            bencher.iter(|| pki.remint("peer").expect("a certificate"));
        });
        group.bench_function(format!("{name}/first"), |bencher| {
            bencher.iter(|| {
                self::pki(&mint, &recipes)
                    .certificate("peer")
                    .expect("a certificate")
            });
        });
    }
    let mut recipes = of_kind(KeyKind::P256);
    let peer = recipes.entry("peer".into()).or_default();
    peer.mangle = Some(vec![Mangle::Serial("80".into())]);
    let mangled = pki(&mint, &recipes);
    group.bench_function("p256/mangled", |bencher| {
        bencher.iter(|| mangled.remint("peer").expect("a certificate"));
    });
    group.finish();
}

fn revoking(criterion: &mut Criterion) {
    let pki = pki(&mint(), &Recipes::default());
    let crl = CrlRecipe {
        revokes: vec!["peer".into()],
        filler: 999,
        ..CrlRecipe::default()
    };
    criterion.bench_function("crl/1000", |bencher| {
        bencher.iter(|| pki.crl("issuing", &crl).expect("a CRL"));
    });
}

/// Prints what minting again costs beside rcgen's `signed_by`, both with a loaded P-256 key.
fn print_ratio() -> Result<()> {
    let bare = Bare::new(KeyKind::P256)?;
    let pki = pki(&mint(), &of_kind(KeyKind::P256));
    let pairs = Pairs::measure(
        31,
        400,
        |rounds| repeat(rounds, || Ok(pki.remint("peer")?)),
        |rounds| repeat(rounds, || bare.mint_peer(ROLE)),
    )?;
    let [low, ratio, high] = pairs.ratio();
    println!(
        "a P-256 leaf: {:.1} us of CPU time, bare rcgen {:.1} us, ratio {ratio:.3} ({low:.3} to {high:.3})",
        pairs.ours(),
        pairs.bare()
    );
    Ok(())
}

fn mint() -> Arc<Mint> {
    let seed = Seed(1);
    Mint::new(Clock::start(), seed, Arc::new(KeyPool::new(seed)))
}

fn pki(mint: &Arc<Mint>, recipes: &Recipes) -> Pki {
    mint.pki(recipes, ROLE, "bench").expect("valid recipes")
}

/// The baseline with every key of this kind.
fn of_kind(kind: KeyKind) -> Recipes {
    let recipe = Recipe {
        key: Some(kind),
        ..Recipe::default()
    };
    BASELINE.map(|name| (name.into(), recipe.clone())).into()
}

criterion_group!(benches, minting, revoking);

fn main() -> Result<()> {
    // Cargo says --bench when it benches; `cargo test --benches` only wants to see it work.
    if std::env::args().any(|argument| argument == "--bench") {
        print_ratio()?;
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
    Ok(())
}
