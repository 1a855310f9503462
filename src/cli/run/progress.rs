//! Live progress on standard error, where that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::run::event::Event;

/// A bar that follows the events of a run.
pub(in crate::cli) struct Progress {
    bar: ProgressBar,
    failed: u64,
}

impl Progress {
    pub(in crate::cli) fn start() -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
            bar.set_style(style);
        }
        Self { bar, failed: 0 }
    }

    pub(in crate::cli) fn show(&mut self, event: &Event) {
        match event {
            Event::RunStarted { cases } => self
                .bar
                .set_length(u64::try_from(*cases).unwrap_or(u64::MAX)),
            Event::CaseJudged(case) => {
                if case.verdict.is_failure() && case.known.is_none() {
                    self.failed += 1;
                }
                self.bar.inc(1);
                self.bar.set_message(match self.failed {
                    0 => case.scenario.clone(),
                    failed => format!("{failed} failed, {}", case.scenario),
                });
            }
            Event::TargetFinished(_) | Event::RunFinished { .. } => {}
        }
    }

    pub(in crate::cli) fn finish(self) {
        self.bar.finish_and_clear();
    }
}
