//! The judge by tables: what it says of each observation, where acceptance and where refusal is expected.

use mtls_gauntlet::expect::{Alert, Outcome};
use mtls_gauntlet::judge::Evidence;
use mtls_gauntlet::judge::FailureKind::{self, AcceptedForbidden, RefusedValid};
use mtls_gauntlet::judge::Verdict::{Broken, Crash, Fail, Hang, Lenient, Pass, Unsupported};
use mtls_gauntlet::observe::{Observation, PeerEnd, TargetEnd};

use super::check;
use super::shown::{
    alert, blind, dead, ended, exchanged, expect, leaked_in, leaked_out, refused, shaken,
    with_target,
};

#[test]
fn what_must_be_accepted() {
    let expectation = expect(Outcome::Accept, &[]);
    check(
        &expectation,
        None,
        [
            ("data both ways", exchanged(), Pass, None),
            (
                "data both ways, and the target cannot tell",
                blind(exchanged()),
                Pass,
                None,
            ),
            (
                "an alert",
                alert(Alert::CertificateExpired),
                Fail,
                Some(RefusedValid),
            ),
            (
                "an alert without a name",
                ended(PeerEnd::UnnamedAlert(200)),
                Fail,
                Some(RefusedValid),
            ),
            ("a close", ended(PeerEnd::Closed), Fail, Some(RefusedValid)),
            ("a reset", ended(PeerEnd::Reset), Fail, Some(RefusedValid)),
            (
                "a handshake, and then a close",
                shaken(ended(PeerEnd::Closed)),
                Fail,
                Some(RefusedValid),
            ),
            (
                "data one way, and then a close",
                leaked_in(ended(PeerEnd::Closed)),
                Fail,
                Some(RefusedValid),
            ),
            (
                "silence",
                ended(PeerEnd::TimedOut),
                Hang,
                Some(FailureKind::Hang),
            ),
            (
                "a death",
                dead(ended(PeerEnd::Closed)),
                Crash,
                Some(FailureKind::Crash),
            ),
            (
                "a death after the answer",
                dead(exchanged()),
                Crash,
                Some(FailureKind::Crash),
            ),
            (
                "a refusal to start",
                Evidence::Observed(Observation::refused_to_start("no".into())),
                Fail,
                Some(RefusedValid),
            ),
            (
                "a client that did not connect",
                with_target(ended(PeerEnd::Unmet), |target| {
                    target.end = TargetEnd::Refused("no such key".into());
                }),
                Fail,
                Some(RefusedValid),
            ),
            (
                "a refusal above TLS",
                ended(PeerEnd::RefusedAboveTls("HTTP 400".into())),
                Fail,
                Some(RefusedValid),
            ),
            (
                "a target that broke the protocol",
                ended(PeerEnd::Misbehaved("out of order".into())),
                Fail,
                Some(RefusedValid),
            ),
            (
                "nothing in common",
                ended(PeerEnd::NothingInCommon("no scheme".into())),
                Unsupported,
                None,
            ),
            (
                "a client that cannot",
                with_target(ended(PeerEnd::Unmet), |target| {
                    target.end = TargetEnd::Unsupported("no IPv6".into());
                }),
                Unsupported,
                None,
            ),
            (
                "a client that could not be run",
                with_target(ended(PeerEnd::Unmet), |target| {
                    target.end = TargetEnd::Broken("no such program".into());
                }),
                Broken,
                None,
            ),
            (
                "a client that says it was not served",
                with_target(exchanged(), |target| {
                    target.end = TargetEnd::Refused("exit status: 1".into());
                }),
                Fail,
                Some(RefusedValid),
            ),
            ("nobody to meet", ended(PeerEnd::Unmet), Broken, None),
            (
                "the peer's own failure",
                ended(PeerEnd::Failed("oops".into())),
                Broken,
                None,
            ),
            (
                "the peer's failure, which the target took for a refusal",
                refused(ended(PeerEnd::Failed("oops".into())), None),
                Broken,
                None,
            ),
            (
                "the peer's failure over an alert",
                refused(
                    ended(PeerEnd::Failed("oops".into())),
                    Some(Alert::CertificateExpired),
                ),
                Fail,
                Some(RefusedValid),
            ),
            (
                "what the target cannot do",
                Evidence::Unsupported("no CRLs".into()),
                Unsupported,
                None,
            ),
            (
                "what the harness cannot do",
                Evidence::Broken("no port".into()),
                Broken,
                None,
            ),
        ],
    );
}

#[test]
fn what_must_be_refused_beside_an_accepted_twin() {
    let expectation = expect(
        Outcome::Reject,
        &[Alert::CertificateExpired, Alert::BadCertificate],
    );
    let twin = exchanged();
    check(
        &expectation,
        Some(&twin),
        [
            (
                "the preferred alert",
                alert(Alert::CertificateExpired),
                Pass,
                None,
            ),
            (
                "another proper alert",
                alert(Alert::BadCertificate),
                Pass,
                None,
            ),
            (
                "an improper alert",
                alert(Alert::InternalError),
                Lenient,
                None,
            ),
            (
                "an alert without a name",
                ended(PeerEnd::UnnamedAlert(200)),
                Lenient,
                None,
            ),
            ("a close", ended(PeerEnd::Closed), Lenient, None),
            (
                "a reset that ate the alert",
                ended(PeerEnd::Reset),
                Lenient,
                None,
            ),
            (
                "a reset that ate the alert, which the target says it sent",
                refused(ended(PeerEnd::Reset), Some(Alert::CertificateExpired)),
                Pass,
                None,
            ),
            (
                "the sender's alert outranks the receiver's",
                refused(alert(Alert::BadCertificate), Some(Alert::InternalError)),
                Lenient,
                None,
            ),
            (
                "a handshake complete at the peer, and then the alert",
                shaken(alert(Alert::CertificateExpired)),
                Pass,
                None,
            ),
            ("data both ways", exchanged(), Fail, Some(AcceptedForbidden)),
            (
                "data both ways, and the target cannot tell",
                blind(exchanged()),
                Fail,
                Some(AcceptedForbidden),
            ),
            (
                "the target's data came, and then an alert",
                leaked_out(alert(Alert::CertificateExpired)),
                Fail,
                Some(AcceptedForbidden),
            ),
            (
                "the target took data, and then closed",
                leaked_in(ended(PeerEnd::Closed)),
                Fail,
                Some(AcceptedForbidden),
            ),
            (
                "the target took data, and then hung",
                leaked_in(ended(PeerEnd::TimedOut)),
                Fail,
                Some(AcceptedForbidden),
            ),
            (
                "data both ways, and then a death",
                dead(exchanged()),
                Fail,
                Some(AcceptedForbidden),
            ),
            (
                "silence",
                ended(PeerEnd::TimedOut),
                Hang,
                Some(FailureKind::Hang),
            ),
            (
                "a death",
                dead(ended(PeerEnd::Reset)),
                Crash,
                Some(FailureKind::Crash),
            ),
            (
                "the peer's own failure",
                ended(PeerEnd::Failed("oops".into())),
                Broken,
                None,
            ),
            (
                "the peer's failure, which the target took for a refusal",
                refused(ended(PeerEnd::Failed("oops".into())), None),
                Broken,
                None,
            ),
            (
                "the peer's failure over an alert",
                refused(
                    ended(PeerEnd::Failed("oops".into())),
                    Some(Alert::CertificateExpired),
                ),
                Pass,
                None,
            ),
            (
                "data before the peer had asked for any",
                leaked_out(ended(PeerEnd::Failed("too early".into()))),
                Fail,
                Some(AcceptedForbidden),
            ),
            (
                "a refusal to start",
                Evidence::Observed(Observation::refused_to_start("no".into())),
                Unsupported,
                None,
            ),
            (
                "a client that did not connect",
                with_target(ended(PeerEnd::Unmet), |target| {
                    target.end = TargetEnd::Refused("no such key".into());
                }),
                Unsupported,
                None,
            ),
            (
                "a refusal above TLS",
                ended(PeerEnd::RefusedAboveTls("HTTP 400".into())),
                Lenient,
                None,
            ),
            (
                "a target that broke the protocol",
                ended(PeerEnd::Misbehaved("out of order".into())),
                Lenient,
                None,
            ),
            (
                "nothing in common",
                ended(PeerEnd::NothingInCommon("no scheme".into())),
                Unsupported,
                None,
            ),
            (
                "a client that cannot",
                with_target(ended(PeerEnd::Unmet), |target| {
                    target.end = TargetEnd::Unsupported("no IPv6".into());
                }),
                Unsupported,
                None,
            ),
            (
                "a client that could not be run",
                with_target(ended(PeerEnd::Unmet), |target| {
                    target.end = TargetEnd::Broken("no such program".into());
                }),
                Broken,
                None,
            ),
            (
                "what the target cannot do",
                Evidence::Unsupported("no CRLs".into()),
                Unsupported,
                None,
            ),
            (
                "what the harness cannot do",
                Evidence::Broken("no port".into()),
                Broken,
                None,
            ),
        ],
    );
}
