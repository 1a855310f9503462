//! Judging: a pure function from what was expected and what was seen to a verdict.
//!
//! The rules of evidence live here. Acceptance is application data both ways; a refusal counts only
//! beside a twin that was accepted; the right outcome with another alert is lenient; what the harness
//! got wrong is broken, never failed.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::expect::{Expectation, Outcome};
use crate::observe::{Observation, PeerEnd, TargetEnd};

pub mod story;
pub mod timeline;

/// What came of trying a case or its twin.
#[derive(Clone, Debug, PartialEq)]
pub enum Evidence {
    /// The peer met the target, or the target would not start.
    Observed(Observation),
    /// The target says that it cannot do this.
    Unsupported(String),
    /// Nobody came to be tried, so that nothing was tested.
    Absent(String),
    /// The harness failed.
    Broken(String),
}

/// What a case comes to.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As expected.
    Pass,
    /// Refused as expected, with another alert, none, or above TLS.
    Lenient,
    /// Not as expected.
    Fail,
    /// A choice that the RFCs leave open was recorded.
    Policy,
    /// The target cannot do this.
    Unsupported,
    /// The refusal proves nothing: the twin was refused too.
    Invalid,
    /// Nothing happened until the time was up.
    Hang,
    /// The target died.
    Crash,
    /// The harness failed.
    Broken,
}

impl Verdict {
    /// Every verdict, in the order of reports.
    pub const ALL: [Self; 9] = [
        Self::Pass,
        Self::Lenient,
        Self::Fail,
        Self::Policy,
        Self::Unsupported,
        Self::Invalid,
        Self::Hang,
        Self::Crash,
        Self::Broken,
    ];

    /// Is the target at fault?
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Fail | Self::Hang | Self::Crash)
    }

    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Lenient => "lenient",
            Self::Fail => "fail",
            Self::Policy => "policy",
            Self::Unsupported => "unsupported",
            Self::Invalid => "invalid",
            Self::Hang => "hang",
            Self::Crash => "crash",
            Self::Broken => "broken",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// How bad a failure is, worst first.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// A peer that must be refused got through.
    AcceptedForbidden,
    /// The target died.
    Crash,
    /// The target neither accepted nor refused in time.
    Hang,
    /// A peer that must be accepted was refused.
    RefusedValid,
    /// The right outcome came too late.
    Slow,
    /// It kept what it should have given back, or did not tell what it should have.
    Careless,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::AcceptedForbidden => "accepted-forbidden",
            Self::Crash => "crash",
            Self::Hang => "hang",
            Self::RefusedValid => "refused-valid",
            Self::Slow => "slow",
            Self::Careless => "careless",
        })
    }
}

/// A verdict with its grounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// The kind of failure, if it is one.
    pub failure: Option<FailureKind>,
    /// One plain sentence.
    pub reason: String,
}

impl Judgement {
    fn new(verdict: Verdict, reason: impl Into<String>) -> Self {
        Self {
            verdict,
            failure: None,
            reason: reason.into(),
        }
    }

    /// A verdict that is no failure of the target.
    pub fn of(verdict: Verdict, reason: impl Into<String>) -> Self {
        Self::new(verdict, reason)
    }

    fn failed(kind: FailureKind, reason: impl Into<String>) -> Self {
        let verdict = match kind {
            FailureKind::Crash => Verdict::Crash,
            FailureKind::Hang => Verdict::Hang,
            _ => Verdict::Fail,
        };
        Self {
            verdict,
            failure: Some(kind),
            reason: reason.into(),
        }
    }
}

/// Judges one case. `twin` is what came of its positive control, for cases that have one;
/// `may_refuse_to_start` is the scenario's word that not starting is a refusal too.
pub fn judge(
    expectation: &Expectation,
    may_refuse_to_start: bool,
    evidence: &Evidence,
    twin: Option<&Evidence>,
) -> Judgement {
    let observation = match evidence {
        Evidence::Unsupported(why) => return Judgement::new(Verdict::Unsupported, why),
        Evidence::Absent(why) => {
            return Judgement::new(Verdict::Invalid, format!("{why}: nothing was tested"));
        }
        Evidence::Broken(why) => return Judgement::new(Verdict::Broken, why),
        Evidence::Observed(observation) => observation,
    };
    let happened = what_happened(observation, may_refuse_to_start);
    // Of two failures the worse one counts, whatever else happened.
    let got_through = observation.accepted() || observation.leaked();
    if expectation.outcome == Outcome::Reject && got_through {
        return Judgement::failed(
            FailureKind::AcceptedForbidden,
            match happened {
                Happened::Accepted => {
                    "a peer that must be refused exchanged application data with the target".into()
                }
                _ => format!(
                    "application data had gone one way before this: {}",
                    in_words(observation)
                ),
            },
        );
    }
    match happened {
        Happened::Broken(reason) => Judgement::new(Verdict::Broken, reason),
        Happened::Crashed(words) => {
            Judgement::failed(FailureKind::Crash, format!("the target died: {words}"))
        }
        Happened::Hung => Judgement::failed(
            FailureKind::Hang,
            "the target neither accepted nor refused the peer before the case's time was up",
        ),
        Happened::Unsupported(words) => Judgement::new(Verdict::Unsupported, words),
        Happened::NotStarted(words) => judge_absence(expectation, &words),
        Happened::Accepted => judge_acceptance(expectation, observation),
        Happened::Refused(how) => judge_refusal(expectation, observation, &how, twin),
    }
}

enum Happened {
    Accepted,
    Refused(String),
    /// The target would not have its configuration, in these words.
    NotStarted(String),
    /// The target was not asked, or cannot be.
    Unsupported(String),
    Hung,
    Crashed(String),
    Broken(String),
}

fn what_happened(observation: &Observation, may_refuse_to_start: bool) -> Happened {
    let target_end = observation.target.as_ref().map(|target| &target.end);
    match (target_end, &observation.peer.end) {
        (Some(TargetEnd::Crashed(words)), _) => Happened::Crashed(words.clone()),
        // A client that is called for each case refuses its configuration by not connecting.
        (Some(TargetEnd::RefusedToStart(words)), _)
        | (Some(TargetEnd::Refused(words)), PeerEnd::Unmet) => {
            if may_refuse_to_start {
                Happened::Refused(format!("by not starting at all: {words}"))
            } else {
                Happened::NotStarted(words.clone())
            }
        }
        (Some(TargetEnd::Unsupported(words)), _) => Happened::Unsupported(words.clone()),
        (Some(TargetEnd::Broken(words)), _) => Happened::Broken(words.clone()),
        // A client that says so was not served, whatever its server thinks.
        (Some(TargetEnd::Refused(words)), PeerEnd::Exchanged) => Happened::Refused(format!(
            "after the answer had gone out, in its own words: {words}"
        )),
        (_, PeerEnd::Exchanged) => Happened::Accepted,
        (_, PeerEnd::RefusedAboveTls(words)) => {
            Happened::Refused(format!("above TLS, after a completed handshake: {words}"))
        }
        (_, PeerEnd::Alert(alert)) => Happened::Refused(format!("with the alert {alert}")),
        (_, PeerEnd::UnnamedAlert(number)) => {
            Happened::Refused(format!("with an alert that has no name, number {number}"))
        }
        // The peer's stack gave up over what a target sent that had already refused it.
        (Some(TargetEnd::Refused(_)), PeerEnd::Failed(_)) if observation.alert().is_some() => {
            Happened::Refused("and the peer's own end gave up over it".into())
        }
        (_, PeerEnd::Failed(words)) => {
            Happened::Broken(format!("the peer's own end failed: {words}"))
        }
        (_, PeerEnd::Closed) => Happened::Refused("by closing the connection".into()),
        (_, PeerEnd::Reset) => Happened::Refused("by resetting the connection".into()),
        (_, PeerEnd::NothingInCommon(words)) => Happened::Unsupported(format!(
            "the target has nothing in common with the peer: {words}"
        )),
        (_, PeerEnd::Misbehaved(words)) => {
            Happened::Refused(format!("by breaking the TLS protocol: {words}"))
        }
        (_, PeerEnd::TimedOut) => Happened::Hung,
        (_, PeerEnd::Unmet) => Happened::Broken("the peer met nobody".into()),
    }
}

fn judge_acceptance(expectation: &Expectation, observation: &Observation) -> Judgement {
    match expectation.outcome {
        Outcome::Accept | Outcome::Holds => {
            let told = observation
                .target
                .as_ref()
                .and_then(|target| target.identity.as_deref());
            match (&expectation.identity, &observation.target) {
                (Some(_), None) => Judgement::new(
                    Verdict::Unsupported,
                    "the target cannot tell whom it takes the peer for",
                ),
                (Some(wanted), Some(_)) if told != Some(wanted) => Judgement::failed(
                    FailureKind::AcceptedForbidden,
                    format!(
                        "the application was told that the peer is {}, and it is `{wanted}`",
                        told.map_or("nobody".into(), |told| format!("`{told}`"))
                    ),
                ),
                _ => Judgement::new(Verdict::Pass, "application data went both ways"),
            }
        }
        Outcome::Reject => Judgement::failed(
            FailureKind::AcceptedForbidden,
            "a peer that must be refused exchanged application data with the target",
        ),
        Outcome::Policy => Judgement::new(Verdict::Policy, "accepts"),
    }
}

/// The target would not start, in a scenario that is not about that. Where it ought to accept the peer,
/// that is a refusal; where it ought to refuse, it was never asked.
fn judge_absence(expectation: &Expectation, words: &str) -> Judgement {
    let how = format!("the target does not start with this configuration: {words}");
    match expectation.outcome {
        Outcome::Accept | Outcome::Holds => Judgement::failed(FailureKind::RefusedValid, how),
        Outcome::Reject => Judgement::new(Verdict::Unsupported, how),
        Outcome::Policy => Judgement::new(Verdict::Policy, format!("refuses: {how}")),
    }
}

fn judge_refusal(
    expectation: &Expectation,
    observation: &Observation,
    how: &str,
    twin: Option<&Evidence>,
) -> Judgement {
    match expectation.outcome {
        Outcome::Accept | Outcome::Holds => Judgement::failed(
            FailureKind::RefusedValid,
            format!("a peer that must be accepted was refused {how}"),
        ),
        Outcome::Policy => Judgement::new(Verdict::Policy, format!("refuses {how}")),
        Outcome::Reject => match twin {
            Some(Evidence::Unsupported(why)) => Judgement::new(Verdict::Unsupported, why),
            Some(Evidence::Absent(why)) => Judgement::new(
                Verdict::Invalid,
                format!("the refusal proves nothing: {why}"),
            ),
            Some(Evidence::Observed(twin)) if twin.accepted() => {
                judge_manner(expectation, observation, how)
            }
            Some(Evidence::Observed(twin)) if unsupported(twin).is_some() => {
                Judgement::new(Verdict::Unsupported, unsupported(twin).unwrap_or_default())
            }
            Some(Evidence::Observed(twin)) => Judgement::new(
                Verdict::Invalid,
                format!(
                    "the refusal proves nothing, for the twin was not accepted either: {}",
                    in_words(twin)
                ),
            ),
            Some(Evidence::Broken(why)) => Judgement::new(
                Verdict::Invalid,
                format!("the refusal proves nothing, for the twin could not be run: {why}"),
            ),
            None => Judgement::new(
                Verdict::Invalid,
                "the refusal proves nothing without a twin",
            ),
        },
    }
}

/// Why the target was not asked, if it was not.
fn unsupported(observation: &Observation) -> Option<String> {
    match what_happened(observation, true) {
        Happened::Unsupported(words) => Some(words),
        _ => None,
    }
}

/// The peer was refused; was it in a proper manner?
fn judge_manner(expectation: &Expectation, observation: &Observation, how: &str) -> Judgement {
    let how = &match observation.peer.certificate_arrived {
        true => format!("{how}, after it had handed over its own certificate"),
        false => how.to_owned(),
    };
    let target_end = observation.target.as_ref().map(|target| &target.end);
    if matches!(target_end, Some(TargetEnd::RefusedToStart(_)))
        || observation.peer.end == PeerEnd::Unmet
    {
        return Judgement::new(Verdict::Pass, format!("the peer was refused {how}"));
    }
    if matches!(target_end, Some(TargetEnd::Accepted)) {
        return Judgement::new(
            Verdict::Lenient,
            format!("the target took the peer's handshake for good, and then ended it {how}"),
        );
    }
    let alert = observation.alert();
    let above_tls = matches!(observation.peer.end, PeerEnd::RefusedAboveTls(_));
    if above_tls {
        return Judgement::new(Verdict::Lenient, format!("the peer was refused {how}"));
    }
    if expectation.alert.is_empty() || alert.is_some_and(|alert| expectation.alert.contains(&alert))
    {
        return Judgement::new(Verdict::Pass, format!("the peer was refused {how}"));
    }
    let wanted: Vec<_> = expectation.alert.iter().map(|alert| alert.name()).collect();
    Judgement::new(
        Verdict::Lenient,
        format!(
            "the peer was refused {how}; proper would be {}",
            wanted.join(", ")
        ),
    )
}

/// What was seen, in one clause.
pub fn in_words(observation: &Observation) -> String {
    match what_happened(observation, true) {
        Happened::Accepted => "application data went both ways".into(),
        Happened::Refused(how) => format!("refused {how}"),
        Happened::Unsupported(words) => format!("not possible: {words}"),
        Happened::NotStarted(words) => format!("the target did not start: {words}"),
        Happened::Hung => "nothing happened until the time was up".into(),
        Happened::Crashed(words) => format!("the target died: {words}"),
        Happened::Broken(words) => words,
    }
}
