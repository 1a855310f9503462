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
use mtls_gauntlet::record::measurement::{Cpu, Latencies, Repetition, Tally};
use mtls_gauntlet::record::{
    CaseRecord, Division, Host, Latency, Measurement, MergeRecord, PartRecord, Run, SCHEMA_VERSION,
    Summary, TargetRecord, Tool, TwinRecord,
};
use mtls_gauntlet::scenario::bench::{Arrival, Setting, row_digest};
use mtls_gauntlet::scenario::{Role, TlsVersion};

/// The whole record.
pub fn run() -> Run {
    let cases = cases();
    Run {
        schema_version: SCHEMA_VERSION,
        tool: Tool {
            name: "mtls-gauntlet".into(),
            version: "0.0.0".into(),
            unoptimised: false,
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

/// A record of these measurements on this machine, and of no case.
pub fn bench_of(machine: &str, measurements: Vec<Measurement>) -> Run {
    Run {
        host: host(machine),
        targets: Vec::new(),
        cases: Vec::new(),
        summary: Summary::default(),
        measurements,
        ..run()
    }
}

/// The record, as it is when its rows were divided over parts on these machines.
pub fn divided(run: Run, machines: &[&str]) -> Run {
    let parts = (1..).zip(machines).map(|(number, machine)| PartRecord {
        number,
        complete: true,
        started_at: run.started_at.clone(),
        host: host(machine),
        targets: Vec::new(),
        measured: Vec::new(),
        measurements: Vec::new(),
    });
    let parts: Vec<_> = parts.collect();
    Run {
        merged: Some(MergeRecord {
            count: parts.len() as u32,
            division: Division::Apart,
            selection: "5e1ec7ed".into(),
            whole: run.measurements.len() as u64,
            parts,
            missing: Vec::new(),
            cut_short: Vec::new(),
        }),
        ..run
    }
}

/// A machine of this name.
pub fn host(machine: &str) -> Host {
    Host {
        machine: Some(machine.into()),
        ..run().host
    }
}

/// A row of the plan `overhead`, measured against a program in a closed loop. In each repetition the target took so
/// many microseconds of processor time for each connection; whatever else is measured follows from that.
pub fn measurement(row: &str, cpu_us: &[u64]) -> Measurement {
    let setting = Setting {
        arrival: Arrival::Closed,
        ..Setting::default()
    };
    let repetitions = (1..).zip(cpu_us);
    Measurement {
        id: format!("overhead/{row}"),
        plan: "overhead".into(),
        row: row.into(),
        place: match row {
            "server-only" => 0,
            _ => 1,
        },
        reference: Some("server-only".into()),
        file: "scenarios/bench/overhead.toml".into(),
        target: "hasty".into(),
        embedded: false,
        transport: "tcp".into(),
        setting,
        setting_digest: row_digest(&setting),
        workers: 2,
        saturation: None,
        unmeasured: None,
        broken: false,
        repetitions: repetitions
            .map(|(number, us)| repetition(number, *us))
            .collect(),
    }
}

/// A second in which 500 connections were confirmed, or as many as fit.
pub fn repetition(number: u32, cpu_us: u64) -> Repetition {
    let confirmed = 500_u64.min(1_000_000 / (2 * cpu_us).max(1));
    let mut first_byte = Latency::new();
    for percent in 0..100 {
        first_byte.add(cpu_us * 2_000 + percent * 100);
    }
    Repetition {
        number,
        duration_us: 1_000_000,
        tally: Tally {
            due: confirmed,
            confirmed,
            in_time: confirmed,
            ..Tally::default()
        },
        cpu: Cpu {
            harness_ns: confirmed * 50_000,
            target_ns: Some(confirmed * cpu_us * 1_000),
            connections: confirmed,
        },
        latency: Latencies {
            first_byte,
            ..Latencies::default()
        },
        ..Repetition::default()
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

pub fn acceptance() -> Observation {
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

pub fn refusal(alert: Alert) -> Observation {
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
