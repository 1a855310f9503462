//! The report for people at a terminal.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, Table, presets};

use super::class::Class;
use super::evidence;
use super::matrix::{LEGEND, Matrix, SIGNS, is_of_several, sign, words};
use super::overview::{Count, Overview};
use super::sheet;
use crate::expect::Level;
use crate::judge::Verdict;
use crate::record::{CaseRecord, Objection, Run, Summary};

/// How many columns a matrix of words may have; a wider one is a matrix of signs.
const WORDY: usize = 6;

/// How many cases are shown with their evidence. The rest is in the record.
const SHOWN: usize = 25;

/// The whole report. Colours are in it as ANSI codes; the writer strips them where they are not wanted.
pub fn render(run: &Run, level: Level) -> String {
    let mut out = benchmarks(run);
    if !out.is_empty() && run.cases.is_empty() {
        let _ = writeln!(out, "{}", verdict(run, level));
        return out;
    }
    let matrix = Matrix::of(run);
    if matrix.columns.len() > WORDY {
        let _ = writeln!(out, "{}\n{SIGNS}\n", signs(&matrix));
    } else {
        let _ = writeln!(out, "{}\n\n{LEGEND}\n", table(&matrix));
    }
    if is_of_several(run) {
        out.push_str(&overview(run));
    }
    let objections: Vec<_> = run.objections(level).collect();
    for (case, objection) in objections.iter().take(SHOWN) {
        let _ = writeln!(out, "{}", block(case, *objection, run.seed));
    }
    if let Some(more @ 1..) = objections.len().checked_sub(SHOWN) {
        let _ = writeln!(
            out,
            "... and {more} more; `mtls-gauntlet report run.json --format markdown` shows them all\n"
        );
    }
    out.push_str(&summary(run, level));
    out
}

/// The counts and the gate's verdict.
pub fn summary(run: &Run, level: Level) -> String {
    let mut out = String::new();
    if !is_of_several(run) {
        for target in &run.targets {
            let _ = writeln!(
                out,
                "{} {}, role {}: {} for {}",
                target.name,
                target.version,
                target.role,
                counted(target.starts, "start"),
                counted(target.environments, "environment"),
            );
        }
    }
    let _ = writeln!(out, "{}", counts(&run.summary));
    let _ = writeln!(out, "{}", verdict(run, level));
    out
}

fn verdict(run: &Run, level: Level) -> String {
    let objections = run.objections(level).count();
    let wrong = run
        .measurements
        .iter()
        .filter_map(|one| Some((one, one.objection()?)));
    let wrong: Vec<_> = wrong.collect();
    let bold = Style::new().bold();
    let verdict = match (objections, wrong.as_slice(), run.complete) {
        (_, _, false) => {
            "incomplete: the run was cut short, and proves nothing about what it did not reach"
                .into()
        }
        (0, [], true) if run.proves_nothing() => "nothing was tested".into(),
        (0, [], true) => "as expected".into(),
        (0, [(row, words), more @ ..], true) => match more.len() {
            0 => format!("not as expected: {}: {words}", row.row),
            more => format!("not as expected: {}: {words}, and {more} more", row.row),
        },
        (1, _, true) => "not as expected: 1 case keeps the gate shut".into(),
        (count, _, true) => format!("not as expected: {count} cases keep the gate shut"),
    };
    format!("{bold}{verdict}{bold:#}")
}

/// What was measured, a table for each plan and target.
fn benchmarks(run: &Run) -> String {
    let mut out = String::new();
    for sheet in sheet::sheets(run) {
        let bold = Style::new().bold();
        let _ = writeln!(out, "{bold}{}{bold:#}\n{}\n", sheet.title, sheet.pinned);
        for cells in &sheet.tables {
            let mut table = Table::new();
            table.load_style(presets::NOTHING);
            table.set_header(cells.heads.iter().copied());
            for row in &cells.rows {
                table.add_row(row);
            }
            for column in table.column_iter_mut().skip(1) {
                column.set_cell_alignment(CellAlignment::Right);
            }
            let _ = writeln!(out, "{table}\n");
        }
        for note in &sheet.notes {
            let _ = writeln!(out, "  {note}");
        }
        out.push('\n');
    }
    if !out.is_empty() {
        let _ = writeln!(out, "{}", sheet::machine(&run.host));
    }
    out
}

fn counts(summary: &Summary) -> String {
    let mut words = vec![format!(
        "{}, {}:",
        counted(summary.scenarios, "scenario"),
        counted(summary.cases, "case")
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

/// `1 start`, `2 starts`.
fn counted(count: u32, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// A row for each column of the matrix, and who deviates where.
fn overview(run: &Run) -> String {
    let overview = Overview::of(run);
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let heads = Class::ALL.map(Class::head);
    table.set_header(
        ["target", "role", "version"]
            .into_iter()
            .chain(heads)
            .chain(["starts"]),
    );
    for column in &overview.columns {
        let target = column.target;
        let mut row = vec![target.name.clone(), target.role.to_string()];
        if target.absent.is_some() {
            row.push("absent".into());
            table.add_row(row);
            continue;
        }
        row.push(target.version.clone());
        row.extend(Class::ALL.map(|class| tally(class, column.count(class))));
        row.push(format!("{}/{}", target.starts, target.environments));
        table.add_row(row);
    }
    for index in 3..3 + Class::ALL.len() + 1 {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut out = format!("{table}\n\n");
    let meanings = Class::ALL.map(|class| format!("{}: {}.", class.head(), class.meaning()));
    let _ = writeln!(
        out,
        "{} †: not explained by the target's descriptor. starts: of how many that the environments ask for.",
        meanings.join(" ")
    );
    for target in run.targets.iter() {
        if let Some(absent) = &target.absent {
            let _ = writeln!(out, "absent: {}, {}: {absent}", target.name, target.role);
        }
    }
    let bold = Style::new().bold();
    for (class, deviations) in &overview.deviations {
        let _ = writeln!(out, "\n{bold}{}{bold:#}: {}", class.head(), class.meaning());
        for deviation in deviations {
            let _ = writeln!(
                out,
                "  {}: {}",
                deviation.scenario,
                deviation.who.join(", ")
            );
        }
    }
    out.push('\n');
    out
}

fn tally(class: Class, count: Count) -> String {
    match (count.cases, count.unexplained) {
        (0, _) => ".".into(),
        (cases, 0) => cases.to_string(),
        (cases, unexplained) => {
            let style = match class {
                Class::Accepted | Class::Fell | Class::Refused | Class::Unproven => {
                    Style::new().fg_color(Some(AnsiColor::Red.into()))
                }
                _ => Style::new(),
            };
            format!("{style}{cases} ({unexplained}†){style:#}")
        }
    }
}

/// A matrix of one sign for each cell, its columns numbered.
fn signs(matrix: &Matrix<'_>) -> String {
    let mut out = String::new();
    for (index, column) in matrix.columns.iter().enumerate() {
        let _ = writeln!(out, "{:>3}  {} {}", index + 1, column.target, column.role);
    }
    let width = matrix
        .rows
        .iter()
        .map(|row| row.scenario.len())
        .max()
        .unwrap_or(0);
    out.push('\n');
    for place in [10, 1] {
        let digits = (1..=matrix.columns.len()).map(|number| match (number / place) % 10 {
            0 if place > number => ' '.to_string(),
            digit => digit.to_string(),
        });
        let _ = writeln!(out, "{:width$}  {}", "", digits.collect::<String>());
    }
    for row in &matrix.rows {
        let signs: String = row.cells.iter().map(|cell| sign(cell)).collect();
        let _ = writeln!(out, "{:width$}  {}", row.scenario, signs.trim_end());
    }
    out
}

fn table(matrix: &Matrix<'_>) -> Table {
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
