//! What changed between two records: cases, times, the gate, and how it is said.
//!
//! The schema is kept in `reports/schema/comparison.schema.json`. After a change of it that is meant, raise
//! `compare::SCHEMA_VERSION` and write it anew:
//! `UPDATE_SCHEMA=1 cargo test --test compare the_schema_in_the_repository`.

#[path = "compare/by_chance.rs"]
mod by_chance;
#[path = "compare/cases.rs"]
mod cases;
#[path = "compare/end_to_end.rs"]
mod end_to_end;
#[path = "compare/files.rs"]
mod files;
#[path = "support/gauntlet.rs"]
mod gauntlet;
#[path = "compare/interval.rs"]
mod interval;
#[path = "compare/rows.rs"]
mod rows;
#[path = "support/sample.rs"]
mod sample;
#[path = "support/shim.rs"]
mod shim;
#[path = "compare/shown.rs"]
mod shown;
#[path = "compare/unseen.rs"]
mod unseen;

use mtls_gauntlet::compare::{Comparison, Terms};
use mtls_gauntlet::record::Run;

/// On the usual terms.
fn compare(before: &Run, after: &Run) -> Comparison {
    Comparison::of(before, after, Terms::default())
}
