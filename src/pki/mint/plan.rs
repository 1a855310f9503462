//! A plan: all of a certificate but its serial number and signature, encoded once and minted often.
//!
//! rcgen writes the signed part a single time, with a key that signs nothing; the plan keeps what
//! stands before and after the serial number. Minting is then one copy and one signature.

use std::sync::Arc;

use rcgen::{CertificateParams, Issuer, KeyIdMethod, PublicKeyData, SerialNumber};
use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;

use super::super::key::Key;
use super::super::mangle::Signer;
use super::super::mangle::certificate::Certificate;
use super::super::recipe::{Moment, Omission, Recipe};
use super::super::{PkiError, distinguished_name, extension, mangle, tlv};
use super::Minted;
use crate::clock::Clock;

/// All of a certificate but its serial number and signature.
pub(super) struct Plan {
    name: Arc<str>,
    recipe_serial: Option<Vec<u8>>,
    mangles: Vec<mangle::Mangle>,
    version: Vec<u8>,
    after_serial: Vec<u8>,
    algorithm: Vec<u8>,
    key: Arc<Key>,
    signer: Signer,
    subject: Arc<[u8]>,
    spki: Arc<[u8]>,
    issuer: Arc<str>,
}

/// What a plan needs to know of the issuer.
pub(super) struct IssuerView<'a> {
    pub(super) name: &'a Arc<str>,
    /// The issuer's name as its own certificate writes it; `None` where the certificate is its own
    /// issuer.
    pub(super) subject: Option<&'a [u8]>,
    /// The issuer's recipe, for its subject key identifier.
    pub(super) recipe: &'a Recipe,
    pub(super) key: &'a Arc<Key>,
}

impl Plan {
    pub(super) fn new(
        name: &Arc<str>,
        recipe: &Recipe,
        key: Arc<Key>,
        issuer: &IssuerView<'_>,
        clock: &Clock,
    ) -> Result<Self, PkiError> {
        let signer = Signer::new(Arc::clone(issuer.key), recipe.signature);
        let algorithm = signer.algorithm().map_err(|reason| wrong(name, &reason))?;
        let parts = parts(recipe, &key, issuer, clock, &algorithm)
            .map_err(|reason| wrong(name, &reason))?;
        let serial = recipe.serial.as_deref().map(parse_serial).transpose();
        Ok(Self {
            name: Arc::clone(name),
            recipe_serial: serial.map_err(|reason| wrong(name, &reason))?,
            mangles: recipe.mangle.clone().unwrap_or_default(),
            version: parts.version.clone(),
            after_serial: parts.after_serial(),
            algorithm,
            signer,
            subject: parts.subject.into(),
            spki: Arc::clone(key.spki_der()),
            key,
            issuer: Arc::clone(issuer.name),
        })
    }

    /// Mints the certificate; `serial` is asked for a number where the recipe has none.
    pub(super) fn mint(&self, serial: impl FnOnce() -> [u8; 16]) -> Result<Minted, PkiError> {
        let drawn;
        let magnitude = match &self.recipe_serial {
            Some(serial) => serial.as_slice(),
            None => {
                drawn = positive(serial());
                &drawn
            }
        };
        let integer = tlv::integer(magnitude);
        let signed_part = tlv::sequence(&[&self.version, &integer, &self.after_serial]);
        let signature = self.signer.sign(&signed_part)?;
        let der = tlv::sequence(&[&signed_part, &self.algorithm, &tlv::bit_string(&signature)]);
        let mut minted = Minted {
            // Serial numbers are short: the tag and the length take an octet each.
            serial: integer[2..].to_vec(),
            subject: Arc::clone(&self.subject),
            spki: Arc::clone(&self.spki),
            key: Arc::clone(&self.key),
            issuer: Arc::clone(&self.issuer),
            certificates: Vec::new(),
            der: CertificateDer::from(der),
        };
        if !self.mangles.is_empty() {
            self.mangle(&mut minted)?;
        }
        minted.certificates.push(minted.der.clone());
        Ok(minted)
    }

    fn mangle(&self, minted: &mut Minted) -> Result<(), PkiError> {
        let mut der = minted.der.to_vec();
        for mangle in &self.mangles {
            der = mangle::apply(mangle, &der, &self.key, &self.signer)
                .map_err(|reason| wrong(&self.name, &reason))?;
            // What the certificate says now is what CRLs and the certificates below it go by; a
            // mangle that leaves no certificate leaves what was said before it.
            if let Ok(parts) = Certificate::parse(&der) {
                minted.serial = tlv::element(&parts.serial)
                    .map(|serial| serial.content.to_vec())
                    .unwrap_or_default();
                minted.subject = parts.subject.into();
                minted.spki = parts.spki.into();
            }
        }
        minted.der = der.into();
        Ok(())
    }
}

/// The certificate as rcgen writes it, with the names and the algorithm put in place.
fn parts(
    recipe: &Recipe,
    key: &Key,
    issuer: &IssuerView<'_>,
    clock: &Clock,
    algorithm: &[u8],
) -> Result<Certificate, String> {
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from_slice(&[1]));
    params.not_before = date(recipe.not_before.unwrap_or(PRESENT), clock)?;
    params.not_after = date(recipe.not_after.unwrap_or(PRESENT), clock)?;
    params.use_authority_key_identifier_extension = !recipe.omits(Omission::Aki);
    let rdns = recipe.subject.as_deref().unwrap_or_default();
    extension::write(&mut params, recipe, key.identifier(), rdns.is_empty())?;

    let authority_identifier = match &recipe.aki {
        Some(hex) => tlv::parse_hex(hex)?,
        None => subject_key_identifier(issuer.recipe, issuer.key)?,
    };
    let mut issuer_params = CertificateParams::default();
    issuer_params.key_identifier_method = KeyIdMethod::PreSpecified(authority_identifier);
    let blank = Issuer::new(issuer_params, Blank(key.algorithm()));
    let drafted = params
        .signed_by(key, &blank)
        .map_err(|error| error.to_string())?;

    let mut parts = Certificate::parse(drafted.der())?;
    parts.inner_algorithm = algorithm.to_vec();
    parts.subject = distinguished_name::encode(rdns)?;
    parts.issuer = match issuer.subject {
        Some(subject) => subject.to_vec(),
        None => parts.subject.clone(),
    };
    Ok(parts)
}

/// The subject key identifier that an entry's recipe and key give it.
pub(in super::super) fn subject_key_identifier(
    recipe: &Recipe,
    key: &Key,
) -> Result<Vec<u8>, String> {
    match &recipe.ski {
        Some(hex) => tlv::parse_hex(hex),
        None => Ok(key.identifier().to_vec()),
    }
}

/// A recipe's moment as a date that X.509 can write.
pub(in super::super) fn date(moment: Moment, clock: &Clock) -> Result<OffsetDateTime, String> {
    let unix = moment.at(clock.unix());
    OffsetDateTime::from_unix_timestamp(unix)
        .ok()
        .filter(|date| (0..10_000).contains(&date.year()))
        .ok_or_else(|| {
            format!("the Unix time {unix} is outside the years 0 to 9999 that X.509 can write")
        })
}

fn parse_serial(text: &str) -> Result<Vec<u8>, String> {
    let padded = if text.len() % 2 == 1 {
        format!("0{text}")
    } else {
        text.to_owned()
    };
    let magnitude = tlv::parse_hex(&padded)?;
    if magnitude.is_empty() || magnitude.len() > 100 {
        return Err(
            "a serial number has 1 to 100 octets; mangle = [{ serial = \"\" }] writes an empty one"
                .into(),
        );
    }
    Ok(magnitude)
}

/// Sixteen octets as a positive number of sixteen octets (RFC 5280 section 4.1.2.2).
fn positive(mut octets: [u8; 16]) -> [u8; 16] {
    octets[0] = octets[0] & 0x7f | 0x40;
    octets
}

/// What stands where neither the recipe nor the baseline says a time; the baseline always does.
const PRESENT: Moment = Moment::Relative(0);

fn wrong(name: &str, reason: &str) -> PkiError {
    PkiError::Recipe {
        entry: name.into(),
        reason: reason.into(),
    }
}

/// A key that signs nothing: rcgen cannot write a certificate without asking for a signature.
struct Blank(&'static rcgen::SignatureAlgorithm);

impl PublicKeyData for Blank {
    fn der_bytes(&self) -> &[u8] {
        &[]
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        self.0
    }
}

impl rcgen::SigningKey for Blank {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(Vec::new())
    }
}
