//! Judging a timeline: from what the oracle found to a verdict. Pure.

use super::{FailureKind, Judgement, Verdict};
use crate::oracle::findings::{Findings, Invariant, Violation};

/// Judges what the history of a fleet came to.
pub fn judge_timeline(findings: &Findings) -> Judgement {
    if let Some(worst) = findings.violations.first() {
        return Judgement::failed(kind(worst), reason(worst, findings));
    }
    if let Some(missed) = findings.missed.first() {
        return Judgement::new(Verdict::Invalid, format!("it proves nothing, for {missed}"));
    }
    let calls = &findings.calls;
    if calls.due == 0 {
        return Judgement::new(
            Verdict::Invalid,
            "it proves nothing, for no call had to be accepted",
        );
    }
    if calls.forbidden == 0 {
        return Judgement::new(
            Verdict::Invalid,
            "it proves nothing, for no call had to be refused",
        );
    }
    let mut reason = format!(
        "{} calls: {} of {} that had to be accepted were, none of {} that had to be refused; {} inside a window",
        calls.all, calls.served, calls.due, calls.forbidden, calls.grey
    );
    let reached = findings.convergence.iter();
    let reached = reached.filter_map(|step| Some((step, step.max?)));
    if let Some((slowest, max)) = reached.max_by_key(|(_, max)| *max) {
        reason.push_str(&format!(
            "; the last service had `{}` in force after {} ms",
            slowest.what,
            max.div_ceil(1000)
        ));
    }
    Judgement::new(Verdict::Pass, reason)
}

/// How late calls may begin before a failure is doubted, in microseconds.
const LATE: u64 = 100_000;

/// Is a verdict to be doubted, for a call began so many microseconds later than it was due? However busy the
/// machine is: who lets a stranger in has let him in.
pub fn is_doubted(verdict: Verdict, failure: Option<FailureKind>, late: u64) -> bool {
    late >= LATE && verdict == Verdict::Fail && failure != Some(FailureKind::AcceptedForbidden)
}

fn kind(violation: &Violation) -> FailureKind {
    match violation.invariant {
        invariant if invariant.is_about_strangers() => FailureKind::AcceptedForbidden,
        Invariant::KeepsPairs | Invariant::Serves | Invariant::Recovers => {
            FailureKind::RefusedValid
        }
        Invariant::Converges => FailureKind::Slow,
        _ => FailureKind::Careless,
    }
}

fn reason(worst: &Violation, findings: &Findings) -> String {
    let others = findings.violations_in_all.saturating_sub(1);
    let others = match others {
        0 => String::new(),
        1 => "; and one more violation".into(),
        others => format!("; and {others} more violations"),
    };
    format!("{}: {}{others}", worst.invariant, worst.witness)
}
