//! CRLs (RFC 5280 section 5).

use der::oid::ObjectIdentifier;

use super::super::extension;
use super::super::general_name::GeneralName;
use super::super::mint::Pki;
use super::super::recipe::{CrlRecipe, CrlScope, Extension, Moment};
use super::super::{PkiError, tlv};
use super::{HOUR_AGO, algorithm, date, encode_time, sign, wrong};

/// The CertificateList that `recipe` describes; `name` is its issuer unless it names another.
pub(super) fn encode(pki: &Pki, name: &str, recipe: &CrlRecipe) -> Result<Vec<u8>, PkiError> {
    let issuer = recipe.issuer.as_deref().unwrap_or(name);
    let signed_by = recipe.signed_by.as_deref().unwrap_or(issuer);
    let key = pki.key(signed_by)?;
    let this_update = date(pki, recipe.this_update, HOUR_AGO, name)?;
    let next_update = date(pki, recipe.next_update, IN_A_WEEK, name)?;

    // Version 1 is the default and left out, and knows no extensions (section 5.1.2.1).
    let (version, extensions) = if recipe.version1 {
        (Vec::new(), Vec::new())
    } else {
        let list = encode_extensions(pki, name, issuer, recipe)?;
        let list = if list.is_empty() {
            Vec::new()
        } else {
            tlv::tlv(tlv::constructed(0), &[&tlv::sequence(&[&list])])
        };
        (tlv::integer(&[1]), list)
    };
    let signed_part = tlv::sequence(&[
        &version,
        &algorithm(&key)?,
        &pki.certificate(issuer)?.subject,
        &encode_time(this_update),
        &encode_time(next_update),
        &encode_entries(pki, name, recipe)?,
        &extensions,
    ]);
    let signed = sign(&signed_part, &key, recipe.flip_signature)?;
    Ok(tlv::sequence(&[&signed]))
}

/// revokedCertificates, which is left out rather than empty (section 5.1.2.6).
fn encode_entries(pki: &Pki, name: &str, recipe: &CrlRecipe) -> Result<Vec<u8>, PkiError> {
    tlv::at_most(MOST_ENTRIES, "filler", recipe.filler)
        .map_err(|reason| wrong("crl", name, reason))?;
    let revoked_at = date(pki, recipe.revocation_date, HOUR_AGO, name)?;
    let mut after_serial = encode_time(revoked_at);
    if !recipe.version1 {
        after_serial.extend(encode_entry_extensions(pki, name, recipe)?);
    }
    let mut entries = Vec::with_capacity(recipe.filler as usize * (after_serial.len() + 24));
    for revoked in &recipe.revokes {
        let serial = &pki.certificate(revoked)?.serial;
        let serial = tlv::tlv(tlv::INTEGER, &[serial]);
        entries.extend(tlv::sequence(&[&serial, &after_serial]));
    }
    for index in 0..recipe.filler {
        push_filler(&mut entries, index, &after_serial);
    }
    Ok(if entries.is_empty() {
        Vec::new()
    } else {
        tlv::sequence(&[&entries])
    })
}

/// An entry that belongs to nobody: serial numbers that the mint draws begin with a larger octet.
/// They are as long as those, so that a CRL of a million is as large as a real one.
fn push_filler(entries: &mut Vec<u8>, index: u32, after_serial: &[u8]) {
    let mut serial = [0; 16];
    serial[0] = 0x10;
    serial[12..].copy_from_slice(&index.to_be_bytes());
    tlv::push_header(
        entries,
        tlv::SEQUENCE,
        2 + serial.len() + after_serial.len(),
    );
    tlv::push_header(entries, tlv::INTEGER, serial.len());
    entries.extend_from_slice(&serial);
    entries.extend_from_slice(after_serial);
}

fn encode_entry_extensions(pki: &Pki, name: &str, recipe: &CrlRecipe) -> Result<Vec<u8>, PkiError> {
    let mut list = Vec::new();
    if let Some(reason) = recipe.reason {
        let value = tlv::tlv(tlv::ENUMERATED, &[&[reason]]);
        list.extend(extension::encode(&REASON_CODE, false, &value));
    }
    if let Some(entry) = &recipe.certificate_issuer {
        let issuer = &pki.certificate(entry)?.issuer;
        let subject = pki.certificate(issuer)?.subject.to_vec();
        let value = tlv::sequence(&[&GeneralName::Directory(subject).encode()]);
        list.extend(extension::encode(&CERTIFICATE_ISSUER, true, &value));
    }
    for raw in &recipe.entry_extensions {
        list.extend(raw_extension(raw, name)?);
    }
    Ok(if list.is_empty() {
        list
    } else {
        tlv::sequence(&[&list])
    })
}

fn encode_extensions(
    pki: &Pki,
    name: &str,
    issuer: &str,
    recipe: &CrlRecipe,
) -> Result<Vec<u8>, PkiError> {
    let identifier = pki.subject_key_identifier(issuer)?;
    let mut list = extension::encode(
        &extension::AUTHORITY_KEY_IDENTIFIER,
        false,
        &extension::encode_authority_key_identifier(&identifier),
    );
    if !recipe.omit_number {
        let number = tlv::integer(&recipe.number.unwrap_or(1).to_be_bytes());
        list.extend(extension::encode(
            &CRL_NUMBER,
            recipe.number_critical,
            &number,
        ));
    }
    if let Some(base) = recipe.delta_base {
        let base = tlv::integer(&base.to_be_bytes());
        list.extend(extension::encode(&DELTA_CRL_INDICATOR, true, &base));
    }
    if recipe.distribution_point.is_some() || recipe.only.is_some() || recipe.indirect {
        let value = encode_distribution_point(recipe);
        list.extend(extension::encode(&ISSUING_DISTRIBUTION_POINT, true, &value));
    }
    for raw in &recipe.extensions {
        list.extend(raw_extension(raw, name)?);
    }
    Ok(list)
}

/// IssuingDistributionPoint (section 5.2.5).
fn encode_distribution_point(recipe: &CrlRecipe) -> Vec<u8> {
    let point = recipe.distribution_point.as_ref().map(|uris| {
        let names: Vec<u8> = uris
            .iter()
            .flat_map(|uri| GeneralName::Uri(uri.clone()).encode())
            .collect();
        let full_name = tlv::tlv(tlv::constructed(0), &[&names]);
        tlv::tlv(tlv::constructed(0), &[&full_name])
    });
    let (users, authorities, attributes) = match recipe.only {
        None => (false, false, false),
        Some(CrlScope::EndEntities) => (true, false, false),
        Some(CrlScope::Authorities) => (false, true, false),
        Some(CrlScope::AttributeCertificates) => (false, false, true),
    };
    let flag = |number: u8, set: bool| {
        if set {
            tlv::tlv(tlv::context(number), &[&[0xff]])
        } else {
            Vec::new()
        }
    };
    tlv::sequence(&[
        &point.unwrap_or_default(),
        &flag(1, users),
        &flag(2, authorities),
        &flag(4, recipe.indirect),
        &flag(5, attributes),
    ])
}

fn raw_extension(raw: &Extension, name: &str) -> Result<Vec<u8>, PkiError> {
    let encoded = tlv::parse_oid(&raw.oid).and_then(|oid| {
        let value = extension::encode_value(raw)?;
        Ok(extension::encode(&oid, raw.critical, &value))
    });
    encoded.map_err(|reason| wrong("crl", name, reason))
}

/// A CRL of half a gigabyte.
const MOST_ENTRIES: u32 = 1 << 24;

const IN_A_WEEK: Moment = Moment::Relative(7 * 86_400);

const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");
const REASON_CODE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.21");
const DELTA_CRL_INDICATOR: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.27");
const ISSUING_DISTRIBUTION_POINT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.28");
const CERTIFICATE_ISSUER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.29");
