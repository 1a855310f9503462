//! Cases of two records: what has become worse, better or merely different.
//!
//! Every case has a severity, and becoming more severe is regressing. What the target's descriptor explains is
//! told apart: somebody has looked at it. A record without proof (the twin was refused, the harness failed) is
//! never taken for an improvement of what it cannot prove.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::expect::{Alert, Level};
use crate::judge::{FailureKind, Verdict};
use crate::record::{CaseRecord, Measurement, Run};

/// A case that is not what it was.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Change {
    /// What kind of change it is.
    pub kind: Kind,
    /// The target.
    pub target: String,
    /// The case; or the row of a plan whose strangers were let in.
    pub id: String,
    /// The file that says it, and the line in it, from 1; empty and 0 where the record does not say.
    pub file: String,
    /// The line.
    pub line: u32,
    /// How binding it is: in the record in which it binds more.
    pub level: Level,
    /// Does it bind, at the level that was asked for?
    pub binds: bool,
    /// Does it keep the gate shut?
    pub gates: bool,
    /// Is the scenario's file another one than it was?
    pub scenario_changed: bool,
    /// What came of it in the first record; none for a case that is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Seen>,
    /// What came of it in the second record; none for a case that is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Seen>,
}

/// The kinds of changes, the worst first.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It is worse than it was, or what proved it is lost.
    Regressed,
    /// It deviates as it did, and nobody explains it any longer.
    NoLongerKnown,
    /// It was not there before.
    New,
    /// It is not there any more.
    Gone,
    /// It is worse than it was, and the target's descriptor explains it.
    RegressedAsKnown,
    /// It deviates as it did, and the target's descriptor explains it now.
    NewlyKnown,
    /// It is less bad than it was, and still not good.
    Milder,
    /// It is good now.
    Fixed,
    /// It is as good as it was, in another manner: another alert, another choice.
    ChangedAlert,
}

impl Kind {
    /// Every kind, the worst first.
    pub const ALL: [Self; 9] = [
        Self::Regressed,
        Self::NoLongerKnown,
        Self::New,
        Self::Gone,
        Self::RegressedAsKnown,
        Self::NewlyKnown,
        Self::Milder,
        Self::Fixed,
        Self::ChangedAlert,
    ];

    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Regressed => "regressed",
            Self::NoLongerKnown => "no longer known",
            Self::New => "new",
            Self::Gone => "gone",
            Self::RegressedAsKnown => "regressed as known",
            Self::NewlyKnown => "newly known",
            Self::Milder => "milder",
            Self::Fixed => "fixed",
            Self::ChangedAlert => "changed alert",
        }
    }

    /// What it means.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Regressed => "worse than it was, or what proved it is lost",
            Self::NoLongerKnown => "deviates as it did, and nobody explains it any longer",
            Self::New => "not there before",
            Self::Gone => "not there any more: nothing is known of them now",
            Self::RegressedAsKnown => "worse than it was, as the target's descriptor explains",
            Self::NewlyKnown => "deviates as it did, and the target's descriptor explains it now",
            Self::Milder => "less bad than it was, and still not good",
            Self::Fixed => "good now",
            Self::ChangedAlert => "as good as it was, with another alert or choice",
        }
    }
}

/// What came of a case in one record.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Seen {
    /// The verdict.
    pub verdict: Verdict,
    /// The kind of failure, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_kind: Option<FailureKind>,
    /// Why this failure is known, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<String>,
    /// Is it good although a deviation is on the list as known? Then the list is out of date.
    pub stale: bool,
    /// The alert that was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<Alert>,
    /// Was the peer accepted, where the choice is the target's?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<bool>,
    /// The verdict's grounds in one plain sentence.
    pub reason: String,
}

/// How bad a case is, the best first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Severity {
    Good,
    /// The target cannot be asked.
    Unproven,
    /// The twin was refused too.
    Invalid,
    /// The harness failed.
    Broken,
    /// A failure; the kinds are in order, the worst first.
    Failed(Reverse<FailureKind>),
}

impl Severity {
    /// Is there nothing to show for it, although the target was asked?
    fn is_without_proof(self) -> bool {
        matches!(self, Self::Invalid | Self::Broken)
    }

    fn is_bad(self) -> bool {
        self > Self::Unproven
    }
}

impl Seen {
    fn of(case: &CaseRecord) -> Self {
        let observation = case.observation.as_ref();
        let is_good = matches!(case.verdict, Verdict::Pass | Verdict::Lenient);
        Self {
            verdict: case.verdict,
            failure_kind: case.failure_kind,
            known: case.known.clone().filter(|_| case.verdict.is_failure()),
            stale: is_good && case.known.is_some(),
            alert: observation.and_then(|seen| seen.alert()),
            accepted: observation
                .filter(|_| case.verdict == Verdict::Policy)
                .map(|seen| seen.accepted()),
            reason: case.reason.clone(),
        }
    }

    /// What came of the strangers of a row; none where none knocked.
    fn of_strangers(measurement: &Measurement) -> Option<Self> {
        let tallies = measurement.repetitions.iter().map(|one| &one.tally);
        let (knocked, accepted) = tallies.fold((0_u64, 0_u64), |(knocked, accepted), tally| {
            (
                knocked.saturating_add(tally.strangers),
                accepted.saturating_add(tally.strangers_accepted),
            )
        });
        (knocked > 0 || accepted > 0).then(|| Self {
            verdict: match accepted {
                0 => Verdict::Pass,
                _ => Verdict::Fail,
            },
            failure_kind: (accepted > 0).then_some(FailureKind::AcceptedForbidden),
            known: None,
            stale: false,
            alert: None,
            accepted: None,
            reason: format!("{accepted} of {knocked} strangers were let in under load"),
        })
    }

    fn severity(&self) -> Severity {
        match self.verdict {
            Verdict::Pass | Verdict::Lenient | Verdict::Policy => Severity::Good,
            Verdict::Unsupported => Severity::Unproven,
            Verdict::Invalid => Severity::Invalid,
            Verdict::Broken => Severity::Broken,
            Verdict::Hang => Severity::Failed(Reverse(FailureKind::Hang)),
            Verdict::Crash => Severity::Failed(Reverse(FailureKind::Crash)),
            // A failure of no kind is not made by this program; it counts as the worst.
            Verdict::Fail => Severity::Failed(Reverse(
                self.failure_kind.unwrap_or(FailureKind::AcceptedForbidden),
            )),
        }
    }

    fn manner(&self) -> (Verdict, Option<Alert>, Option<bool>) {
        (self.verdict, self.alert, self.accepted)
    }
}

/// What one record says of one case.
struct Told<'r> {
    level: Level,
    file: &'r str,
    line: u32,
    /// Must the peer be refused?
    rejects: bool,
    digest: &'r str,
    seen: Seen,
}

type Key<'r> = (&'r str, &'r str);

/// Every change, the worst first.
pub(super) fn changes(before: &Run, after: &Run, level: Level) -> Vec<Change> {
    let (before, after) = (told(before), told(after));
    let keys: BTreeSet<&Key<'_>> = before.keys().chain(after.keys()).collect();
    let mut changes: Vec<Change> = keys
        .into_iter()
        .filter_map(|key| change(*key, before.get(key), after.get(key), level))
        .collect();
    changes.sort_by_key(|change| {
        let severity = change.after.as_ref().map(Seen::severity);
        (change.kind, Reverse(change.gates), Reverse(severity))
    });
    changes
}

/// What a record says, by target and id. Should a record say two things of one case, the worse one counts.
fn told(run: &Run) -> BTreeMap<Key<'_>, Told<'_>> {
    let mut all: BTreeMap<Key<'_>, Told<'_>> = BTreeMap::new();
    let cases = run.cases.iter().map(|case| {
        let told = Told {
            level: case.level,
            file: &case.file,
            line: case.line,
            rejects: case.is_forbidden(),
            digest: &case.scenario_digest,
            seen: Seen::of(case),
        };
        ((case.target.as_str(), case.id.as_str()), told)
    });
    let strangers = run.measurements.iter().filter_map(|measurement| {
        let told = Told {
            level: Level::Must,
            file: &measurement.file,
            line: 0,
            rejects: true,
            digest: "",
            seen: Seen::of_strangers(measurement)?,
        };
        Some(((measurement.target.as_str(), measurement.id.as_str()), told))
    });
    for (key, told) in cases.chain(strangers) {
        let worse = |other: &Told<'_>| told.seen.severity() > other.seen.severity();
        if all.get(&key).is_none_or(worse) {
            all.insert(key, told);
        }
    }
    all
}

fn change(
    (target, id): Key<'_>,
    before: Option<&Told<'_>>,
    after: Option<&Told<'_>>,
    level: Level,
) -> Option<Change> {
    let kind = match (before, after) {
        // Nobody shows any more that the peer is refused.
        (Some(before), Some(after)) if before.rejects && !after.rejects => Kind::Regressed,
        (Some(before), Some(after)) => kind(&before.seen, &after.seen)?,
        (None, Some(_)) => Kind::New,
        (Some(_), None) => Kind::Gone,
        (None, None) => return None,
    };
    // A scenario that is made to bind less does not open the gate for what it did bind.
    let own = [before, after].into_iter().flatten();
    let own = own.map(|told| told.level).min()?;
    let binds = own <= level;
    let unexplained = |told: &Told<'_>| told.seen.severity().is_bad() && told.seen.known.is_none();
    Some(Change {
        kind,
        target: target.to_owned(),
        id: id.to_owned(),
        file: after.or(before).map_or("", |told| told.file).to_owned(),
        line: after.or(before).map_or(0, |told| told.line),
        level: own,
        binds,
        gates: binds
            && match kind {
                Kind::Regressed | Kind::NoLongerKnown => true,
                Kind::New => after.is_some_and(unexplained),
                _ => list_is_out_of_date(before, after),
            },
        scenario_changed: matches!((before, after), (Some(one), Some(other)) if one.digest != other.digest),
        before: before.map(|told| told.seen.clone()),
        after: after.map(|told| told.seen.clone()),
    })
}

/// Is a deviation on the list of those that are known, and no longer there? That keeps every gate shut, until it is
/// taken off; but it is no news where it was so before.
fn list_is_out_of_date(before: Option<&Told<'_>>, after: Option<&Told<'_>>) -> bool {
    let stale = |told: Option<&Told<'_>>| told.is_some_and(|told| told.seen.stale);
    stale(after) && !stale(before)
}

/// What kind of change leads from one to the other, if any does.
fn kind(before: &Seen, after: &Seen) -> Option<Kind> {
    let (was, is) = (before.severity(), after.severity());
    let proof_is_lost = is.is_without_proof() && !was.is_without_proof();
    if is > was || proof_is_lost {
        return Some(match &after.known {
            // The same explanation was there when it was not so bad: it was not given for this.
            Some(_) if after.known == before.known => Kind::Regressed,
            Some(_) if before.known.is_none() && is_failure(was) => Kind::NewlyKnown,
            Some(_) => Kind::RegressedAsKnown,
            None => Kind::Regressed,
        });
    }
    if is_failure(is) {
        match (&before.known, &after.known) {
            (Some(_), None) => return Some(Kind::NoLongerKnown),
            (None, Some(_)) => return Some(Kind::NewlyKnown),
            _ => {}
        }
    }
    if is < was {
        Some(match is {
            Severity::Good => Kind::Fixed,
            _ => Kind::Milder,
        })
    } else {
        let changed = is == Severity::Good && before.manner() != after.manner();
        changed.then_some(Kind::ChangedAlert)
    }
}

fn is_failure(severity: Severity) -> bool {
    matches!(severity, Severity::Failed(_))
}
