//! The report for people at a terminal.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use comfy_table::{Table, presets};

use super::evidence;
use super::matrix::{LEGEND, Matrix, words};
use crate::expect::Level;
use crate::judge::Verdict;
use crate::record::{CaseRecord, Objection, Run, Summary};

/// The whole report. Colours are in it as ANSI codes; the writer strips them where they are not wanted.
pub fn render(run: &Run, level: Level) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}\n\n{LEGEND}\n", table(run));
    for (case, objection) in run.objections(level) {
        let _ = writeln!(out, "{}", block(case, objection, run.seed));
    }
    out.push_str(&summary(run, level));
    out
}

/// The counts and the gate's verdict.
pub fn summary(run: &Run, level: Level) -> String {
    let mut out = String::new();
    for target in &run.targets {
        let starts = if target.starts == 1 {
            "start"
        } else {
            "starts"
        };
        let _ = writeln!(
            out,
            "{} {}, role {}: {} {starts}",
            target.name, target.version, target.role, target.starts
        );
    }
    let _ = writeln!(out, "{}", counts(&run.summary));
    let objections = run.objections(level).count();
    let bold = Style::new().bold();
    let verdict = match (objections, run.complete) {
        (_, false) => {
            "incomplete: the run was cut short, and proves nothing about what it did not reach"
                .into()
        }
        (0, true) => "as expected".into(),
        (1, true) => "not as expected: 1 case keeps the gate shut".into(),
        (count, true) => format!("not as expected: {count} cases keep the gate shut"),
    };
    let _ = writeln!(out, "{bold}{verdict}{bold:#}");
    out
}

fn counts(summary: &Summary) -> String {
    let mut words = vec![format!(
        "{} scenarios, {} cases:",
        summary.scenarios, summary.cases
    )];
    for verdict in Verdict::ALL {
        let count = summary.count(verdict);
        if count == 0 {
            continue;
        }
        let known = if verdict == Verdict::Fail && summary.known > 0 {
            format!(" ({} known)", summary.known)
        } else {
            String::new()
        };
        words.push(format!("{count} {verdict}{known},"));
    }
    words.join(" ").trim_end_matches(',').to_owned()
}

fn table(run: &Run) -> Table {
    let matrix = Matrix::of(run);
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let header = matrix.columns.iter().map(|column| match column.tls {
        Some(tls) => format!("{}\n{tls}", column.role),
        None => format!("{}\n{}", column.target, column.role),
    });
    table.set_header(std::iter::once("scenario".to_owned()).chain(header));
    let mut family = "";
    for row in &matrix.rows {
        if row.family() != family {
            family = row.family();
            let bold = Style::new().bold();
            table.add_row([format!("{bold}{family}{bold:#}")]);
        }
        let cells = row.cells.iter().map(|cell| {
            let words: Vec<_> = words(cell).into_iter().map(coloured).collect();
            words.join("/")
        });
        table.add_row(std::iter::once(format!("  {}", row.name())).chain(cells));
    }
    table
}

fn coloured(word: &str) -> String {
    let colour = match word {
        "pass" => Some(AnsiColor::Green),
        "lenient" | "known" => Some(AnsiColor::Yellow),
        "accepts" | "refuses" => Some(AnsiColor::Cyan),
        "no support" => None,
        _ => Some(AnsiColor::Red),
    };
    match colour {
        Some(colour) => {
            let style = Style::new().fg_color(Some(colour.into()));
            format!("{style}{word}{style:#}")
        }
        None => word.to_owned(),
    }
}

fn block(case: &CaseRecord, objection: Objection, seed: u64) -> String {
    let red = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
    let title = match objection {
        Objection::Failure => "FAILED",
        Objection::Stale => "STALE: a known deviation passes; take it off the list",
        Objection::Invalid => "INVALID",
        Objection::Broken => "BROKEN",
    };
    let mut out = format!("{red}{title}{red:#} {} ({})\n", case.id, case.target);
    for (label, text) in evidence::lines(case, seed) {
        let _ = writeln!(out, "  {label:<10} {text}");
    }
    out
}
