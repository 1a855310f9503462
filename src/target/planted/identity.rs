//! Identities that an application should not be told.

use rustls::pki_types::CertificateDer;

use super::Flaws;
use super::certificate::Certificate;
use super::name::GeneralName;

/// The last common name of the subject.
pub fn last_common_name(chain: &[CertificateDer<'_>]) -> Option<String> {
    leaf(chain)?.common_names().pop()
}

/// The first alternative name, as text, whatever its form.
pub fn first_name(chain: &[CertificateDer<'_>]) -> Option<String> {
    match leaf(chain)?.extensions.names.first()? {
        GeneralName::Dns(name) | GeneralName::Uri(name) | GeneralName::Email(name) => {
            String::from_utf8(name.clone()).ok()
        }
        GeneralName::Ip(octets) => {
            let octets: Vec<String> = octets.iter().map(u8::to_string).collect();
            Some(octets.join("."))
        }
        GeneralName::Directory(_) | GeneralName::Other(_) => None,
    }
}

fn leaf(chain: &[CertificateDer<'_>]) -> Option<Certificate> {
    Certificate::parse(chain.first()?, Flaws::NONE).ok()
}
