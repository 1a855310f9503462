//! The oracle: who may talk to whom, at each instant, while certificates change. Pure.
//!
//! ```text
//! fleet, story --> History { certificates, changes, calls, samples }
//!                    |
//!                  facts, each a step function of time: true, false, or unknown inside a window
//!                    |
//!                  permission of a call = the facts that it rests on, all of them
//!                    |
//!                  check --> Findings { violations with witnesses, convergence, availability, latency }
//! ```
//!
//! A call is an interval. It is legal if some instant inside it permits its outcome; so nothing has to be
//! known about when, inside the interval, a server made up its mind.
//!
//! [`history`] and [`findings`] are what goes in and what comes out, [`check`](mod@check) is the way between
//! them. [`truth`] is the algebra; [`facts`] and [`validity`] give each fact its course over time;
//! [`permission`] gathers those that a call rests on.

mod alert;
pub mod check;
mod convergence;
pub mod facts;
pub mod findings;
mod flap;
pub mod history;
pub mod issuance;
mod missed;
pub mod permission;
mod phase;
mod resource;
pub mod truth;
pub mod validity;
pub mod witness;
