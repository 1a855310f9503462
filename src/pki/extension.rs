//! Certificate extensions (RFC 5280 section 4.2) from recipes: through rcgen where it has a word for
//! what the recipe says, as raw DER where it has not.

use der::oid::ObjectIdentifier;
use rcgen::{
    BasicConstraints, CertificateParams, CrlDistributionPoint, CustomExtension,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyUsagePurpose,
};

use super::general_name::GeneralName;
use super::recipe::{Extension, KeyUsage, NameConstraints, Omission, Recipe};
use super::tlv;

/// Writes into `params` every extension of `recipe` but the authority key identifier, which is the
/// issuer's.
///
/// `identifier` is the key's own; `nameless` says that the subject is empty, which makes the
/// alternative names critical (RFC 5280 section 4.2.1.6).
pub(super) fn write(
    params: &mut CertificateParams,
    recipe: &Recipe,
    identifier: &[u8],
    nameless: bool,
) -> Result<(), String> {
    write_names(params, recipe, nameless)?;
    write_key_usage(params, recipe);
    write_extended_key_usage(params, recipe)?;
    write_basic_constraints(params, recipe, identifier)?;
    if let Some(constraints) = &recipe.name_constraints {
        let content = encode_name_constraints(constraints)?;
        let critical = constraints.critical.unwrap_or(true);
        push(params, &NAME_CONSTRAINTS, critical, content);
    }
    if let Some(uris) = &recipe.crl_distribution_point {
        let uris = uris.clone();
        params.crl_distribution_points = vec![CrlDistributionPoint { uris }];
    }
    if let Some(uri) = &recipe.ca_issuers {
        let location = GeneralName::Uri(uri.clone()).encode();
        let description = tlv::sequence(&[&tlv::oid(&CA_ISSUERS), &location]);
        let content = tlv::sequence(&[&description]);
        push(params, &AUTHORITY_INFORMATION_ACCESS, false, content);
    }
    if let Some(policies) = &recipe.policies {
        let mut content = Vec::new();
        for policy in policies {
            let oid = tlv::parse_oid(policy)?;
            content.extend(tlv::sequence(&[&tlv::oid(&oid)]));
        }
        let content = tlv::sequence(&[&content]);
        push(params, &CERTIFICATE_POLICIES, false, content);
    }
    if recipe.must_staple == Some(true) {
        let content = tlv::sequence(&[&tlv::integer(&[STATUS_REQUEST])]);
        push(params, &TLS_FEATURE, false, content);
    }
    for extension in recipe.extensions.iter().flatten() {
        let oid = tlv::parse_oid(&extension.oid)?;
        push(params, &oid, extension.critical, encode_value(extension)?);
    }
    Ok(())
}

/// The content of extnValue that a raw extension asks for.
pub(super) fn encode_value(extension: &Extension) -> Result<Vec<u8>, String> {
    tlv::at_most(MOST_OCTETS, "padding", extension.padding)?;
    tlv::at_most(MOST_ITEMS, "nesting", extension.nesting)?;
    let mut content = tlv::parse_hex(&extension.value)?;
    content.resize(content.len() + extension.padding as usize, 0);
    // Written from the inside out and turned round once, so that deep nesting costs no more than
    // its own length.
    content.reverse();
    for _ in 0..extension.nesting {
        let mut header = Vec::new();
        tlv::push_header(&mut header, tlv::SEQUENCE, content.len());
        content.extend(header.iter().rev());
    }
    content.reverse();
    Ok(content)
}

/// An Extension (RFC 5280 section 4.1) by itself, as CRLs hold it.
pub(super) fn encode(oid: &ObjectIdentifier, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical {
        &[tlv::BOOLEAN, 1, 0xff]
    } else {
        &[]
    };
    let value = tlv::tlv(tlv::OCTET_STRING, &[value]);
    tlv::sequence(&[&tlv::oid(oid), critical, &value])
}

/// The AuthorityKeyIdentifier with this key identifier (RFC 5280 section 4.2.1.1).
pub(super) fn encode_authority_key_identifier(identifier: &[u8]) -> Vec<u8> {
    tlv::sequence(&[&tlv::tlv(tlv::context(0), &[identifier])])
}

fn write_names(
    params: &mut CertificateParams,
    recipe: &Recipe,
    nameless: bool,
) -> Result<(), String> {
    let filler = recipe.filler_names.unwrap_or(0);
    if recipe.omits(Omission::Names) || (recipe.names.is_none() && filler == 0) {
        return Ok(());
    }
    tlv::at_most(MOST_ITEMS, "filler-names", filler)?;
    let mut names = Vec::new();
    for name in recipe.names.iter().flatten() {
        names.push(GeneralName::parse(name)?);
    }
    names.extend(
        (0..filler).map(|index| GeneralName::Dns(format!("filler-{index}.gauntlet.test").into())),
    );
    let critical = recipe.names_critical.unwrap_or(nameless);
    let expressible: Option<Vec<_>> = names.iter().map(GeneralName::rcgen).collect();
    match expressible {
        Some(names) if !critical && !names.is_empty() => params.subject_alt_names = names,
        _ => {
            let content: Vec<u8> = names.iter().flat_map(GeneralName::encode).collect();
            let content = tlv::sequence(&[&content]);
            push(params, &SUBJECT_ALTERNATIVE_NAME, critical, content);
        }
    }
    Ok(())
}

fn write_key_usage(params: &mut CertificateParams, recipe: &Recipe) {
    match &recipe.key_usage {
        _ if recipe.omits(Omission::KeyUsage) => {}
        None => {}
        // A BIT STRING with no bit set, which RFC 5280 section 4.2.1.3 forbids.
        Some(usages) if usages.is_empty() => {
            push(params, &KEY_USAGE, true, tlv::bit_string(&[]));
        }
        Some(usages) => {
            params.key_usages = usages
                .iter()
                .map(|usage| match usage {
                    KeyUsage::DigitalSignature => KeyUsagePurpose::DigitalSignature,
                    KeyUsage::ContentCommitment => KeyUsagePurpose::ContentCommitment,
                    KeyUsage::KeyEncipherment => KeyUsagePurpose::KeyEncipherment,
                    KeyUsage::DataEncipherment => KeyUsagePurpose::DataEncipherment,
                    KeyUsage::KeyAgreement => KeyUsagePurpose::KeyAgreement,
                    KeyUsage::KeyCertSign => KeyUsagePurpose::KeyCertSign,
                    KeyUsage::CrlSign => KeyUsagePurpose::CrlSign,
                })
                .collect();
        }
    }
}

fn write_extended_key_usage(params: &mut CertificateParams, recipe: &Recipe) -> Result<(), String> {
    let Some(usages) = &recipe.eku else {
        return Ok(());
    };
    if recipe.omits(Omission::Eku) {
        return Ok(());
    }
    let mut oids = Vec::new();
    for usage in usages {
        oids.push(purpose(usage)?);
    }
    let critical = recipe.eku_critical == Some(true);
    if critical || oids.is_empty() {
        let content: Vec<u8> = oids.iter().flat_map(tlv::oid).collect();
        let content = tlv::sequence(&[&content]);
        push(params, &EXTENDED_KEY_USAGE, critical, content);
    } else {
        params.extended_key_usages = oids
            .iter()
            .map(|oid| ExtendedKeyUsagePurpose::Other(arcs(oid)))
            .collect();
    }
    Ok(())
}

/// rcgen writes basic constraints and the subject key identifier together or not at all, the former
/// always critical; every other mixture is written by hand.
fn write_basic_constraints(
    params: &mut CertificateParams,
    recipe: &Recipe,
    identifier: &[u8],
) -> Result<(), String> {
    let identifier = match &recipe.ski {
        Some(hex) => tlv::parse_hex(hex)?,
        None => identifier.to_vec(),
    };
    let ca = recipe.is_authority();
    let critical = recipe.basic_constraints_critical.unwrap_or(true);
    let constrains = recipe.ca.is_some() && !recipe.omits(Omission::BasicConstraints);
    let identifies = !recipe.omits(Omission::Ski);
    if constrains && identifies && critical && (ca || recipe.path_len.is_none()) {
        params.key_identifier_method = KeyIdMethod::PreSpecified(identifier);
        params.is_ca = match (ca, recipe.path_len) {
            (true, Some(length)) => IsCa::Ca(BasicConstraints::Constrained(length)),
            (true, None) => IsCa::Ca(BasicConstraints::Unconstrained),
            (false, _) => IsCa::ExplicitNoCa,
        };
        return Ok(());
    }
    if identifies {
        let content = tlv::tlv(tlv::OCTET_STRING, &[&identifier]);
        push(params, &SUBJECT_KEY_IDENTIFIER, false, content);
    }
    if constrains {
        let flag: &[u8] = if ca { &[tlv::BOOLEAN, 1, 0xff] } else { &[] };
        let length = recipe
            .path_len
            .map_or_else(Vec::new, |length| tlv::integer(&[length]));
        let content = tlv::sequence(&[flag, &length]);
        push(params, &BASIC_CONSTRAINTS, critical, content);
    }
    Ok(())
}

fn encode_name_constraints(constraints: &NameConstraints) -> Result<Vec<u8>, String> {
    let mut permitted = Vec::new();
    for text in &constraints.permitted {
        permitted.extend(subtree(&GeneralName::parse_subtree(text)?));
    }
    let mut excluded = Vec::new();
    for text in &constraints.excluded {
        excluded.extend(subtree(&GeneralName::parse_subtree(text)?));
    }
    tlv::at_most(MOST_ITEMS, "filler", constraints.filler)?;
    for index in 0..constraints.filler {
        let name = format!("filler-{index}.gauntlet.invalid");
        excluded.extend(subtree(&GeneralName::Dns(name.into())));
    }
    let list = |tag: u8, subtrees: &[u8]| {
        if subtrees.is_empty() {
            Vec::new()
        } else {
            tlv::tlv(tlv::constructed(tag), &[subtrees])
        }
    };
    Ok(tlv::sequence(&[&list(0, &permitted), &list(1, &excluded)]))
}

fn subtree(base: &GeneralName) -> Vec<u8> {
    tlv::sequence(&[&base.encode()])
}

/// The OID of an extended key usage (RFC 5280 section 4.2.1.12).
fn purpose(usage: &str) -> Result<ObjectIdentifier, String> {
    let oid = match usage {
        "server-auth" => "1.3.6.1.5.5.7.3.1",
        "client-auth" => "1.3.6.1.5.5.7.3.2",
        "code-signing" => "1.3.6.1.5.5.7.3.3",
        "ocsp-signing" => "1.3.6.1.5.5.7.3.9",
        "any" => "2.5.29.37.0",
        dotted if dotted.contains('.') => dotted,
        _ => {
            return Err(format!(
                "`{usage}` is not an extended key usage: write server-auth, client-auth, any, \
                 code-signing, ocsp-signing or a dotted OID"
            ));
        }
    };
    tlv::parse_oid(oid)
}

fn push(params: &mut CertificateParams, oid: &ObjectIdentifier, critical: bool, content: Vec<u8>) {
    let mut extension = CustomExtension::from_oid_content(&arcs(oid), content);
    extension.set_criticality(critical);
    params.custom_extensions.push(extension);
}

fn arcs(oid: &ObjectIdentifier) -> Vec<u64> {
    oid.arcs().map(u64::from).collect()
}

/// More than any message of TLS can carry (RFC 8446 section 4: 24 bits of length).
const MOST_OCTETS: u32 = 1 << 25;
const MOST_ITEMS: u32 = 1 << 20;

/// status_request, as the TLS feature extension counts it (RFC 7633, RFC 6066 section 8).
const STATUS_REQUEST: u8 = 5;

pub(super) const AUTHORITY_KEY_IDENTIFIER: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("2.5.29.35");
const SUBJECT_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const SUBJECT_ALTERNATIVE_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");
const CERTIFICATE_POLICIES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const AUTHORITY_INFORMATION_ACCESS: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.1");
const CA_ISSUERS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.2");
const TLS_FEATURE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.24");
