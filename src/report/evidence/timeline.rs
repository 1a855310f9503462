//! What came of a timeline, in words: what was violated, with its witness, and how long changes took.

use std::time::Duration;

use crate::oracle::findings::{Convergence, Latency};
use crate::record::TimelineRecord;

/// The evidence as lines of a label and a text.
pub fn lines(timeline: &TimelineRecord) -> Vec<(&'static str, String)> {
    let findings = &timeline.findings;
    let mut lines = Vec::new();
    for violation in findings.violations.iter().take(FEW) {
        lines.push((
            "violated",
            format!("{}: {}", violation.invariant, violation.witness),
        ));
    }
    let more = findings
        .violations_in_all
        .saturating_sub(FEW.min(findings.violations.len()) as u64);
    if more > 0 {
        lines.push(("violated", format!("and {more} times more")));
    }
    lines.extend(
        findings
            .convergence
            .iter()
            .map(|step| ("in force", in_force(step))),
    );
    lines.extend(
        findings
            .latency
            .iter()
            .map(|phase| ("latency", latency(phase))),
    );
    let calls = &findings.calls;
    if calls.all > 0 {
        lines.push((
            "calls",
            format!(
                "{} in all, {} resumed, {} by open connections; {} of {} served that had to be, {} of {} let in that had not to be",
                calls.all, calls.resumed, calls.reused, calls.served, calls.due, calls.let_in, calls.forbidden
            ),
        ));
    }
    lines
}

/// How many violations are told; the rest is in the record.
const FEW: usize = 3;

fn in_force(step: &Convergence) -> String {
    let never = match step.never.len() {
        0 => String::new(),
        _ => format!("; never at {}", step.never.join(", ")),
    };
    let (Some(p50), Some(p99), Some(max)) = (step.p50, step.p99, step.max) else {
        return format!("{}: never reached{never}", step.what);
    };
    format!(
        "{}: after {} (median), {} (99 %), {} (last) at {} services{never}",
        step.what,
        time(p50),
        time(p99),
        time(max),
        step.services
    )
}

fn latency(phase: &Latency) -> String {
    format!(
        "{}: {} (median), {} (99 %), {} (longest) of {} calls by new connections",
        phase.phase,
        time(phase.p50),
        time(phase.p99),
        time(phase.max),
        phase.calls
    )
}

/// A length of time in microseconds, in the unit that suits it.
fn time(micros: u64) -> String {
    format!("{:?}", Duration::from_micros(micros))
}
