//! A certificate revocation list, read into what may be asked of it (RFC 5280 section 5).

use std::collections::HashMap;

use super::certificate::{Signed, read_time};
use super::encoding::{
    ENUMERATED, GENERALIZED_TIME, INTEGER, Malformed, Reader, SEQUENCE, UTC_TIME, explicit,
    implicit,
};
use super::extension::split;
use super::name::GeneralName;
use super::refusal::Refusal;
use super::{Bug, Flaws};

/// A list.
#[derive(Clone, Debug)]
pub struct RevocationList {
    /// The name of its issuer, in DER.
    pub issuer: Vec<u8>,
    /// When it was issued.
    pub this_update: i64,
    /// When the next one is due.
    pub next_update: Option<i64>,
    /// The revoked serial numbers, each with its reason code.
    pub entries: HashMap<Vec<u8>, Option<u8>>,
    /// What it is confined to.
    pub scope: Scope,
    /// It lists changes since another list (RFC 5280 section 5.2.4).
    pub is_delta: bool,
    /// A critical extension, of the list or of an entry, is not known.
    pub unknown_critical: bool,
    /// An entry names another issuer (RFC 5280 section 5.3.3).
    pub names_other_issuers: bool,
    /// What the issuer has signed, and how.
    pub signed: Signed,
}

/// An issuing distribution point (RFC 5280 section 5.2.5).
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The names of the distribution point; `None` where the list is not confined to one.
    pub distribution_point: Option<Vec<Vec<u8>>>,
    /// onlyContainsUserCerts.
    pub only_users: bool,
    /// onlyContainsCACerts.
    pub only_authorities: bool,
    /// onlySomeReasons.
    pub only_some_reasons: bool,
    /// indirectCRL.
    pub indirect: bool,
    /// onlyContainsAttributeCerts.
    pub only_attribute_certificates: bool,
}

const CRL_NUMBER: [u8; 3] = [0x55, 0x1d, 20];
const REASON_CODE: [u8; 3] = [0x55, 0x1d, 21];
const INVALIDITY_DATE: [u8; 3] = [0x55, 0x1d, 24];
const DELTA_INDICATOR: [u8; 3] = [0x55, 0x1d, 27];
const ISSUING_DISTRIBUTION_POINT: [u8; 3] = [0x55, 0x1d, 28];
const CERTIFICATE_ISSUER: [u8; 3] = [0x55, 0x1d, 29];
const AUTHORITY_KEY_IDENTIFIER: [u8; 3] = [0x55, 0x1d, 35];

impl RevocationList {
    /// Reads a list.
    ///
    /// # Errors
    /// When it is not DER, or no CertificateList.
    pub fn parse(der: &[u8], flaws: Flaws) -> Result<Self, Refusal> {
        let mut outer = Reader::new(der);
        let mut parts = outer.take(SEQUENCE)?.reader();
        outer.end()?;
        let signed = Signed::read(&mut parts)?;
        parts.end()?;
        let mut fields = Reader::new(&signed.message).take(SEQUENCE)?.reader();
        let version = fields.optional(INTEGER)?;
        let algorithm = fields.take(SEQUENCE)?.content;
        // RFC 5280 section 5.1.1.2.
        if algorithm != signed.algorithm {
            return Err(Refusal::unreadable(
                "the two signature algorithms of the list differ",
            ));
        }
        let issuer = fields.take(SEQUENCE)?.raw.to_vec();
        let this_update = read_time(&mut fields, flaws)?;
        let has_next = matches!(fields.rest().first(), Some(&UTC_TIME | &GENERALIZED_TIME));
        let next_update = if has_next {
            Some(read_time(&mut fields, flaws)?)
        } else {
            None
        };
        let mut list = Self {
            issuer,
            this_update,
            next_update,
            entries: HashMap::new(),
            scope: Scope::default(),
            is_delta: false,
            unknown_critical: false,
            names_other_issuers: false,
            signed: signed.clone(),
        };
        if let Some(entries) = fields.optional(SEQUENCE)? {
            list.read_entries(entries.content, flaws)?;
        }
        if let Some(extensions) = fields.optional(explicit(0))? {
            // RFC 5280 section 5.1.2.1: extensions are of version 2, written as 1.
            if version.is_none_or(|version| version.content != [1]) {
                return Err(Refusal::unreadable("a list of version 1 has extensions"));
            }
            list.read_extensions(extensions.content, flaws)?;
        }
        fields.end()?;
        // A list of version 1 passes, a policy of ours: RFC 5280 section 5.1.2.1 binds issuers.
        Ok(list)
    }

    fn read_entries(&mut self, content: &[u8], flaws: Flaws) -> Result<(), Refusal> {
        let mut entries = Reader::new(content);
        while !entries.is_empty() {
            let mut entry = entries.take(SEQUENCE)?.reader();
            let serial = entry.take(INTEGER)?.content.to_vec();
            // A date in the future revokes too, a policy of ours: nothing is gained by waiting.
            read_time(&mut entry, flaws)?;
            let mut reason = None;
            if let Some(extensions) = entry.optional(SEQUENCE)? {
                for extension in split(extensions.content, flaws)? {
                    if extension.oid == REASON_CODE {
                        reason = Some(read_reason(extension.value)?);
                    } else if extension.oid == CERTIFICATE_ISSUER {
                        self.names_other_issuers = true;
                    } else if extension.oid != INVALIDITY_DATE {
                        self.unknown_critical |= extension.critical;
                    }
                }
            }
            entry.end()?;
            self.entries.insert(serial, reason);
        }
        Ok(())
    }

    fn read_extensions(&mut self, content: &[u8], flaws: Flaws) -> Result<(), Refusal> {
        let mut outer = Reader::new(content);
        let extensions = outer.take(SEQUENCE)?;
        outer.end()?;
        for extension in split(extensions.content, flaws)? {
            if extension.oid == ISSUING_DISTRIBUTION_POINT {
                self.scope = Scope::read(extension.value)?;
            } else if extension.oid == DELTA_INDICATOR {
                self.is_delta = true;
            } else if extension.oid != CRL_NUMBER && extension.oid != AUTHORITY_KEY_IDENTIFIER {
                self.unknown_critical |= extension.critical;
            }
        }
        Ok(())
    }
}

impl Scope {
    fn read(value: &[u8]) -> Result<Self, Malformed> {
        let mut outer = Reader::new(value);
        let mut fields = outer.take(SEQUENCE)?.reader();
        outer.end()?;
        let distribution_point = match fields.optional(explicit(0))? {
            Some(name) => Some(read_point_name(&mut name.reader())?),
            None => None,
        };
        let only_users = read_flag(&mut fields, 1)?;
        let only_authorities = read_flag(&mut fields, 2)?;
        let only_some_reasons = fields.optional(implicit(3))?.is_some();
        let indirect = read_flag(&mut fields, 4)?;
        let only_attribute_certificates = read_flag(&mut fields, 5)?;
        fields.end()?;
        Ok(Self {
            distribution_point,
            only_users,
            only_authorities,
            only_some_reasons,
            indirect,
            only_attribute_certificates,
        })
    }

    /// May the list speak of a certificate with these distribution points (RFC 5280 section 6.3.3
    /// (b)(2))?
    pub fn covers(&self, points: &[Vec<Vec<u8>>], is_authority: bool, flaws: Flaws) -> bool {
        if flaws.has(Bug::IgnoresCrlScope) {
            return true;
        }
        let names_fit = self.distribution_point.as_ref().is_none_or(|names| {
            let mut points: Vec<&Vec<u8>> = points.iter().flatten().collect();
            let mut names: Vec<&Vec<u8>> = names.iter().collect();
            if flaws.has(Bug::ReadsOnlyFirstDistributionPoint) {
                points.truncate(1);
                names.truncate(1);
            }
            names.iter().any(|name| points.contains(name))
        });
        let kind_fits = if is_authority {
            !self.only_users
        } else {
            !self.only_authorities
        };
        // A list of some reasons only cannot say that a certificate is good (RFC 5280 section 6.3.3
        // (d)); it is not used at all here.
        names_fit && kind_fits && !self.only_attribute_certificates && !self.only_some_reasons
    }
}

fn read_flag(fields: &mut Reader<'_>, number: u8) -> Result<bool, Malformed> {
    match fields.optional(implicit(number))? {
        Some(flag) => flag.truth(),
        None => Ok(false),
    }
}

/// The URIs of a DistributionPointName; a name relative to the issuer has none.
fn read_point_name(name: &mut Reader<'_>) -> Result<Vec<Vec<u8>>, Malformed> {
    let choice = name.any()?;
    name.end()?;
    if choice.tag != explicit(0) {
        return Ok(Vec::new());
    }
    let names = GeneralName::read_all(choice.content)?;
    Ok(names
        .into_iter()
        .filter_map(|name| match name {
            GeneralName::Uri(uri) => Some(uri),
            _ => None,
        })
        .collect())
}

fn read_reason(value: &[u8]) -> Result<u8, Malformed> {
    let mut outer = Reader::new(value);
    let reason = outer.take(ENUMERATED)?;
    outer.end()?;
    match reason.content {
        [reason] => Ok(*reason),
        _ => Err(Malformed("a reason code is absurd")),
    }
}
