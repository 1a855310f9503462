//! Rows of two records: whether their figures can be compared at all, and what these say.
//!
//! Figures of one row are comparable where all that was pinned is equal. On one machine they are compared as they
//! are. Those of different machines are shown and never compared; there a row's processor time is compared as a
//! multiple of the plan's reference row, which was measured on the same machine a moment before or after.
//!
//! A row that was answered in every repetition and is not any longer has no figures to be slower in. It gates all
//! the same, or the worst slow-down of all would pass.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Terms;
use super::figure::{Figure, Finding, Metric};
use crate::record::measurement::{Repetition, Tally};
use crate::record::{Measurement, Run};

/// A row of a plan in both records.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Row {
    /// The target.
    pub target: String,
    /// The plan and the row: `overhead/mutual`.
    pub id: String,
    /// The plan's file.
    pub file: String,
    /// Is the target a service within the harness's own process?
    pub embedded: bool,
    /// What the comparison rests on.
    pub basis: Basis,
    /// Does it keep the gate shut?
    pub gates: bool,
    /// What a reader should know beside: why it is not compared, what was left out.
    pub remarks: Vec<String>,
    /// The figures that both records have.
    pub figures: Vec<Figure>,
}

/// What the comparison of a row rests on.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Its figures as they were measured.
    Measured,
    /// Its processor time as a multiple of the reference row's.
    Relative,
    /// Nothing: the records are of different machines, and there is no row to relate it to.
    OtherMachine,
    /// Nothing: it was measured otherwise.
    OtherSetting,
    /// Nothing: it was answered in every repetition before, and is not now.
    Lost,
    /// Nothing: neither record has a figure.
    Unmeasured,
    /// Nothing: it was not there before, or had no answer.
    New,
    /// Nothing: it is not there any more.
    Gone,
}

impl Row {
    /// Are there figures that were compared?
    pub fn is_compared(&self) -> bool {
        matches!(self.basis, Basis::Measured | Basis::Relative)
    }

    /// Could it have become slower without anybody's noticing?
    pub fn proves_nothing(&self) -> bool {
        let any_certain = || {
            let mut figures = self.figures.iter();
            self.gates || figures.any(|figure| figure.can_gate)
        };
        match self.basis {
            Basis::OtherMachine | Basis::OtherSetting | Basis::Unmeasured | Basis::Gone => true,
            Basis::Measured | Basis::Relative => !any_certain(),
            Basis::Lost | Basis::New => false,
        }
    }

    /// Is it faster in a figure that can gate, and slower in none?
    pub fn is_faster(&self) -> bool {
        let says = |finding| {
            let figures = self.figures.iter();
            figures
                .filter(|figure| figure.can_gate)
                .any(move |figure| figure.finding == finding)
        };
        says(Finding::Faster) && !says(Finding::Slower)
    }
}

type Key<'r> = (&'r str, &'r str);

/// Every row, in the order of the plans.
pub(super) fn rows(before: &Run, after: &Run, terms: &Terms, same_machine: bool) -> Vec<Row> {
    let rows_are_comparable = before.rows_are_comparable() && after.rows_are_comparable();
    let same_build = before.tool.unoptimised == after.tool.unoptimised;
    let (before, after) = (by_key(before), by_key(after));
    let pairs = Pairs {
        before: &before,
        after: &after,
        terms,
        same_machine,
        rows_are_comparable,
        same_build,
    };
    let keys: BTreeSet<&Key<'_>> = before.keys().chain(after.keys()).collect();
    let mut rows: Vec<_> = keys
        .into_iter()
        .filter_map(|key| {
            let (one, other) = (before.get(key).copied(), after.get(key).copied());
            let any = other.or(one)?;
            let place = (any.target.as_str(), any.plan.as_str(), any.place);
            Some((place, pairs.row(one, other)?))
        })
        .collect();
    rows.sort_by_key(|(place, _)| *place);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// Is there a row that both records have, measured or not?
pub(super) fn have_a_row_in_common(before: &Run, after: &Run) -> bool {
    let (before, after) = (by_key(before), by_key(after));
    before.keys().any(|key| after.contains_key(key))
}

fn by_key(run: &Run) -> BTreeMap<Key<'_>, &Measurement> {
    let measurements = run.measurements.iter();
    measurements
        .map(|one| ((one.target.as_str(), one.id.as_str()), one))
        .collect()
}

struct Pairs<'r> {
    before: &'r BTreeMap<Key<'r>, &'r Measurement>,
    after: &'r BTreeMap<Key<'r>, &'r Measurement>,
    terms: &'r Terms,
    same_machine: bool,
    /// Within each record, are its rows comparable with each other?
    rows_are_comparable: bool,
    /// Were both records made by programs that were built alike, as far as that makes a difference to speed?
    same_build: bool,
}

impl Pairs<'_> {
    fn row(&self, before: Option<&Measurement>, after: Option<&Measurement>) -> Option<Row> {
        match (before, after) {
            (Some(before), Some(after)) => Some(self.pair(before, after)),
            (None, Some(after)) => Some(bare(after, Basis::New, "not measured before".to_owned())),
            (Some(before), None) => Some(bare(
                before,
                Basis::Gone,
                "not measured any more".to_owned(),
            )),
            (None, None) => None,
        }
    }

    fn pair(&self, before: &Measurement, after: &Measurement) -> Row {
        if !self.same_build {
            let why =
                "one record is of a program that was built without optimisation, the other is not";
            return bare(after, Basis::OtherSetting, why.into());
        }
        if let Some(difference) = difference(before, after) {
            let why = format!("setting differs, not compared: {difference}");
            return bare(after, Basis::OtherSetting, why);
        }
        let (was, is) = (Answered::of(before), Answered::of(after));
        let why = |measurement: &Measurement| {
            let why = measurement.unmeasured.as_ref();
            why.map_or(String::new(), |why| format!(": {why}"))
        };
        match (was, is) {
            _ if after.broken => Row {
                gates: true,
                ..bare(
                    after,
                    Basis::Lost,
                    format!("it could not be measured{}", why(after)),
                )
            },
            (Answered::Always, Answered::Sometimes | Answered::Never) => {
                let said = format!(
                    "answered in each of {} repetitions before, and in {} of {} now{}",
                    before.repetitions.len(),
                    after
                        .repetitions
                        .iter()
                        .filter(|one| after.answers(one))
                        .count(),
                    after.repetitions.len(),
                    why(after)
                );
                Row {
                    gates: true,
                    ..bare(after, Basis::Lost, said)
                }
            }
            (Answered::Never, Answered::Never) => {
                let said = format!("nothing was measured{}", why(after));
                bare(after, Basis::Unmeasured, said)
            }
            (Answered::Never, _) => {
                let said = format!("nothing was measured before{}", why(before));
                bare(after, Basis::New, said)
            }
            (Answered::Sometimes, Answered::Never) => {
                let said = format!("nothing was measured any more{}", why(after));
                Row {
                    gates: true,
                    ..bare(after, Basis::Lost, said)
                }
            }
            _ => self.compared(before, after),
        }
    }

    fn compared(&self, before: &Measurement, after: &Measurement) -> Row {
        let both = [before, after];
        let mut remarks = remarks(before, after);
        let lost = lost(before, after);
        let gates = !lost.is_empty();
        remarks.extend(lost);
        let measured = Metric::ALL
            .into_iter()
            .filter_map(|metric| Figure::measured(metric, both, self.terms, self.same_machine));
        let mut figures: Vec<Figure> = measured.collect();
        let mut basis = Basis::Measured;
        if !self.same_machine {
            basis = Basis::OtherMachine;
            match self.references(before, after) {
                Ok(references) => {
                    let relative = Metric::ALL
                        .into_iter()
                        .filter(|metric| metric.is_processor_time())
                        .filter_map(|metric| {
                            Figure::relative(metric, both, references, self.terms)
                        });
                    let found = figures.len();
                    figures.extend(relative);
                    if figures.len() > found {
                        basis = Basis::Relative;
                    }
                }
                Err(why) => remarks.push(format!("of different machines, not compared: {why}")),
            }
        }
        if figures
            .iter()
            .any(|figure| figure.finding == Finding::TooFew)
        {
            remarks.push(
                "fewer than two repetitions on a side: no interval, and so it does not gate".into(),
            );
        }
        Row {
            target: after.target.clone(),
            id: after.id.clone(),
            file: after.file.clone(),
            embedded: after.embedded,
            basis,
            gates: gates || figures.iter().any(Figure::gates),
            remarks,
            figures,
        }
    }

    /// The reference rows of both records, or why there are none.
    fn references(
        &self,
        before: &Measurement,
        after: &Measurement,
    ) -> Result<[&Measurement; 2], String> {
        let name = match (&before.reference, &after.reference) {
            (Some(one), Some(other)) if one == other => other,
            (Some(_), Some(_)) => return Err("they have different reference rows".into()),
            _ => return Err("the plan has no reference row".into()),
        };
        if *name == after.row {
            return Err("it is the reference row itself".into());
        }
        if !self.rows_are_comparable {
            return Err("a record was merged from parts of several machines, and the reference row may be another's".into());
        }
        let id = format!("{}/{name}", after.plan);
        let key = (after.target.as_str(), id.as_str());
        match (self.before.get(&key), self.after.get(&key)) {
            (Some(one), Some(other)) => match difference(one, other) {
                None => Ok([*one, *other]),
                Some(difference) => Err(format!(
                    "the setting of the reference row `{name}` differs: {difference}"
                )),
            },
            _ => Err(format!(
                "the reference row `{name}` was not measured in both"
            )),
        }
    }
}

/// In how many of its repetitions was a row answered?
#[derive(Clone, Copy)]
enum Answered {
    Always,
    Sometimes,
    Never,
}

impl Answered {
    fn of(measurement: &Measurement) -> Self {
        let answered = |one: &&Repetition| measurement.answers(one);
        let count = measurement.repetitions.iter().filter(answered).count();
        match count {
            0 => Self::Never,
            all if all == measurement.repetitions.len() => Self::Always,
            _ => Self::Sometimes,
        }
    }
}

fn bare(measurement: &Measurement, basis: Basis, remark: String) -> Row {
    Row {
        target: measurement.target.clone(),
        id: measurement.id.clone(),
        file: measurement.file.clone(),
        embedded: measurement.embedded,
        basis,
        gates: false,
        remarks: vec![remark],
        figures: Vec::new(),
    }
}

/// How the settings of two measurements differ, if they do.
fn difference(before: &Measurement, after: &Measurement) -> Option<String> {
    let mut differences = Vec::new();
    if before.transport != after.transport {
        differences.push(format!(
            "transport {} -> {}",
            before.transport, after.transport
        ));
    }
    // Records from before it was written down have 0.
    if before.workers != after.workers && before.workers > 0 && after.workers > 0 {
        differences.push(format!("workers {} -> {}", before.workers, after.workers));
    }
    if before.embedded != after.embedded {
        differences.push(format!(
            "embedded {} -> {}",
            before.embedded, after.embedded
        ));
    }
    differences.extend(changed_keys(before, after));
    (!differences.is_empty()).then(|| differences.join(", "))
}

fn changed_keys(before: &Measurement, after: &Measurement) -> Vec<String> {
    let values = |measurement: &Measurement| match serde_json::to_value(measurement.setting) {
        Ok(Value::Object(values)) => values,
        _ => serde_json::Map::new(),
    };
    let (before, after) = (values(before), values(after));
    let plain = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "nothing".into(),
    };
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    keys.into_iter()
        .map(|key| (key, before.get(key), after.get(key)))
        .filter(|(_, one, other)| one != other)
        .map(|(key, one, other)| format!("{key} {} -> {}", plain(one), plain(other)))
        .collect()
}

/// What the second record has less of than the first, and no figure says: repetitions that were answered, figures,
/// connections that were answered as they must be.
fn lost(before: &Measurement, after: &Measurement) -> Vec<String> {
    let mut lost = Vec::new();
    let answered = |measurement: &Measurement| {
        let all = measurement.repetitions.len().max(1);
        let answered = measurement.repetitions.iter();
        answered.filter(|one| measurement.answers(one)).count() as f64 / all as f64
    };
    if answered(after) < answered(before) {
        lost.push("fewer of its repetitions were answered than before".into());
    }
    for metric in Metric::ALL {
        if metric.is_in(before) && !metric.is_in(after) {
            let words = metric.words(after.embedded);
            lost.push(format!(
                "the second record has no {words}, and the first one has"
            ));
        }
    }
    let [was, is] = [before, after].map(|measurement| {
        let shares = measurement
            .repetitions
            .iter()
            .filter_map(|one| unserved(&one.tally));
        shares.collect::<Vec<f64>>()
    });
    let most = was.iter().copied().reduce(f64::max);
    let least = is.iter().copied().reduce(f64::min);
    if let (Some(most), Some(least)) = (most, least)
        && least > 2.0 * most + 1.0
    {
        lost.push(format!(
            "of the connections that were due, at least {least:.1} % were not answered as they must be in each repetition, \
             and at most {most:.1} % before"
        ));
    }
    lost
}

/// What share of a repetition's connections failed, was dropped, or was answered in a handshake of the other kind, in
/// percent.
fn unserved(tally: &Tally) -> Option<f64> {
    let served = tally.confirmed.min(tally.due);
    (tally.due > 0).then(|| 100.0 * (tally.due - served) as f64 / tally.due as f64)
}

/// What the figures of a row do not say.
fn remarks(before: &Measurement, after: &Measurement) -> Vec<String> {
    let mut remarks = Vec::new();
    let [was, is] = [before, after].map(unanswered);
    if was.is_some_and(|was| was >= 0.05) || is.is_some_and(|is| is >= 0.05) {
        let percent = |share: Option<f64>| {
            share.map_or("nothing was due".into(), |share| format!("{share:.1} %"))
        };
        remarks.push(format!(
            "failed or dropped: {} -> {}; the figures are of the others",
            percent(was),
            percent(is)
        ));
    }
    for (name, measurement) in [("first", before), ("second", after)] {
        let silent = |one: &&Repetition| !measurement.answers(one);
        let silent = measurement.repetitions.iter().filter(silent).count();
        if silent > 0 {
            remarks.push(format!(
                "{silent} of {} repetitions of the {name} record had no answer and are left out",
                measurement.repetitions.len()
            ));
        }
        if let Some(why) = &measurement.unmeasured {
            remarks.push(format!("the {name} record has not measured all: {why}"));
        }
    }
    remarks
}

/// What share of the connections that were due failed or was dropped, in percent.
fn unanswered(measurement: &Measurement) -> Option<f64> {
    let tallies = measurement.repetitions.iter().map(|one| &one.tally);
    let (due, lost) = tallies.fold((0.0, 0.0), |(due, lost), tally| {
        (
            due + tally.due as f64,
            lost + tally.failures() as f64 + tally.dropped as f64,
        )
    });
    (due > 0.0).then(|| 100.0 * lost / due)
}
