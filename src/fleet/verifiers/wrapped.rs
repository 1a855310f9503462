//! Verifiers around the library's: of servers, one that tells what it was shown; of callers, an examiner, and
//! one that puts its judgement off. They make the mistakes of a bug, where there is one.
//!
//! The first two say of a chain that leads to an anchor's name, and not to its key, that its issuer is not known.
//! That a signature is bad is said of the handshake alone: there it means that the key does not fit the
//! certificate.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::load::shown;
use crate::target::planted::{Bug, Flaws};

/// What a handshake proves of a key is for the wrapped verifier to say. The library asks it of those who
/// verify servers and of those who verify callers in the same words.
macro_rules! handshake_signatures_by_verifier {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.verifier
                .verify_tls12_signature(message, certificate, signature)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.verifier
                .verify_tls13_signature(message, certificate, signature)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.verifier.supported_verify_schemes()
        }
    };
}

/// Verifies servers, and tells what it was shown.
#[derive(Debug)]
pub struct Watched {
    /// Who verifies.
    pub verifier: Arc<WebPkiServerVerifier>,
    /// What is forgiven.
    pub flaws: Flaws,
}

impl ServerCertVerifier for Watched {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        shown::show(leaf);
        let verified =
            self.verifier
                .verify_server_cert(leaf, intermediates, server_name, response, now);
        let expired = matches!(
            &verified,
            Err(Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. }
            ))
        );
        let forgiven = self.flaws.has(Bug::FallsBackUnverified)
            || (expired && self.flaws.has(Bug::ForgivesExpiredServers));
        match verified {
            Err(_) if forgiven => Ok(ServerCertVerified::assertion()),
            Err(Error::InvalidCertificate(CertificateError::BadSignature)) => {
                Err(CertificateError::UnknownIssuer.into())
            }
            verified => verified,
        }
    }

    handshake_signatures_by_verifier!();
}

/// The leaves that have been refused.
pub type Refused = Mutex<BTreeSet<Vec<u8>>>;

/// Verifies callers.
#[derive(Debug)]
pub struct Examiner {
    /// Who verifies first.
    pub verifier: Arc<dyn ClientCertVerifier>,
    /// The trust anchors.
    pub roots: Arc<RootCertStore>,
    /// The mistakes that it makes.
    pub flaws: Flaws,
    /// Whom it has refused, where it remembers.
    pub refused: Arc<Refused>,
}

impl Examiner {
    fn knows_the_name(&self, chain: &[CertificateDer<'_>]) -> bool {
        let last = chain.last().map(|der| X509Certificate::from_der(der));
        let Some(Ok((_, last))) = last else {
            return false;
        };
        let issuer = last.issuer().as_raw();
        // An anchor's subject is kept without the header of its sequence.
        let mut subjects = self.roots.roots.iter().map(|root| &root.subject);
        subjects.any(|subject| issuer.ends_with(subject) && !subject.is_empty())
    }
}

impl ClientCertVerifier for Examiner {
    fn client_auth_mandatory(&self) -> bool {
        !self.flaws.has(Bug::AnswersProbers)
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let remembers = self.flaws.has(Bug::RemembersRefusals);
        let refused = || self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if remembers && refused().contains(leaf.as_ref()) {
            return Err(Error::General("it has been refused before".into()));
        }
        let verified = self.verifier.verify_client_cert(leaf, intermediates, now);
        if verified.is_err() && remembers {
            refused().insert(leaf.to_vec());
        }
        match verified {
            Err(Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            )) if self.flaws.has(Bug::TrustsByName) && self.knows_the_name(intermediates) => {
                Ok(ClientCertVerified::assertion())
            }
            Err(Error::InvalidCertificate(CertificateError::BadSignature)) => {
                Err(CertificateError::UnknownIssuer.into())
            }
            verified => verified,
        }
    }

    handshake_signatures_by_verifier!();
}

/// Puts its judgement off until the handshake is over: the planted bug of services that refuse without an
/// alert. What the handshake proves of the key it does look at.
#[derive(Debug)]
pub struct Postponed {
    /// Whose judgement is put off.
    pub verifier: Arc<dyn ClientCertVerifier>,
}

impl ClientCertVerifier for Postponed {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    handshake_signatures_by_verifier!();
}
