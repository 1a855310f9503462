//! Annotations for GitHub Actions: workflow commands that a step prints, and the bound of its job summary.
//!
//! The cases that keep the gate shut are gathered into findings (one target, one scenario, one way of failing, on
//! whatever axes), the findings are sorted, worst first, and each becomes one [annotation](crate::annotation). What is
//! known is never an error; recommendations that failed are warnings, where there is room.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::class::Class;
use crate::annotation::{Annotation, SHOWN, write};
use crate::expect::Level;
use crate::judge::FailureKind;
use crate::record::{CaseRecord, Measurement, Objection, Run};

/// How much the summary of one step may hold, in bytes: GitHub shows none that is longer.
pub const SUMMARY_LIMIT: u64 = 1024 * 1024;

/// What a summary that was cut ends with.
const CUT: &str = "\n\n**Cut here**: the summary of a step holds no more. `summary.md` beside the record is whole.\n";

/// The annotations, a line each. `level` is the weakest level that binds.
pub fn render(run: &Run, level: Level) -> String {
    let mut errors = Vec::from_iter(cut_short(run));
    let objections = run.objections(level);
    let objections = findings(objections.map(|(case, objection)| (case, Some(objection))));
    errors.extend(objections.iter().map(annotation));
    errors.extend(run.measurements.iter().filter_map(wrong_under_load));
    let gate_is_open = errors.is_empty();
    let warnings = findings(recommendations(run, level));
    let warnings: Vec<_> = warnings.iter().map(annotation).collect();

    let mut out = String::new();
    let mut room = SHOWN;
    if gate_is_open {
        room -= 1;
        let notice = Annotation {
            place: Vec::new(),
            title: "mtls-gauntlet".into(),
            message: as_expected(run),
            cases: 0,
        };
        write(&mut out, "notice", &[notice], 1);
    }
    room -= write(&mut out, "error", &errors, room);
    write(&mut out, "warning", &warnings, room);
    out
}

/// As much of a summary, whole lines of it, as a step has room for that has `used` so many bytes already. What
/// is cut says so; where there is no room for that either, it is empty.
pub fn bounded(summary: &str, used: u64) -> String {
    let room = usize::try_from(SUMMARY_LIMIT.saturating_sub(used)).unwrap_or(usize::MAX);
    if summary.len() <= room {
        return summary.to_owned();
    }
    let Some(room) = room.checked_sub(CUT.len()) else {
        return String::new();
    };
    // A line feed is one byte that is part of no other letter: cutting there cuts no letter in two.
    let lines = &summary.as_bytes()[..room];
    let end = lines.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    format!("{}{CUT}", summary.get(..end).unwrap_or_default())
}

/// Cases of one scenario against one target that fail alike.
struct Finding<'r> {
    /// The first of them.
    case: &'r CaseRecord,
    /// Is it a known deviation that passes?
    stale: bool,
    /// What is left of the ids of all of them without the scenario: `server/tls1.3`.
    axes: Vec<&'r str>,
}

/// What findings are sorted by, the worst first, and told apart by: last come the scenario and the target.
type Rank<'r> = (
    Class,
    Option<FailureKind>,
    Reverse<Option<Objection>>,
    &'r str,
    &'r str,
);

fn findings<'r>(
    cases: impl Iterator<Item = (&'r CaseRecord, Option<Objection>)>,
) -> Vec<Finding<'r>> {
    let mut found: BTreeMap<Rank<'r>, Finding<'r>> = BTreeMap::new();
    for (case, objection) in cases {
        let rank = (
            Class::of(case),
            case.failure_kind,
            Reverse(objection),
            case.scenario.as_str(),
            case.target.as_str(),
        );
        let finding = found.entry(rank).or_insert_with(|| Finding {
            case,
            stale: objection == Some(Objection::Stale),
            axes: Vec::new(),
        });
        finding.axes.push(axes(case));
    }
    found.into_values().collect()
}

/// Recommendations that were not followed, and do not bind.
fn recommendations(
    run: &Run,
    level: Level,
) -> impl Iterator<Item = (&CaseRecord, Option<Objection>)> {
    run.cases
        .iter()
        .filter(move |case| {
            case.level == Level::Should
                && case.verdict.is_failure()
                && case.known.is_none()
                && case.objection(level).is_none()
        })
        .map(|case| (case, None))
}

fn annotation(finding: &Finding<'_>) -> Annotation {
    let Finding { case, stale, axes } = finding;
    let place = Annotation::place(&case.file, case.line);
    let (what, grounds) = match (&case.known, case.failure_kind) {
        (Some(known), _) if *stale => (
            "stale".into(),
            format!("a known deviation passes; take it off the list: {known}"),
        ),
        (_, Some(kind)) => (kind.to_string(), case.reason.clone()),
        (_, None) => (case.verdict.to_string(), case.reason.clone()),
    };
    Annotation {
        place,
        title: format!("{what}: {} against {}", case.scenario, case.target),
        message: format!("{}: {grounds} ({})", case.title, axes.join(", ")),
        cases: axes.len(),
    }
}

/// A row in which the target let in whom it must not, or nobody.
fn wrong_under_load(row: &Measurement) -> Option<Annotation> {
    let words = row.objection()?;
    Some(Annotation {
        place: Annotation::place(&row.file, 0),
        title: format!("under load: {} against {}", row.id, row.target),
        message: words.into(),
        cases: 0,
    })
}

fn axes(case: &CaseRecord) -> &str {
    case.id
        .strip_prefix(case.scenario.as_str())
        .map_or(case.id.as_str(), |axes| axes.trim_start_matches('/'))
}

fn cut_short(run: &Run) -> Option<Annotation> {
    if run.complete {
        return None;
    }
    let missing = run.merged.iter().flat_map(|merged| &merged.missing);
    let missing: Vec<_> = missing.map(u32::to_string).collect();
    let missing = match missing.as_slice() {
        [] => String::new(),
        parts => format!("; parts that are missing: {}", parts.join(", ")),
    };
    Some(Annotation {
        place: Vec::new(),
        title: "mtls-gauntlet: incomplete".into(),
        message: format!(
            "the run was cut short, and proves nothing about what it did not reach{missing}"
        ),
        cases: 0,
    })
}

fn as_expected(run: &Run) -> String {
    if run.proves_nothing() {
        return "nothing was tested".into();
    }
    let summary = &run.summary;
    let measured = run
        .measurements
        .iter()
        .filter(|row| !row.repetitions.is_empty());
    // A bench has no cases, and a run no rows: nobody is to read that there were none.
    let counts = [
        (
            "scenarios",
            summary.scenarios as usize,
            run.measurements.is_empty(),
        ),
        ("cases", summary.cases as usize, run.measurements.is_empty()),
        ("known deviations", summary.known as usize, false),
        (
            "rows measured",
            measured.count(),
            !run.measurements.is_empty(),
        ),
    ];
    let counts = counts
        .into_iter()
        .filter(|(_, count, always)| *always || *count > 0);
    let counts: Vec<_> = counts
        .map(|(what, count, _)| format!("{what}: {count}"))
        .collect();
    format!("as expected; {}", counts.join(", "))
}
