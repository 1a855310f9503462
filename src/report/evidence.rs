//! The evidence of one case, in words: what was presented, what was expected and why, what each end
//! saw, what the twin did, and the command that repeats it.

use crate::expect::{Expectation, Outcome};
use crate::observe::{Handshake, HandshakeKind, PeerEnd, PeerView, TargetEnd, TargetView};
use crate::record::CaseRecord;
use crate::scenario::Role;

mod timeline;

/// The evidence as lines of a label and a text.
pub fn lines(case: &CaseRecord, seed: u64) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        (
            "holds",
            format!("{} ({}; {})", case.title, case.level, case.spec.join("; ")),
        ),
        ("verdict", verdict(case)),
        ("presented", case.presented.clone()),
        ("expected", expected(&case.expectation)),
    ];
    if let Some(observation) = &case.observation {
        lines.push(("peer saw", peer_saw(&observation.peer)));
        let target = observation.target.as_ref();
        lines.push((
            "target saw",
            target.map_or("it cannot tell".into(), target_saw),
        ));
    }
    if let Some(timeline) = &case.timeline {
        lines.extend(timeline.steps.iter().map(|step| ("step", step.clone())));
        lines.extend(timeline::lines(timeline));
    }
    if let Some(twin) = &case.twin {
        let start = if twin.same_start {
            "in the same start"
        } else {
            "in a start of its own"
        };
        lines.push(("twin", format!("{}, {start}", twin.words)));
    }
    if let Some(known) = &case.known {
        lines.push(("known", known.clone()));
    }
    if let Some(log) = &case.log {
        // The rest of it is in the record.
        let mut last: Vec<_> = log.lines().rev().take(3).collect();
        last.reverse();
        lines.push(("log", last.join(" / ")));
    }
    lines.push(("file", case.file.clone()));
    lines.push(("repeat", repeat(case, seed)));
    for (_, text) in &mut lines {
        *text = printable(text);
    }
    lines
}

/// What targets and peers say can hold anything; a report is to be read.
fn printable(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(plain).collect()
}

/// The command that runs this case again.
pub fn repeat(case: &CaseRecord, seed: u64) -> String {
    let target = match (is_address(&case.target), case.role) {
        (false, _) => format!("--target {}", case.target),
        (true, Role::Server) => format!("--server {} --pki DIR", case.target),
        (true, Role::Client) => format!("--client-listen {} --pki DIR", case.target),
    };
    format!("mtls-gauntlet run {} {target} --seed {seed}", case.id)
}

/// Is it a target that runs somewhere already? Those are called by their host and port.
fn is_address(target: &str) -> bool {
    let port = target.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    matches!(port, Some(Ok(_)))
}

fn verdict(case: &CaseRecord) -> String {
    match case.failure_kind {
        Some(kind) => format!("{} ({kind}): {}", case.verdict, case.reason),
        None => format!("{}: {}", case.verdict, case.reason),
    }
}

fn expected(expectation: &Expectation) -> String {
    let alerts: Vec<_> = expectation.alert.iter().map(|alert| alert.name()).collect();
    match expectation.outcome {
        Outcome::Accept => "accept: application data goes both ways".into(),
        Outcome::Policy => "either: the choice is recorded".into(),
        Outcome::Holds => "every call comes out as it may at its instant".into(),
        Outcome::Reject if alerts.is_empty() => "reject, in any way".into(),
        Outcome::Reject => format!("reject, with {}", alerts.join(" or ")),
    }
}

fn peer_saw(view: &PeerView) -> String {
    let handshake = match &view.handshake {
        Some(handshake) => format!("{} complete at its end, then ", describe(handshake)),
        None => "no handshake complete at its end, ".into(),
    };
    let end = match &view.end {
        PeerEnd::Exchanged => "application data both ways".into(),
        PeerEnd::Alert(alert) => format!("the alert {alert} ({})", alert.number()),
        PeerEnd::UnnamedAlert(number) => format!("an alert without a name ({number})"),
        PeerEnd::RefusedAboveTls(words) => format!("a refusal above TLS: {words}"),
        PeerEnd::Closed => "a close without an alert".into(),
        PeerEnd::Reset => "a reset".into(),
        PeerEnd::TimedOut => "nothing more until its time was up".into(),
        PeerEnd::Failed(words) => format!("its own failure: {words}"),
        PeerEnd::NothingInCommon(words) => format!("nothing in common: {words}"),
        PeerEnd::Misbehaved(words) => format!("the target broke the protocol: {words}"),
        PeerEnd::Unmet => "nobody to meet".into(),
    };
    let certificate = match view.certificate_arrived {
        true => "; the target had handed over its certificate",
        false => "",
    };
    format!("{handshake}{end}{certificate}")
}

fn target_saw(view: &TargetView) -> String {
    let end = match &view.end {
        TargetEnd::Accepted => format!(
            "it accepted the peer as {}",
            view.identity
                .as_ref()
                .map_or("nobody in particular".into(), |identity| format!(
                    "`{identity}`"
                ))
        ),
        TargetEnd::Refused(words) => format!("it refused the peer: {words}"),
        TargetEnd::RefusedToStart(words) => format!("it refused to start: {words}"),
        TargetEnd::Crashed(words) => format!("it died: {words}"),
        TargetEnd::Unsupported(words) => format!("it cannot do this: {words}"),
        TargetEnd::Broken(words) => format!("it could not be run: {words}"),
    };
    match view.alert_sent {
        Some(alert) => format!("{end}; it sent {alert} ({})", alert.number()),
        None => end,
    }
}

fn describe(handshake: &Handshake) -> String {
    let kind = match handshake.kind {
        HandshakeKind::Full => "full",
        HandshakeKind::Resumed => "resumed",
    };
    format!("{kind} {} handshake", handshake.version)
}
