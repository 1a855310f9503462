//! Merging: the records of a run's parts in, the record of the whole out.
//!
//! ```text
//! Run, Run, ... --take apart--> Part, by number --put together--> Run
//! ```
//!
//! Every record is first taken apart into the parts that it was made of: itself, or for a merged record those
//! that its [`MergeRecord`] remembers. Parts are kept by number, and of two with one number the better stays.
//! The sum is worked out from the parts that are left, in the order of their numbers. So nothing depends on
//! the order in which records come, or on what was merged with what before.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use self::part::{Part, take_apart};
use super::{
    Division, MeasuredRecord, Measurement, MergeRecord, Run, SCHEMA_VERSION, Summary, Tool,
};
use crate::scenario::select::Shard;

mod part;
mod sum;

/// The most parts that a run may have.
pub const MOST: u32 = 10_000;

/// Merges the records of a run's parts. It is complete when every part is there and was not cut short, and
/// when they have all cases and rows between them.
///
/// A part that is there several times counts once. Of one that was cut short and one that was not the latter
/// is taken, and of two that were cut short the one that came further.
///
/// # Errors
/// When they are not parts of one run, or a record contradicts itself.
pub fn merge(runs: Vec<Run>) -> Result<Run, MergeError> {
    let mut whole: Option<Whole> = None;
    let mut parts: BTreeMap<u32, Part> = BTreeMap::new();
    for run in runs {
        let (found, its_parts) = take_apart(run)?;
        match &whole {
            None => whole = Some(found),
            Some(whole) => whole.agree(&found)?,
        }
        for part in its_parts {
            match parts.entry(part.record.number) {
                Entry::Vacant(place) => {
                    place.insert(part);
                }
                Entry::Occupied(mut place) => {
                    let better = place.get().clone().or(part)?;
                    place.insert(better);
                }
            }
        }
    }
    whole.ok_or(MergeError::Nothing)?.of(parts)
}

/// What all parts of a run have in common.
struct Whole {
    tool: Tool,
    seed: u64,
    count: u32,
    division: Division,
    selection: String,
    /// How many cases and rows there are.
    size: u64,
    /// What it was found in, for messages.
    origin: String,
}

impl Whole {
    /// # Errors
    /// When the other is the whole of another run.
    fn agree(&self, other: &Self) -> Result<(), MergeError> {
        let differing = [
            ("tool", self.tool.to_string(), other.tool.to_string()),
            ("seed", self.seed.to_string(), other.seed.to_string()),
            (
                "number of shards",
                self.count.to_string(),
                other.count.to_string(),
            ),
            (
                "division",
                format!("{:?}", self.division),
                format!("{:?}", other.division),
            ),
            ("selection", self.selection.clone(), other.selection.clone()),
            ("size", self.size.to_string(), other.size.to_string()),
        ]
        .into_iter()
        .find(|(_, ours, theirs)| ours != theirs);
        match differing {
            None => Ok(()),
            Some((what, ours, theirs)) => Err(MergeError::Differ {
                what: what.into(),
                one: self.origin.clone(),
                of_one: ours,
                other: other.origin.clone(),
                of_other: theirs,
            }),
        }
    }

    /// # Errors
    /// When there is no such shard.
    fn shard(&self, number: u32) -> Result<Shard, MergeError> {
        let shard = Shard::new(number, self.count).filter(|_| self.count <= MOST);
        shard.ok_or(MergeError::Impossible {
            number,
            count: self.count,
        })
    }

    /// Puts the parts together.
    fn of(self, parts: BTreeMap<u32, Part>) -> Result<Run, MergeError> {
        let missing: Vec<u32> = (1..=self.count.min(MOST))
            .filter(|number| !parts.contains_key(number))
            .collect();
        let cut_short: Vec<u32> = parts
            .values()
            .filter(|part| !part.record.complete)
            .map(|part| part.record.number)
            .collect();
        let targets = sum::targets(&parts)?;
        let measurements = sum::measurements(&parts, self.division)?;
        let started_at = parts.values().map(|part| &part.record.started_at).min();
        let started_at = started_at.cloned().unwrap_or_default();
        let host = parts.values().next().map(|part| part.record.host.clone());
        let (mut cases, mut records) = (Vec::new(), Vec::new());
        for mut part in parts.into_values() {
            cases.append(&mut part.cases);
            match self.division {
                Division::Together => part.record.measurements = part.measurements,
                Division::Apart => {
                    let measured = part.measurements.iter().map(MeasuredRecord::of);
                    part.record.measured = measured.collect();
                }
            }
            records.push(part.record);
        }
        cases.sort_by(|one, other| (&one.target, &one.id).cmp(&(&other.target, &other.id)));
        let size = u64::try_from(cases.len() + measurements.len());
        // Of a row that was measured, or could not be, the record says one or the other.
        let told = |row: &Measurement| !row.repetitions.is_empty() || row.unmeasured.is_some();
        let all_told = measurements.iter().all(told);
        Ok(Run {
            schema_version: SCHEMA_VERSION,
            tool: self.tool,
            seed: self.seed,
            started_at,
            complete: missing.is_empty()
                && cut_short.is_empty()
                && size == Ok(self.size)
                && all_told,
            host: host.unwrap_or_default(),
            targets,
            summary: Summary::of(&cases),
            cases,
            measurements,
            shard: None,
            merged: Some(MergeRecord {
                count: self.count,
                division: self.division,
                selection: self.selection,
                whole: self.size,
                parts: records,
                missing,
                cut_short,
            }),
        })
    }
}

/// Why records cannot be merged.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MergeError {
    /// There is no record.
    #[error("there is nothing to merge")]
    Nothing,
    /// A record is of a run that was not divided.
    #[error(
        "the record of {started_at} is no part of a run: it was made without --shard\nhelp: run the parts with --shard k/n"
    )]
    Unsharded {
        /// When it began.
        started_at: String,
    },
    /// Two parts are not of one run.
    #[error(
        "the {what} is {of_one} in {one} and {of_other} in {other}: they are not parts of one run\nhelp: run all parts with the same program, arguments and targets"
    )]
    Differ {
        /// What differs.
        what: String,
        /// Which record.
        one: String,
        /// What it is there.
        of_one: String,
        /// Which other record.
        other: String,
        /// What it is there.
        of_other: String,
    },
    /// A record's shard is none.
    #[error(
        "a record says that it is shard {number} of {count}; shards are numbered from 1, and there are at most {MOST}"
    )]
    Impossible {
        /// The number.
        number: u32,
        /// How many there are.
        count: u32,
    },
    /// A record has a case that is none of its own.
    #[error("`{id}` is in {origin}, to which it does not belong")]
    Stray {
        /// The record.
        origin: String,
        /// The case.
        id: String,
    },
    /// Something is there more than once within a part.
    #[error("`{id}` against {target} is more than once in {origin}")]
    Twice {
        /// The record.
        origin: String,
        /// What is there twice.
        id: String,
        /// The target.
        target: String,
    },
    /// Two complete records of one part.
    #[error(
        "shard {number} is there twice, complete and with different contents (begun at {one} and at {other})\nhelp: leave out the one that does not count"
    )]
    Rivals {
        /// The shard.
        number: u32,
        /// When one began.
        one: String,
        /// When the other did.
        other: String,
    },
}
