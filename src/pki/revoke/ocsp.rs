//! OCSP responses (RFC 6960 section 4.2), as a peer staples them.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use der::oid::ObjectIdentifier;

use super::super::mint::Pki;
use super::super::recipe::{Moment, OcspRecipe, OcspStatus};
use super::super::{PkiError, tlv};
use super::{HOUR_AGO, date, encode_generalized_time, sign, wrong};

/// The OCSPResponse that `recipe` describes.
pub(super) fn encode(pki: &Pki, recipe: &OcspRecipe) -> Result<Vec<u8>, PkiError> {
    let this_update = date(pki, recipe.this_update, HOUR_AGO, "ocsp")?;
    let next_update = date(pki, recipe.next_update, IN_A_DAY, "ocsp")?;
    let this_update = encode_generalized_time(this_update);
    let next_update = tlv::tlv(
        tlv::constructed(0),
        &[&encode_generalized_time(next_update)],
    );
    let status = match recipe.status {
        OcspStatus::Good => tlv::tlv(tlv::context(0), &[]),
        OcspStatus::Revoked => tlv::tlv(tlv::constructed(1), &[&this_update]),
        OcspStatus::Unknown => tlv::tlv(tlv::context(2), &[]),
        // The exceptions have no body (section 2.3).
        OcspStatus::TryLater => {
            return Ok(tlv::sequence(&[&tlv::tlv(
                tlv::ENUMERATED,
                &[&[TRY_LATER]],
            )]));
        }
    };

    let certificate = pki.certificate(recipe.certificate.as_deref().unwrap_or("peer"))?;
    let issuer_key = pki.key(&certificate.issuer)?;
    let certificate_id = tlv::sequence(&[
        &tlv::sequence(&[&tlv::oid(&SHA1), &[tlv::NULL, 0]]),
        &sha1(&pki.certificate(&certificate.issuer)?.subject),
        &sha1(public_key(issuer_key.spki_der())?),
        &tlv::tlv(tlv::INTEGER, &[&certificate.serial]),
    ]);
    let single = tlv::sequence(&[&certificate_id, &status, &this_update, &next_update]);

    let signed_by = recipe.signed_by.as_deref().unwrap_or(&certificate.issuer);
    let key = pki.key(signed_by)?;
    let responder = tlv::tlv(tlv::constructed(2), &[&sha1(public_key(key.spki_der())?)]);
    // producedAt is thisUpdate: the response was made when it was known to be right.
    let signed_part = tlv::sequence(&[&responder, &this_update, &tlv::sequence(&[&single])]);

    let certificates = if *signed_by == *certificate.issuer {
        Vec::new()
    } else {
        let list = tlv::sequence(&[&pki.certificate(signed_by)?.der]);
        tlv::tlv(tlv::constructed(0), &[&list])
    };
    let signed = sign(&signed_part, &key, recipe.flip_signature)?;
    let basic = tlv::sequence(&[&signed, &certificates]);
    let bytes = tlv::sequence(&[
        &tlv::oid(&BASIC_RESPONSE),
        &tlv::tlv(tlv::OCTET_STRING, &[&basic]),
    ]);
    Ok(tlv::sequence(&[
        &tlv::tlv(tlv::ENUMERATED, &[&[SUCCESSFUL]]),
        &tlv::tlv(tlv::constructed(0), &[&bytes]),
    ]))
}

/// The octets of the public key alone, as CertID and ResponderID hash them.
fn public_key(spki: &[u8]) -> Result<&[u8], PkiError> {
    let read = || match tlv::element(spki)?.elements()?.as_slice() {
        [_, bits] => Ok(bits.content.get(1..).unwrap_or_default()),
        _ => Err("the issuer's SubjectPublicKeyInfo has more or less than two parts".to_owned()),
    };
    read().map_err(|reason| wrong("ocsp", "certificate", reason))
}

fn sha1(octets: &[u8]) -> Vec<u8> {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, octets);
    tlv::tlv(tlv::OCTET_STRING, &[hash.as_ref()])
}

const SUCCESSFUL: u8 = 0;
const TRY_LATER: u8 = 3;

const IN_A_DAY: Moment = Moment::Relative(86_400);

const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const BASIC_RESPONSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
