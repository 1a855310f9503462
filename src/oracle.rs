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

pub mod findings;
pub mod history;
