//! General names, as certificates carry them and as name constraints are written in.

use super::encoding::{Element, Malformed, Reader, SEQUENCE, explicit, implicit};
use super::refusal::Refusal;
use super::{Bug, Flaws};

/// A GeneralName (RFC 5280 section 4.2.1.6), in the octets that were sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum GeneralName {
    /// `[1]`: a mailbox.
    Email(Vec<u8>),
    /// `[2]`: a DNS name.
    Dns(Vec<u8>),
    /// `[4]`: a distinguished name, in DER.
    Directory(Vec<u8>),
    /// `[6]`: a URI.
    Uri(Vec<u8>),
    /// `[7]`: an address; in a name constraint an address and a mask.
    Ip(Vec<u8>),
    /// One of the forms that this verifier does not know: its tag.
    Other(u8),
}

impl GeneralName {
    /// Reads one.
    ///
    /// # Errors
    /// When it is no GeneralName.
    pub fn read(element: &Element<'_>) -> Result<Self, Malformed> {
        let content = element.content.to_vec();
        Ok(match element.tag {
            tag if tag == implicit(1) => Self::Email(content),
            tag if tag == implicit(2) => Self::Dns(content),
            tag if tag == implicit(6) => Self::Uri(content),
            tag if tag == implicit(7) => Self::Ip(content),
            tag if tag == explicit(4) => {
                let mut inside = element.reader();
                let name = inside.take(SEQUENCE)?;
                inside.end()?;
                Self::Directory(name.raw.to_vec())
            }
            // otherName, x400Address, ediPartyName, registeredID.
            tag if [explicit(0), explicit(3), explicit(5), implicit(8)].contains(&tag) => {
                Self::Other(tag)
            }
            _ => return Err(Malformed("a GeneralName has an impossible tag")),
        })
    }

    /// Reads the content of a GeneralNames, which must not be empty (RFC 5280 section 4.2.1.6).
    ///
    /// # Errors
    /// When it is, or one of them is none.
    pub fn read_all(content: &[u8]) -> Result<Vec<Self>, Malformed> {
        let mut names = Vec::new();
        let mut reader = Reader::new(content);
        while !reader.is_empty() {
            names.push(Self::read(&reader.any()?)?);
        }
        if names.is_empty() {
            return Err(Malformed("a list of names is empty"));
        }
        Ok(names)
    }

    /// Are these two names of one form?
    pub fn same_form(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// Is each name of a certificate written as RFC 5280 section 4.2.1.6 asks?
///
/// # Errors
/// Names the first that is not. A name that cannot be what it claims to be must not reach anything
/// that compares it as text: that is where the embedded NUL of CVE-2009-2408 did its work.
pub fn check_syntax(names: &[GeneralName], flaws: Flaws) -> Result<(), Refusal> {
    for name in names {
        let fits = match name {
            GeneralName::Dns(_) if flaws.has(Bug::SplitsNamesAtCommas) => true,
            GeneralName::Dns(name) if flaws.has(Bug::AcceptsEmbeddedNul) => {
                is_host(until_nul(name)) || name.first() == Some(&0)
            }
            GeneralName::Dns(name) => is_host(name),
            // Printable ASCII; whether it means anything is for those who use it.
            GeneralName::Email(name) | GeneralName::Uri(name) => {
                !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
            }
            GeneralName::Ip(address) => matches!(address.len(), 4 | 16),
            GeneralName::Directory(_) | GeneralName::Other(_) => true,
        };
        if !fits {
            return Err(Refusal::unreadable(
                "a subject alternative name is not of the form it claims",
            ));
        }
    }
    Ok(())
}

/// What is left of a name for whoever keeps it as a C string.
pub fn until_nul(name: &[u8]) -> &[u8] {
    name.split(|octet| *octet == 0).next().unwrap_or_default()
}

/// The preferred name syntax (RFC 1034 section 3.5, RFC 1123 section 2.1). Underscores pass, and so
/// does a `*` anywhere: what a wildcard may stand for is decided where names are matched. A policy of
/// ours: RFC 5280 section 4.2.1.6 asks for the preferred syntax, deployed names have underscores.
fn is_host(name: &[u8]) -> bool {
    const LONGEST: usize = 253;
    const LONGEST_LABEL: usize = 63;
    let name = name.strip_suffix(b".").unwrap_or(name);
    name.len() <= LONGEST
        && name.split(|octet| *octet == b'.').all(|label| {
            (1..=LONGEST_LABEL).contains(&label.len())
                && label
                    .iter()
                    .all(|octet| octet.is_ascii_alphanumeric() || b"-_*".contains(octet))
        })
}
