//! A planted target in a process of its own is judged as it is in the harness's: the engine adds nothing
//! to the evidence and loses nothing of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mtls_gauntlet::expect::Alert;
use mtls_gauntlet::judge::{FailureKind, Verdict};
use mtls_gauntlet::observe::Observation;
use mtls_gauntlet::record::{CaseRecord, Run};
use mtls_gauntlet::scenario::Profile;
use mtls_gauntlet::scenario::expand::Case;
use mtls_gauntlet::target::planted::Bug;
use mtls_gauntlet::target::{Target, registry};

use super::rig::{self, Rig};
use super::support::Bench;

/// Bugs, the control among them, and what they are asked.
const SAMPLE: &[(&str, &[&str])] = &[
    (
        "none",
        &[
            "baseline/*",
            "validity/*",
            "names/*",
            "handshake/*",
            "revocation/*/tls1.3",
        ],
    ),
    ("accepts-anything", &["trust/*/tls1.3", "validity/*/tls1.3"]),
    ("trusts-supplied-root", &["trust/*"]),
    ("ignores-expiry", &["validity/*"]),
    ("ignores-name-constraints", &["extensions/nc-*/tls1.3"]),
    ("ignores-server-name", &["names/*/tls1.3"]),
    ("identity-from-last-cn", &["names/client-*"]),
    ("ignores-crl", &["revocation/*/tls1.3"]),
    ("ignores-staple", &["revocation/*/client/tls1.3"]),
    ("panics-on-bad-certificate", &["encoding/*/tls1.3"]),
    ("client-auth-optional", &["handshake/*certificate*"]),
    ("asks-for-nothing", &["handshake/*certificate*"]),
    ("ignores-alpn", &["handshake/alpn-*"]),
    ("accepts-old-versions", &["handshake/version-*"]),
    ("ignores-certificate-verify", &["handshake/*key*"]),
];

/// For each bug a case that catches it in process.
const CAUGHT: &[(&str, &str)] = &[
    (
        "accepts-anything",
        "extensions/eku-client-only/client/tls1.3",
    ),
    (
        "checks-only-the-leaf",
        "extensions/intermediate-basic-constraints-absent/server/tls1.3",
    ),
    (
        "trusts-supplied-root",
        "rotation/removed-root-sent-along/server/tls1.3",
    ),
    (
        "matches-issuer-by-name",
        "path/impostor-intermediate/server/tls1.3",
    ),
    (
        "ignores-leaf-signature",
        "path/impostor-intermediate/server/tls1.3",
    ),
    (
        "ignores-issuer-name",
        "path/issuer-name-mismatch/server/tls1.3",
    ),
    (
        "fails-open-on-empty-bundle",
        "trust/empty-bundle/server/tls1.3",
    ),
    (
        "accepts-incomplete-chain",
        "handshake/optional-untrusted/server/tls1.3",
    ),
    (
        "trusts-only-first-anchor",
        "rotation/bridge-expired-new-trusted/server/tls1.3",
    ),
    (
        "confuses-same-name-anchors",
        "rotation/same-name-roots-new-first/server/tls1.3",
    ),
    (
        "stops-at-first-path",
        "path/expired-copy-of-intermediate/server/tls1.3",
    ),
    ("hunts-for-leaf", "path/leaf-not-first/server/tls1.3"),
    (
        "rejects-reordered-chain",
        "path/duplicate-intermediate/server/tls1.3",
    ),
    ("rejects-sent-root", "baseline/root-appended/server/tls1.3"),
    (
        "rejects-two-intermediates",
        "baseline/two-intermediates/server/tls1.3",
    ),
    (
        "verifies-anchor-signature",
        "signatures/root-sha1/server/tls1.3",
    ),
    (
        "ignores-expiry",
        "handshake/fragments-of-16-expired/server/tls1.3",
    ),
    ("ignores-not-before", "validity/future/server/tls1.3"),
    (
        "ignores-intermediate-expiry",
        "rotation/bridge-expired/server/tls1.3",
    ),
    (
        "misreads-two-digit-years",
        "validity/before-epoch/server/tls1.3",
    ),
    (
        "overflows-in-2038",
        "validity/first-generalized-time/server/tls1.3",
    ),
    (
        "insists-on-nested-validity",
        "trust/reissued-root/server/tls1.3",
    ),
    (
        "allows-for-skew",
        "validity/expired-by-a-second/server/tls1.3",
    ),
    (
        "takes-interval-for-duration",
        "validity/utc-time-1950/server/tls1.3",
    ),
    (
        "reads-impossible-dates",
        "validity/no-such-date/server/tls1.3",
    ),
    (
        "ignores-ca-flag",
        "extensions/intermediate-basic-constraints-absent/server/tls1.3",
    ),
    (
        "ignores-ca-key-usage",
        "extensions/intermediate-without-key-cert-sign/server/tls1.3",
    ),
    (
        "ignores-path-length",
        "path/path-length-exceeded/server/tls1.3",
    ),
    (
        "counts-self-issued",
        "path/path-length-self-issued/server/tls1.3",
    ),
    ("trusts-version-1-ca", "path/v1-intermediate/server/tls1.3"),
    ("ignores-eku", "extensions/eku-client-only/client/tls1.3"),
    (
        "reads-empty-eku-as-any",
        "extensions/eku-empty/server/tls1.3",
    ),
    (
        "ignores-key-usage",
        "extensions/key-usage-key-agreement/server/tls1.3",
    ),
    (
        "ignores-unknown-critical",
        "extensions/policy-mapping-any/server/tls1.3",
    ),
    (
        "ignores-unknown-critical-in-ca",
        "extensions/policy-mapping-any/server/tls1.3",
    ),
    (
        "rejects-unknown-extensions",
        "extensions/unknown-not-critical/server/tls1.3",
    ),
    (
        "ignores-duplicate-extensions",
        "encoding/basic-constraints-twice/server/tls1.3",
    ),
    (
        "ignores-name-constraints",
        "extensions/nc-excluded-dn/server/tls1.3",
    ),
    (
        "ignores-permitted-subtrees",
        "extensions/nc-not-critical-violated/server/tls1.3",
    ),
    (
        "ignores-excluded-subtrees",
        "extensions/nc-excluded-dn/server/tls1.3",
    ),
    (
        "ignores-uri-constraints",
        "extensions/nc-excluded-uri/server/tls1.3",
    ),
    (
        "ignores-email-constraints",
        "extensions/nc-excluded-email-shared-local/server/tls1.3",
    ),
    (
        "keeps-last-email-constraint",
        "extensions/nc-excluded-email-shared-local/server/tls1.3",
    ),
    (
        "ignores-ip-constraints",
        "extensions/nc-excluded-ip-v4/server/tls1.3",
    ),
    (
        "ignores-directory-constraints",
        "extensions/nc-excluded-dn/server/tls1.3",
    ),
    (
        "ignores-unsupported-constraints",
        "extensions/nc-other-name-present/server/tls1.3",
    ),
    (
        "ignores-non-critical-constraints",
        "extensions/nc-not-critical-violated/server/tls1.3",
    ),
    (
        "ignores-wildcards-in-constraints",
        "extensions/nc-excluded-dns-wildcard/server/tls1.3",
    ),
    (
        "compares-constraints-by-case",
        "extensions/nc-excluded-dns-case/server/tls1.3",
    ),
    (
        "ignores-server-name",
        "names/common-name-alone/client/tls1.3",
    ),
    ("falls-back-to-cn", "names/common-name-alone/client/tls1.3"),
    (
        "accepts-partial-wildcards",
        "names/wildcard-inner-label/client/tls1.3",
    ),
    (
        "wildcard-spans-labels",
        "names/wildcard-two-labels/client/tls1.3",
    ),
    (
        "wildcard-matches-parent",
        "names/wildcard-parent/client/tls1.3",
    ),
    ("rejects-wildcards", "names/wildcard/client/tls1.3"),
    (
        "matches-names-by-substring",
        "names/longer-name/client/tls1.3",
    ),
    ("compares-names-by-case", "names/name-case/client/tls1.3"),
    ("accepts-embedded-nul", "names/nul-in-name/client/tls1.3"),
    (
        "splits-names-at-commas",
        "names/name-injection/client/tls1.3",
    ),
    ("matches-ip-as-name", "names/ip-as-dns-name/client/tls1.3"),
    ("rejects-ip-names", "names/ipv4/client/tls1.3"),
    (
        "reads-only-first-name",
        "names/match-in-last-name/client/tls1.3",
    ),
    (
        "identity-from-last-cn",
        "names/client-not-told-by-common-name/server/tls1.3",
    ),
    ("accepts-sha1", "signatures/intermediate-sha1/server/tls1.3"),
    ("accepts-md5", "signatures/intermediate-md5/server/tls1.3"),
    (
        "accepts-weak-keys",
        "signatures/intermediate-rsa-1024/server/tls1.3",
    ),
    (
        "accepts-zero-signature",
        "signatures/intermediate-zero-signature/server/tls1.3",
    ),
    (
        "ignores-algorithm-mismatch",
        "encoding/algorithm-mismatch/server/tls1.3",
    ),
    (
        "fails-open-on-unknown-key",
        "signatures/leaf-dsa/server/tls1.3",
    ),
    (
        "panics-on-unknown-key",
        "signatures/leaf-content-flipped/server/tls1.3",
    ),
    ("knows-only-p256", "baseline/rsa-chain/server/tls1.3"),
    (
        "ignores-certificate-verify",
        "handshake/key-of-second-certificate/server/tls1.3",
    ),
    (
        "ignores-crl",
        "revocation/attribute-certificates-only/server/tls1.3",
    ),
    (
        "ignores-intermediate-crl",
        "revocation/end-entities-only-for-intermediate/server/tls1.3",
    ),
    ("ignores-crl-expiry", "revocation/crl-expired/server/tls1.3"),
    (
        "ignores-missing-crl",
        "revocation/attribute-certificates-only/server/tls1.3",
    ),
    (
        "ignores-crl-signature",
        "revocation/crl-signature-flipped/server/tls1.3",
    ),
    (
        "ignores-crl-sign",
        "revocation/crl-issuer-may-not-sign-crls/server/tls1.3",
    ),
    (
        "ignores-crl-scope",
        "revocation/attribute-certificates-only/server/tls1.3",
    ),
    (
        "reads-only-first-distribution-point",
        "revocation/partition-later-names/server/tls1.3",
    ),
    (
        "ignores-delta-indicator",
        "revocation/delta-alone/server/tls1.3",
    ),
    (
        "ignores-critical-crl-extensions",
        "revocation/critical-entry-extension/server/tls1.3",
    ),
    (
        "applies-crl-to-any-issuer",
        "revocation/same-serial-other-issuer/server/tls1.3",
    ),
    (
        "ignores-certificate-hold",
        "revocation/certificate-hold/server/tls1.3",
    ),
    ("skips-large-crls", "limits/crl-20000-entries/server/tls1.3"),
    (
        "ignores-staple",
        "revocation/must-staple-bare/client/tls1.3",
    ),
    (
        "ignores-staple-certificate",
        "revocation/staple-for-another-certificate/client/tls1.3",
    ),
    (
        "ignores-staple-expiry",
        "revocation/staple-expired/client/tls1.3",
    ),
    (
        "ignores-staple-signature",
        "revocation/staple-signature-flipped/client/tls1.3",
    ),
    (
        "trusts-any-responder",
        "revocation/staple-signed-by-foreign-responder/client/tls1.3",
    ),
    (
        "ignores-must-staple",
        "revocation/must-staple-bare/client/tls1.3",
    ),
    (
        "accepts-non-der",
        "encoding/key-usage-nine-unused-bits/server/tls1.3",
    ),
    (
        "ignores-trailing-data",
        "encoding/trailing-certificate/server/tls1.3",
    ),
    (
        "fails-open-on-parse-error",
        "extensions/eku-empty/server/tls1.3",
    ),
    (
        "panics-on-bad-certificate",
        "extensions/eku-empty/server/tls1.3",
    ),
    ("asks-for-nothing", "extensions/eku-empty/server/tls1.3"),
    (
        "client-auth-optional",
        "handshake/dribble-no-certificate/server/tls1.3",
    ),
    (
        "client-auth-always-required",
        "handshake/optional-no-certificate/server/tls1.3",
    ),
    (
        "trusts-presented-when-optional",
        "handshake/optional-expired/server/tls1.3",
    ),
    (
        "loads-mismatched-pair",
        "rotation/target-key-mismatch/server/tls1.3",
    ),
    ("blocks-accept-loop", "handshake/crowd-64/server/tls1.3"),
    (
        "leaks-refused-connections",
        "handshake/server-without-certificate/client/tls1.3",
    ),
    (
        "no-handshake-deadline",
        "handshake/stall-before-certificate/server/tls1.3",
    ),
    (
        "completes-without-application-data",
        "baseline/directly-under-root/server/tls1.3",
    ),
    (
        "accepts-old-versions",
        "handshake/version-floor/server/tls1.2",
    ),
    ("ignores-alpn", "handshake/alpn-mismatch/server/tls1.3"),
    (
        "mishandles-fragments",
        "handshake/fragments-of-1-no-certificate/server/tls1.2",
    ),
];

/// Bugs that show only where the run's clock is the target's, or under the SPIFFE profile.
const INSIDE_ALONE: &[&str] = &[
    "rejects-first-second",
    "rejects-last-second",
    "matches-spiffe-by-prefix",
    "merges-trust-domains",
    "skips-spiffe-leaf-rules",
    "takes-first-uri",
    "accepts-malformed-spiffe-ids",
    "accepts-missing-spiffe-id",
    "checks-dns-under-spiffe",
];

/// Bugs that show as a hang: somebody has to wait for it.
const HANGING: [&str; 3] = [
    "blocks-accept-loop",
    "leaks-refused-connections",
    "no-handshake-deadline",
];

#[test]
fn a_process_is_judged_as_what_it_is_made_of() {
    let bench = Bench::new();
    for (bug, globs) in SAMPLE {
        let run = run(&Rig::for_processes(), &bench, bug, &rig::cases(globs));
        let unlike = compare(&run, bug);
        assert!(unlike.is_empty(), "{bug}:\n{}", unlike.join("\n"));
    }
    bench.assert_alone();
}

#[test]
fn each_bug_shows_from_outside_too() {
    let bench = Bench::new();
    for (bug, case) in CAUGHT {
        let mut rig = Rig::for_processes();
        if HANGING.contains(bug) {
            rig.deadline = Duration::from_secs(12);
        }
        let run = run(&rig, &bench, bug, &[rig::case(case)]);
        let unlike = compare(&run, bug);
        assert!(unlike.is_empty(), "{bug}:\n{}", unlike.join("\n"));
        let caught = run.cases.iter().all(|case| case.verdict.is_failure());
        assert!(caught, "{bug} is not caught: {:?}", run.cases[0]);
    }
    bench.assert_alone();
}

#[test]
fn every_bug_is_in_one_table() {
    for bug in Bug::ALL {
        let caught = CAUGHT.iter().any(|(name, _)| *name == bug.name());
        // What shows while certificates change takes more than one meeting.
        let takes_time = bug.roles().is_empty() || bug.is_about_time();
        let inside = takes_time || INSIDE_ALONE.contains(&bug.name());
        assert!(caught != inside, "{}", bug.name());
    }
}

fn run(rig: &Rig, bench: &Bench, bug: &str, cases: &[Case]) -> Run {
    let inside = registry::find(&format!("planted:{bug}")).unwrap();
    let outside = bench.target(bug, bug);
    let targets: [Arc<dyn Target>; 2] = [inside, outside];
    rig.run(&targets, cases)
}

type Finding = (Verdict, Option<FailureKind>, Option<Alert>);

/// Where the process and what it is made of differ, or one of them cannot be asked what it should be.
fn compare(run: &Run, bug: &str) -> Vec<String> {
    let (inside, outside): (Vec<_>, Vec<_>) = run
        .cases
        .iter()
        .partition(|case| case.target == format!("planted:{bug}"));
    let outside: BTreeMap<_, _> = outside.iter().map(|case| (&case.id, *case)).collect();
    assert_eq!(inside.len(), outside.len());
    let mut unlike = Vec::new();
    for case in inside {
        let other = outside[&case.id];
        let fits = match needs_to_be_inside(case) {
            true => other.verdict == Verdict::Unsupported,
            false => finding(case) == finding(other),
        };
        if !fits {
            unlike.push(format!(
                "{}: {:?} ({}) and {:?} ({})",
                case.id,
                finding(case),
                case.reason,
                finding(other),
                other.reason
            ));
        }
    }
    unlike
}

fn finding(case: &CaseRecord) -> Finding {
    let alert = case.observation.as_ref().and_then(Observation::alert);
    (case.verdict, case.failure_kind, alert)
}

/// Nobody can give a process the run's clock, and the contract has no words for trust domains.
fn needs_to_be_inside(case: &CaseRecord) -> bool {
    const HOUR: i64 = 3600;
    let case = rig::case(&case.id);
    let soon = case.scenario.next_moment();
    case.scenario.profile == Some(Profile::Spiffe) || soon.is_some_and(|soon| soon <= HOUR)
}
