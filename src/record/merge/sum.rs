//! Sums: the columns and rows of all parts, in the order of their numbers.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::MergeError;
use super::part::Part;
use crate::record::measurement::Repetition;
use crate::record::{Division, Measurement, TargetRecord};
use crate::scenario::Role;

/// The columns of all parts.
pub(super) fn targets(parts: &BTreeMap<u32, Part>) -> Result<Vec<TargetRecord>, MergeError> {
    // The number of the part in which a column was first seen is kept for the message.
    let mut columns: BTreeMap<(String, Role), (u32, TargetRecord)> = BTreeMap::new();
    for (number, part) in parts {
        for target in &part.record.targets {
            let key = (target.name.clone(), target.role);
            match columns.entry(key) {
                Entry::Vacant(place) => {
                    place.insert((*number, target.clone()));
                }
                Entry::Occupied(mut place) => {
                    let (first, sum) = place.get_mut();
                    if sum.version != target.version {
                        return Err(MergeError::Differ {
                            what: format!("version of {}", target.name),
                            one: format!("shard {first}"),
                            of_one: sum.version.clone(),
                            other: format!("shard {number}"),
                            of_other: target.version.clone(),
                        });
                    }
                    sum.starts = sum.starts.saturating_add(target.starts);
                    sum.environments = sum.environments.saturating_add(target.environments);
                    if sum.absent.is_none() {
                        sum.absent.clone_from(&target.absent);
                    }
                }
            }
        }
    }
    Ok(columns.into_values().map(|(_, target)| target).collect())
}

/// The rows of all parts, ordered by target, plan and place.
pub(super) fn measurements(
    parts: &BTreeMap<u32, Part>,
    division: Division,
) -> Result<Vec<Measurement>, MergeError> {
    let mut rows: BTreeMap<(&str, &str), (u32, Measurement)> = BTreeMap::new();
    for (number, part) in parts {
        for row in &part.measurements {
            match rows.entry((&row.target, &row.id)) {
                Entry::Vacant(place) => {
                    place.insert((*number, row.clone()));
                }
                Entry::Occupied(mut place) => {
                    let (first, sum) = place.get_mut();
                    add_row(sum, *first, row, *number, division)?;
                }
            }
        }
    }
    let mut rows: Vec<_> = rows.into_values().map(|(_, row)| row).collect();
    rows.sort_by(|one, other| {
        let place = |row: &'_ Measurement| (row.target.clone(), row.plan.clone(), row.place);
        place(one).cmp(&place(other))
    });
    Ok(rows)
}

/// Adds a part's row to the sum of those before it.
fn add_row(
    sum: &mut Measurement,
    first: u32,
    row: &Measurement,
    number: u32,
    division: Division,
) -> Result<(), MergeError> {
    // What was to be measured must be one thing; what came of it may differ.
    let asked = |row: &Measurement| Measurement {
        workers: 0,
        saturation: None,
        unmeasured: None,
        broken: false,
        repetitions: Vec::new(),
        ..row.clone()
    };
    if asked(sum) != asked(row) {
        return Err(MergeError::Differ {
            what: format!("setting of {} against {}", row.id, row.target),
            one: format!("shard {first}"),
            of_one: sum.setting_digest.clone(),
            other: format!("shard {number}"),
            of_other: row.setting_digest.clone(),
        });
    }
    sum.saturation = match (sum.saturation, row.saturation, division) {
        // Together they reach what each of them reaches beside the others.
        (Some(one), Some(other), Division::Together) => Some(one + other),
        (one, other, _) => one.or(other),
    };
    sum.unmeasured = match (sum.unmeasured.take(), &row.unmeasured) {
        (Some(one), Some(other)) if one.split("; ").all(|words| words != other) => {
            Some(format!("{one}; {other}"))
        }
        (one, other) => one.or_else(|| other.clone()),
    };
    sum.broken |= row.broken;
    if sum.workers != row.workers {
        sum.workers = 0;
    }
    let mut repetitions: BTreeMap<u32, Repetition> = sum
        .repetitions
        .drain(..)
        .map(|repetition| (repetition.number, repetition))
        .collect();
    for repetition in &row.repetitions {
        match (repetitions.entry(repetition.number), division) {
            (Entry::Vacant(place), _) => {
                place.insert(repetition.clone());
            }
            (Entry::Occupied(place), Division::Together) => place.into_mut().add(repetition),
            (Entry::Occupied(_), Division::Apart) => {
                return Err(MergeError::Twice {
                    origin: format!("what shards {first} and {number} have together"),
                    id: format!("repetition {} of {}", repetition.number, row.id),
                    target: row.target.clone(),
                });
            }
        }
    }
    sum.repetitions = repetitions.into_values().collect();
    Ok(())
}
