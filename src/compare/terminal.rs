//! A comparison for people at a terminal.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, Table, presets};

use super::conformance::Kind;
use super::figure::Finding;
use super::performance::Row;
use super::sentence::{
    HEADS, cells, gate, legend, printable, reason, remarks, row_name, source, transition,
};
use super::{Comparison, Outcome};

/// How many changes of a kind are shown. The rest is in the JSON.
const SHOWN: usize = 25;

/// All of it. Colours are in it as ANSI codes; the writer strips them where they are not wanted.
pub(super) fn render(comparison: &Comparison) -> String {
    let mut out = String::new();
    let bold = Style::new().bold();
    let _ = writeln!(out, "{bold}{}{bold:#}", comparison.sentence());
    let colour = match comparison.outcome {
        Outcome::NothingRegressed => AnsiColor::Green,
        _ => AnsiColor::Red,
    };
    let style = Style::new().fg_color(Some(colour.into()));
    let _ = writeln!(out, "{style}{}{style:#}\n", gate(comparison));
    let _ = writeln!(out, "before  {}", source(&comparison.before));
    let _ = writeln!(out, "after   {}", source(&comparison.after));
    for gap in &comparison.incomplete {
        let _ = writeln!(out, "incomplete: {gap}");
    }
    for note in &comparison.notes {
        let _ = writeln!(out, "note: {note}");
    }
    for kind in Kind::ALL {
        changes(&mut out, comparison, kind);
    }
    if !comparison.performance.is_empty() {
        let _ = writeln!(out, "\n{}", table(comparison));
        for row in &comparison.performance {
            for remark in &row.remarks {
                let _ = writeln!(out, "{}: {}", printable(&row_name(row)), printable(remark));
            }
        }
        let _ = writeln!(out, "\n{}", legend(comparison));
    }
    out
}

fn changes(out: &mut String, comparison: &Comparison, kind: Kind) {
    let count = comparison.count(kind);
    if count == 0 {
        return;
    }
    let colour = match kind {
        Kind::Regressed | Kind::NoLongerKnown => Some(AnsiColor::Red),
        Kind::New | Kind::Gone => None,
        Kind::Fixed => Some(AnsiColor::Green),
        _ => Some(AnsiColor::Yellow),
    };
    let style = Style::new().fg_color(colour.map(Into::into)).bold();
    let head = kind.word().to_uppercase();
    let _ = writeln!(out, "\n{style}{head}{style:#}: {}", kind.meaning());
    let changes = comparison.conformance.iter();
    for change in changes.filter(|change| change.kind == kind).take(SHOWN) {
        let mark = match change.gates && kind == Kind::New {
            true => vec!["keeps the gate shut".to_owned()],
            false => remarks(change),
        };
        let mark = match mark.is_empty() {
            true => String::new(),
            false => format!("  [{}]", mark.join("; ")),
        };
        let _ = writeln!(
            out,
            "  {} ({})  {}{mark}",
            printable(&change.id),
            printable(&change.target),
            transition(change)
        );
        if let Some(reason) = reason(change) {
            let _ = writeln!(out, "    {reason}");
        }
    }
    if let Some(more @ 1..) = count.checked_sub(SHOWN) {
        let _ = writeln!(out, "  ... and {more} more; --format json has them all");
    }
}

fn table(comparison: &Comparison) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(HEADS);
    for row in &comparison.performance {
        let mut name = printable(&row_name(row));
        if row.figures.is_empty() {
            table.add_row([name.clone(), "not compared".into()]);
        }
        for figure in &row.figures {
            let [metric, before, after, ratio, interval, finding] = cells(row, figure);
            let finding = coloured(&finding, figure.finding, row);
            table.add_row([
                std::mem::take(&mut name),
                metric.replace('`', ""),
                before,
                after,
                ratio,
                interval,
                finding,
            ]);
        }
    }
    for index in 2..=4 {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn coloured(words: &str, finding: Finding, row: &Row) -> String {
    let colour = match finding {
        Finding::Slower if row.gates => AnsiColor::Red,
        Finding::Faster => AnsiColor::Green,
        _ => return words.to_owned(),
    };
    let style = Style::new().fg_color(Some(colour.into()));
    format!("{style}{words}{style:#}")
}
