//! Load: callers that come when they come, whatever has become of the calls before.
//!
//! ```text
//! Arrivals --> a call: who, whom, by which manner of connection --> Visitor --> Call --> Ledger
//! ```
//!
//! A [`Visitor`](visit::Visitor) is one caller's way to one server: it keeps the pooled connection, the
//! stream and the session that the next call of its manner comes by.

pub mod arrival;
pub mod credentials;
pub mod habits;
mod hoard;
pub mod ledger;
pub mod shown;
pub mod stranger;
pub mod visit;
