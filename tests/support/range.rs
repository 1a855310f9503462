//! A range to measure on: a plan given as text, against a target, in this process.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use mtls_gauntlet::bench::{Bench, Event, bench};
use mtls_gauntlet::clock::Clock;
use mtls_gauntlet::net::Transport;
use mtls_gauntlet::pki::key::KeyPool;
use mtls_gauntlet::pki::mint::Mint;
use mtls_gauntlet::record::Measurement;
use mtls_gauntlet::record::measurement::{Repetition, Tally};
use mtls_gauntlet::scenario::bench::{BenchPlan, parse};
use mtls_gauntlet::seed::Seed;
use mtls_gauntlet::target::{Target, registry};

/// The plan with this text after its title.
pub fn plan(text: &str) -> BenchPlan {
    let text = format!("title = \"a test\"\nwhy = \"to see\"\n{text}");
    parse("test", "test.toml", &text).unwrap_or_else(|error| panic!("{error}"))
}

/// What is measured of every row of the plan against this target.
pub fn measure(
    plan: &BenchPlan,
    target: Arc<dyn Target>,
    transport: Transport,
) -> Vec<Measurement> {
    let seed = Seed(1);
    let range = Bench {
        plan: plan.clone(),
        rows: (0..).zip(plan.rows()).collect(),
        targets: vec![target],
        transport,
        workers: 2,
        patience: Duration::from_secs(30),
        mint: Mint::new(Clock::start(), seed, Arc::new(KeyPool::new(seed))),
        load_average: || None,
        together: None,
    };
    let mut rows: Vec<Measurement> = Vec::new();
    bench(&range, &AtomicBool::new(false), |event| {
        if let Event::Measured(measurement) = event {
            rows.retain(|row| row.id != measurement.id);
            rows.push(*measurement);
        }
    });
    rows.sort_by_key(|row| row.place);
    rows
}

/// The one repetition of the one row of such a plan, against the target with this name.
pub fn measure_one(text: &str, target: &str) -> Repetition {
    only(measure(&plan(text), named(target), Transport::Tcp))
}

/// The one repetition of the one row.
pub fn only(mut rows: Vec<Measurement>) -> Repetition {
    assert_eq!(rows.len(), 1);
    let mut row = rows.remove(0);
    assert_eq!(row.unmeasured, None);
    assert_eq!(row.repetitions.len(), 1);
    row.repetitions.remove(0)
}

pub fn named(target: &str) -> Arc<dyn Target> {
    registry::find(target).unwrap()
}

/// Every connection that was due has become something.
pub fn nothing_is_lost(tally: &Tally) {
    let become_of = tally.dropped + tally.confirmed + tally.other_kind + tally.failures();
    assert_eq!(tally.due, become_of, "{tally:?}");
    let failed: u64 = tally.strangers_failed.values().sum();
    let become_of = tally.strangers_refused + tally.strangers_accepted + failed;
    assert_eq!(tally.strangers, become_of, "{tally:?}");
}
