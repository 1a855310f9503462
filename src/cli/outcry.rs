//! Outcries: what a panic writes on standard error, once for each place in the program.
//!
//! A task of a service that panics ends alone, and the fleet goes on. Where every connection meets the
//! same fault the same message would come fifty times in a second, each with its backtrace, and bury the
//! report; the first says it all.

use std::collections::BTreeSet;
use std::panic::{set_hook, take_hook};
use std::sync::{Mutex, PoisonError};

/// From now on the panics of this process are told once for each place that they come from.
pub fn once_for_each_place() {
    let tell = take_hook();
    let told = Mutex::new(BTreeSet::new());
    set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string);
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.insert(place) {
            tell(panic);
        }
    }));
}
