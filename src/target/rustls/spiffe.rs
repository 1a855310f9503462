//! The X.509-SVID rules around rustls's verifiers.
//!
//! rustls knows nothing of SPIFFE; an application that does wraps its verifiers like this: read the
//! one SPIFFE ID of the leaf, check the leaf's profile, then validate the chain against the bundle of
//! that ID's own trust domain and no other.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::{roots, webpki_client_verifier};
use crate::peer::provider;
use crate::scenario::ClientAuth;
use crate::target::{Environment, StartError};

/// Verifies clients: one webpki verifier for each trust domain.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    domains: BTreeMap<String, Arc<dyn ClientCertVerifier>>,
    mandatory: bool,
}

impl ClientVerifier {
    pub(super) fn new(environment: &Environment) -> Result<Self, StartError> {
        let mut domains = BTreeMap::new();
        for (domain, bundle) in &environment.trust_domains {
            domains.insert(domain.clone(), webpki_client_verifier(environment, bundle)?);
        }
        Ok(Self {
            domains,
            mandatory: environment.client_auth == ClientAuth::Required,
        })
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let domain = trust_domain(end_entity)?;
        let verifier = self.domains.get(&domain).ok_or(UNKNOWN_DOMAIN)?;
        verifier.verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Verifies servers by their SPIFFE ID; the DNS name is not looked at.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    domains: BTreeMap<String, Arc<RootCertStore>>,
}

impl ServerVerifier {
    pub(super) fn new(environment: &Environment) -> Result<Self, StartError> {
        let mut domains = BTreeMap::new();
        for (domain, bundle) in &environment.trust_domains {
            domains.insert(domain.clone(), roots(bundle)?);
        }
        Ok(Self { domains })
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let domain = trust_domain(end_entity)?;
        let roots = self.domains.get(&domain).ok_or(UNKNOWN_DOMAIN)?;
        let algorithms = provider().signature_verification_algorithms;
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(end_entity)?,
            roots,
            intermediates,
            now,
            algorithms.all,
        )?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

const UNKNOWN_DOMAIN: Error = Error::InvalidCertificate(CertificateError::UnknownIssuer);
const NOT_A_SVID: Error =
    Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure);
const UNREADABLE: Error = Error::InvalidCertificate(CertificateError::BadEncoding);

/// The trust domain of a leaf that keeps the X.509-SVID rules for leaves.
fn trust_domain(leaf: &CertificateDer<'_>) -> Result<String, Error> {
    let (_, leaf) = X509Certificate::from_der(leaf).map_err(|_| UNREADABLE)?;
    let names = leaf.subject_alternative_name().map_err(|_| UNREADABLE)?;
    let names = names
        .map(|names| names.value.general_names.as_slice())
        .unwrap_or_default();
    let mut uris = names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    // X.509-SVID section 2: exactly one URI SAN.
    let (Some(uri), None) = (uris.next(), uris.next()) else {
        return Err(NOT_A_SVID);
    };
    // X.509-SVID section 5.2: a leaf is no authority and may not sign certificates or CRLs.
    let constraints = leaf.basic_constraints().map_err(|_| UNREADABLE)?;
    let usage = leaf.key_usage().map_err(|_| UNREADABLE)?;
    let authority = constraints.is_some_and(|constraints| constraints.value.ca);
    let usage_fits = usage.is_some_and(|usage| {
        usage.value.digital_signature() && !usage.value.key_cert_sign() && !usage.value.crl_sign()
    });
    if authority || !usage_fits {
        return Err(NOT_A_SVID);
    }
    parse_id(uri).map(str::to_owned).ok_or(NOT_A_SVID)
}

/// The trust domain of a SPIFFE ID (SPIFFE-ID sections 2.1 to 2.3); `None` where it is not one.
fn parse_id(uri: &str) -> Option<&str> {
    const LONGEST_ID: usize = 2048;
    const LONGEST_DOMAIN: usize = 255;
    if uri.len() > LONGEST_ID {
        return None;
    }
    let (domain, path) = uri.strip_prefix("spiffe://")?.split_once('/')?;
    let domain_fits = !domain.is_empty()
        && domain.len() <= LONGEST_DOMAIN
        && domain
            .bytes()
            .all(|octet| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_'));
    let path_fits = path.split('/').all(|segment| {
        !matches!(segment, "" | "." | "..")
            && segment
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_'))
    });
    (domain_fits && path_fits).then_some(domain)
}
