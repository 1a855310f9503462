//! Parts: what records are taken apart into, in an order that makes equal parts equal.

use super::{MergeError, Whole};
use crate::record::measurement::Repetition;
use crate::record::{
    CaseRecord, Division, MeasuredRecord, Measurement, MergeRecord, PartRecord, Run, TargetRecord,
};

/// A part of a run, taken out of whatever record it was in.
#[derive(Clone, PartialEq)]
pub(super) struct Part {
    pub(super) record: PartRecord,
    pub(super) cases: Vec<CaseRecord>,
    /// What it measured.
    pub(super) measurements: Vec<Measurement>,
}

/// The parts that a record is made of, and what all parts of its run have in common.
///
/// # Errors
/// When it is no part of a run, or contradicts itself.
pub(super) fn take_apart(run: Run) -> Result<(Whole, Vec<Part>), MergeError> {
    match (run.shard.clone(), run.merged.clone()) {
        (_, Some(merged)) => take_merged_apart(run, merged),
        (Some(shard), None) => {
            let whole = Whole {
                tool: run.tool,
                seed: run.seed,
                count: shard.count,
                division: shard.division,
                selection: shard.selection,
                size: shard.whole,
                origin: format!("shard {}/{}", shard.number, shard.count),
            };
            let record = PartRecord {
                number: shard.number,
                complete: run.complete,
                started_at: run.started_at,
                host: run.host,
                targets: run.targets,
                measured: Vec::new(),
                measurements: Vec::new(),
            };
            let part = Part {
                record,
                cases: run.cases,
                measurements: run.measurements,
            };
            let part = part.checked(&whole)?;
            Ok((whole, vec![part]))
        }
        (None, None) => Err(MergeError::Unsharded {
            started_at: run.started_at,
        }),
    }
}

/// A merged record has its cases and, where parts have rows of their own, its measurements in one list: they
/// go back to the parts that they came from.
fn take_merged_apart(run: Run, merged: MergeRecord) -> Result<(Whole, Vec<Part>), MergeError> {
    let numbers: Vec<_> = merged.parts.iter().map(|part| part.number).collect();
    let whole = Whole {
        tool: run.tool,
        seed: run.seed,
        count: merged.count,
        division: merged.division,
        selection: merged.selection,
        size: merged.whole,
        origin: format!(
            "the merged record of shards {numbers:?} of {}",
            merged.count
        ),
    };
    let mut cases = run.cases;
    let mut parts = Vec::new();
    for mut record in merged.parts {
        let shard = whole.shard(record.number)?;
        let own = cases.extract_if(.., |case| shard.holds(&case.id)).collect();
        let measurements = match whole.division {
            Division::Together => std::mem::take(&mut record.measurements),
            Division::Apart => {
                let measured = std::mem::take(&mut record.measured);
                let rows = measured.iter();
                let rows = rows.filter_map(|row| row.out_of(&run.measurements));
                rows.collect()
            }
        };
        let part = Part {
            record,
            cases: own,
            measurements,
        };
        parts.push(part.checked(&whole)?);
    }
    match cases.first() {
        Some(case) => Err(MergeError::Stray {
            origin: whole.origin,
            id: case.id.clone(),
        }),
        None => Ok((whole, parts)),
    }
}

impl Part {
    /// The part in order, so that equal parts are equal.
    ///
    /// # Errors
    /// When it cannot be this part of that whole.
    fn checked(mut self, whole: &Whole) -> Result<Self, MergeError> {
        let shard = whole.shard(self.record.number)?;
        let origin = || format!("shard {shard}");
        if let (Division::Together, Some(case)) = (whole.division, self.cases.first()) {
            return Err(MergeError::Stray {
                origin: origin(),
                id: case.id.clone(),
            });
        }
        let cases = self.cases.iter().map(|case| &case.id);
        // Those who measure together have all rows.
        let apart = whole.division == Division::Apart;
        let rows = self.measurements.iter().filter(|_| apart);
        let mut ids = cases.chain(rows.map(|row| &row.id));
        if let Some(id) = ids.find(|id| !shard.holds(id)) {
            return Err(MergeError::Stray {
                origin: origin(),
                id: id.clone(),
            });
        }
        let place = |case: &CaseRecord| (case.target.clone(), case.id.clone());
        self.cases.sort_by_cached_key(place);
        let row = |row: &Measurement| (row.target.clone(), row.id.clone());
        self.measurements.sort_by_cached_key(row);
        for row in &mut self.measurements {
            row.repetitions.sort_by_key(|repetition| repetition.number);
        }
        let column = |target: &TargetRecord| (target.name.clone(), target.role);
        self.record.targets.sort_by_cached_key(column);
        let twice = twice(
            self.cases
                .iter()
                .map(place)
                .map(|(target, id)| (id, target)),
        )
        .or_else(|| {
            twice(
                self.measurements
                    .iter()
                    .map(row)
                    .map(|(target, id)| (id, target)),
            )
        })
        .or_else(|| {
            let columns = self.record.targets.iter().map(column);
            twice(columns.map(|(name, role)| (role.to_string(), name)))
        })
        .or_else(|| {
            self.measurements.iter().find_map(|row| {
                let numbers = row.repetitions.iter().map(|repetition| repetition.number);
                let number = twice(numbers)?;
                Some((
                    format!("repetition {number} of {}", row.id),
                    row.target.clone(),
                ))
            })
        });
        match twice {
            Some((id, target)) => Err(MergeError::Twice {
                origin: origin(),
                id,
                target,
            }),
            None => Ok(self),
        }
    }

    /// The better of two that have one number.
    ///
    /// # Errors
    /// When both are complete and they differ.
    pub(super) fn or(self, other: Self) -> Result<Self, MergeError> {
        if self == other {
            return Ok(self);
        }
        match (self.record.complete, other.record.complete) {
            (true, true) => Err(MergeError::Rivals {
                number: self.record.number,
                one: self.record.started_at,
                other: other.record.started_at,
            }),
            (true, false) => Ok(self),
            (false, true) => Ok(other),
            (false, false) => Ok(match self.progress() >= other.progress() {
                true => self,
                false => other,
            }),
        }
    }

    /// How far it came. No two that differ have come equally far, so that which one stays does not depend on
    /// the order in which they are compared.
    fn progress(&self) -> (usize, usize, String) {
        let repetitions = self.measurements.iter().map(|row| row.repetitions.len());
        let text = serde_json::to_string(&(&self.record, &self.cases, &self.measurements));
        (
            self.cases.len(),
            repetitions.sum(),
            text.unwrap_or_default(),
        )
    }
}

/// The first that is there twice, of what is in order.
fn twice<T: PartialEq>(items: impl Iterator<Item = T>) -> Option<T> {
    let mut last = None;
    for item in items {
        if last.as_ref() == Some(&item) {
            return Some(item);
        }
        last = Some(item);
    }
    None
}

impl MeasuredRecord {
    /// What to remember of a part's row.
    pub(super) fn of(row: &Measurement) -> Self {
        let numbers = row.repetitions.iter().map(|repetition| repetition.number);
        Self {
            target: row.target.clone(),
            id: row.id.clone(),
            repetitions: numbers.collect(),
            saturation: row.saturation,
            unmeasured: row.unmeasured.clone(),
            broken: row.broken,
        }
    }

    /// The row as its part had it, out of the rows of all parts.
    fn out_of(&self, rows: &[Measurement]) -> Option<Measurement> {
        let mut rows = rows.iter();
        let row = rows.find(|row| row.target == self.target && row.id == self.id)?;
        let own = |repetition: &&Repetition| self.repetitions.contains(&repetition.number);
        Some(Measurement {
            saturation: self.saturation,
            unmeasured: self.unmeasured.clone(),
            broken: self.broken,
            repetitions: row.repetitions.iter().filter(own).cloned().collect(),
            ..row.clone()
        })
    }
}
