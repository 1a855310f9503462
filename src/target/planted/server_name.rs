//! The server's name: does the certificate belong to whom the client meant (RFC 9525 section 6)?

use std::net::IpAddr;

use rustls::CertificateError;
use rustls::pki_types::ServerName;

use super::certificate::Certificate;
use super::name::{GeneralName, until_nul};
use super::refusal::Refusal;
use super::{Bug, Flaws};

/// Does one of the certificate's names match?
///
/// # Errors
/// When none does.
pub fn check(leaf: &Certificate, wanted: &ServerName<'_>, flaws: Flaws) -> Result<(), Refusal> {
    let matched = match wanted {
        ServerName::DnsName(wanted) => matches_dns(leaf, wanted.as_ref(), flaws),
        ServerName::IpAddress(wanted) => matches_ip(leaf, IpAddr::from(*wanted), flaws),
        _ => false,
    };
    if matched || flaws.has(Bug::IgnoresServerName) {
        return Ok(());
    }
    Err(Refusal::new(
        CertificateError::NotValidForName,
        "the certificate is not for the server that was meant",
    ))
}

fn matches_dns(leaf: &Certificate, wanted: &str, flaws: Flaws) -> bool {
    // A policy of ours: the root label is not part of the name, on either side.
    let wanted = wanted.strip_suffix('.').unwrap_or(wanted);
    let names = leaf.extensions.names.as_slice();
    let names = match names.get(..1) {
        Some(first) if flaws.has(Bug::ReadsOnlyFirstName) => first,
        _ => names,
    };
    let presented = names.iter().filter_map(|name| match name {
        GeneralName::Dns(name) => Some(name.as_slice()),
        _ => None,
    });
    let mut presented: Vec<&[u8]> = presented.collect();
    if flaws.has(Bug::AcceptsEmbeddedNul) {
        presented = presented.into_iter().map(until_nul).collect();
    }
    let matched = presented
        .iter()
        .filter_map(|name| std::str::from_utf8(name).ok())
        .flat_map(|name| taken_apart(name, flaws))
        .any(|name| {
            let name = name.strip_suffix('.').unwrap_or(name);
            matches_pattern(name, wanted, flaws)
        });
    // RFC 9525 section 2: the common name is no name of a server.
    matched
        || (flaws.has(Bug::FallsBackToCn)
            && leaf
                .common_names()
                .iter()
                .any(|name| name.eq_ignore_ascii_case(wanted)))
}

/// What CVE-2021-44532 made of a name: text in which others are listed.
fn taken_apart(name: &str, flaws: Flaws) -> impl Iterator<Item = &str> {
    let separator = if flaws.has(Bug::SplitsNamesAtCommas) {
        ", DNS:"
    } else {
        "\0"
    };
    name.split(separator)
}

/// RFC 9525 section 6.3: labels are the same whatever the case, and `*` is the whole left-most label
/// and stands for exactly one.
fn matches_pattern(pattern: &str, wanted: &str, flaws: Flaws) -> bool {
    if flaws.has(Bug::MatchesNamesBySubstring) && !pattern.is_empty() {
        return wanted.contains(pattern) || pattern.contains(wanted);
    }
    let same = |one: &str, other: &str| {
        if flaws.has(Bug::ComparesNamesByCase) {
            one == other
        } else {
            one.eq_ignore_ascii_case(other)
        }
    };
    if same(pattern, wanted) {
        return true;
    }
    if flaws.has(Bug::RejectsWildcards) {
        return false;
    }
    let Some((first, parent)) = pattern.split_once('.') else {
        return false;
    };
    if first == "*" {
        if flaws.has(Bug::WildcardMatchesParent) && same(parent, wanted) {
            return true;
        }
        if flaws.has(Bug::WildcardSpansLabels) {
            return wanted
                .to_ascii_lowercase()
                .ends_with(&format!(".{}", parent.to_ascii_lowercase()));
        }
        return wanted
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && same(parent, rest));
    }
    flaws.has(Bug::AcceptsPartialWildcards) && matches_partially(pattern, wanted)
}

/// A `*` anywhere in one label stands for some of that label.
fn matches_partially(pattern: &str, wanted: &str) -> bool {
    let patterns = pattern.split('.');
    let labels: Vec<&str> = wanted.split('.').collect();
    patterns.clone().count() == labels.len()
        && patterns.zip(labels).all(|(pattern, label)| {
            let (pattern, label) = (pattern.to_ascii_lowercase(), label.to_ascii_lowercase());
            match pattern.split_once('*') {
                Some((front, back)) => {
                    label.len() >= front.len() + back.len()
                        && label.starts_with(front)
                        && label.ends_with(back)
                }
                None => pattern == label,
            }
        })
}

/// RFC 9525 section 6.4: the octets of an iPAddress, and nothing else.
fn matches_ip(leaf: &Certificate, wanted: IpAddr, flaws: Flaws) -> bool {
    let octets = match wanted {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let text = wanted.to_string();
    leaf.extensions.names.iter().any(|name| match name {
        GeneralName::Ip(address) => *address == octets && !flaws.has(Bug::RejectsIpNames),
        GeneralName::Dns(name) => flaws.has(Bug::MatchesIpAsName) && *name == text.as_bytes(),
        _ => false,
    }) || (flaws.has(Bug::FallsBackToCn) && leaf.common_names().contains(&text))
}
