//! mtls-gauntlet: see `ARCHITECTURE.md`.

pub mod cli;
pub mod clock;
pub mod document;
pub mod expect;
pub mod judge;
pub mod net;
pub mod observe;
pub mod peer;
pub mod pki;
pub mod proof;
pub mod record;
pub mod report;
pub mod run;
pub mod scenario;
pub mod seed;
pub mod target;
