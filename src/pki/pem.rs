//! PEM (RFC 7468): how certificates and lists are written for programs that read files.

use der::pem::{LineEnding, encode_string};
use rustls::pki_types::CertificateDer;

/// Certificates, one after the other.
pub fn certificates(certificates: &[CertificateDer<'_>]) -> String {
    certificates
        .iter()
        .map(|certificate| pem("CERTIFICATE", certificate))
        .collect()
}

/// A certificate revocation list.
pub fn crl(der: &[u8]) -> String {
    pem("X509 CRL", der)
}

fn pem(label: &str, der: &[u8]) -> String {
    // Only a label that is not PEM's can fail, and the labels are ours.
    encode_string(label, LineEnding::LF, der).unwrap_or_default()
}
