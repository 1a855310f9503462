//! A small record made by hand, with every verdict in it, known deviations fresh and stale, and two
//! targets.

#![allow(
    dead_code,
    reason = "each test crate that includes it uses what it needs"
)]

use mtls_gauntlet::expect::{Alert, Expectation, Level, Outcome};
use mtls_gauntlet::judge::{FailureKind, Verdict};
use mtls_gauntlet::observe::{
    Handshake, HandshakeKind, Observation, PeerEnd, PeerView, TargetEnd, TargetView,
};
use mtls_gauntlet::record::{
    CaseRecord, Host, Run, SCHEMA_VERSION, Summary, TargetRecord, Tool, TwinRecord,
};
use mtls_gauntlet::scenario::{Role, TlsVersion};

/// The whole record.
pub fn run() -> Run {
    let cases = cases();
    Run {
        schema_version: SCHEMA_VERSION,
        tool: Tool {
            name: "mtls-gauntlet".into(),
            version: "0.0.0".into(),
        },
        seed: 7,
        started_at: "2026-01-01T00:00:00Z".into(),
        complete: true,
        host: Host {
            os: "linux".into(),
            arch: "x86_64".into(),
            cores: 2,
            ..Host::default()
        },
        targets: vec![
            target("careful", Role::Server, 4),
            target("careful", Role::Client, 1),
            target("hasty", Role::Server, 1),
        ],
        summary: Summary::of(&cases),
        cases,
        measurements: Vec::new(),
        shard: None,
        merged: None,
    }
}

/// A record of these cases against one target.
pub fn run_of(cases: Vec<CaseRecord>) -> Run {
    Run {
        targets: vec![target("careful", Role::Server, 1)],
        summary: Summary::of(&cases),
        cases,
        ..run()
    }
}

fn target(name: &str, role: Role, starts: u32) -> TargetRecord {
    TargetRecord {
        name: name.into(),
        role,
        version: "1.2.3".into(),
        starts,
        environments: starts,
        absent: None,
    }
}

fn cases() -> Vec<CaseRecord> {
    let refused = Some(refusal(Alert::CertificateExpired));
    vec![
        CaseRecord {
            role: Role::Client,
            observation: Some(acceptance()),
            ..case("baseline/plain", Verdict::Pass, Outcome::Accept)
        },
        case("limits/slow", Verdict::Hang, Outcome::Accept),
        case("limits/long-chain", Verdict::Crash, Outcome::Reject),
        CaseRecord {
            level: Level::Should,
            observation: Some(refusal(Alert::UnknownCa)),
            ..case("names/wildcard", Verdict::Fail, Outcome::Accept)
        },
        CaseRecord {
            level: Level::May,
            observation: Some(acceptance()),
            ..case("path/long", Verdict::Policy, Outcome::Policy)
        },
        CaseRecord {
            level: Level::May,
            tls: TlsVersion::Tls13,
            observation: Some(refusal(Alert::BadCertificate)),
            ..case("path/long", Verdict::Policy, Outcome::Policy)
        },
        CaseRecord {
            known: Some("webpki does not look at it; see its issue 42 | or ask".into()),
            observation: Some(acceptance()),
            ..case("path/negative-serial", Verdict::Fail, Outcome::Reject)
        },
        CaseRecord {
            known: Some("mended long ago".into()),
            observation: refused.clone(),
            twin: Some(twin(true)),
            ..case("path/zero-serial", Verdict::Pass, Outcome::Reject)
        },
        CaseRecord {
            observation: Some(refusal(Alert::UnknownCa)),
            twin: Some(twin(false)),
            ..case("trust/other-root", Verdict::Invalid, Outcome::Reject)
        },
        CaseRecord {
            tls: TlsVersion::Tls13,
            ..case("trust/other-root", Verdict::Broken, Outcome::Reject)
        },
        case("revocation/stapled", Verdict::Unsupported, Outcome::Reject),
        CaseRecord {
            observation: refused.clone(),
            twin: Some(twin(true)),
            ..case("validity/expired", Verdict::Pass, Outcome::Reject)
        },
        CaseRecord {
            tls: TlsVersion::Tls13,
            observation: Some(Observation {
                target: None,
                ..reset()
            }),
            twin: Some(twin(true)),
            ..case("validity/expired", Verdict::Lenient, Outcome::Reject)
        },
        CaseRecord {
            target: "hasty".into(),
            observation: Some(acceptance()),
            ..case("validity/expired", Verdict::Fail, Outcome::Reject)
        },
    ]
    .into_iter()
    .map(named)
    .collect()
}

/// A case of this scenario that came to this verdict.
pub fn case(scenario: &str, verdict: Verdict, outcome: Outcome) -> CaseRecord {
    let failure_kind = match (verdict, outcome) {
        (Verdict::Fail, Outcome::Reject) => Some(FailureKind::AcceptedForbidden),
        (Verdict::Fail, _) => Some(FailureKind::RefusedValid),
        (Verdict::Hang, _) => Some(FailureKind::Hang),
        (Verdict::Crash, _) => Some(FailureKind::Crash),
        _ => None,
    };
    let alert = match outcome {
        Outcome::Reject => vec![Alert::CertificateExpired, Alert::BadCertificate],
        _ => Vec::new(),
    };
    named(CaseRecord {
        timeline: None,
        log: None,
        id: String::new(),
        scenario: scenario.into(),
        title: format!("The title of {scenario}"),
        level: Level::Must,
        spec: vec!["RFC 5280 section 6.1.3".into(), "CVE-2000-1".into()],
        file: format!("scenarios/{scenario}.toml"),
        line: 21,
        target: "careful".into(),
        role: Role::Server,
        tls: TlsVersion::Tls12,
        presented: "peer, issuing".into(),
        expectation: Expectation {
            outcome,
            alert,
            identity: None,
        },
        observation: None,
        verdict,
        failure_kind,
        known: None,
        reason: format!("the reason for {verdict}"),
        twin: None,
        scenario_digest: "5ca1ab1e".into(),
        environment_digest: "0ddba11".into(),
        duration_us: 1_234,
    })
}

fn named(case: CaseRecord) -> CaseRecord {
    CaseRecord {
        id: format!("{}/{}/{}", case.scenario, case.role, case.tls),
        ..case
    }
}

fn twin(accepted: bool) -> TwinRecord {
    let (words, observation) = if accepted {
        ("application data went both ways", acceptance())
    } else {
        (
            "refused with the alert unknown_ca",
            refusal(Alert::UnknownCa),
        )
    };
    TwinRecord {
        accepted,
        same_start: accepted,
        words: words.into(),
        observation: Some(observation),
    }
}

fn acceptance() -> Observation {
    let handshake = Some(Handshake {
        version: TlsVersion::Tls12,
        kind: HandshakeKind::Full,
    });
    Observation {
        peer: PeerView {
            certificate_arrived: false,
            handshake: handshake.clone(),
            data_arrived: true,
            end: PeerEnd::Exchanged,
        },
        target: Some(TargetView {
            end: TargetEnd::Accepted,
            identity: Some("spiffe://gauntlet.test/peer".into()),
            alert_sent: None,
            handshake,
            data_arrived: true,
        }),
    }
}

fn refusal(alert: Alert) -> Observation {
    Observation {
        peer: PeerView {
            certificate_arrived: false,
            handshake: None,
            data_arrived: false,
            end: PeerEnd::Alert(alert),
        },
        target: Some(TargetView {
            end: TargetEnd::Refused("invalid peer certificate".into()),
            identity: None,
            alert_sent: Some(alert),
            handshake: None,
            data_arrived: false,
        }),
    }
}

fn reset() -> Observation {
    Observation {
        peer: PeerView {
            certificate_arrived: false,
            end: PeerEnd::Reset,
            ..refusal(Alert::CertificateExpired).peer
        },
        target: None,
    }
}
