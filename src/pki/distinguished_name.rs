//! Distinguished names (RFC 5280 section 4.1.2.4), as scenarios write them: one `TYPE=value` per RDN.
//!
//! rcgen keeps one value per attribute type and so cannot say `CN=a` and `CN=b` in one name; here the
//! RDNs stand as they are listed.

use der::oid::ObjectIdentifier;

use super::tlv;

/// The DER of the name whose RDNs are listed.
pub(super) fn encode(rdns: &[impl AsRef<str>]) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    for rdn in rdns {
        content.extend(encode_rdn(rdn.as_ref())?);
    }
    Ok(tlv::sequence(&[&content]))
}

/// A name of `count` RDNs that nobody bears.
pub(super) fn filler(count: u32) -> Result<Vec<u8>, String> {
    tlv::at_most(1 << 20, "many-rdns", count)?;
    let mut content = Vec::new();
    for index in 0..count {
        let value = tlv::tlv(tlv::UTF8_STRING, &[format!("filler-{index}").as_bytes()]);
        content.extend(attribute(&ORGANIZATIONAL_UNIT, &value));
    }
    Ok(tlv::sequence(&[&content]))
}

fn encode_rdn(text: &str) -> Result<Vec<u8>, String> {
    let Some((kind, value)) = text.split_once('=') else {
        return Err(format!("`{text}` is not an RDN: write \"CN=name\""));
    };
    let (kind, string) = match kind.split_once('(') {
        Some((kind, rest)) => (kind, rest.strip_suffix(')')),
        None => (kind, Some("")),
    };
    let known = TYPES
        .iter()
        .find(|(name, ..)| name.eq_ignore_ascii_case(kind));
    let (oid, default) = match known {
        Some((_, oid, default)) => (*oid, *default),
        None if kind.contains('.') => (tlv::parse_oid(kind)?, "utf8"),
        None => {
            let names: Vec<&str> = TYPES.iter().map(|(name, ..)| *name).collect();
            return Err(format!(
                "`{kind}` is not an attribute type: write one of {} or a dotted OID",
                names.join(", ")
            ));
        }
    };
    let string = match string {
        Some("") => default,
        Some(string) => string,
        None => return Err(format!("`{text}`: the bracket does not close")),
    };
    Ok(attribute(&oid, &encode_string(string, value)?))
}

fn attribute(oid: &ObjectIdentifier, value: &[u8]) -> Vec<u8> {
    tlv::tlv(tlv::SET, &[&tlv::sequence(&[&tlv::oid(oid), value])])
}

fn encode_string(string: &str, value: &str) -> Result<Vec<u8>, String> {
    let ascii = |tag| {
        if value.is_ascii() {
            Ok(tlv::tlv(tag, &[value.as_bytes()]))
        } else {
            Err(format!("`{value}` is not ASCII, which `{string}` asks for"))
        }
    };
    match string {
        "utf8" => Ok(tlv::tlv(tlv::UTF8_STRING, &[value.as_bytes()])),
        "printable" => ascii(tlv::PRINTABLE_STRING),
        "ia5" => ascii(tlv::IA5_STRING),
        // What is called T.61 is Latin-1 in practice.
        "teletex" => value
            .chars()
            .map(|character| u8::try_from(u32::from(character)).ok())
            .collect::<Option<Vec<u8>>>()
            .map(|octets| tlv::tlv(tlv::TELETEX_STRING, &[&octets]))
            .ok_or_else(|| format!("`{value}` has a character outside Latin-1")),
        "bmp" => value
            .chars()
            .map(|character| u16::try_from(u32::from(character)).ok())
            .collect::<Option<Vec<u16>>>()
            .map(|units| {
                let octets: Vec<u8> = units.into_iter().flat_map(u16::to_be_bytes).collect();
                tlv::tlv(tlv::BMP_STRING, &[&octets])
            })
            .ok_or_else(|| format!("`{value}` has a character outside the basic plane")),
        _ => Err(format!(
            "`{string}` is not a string type: write utf8, printable, ia5, teletex or bmp"
        )),
    }
}

const ORGANIZATIONAL_UNIT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.11");

/// The attribute types by their usual short names (RFC 4514 section 3, RFC 5280 appendix A) and the
/// string type of each.
const TYPES: [(&str, ObjectIdentifier, &str); 11] = [
    ("CN", ObjectIdentifier::new_unwrap("2.5.4.3"), "utf8"),
    ("O", ObjectIdentifier::new_unwrap("2.5.4.10"), "utf8"),
    ("OU", ORGANIZATIONAL_UNIT, "utf8"),
    ("C", ObjectIdentifier::new_unwrap("2.5.4.6"), "printable"),
    ("L", ObjectIdentifier::new_unwrap("2.5.4.7"), "utf8"),
    ("ST", ObjectIdentifier::new_unwrap("2.5.4.8"), "utf8"),
    ("SN", ObjectIdentifier::new_unwrap("2.5.4.4"), "utf8"),
    (
        "SERIALNUMBER",
        ObjectIdentifier::new_unwrap("2.5.4.5"),
        "printable",
    ),
    (
        "DC",
        ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.25"),
        "ia5",
    ),
    (
        "UID",
        ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.1"),
        "utf8",
    ),
    (
        "EMAIL",
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.1"),
        "ia5",
    ),
];
