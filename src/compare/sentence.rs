//! What all formats for people say in the same words: the outcome, notes, states and figures.

use super::conformance::{Change, Kind, Seen};
use super::figure::{Figure, Finding, Metric};
use super::performance::{Basis, Row};
use super::source::Source;
use super::{Comparison, Outcome, are_of_one_machine};
use crate::judge::Verdict;
use crate::record::Run;

/// `1 regressed, 1 fixed, 2 new; nothing slower`.
pub(super) fn outcome(comparison: &Comparison) -> String {
    let counts = &comparison.counts;
    let mut parts = Vec::new();
    if comparison.before.cases + comparison.after.cases > 0 || !comparison.conformance.is_empty() {
        let mut kinds: Vec<String> = Kind::ALL
            .into_iter()
            .map(|kind| (kind, comparison.count(kind)))
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| format!("{count} {}", kind.word()))
            .collect();
        if kinds.is_empty() {
            kinds.push(format!(
                "nothing changed in {}",
                counted(counts.cases, "case")
            ));
        } else if comparison.count(Kind::Regressed) == 0 {
            kinds.insert(0, "nothing regressed".into());
        }
        parts.push(kinds.join(", "));
    }
    if !comparison.performance.is_empty() {
        let lost = of_basis(comparison, Basis::Lost);
        let slower = counts.gating_rows.saturating_sub(lost);
        let mut words = vec![match slower {
            0 if counts.rows == 0 && lost == 0 => "no times compared".to_owned(),
            0 => "nothing slower".to_owned(),
            rows => format!("{} slower", counted(rows, "row")),
        }];
        if lost > 0 {
            words.push(format!("{} without an answer", counted(lost, "row")));
        }
        if counts.faster_rows > 0 {
            words.push(format!("{} faster", counts.faster_rows));
        }
        parts.push(words.join(", "));
    }
    if parts.is_empty() {
        parts.push("nothing compared".into());
    }
    let said = parts.join("; ");
    match comparison.outcome {
        Outcome::Incomplete => format!("incomplete, and no proof of anything: {said}"),
        _ => said,
    }
}

/// Who keeps the gate shut, in one sentence.
pub(super) fn gate(comparison: &Comparison) -> String {
    let counts = &comparison.counts;
    let who: Vec<String> = [
        (counts.gating_changes, "case"),
        (counts.gating_rows, "row"),
        (comparison.incomplete.len(), "gap"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, noun)| counted(count, noun))
    .collect();
    match (
        who.as_slice(),
        counts.gating_changes + counts.gating_rows + comparison.incomplete.len(),
    ) {
        ([], _) => "the gate is open".into(),
        (who, 1) => format!("{} keeps the gate shut", who.join(" and ")),
        (who, _) => format!("{} keep the gate shut", who.join(" and ")),
    }
}

/// What a reader should know beside.
pub(super) fn notes(comparison: &Comparison, before: &Run, after: &Run) -> Vec<String> {
    let mut notes = Vec::new();
    let gone = comparison.count(Kind::Gone);
    if gone > 0 {
        let (are, them) = if gone == 1 {
            ("is", "it")
        } else {
            ("are", "them")
        };
        notes.push(format!(
            "{} of the first record {are} not in the second, and what became of {them} is not known; was less \
             selected, or is a target absent?",
            counted(gone, "case")
        ));
    }
    let gone_rows = of_basis(comparison, Basis::Gone);
    if gone_rows > 0 {
        notes.push(format!(
            "{} of the first record not measured in the second",
            counted(gone_rows, "row")
        ));
    }
    for target in &after.targets {
        if let Some(why) = &target.absent
            && before.targets.iter().any(|one| {
                one.name == target.name && one.role == target.role && one.absent.is_none()
            })
        {
            notes.push(format!(
                "{} in the role {} was there, and is absent now: {}",
                target.name,
                target.role,
                printable(why)
            ));
        }
    }
    let stale = comparison.conformance.iter().filter(|change| {
        let is_stale = |seen: &Option<Seen>| seen.as_ref().is_some_and(|seen| seen.stale);
        is_stale(&change.after) && !is_stale(&change.before)
    });
    let stale = stale.count();
    if stale > 0 {
        notes.push(format!(
            "{} as good although a known deviation is listed: take it off the list",
            counted(stale, "change")
        ));
    }
    if before
        .shard
        .as_ref()
        .map(|shard| (shard.number, shard.count))
        != after
            .shard
            .as_ref()
            .map(|shard| (shard.number, shard.count))
    {
        notes.push("one record is a part of a run, and the other another part or all".into());
    }
    if before.tool.version != after.tool.version {
        notes.push(format!(
            "made by versions {} and {} of this program: its own processor time may have changed with it",
            printable(&before.tool.version),
            printable(&after.tool.version)
        ));
    }
    if !comparison.performance.is_empty() {
        notes.extend(machines(comparison, before, after));
    }
    notes
}

fn machines(comparison: &Comparison, before: &Run, after: &Run) -> Option<String> {
    let same = are_of_one_machine(before, after);
    match (comparison.same_machine, same) {
        (true, true) => None,
        (true, false) => Some(
            "the records are of different machines; --same-machine says that these are alike, and their times are \
             compared"
                .into(),
        ),
        (false, _) => {
            let known = before.host.machine.is_some() && after.host.machine.is_some();
            let which = match known {
                true => "are of different machines",
                false => "do not tell that they are of one machine",
            };
            Some(format!(
                "the records {which}: times are shown, not compared, and do not gate; processor time is compared as \
                 a multiple of the reference row's, where the plan has one (--same-machine asserts that the machines \
                 are alike)"
            ))
        }
    }
}

fn of_basis(comparison: &Comparison, basis: Basis) -> usize {
    let rows = comparison.performance.iter();
    rows.filter(|row| row.basis == basis).count()
}

/// `2026-01-01T00:00:00Z, version 0.1.0: 14 cases, 2 rows`.
pub(super) fn source(source: &Source) -> String {
    let mut words = format!(
        "{}, version {}: {}",
        printable(&source.started_at),
        printable(&source.version),
        counted(source.cases, "case")
    );
    if source.rows > 0 {
        words.push_str(&format!(", {}", counted(source.rows, "row")));
    }
    words
}

/// `pass -> fail (accepted-forbidden)`.
pub(super) fn transition(change: &Change) -> String {
    let manner = change.kind == Kind::ChangedAlert;
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => {
            format!("{} -> {}", state(before, manner), state(after, manner))
        }
        (None, Some(after)) => state(after, false),
        (Some(before), None) => format!("was {}", state(before, false)),
        (None, None) => String::new(),
    }
}

/// Why a change does not gate that looks as if it did, and what else is to be known of it.
pub(super) fn remarks(change: &Change) -> Vec<String> {
    let mut remarks = Vec::new();
    if !change.binds && would_gate(change) {
        remarks.push(format!("{}: does not gate", change.level));
    }
    if change.scenario_changed {
        remarks.push("its scenario has changed".into());
    }
    if change.after.as_ref().is_some_and(|after| after.stale) {
        remarks.push("still listed as known".into());
    }
    remarks
}

/// Would it gate if it bound?
fn would_gate(change: &Change) -> bool {
    match (change.kind, &change.after) {
        (Kind::Regressed | Kind::NoLongerKnown, _) => true,
        (Kind::New, Some(after)) => {
            let proves_nothing = matches!(after.verdict, Verdict::Invalid | Verdict::Broken);
            proves_nothing || (after.verdict.is_failure() && after.known.is_none())
        }
        _ => false,
    }
}

/// The sentence that says why, where there is something to say.
pub(super) fn reason(change: &Change) -> Option<String> {
    let after = change.after.as_ref()?;
    let is_good = matches!(after.verdict, Verdict::Pass | Verdict::Policy);
    if change.kind == Kind::New && is_good {
        return None;
    }
    let reason = match &after.known {
        Some(known) => format!("{}; known: {known}", after.reason),
        None => after.reason.clone(),
    };
    Some(printable(&reason))
}

fn state(seen: &Seen, manner: bool) -> String {
    let mut words = match seen.accepted {
        Some(true) => "accepts".to_owned(),
        Some(false) => "refuses".to_owned(),
        None => seen.verdict.to_string(),
    };
    let kind = seen.failure_kind.map(|kind| kind.to_string());
    let kind = kind.filter(|kind| *kind != words);
    let marks: Vec<String> = kind
        .into_iter()
        .chain(seen.known.as_ref().map(|_| "known".to_owned()))
        .collect();
    if !marks.is_empty() {
        words.push_str(&format!(" ({})", marks.join(", ")));
    }
    if manner && seen.accepted != Some(true) {
        words.push_str(&match seen.alert {
            Some(alert) => format!(" with {alert}"),
            None => " without an alert".into(),
        });
    }
    words
}

/// The cells of a figure: metric, before, after, ratio, interval, finding.
pub(super) fn cells(row: &Row, figure: &Figure) -> [String; 6] {
    let name = figure.metric.words(row.embedded);
    let name = match &figure.relative_to {
        Some(reference) => format!("{name}, × `{reference}`"),
        None => name.to_owned(),
    };
    let value = |value| match figure.relative_to {
        Some(_) => format!("{} ×", digits(value)),
        None if figure.metric == Metric::Rate => format!("{}/s", digits(value)),
        None => time(value),
    };
    [
        name,
        value(figure.before),
        value(figure.after),
        figure.ratio.map_or("-".into(), factor),
        figure.interval.map_or("-".into(), |[from, to]| {
            format!("{} to {}", factor(from), factor(to))
        }),
        finding(figure),
    ]
}

/// The heads of these cells, the row's before them.
pub(super) const HEADS: [&str; 7] = [
    "row", "figure", "before", "after", "ratio", "95 %", "finding",
];

/// The row with its target.
pub(super) fn row_name(row: &Row) -> String {
    format!("{} ({})", row.id, row.target)
}

fn finding(figure: &Figure) -> String {
    let word = match figure.finding {
        Finding::Slower => "SLOWER",
        Finding::Faster => "faster",
        Finding::WithinTolerance => "within tolerance",
        Finding::TooFew => "too few repetitions",
        Finding::OtherMachine => "other machine",
    };
    match (figure.finding, figure.can_gate) {
        (Finding::Slower, false) => "slower, does not gate".into(),
        _ => word.into(),
    }
}

/// What the table's words mean.
pub(super) fn legend(comparison: &Comparison) -> String {
    format!(
        "Geometric means of the repetitions; the ratio is after through before, with its 95 % interval. SLOWER: the \
         whole interval is worse by more than the tolerance, {} % for processor time (CPU, for each answered \
         connection), {} % for the median and the rate. The p99 never gates.",
        comparison.terms.tolerance, comparison.terms.latency_tolerance
    )
}

/// A duration in nanoseconds, in its natural unit.
fn time(nanos: f64) -> String {
    match nanos {
        _ if nanos >= 1e9 => format!("{} s", digits(nanos / 1e9)),
        _ if nanos >= 1e6 => format!("{} ms", digits(nanos / 1e6)),
        _ if nanos >= 1e3 => format!("{} µs", digits(nanos / 1e3)),
        _ => format!("{} ns", digits(nanos)),
    }
}

/// A ratio, with as many digits as differences of hundredths need.
fn factor(value: f64) -> String {
    match value {
        _ if !(0.01..1e4).contains(&value) => format!("{value:.1e}"),
        _ if value < 10.0 => format!("{value:.3}"),
        _ => format!("{value:.1}"),
    }
}

/// Three digits that say something.
fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// `1 case`, `2 cases`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// What targets and peers say can hold anything; a report is to be read.
pub(super) fn printable(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(plain).collect()
}
