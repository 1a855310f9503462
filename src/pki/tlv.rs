//! Tags, lengths and values: the few DER (X.690) building blocks that the rest of the PKI is
//! written with.
//!
//! Writing is done here by hand because it cannot fail and because scenarios ask for values that no
//! typed encoder would accept. Reading goes through the `der` crate, which is strict.

use der::oid::ObjectIdentifier;
use der::{Encode, Reader, SliceReader};

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const UTF8_STRING: u8 = 0x0c;
pub(super) const PRINTABLE_STRING: u8 = 0x13;
pub(super) const TELETEX_STRING: u8 = 0x14;
pub(super) const IA5_STRING: u8 = 0x16;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const BMP_STRING: u8 = 0x1e;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// The tag of a primitive value tagged `[number]` by context.
pub(super) const fn context(number: u8) -> u8 {
    0x80 | number
}

/// The tag of a constructed value tagged `[number]` by context.
pub(super) const fn constructed(number: u8) -> u8 {
    0xa0 | number
}

/// A value whose content is `parts` one after the other.
pub(super) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(length + 6);
    push_header(&mut out, tag, length);
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// Appends a tag and the shortest form of a length.
pub(super) fn push_header(out: &mut Vec<u8>, tag: u8, length: usize) {
    out.push(tag);
    if length < 0x80 {
        out.push(length as u8);
        return;
    }
    let octets = length.to_be_bytes();
    let significant = &octets[length.leading_zeros() as usize / 8..];
    out.push(0x80 | significant.len() as u8);
    out.extend_from_slice(significant);
}

/// A SEQUENCE of `parts`.
pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(SEQUENCE, parts)
}

/// The INTEGER with this magnitude, in the shortest form and never negative.
pub(super) fn integer(magnitude: &[u8]) -> Vec<u8> {
    let first = magnitude.iter().position(|octet| *octet != 0);
    let significant = first.map_or(&[][..], |first| &magnitude[first..]);
    let sign: &[u8] = match significant.first() {
        Some(octet) if *octet < 0x80 => &[],
        _ => &[0],
    };
    tlv(INTEGER, &[sign, significant])
}

/// A BIT STRING of whole octets.
pub(super) fn bit_string(octets: &[u8]) -> Vec<u8> {
    tlv(BIT_STRING, &[&[0], octets])
}

/// An OBJECT IDENTIFIER.
pub(super) fn oid(identifier: &ObjectIdentifier) -> Vec<u8> {
    tlv(0x06, &[identifier.as_bytes()])
}

/// The OBJECT IDENTIFIER written with dots; the reason why it is none.
pub(super) fn parse_oid(text: &str) -> Result<ObjectIdentifier, String> {
    ObjectIdentifier::new(text).map_err(|error| {
        format!("`{text}` is not an object identifier such as \"1.2.840.113549\": {error}")
    })
}

/// The octets written in hexadecimal; colons and white space between them are allowed.
pub(super) fn parse_hex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|character| *character != ':' && !character.is_ascii_whitespace())
        .map(|character| character.to_digit(16).map(|digit| digit as u8))
        .collect();
    match digits {
        Some(digits) if digits.len() % 2 == 0 => Ok(digits
            .chunks_exact(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect()),
        _ => Err(format!(
            "`{text}` is not hexadecimal: write an even number of the digits 0-9 and a-f"
        )),
    }
}

/// Refuses a number that would fill the memory rather than a certificate.
pub(super) fn at_most(limit: u32, what: &str, number: u32) -> Result<(), String> {
    if number <= limit {
        Ok(())
    } else {
        Err(format!("{what} = {number} is more than {limit}"))
    }
}

/// One value as it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'a> {
    /// The identifier octet; scenarios need no tag above 30.
    pub(super) tag: u8,
    /// Tag, length and value.
    pub(super) whole: &'a [u8],
    /// The value alone.
    pub(super) content: &'a [u8],
}

impl<'a> Element<'a> {
    /// The values that this constructed value holds.
    pub(super) fn elements(&self) -> Result<Vec<Element<'a>>, String> {
        elements(self.content)
    }
}

/// The values that follow one another in `octets`.
pub(super) fn elements(octets: &[u8]) -> Result<Vec<Element<'_>>, String> {
    let read = || -> der::Result<Vec<Element<'_>>> {
        let mut reader = SliceReader::new(octets)?;
        let mut found = Vec::new();
        while !reader.is_finished() {
            let header = der::Header::peek(&reader)?;
            let whole = reader.tlv_bytes()?;
            let skip = usize::try_from(header.encoded_len()?)?;
            found.push(Element {
                tag: whole[0],
                whole,
                content: &whole[skip..],
            });
        }
        Ok(found)
    };
    read().map_err(|error| format!("not DER: {error}"))
}

/// The one value that `octets` is.
pub(super) fn element(octets: &[u8]) -> Result<Element<'_>, String> {
    match elements(octets)?.as_slice() {
        [element] => Ok(*element),
        _ => Err("not DER: there is more or less than one value".into()),
    }
}
