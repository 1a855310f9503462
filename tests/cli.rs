//! The command line as its users meet it.
//!
//! What it says is in `tests/cmd`, a file for each subject; after a change that is meant,
//! `TRYCMD=overwrite cargo test --test cli` writes the files anew, and what varies (`[..]`) has to be
//! put back by hand. What needs more than a command and its output is below.

#[path = "cli/bench.rs"]
mod bench;
#[path = "cli/deployed.rs"]
mod deployed;
#[path = "cli/excuses.rs"]
mod excuses;
#[path = "cli/fleet.rs"]
mod fleet;
#[path = "support/gauntlet.rs"]
mod gauntlet;
#[path = "cli/merge.rs"]
mod merge;
#[path = "cli/outcry.rs"]
mod outcry;
#[path = "cli/process.rs"]
mod process;
#[path = "cli/record.rs"]
mod record;
#[path = "cli/shard.rs"]
mod shard;
#[path = "cli/step_summary.rs"]
mod step_summary;
#[path = "cli/words.rs"]
mod words;

#[test]
fn commands() {
    trycmd::TestCases::new()
        .default_bin_name("mtls-gauntlet")
        .env("COLUMNS", "100")
        .case("tests/cmd/*.trycmd");
}
