//! Targets that are processes: the engine that starts them, talks to them and ends them.
//!
//! The processes are `examples/planted-shim`, well-behaved or not, and small scripts for the shell.

#[path = "target/command/afterwards.rs"]
mod afterwards;
#[path = "target/command/excuses.rs"]
mod excuses;
#[path = "target/command/files.rs"]
mod files;
#[path = "support/gauntlet.rs"]
mod gauntlet;
#[path = "target/command/mistakes.rs"]
mod mistakes;
#[path = "target/command/odd.rs"]
mod odd;
#[path = "target/command/planted.rs"]
mod planted;
#[path = "support/rig.rs"]
mod rig;
#[path = "target/command/support.rs"]
mod support;
#[path = "target/command/words.rs"]
mod words;
