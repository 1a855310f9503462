//! The matrix: scenarios by rows, targets by columns, ready to be laid out by any format.

use std::collections::BTreeMap;

use super::class::Class;
use crate::judge::{FailureKind, Verdict};
use crate::record::{CaseRecord, Run};
use crate::scenario::{Role, TlsVersion};

/// The cells of a run.
pub struct Matrix<'r> {
    /// What each column shows.
    pub columns: Vec<Column>,
    /// The rows, ordered by id.
    pub rows: Vec<Row<'r>>,
}

/// One target in one role; over one TLS version where there is a single target, over all where there
/// are several: a matrix is read from left to right, and should fit.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Column {
    /// The target.
    pub target: String,
    /// The side that it plays.
    pub role: Role,
    /// The TLS version; none for a column of all.
    pub tls: Option<TlsVersion>,
}

/// One scenario.
pub struct Row<'r> {
    /// The scenario's id.
    pub scenario: &'r str,
    /// The cases of each column; none where the scenario has no such case.
    pub cells: Vec<Vec<&'r CaseRecord>>,
}

impl Row<'_> {
    /// The first part of the id.
    pub fn family(&self) -> &str {
        self.scenario
            .split_once('/')
            .map_or(self.scenario, |(family, _)| family)
    }

    /// The rest of it.
    pub fn name(&self) -> &str {
        self.scenario.split_once('/').map_or("", |(_, name)| name)
    }
}

impl<'r> Matrix<'r> {
    /// Lays the cases of `run` out.
    pub fn of(run: &'r Run) -> Self {
        let several = is_of_several(run);
        let column = |case: &CaseRecord| Column {
            target: case.target.clone(),
            role: case.role,
            tls: (!several).then_some(case.tls),
        };
        let mut columns: Vec<Column> = run.cases.iter().map(column).collect();
        columns.sort();
        columns.dedup();
        let mut rows: BTreeMap<&str, Vec<Vec<&CaseRecord>>> = BTreeMap::new();
        for case in &run.cases {
            let cells = rows
                .entry(&case.scenario)
                .or_insert_with(|| vec![Vec::new(); columns.len()]);
            if let Ok(index) = columns.binary_search(&column(case)) {
                cells[index].push(case);
            }
        }
        let rows = rows
            .into_iter()
            .map(|(scenario, cells)| Row { scenario, cells })
            .collect();
        Self { columns, rows }
    }
}

/// Does the run have more than one target?
pub fn is_of_several(run: &Run) -> bool {
    let of_cases = run.cases.iter().map(|case| case.target.as_str());
    let mut names = of_cases.chain(run.targets.iter().map(|target| target.name.as_str()));
    let first = names.next();
    names.any(|name| Some(name) != first)
}

/// The words of a cell: one where its cases agree, else one for each TLS version.
pub fn words(cell: &[&CaseRecord]) -> Vec<&'static str> {
    let mut words: Vec<_> = cell.iter().map(|case| word(case)).collect();
    if words.iter().all(|word| *word == words[0]) {
        words.truncate(1);
    }
    words
}

/// The word for a case: what a person should see at once.
pub fn word(case: &CaseRecord) -> &'static str {
    match (case.verdict, case.failure_kind) {
        (Verdict::Policy, _)
            if case
                .observation
                .as_ref()
                .is_some_and(|seen| seen.accepted()) =>
        {
            "accepts"
        }
        (Verdict::Policy, _) => "refuses",
        (Verdict::Pass | Verdict::Lenient, _) if case.known.is_some() => "STALE",
        (verdict, _) if verdict.is_failure() && case.known.is_some() => "known",
        (Verdict::Fail, Some(FailureKind::AcceptedForbidden)) => "ACCEPTED",
        (Verdict::Fail, Some(FailureKind::RefusedValid)) => "REFUSED",
        (Verdict::Fail, _) => "FAIL",
        (Verdict::Hang, _) => "HANG",
        (Verdict::Crash, _) => "CRASH",
        (Verdict::Invalid, _) => "INVALID",
        (Verdict::Broken, _) => "BROKEN",
        (Verdict::Pass, _) => "pass",
        (Verdict::Lenient, _) => "lenient",
        (Verdict::Unsupported, _) => "no support",
    }
}

/// The sign of a cell, for matrices with many columns: that of its worst case.
pub fn sign(cell: &[&CaseRecord]) -> char {
    let worst = cell.iter().min_by_key(|case| Class::of(case));
    let Some(case) = worst else { return ' ' };
    match Class::of(case) {
        Class::Accepted => 'A',
        Class::Fell => 'X',
        Class::Refused => 'R',
        Class::Unproven => '?',
        Class::OtherAlert => '~',
        Class::NoSupport => ' ',
        Class::Choice if word(case) == "accepts" => '+',
        Class::Choice => '-',
        Class::AsExpected => '.',
    }
}

/// What the signs mean, for a legend.
pub const SIGNS: &str = "\
A: accepted what must be refused. X: died or hung. R: refused what must be accepted. ?: proves nothing. ~: refused as \
expected, with another alert or none. + -: a choice that the RFCs leave open, accepts or refuses. .: as expected. \
Blank: no support, or no such case.";

/// What the words in the cells mean, for a legend.
pub const LEGEND: &str = "\
pass: as expected. lenient: refused as expected, with another alert or none. accepts, refuses: a choice that the \
RFCs leave open. known: a documented deviation. ACCEPTED: a peer that must be refused got through. REFUSED: a peer \
that must be accepted was refused. no support: the target cannot be asked this.";
