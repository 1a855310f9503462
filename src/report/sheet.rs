//! Measurements as tables: one sheet for each plan and target, in words that the terminal and Markdown share.

use super::figures::{Course, Figures, Spread, grouped};
use crate::record::measurement::Latencies;
use crate::record::{Host, Latency, Measurement, Run};
use crate::scenario::bench::{Arrival, Rotation, Setting, Strangers};

/// Two tables, what connections cost and how long they took, with what has to be said of them.
pub struct Sheet {
    /// What was measured: the plan, the target, what carried the octets.
    pub title: String,
    /// What is pinned in all rows, as words.
    pub pinned: String,
    /// The tables, what connections cost first.
    pub tables: Vec<Cells>,
    /// What has to be known to read it.
    pub notes: Vec<String>,
}

/// One table.
pub struct Cells {
    /// The heads of the columns.
    pub heads: Vec<&'static str>,
    /// The rows, as many cells as there are heads.
    pub rows: Vec<Vec<String>>,
}

/// The sheets of a run, in the order of its measurements.
pub fn sheets(run: &Run) -> Vec<Sheet> {
    let groups = grouped(&run.measurements);
    groups.iter().map(|group| sheet(group, run)).collect()
}

/// The machine, in a line.
pub fn machine(host: &Host) -> String {
    let mut words = vec![format!("{} {}", host.os, host.arch)];
    words.extend(host.processor.clone());
    words.push(match host.cores {
        1 => "1 processor".into(),
        cores => format!("{cores} processors"),
    });
    words.extend(
        host.kernel
            .as_ref()
            .map(|kernel| format!("kernel {kernel}")),
    );
    words.extend(
        host.load_average
            .map(|load| format!("load {load:.2} when it began")),
    );
    plain(words.join(", "))
}

/// A record may come from anybody: nothing in it is to move a terminal's cursor, nor to end a line of a table.
fn plain(text: String) -> String {
    text.replace(char::is_control, " ")
}

fn sheet(group: &[&Measurement], run: &Run) -> Sheet {
    let figures: Vec<Figures> = group.iter().map(|one| Figures::of(one, run)).collect();
    let first = group.first();
    let reference = first.and_then(|one| one.reference.clone());
    // What was not measured is nothing to compare with.
    let reference = reference.filter(|_| figures.iter().any(|row| row.ratio.is_some()));
    let any = |test: fn(&Figures) -> bool| figures.iter().any(test);
    let open = any(|row| !row.is_closed());
    let apart = any(|row| row.target_us.is_some());
    let embedded = any(|row| row.measurement.embedded);
    let resumes = any(|row| row.wanted.is_some_and(|share| share < 1.0));
    let strangers = any(|row| row.measurement.setting.strangers != Strangers::None);
    let mut columns: Vec<(&'static str, Cell)> = vec![
        ("row", |row| row.measurement.row.clone()),
        ("conn/s", |row| spread(row.rate, 0)),
    ];
    if open {
        columns.push(("arrival", |row| arrival(row)));
    }
    match (embedded, apart) {
        (true, _) => columns.push(("CPU us, both", |row| spread(row.harness_us, 1))),
        (false, true) => {
            columns.push(("client CPU us", |row| spread(row.harness_us, 1)));
            columns.push(("server CPU us", |row| spread(row.target_us, 1)));
        }
        (false, false) => columns.push(("client CPU us", |row| spread(row.harness_us, 1))),
    }
    if reference.is_some() {
        columns.push(("CPU ratio", |row| spread(row.ratio, 2)));
    }
    if open {
        columns.push(("dropped", |row| row.dropped.to_string()));
    }
    if resumes {
        columns.push(("wanted kind", |row| percent(row.wanted)));
    }
    if strangers {
        columns.push(("refused", |row| refused(row)));
        columns.push(("let in", |row| row.strangers_accepted.to_string()));
    }
    columns.push(("failed", |row| row.failed.to_string()));
    let mut phases: Vec<(&'static str, Cell)> = vec![
        ("ms", |row| row.measurement.row.clone()),
        ("connect p50", |row| {
            millis(row, |latency| &latency.connect, 0.5)
        }),
        ("handshake p50", |row| {
            millis(row, |latency| &latency.handshake, 0.5)
        }),
        ("p99", |row| millis(row, |latency| &latency.handshake, 0.99)),
        ("confirmed p50", |row| {
            millis(row, |latency| &latency.confirmed, 0.5)
        }),
        ("p99", |row| millis(row, |latency| &latency.confirmed, 0.99)),
        ("first byte p50", |row| {
            millis(row, |latency| &latency.first_byte, 0.5)
        }),
        ("p99", |row| {
            millis(row, |latency| &latency.first_byte, 0.99)
        }),
        ("max", |row| millis(row, |latency| &latency.first_byte, 1.0)),
    ];
    if open {
        phases.push(("from due p50", |row| {
            millis(row, |latency| &latency.from_due, 0.5)
        }));
        phases.push(("p99", |row| millis(row, |latency| &latency.from_due, 0.99)));
        phases.push(("pacing p99", |row| {
            millis(row, |latency| &latency.pacing, 0.99)
        }));
    }
    if any(|row| row.course().is_some()) {
        phases.push(("p99 before", |row| stretch(row, |course| course.before)));
        phases.push(("at", |row| stretch(row, |course| course.at)));
        phases.push(("after", |row| stretch(row, |course| course.after)));
    }
    let measured: Vec<&Figures> = figures
        .iter()
        .filter(|row| row.measurement.unmeasured.is_none())
        .collect();
    let cells = |columns: &[(&'static str, Cell)]| Cells {
        heads: columns.iter().map(|(head, _)| *head).collect(),
        rows: measured
            .iter()
            .map(|row| columns.iter().map(|(_, cell)| plain(cell(row))).collect())
            .collect(),
    };
    Sheet {
        title: first.map_or_else(String::new, |one| plain(title(one, run))),
        pinned: pinned(group),
        tables: vec![cells(&columns), cells(&phases)],
        notes: notes(&figures, reference.as_deref())
            .into_iter()
            .chain(scattered(run))
            .chain(busy(&run.host))
            .map(plain)
            .collect(),
    }
}

/// What it means that parts of a run were measured on different machines.
fn scattered(run: &Run) -> Option<String> {
    let merged = run.merged.as_ref()?;
    (!run.rows_are_comparable()).then(|| {
        format!(
            "the {} parts are not known to be of one machine: no row is a multiple of another, and the rows' times cannot be compared",
            merged.parts.len()
        )
    })
}

/// What a busy machine does to figures.
fn busy(host: &Host) -> Option<String> {
    let load = host.load_average?;
    (load > host.cores as f64).then(|| {
        format!(
            "the machine was busy (load {load:.2}): ratios hold, times do not; measure again on a quiet one before you quote them"
        )
    })
}

/// What was measured, of which version, and over what.
fn title(one: &Measurement, run: &Run) -> String {
    let place = if one.embedded { "embedded" } else { "apart" };
    let target = run.targets.iter().find(|target| target.name == one.target);
    let version = target.map_or_else(String::new, |target| format!(" {}", target.version));
    format!(
        "{} against {}{version} ({place}, {})",
        one.plan, one.target, one.transport
    )
}

type Cell = fn(&Figures) -> String;

/// What all rows have in common, in words.
fn pinned(group: &[&Measurement]) -> String {
    let settings: Vec<serde_json::Value> = group
        .iter()
        .filter_map(|one| serde_json::to_value(one.setting).ok())
        .collect();
    let usual = serde_json::to_value(Setting::default()).unwrap_or_default();
    let Some(first) = settings.first().and_then(serde_json::Value::as_object) else {
        return String::new();
    };
    // What is named always, and what is unusual here.
    let always = ["tls", "key", "group", "suite", "depth", "in-flight"];
    let words = first.iter().filter_map(|(key, value)| {
        let common = settings
            .iter()
            .all(|setting| setting.get(key) == Some(value));
        let told = always.contains(&key.as_str()) || usual.get(key) != Some(value);
        let text = match value {
            serde_json::Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        (common && told).then(|| format!("{key} {text}"))
    });
    words.collect::<Vec<_>>().join(", ")
}

fn notes(figures: &[Figures], reference: Option<&str>) -> Vec<String> {
    let mut notes = Vec::new();
    let repetitions = figures.iter().map(|row| row.measurement.repetitions.len());
    let most = repetitions.max().unwrap_or_default();
    let of_what = match most {
        1 => "one repetition".into(),
        most => format!(
            "medians of {most} repetitions, least and greatest in brackets, percentiles of all of them"
        ),
    };
    notes.push(format!(
        "{of_what}; a connection counts once the target has answered over it"
    ));
    if let Some(reference) = reference {
        notes.push(format!("CPU ratio: processor time of both ends over that of `{reference}` in the same repetition"));
    }
    if figures.iter().any(Figures::is_closed) {
        notes.push("closed loop: a connection begins when another has ended, so that latencies are those of a queue as long as what is in flight".into());
    }
    if figures
        .iter()
        .any(|row| row.measurement.setting.rotates != Rotation::Nothing)
    {
        notes.push("something was replaced half-way through; the record has its course".into());
    }
    notes.extend(knees(figures));
    for row in figures {
        if let Some(why) = &row.measurement.unmeasured {
            let word = if row.measurement.broken {
                "broken"
            } else {
                "not measured"
            };
            notes.push(format!("{}: {word}: {why}", row.measurement.row));
        }
        let reasons = row.reasons();
        for (reason, count) in reasons.iter().take(3) {
            notes.push(format!("{}: {count} failed: {reason}", row.measurement.row));
        }
        if row.strangers_accepted > 0 {
            notes.push(format!(
                "{}: {} connections were accepted that must be refused",
                row.measurement.row, row.strangers_accepted
            ));
        }
    }
    notes
}

fn stretch(row: &Figures, which: fn(&Course) -> Option<u64>) -> String {
    millis_of(row.course().as_ref().and_then(which))
}

/// Up to which rate the target keeps up, for each ramp: rows that differ in nothing but their share of saturation.
fn knees(figures: &[Figures]) -> Vec<String> {
    let mut ramps: Vec<(Setting, Vec<(u32, &Figures)>)> = Vec::new();
    for row in figures {
        let setting = row.measurement.setting;
        let Arrival::Share(share) = setting.arrival else {
            continue;
        };
        let like = Setting {
            arrival: Arrival::Closed,
            ..setting
        };
        match ramps.iter_mut().find(|(of, _)| *of == like) {
            Some((_, ramp)) => ramp.push((share, row)),
            None => ramps.push((like, vec![(share, row)])),
        }
    }
    let several = ramps.len() > 1;
    let knees = ramps.into_iter().filter_map(|(_, ramp)| {
        let first = ramp.first().map(|(_, row)| row.measurement.row.as_str());
        let first = first.filter(|_| several);
        let knee = knee(ramp)?;
        Some(match first {
            Some(row) => format!("{row} and the rows like it: {knee}"),
            None => knee,
        })
    });
    knees.collect()
}

fn knee(mut ramp: Vec<(u32, &Figures)>) -> Option<String> {
    ramp.sort_by_key(|(share, _)| *share);
    ramp.dedup_by_key(|(share, _)| *share);
    if ramp.len() < 3 {
        return None;
    }
    let kept = ramp.iter().take_while(|(_, row)| row.keeps_up()).last();
    Some(match kept {
        Some(last) if ramp.last().is_some_and(|(share, _)| *share == last.0) => {
            "it keeps up with all of these rates: the knee lies beyond them".into()
        }
        Some((share, row)) => format!(
            "the knee: it keeps up with {share} % of saturation ({:.0}/s), and not with more",
            row.rate.map_or(0.0, |rate| rate.median)
        ),
        None => "it keeps up with none of these rates".into(),
    })
}

fn arrival(row: &Figures) -> String {
    match (row.measurement.setting.arrival, row.measurement.saturation) {
        (Arrival::Share(share), Some(saturation)) => {
            let rate = (saturation * f64::from(share) / 100.0).min(f64::MAX);
            format!("{rate:.0}/s ({share}%)")
        }
        (arrival, _) => arrival.to_string(),
    }
}

fn spread(spread: Option<Spread>, digits: usize) -> String {
    match spread {
        None => "-".into(),
        Some(Spread {
            median,
            least,
            greatest,
        }) if least == greatest => format!("{median:.digits$}"),
        Some(Spread {
            median,
            least,
            greatest,
        }) => format!("{median:.digits$} [{least:.digits$} {greatest:.digits$}]"),
    }
}

fn millis(row: &Figures, which: fn(&Latencies) -> &Latency, share: f64) -> String {
    millis_of(row.measurement.latency(which).quantile(share))
}

fn millis_of(nanos: Option<u64>) -> String {
    nanos.map_or_else(|| "-".into(), |nanos| format!("{:.3}", nanos as f64 / 1e6))
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".into(), |share| format!("{:.1}%", share * 100.0))
}

fn refused(row: &Figures) -> String {
    let repetitions = row.measurement.repetitions.iter();
    let refused: u64 = repetitions
        .map(|repetition| repetition.tally.strangers_refused)
        .fold(0, u64::saturating_add);
    refused.to_string()
}
