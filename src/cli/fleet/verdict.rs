//! The verdict on a fleet: the word that is printed and the exit status are of one making.

use std::fmt;

use crate::cli::exit::Exit;
use crate::fleet::Gauge;
use crate::oracle::findings::Findings;

/// What a fleet came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum FleetVerdict {
    /// So many violations.
    Violated(u64),
    /// It was told to end.
    Incomplete,
    /// It proves nothing, and why.
    ProvesNothing(String),
    /// Nothing is wrong.
    AsExpected,
}

impl FleetVerdict {
    /// The worst that can be said. What was violated was, however little was tried.
    pub(super) fn of(findings: &Findings, gauge: &Gauge) -> Self {
        if !findings.violations.is_empty() {
            return Self::Violated(findings.violations_in_all);
        }
        if gauge.is_stopped() {
            return Self::Incomplete;
        }
        Self::nothing(findings, gauge).map_or(Self::AsExpected, Self::ProvesNothing)
    }

    fn nothing(findings: &Findings, gauge: &Gauge) -> Option<String> {
        let load = gauge.load()?;
        if load.into_iter().any(|made| made.is_too_little()) {
            return Some(
                "less than 90 % of the calls were made that were due; try a lower --rate".into(),
            );
        }
        match &findings.calls {
            calls if calls.due == 0 => Some("no call had to be served".into()),
            calls if calls.forbidden == 0 => Some("no call had to be refused".into()),
            _ => None,
        }
    }

    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Violated(_) => Exit::Conformance,
            Self::Incomplete | Self::ProvesNothing(_) => Exit::Broken,
            Self::AsExpected => Exit::AsExpected,
        }
    }
}

impl fmt::Display for FleetVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Violated(count) => write!(f, "not as expected: {count} violations"),
            Self::Incomplete => f.write_str("incomplete"),
            Self::ProvesNothing(why) => write!(f, "it proves nothing: {why}"),
            Self::AsExpected => f.write_str("as expected"),
        }
    }
}
