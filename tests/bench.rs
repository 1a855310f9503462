//! Benchmarks against services in process: who counts, what counts, and that nothing is lost on the way.
//!
//! No test here asks how fast anything is.

#[path = "bench/altered.rs"]
mod altered;
#[path = "bench/counting.rs"]
mod counting;
#[path = "bench/plans.rs"]
mod plans;
#[path = "support/range.rs"]
mod range;
#[path = "bench/stall.rs"]
mod stall;
#[path = "bench/strangers.rs"]
mod strangers;
