//! Classes: what a person wants to see at once about a case, the worst first.

use crate::judge::{FailureKind, Verdict};
use crate::record::CaseRecord;

/// What a case amounts to. Known deviations are in the class of what they are: that somebody has
/// explained them does not make them harmless.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Class {
    /// A peer that must be refused got through.
    Accepted,
    /// The target died, or neither accepted nor refused in time.
    Fell,
    /// A peer that must be accepted was refused.
    Refused,
    /// It proves nothing: the twin was refused, or the harness failed.
    Unproven,
    /// Refused as expected, with another alert, none, or above TLS.
    OtherAlert,
    /// The target cannot be asked this.
    NoSupport,
    /// A choice that the RFCs leave open.
    Choice,
    /// As expected.
    AsExpected,
}

impl Class {
    /// Every class, the worst first.
    pub const ALL: [Self; 8] = [
        Self::Accepted,
        Self::Fell,
        Self::Refused,
        Self::Unproven,
        Self::OtherAlert,
        Self::NoSupport,
        Self::Choice,
        Self::AsExpected,
    ];

    /// The classes whose cases are listed one by one.
    pub const LISTED: [Self; 4] = [Self::Accepted, Self::Fell, Self::Refused, Self::Unproven];

    /// The class of a case.
    pub fn of(case: &CaseRecord) -> Self {
        match (case.verdict, case.failure_kind) {
            (Verdict::Pass, _) => Self::AsExpected,
            (Verdict::Lenient, _) => Self::OtherAlert,
            (Verdict::Policy, _) => Self::Choice,
            (Verdict::Unsupported, _) => Self::NoSupport,
            (Verdict::Invalid | Verdict::Broken, _) => Self::Unproven,
            (Verdict::Hang | Verdict::Crash, _) => Self::Fell,
            (Verdict::Fail, Some(FailureKind::AcceptedForbidden)) => Self::Accepted,
            (Verdict::Fail, _) => Self::Refused,
        }
    }

    /// The head of its column.
    pub fn head(self) -> &'static str {
        match self {
            Self::Accepted => "ACCEPTED",
            Self::Fell => "FELL",
            Self::Refused => "REFUSED",
            Self::Unproven => "unproven",
            Self::OtherAlert => "other alert",
            Self::NoSupport => "no support",
            Self::Choice => "choice",
            Self::AsExpected => "as expected",
        }
    }

    /// What it means.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Accepted => "accepted what must be refused",
            Self::Fell => "died, or hung",
            Self::Refused => "refused what must be accepted",
            Self::Unproven => "the twin was refused too, or the harness failed",
            Self::OtherAlert => "refused as expected, with another alert, none, or above TLS",
            Self::NoSupport => "the target cannot be asked this",
            Self::Choice => "a choice that the RFCs leave open",
            Self::AsExpected => "accepted or refused as expected",
        }
    }
}
