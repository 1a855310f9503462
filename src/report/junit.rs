//! JUnit XML, for CI systems: a suite for each target, a test for each case.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::evidence;
use crate::expect::Level;
use crate::judge::Verdict;
use crate::record::{CaseRecord, Objection, Run};

/// The whole report. A test fails where its case keeps the gate shut; what is known, unsupported or
/// not binding at this level is skipped, with its reason.
///
/// # Errors
/// When the XML library refuses.
pub fn render(run: &Run, level: Level) -> anyhow::Result<String> {
    let mut report = Report::new("mtls-gauntlet");
    let mut names: Vec<&str> = run.cases.iter().map(|case| case.target.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let mut suite = TestSuite::new(name);
        for case in run.cases.iter().filter(|case| case.target == name) {
            suite.add_test_case(test(case, level, run.seed));
        }
        report.add_test_suite(suite);
    }
    Ok(report.to_string()?)
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
