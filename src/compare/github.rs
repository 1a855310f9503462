//! A comparison as annotations for GitHub Actions: what keeps the gate shut, the worst first.

use super::Comparison;
use super::conformance::Change;
use super::performance::Row;
use super::sentence::{cells, gate, reason, transition};
use crate::annotation::{Annotation, SHOWN, write};

/// The annotations, a line each.
pub(super) fn render(comparison: &Comparison) -> String {
    let gaps = comparison.incomplete.iter().map(|gap| Annotation {
        place: Vec::new(),
        title: "mtls-gauntlet: incomplete".into(),
        message: gap.clone(),
        cases: 0,
    });
    let changes = comparison.conformance.iter().filter(|change| change.gates);
    let rows = comparison.performance.iter().filter(|row| row.gates);
    let errors: Vec<_> = gaps
        .chain(changes.map(worse))
        .chain(rows.map(slower))
        .collect();
    let mut out = String::new();
    if errors.is_empty() {
        let open = Annotation {
            place: Vec::new(),
            title: "mtls-gauntlet".into(),
            message: format!("{}; {}", comparison.sentence(), gate(comparison)),
            cases: 0,
        };
        write(&mut out, "notice", &[open], 1);
    }
    write(&mut out, "error", &errors, SHOWN);
    out
}

fn worse(change: &Change) -> Annotation {
    let grounds = reason(change).unwrap_or_default();
    Annotation {
        place: Annotation::place(&change.file, change.line),
        title: format!(
            "{}: {} against {}",
            change.kind.word(),
            change.id,
            change.target
        ),
        message: format!("{}: {grounds}", transition(change)),
        cases: 1,
    }
}

fn slower(row: &Row) -> Annotation {
    let figures = row.figures.iter().filter(|figure| figure.gates());
    let figures = figures.map(|figure| cells(row, figure).join(", "));
    let words: Vec<_> = figures.chain(row.remarks.iter().cloned()).collect();
    Annotation {
        place: Annotation::place(&row.file, 0),
        title: format!("slower: {} against {}", row.id, row.target),
        message: words.join("; "),
        cases: 0,
    }
}
