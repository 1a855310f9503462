//! The keys that each step of a timeline takes.

use crate::scenario::step::Action;

/// What a step takes, in words.
pub(super) fn takes(needed: &[&str], optional: &[&str]) -> String {
    let keys = ["at"].iter().chain(needed).chain(optional);
    let keys: Vec<String> = keys.map(|key| format!("`{key}`")).collect();
    format!("it takes {}", keys.join(", "))
}

/// The keys that a step of a timeline needs beside `at`, and those that it may have; none for steps of
/// stories.
pub(super) fn keys(action: Action) -> Option<(&'static [&'static str], &'static [&'static str])> {
    Some(match action {
        Action::Connect
        | Action::Resume
        | Action::Hold
        | Action::Ask
        | Action::ReplaceTrust
        | Action::ReplaceCrl
        | Action::ReplaceClientAuth
        | Action::ForgetTickets => return None,
        Action::RotateLeaf => (
            &[],
            &[
                "services", "who", "defect", "style", "gap", "count", "every",
            ],
        ),
        Action::RotateCaller => (&[], &["who", "defect", "count", "every"]),
        Action::PushBundle => (&["trusts"], &["services", "style", "gap", "count", "every"]),
        Action::PushCallerBundle => (&["trusts"], &["who"]),
        Action::PublishCrl => (&[], &["services", "style", "gap", "count", "every"]),
        Action::WriteFiles => (
            &[],
            &[
                "services", "who", "defect", "style", "gap", "count", "every",
            ],
        ),
        Action::IssueFrom => (&["who"], &[]),
        Action::CrossSign => (&["who", "for"], &[]),
        Action::Revoke => (&["revokes"], &[]),
        Action::Allow | Action::Disallow => (&["who"], &["services"]),
        Action::StopAuthority => (&[], &["for"]),
        Action::SlowAuthority => (&["by"], &["for"]),
        Action::CorruptAuthority => (&["defect"], &["for"]),
        Action::StartAuthority | Action::Heal => (&[], &[]),
        Action::Partition => (&[], &["services", "who", "for"]),
        Action::HoldBack => (&[], &["services", "who"]),
        Action::Slow => (&["by"], &["services", "who"]),
        Action::Advance => (&["by"], &["count", "every"]),
        Action::Skew => (&[], &["services", "who", "by", "back"]),
        Action::Cut => (&[], &["services", "octet", "record"]),
        Action::BlackHole | Action::Corrupt => (&["octet"], &["services"]),
        Action::Sweep => (&["count"], &["services", "octet", "strike"]),
        Action::Stall | Action::Flood | Action::Linger => (&["count"], &["services"]),
        Action::Scale => (&["count"], &[]),
        Action::Restart | Action::CloseConnections => (&[], &["services", "count", "every"]),
        Action::Crash | Action::ExhaustDescriptors | Action::RollBackCrl | Action::RequireTls => {
            (&[], &["services"])
        }
    })
}
