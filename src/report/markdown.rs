//! The report for a pull request or a wiki.

use std::fmt::Write as _;

use super::evidence;
use super::matrix::{LEGEND, Matrix, words};
use crate::expect::Level;
use crate::judge::Verdict;
use crate::record::Run;

/// The whole report.
pub fn render(run: &Run, level: Level) -> String {
    let mut out = String::from("# mtls-gauntlet\n\n");
    let objections: Vec<_> = run.objections(level).collect();
    let verdict = match (run.complete, objections.len()) {
        (false, _) => "**Incomplete**: the run was cut short.".into(),
        (true, 0) => "**As expected.**".into(),
        (true, count) => format!(
            "**Not as expected**: {count} of {} cases keep the gate shut.",
            run.cases.len()
        ),
    };
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

fn summary(out: &mut String, run: &Run) {
    for target in &run.targets {
        let _ = writeln!(
            out,
            "- {} {}, role {}, started {} times",
            target.name, target.version, target.role, target.starts
        );
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
    text.replace('|', "\\|").replace('\n', " ")
}
