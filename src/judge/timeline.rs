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

/// Is the verdict of a fleet to be doubted, for calls began up to so many microseconds later than they were due? Who
/// lets a stranger in has let him in, however busy the machine is; unless he had been forbidden for no longer than
/// the machine kept everybody waiting.
pub fn is_doubted(verdict: Verdict, findings: &Findings, late: u64) -> bool {
    let mut violations = findings.violations.iter();
    let all_are_kept = findings.violations_in_all == findings.violations.len() as u64;
    let may_be_late = |violation: &Violation| {
        let since = violation.forbidden_since;
        let overdue = since.map(|since| violation.at.saturating_sub(since));
        !violation.invariant.is_about_strangers()
            || (all_are_kept && overdue.is_some_and(|overdue| overdue <= late))
    };
    late >= LATE && verdict == Verdict::Fail && violations.all(may_be_late)
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
