//! The extensions of a certificate, each read into what the verifier asks of it.

use x509_parser::extensions::{
    BasicConstraints, CRLDistributionPoints, DistributionPointName, ExtendedKeyUsage,
    GeneralName as ParsedName, KeyUsage,
};
use x509_parser::prelude::FromDer;

use super::constraints::NameConstraints;
use super::encoding::{
    BOOLEAN, INTEGER, Malformed, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE, check, repaired,
};
use super::name::GeneralName;
use super::refusal::Refusal;
use super::{Bug, Flaws};

/// What the extensions of one certificate say.
#[derive(Clone, Debug, Default)]
pub struct Extensions {
    /// Basic constraints (RFC 5280 section 4.2.1.9).
    pub basic_constraints: Option<BasicConstraints>,
    /// Key usage (RFC 5280 section 4.2.1.3).
    pub key_usage: Option<KeyUsage>,
    /// Extended key usage (RFC 5280 section 4.2.1.12).
    pub purposes: Option<Purposes>,
    /// Subject alternative names (RFC 5280 section 4.2.1.6).
    pub names: Vec<GeneralName>,
    /// Name constraints (RFC 5280 section 4.2.1.10).
    pub name_constraints: Option<NameConstraints>,
    /// The URIs of each CRL distribution point (RFC 5280 section 4.2.1.13).
    pub distribution_points: Vec<Vec<Vec<u8>>>,
    /// The TLS feature extension asks for status_request (RFC 7633).
    pub must_staple: bool,
    /// A critical extension that the verifier does not process.
    pub unknown_critical: bool,
    /// Any extension that the verifier does not process.
    pub unknown: bool,
}

/// The purposes of an extended key usage that matter here.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Purposes {
    /// id-kp-serverAuth.
    pub server: bool,
    /// id-kp-clientAuth.
    pub client: bool,
    /// id-kp-OCSPSigning.
    pub ocsp_signing: bool,
    /// anyExtendedKeyUsage.
    pub any: bool,
}

/// One extension as it is written.
#[derive(Clone, Copy, Debug)]
pub struct RawExtension<'a> {
    /// The contents octets of its OID.
    pub oid: &'a [u8],
    /// Is it critical?
    pub critical: bool,
    /// What is inside its OCTET STRING.
    pub value: &'a [u8],
}

/// Reads the elements of an Extensions.
///
/// # Errors
/// When they are malformed, none, or one of them is there twice (RFC 5280 section 4.2).
pub fn split(content: &[u8], flaws: Flaws) -> Result<Vec<RawExtension<'_>>, Refusal> {
    let mut extensions: Vec<RawExtension<'_>> = Vec::new();
    let mut reader = Reader::new(content);
    while !reader.is_empty() {
        let mut fields = reader.take(SEQUENCE)?.reader();
        let oid = fields.take(OBJECT_IDENTIFIER)?.content;
        // An explicit FALSE, which DER would leave out, passes: a policy of ours, as most have it.
        let critical = match fields.optional(BOOLEAN)? {
            Some(critical) => critical.truth()?,
            None => false,
        };
        let value = fields.take(OCTET_STRING)?.content;
        fields.end()?;
        let twice = extensions.iter().any(|extension| extension.oid == oid);
        if twice && !flaws.has(Bug::IgnoresDuplicateExtensions) {
            return Err(Refusal::unreadable("an extension is there twice"));
        }
        extensions.push(RawExtension {
            oid,
            critical,
            value,
        });
    }
    if extensions.is_empty() {
        return Err(Refusal::unreadable("the list of extensions is empty"));
    }
    Ok(extensions)
}

/// The contents octets of the OIDs below id-ce (2.5.29) and id-pe (1.3.6.1.5.5.7.1).
const fn ce(last: u8) -> [u8; 3] {
    [0x55, 0x1d, last]
}
const fn pe(last: u8) -> [u8; 8] {
    [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, last]
}

const SUBJECT_KEY_IDENTIFIER: [u8; 3] = ce(14);
const KEY_USAGE: [u8; 3] = ce(15);
const SUBJECT_ALT_NAME: [u8; 3] = ce(17);
const BASIC_CONSTRAINTS: [u8; 3] = ce(19);
const NAME_CONSTRAINTS: [u8; 3] = ce(30);
const CRL_DISTRIBUTION_POINTS: [u8; 3] = ce(31);
const CERTIFICATE_POLICIES: [u8; 3] = ce(32);
const AUTHORITY_KEY_IDENTIFIER: [u8; 3] = ce(35);
const EXT_KEY_USAGE: [u8; 3] = ce(37);
const AUTHORITY_INFORMATION_ACCESS: [u8; 8] = pe(1);
const TLS_FEATURE: [u8; 8] = pe(24);

impl Extensions {
    /// Reads the elements of an Extensions.
    ///
    /// # Errors
    /// When one that the verifier knows cannot be read. Criticality is judged later: it matters
    /// only for certificates that end up in the path.
    pub fn read(content: &[u8], flaws: Flaws) -> Result<Self, Refusal> {
        let mut read = Self::default();
        for extension in split(content, flaws)? {
            read.add(extension, flaws)?;
        }
        Ok(read)
    }

    fn add(&mut self, extension: RawExtension<'_>, flaws: Flaws) -> Result<(), Refusal> {
        let RawExtension {
            oid,
            critical,
            value,
        } = extension;
        let known: &[&[u8]] = &[
            &KEY_USAGE,
            &SUBJECT_ALT_NAME,
            &BASIC_CONSTRAINTS,
            &NAME_CONSTRAINTS,
            &CRL_DISTRIBUTION_POINTS,
            &EXT_KEY_USAGE,
            &TLS_FEATURE,
        ];
        let plain;
        let value = if !known.contains(&oid) {
            value
        } else if flaws.has(Bug::AcceptsNonDer) {
            plain = repaired(value)?;
            &plain
        } else {
            check(value)?;
            value
        };
        if oid == KEY_USAGE {
            self.key_usage = Some(whole(value)?);
        } else if oid == BASIC_CONSTRAINTS {
            self.basic_constraints = Some(whole(value)?);
        } else if oid == EXT_KEY_USAGE {
            self.purposes = read_purposes(value, flaws)?;
        } else if oid == SUBJECT_ALT_NAME {
            self.names = read_names(value, flaws)?;
        } else if oid == NAME_CONSTRAINTS {
            // A constraint that is not critical binds too: RFC 5280 section 4.2.1.10 has it
            // critical always, and one that was meant must not be lost with the mark.
            if critical || !flaws.has(Bug::IgnoresNonCriticalConstraints) {
                self.name_constraints = Some(NameConstraints::read(value)?);
            }
        } else if oid == CRL_DISTRIBUTION_POINTS {
            self.distribution_points = read_distribution_points(value)?;
        } else if oid == TLS_FEATURE {
            self.must_staple = read_features(value)?;
        } else {
            // Hints and labels: there is nothing in them for this verifier to enforce. Policy
            // constraints, policy mappings and inhibitAnyPolicy are not among them: they are not
            // processed, and RFC 5280 section 4.2 refuses them where they are critical.
            let harmless: &[&[u8]] = &[
                &SUBJECT_KEY_IDENTIFIER,
                &AUTHORITY_KEY_IDENTIFIER,
                &CERTIFICATE_POLICIES,
                &AUTHORITY_INFORMATION_ACCESS,
            ];
            let unknown = !harmless.contains(&oid);
            self.unknown |= unknown;
            self.unknown_critical |= unknown && critical;
        }
        Ok(())
    }

    /// Is the subject an authority?
    pub fn is_authority(&self) -> bool {
        self.basic_constraints
            .as_ref()
            .is_some_and(|constraints| constraints.ca)
    }
}

/// Reads a value that must fill its OCTET STRING.
fn whole<'a, T: FromDer<'a, x509_parser::error::X509Error>>(value: &'a [u8]) -> Result<T, Refusal> {
    match T::from_der(value) {
        Ok(([], read)) => Ok(read),
        _ => Err(Refusal::unreadable("an extension cannot be read")),
    }
}

fn read_purposes(value: &[u8], flaws: Flaws) -> Result<Option<Purposes>, Refusal> {
    let usage: ExtendedKeyUsage<'_> = whole(value)?;
    let purposes = Purposes {
        server: usage.server_auth,
        client: usage.client_auth,
        ocsp_signing: usage.ocsp_signing,
        any: usage.any,
    };
    let listed = Reader::new(value).take(SEQUENCE)?;
    if listed.content.is_empty() {
        // RFC 5280 section 4.2.1.12: SIZE (1..MAX).
        return if flaws.has(Bug::ReadsEmptyEkuAsAny) {
            Ok(None)
        } else {
            Err(Refusal::unreadable("the extended key usage lists nothing"))
        };
    }
    Ok(Some(purposes))
}

fn read_names(value: &[u8], flaws: Flaws) -> Result<Vec<GeneralName>, Refusal> {
    let mut reader = Reader::new(value);
    let names = reader.take(SEQUENCE)?;
    reader.end()?;
    let names = GeneralName::read_all(names.content)?;
    super::name::check_syntax(&names, flaws)?;
    Ok(names)
}

fn read_distribution_points(value: &[u8]) -> Result<Vec<Vec<Vec<u8>>>, Refusal> {
    let points: CRLDistributionPoints<'_> = whole(value)?;
    Ok(points
        .iter()
        .map(|point| match &point.distribution_point {
            // A list that another authority issues (cRLIssuer) is none of ours to use.
            Some(DistributionPointName::FullName(names)) if point.crl_issuer.is_none() => names
                .iter()
                .filter_map(|name| match name {
                    ParsedName::URI(uri) => Some(uri.as_bytes().to_vec()),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        })
        .collect())
}

/// Does a TLS feature extension (RFC 7633 section 4.1) list status_request (5)?
fn read_features(value: &[u8]) -> Result<bool, Malformed> {
    const STATUS_REQUEST: &[u8] = &[5];
    let mut outer = Reader::new(value);
    let mut features = outer.take(SEQUENCE)?.reader();
    outer.end()?;
    let mut found = false;
    while !features.is_empty() {
        found |= features.take(INTEGER)?.content == STATUS_REQUEST;
    }
    Ok(found)
}
