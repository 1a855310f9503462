//! Revocation: CRLs and OCSP responses from their recipes.
//!
//! Both are written here octet by octet: scenarios ask for scopes, deltas, indirect entries and
//! critical extensions that rcgen has no word for.

use rustls::pki_types::CertificateRevocationListDer;
use time::OffsetDateTime;

use super::key::Key;
use super::key::algorithm::Algorithm;
use super::mint::{self, Pki};
use super::recipe::{CrlRecipe, Moment, OcspRecipe};
use super::{PkiError, tlv};

mod crl;
mod ocsp;

/// The CRL of this name.
pub(super) fn crl(
    pki: &Pki,
    name: &str,
    recipe: &CrlRecipe,
) -> Result<CertificateRevocationListDer<'static>, PkiError> {
    let der = match &recipe.replace {
        Some(hex) => tlv::parse_hex(hex).map_err(|reason| wrong("crl", name, reason))?,
        None => crl::encode(pki, name, recipe)?,
    };
    Ok(der.into())
}

/// The OCSP response to staple.
pub(super) fn staple(pki: &Pki, recipe: &OcspRecipe) -> Result<Vec<u8>, PkiError> {
    match &recipe.replace {
        Some(hex) => tlv::parse_hex(hex).map_err(|reason| wrong("ocsp", "replace", reason)),
        None => ocsp::encode(pki, recipe),
    }
}

/// What is signed, how, and the signature, one after the other: the common tail of certificates,
/// CRLs and OCSP responses.
fn sign(signed_part: &[u8], key: &Key, flip: bool) -> Result<Vec<u8>, PkiError> {
    let mut signature = key.sign(None, signed_part)?;
    if flip && let Some(last) = signature.last_mut() {
        *last ^= 1;
    }
    Ok([signed_part, &algorithm(key)?, &tlv::bit_string(&signature)].concat())
}

/// The AlgorithmIdentifier of what `key` signs by default.
fn algorithm(key: &Key) -> Result<Vec<u8>, PkiError> {
    match Algorithm::of(key.kind(), None) {
        Ok(algorithm) => Ok(algorithm.identifier()),
        Err(reason) => Err(wrong("key", "signature", reason)),
    }
}

/// A moment as the Time of certificates and CRLs: UTCTime until 2049, GeneralizedTime from 2050 on
/// (RFC 5280 section 4.1.2.5).
fn encode_time(date: OffsetDateTime) -> Vec<u8> {
    if (1950..2050).contains(&date.year()) {
        let text = format!("{:02}{}", date.year() % 100, within_year(date));
        tlv::tlv(tlv::UTC_TIME, &[text.as_bytes()])
    } else {
        encode_generalized_time(date)
    }
}

/// A moment as GeneralizedTime, which is all that OCSP knows.
fn encode_generalized_time(date: OffsetDateTime) -> Vec<u8> {
    let text = format!("{:04}{}", date.year(), within_year(date));
    tlv::tlv(tlv::GENERALIZED_TIME, &[text.as_bytes()])
}

fn within_year(date: OffsetDateTime) -> String {
    format!(
        "{:02}{:02}{:02}{:02}{:02}Z",
        u8::from(date.month()),
        date.day(),
        date.hour(),
        date.minute(),
        date.second()
    )
}

/// What `moment` is on the PKI's clock; `default` where the recipe says nothing.
fn date(
    pki: &Pki,
    moment: Option<Moment>,
    default: Moment,
    name: &str,
) -> Result<OffsetDateTime, PkiError> {
    mint::date(moment.unwrap_or(default), &pki.clock()).map_err(|reason| PkiError::Recipe {
        entry: name.into(),
        reason,
    })
}

fn wrong(table: &str, name: &str, reason: String) -> PkiError {
    PkiError::Recipe {
        entry: format!("{table}.{name}"),
        reason,
    }
}

const HOUR_AGO: Moment = Moment::Relative(-3600);
