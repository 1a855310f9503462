//! General names (RFC 5280 section 4.2.1.6): what subject alternative names and name constraints are
//! made of.

use std::net::IpAddr;

use der::oid::ObjectIdentifier;
use rcgen::SanType;

use super::{distinguished_name, tlv};

/// One general name.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum GeneralName {
    /// An otherName: a user principal name with this text.
    Other(String),
    /// An rfc822Name.
    Email(String),
    /// A dNSName, of whatever octets.
    Dns(Vec<u8>),
    /// A directoryName, encoded.
    Directory(Vec<u8>),
    /// A uniformResourceIdentifier.
    Uri(String),
    /// An iPAddress: an address, or an address and its mask.
    Ip(Vec<u8>),
}

impl GeneralName {
    /// A name as `names` lists it: its type is guessed unless it stands in front.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(hex) = text.strip_prefix("dns-hex:") {
            return Ok(Self::Dns(tlv::parse_hex(hex)?));
        }
        if let Some(name) = text.strip_prefix("ip:") {
            return match name.parse::<IpAddr>() {
                Ok(address) => Ok(Self::Ip(octets(address))),
                Err(_) => Err(format!("`{name}` is not an IP address")),
            };
        }
        if let Some(name) = Self::typed(text)? {
            return Ok(name);
        }
        Ok(if let Ok(address) = text.parse::<IpAddr>() {
            Self::Ip(octets(address))
        } else if text.contains("://") {
            Self::Uri(text.into())
        } else if text.contains('@') {
            Self::Email(text.into())
        } else {
            Self::Dns(text.into())
        })
    }

    /// The base of a subtree as `name-constraints` lists it: its type stands in front.
    pub(super) fn parse_subtree(text: &str) -> Result<Self, String> {
        if let Some(network) = text.strip_prefix("ip:") {
            return parse_network(network).map(Self::Ip);
        }
        if let Some(name) = text.strip_prefix("dn:") {
            let rdns: Vec<&str> = name.split(", ").collect();
            return Ok(Self::Directory(distinguished_name::encode(&rdns)?));
        }
        Self::typed(text)?.ok_or_else(|| {
            format!(
                "`{text}` is not a subtree: put dns:, ip:, email:, uri:, dn: or other: in front"
            )
        })
    }

    /// Its DER.
    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Other(text) => {
                let value = tlv::tlv(tlv::UTF8_STRING, &[text.as_bytes()]);
                let oid = tlv::oid(&USER_PRINCIPAL_NAME);
                let value = tlv::tlv(tlv::constructed(0), &[&value]);
                tlv::tlv(tlv::constructed(0), &[&oid, &value])
            }
            Self::Email(text) => tlv::tlv(tlv::context(1), &[text.as_bytes()]),
            Self::Dns(octets) => tlv::tlv(tlv::context(2), &[octets]),
            // Name is a CHOICE, and so its tag is explicit.
            Self::Directory(name) => tlv::tlv(tlv::constructed(4), &[name]),
            Self::Uri(text) => tlv::tlv(tlv::context(6), &[text.as_bytes()]),
            Self::Ip(octets) => tlv::tlv(tlv::context(7), &[octets]),
        }
    }

    /// The same for rcgen, where it has a word for it.
    pub(super) fn rcgen(&self) -> Option<SanType> {
        match self {
            Self::Other(text) => {
                let arcs = USER_PRINCIPAL_NAME.arcs().map(u64::from).collect();
                Some(SanType::OtherName((arcs, text.clone().into())))
            }
            Self::Email(text) => Some(SanType::Rfc822Name(text.clone().try_into().ok()?)),
            Self::Dns(octets) => {
                let text = String::from_utf8(octets.clone()).ok()?;
                Some(SanType::DnsName(text.try_into().ok()?))
            }
            Self::Uri(text) => Some(SanType::URI(text.clone().try_into().ok()?)),
            Self::Ip(octets) => match octets.len() {
                4 => <[u8; 4]>::try_from(octets.as_slice())
                    .ok()
                    .map(|octets| SanType::IpAddress(octets.into())),
                _ => <[u8; 16]>::try_from(octets.as_slice())
                    .ok()
                    .map(|octets| SanType::IpAddress(octets.into())),
            },
            Self::Directory(_) => None,
        }
    }

    fn typed(text: &str) -> Result<Option<Self>, String> {
        let Some((kind, name)) = text.split_once(':') else {
            return Ok(None);
        };
        Ok(match kind {
            "dns" => Some(Self::Dns(name.into())),
            "email" => Some(Self::Email(name.into())),
            "uri" => Some(Self::Uri(name.into())),
            "other" => Some(Self::Other(name.into())),
            _ => None,
        })
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// The address and the mask (RFC 5280 section 4.2.1.10) of `10.0.0.0/8`.
fn parse_network(text: &str) -> Result<Vec<u8>, String> {
    let wrong = || format!("`{text}` is not a network such as \"10.0.0.0/8\"");
    let (address, bits) = text.split_once('/').ok_or_else(wrong)?;
    let mut network = octets(address.parse().map_err(|_| wrong())?);
    let bits: usize = bits.parse().map_err(|_| wrong())?;
    let size = network.len();
    if bits > size * 8 {
        return Err(wrong());
    }
    network.extend((0..size).map(|index| {
        let ones = bits.saturating_sub(index * 8).min(8);
        !(0xff_u16 >> ones) as u8
    }));
    Ok(network)
}

const USER_PRINCIPAL_NAME: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.3");
