//! mtls-gauntlet puts an implementation of mutual TLS through scenarios and says, with evidence, what it
//! accepted and what it refused.
//!
//! ```text
//! scenarios/*.toml --load--> Scenario --expand--> Case --+
//! targets/*.toml  --load--> Target --start(Environment)--+--> peer meets target --> Observation
//!                                               judge(Expectation, Observation) --> Verdict
//!                                               Event stream --> Run --> reports
//! ```
//!
//! Reading starts at the noun's file: [`scenario`] (what is required), [`pki`] (certificates, good and
//! broken), [`target`] (what is tested), [`peer`] (the harness's own end), [`run`](mod@run) (bringing
//! them together), [`judge`](mod@judge) (what it comes to), [`record`] (the one source of every
//! [`report`]), [`compare`] (what changed between two of them). `ARCHITECTURE.md` says where to add what, and why
//! things are as they are.

#![forbid(unsafe_code)]
#![warn(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::todo
)]

pub mod annotation;
pub mod bench;
pub mod cli;
pub mod clock;
pub mod compare;
pub mod digest;
pub mod document;
pub mod expect;
pub mod fleet;
pub mod judge;
pub mod load;
pub mod net;
pub mod observe;
pub mod oracle;
pub mod peer;
pub mod pki;
pub mod proof;
pub mod record;
pub mod report;
pub mod run;
pub mod scenario;
pub mod seed;
pub mod target;
