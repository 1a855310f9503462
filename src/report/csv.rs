//! Comma-separated values, for spreadsheets: a line for each repetition of a measurement, or, for a run that
//! measured nothing, a line for each case (RFC 4180).

use crate::record::measurement::{Latencies, Repetition};
use crate::record::{Latency, Measurement, Run};

type Which = fn(&Latencies) -> &Latency;

/// The histograms, by the name that their columns begin with.
const HISTOGRAMS: [(&str, Which); 6] = [
    ("connect", |latency| &latency.connect),
    ("handshake", |latency| &latency.handshake),
    ("confirmed", |latency| &latency.confirmed),
    ("first_byte", |latency| &latency.first_byte),
    ("from_due", |latency| &latency.from_due),
    ("pacing", |latency| &latency.pacing),
];

/// The quantiles of each.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)];

/// The whole table.
pub fn render(run: &Run) -> String {
    let mut lines = Vec::new();
    if run.measurements.is_empty() {
        lines.push(
            [
                "target",
                "id",
                "verdict",
                "failure_kind",
                "known",
                "duration_us",
                "reason",
            ]
            .map(String::from)
            .to_vec(),
        );
        for case in &run.cases {
            lines.push(vec![
                case.target.clone(),
                case.id.clone(),
                case.verdict.to_string(),
                case.failure_kind
                    .map(|kind| kind.to_string())
                    .unwrap_or_default(),
                case.known.clone().unwrap_or_default(),
                case.duration_us.to_string(),
                case.reason.clone(),
            ]);
        }
    } else {
        lines.push(head());
        for measurement in &run.measurements {
            for repetition in &measurement.repetitions {
                lines.push(line(measurement, repetition));
            }
        }
    }
    let lines = lines.iter().map(|cells| {
        let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        cells.join(",") + "\r\n"
    });
    lines.collect()
}

fn head() -> Vec<String> {
    let fixed = [
        "target",
        "plan",
        "row",
        "repetition",
        "duration_us",
        "load_average",
        "due",
        "dropped",
        "confirmed",
        "other_kind",
        "failed",
        "strangers",
        "strangers_refused",
        "strangers_accepted",
        "per_second",
        "harness_cpu_ns",
        "target_cpu_ns",
        "cpu_connections",
    ];
    let measured = HISTOGRAMS.iter().flat_map(|(name, _)| {
        QUANTILES
            .iter()
            .map(move |(quantile, _)| format!("{name}_{quantile}_ns"))
    });
    fixed
        .iter()
        .map(|name| (*name).to_owned())
        .chain(measured)
        .collect()
}

fn line(measurement: &Measurement, repetition: &Repetition) -> Vec<String> {
    let Repetition {
        tally,
        cpu,
        latency,
        ..
    } = repetition;
    let optional = |number: Option<String>| number.unwrap_or_default();
    let fixed = vec![
        measurement.target.clone(),
        measurement.plan.clone(),
        measurement.row.clone(),
        repetition.number.to_string(),
        repetition.duration_us.to_string(),
        optional(repetition.load_average.map(|load| load.to_string())),
        tally.due.to_string(),
        tally.dropped.to_string(),
        tally.confirmed.to_string(),
        tally.other_kind.to_string(),
        tally.failures().to_string(),
        tally.strangers.to_string(),
        tally.strangers_refused.to_string(),
        tally.strangers_accepted.to_string(),
        format!("{:.3}", repetition.rate()),
        cpu.harness_ns.to_string(),
        optional(cpu.target_ns.map(|nanos| nanos.to_string())),
        cpu.connections.to_string(),
    ];
    let measured = HISTOGRAMS.iter().flat_map(|(_, which)| {
        QUANTILES.iter().map(move |(_, share)| {
            which(latency)
                .quantile(*share)
                .map(|nanos| nanos.to_string())
                .unwrap_or_default()
        })
    });
    fixed.into_iter().chain(measured).collect()
}

/// A field as it may stand between commas. What a spreadsheet would take for a formula is disarmed, for reasons
/// are words of strangers.
fn quoted(field: &str) -> String {
    let armed =
        field.starts_with(['=', '+', '-', '@', '\t', '\r']) && field.parse::<f64>().is_err();
    let field = match armed {
        true => format!("'{field}"),
        false => field.to_owned(),
    };
    match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field,
    }
}
