//! The verifier as rustls asks it: as a server of its clients, as a client of its server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, ProtocolVersion, SignatureScheme};

use super::certificate::Certificate;
use super::refusal::Refusal;
use super::verifier::Verifier;
use super::{Bug, signature};
use crate::peer::provider;
use crate::scenario::ClientAuth;

/// A verifier in rustls's clothes.
#[derive(Debug)]
pub struct TlsVerifier {
    verifier: Verifier,
    hints: Vec<DistinguishedName>,
    /// For [`Bug::HuntsForLeaf`]: the leaf that was found in a list that begins with this certificate.
    found: Mutex<HashMap<Vec<u8>, Vec<u8>>>,
}

impl TlsVerifier {
    /// Dresses a verifier.
    pub fn new(verifier: Verifier) -> Arc<Self> {
        let hints = verifier
            .anchor_names()
            .map(|name| DistinguishedName::from(name.to_vec()))
            .collect();
        Arc::new(Self {
            verifier,
            hints,
            found: Mutex::default(),
        })
    }

    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        staple: &[u8],
    ) -> Result<(), Error> {
        let mut chain: Vec<CertificateDer<'_>> = std::iter::once(end_entity)
            .chain(intermediates)
            .map(|certificate| CertificateDer::from(certificate.as_ref()))
            .collect();
        if self.verifier.flaws().has(Bug::HuntsForLeaf) {
            self.hunt(&mut chain);
        }
        self.verifier.verify(&chain, staple).map_err(told)?;
        Ok(())
    }

    /// Moves the first certificate that is no authority to the front.
    fn hunt(&self, chain: &mut [CertificateDer<'_>]) {
        let flaws = self.verifier.flaws();
        let leaf = chain.iter().position(|certificate| {
            Certificate::parse(certificate, flaws)
                .is_ok_and(|certificate| !certificate.extensions.is_authority())
        });
        if let Some((leaf, first)) = leaf.zip(chain.first().map(|first| first.to_vec())) {
            let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            found.insert(first, chain[leaf].to_vec());
            chain[..=leaf].rotate_right(1);
        }
    }

    fn verify_signature(
        &self,
        version: ProtocolVersion,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let flaws = self.verifier.flaws();
        let unasked = flaws.has(Bug::AcceptsAnything) || flaws.has(Bug::IgnoresCertificateVerify);
        if !unasked {
            // rustls's own check would parse the certificate with webpki, which refuses much that a
            // flaw lets through.
            let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            let leaf = found
                .get(certificate.as_ref())
                .map_or(certificate.as_ref(), Vec::as_slice);
            match Certificate::parse(leaf, flaws) {
                Ok(certificate) => signature::verify_handshake(
                    version,
                    message,
                    &certificate.key,
                    signature,
                    flaws,
                )?,
                Err(_) if flaws.has(Bug::FailsOpenOnParseError) => {}
                Err(refusal) => return Err(told(refusal)),
            }
        }
        Ok(HandshakeSignatureValid::assertion())
    }
}

/// rustls knows kinds of errors and no sentences: the reason is for who calls the verifier himself.
fn told(refusal: Refusal) -> Error {
    Error::InvalidCertificate(refusal.error)
}

impl ClientCertVerifier for TlsVerifier {
    fn client_auth_mandatory(&self) -> bool {
        let flaws = self.verifier.flaws();
        match self.verifier.environment().client_auth {
            ClientAuth::Required => !flaws.has(Bug::ClientAuthOptional),
            ClientAuth::Optional => flaws.has(Bug::ClientAuthAlwaysRequired),
            ClientAuth::None => false,
        }
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verify(end_entity, intermediates, &[])?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_signature(ProtocolVersion::TLSv1_2, message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_signature(ProtocolVersion::TLSv1_3, message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        schemes()
    }
}

impl ServerCertVerifier for TlsVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        staple: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verify(end_entity, intermediates, staple)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_signature(ProtocolVersion::TLSv1_2, message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_signature(ProtocolVersion::TLSv1_3, message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        schemes()
    }
}

fn schemes() -> Vec<SignatureScheme> {
    provider()
        .signature_verification_algorithms
        .supported_schemes()
}
