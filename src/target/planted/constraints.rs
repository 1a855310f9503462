//! Name constraints: the subtrees that an authority may issue names in (RFC 5280 section 4.2.1.10).

use rustls::CertificateError;

use super::certificate::Certificate;
use super::encoding::{Malformed, Reader, SEQUENCE, explicit};
use super::name::GeneralName;
use super::refusal::Refusal;
use super::{Bug, Flaws};

/// A name constraints extension.
#[derive(Clone, Debug, Default)]
pub struct NameConstraints {
    permitted: Vec<GeneralName>,
    excluded: Vec<GeneralName>,
}

/// How many comparisons one verification may cost, as in rustls-webpki: names times constraints is a
/// product that a stranger chooses both factors of (CVE-2025-58187).
pub const BUDGET: u32 = 250_000;

impl NameConstraints {
    /// Reads the extension's value.
    ///
    /// # Errors
    /// When it cannot be read, or uses `minimum` or `maximum`, which RFC 5280 section 4.2.1.10 does
    /// not use with any name form.
    pub fn read(value: &[u8]) -> Result<Self, Malformed> {
        let mut outer = Reader::new(value);
        let mut inner = outer.take(SEQUENCE)?.reader();
        outer.end()?;
        let mut constraints = Self::default();
        if let Some(subtrees) = inner.optional(explicit(0))? {
            constraints.permitted = read_subtrees(subtrees.content)?;
        }
        if let Some(subtrees) = inner.optional(explicit(1))? {
            constraints.excluded = read_subtrees(subtrees.content)?;
        }
        inner.end()?;
        Ok(constraints)
    }

    /// Are all names of `certificate` where they may be (RFC 5280 section 6.1.3 (b) and (c))?
    ///
    /// # Errors
    /// Says which form is not, or that the check has cost too much.
    pub fn admit(
        &self,
        certificate: &Certificate,
        budget: &mut u32,
        flaws: Flaws,
    ) -> Result<(), Refusal> {
        for name in certificate.constrained_names() {
            let comparisons = self.permitted.len() + self.excluded.len();
            *budget = u32::try_from(comparisons)
                .ok()
                .and_then(|comparisons| budget.checked_sub(comparisons))
                .ok_or_else(|| refusal("checking the name constraints takes too long"))?;
            self.admit_name(&name, flaws)?;
        }
        Ok(())
    }

    fn admit_name(&self, name: &GeneralName, flaws: Flaws) -> Result<(), Refusal> {
        if overlooked(name, flaws) {
            return Ok(());
        }
        if let GeneralName::Other(_) = name {
            // RFC 5280 section 4.2.1.10: a constraint that binds a name which is present, and that
            // cannot be processed, refuses the certificate.
            let mut all = self.permitted.iter().chain(&self.excluded);
            return if all.any(|subtree| subtree == name) {
                Err(refusal("a name of an unsupported form is constrained"))
            } else {
                Ok(())
            };
        }
        for subtree in of_form(&self.excluded, name, flaws) {
            if !flaws.has(Bug::IgnoresExcludedSubtrees)
                && within(name, subtree, Reach::Touches, flaws)?
            {
                return Err(refusal("a name is in an excluded subtree"));
            }
        }
        let permitted = of_form(&self.permitted, name, flaws);
        if permitted.is_empty() || flaws.has(Bug::IgnoresPermittedSubtrees) {
            return Ok(());
        }
        for subtree in permitted {
            if within(name, subtree, Reach::Covers, flaws)? {
                return Ok(());
            }
        }
        Err(refusal("a name is outside the permitted subtrees"))
    }
}

/// The subtrees that are written in the form of `name`: the others do not bind it.
fn of_form<'a>(
    subtrees: &'a [GeneralName],
    name: &GeneralName,
    flaws: Flaws,
) -> Vec<&'a GeneralName> {
    let mut subtrees: Vec<_> = subtrees
        .iter()
        .filter(|subtree| subtree.same_form(name))
        .collect();
    if flaws.has(Bug::KeepsLastEmailConstraint) && matches!(name, GeneralName::Email(_)) {
        subtrees.drain(..subtrees.len().saturating_sub(1));
    }
    subtrees
}

fn refusal(reason: &str) -> Refusal {
    // RFC 8446 section 6.2 has no alert of its own for this; bad_certificate is what most send.
    Refusal::new(CertificateError::NotValidForName, reason)
}

fn overlooked(name: &GeneralName, flaws: Flaws) -> bool {
    let bug = match name {
        GeneralName::Dns(name) if name.starts_with(b"*") => Bug::IgnoresWildcardsInConstraints,
        GeneralName::Dns(_) => return false,
        GeneralName::Uri(_) => Bug::IgnoresUriConstraints,
        GeneralName::Email(_) => Bug::IgnoresEmailConstraints,
        GeneralName::Ip(_) => Bug::IgnoresIpConstraints,
        GeneralName::Directory(_) => Bug::IgnoresDirectoryConstraints,
        GeneralName::Other(_) => Bug::IgnoresUnsupportedConstraints,
    };
    flaws.has(bug)
}

fn read_subtrees(content: &[u8]) -> Result<Vec<GeneralName>, Malformed> {
    let mut subtrees = Vec::new();
    let mut reader = Reader::new(content);
    while !reader.is_empty() {
        let mut subtree = reader.take(SEQUENCE)?.reader();
        subtrees.push(GeneralName::read(&subtree.any()?)?);
        subtree.end()?;
    }
    if subtrees.is_empty() {
        return Err(Malformed("a list of subtrees is empty"));
    }
    Ok(subtrees)
}

/// What a wildcard name must have to do with a subtree.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Reach {
    /// Everything that it stands for is in the subtree: permitted.
    Covers,
    /// Something that it stands for is in the subtree: excluded.
    Touches,
}

fn within(
    name: &GeneralName,
    subtree: &GeneralName,
    reach: Reach,
    flaws: Flaws,
) -> Result<bool, Refusal> {
    Ok(match (name, subtree) {
        (GeneralName::Dns(name), GeneralName::Dns(subtree)) => {
            dns_within(name, subtree, reach, flaws)
        }
        (GeneralName::Uri(uri), GeneralName::Uri(subtree)) => {
            // RFC 5280 section 4.2.1.10: a URI without an authority that is a host name is refused
            // where URIs are constrained.
            let host =
                uri_host(uri).ok_or_else(|| refusal("a constrained URI has no host name"))?;
            host_within(host, subtree, flaws)
        }
        (GeneralName::Email(mailbox), GeneralName::Email(subtree)) => {
            email_within(mailbox, subtree, flaws)
        }
        (GeneralName::Ip(address), GeneralName::Ip(subtree)) => ip_within(address, subtree)?,
        (GeneralName::Directory(name), GeneralName::Directory(subtree)) => {
            directory_within(name, subtree)?
        }
        _ => false,
    })
}

/// Labels may be added on the left (RFC 5280 section 4.2.1.10).
fn dns_within(name: &[u8], subtree: &[u8], reach: Reach, flaws: Flaws) -> bool {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let Some(parent) = name.strip_prefix(b"*.") else {
        return below(name, subtree, flaws);
    };
    // A wildcard stands for every name one label below its parent: all of them are in the subtree if
    // the parent is; one of them is, too, if the subtree's own root is one label below the parent.
    let root = subtree.strip_prefix(b".").unwrap_or(subtree);
    let touches = root
        .iter()
        .position(|octet| *octet == b'.')
        .is_some_and(|dot| same_host(&root[dot + 1..], parent, flaws));
    below(parent, subtree, flaws) || (reach == Reach::Touches && touches)
}

fn below(name: &[u8], subtree: &[u8], flaws: Flaws) -> bool {
    // A leading dot is not of RFC 5280's form for DNS names; it is taken as "at least one label".
    let (root, at_least_one) = match subtree.strip_prefix(b".") {
        Some(root) => (root, true),
        None => (subtree, false),
    };
    if root.is_empty() {
        return true;
    }
    match name.len().checked_sub(root.len()) {
        None => false,
        Some(0) => !at_least_one && same_host(name, root, flaws),
        Some(more) => name[more - 1] == b'.' && same_host(&name[more..], root, flaws),
    }
}

/// RFC 5280 section 7.2: host names are the same whatever the case.
fn same_host(one: &[u8], other: &[u8], flaws: Flaws) -> bool {
    if flaws.has(Bug::ComparesConstraintsByCase) {
        one == other
    } else {
        one.eq_ignore_ascii_case(other)
    }
}

/// A host for URIs and mailboxes: with a leading dot every host below, without one that host alone.
fn host_within(host: &[u8], subtree: &[u8], flaws: Flaws) -> bool {
    if subtree.starts_with(b".") {
        below(host, subtree, flaws)
    } else {
        same_host(host, subtree, flaws)
    }
}

fn email_within(mailbox: &[u8], subtree: &[u8], flaws: Flaws) -> bool {
    let Some((local, host)) = split_mailbox(mailbox) else {
        return false;
    };
    match split_mailbox(subtree) {
        // RFC 5280 section 7.5: the local part is compared as it is.
        Some((only_local, only_host)) => local == only_local && same_host(host, only_host, flaws),
        None => host_within(host, subtree, flaws),
    }
}

fn split_mailbox(mailbox: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = mailbox.iter().rposition(|octet| *octet == b'@')?;
    Some((&mailbox[..at], &mailbox[at + 1..]))
}

/// The host of a URI's authority (RFC 3986 section 3.2), unless it is an address.
fn uri_host(uri: &[u8]) -> Option<&[u8]> {
    let uri = std::str::from_utf8(uri).ok()?;
    let (_, after) = uri.split_once("://")?;
    let authority = after.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    if host.starts_with('[') {
        return None;
    }
    let host = host.split(':').next()?;
    let address = host.parse::<std::net::Ipv4Addr>().is_ok();
    (!host.is_empty() && !address).then_some(host.as_bytes())
}

/// An address and its mask, eight or thirty-two octets (RFC 5280 section 4.2.1.10).
fn ip_within(address: &[u8], subtree: &[u8]) -> Result<bool, Refusal> {
    if !matches!(subtree.len(), 8 | 32) {
        return Err(Refusal::unreadable(
            "an address constraint has a wrong length",
        ));
    }
    let (network, mask) = subtree.split_at(subtree.len() / 2);
    Ok(address.len() == network.len()
        && address
            .iter()
            .zip(network)
            .zip(mask)
            .all(|((address, network), mask)| address & mask == network & mask))
}

/// The subtree's RDNs begin the name's. A policy of ours: they are compared octet by octet, where
/// RFC 5280 section 7.1 would prepare the strings first.
fn directory_within(name: &[u8], subtree: &[u8]) -> Result<bool, Refusal> {
    let name = Reader::new(name).take(SEQUENCE)?;
    let subtree = Reader::new(subtree).take(SEQUENCE)?;
    Ok(name.content.starts_with(subtree.content))
}
