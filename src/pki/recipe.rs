//! Recipes: what a certificate, a CRL or a stapled response should be, as plain data.
//!
//! A recipe is what a scenario file writes; [`mint`](super::mint) turns it into DER and
//! `mangle` breaks the DER on purpose. Every field is optional: a field that is
//! absent keeps what the baseline (or the entry named by `like`) has.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The certificates of a scenario by name; `root`, `issuing`, `target` and `peer` are always there.
pub type Recipes = BTreeMap<String, Recipe>;

/// The declarative description of one certificate and its key.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Recipe {
    /// The baseline entry that this one starts from: `root`, `issuing`, `target` or `peer`.
    /// Required for every name that is not itself one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub like: Option<String>,
    /// The name of the authority that signs it; its own name makes it self-signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The kind of key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyKind>,
    /// Share the key of another entry: a re-issued or cross-signed authority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_of: Option<String>,
    /// How the issuer signs; by default what fits the issuer's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<SignatureKind>,
    /// The distinguished name, one `TYPE=value` per RDN: `["O=Gauntlet", "CN=peer"]`.
    /// `CN(printable)=x` chooses the string type (`utf8`, `printable`, `ia5`, `teletex`, `bmp`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Vec<String>>,
    /// Subject alternative names: `a.example`, `127.0.0.1`, `spiffe://a/b`, `a@b.example`;
    /// a `dns:`, `ip:`, `uri:` or `email:` in front says the type where a guess would be wrong,
    /// `dns-hex:` gives the raw bytes of a dNSName, and `other:` writes an otherName (a UPN).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
    /// Add this many further DNS names, `filler-0.gauntlet.test` and so on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filler_names: Option<u32>,
    /// Mark the subject alternative name extension critical; by default where the subject is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub names_critical: Option<bool>,
    /// When it becomes valid: relative to the run's clock (`"-1d"`, `"+90s"`, `"0s"`) or absolute
    /// (`"2050-01-01T00:00:00Z"`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Moment>,
    /// The last second in which it is valid (inclusive, RFC 5280 section 4.1.2.5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Moment>,
    /// The serial number's magnitude in hexadecimal; by default drawn from the seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Basic constraints: is it an authority?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<bool>,
    /// Basic constraints: the path length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_len: Option<u8>,
    /// Mark basic constraints critical; true unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic_constraints_critical: Option<bool>,
    /// Key usages; an empty list writes a BIT STRING with no bit set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_usage: Option<Vec<KeyUsage>>,
    /// Extended key usages: `server-auth`, `client-auth`, `any`, `code-signing`, `ocsp-signing`
    /// or a dotted OID. By default the one that the party's role asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eku: Option<Vec<String>>,
    /// Mark the extended key usage extension critical.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eku_critical: Option<bool>,
    /// Name constraints (RFC 5280 section 4.2.1.10).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_constraints: Option<NameConstraints>,
    /// The subject key identifier in hexadecimal; by default derived from the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ski: Option<String>,
    /// The authority key identifier in hexadecimal; by default the issuer's subject key identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aki: Option<String>,
    /// URIs of a single CRL distribution point.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crl_distribution_point: Option<Vec<String>>,
    /// The URI of the issuer's certificate (authority information access, caIssuers).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_issuers: Option<String>,
    /// Add the TLS feature extension with status_request (RFC 7633).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub must_staple: Option<bool>,
    /// Certificate policies, as dotted OIDs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policies: Option<Vec<String>>,
    /// Further extensions, written as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extensions: Option<Vec<Extension>>,
    /// Extensions that the entry would have and shall not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub omit: Option<Vec<Omission>>,
    /// The entry stands for this many authorities in a row: `name-1` under `issuer`, and so on;
    /// the name itself is the last, and presenting it presents them all, last first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<u16>,
    /// The entry stands for this many certificates with the same subject and key; presenting it
    /// presents them all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copies: Option<u16>,
    /// What is broken on purpose, in this order, once the certificate is minted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mangle: Option<Vec<Mangle>>,
}

impl Recipe {
    /// This recipe laid over `base`: what it does not say, `base` says.
    pub fn over(&self, base: &Self) -> Self {
        macro_rules! either {
            ($($field:ident),* $(,)?) => {
                Self { $($field: self.$field.clone().or_else(|| base.$field.clone())),* }
            };
        }
        either!(
            like,
            issuer,
            key,
            key_of,
            signature,
            subject,
            names,
            filler_names,
            names_critical,
            not_before,
            not_after,
            serial,
            ca,
            path_len,
            basic_constraints_critical,
            key_usage,
            eku,
            eku_critical,
            name_constraints,
            ski,
            aki,
            crl_distribution_point,
            ca_issuers,
            must_staple,
            policies,
            extensions,
            omit,
            chain,
            copies,
            mangle,
        )
    }

    /// Is it described as an authority?
    pub fn is_authority(&self) -> bool {
        self.ca == Some(true)
    }

    /// Is `extension` left out?
    pub fn omits(&self, extension: Omission) -> bool {
        self.omit
            .as_ref()
            .is_some_and(|list| list.contains(&extension))
    }
}

/// A kind of key pair.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum KeyKind {
    /// ECDSA on P-256: the default.
    P256,
    /// ECDSA on P-384.
    P384,
    /// ECDSA on P-521.
    P521,
    /// Ed25519 (RFC 8410).
    Ed25519,
    /// RSA, 1024 bits: too weak (RFC 9325 section 4.5).
    Rsa1024,
    /// RSA, 2048 bits.
    Rsa2048,
    /// RSA, 3072 bits.
    Rsa3072,
    /// RSA, 4096 bits.
    Rsa4096,
    /// ML-DSA-44 (RFC 9881).
    MlDsa44,
    /// ML-DSA-65 (RFC 9881).
    MlDsa65,
    /// ML-DSA-87 (RFC 9881).
    MlDsa87,
}

impl KeyKind {
    /// Is it an RSA key of some size?
    pub fn is_rsa(self) -> bool {
        matches!(
            self,
            Self::Rsa1024 | Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096
        )
    }

    /// Does it sign with ECDSA?
    pub fn is_ecdsa(self) -> bool {
        matches!(self, Self::P256 | Self::P384 | Self::P521)
    }
}

/// How an issuer signs, where it is not what its key kind suggests.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SignatureKind {
    /// RSA PKCS#1 v1.5 with MD5; the issuer's key must be RSA.
    RsaMd5,
    /// RSA PKCS#1 v1.5 with SHA-1; the issuer's key must be RSA.
    RsaSha1,
    /// RSA PKCS#1 v1.5 with SHA-256.
    RsaSha256,
    /// RSA PKCS#1 v1.5 with SHA-384.
    RsaSha384,
    /// RSA PKCS#1 v1.5 with SHA-512.
    RsaSha512,
    /// RSASSA-PSS with SHA-256 and a salt of 32 octets (RFC 4055).
    RsaPssSha256,
    /// RSASSA-PSS with SHA-256 and a salt of 20 octets: legal, unusual, often refused.
    RsaPssShortSalt,
}

/// A key usage bit (RFC 5280 section 4.2.1.3).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyUsage {
    /// Bit 0.
    DigitalSignature,
    /// Bit 1, also called nonRepudiation.
    ContentCommitment,
    /// Bit 2.
    KeyEncipherment,
    /// Bit 3.
    DataEncipherment,
    /// Bit 4.
    KeyAgreement,
    /// Bit 5.
    KeyCertSign,
    /// Bit 6.
    CrlSign,
}

/// An extension that a recipe leaves out.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Omission {
    /// Subject alternative name.
    Names,
    /// Extended key usage.
    Eku,
    /// Key usage.
    KeyUsage,
    /// Basic constraints.
    BasicConstraints,
    /// Subject key identifier.
    Ski,
    /// Authority key identifier.
    Aki,
}

/// An extension written as it stands.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Extension {
    /// The dotted OID.
    pub oid: String,
    /// Is it critical? False unless said.
    #[serde(default)]
    pub critical: bool,
    /// The content of extnValue in hexadecimal (the octets inside the OCTET STRING).
    #[serde(default)]
    pub value: String,
    /// Pad the value with this many zero octets.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub padding: u32,
    /// Wrap the value in this many nested SEQUENCEs.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub nesting: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The name constraints extension.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct NameConstraints {
    /// Permitted subtrees: `dns:example.com`, `ip:10.0.0.0/8`, `email:example.com`,
    /// `uri:example.com`, `dn:O=Gauntlet`, `other:` (an otherName).
    pub permitted: Vec<String>,
    /// Excluded subtrees, written alike.
    pub excluded: Vec<String>,
    /// Add this many further excluded DNS subtrees.
    #[serde(skip_serializing_if = "is_zero")]
    pub filler: u32,
    /// Mark it critical; true unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub critical: Option<bool>,
}

/// One way of breaking a certificate's DER. Unless it says otherwise the result is signed again,
/// so that the named defect is the only one.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mangle {
    /// Write this version number (1, 2, 3, or one that does not exist); 1 leaves the field out.
    Version(u8),
    /// Remove the extensions, all of them.
    DropExtensions,
    /// Write these octets (hexadecimal) as the content of the serial INTEGER: `"80"` is negative,
    /// `""` is empty, `"0001"` is padded.
    Serial(String),
    /// Write the named extension twice: a dotted OID.
    DuplicateExtension(String),
    /// Name another algorithm in the outer signatureAlgorithm than in the signed part.
    SignatureAlgorithmMismatch,
    /// Write a NULL parameter (ECDSA, Ed25519) or leave it out (RSA) in both algorithm fields.
    SignatureParameters,
    /// Flip one bit of the signature; not signed again.
    FlipSignature,
    /// Flip one bit of the subject public key inside the signed part; not signed again.
    FlipSigned,
    /// Put an ECDSA signature with r = s = 0 in place of the real one (CVE-2022-21449).
    ZeroSignature,
    /// Make the signature an empty BIT STRING.
    EmptySignature,
    /// Keep only this many octets of the certificate; a negative number cuts off the end.
    Truncate(i32),
    /// Append these octets (hexadecimal) after the certificate.
    Trailing(String),
    /// Replace the certificate by these octets (hexadecimal).
    Replace(String),
    /// Write the outermost SEQUENCE with an indefinite length (BER).
    IndefiniteLength,
    /// Write the signed part's length in a longer form than needed (BER).
    NonMinimalLength,
    /// Write `critical FALSE` where DER leaves the default out.
    ExplicitDefault,
    /// Encode `critical TRUE` as 0x01 where DER asks for 0xFF.
    LooseBoolean,
    /// Write notBefore as this text: `utc:5001010000Z`, `generalized:20300101000000.5Z`.
    NotBefore(String),
    /// Write notAfter as this text.
    NotAfter(String),
    /// Put another kind of public key in place of the real one.
    PublicKey(PublicKey),
    /// Write this issuer name whatever the issuer is called; RDNs as in `subject`.
    Issuer(Vec<String>),
    /// Write the subject as this raw DER (hexadecimal).
    Subject(String),
    /// Write a subject of this many RDNs.
    ManyRdns(u32),
}

/// A public key that no pooled key pair has.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PublicKey {
    /// A DSA key (RFC 3279), which TLS 1.3 has no scheme for.
    Dsa,
    /// ECDSA on P-224.
    P224,
    /// ECDSA on P-192.
    P192,
    /// P-256 by explicit parameters instead of the curve's name (CVE-2020-0601).
    ExplicitCurve,
    /// An algorithm identifier that nobody knows.
    UnknownAlgorithm,
    /// The same RSA key under id-RSASSA-PSS (RFC 4055).
    RsaPss,
    /// An RSA modulus of 16384 bits.
    Rsa16384,
    /// A P-256 point that is not on the curve.
    OffCurve,
}

/// The certificate revocation lists of a scenario by name; the name is the issuer unless
/// `issuer` says otherwise.
pub type CrlRecipes = BTreeMap<String, CrlRecipe>;

/// The description of one CRL.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct CrlRecipe {
    /// The authority whose CRL it says it is; by default the table's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The entry whose key signs it; by default the issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// The entries that it revokes.
    pub revokes: Vec<String>,
    /// Revoke this many further serial numbers that belong to nobody.
    #[serde(skip_serializing_if = "is_zero")]
    pub filler: u32,
    /// thisUpdate; one hour ago by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub this_update: Option<Moment>,
    /// nextUpdate; in seven days by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_update: Option<Moment>,
    /// The revocation date of each entry; one hour ago by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocation_date: Option<Moment>,
    /// The reason of each entry, as its number (RFC 5280 section 5.3.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<u8>,
    /// The CRL number; 1 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// Leave the CRL number out.
    pub omit_number: bool,
    /// Mark the CRL number critical, which RFC 5280 section 5.2.3 forbids.
    pub number_critical: bool,
    /// Make it a delta CRL against this base number (critical, RFC 5280 section 5.2.4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delta_base: Option<u64>,
    /// URIs of an issuing distribution point: this is one partition of a CRL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distribution_point: Option<Vec<String>>,
    /// What the issuing distribution point says it is confined to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<CrlScope>,
    /// Say indirectCRL in the issuing distribution point.
    pub indirect: bool,
    /// Name the issuer of the entry of this name in each CRL entry (certificateIssuer, critical).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_issuer: Option<String>,
    /// Further CRL extensions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Extension>,
    /// Further extensions of each CRL entry.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entry_extensions: Vec<Extension>,
    /// Write it as a version 1 CRL, with no extensions at all.
    pub version1: bool,
    /// Flip one bit of its signature.
    pub flip_signature: bool,
    /// Replace it by these octets (hexadecimal): a file that is not a CRL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replace: Option<String>,
}

/// What a CRL is confined to by its issuing distribution point (RFC 5280 section 5.2.5).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CrlScope {
    /// onlyContainsUserCerts.
    EndEntities,
    /// onlyContainsCACerts.
    Authorities,
    /// onlyContainsAttributeCerts.
    AttributeCertificates,
}

/// The description of an OCSP response that the peer staples.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct OcspRecipe {
    /// What it says of the certificate; `good` by default.
    pub status: OcspStatus,
    /// The entry it is about; by default the peer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The entry that signs it; by default the certificate's issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// thisUpdate; one hour ago by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub this_update: Option<Moment>,
    /// nextUpdate; in one day by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_update: Option<Moment>,
    /// Flip one bit of its signature.
    pub flip_signature: bool,
    /// Replace it by these octets (hexadecimal).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replace: Option<String>,
}

/// What an OCSP response says (RFC 6960 sections 2.2 and 2.3).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OcspStatus {
    /// Not revoked.
    #[default]
    Good,
    /// Revoked.
    Revoked,
    /// The responder does not know the certificate.
    Unknown,
    /// The responder gave no answer: responseStatus tryLater.
    TryLater,
}

/// A point in time as a recipe writes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Moment {
    /// Seconds from the run's clock.
    Relative(i64),
    /// Seconds since 1970-01-01T00:00:00Z.
    Absolute(i64),
}

impl Moment {
    /// The Unix time of this moment for a run whose clock shows `now`.
    pub fn at(self, now: i64) -> i64 {
        match self {
            Self::Relative(seconds) => now.saturating_add(seconds),
            Self::Absolute(seconds) => seconds,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
            return Some(Self::Absolute(timestamp.as_second()));
        }
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            "y" => 365 * 86_400,
            _ => return None,
        };
        let number: i64 = number.parse().ok()?;
        Some(Self::Relative(number.checked_mul(seconds)?))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Relative(seconds) => {
                let (size, unit) = [(86_400, "d"), (3600, "h"), (60, "m")]
                    .into_iter()
                    .find(|(size, _)| seconds != 0 && seconds % size == 0)
                    .unwrap_or((1, "s"));
                write!(f, "{:+}{unit}", seconds / size)
            }
            Self::Absolute(seconds) => match jiff::Timestamp::from_second(seconds) {
                Ok(timestamp) => write!(f, "{timestamp}"),
                Err(_) => write!(f, "{seconds}"),
            },
        }
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{text}` is not a time: write an offset from now such as \"-1d\", \"+90s\" or \
                 \"0s\" (units s, m, h, d, y), or a date such as \"2050-01-01T00:00:00Z\""
            ))
        })
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Moment {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "An offset from the run's clock (\"-1d\") or a date (\"2050-01-01T00:00:00Z\")."
        })
    }
}
