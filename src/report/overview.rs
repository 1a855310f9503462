//! The overview of a run with several columns: who does what, and which scenarios show it.

use std::collections::BTreeMap;

use super::class::Class;
use crate::record::{CaseRecord, Run, TargetRecord};
use crate::scenario::TlsVersion;

/// One row for each target and role, and the deviations by class.
pub struct Overview<'r> {
    /// The columns of the run, with the counts of their classes.
    pub columns: Vec<Counted<'r>>,
    /// The scenarios of each class that is listed, with who shows it.
    pub deviations: Vec<(Class, Vec<Deviation<'r>>)>,
}

/// A column, counted.
pub struct Counted<'r> {
    /// The target in its role.
    pub target: &'r TargetRecord,
    counts: BTreeMap<Class, Count>,
}

/// How many cases a column has in a class.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Count {
    /// All of them.
    pub cases: usize,
    /// Those that nobody has explained.
    pub unexplained: usize,
}

/// A scenario that some columns do not do justice to.
pub struct Deviation<'r> {
    /// The scenario.
    pub scenario: &'r str,
    /// Who: `nginx server`, `curl client (tls1.3)`; one that nobody has explained ends in `†`.
    pub who: Vec<String>,
}

impl Counted<'_> {
    /// How many cases it has in this class.
    pub fn count(&self, class: Class) -> Count {
        self.counts.get(&class).copied().unwrap_or_default()
    }
}

impl<'r> Overview<'r> {
    /// Looks the run over.
    pub fn of(run: &'r Run) -> Self {
        let columns = run
            .targets
            .iter()
            .map(|target| Counted {
                target,
                counts: counts(run, target),
            })
            .collect();
        let deviations = Class::LISTED
            .into_iter()
            .map(|class| (class, deviations(run, class)))
            .filter(|(_, deviations)| !deviations.is_empty())
            .collect();
        Self {
            columns,
            deviations,
        }
    }
}

fn counts(run: &Run, target: &TargetRecord) -> BTreeMap<Class, Count> {
    let mut counts: BTreeMap<Class, Count> = BTreeMap::new();
    let own = |case: &&CaseRecord| case.target == target.name && case.role == target.role;
    for case in run.cases.iter().filter(own) {
        let count = counts.entry(Class::of(case)).or_default();
        count.cases += 1;
        count.unexplained += usize::from(is_unexplained(case));
    }
    counts
}

fn deviations(run: &Run, class: Class) -> Vec<Deviation<'_>> {
    // Scenario, then who, then the versions and whether anything is unexplained.
    let mut found: BTreeMap<&str, BTreeMap<String, (Vec<TlsVersion>, bool)>> = BTreeMap::new();
    for case in run.cases.iter().filter(|case| Class::of(case) == class) {
        let who = format!("{} {}", case.target, case.role);
        let (versions, unexplained) = found
            .entry(&case.scenario)
            .or_default()
            .entry(who)
            .or_default();
        versions.push(case.tls);
        *unexplained |= is_unexplained(case);
    }
    found
        .into_iter()
        .map(|(scenario, columns)| Deviation {
            scenario,
            who: columns
                .into_iter()
                .map(|(who, (versions, unexplained))| {
                    let mark = if unexplained { "†" } else { "" };
                    match versions.as_slice() {
                        [one] => format!("{who} ({one}){mark}"),
                        _ => format!("{who}{mark}"),
                    }
                })
                .collect(),
        })
        .collect()
}

fn is_unexplained(case: &CaseRecord) -> bool {
    Class::LISTED.contains(&Class::of(case)) && case.known.is_none()
}
