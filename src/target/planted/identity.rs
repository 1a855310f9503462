//! An identity that an application should not be told.

use rustls::pki_types::CertificateDer;

use super::Flaws;
use super::certificate::Certificate;

/// The last common name of the subject.
pub fn last_common_name(chain: &[CertificateDer<'_>]) -> Option<String> {
    let leaf = Certificate::parse(chain.first()?, Flaws::NONE).ok()?;
    leaf.common_names().pop()
}
