//! Live progress of a fleet on standard error, where that is a terminal.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::fleet::Gauge;
use crate::scenario::span::Span;

/// How often it is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// Follows the gauge until `ended` says that there is nothing more to see.
pub(super) fn follow(gauge: &Gauge, duration: Span, mut ended: impl FnMut() -> bool) {
    let bar = ProgressBar::with_draw_target(
        Some(duration.as_micros() / 1_000_000),
        ProgressDrawTarget::stderr(),
    );
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} s {msg}") {
        bar.set_style(style);
    }
    while !ended() {
        thread::sleep(GLANCE);
        bar.set_position(gauge.now.load(Ordering::Relaxed) / 1_000_000);
        let calls = gauge.calls.load(Ordering::Relaxed);
        let accepted = gauge.accepted.load(Ordering::Relaxed);
        bar.set_message(format!("{calls} calls, {accepted} accepted"));
    }
    bar.finish_and_clear();
}
