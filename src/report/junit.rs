//! JUnit XML, for CI systems: a suite for each target, a test for each case and for each row that was measured.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::evidence;
use crate::expect::Level;
use crate::judge::Verdict;
use crate::record::{CaseRecord, Measurement, Objection, Run};

/// The whole report. A test fails where its case keeps the gate shut; what is known, unsupported or
/// not binding at this level is skipped, with its reason.
///
/// # Errors
/// When the XML library refuses.
pub fn render(run: &Run, level: Level) -> anyhow::Result<String> {
    let mut report = Report::new("mtls-gauntlet");
    let rows = run.measurements.iter().map(|row| row.target.as_str());
    let mut names: Vec<&str> = run.cases.iter().map(|case| case.target.as_str()).collect();
    names.extend(rows);
    names.sort_unstable();
    names.dedup();
    for name in names {
        let mut suite = TestSuite::new(name);
        for case in run.cases.iter().filter(|case| case.target == name) {
            suite.add_test_case(test(case, level, run.seed));
        }
        for row in run.measurements.iter().filter(|row| row.target == name) {
            suite.add_test_case(test_of_row(row));
        }
        report.add_test_suite(suite);
    }
    // The library leaves out control characters. These two are no letters of XML either (XML 1.0 section 2.2).
    Ok(report.to_string()?.replace(['\u{fffe}', '\u{ffff}'], " "))
}

/// A row fails where the target let in whom it must not, or nobody; how fast it was is no matter of a test.
fn test_of_row(row: &Measurement) -> TestCase {
    let mut status = match (row.objection(), &row.unmeasured) {
        _ if row.broken => TestCaseStatus::non_success(NonSuccessKind::Error),
        (Some(_), _) => TestCaseStatus::non_success(NonSuccessKind::Failure),
        (None, Some(_)) => TestCaseStatus::skipped(),
        (None, None) => TestCaseStatus::success(),
    };
    let words = row.objection().or(row.unmeasured.as_deref());
    if let Some(words) = words {
        status.set_message(words);
    }
    let mut test = TestCase::new(row.id.as_str(), status);
    test.set_classname(row.plan.as_str());
    let micros = row.repetitions.iter().map(|one| one.duration_us);
    test.set_time(Duration::from_micros(micros.fold(0, u64::saturating_add)));
    test
}

fn test(case: &CaseRecord, level: Level, seed: u64) -> TestCase {
    let mut status = match case.objection(level) {
        Some(Objection::Broken) => TestCaseStatus::non_success(NonSuccessKind::Error),
        Some(_) => TestCaseStatus::non_success(NonSuccessKind::Failure),
        None if case.verdict == Verdict::Unsupported || case.verdict.is_failure() => {
            TestCaseStatus::skipped()
        }
        None => TestCaseStatus::success(),
    };
    let kind = case
        .failure_kind
        .map_or_else(|| case.verdict.to_string(), |kind| kind.to_string());
    let message = match (&case.known, case.objection(level)) {
        (Some(known), Some(Objection::Stale)) => {
            format!("a known deviation passes; take it off the list: {known}")
        }
        (Some(known), None) => format!("known: {known}"),
        _ => case.reason.clone(),
    };
    status.set_message(message).set_type(kind);
    let text: Vec<_> = evidence::lines(case, seed)
        .into_iter()
        .map(|(label, text)| format!("{label}: {text}"))
        .collect();
    if case.objection(level).is_some() {
        status.set_description(text.join("\n"));
    }
    let mut test = TestCase::new(case.id.as_str(), status);
    test.set_classname(case.scenario.as_str());
    test.set_time(Duration::from_micros(case.duration_us));
    test
}
