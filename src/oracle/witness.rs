//! Witnesses: the smallest piece of history that proves a violation, in one plain sentence.

use std::fmt;

use super::facts::Subject;
use super::history::{Call, CallOutcome, History, Micros, Serial};
use super::permission::{Basis, Ground, Part, Permission, Permissions, is_plaintext};
use crate::expect::HandshakeKind;

/// An instant or a length of time as reports say it: in seconds, to the millisecond.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Seconds(pub Micros);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, thousandths) = (self.0 / 1_000_000, self.0 % 1_000_000 / 1000);
        let decimals = format!("{thousandths:03}");
        match decimals.trim_end_matches('0') {
            "" => write!(f, "{whole} s"),
            decimals => write!(f, "{whole}.{decimals} s"),
        }
    }
}

/// Tells of calls.
pub struct Witnesses<'p, 'h> {
    /// The history.
    pub history: &'h History,
    /// What its calls rest on.
    pub permissions: &'p Permissions<'h>,
}

impl<'h> Witnesses<'_, 'h> {
    /// A call was accepted that had to be refused.
    pub fn let_in(&self, call: &'h Call) -> String {
        let permission = self.permissions.of_call(call);
        let reason = permission.objection().map_or_else(
            || "at each instant of the call something forbids it".to_owned(),
            |(ground, since)| self.objection(ground, since),
        );
        format!("{}; {reason}{}", self.acceptance(call), self.lineage(call))
    }

    /// Since when this call had been forbidden, if there is one thing that forbids all of it.
    pub fn forbidden_since(&self, call: &'h Call) -> Option<Micros> {
        let permission = self.permissions.of_call(call);
        permission.objection().map(|(_, since)| since)
    }

    /// The same, where it is the server that must not let the caller in.
    pub fn caller_forbidden_since(&self, call: &'h Call) -> Option<Micros> {
        let permission = self.permissions.of_call(call);
        permission.objection_to_caller().map(|(_, since)| since)
    }

    /// The server let somebody in who had to be refused, and the caller did not come to know of it.
    pub fn let_in_unseen(&self, call: &'h Call) -> String {
        let permission = self.permissions.of_call(call);
        let reason = permission.objection_to_caller().map_or_else(
            || "at each instant of the call something forbids it".to_owned(),
            |(ground, since)| self.objection(ground, since),
        );
        format!(
            "{} for the server alone, and for the caller it {}; {reason}{}",
            self.acceptance(call),
            outcome(&call.outcome),
            self.lineage(call)
        )
    }

    /// A call was accepted and taken for another's.
    pub fn mistaken(&self, call: &Call) -> String {
        let mut told = self.acceptance(call);
        if let Some(view) = &call.server_view {
            told += &match &view.identity {
                Some(identity) => {
                    format!("; its application was told that the caller is {identity}")
                }
                None => "; its application was not told who the caller is".to_owned(),
            };
            if let Some(serial) = view.serial.filter(|serial| Some(*serial) != call.serial) {
                told += &format!("; it holds the caller by serial {serial}");
            }
        }
        told + &self.lineage(call)
    }

    /// A call was accepted that had been refused for good reason.
    pub fn flapped(&self, call: &Call, refused: &Call) -> String {
        let generation = |call: &Call| call.server_view.as_ref().map_or(0, |view| view.generation);
        let why = refused
            .server_view
            .as_ref()
            .and_then(|view| view.reason.as_deref());
        let why = why.map(|why| format!(", {why}")).unwrap_or_default();
        format!(
            "{}, by generation {}; call {} was refused there at {}, by generation {}{why}; nothing in \
             between made it good",
            self.acceptance(call),
            generation(call),
            refused.id,
            Seconds(refused.invoked),
            generation(refused),
        )
    }

    /// The caller took for an acceptance what the server had refused.
    pub fn presumed(&self, call: &Call) -> String {
        let view = call.server_view.as_ref();
        let why = view.and_then(|view| view.reason.as_deref());
        format!(
            "call {} of {} to {} at {}: the caller believes that it was accepted, and the server refused \
             it{}",
            call.id,
            call.caller,
            call.server,
            Seconds(call.invoked),
            why.map(|why| format!(": {why}")).unwrap_or_default(),
        )
    }

    /// The server proved possession of the wrong key.
    pub fn wrong_key(&self, call: &Call) -> String {
        let presented = call.presented.map(|serial| format!(" of serial {serial}"));
        format!(
            "call {} of {} to {} at {}: the server's key does not fit its certificate{}",
            call.id,
            call.caller,
            call.server,
            Seconds(call.invoked),
            presented.unwrap_or_default(),
        )
    }

    /// A call was not accepted that had to be, the first of `lost` among `due`.
    pub fn not_served(&self, call: &'h Call, lost: u64, due: u64) -> String {
        let permission: Permission = self.permissions.of_call(call);
        let since = match permission.due_since() {
            0 => "at all times".to_owned(),
            since => format!("since {}", Seconds(since)),
        };
        format!(
            "call {} of {} to {} at {} {}; must be accepted {since}; {lost} of {due} such calls were not{}",
            call.id,
            called(call),
            call.server,
            Seconds(call.invoked),
            outcome(&call.outcome),
            self.lineage(call),
        )
    }

    fn acceptance(&self, call: &Call) -> String {
        format!(
            "call {} accepted {} at {} at {}",
            call.id,
            presented(call),
            call.server,
            Seconds(call.invoked),
        )
    }

    fn lineage(&self, call: &Call) -> String {
        let connection = &call.connection;
        let opened = match connection.reused {
            true => format!("; connection opened at {}", Seconds(connection.opened)),
            false => String::new(),
        };
        let session = match (connection.handshake, connection.verified) {
            (Some(HandshakeKind::Resumed), Some(at)) => {
                format!("; resumed session last verified at {}", Seconds(at))
            }
            (Some(HandshakeKind::Resumed), None) => "; resumed session".to_owned(),
            _ => String::new(),
        };
        opened + &session
    }

    fn objection(&self, ground: &Ground, since: Micros) -> String {
        let turn = ground.known.turns.iter();
        let turn = turn.rev().find(|turn| !turn.holds && turn.settled == since);
        let change = turn.and_then(|turn| {
            self.history
                .changes
                .get(turn.change)
                .map(|change| (turn, change))
        });
        let duty = match ground.part {
            Part::Trusts => "the caller must refuse the server",
            Part::May | Part::Well => "must be refused",
        };
        match change {
            Some((turn, change)) => {
                let step = change.step.and_then(|step| self.history.steps.get(step));
                let what = step.map_or_else(|| reason(ground), |step| step.what.clone());
                format!(
                    "{duty} since {} ({what} at {}, window {})",
                    Seconds(since),
                    Seconds(turn.at),
                    Seconds(turn.settled.saturating_sub(turn.at)),
                )
            }
            None if since == 0 => format!("{duty} at all times ({})", reason(ground)),
            None => format!("{duty} since {} ({})", Seconds(since), reason(ground)),
        }
    }
}

/// How a call ended, after the words that name it.
pub fn outcome(outcome: &CallOutcome) -> String {
    match outcome {
        CallOutcome::Accepted => "was accepted".to_owned(),
        CallOutcome::Refused(words) => format!("was refused ({words})"),
        CallOutcome::RefusedServer(words) => format!("refused the server ({words})"),
        CallOutcome::KeyMismatch => "met a key that does not fit the certificate".to_owned(),
        CallOutcome::TimedOut => "timed out".to_owned(),
    }
}

fn called(call: &Call) -> String {
    match call.serial {
        Some(serial) => format!("{} (serial {serial})", call.caller),
        None => call.caller.clone(),
    }
}

fn presented(call: &Call) -> String {
    let caller = &call.caller;
    match call.serial {
        _ if is_plaintext(call) => format!("{caller} without TLS"),
        None => format!("{caller} without a certificate"),
        Some(serial) => format!("serial {serial} of {caller}"),
    }
}

/// Why a ground does not hold.
fn reason(ground: &Ground) -> String {
    let verifier = ground.verifier;
    let about = |serial: Serial, what: &str| format!("certificate {serial} {what}");
    match ground.basis {
        Basis::Fact(subject) => match subject {
            Subject::Trusts(anchor) => format!("{verifier} does not trust {anchor}"),
            Subject::InForce(serial) => about(serial, "has been revoked"),
            Subject::Admits(caller) => format!("{verifier} does not admit {caller}"),
            Subject::TakesPlaintext => format!("{verifier} takes TLS only"),
            Subject::TakesAnonymous => format!("{verifier} takes nobody without a certificate"),
            Subject::ListIsFresh => format!("the list of {verifier} is too old"),
            Subject::Well => format!("{verifier} is in trouble"),
            Subject::Presents(serial) => format!("{verifier} does not present {serial}"),
        },
        Basis::Bridged(leaf, bridge) => format!(
            "{verifier} does not trust {}, and not {} by way of certificate {}",
            leaf.anchor, bridge.anchor, bridge.serial
        ),
        Basis::Valid(certificate) => about(certificate.serial, "is not valid at that time"),
        Basis::Sound(certificate, defect) => {
            format!("certificate {}: {defect}", certificate.serial)
        }
        Basis::Issued(serial) => format!("the chain of {serial} is not known"),
    }
}
