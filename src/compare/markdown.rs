//! A comparison for a pull request or a wiki.

use std::fmt::Write as _;

use super::Comparison;
use super::conformance::Kind;
use super::sentence::{
    HEADS, cells, gate, legend, printable, reason, remarks, row_name, source, transition,
};

/// How many changes of a kind are shown. The rest is in the JSON.
const SHOWN: usize = 100;

/// All of it.
pub(super) fn render(comparison: &Comparison) -> String {
    let mut out = String::from("# What changed\n\n");
    let _ = writeln!(
        out,
        "**{}**: {}.\n",
        escaped(&comparison.sentence()),
        gate(comparison)
    );
    let _ = writeln!(out, "- before: {}", escaped(&source(&comparison.before)));
    let _ = writeln!(out, "- after: {}", escaped(&source(&comparison.after)));
    for gap in &comparison.incomplete {
        let _ = writeln!(out, "- **incomplete**: {}", escaped(gap));
    }
    for note in &comparison.notes {
        let _ = writeln!(out, "- note: {}", escaped(note));
    }
    for kind in Kind::ALL {
        changes(&mut out, comparison, kind);
    }
    if !comparison.performance.is_empty() {
        table(&mut out, comparison);
    }
    out
}

fn changes(out: &mut String, comparison: &Comparison, kind: Kind) {
    let count = comparison.count(kind);
    if count == 0 {
        return;
    }
    let _ = writeln!(
        out,
        "\n## {}: {}\n\n| case | target | before -> after | why |\n|---|---|---|---|",
        kind.word(),
        kind.meaning()
    );
    let changes = comparison.conformance.iter();
    for change in changes.filter(|change| change.kind == kind).take(SHOWN) {
        let mut words = vec![transition(change)];
        words.extend(remarks(change));
        if change.gates && kind == Kind::New {
            words.push("keeps the gate shut".into());
        }
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} |",
            escaped(&change.id),
            escaped(&change.target),
            words.join("; "),
            escaped(&reason(change).unwrap_or_default())
        );
    }
    if let Some(more @ 1..) = count.checked_sub(SHOWN) {
        let _ = writeln!(out, "\n... and {more} more; the JSON has them all.");
    }
}

fn table(out: &mut String, comparison: &Comparison) {
    let _ = writeln!(
        out,
        "\n## Performance\n\n| {} |\n|---|---|---:|---:|---:|---|---|",
        HEADS.join(" | ")
    );
    for row in &comparison.performance {
        let name = escaped(&row_name(row));
        if row.figures.is_empty() {
            let _ = writeln!(out, "| {name} | not compared | | | | | |");
        }
        for figure in &row.figures {
            let cells = cells(row, figure).map(|cell| escaped(&cell));
            let _ = writeln!(out, "| {name} | {} |", cells.join(" | "));
        }
    }
    let remarks: Vec<_> = comparison
        .performance
        .iter()
        .flat_map(|row| row.remarks.iter().map(move |remark| (row, remark)))
        .collect();
    if !remarks.is_empty() {
        out.push('\n');
    }
    for (row, remark) in remarks {
        let _ = writeln!(out, "- {}: {}", escaped(&row_name(row)), escaped(remark));
    }
    let _ = writeln!(out, "\n{}", legend(comparison));
}

fn escaped(text: &str) -> String {
    printable(text)
        .replace('|', "\\|")
        .replace('&', "&amp;")
        .replace('<', "&lt;")
}
