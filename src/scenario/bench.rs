//! Bench plans: what is measured, in which settings, under which load; plain data read from one TOML file.
//!
//! ```text
//! scenarios/bench/<name>.toml --load--> BenchPlan --expand--> rows, each with its Setting
//! ```
//!
//! A row is one setting in which handshakes are measured. `[setting]` holds for all rows, `[axes]` multiplies
//! them out, and `[[row]]` names single ones. Each row is measured once in each repetition, one row after the
//! other, so that what a machine does meanwhile befalls all of them alike.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::TlsVersion;
use super::span::Span;
use crate::expect::HandshakeKind;
use crate::pki::recipe::KeyKind;

pub use self::load::{built_in, find, parse, read};
pub use self::rows::{Row, row_digest};

mod load;
mod rows;

/// What to measure.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BenchPlan {
    /// The name, from the file's; never written in it.
    #[serde(skip)]
    pub name: String,
    /// The file that it was read from.
    #[serde(skip)]
    pub path: String,
    /// A sentence that says what is learnt from it.
    pub title: String,
    /// What a practitioner decides by it.
    pub why: String,
    /// The name of the row that the others are compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// For how long, and how often.
    #[serde(default)]
    pub measure: Measure,
    /// What holds for every row.
    #[serde(default)]
    pub setting: SettingPlan,
    /// Values that are multiplied out: a row for each combination.
    #[serde(default)]
    pub axes: Axes,
    /// Rows by name.
    #[serde(default, rename = "row")]
    pub rows: Vec<RowPlan>,
}

/// For how long, and how often.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Measure {
    /// How long each row is measured in each repetition.
    pub duration: Span,
    /// How long it runs beforehand, unmeasured.
    pub warm_up: Span,
    /// How often all rows are gone through.
    pub repetitions: u32,
}

impl Default for Measure {
    fn default() -> Self {
        Self {
            duration: Span::seconds(2),
            warm_up: Span::millis(500),
            repetitions: 5,
        }
    }
}

/// A row by name.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RowPlan {
    /// Its name, alone in its file.
    pub name: String,
    /// How it differs from `[setting]`.
    #[serde(default)]
    pub setting: SettingPlan,
}

/// Calls this macro with the keys of a setting: name, axis, type and what they mean.
macro_rules! for_each_key {
    ($macro:ident) => {
        $macro! {
            /// Who shows a certificate: `plaintext` (nobody, and no TLS), `server-only`, `mutual`.
            auth: Authentication = Authentication::Mutual,
            /// The kind of handshake that counts: `full` or `resumed`. Others are counted apart.
            handshake: HandshakeKind = HandshakeKind::Full,
            /// The TLS version.
            tls: TlsVersion = TlsVersion::Tls13,
            /// The kind of every key in both chains.
            key: KeyKind = KeyKind::P256,
            /// The key exchange, pinned.
            group: Group = Group::X25519,
            /// The cipher suite, pinned.
            suite: Suite = Suite::Aes128GcmSha256,
            /// How many certificates a path has, trust anchor included: 2 to 8, for rustls, which calls, follows no longer one.
            depth: u8 = 3,
            /// How many entries the revocation list of the issuing authority has, for those who verify clients; 0 for no list.
            crl_entries: u32 = 0,
            /// How many trust anchors the target's bundle has: 1 to 10000.
            bundle: u32 = 1,
            /// The cryptography of the harness's own end, and of the embedded service: `aws-lc-rs` or `ring`.
            provider: Provider = Provider::AwsLcRs,
            /// How many connections there may be at once. What would be one too many is dropped in an open loop, and counted.
            in_flight: u32 = 256,
            /// When connections begin: `closed` (when another has ended), `"400/s"`, or `"50%"` of what the row reaches in a closed loop.
            arrival: Arrival = Arrival::Share(50),
            /// How a connection ends that was answered: `reset` (SO_LINGER 0) or `fin`.
            close: Close = Close::Reset,
            /// Who else knocks.
            strangers: Strangers = Strangers::None,
            /// What share of all connections is theirs, in hundredths.
            stranger_share: u32 = 0,
            /// What is replaced half-way through: `nothing`, `leaf` or `trust`.
            rotates: Rotation = Rotation::Nothing,
        }
    };
}

macro_rules! settings {
    ($($(#[$doc:meta])* $key:ident: $type:ty = $default:expr,)*) => {
        /// How handshakes are measured in one row: everything that is pinned.
        #[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub struct Setting {
            $($(#[$doc])* pub $key: $type,)*
        }

        /// The keys of a setting that a file says; the rest is as in `[setting]`, or as is usual.
        #[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, JsonSchema)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
        pub struct SettingPlan {
            $($(#[$doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $key: Option<$type>,)*
        }

        /// The values of each key that are multiplied out.
        #[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, JsonSchema)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
        pub struct Axes {
            $($(#[$doc])* #[serde(skip_serializing_if = "Vec::is_empty")] pub $key: Vec<$type>,)*
        }

        impl Default for Setting {
            fn default() -> Self {
                Self { $($key: $default,)* }
            }
        }

        impl Setting {
            /// This setting with what `plan` says.
            #[must_use]
            pub fn with(self, plan: &SettingPlan) -> Self {
                Self { $($key: plan.$key.unwrap_or(self.$key),)* }
            }
        }

        impl SettingPlan {
            /// This plan with what the other says.
            #[must_use]
            pub fn with(&self, other: &Self) -> Self {
                Self { $($key: other.$key.or(self.$key),)* }
            }
        }

        impl Axes {
            /// Without the axes of what this plan says.
            fn drop_those_of(&mut self, plan: &SettingPlan) {
                $(if plan.$key.is_some() { self.$key.clear(); })*
            }

            /// How many combinations there are.
            fn product(&self) -> usize {
                [$(self.$key.len().max(1),)*].into_iter().fold(1, usize::saturating_mul)
            }

            /// Each combination of values, with the words for what was chosen; one without any, where there is
            /// no axis.
            fn combinations(&self) -> Vec<(Vec<String>, SettingPlan)> {
                let mut all = vec![(Vec::new(), SettingPlan::default())];
                $(
                    if !self.$key.is_empty() {
                        all = all
                            .iter()
                            .flat_map(|(words, plan)| {
                                self.$key.iter().map(move |value| {
                                    let mut words = words.clone();
                                    words.push(word_of(stringify!($key), value));
                                    (words, SettingPlan { $key: Some(*value), ..plan.clone() })
                                })
                            })
                            .collect();
                    }
                )*
                all
            }
        }
    };
}

for_each_key!(settings);

/// A value as a part of a row's name: what it is called in files, with the key where a bare number says nothing.
fn word_of(key: &str, value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(value) => format!("{}-{value}", key.replace('_', "-")),
        Err(_) => key.to_owned(),
    }
}

/// Who shows a certificate.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Authentication {
    /// No TLS at all.
    Plaintext,
    /// The server.
    ServerOnly,
    /// Both.
    Mutual,
}

/// A key exchange (RFC 8446 section 4.2.7).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// X25519.
    X25519,
    /// secp256r1, which is P-256.
    Secp256r1,
    /// secp384r1, which is P-384.
    Secp384r1,
    /// X25519 together with ML-KEM-768; TLS 1.3 alone.
    X25519Mlkem768,
}

/// A cipher suite, whose TLS 1.2 form takes the kind of the certificates' keys.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Suite {
    /// AES-128-GCM with SHA-256.
    #[serde(rename = "aes128-gcm-sha256")]
    Aes128GcmSha256,
    /// AES-256-GCM with SHA-384.
    #[serde(rename = "aes256-gcm-sha384")]
    Aes256GcmSha384,
    /// ChaCha20-Poly1305 with SHA-256.
    #[serde(rename = "chacha20-poly1305-sha256")]
    Chacha20Poly1305Sha256,
}

/// A library of cryptography.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// aws-lc-rs.
    AwsLcRs,
    /// ring.
    Ring,
}

/// How a connection ends that was answered.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Close {
    /// By a reset: no port is kept in TIME_WAIT.
    Reset,
    /// By close_notify and FIN.
    Fin,
}

/// Clients that must be refused.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strangers {
    /// Nobody.
    None,
    /// They show no certificate.
    Anonymous,
    /// Theirs has expired.
    Expired,
    /// Theirs comes from an authority that nobody trusts.
    Foreign,
}

/// What is replaced while it runs.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rotation {
    /// Nothing.
    Nothing,
    /// The target's own certificate and key.
    Leaf,
    /// The target's trust anchors: another is added.
    Trust,
}

/// When connections begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrival {
    /// When another has ended: latencies are then those of a system that is never kept waiting.
    Closed,
    /// So many in a second, whatever becomes of them.
    Rate(u32),
    /// The same, as a share of what the row reaches in a closed loop, in hundredths.
    Share(u32),
}

impl FromStr for Arrival {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str, most| {
            let number = text.parse::<u32>().ok();
            number.filter(|number| (1..=most).contains(number))
        };
        let arrival = if text == "closed" {
            Some(Self::Closed)
        } else if let Some(rate) = text.strip_suffix("/s") {
            number(rate, 1_000_000).map(Self::Rate)
        } else if let Some(share) = text.strip_suffix('%') {
            number(share, 1000).map(Self::Share)
        } else {
            None
        };
        arrival.ok_or_else(|| {
            format!("`{text}` is no arrival: write \"closed\", a rate as in \"400/s\", or a share of saturation as in \"50%\"")
        })
    }
}

impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed"),
            Self::Rate(rate) => write!(f, "{rate}/s"),
            Self::Share(share) => write!(f, "{share}%"),
        }
    }
}

impl<'de> Deserialize<'de> for Arrival {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl Serialize for Arrival {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Arrival {
    fn schema_name() -> Cow<'static, str> {
        "Arrival".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "When connections begin: closed, 400/s, 50%",
            "pattern": "^(closed|[0-9]+/s|[0-9]+%)$",
        })
    }
}
