//! Which part of a run is meant: said outright, or by the array that a scheduler has started.
//!
//! ```text
//! --shard 2/4, auto, auto/4 --FromStr--> ShardArgument --resolve(environment)--> Shard
//! ```
//!
//! Schedulers tell each task of an array its number in variables of the environment. They are read only
//! where somebody writes `auto`: a run that is part of some array for other reasons must not quietly lose
//! most of its cases. The environment comes in as a function, so that nothing here depends on the process.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, anyhow, bail};

use crate::scenario::select::Shard;

/// The value of `--shard`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ShardArgument {
    /// This one.
    Given(Shard),
    /// The one that the scheduler's variables name.
    Auto {
        /// How many there are, where the user says so.
        count: Option<u32>,
    },
}

/// What is said where no scheduler has left its variables.
const SOURCES: &str = "`auto` reads SLURM_ARRAY_TASK_ID (Slurm), JOB_COMPLETION_INDEX (Kubernetes) and CI_NODE_INDEX (GitLab); elsewhere write k/n, as in 2/4";

impl ShardArgument {
    /// The shard that is meant. `environment` looks a variable up.
    ///
    /// # Errors
    /// When it is `auto` and the environment names no shard, an impossible one, or two that differ.
    pub fn resolve(self, environment: impl Fn(&str) -> Option<String>) -> anyhow::Result<Shard> {
        let count = match self {
            Self::Given(shard) => return Ok(shard),
            Self::Auto { count } => count,
        };
        let variables = Variables(&environment);
        let mut found: Option<(Scheduler, Shard)> = None;
        for scheduler in Scheduler::ALL {
            let Some(shard) = scheduler.shard(&variables, count)? else {
                continue;
            };
            match found {
                None => found = Some((scheduler, shard)),
                Some((_, other)) if other == shard => {}
                Some((first, other)) => bail!(
                    "{first} says that this is shard {other}, and {scheduler} that it is {shard}\nhelp: write the one that is meant, as in --shard {other}"
                ),
            }
        }
        let (_, shard) = found.ok_or_else(|| {
            anyhow!("the environment does not say which shard this is\nhelp: {SOURCES}")
        })?;
        Ok(shard)
    }
}

/// The variable that makes this process look like one of an array, if there is one: to be pointed out where
/// nobody asked for a shard.
pub fn unused_variable(environment: impl Fn(&str) -> Option<String>) -> Option<&'static str> {
    let variables = Variables(&environment);
    let mut names = Scheduler::ALL.into_iter().map(Scheduler::variable);
    names.find(|name| variables.text(name).is_some())
}

/// Who starts arrays and numbers their tasks.
#[derive(Clone, Copy, Debug)]
enum Scheduler {
    /// Arrays of Slurm: any first number and step; the size is told.
    Slurm,
    /// Indexed jobs of Kubernetes: from 0; the size is not told.
    Kubernetes,
    /// Parallel jobs of GitLab: from 1; the size is told.
    GitLab,
}

impl Scheduler {
    const ALL: [Self; 3] = [Self::Slurm, Self::Kubernetes, Self::GitLab];

    /// The variable that numbers a task.
    fn variable(self) -> &'static str {
        match self {
            Self::Slurm => "SLURM_ARRAY_TASK_ID",
            Self::Kubernetes => "JOB_COMPLETION_INDEX",
            Self::GitLab => "CI_NODE_INDEX",
        }
    }

    /// The shard that its variables name, if they are there. `count` is how many the user says there are.
    fn shard(self, variables: &Variables, count: Option<u32>) -> anyhow::Result<Option<Shard>> {
        let Some(number) = variables.number(self.variable())? else {
            return Ok(None);
        };
        let (number, size) = match self {
            Self::Slurm => slurm(variables, number)?,
            Self::Kubernetes => (
                number.checked_add(1),
                variables.number("JOB_COMPLETIONS")?.or(count),
            ),
            Self::GitLab => (Some(number), variables.number("CI_NODE_TOTAL")?.or(count)),
        };
        let size = size.with_context(|| {
            format!("{self} does not say how many shards there are\nhelp: write it, as in --shard auto/4")
        })?;
        if let Some(count) = count
            && count != size
        {
            bail!(
                "{self} says that there are {size} shards, and --shard that there are {count}\nhelp: write the shard that is meant, as in --shard 1/{count}"
            );
        }
        let shard = number.and_then(|number| Shard::new(number, size));
        Ok(Some(shard.with_context(|| {
            format!(
                "{self} numbers this task beyond the {size} that there are\nhelp: write the shard that is meant, as in --shard 1/{size}"
            )
        })?))
    }
}

impl fmt::Display for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.variable())
    }
}

/// The place of a task in its array, from 1, and how many there are. An array with holes is refused: the
/// numbers of its tasks say nothing about their places.
fn slurm(variables: &Variables, id: u32) -> anyhow::Result<(Option<u32>, Option<u32>)> {
    let count = variables.number("SLURM_ARRAY_TASK_COUNT")?;
    let first = variables.number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(1);
    let step = match variables.number("SLURM_ARRAY_TASK_STEP")? {
        None | Some(0) => 1,
        Some(step) => step,
    };
    let place = |id: u32| {
        let distance = id.checked_sub(first)?;
        (distance % step == 0)
            .then_some(distance / step)?
            .checked_add(1)
    };
    let last = variables.number("SLURM_ARRAY_TASK_MAX")?;
    let has_holes =
        matches!((last, count), (Some(last), Some(count)) if place(last) != Some(count));
    if has_holes || place(id).is_none() {
        bail!(
            "the array that SLURM_ARRAY_TASK_ID {id} is of has holes, so that its numbers do not name shards\nhelp: submit an array such as 1-4, or write k/n"
        );
    }
    Ok((place(id), count))
}

/// The environment.
struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    /// A variable's text; an empty one is as good as none.
    fn text(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|text| !text.is_empty())
    }

    fn number(&self, name: &str) -> anyhow::Result<Option<u32>> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let number = text.parse().map_err(|_| {
            anyhow!("{name} is `{text}`, which is not a number\nhelp: write the shard that is meant, as in --shard 2/4")
        })?;
        Ok(Some(number))
    }
}

impl FromStr for ShardArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(rest) = text.strip_prefix("auto") else {
            return text.parse().map(Self::Given);
        };
        let count = match rest.strip_prefix('/') {
            None if rest.is_empty() => Some(None),
            None => None,
            Some(count) => count.parse().ok().filter(|count| *count > 0).map(Some),
        };
        let count = count.ok_or_else(|| {
            format!("`{text}` is not a shard: write auto, or auto/n with n from 1, as in auto/4")
        })?;
        Ok(Self::Auto { count })
    }
}

/// A variable of the environment; one that is no text is as good as none.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
