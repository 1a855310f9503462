//! The encoded form of a histogram, looked through before the library that decodes it is given it.
//!
//! ```text
//! octets --inflate, bounded--> header, counts --look through--> the same octets, which can be decoded safely
//! ```
//!
//! The library makes room for as many octets as a header claims there are, up to four gigabytes for each histogram,
//! and it takes the smallest number there is for a run of zeros. A record comes from a file, and files from anybody.

use std::io::Read as _;

use flate2::read::ZlibDecoder;

/// What a compressed histogram begins with, and what is inside (HdrHistogram, `EncodableHistogram`, version 2, words of
/// one octet).
const COMPRESSED: u32 = 0x1c84_9304 | 0x10;
const PLAIN: u32 = 0x1c84_9303 | 0x10;

/// How long the header is, cookie included, in octets.
const HEADER: usize = 40;

/// More than any histogram takes that has three digits, in octets.
const LARGEST: usize = 1024 * 1024;

/// The most durations that one may hold. Ten million such can be added up, and nothing overflows.
pub(super) const MOST: u64 = 1 << 40;

/// Inflates a histogram, and makes sure that it is as long, as precise and as full as it may be.
///
/// # Errors
/// Says what it is not.
pub(super) fn inflate(octets: &[u8], digits: u8) -> Result<Vec<u8>, String> {
    if word(octets, 0) != Some(COMPRESSED) {
        return Err("it does not begin as HdrHistogram's V2 encoding with DEFLATE does".into());
    }
    let mut plain = Vec::new();
    let compressed = octets.get(8..).unwrap_or_default();
    ZlibDecoder::new(compressed)
        .take(LARGEST as u64 + 1)
        .read_to_end(&mut plain)
        .map_err(|error| error.to_string())?;
    if plain.len() > LARGEST {
        return Err(format!("it is longer than {LARGEST} octets"));
    }
    if word(&plain, 0) != Some(PLAIN) {
        return Err("what was compressed is no histogram".into());
    }
    let counts = plain.get(HEADER..).unwrap_or_default();
    if word(&plain, 4).map(u64::from) != u64::try_from(counts.len()).ok() {
        return Err("it is not as long as it says".into());
    }
    if word(&plain, 12).is_none_or(|found| found > u32::from(digits)) {
        return Err(format!("it has more than {digits} significant digits"));
    }
    look_through(counts)?;
    Ok(plain)
}

/// Counts are numbers in ZigZag LEB128; those below zero stand for as many counts of zero.
fn look_through(mut counts: &[u8]) -> Result<(), String> {
    let mut sum = 0_u64;
    while !counts.is_empty() {
        let (number, rest) = number(counts).ok_or("its last count is cut off")?;
        counts = rest;
        let zeros = number % 2 == 1;
        let count = number / 2 + u64::from(zeros);
        if zeros && count > LARGEST as u64 {
            return Err("it has more places than a histogram can have".into());
        }
        if !zeros {
            sum = sum.saturating_add(count);
        }
    }
    match sum > MOST {
        true => Err(format!("it says that it holds more than {MOST} durations")),
        false => Ok(()),
    }
}

/// The first number, and what follows it: seven bits to an octet, the lowest first, and eight in the ninth.
fn number(octets: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for place in 0..9 {
        let octet = *octets.get(place)?;
        let is_last = octet < 0x80 || place == 8;
        let bits = match place {
            8 => octet,
            _ => octet & 0x7f,
        };
        number |= u64::from(bits) << (7 * place);
        if is_last {
            return Some((number, octets.get(place + 1..)?));
        }
    }
    None
}

fn word(octets: &[u8], from: usize) -> Option<u32> {
    let octets = octets.get(from..from + 4)?;
    Some(u32::from_be_bytes(octets.try_into().ok()?))
}
