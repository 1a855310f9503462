//! What a scenario expects: an outcome, and the alerts that are proper for it. Plain data.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What should happen when the peer meets the target.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Expectation {
    /// Accept, reject, or either.
    pub outcome: Outcome,
    /// The alerts that are proper for a refusal, the preferred one first. Empty: any refusal will do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alert: Vec<Alert>,
    /// The identity that the target's application must be given on acceptance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
}

impl Expectation {
    /// This outcome, in any manner.
    pub fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            alert: Vec::new(),
            identity: None,
        }
    }
}

/// The outcomes that a scenario can ask for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Application data must go both ways.
    Accept,
    /// The connection must be refused.
    Reject,
    /// Both are legal; the choice is recorded.
    Policy,
    /// Every call of a story or a fleet must come out as it may at its instant.
    Holds,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accept => "accept",
            Self::Reject => "reject",
            Self::Policy => "policy",
            Self::Holds => "holds",
        })
    }
}

/// The kind of a handshake.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HandshakeKind {
    /// The certificates were sent and verified in it.
    Full,
    /// It resumed an earlier session.
    Resumed,
}

/// How binding a scenario is for a target.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// A requirement: failing it fails the gate.
    Must,
    /// A recommendation: counted apart, unless `--level should`.
    Should,
    /// An observation.
    May,
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let level = [Self::Must, Self::Should, Self::May]
            .into_iter()
            .find(|level| level.to_string() == text);
        level.ok_or_else(|| "write must, should or may".into())
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Must => "must",
            Self::Should => "should",
            Self::May => "may",
        })
    }
}

macro_rules! alerts {
    ($($variant:ident = $number:literal $name:literal,)*) => {
        /// A TLS alert description (RFC 8446 section 6, RFC 7301 section 3.2, and the alerts of
        /// TLS 1.2 that RFC 8446 keeps reserved).
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize, JsonSchema)]
        pub enum Alert {
            $(#[doc = concat!("`", $name, "`, ", stringify!($number), ".")] #[serde(rename = $name)] $variant,)*
        }

        impl Alert {
            /// Every alert that has a name here.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The number on the wire.
            pub fn number(self) -> u8 {
                match self { $(Self::$variant => $number),* }
            }

            /// The name that the RFCs give it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

alerts! {
    CloseNotify = 0 "close_notify",
    UnexpectedMessage = 10 "unexpected_message",
    BadRecordMac = 20 "bad_record_mac",
    RecordOverflow = 22 "record_overflow",
    HandshakeFailure = 40 "handshake_failure",
    NoCertificate = 41 "no_certificate",
    BadCertificate = 42 "bad_certificate",
    UnsupportedCertificate = 43 "unsupported_certificate",
    CertificateRevoked = 44 "certificate_revoked",
    CertificateExpired = 45 "certificate_expired",
    CertificateUnknown = 46 "certificate_unknown",
    IllegalParameter = 47 "illegal_parameter",
    UnknownCa = 48 "unknown_ca",
    AccessDenied = 49 "access_denied",
    DecodeError = 50 "decode_error",
    DecryptError = 51 "decrypt_error",
    ProtocolVersion = 70 "protocol_version",
    InsufficientSecurity = 71 "insufficient_security",
    InternalError = 80 "internal_error",
    InappropriateFallback = 86 "inappropriate_fallback",
    UserCanceled = 90 "user_canceled",
    NoRenegotiation = 100 "no_renegotiation",
    MissingExtension = 109 "missing_extension",
    UnsupportedExtension = 110 "unsupported_extension",
    UnrecognizedName = 112 "unrecognized_name",
    BadCertificateStatusResponse = 113 "bad_certificate_status_response",
    UnknownPskIdentity = 115 "unknown_psk_identity",
    CertificateRequired = 116 "certificate_required",
    NoApplicationProtocol = 120 "no_application_protocol",
}

impl Alert {
    /// The alert with this number on the wire, if it has a name here.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|alert| alert.number() == number)
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
