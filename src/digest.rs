//! Digests as names: SHA-256 in hexadecimal.

use aws_lc_rs::digest::{SHA256, digest};

/// The whole SHA-256 digest of these octets, as 64 hexadecimal digits.
pub fn sha256(octets: &[u8]) -> String {
    hex(digest(&SHA256, octets).as_ref())
}

/// The first `count` octets of it, at most 32, as twice as many digits: for names that people read.
pub fn sha256_start(octets: &[u8], count: usize) -> String {
    let digest = digest(&SHA256, octets);
    let whole = digest.as_ref();
    hex(whole.get(..count).unwrap_or(whole))
}

/// Octets in hexadecimal: two lower-case digits for each.
pub fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
