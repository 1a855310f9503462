//! The report for a pull request or a wiki.

use std::fmt::Write as _;

use super::class::Class;
use super::evidence;
use super::matrix::{LEGEND, Matrix, is_of_several, words};
use super::overview::{Count, Overview};
use super::sheet;
use crate::expect::Level;
use crate::judge::Verdict;
use crate::record::Run;

/// The whole report.
pub fn render(run: &Run, level: Level) -> String {
    let mut out = String::from("# mtls-gauntlet\n\n");
    benchmarks(&mut out, run);
    let objections: Vec<_> = run.objections(level).collect();
    let verdict = verdict(run, objections.len());
    if run.cases.is_empty() && !run.measurements.is_empty() {
        let _ = writeln!(out, "\n{verdict}");
        return out;
    }
    let _ = writeln!(out, "{verdict}\n");
    summary(&mut out, run);
    if !objections.is_empty() {
        out.push_str("\n## What keeps the gate shut\n");
        for (case, _) in &objections {
            let _ = writeln!(out, "\n### `{}` against {}\n", case.id, case.target);
            for (label, text) in evidence::lines(case, run.seed) {
                let _ = writeln!(out, "- **{label}**: {}", escaped(&text));
            }
        }
    }
    known(&mut out, run);
    matrix(&mut out, run);
    out
}

/// What it comes to, where so many cases keep the gate shut.
fn verdict(run: &Run, objections: usize) -> String {
    let rows = run.measurements.iter();
    let wrong = rows.filter_map(|row| Some(format!("`{}`: {}", row.row, row.objection()?)));
    let wrong: Vec<_> = wrong.map(|words| escaped(&words)).collect();
    match (run.complete, objections, wrong.as_slice()) {
        (false, _, _) => "**Incomplete**: the run was cut short.".into(),
        (true, 0, []) if run.proves_nothing() => "**Nothing was tested.**".into(),
        (true, 0, []) => "**As expected.**".into(),
        (true, 0, wrong) => format!("**Not as expected**: {}.", wrong.join("; ")),
        (true, count, _) => format!(
            "**Not as expected**: {count} of {} cases keep the gate shut.",
            run.cases.len()
        ),
    }
}

/// What was measured, a table for each plan and target.
fn benchmarks(out: &mut String, run: &Run) {
    let sheets = sheet::sheets(run);
    for sheet in &sheets {
        let _ = writeln!(
            out,
            "## {}\n\n{}\n",
            escaped(&sheet.title),
            escaped(&sheet.pinned)
        );
        for cells in &sheet.tables {
            let rule = "---:|".repeat(cells.heads.len().saturating_sub(1));
            let _ = writeln!(out, "| {} |\n|---|{rule}", cells.heads.join(" | "));
            for row in &cells.rows {
                let cells: Vec<String> = row.iter().map(|cell| escaped(cell)).collect();
                let _ = writeln!(out, "| {} |", cells.join(" | "));
            }
            out.push('\n');
        }
        for note in &sheet.notes {
            let _ = writeln!(out, "- {}", escaped(note));
        }
        out.push('\n');
    }
    if !sheets.is_empty() {
        let _ = writeln!(out, "Measured on {}.", escaped(&sheet::machine(&run.host)));
    }
}

fn summary(out: &mut String, run: &Run) {
    if is_of_several(run) {
        overview(out, run);
    } else {
        for target in &run.targets {
            let _ = writeln!(
                out,
                "- {} {}, role {}; starts: {} for {} environments",
                target.name, target.version, target.role, target.starts, target.environments
            );
        }
    }
    let _ = writeln!(
        out,
        "\n| scenarios | cases | {} | known |",
        Verdict::ALL.map(Verdict::word).join(" | ")
    );
    let _ = writeln!(out, "|{}", "---:|".repeat(Verdict::ALL.len() + 3));
    let counts = Verdict::ALL.map(|verdict| run.summary.count(verdict).to_string());
    let _ = writeln!(
        out,
        "| {} | {} | {} | {} |",
        run.summary.scenarios,
        run.summary.cases,
        counts.join(" | "),
        run.summary.known
    );
}

/// A row for each column of the matrix, and who deviates where.
fn overview(out: &mut String, run: &Run) {
    let overview = Overview::of(run);
    let heads = Class::ALL.map(Class::head);
    let _ = writeln!(
        out,
        "| target | role | version | {} | starts |",
        heads.join(" | ")
    );
    let _ = writeln!(out, "|---|---|---|{}---:|", "---:|".repeat(heads.len()));
    for column in &overview.columns {
        let target = column.target;
        if let Some(absent) = &target.absent {
            let why = escaped(absent);
            let blanks = " |".repeat(heads.len() + 1);
            let _ = writeln!(
                out,
                "| {} | {} | absent: {why} |{blanks}",
                target.name, target.role
            );
            continue;
        }
        let counts = Class::ALL.map(|class| match column.count(class) {
            Count { cases: 0, .. } => String::new(),
            Count {
                cases,
                unexplained: 0,
            } => cases.to_string(),
            Count { cases, unexplained } => format!("{cases} ({unexplained}†)"),
        });
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {}/{} |",
            target.name,
            target.role,
            target.version,
            counts.join(" | "),
            target.starts,
            target.environments
        );
    }
    let meanings = Class::ALL.map(|class| format!("{}: {}.", class.head(), class.meaning()));
    let _ = writeln!(
        out,
        "\n{} †: not explained by the target's descriptor. starts: of how many that the environments ask for.",
        meanings.join(" ")
    );
    for (class, deviations) in &overview.deviations {
        let _ = writeln!(out, "\n## {}: {}\n", class.head(), class.meaning());
        for deviation in deviations {
            let who = deviation.who.join(", ");
            let _ = writeln!(out, "- `{}`: {who}", deviation.scenario);
        }
    }
    out.push('\n');
}

fn known(out: &mut String, run: &Run) {
    let mut reasons: Vec<(&str, &str, &str)> = run
        .cases
        .iter()
        .filter(|case| case.is_known_failure())
        .filter_map(|case| {
            Some((
                case.target.as_str(),
                case.scenario.as_str(),
                case.known.as_deref()?,
            ))
        })
        .collect();
    reasons.dedup();
    if reasons.is_empty() {
        return;
    }
    out.push_str("\n## Known deviations\n\n| target | scenario | reason |\n|---|---|---|\n");
    for (target, scenario, reason) in reasons {
        let _ = writeln!(out, "| {target} | `{scenario}` | {} |", escaped(reason));
    }
}

fn matrix(out: &mut String, run: &Run) {
    let matrix = Matrix::of(run);
    let header: Vec<_> = matrix
        .columns
        .iter()
        .map(|column| match column.tls {
            Some(tls) => format!("{} {} {tls}", column.target, column.role),
            None => format!("{} {}", column.target, column.role),
        })
        .collect();
    let _ = writeln!(out, "\n## Matrix\n\n{LEGEND}\n");
    let _ = writeln!(out, "| scenario | {} |", header.join(" | "));
    let _ = writeln!(out, "|---|{}", "---|".repeat(header.len()));
    for row in &matrix.rows {
        let cells: Vec<_> = row.cells.iter().map(|cell| words(cell).join("/")).collect();
        let _ = writeln!(out, "| `{}` | {} |", row.scenario, cells.join(" | "));
    }
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
        .replace('\n', " ")
        .replace('&', "&amp;")
        .replace('<', "&lt;")
}
