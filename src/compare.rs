//! Two records, and what changed between them.
//!
//! ```text
//! Run (before) --+                +--> Changes: cases, by target and id
//!                +--> Comparison -+--> Rows: measurements, by target and id --> Outcome --> terminal, Markdown, JSON
//! Run (after) ---+                +--> what makes it prove nothing, and notes
//! ```
//!
//! A baseline is a record that others are compared with: what was bad in it already keeps no gate shut, what has
//! become worse does. What a case came to is a fact and is compared as it is; a time is a sample, and counts as
//! worse only where the repetitions of both records leave no doubt. All of it is a pure function of two records
//! and [`Terms`].

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use crate::expect::Level;
use crate::record::Run;

pub use self::conformance::{Change, Kind, Seen};
pub use self::figure::{Figure, Finding, Metric};
pub use self::performance::{Basis, Row};
pub use self::source::Source;

mod conformance;
mod figure;
mod github;
pub mod interval;
mod markdown;
mod performance;
mod sentence;
mod source;
mod terminal;

/// The version of the schema of a comparison's JSON.
pub const SCHEMA_VERSION: u32 = 2;

/// On what terms two records are compared.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Terms {
    /// The weakest level whose cases keep the gate shut.
    pub level: Level,
    /// By how much processor time may be worse, in percent.
    pub tolerance: f64,
    /// By how much latencies and rates may be worse, in percent. Wall times on shared machines move by factors.
    pub latency_tolerance: f64,
    /// Somebody says that both records are of machines that are alike, whatever the records say.
    pub same_machine: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            level: Level::Must,
            tolerance: 10.0,
            latency_tolerance: 100.0,
            same_machine: false,
        }
    }
}

/// What changed between two records.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Comparison {
    /// The version of this schema.
    pub schema_version: u32,
    /// What it comes to.
    pub outcome: Outcome,
    /// On what terms.
    pub terms: Terms,
    /// The first record: the baseline.
    pub before: Source,
    /// The second record.
    pub after: Source,
    /// Are times comparable: are both records of one machine, or does somebody say so?
    pub same_machine: bool,
    /// Why it proves nothing, if it does not: a record that was cut short, parts that are missing.
    pub incomplete: Vec<String>,
    /// What a reader should know beside.
    pub notes: Vec<String>,
    /// The counts of what follows.
    pub counts: Counts,
    /// Cases that changed, the worst first.
    pub conformance: Vec<Change>,
    /// Rows that were measured, in the order of their plans.
    pub performance: Vec<Row>,
}

/// What a comparison comes to, the best first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing that binds has become worse.
    NothingRegressed,
    /// A row has become slower, or is no longer answered.
    Performance,
    /// A case that binds has become worse.
    Conformance,
    /// A record lacks something, so that it proves nothing.
    Incomplete,
}

/// How many of what there is.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, JsonSchema)]
pub struct Counts {
    /// Cases that are in both records.
    pub cases: usize,
    /// Changes of each kind.
    pub changes: BTreeMap<Kind, usize>,
    /// Changes that keep the gate shut.
    pub gating_changes: usize,
    /// Rows whose figures could be compared.
    pub rows: usize,
    /// Rows that keep the gate shut.
    pub gating_rows: usize,
    /// Rows that are faster in a figure that can gate, and slower in none.
    pub faster_rows: usize,
}

/// Were both records made on one machine, all parts of them? Times of different ones cannot be compared.
fn are_of_one_machine(before: &Run, after: &Run) -> bool {
    let within = before.is_of_one_machine() && after.is_of_one_machine();
    within && before.host.is_the_same_as(&after.host)
}

impl Comparison {
    /// Compares `after` with `before`.
    pub fn of(before: &Run, after: &Run, terms: Terms) -> Self {
        let same_machine = terms.same_machine || are_of_one_machine(before, after);
        let conformance = conformance::changes(before, after, terms.level);
        let performance = performance::rows(before, after, &terms, same_machine);
        let counts = Counts::of(before, after, &conformance, &performance);
        let mut incomplete = source::lacks("the first record", before);
        incomplete.extend(source::lacks("the second record", after));
        // A gate that has compared nothing is not to stand open.
        if counts.cases == 0 && !performance::have_a_row_in_common(before, after) {
            incomplete.push(
                "the records have no case and no row in common, so nothing was compared".into(),
            );
        } else if counts.cases == 0 && performance.iter().all(Row::proves_nothing) {
            incomplete.push(
                "nothing was compared: no row has figures in both records that can be; each says why"
                    .into(),
            );
        }
        // Whoever measures otherwise has to say what is to count from now on.
        let mut otherwise = performance
            .iter()
            .filter(|row| row.basis == Basis::OtherSetting);
        if let Some(row) = otherwise.next() {
            let others = otherwise.count();
            let others = match others {
                0 => String::new(),
                others => format!(", and {others} more,"),
            };
            incomplete.push(format!(
                "`{}`{others} was measured otherwise than before; save a new baseline, or measure as before",
                row.id
            ));
        }
        let outcome = if !incomplete.is_empty() {
            Outcome::Incomplete
        } else if counts.gating_changes > 0 {
            Outcome::Conformance
        } else if counts.gating_rows > 0 {
            Outcome::Performance
        } else {
            Outcome::NothingRegressed
        };
        let mut comparison = Self {
            schema_version: SCHEMA_VERSION,
            outcome,
            terms,
            before: Source::of(before),
            after: Source::of(after),
            same_machine,
            incomplete,
            notes: Vec::new(),
            counts,
            conformance,
            performance,
        };
        comparison.notes = sentence::notes(&comparison, before, after);
        comparison
    }

    /// How many changes of this kind there are.
    pub fn count(&self, kind: Kind) -> usize {
        self.counts.changes.get(&kind).copied().unwrap_or(0)
    }

    /// The outcome in one sentence.
    pub fn sentence(&self) -> String {
        sentence::outcome(self)
    }

    /// The comparison as `comparison.json` has it.
    ///
    /// # Errors
    /// Never for comparisons that this program made; the type of the JSON library's error.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The JSON Schema of a comparison.
    ///
    /// # Errors
    /// As [`Comparison::to_json`].
    pub fn json_schema() -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(&schemars::schema_for!(Self))? + "\n")
    }
}

impl Counts {
    fn of(before: &Run, after: &Run, changes: &[Change], rows: &[Row]) -> Self {
        let keys = |run: &Run| -> BTreeSet<(String, String)> {
            let cases = run.cases.iter();
            cases
                .map(|case| (case.target.clone(), case.id.clone()))
                .collect()
        };
        let mut counts = Self {
            cases: keys(before).intersection(&keys(after)).count(),
            gating_changes: changes.iter().filter(|change| change.gates).count(),
            rows: rows.iter().filter(|row| row.is_compared()).count(),
            gating_rows: rows.iter().filter(|row| row.gates).count(),
            faster_rows: rows.iter().filter(|row| row.is_faster()).count(),
            ..Self::default()
        };
        for change in changes {
            *counts.changes.entry(change.kind).or_default() += 1;
        }
        counts
    }
}

/// A format that a comparison can be rendered in.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Format {
    /// The outcome, what changed and a table of figures, for people at a terminal.
    Terminal,
    /// The same for a pull request or a wiki.
    Markdown,
    /// All of it, for programs.
    Json,
    /// Annotations for GitHub Actions: what keeps the gate shut, at its file and line.
    Github,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Terminal, Self::Markdown, Self::Json, Self::Github];

    /// Renders `comparison`.
    ///
    /// # Errors
    /// As [`Comparison::to_json`].
    pub fn render(self, comparison: &Comparison) -> Result<String, serde_json::Error> {
        Ok(match self {
            Self::Terminal => terminal::render(comparison),
            Self::Markdown => markdown::render(comparison),
            Self::Json => comparison.to_json()?,
            Self::Github => github::render(comparison),
        })
    }
}
