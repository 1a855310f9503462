//! Issuing at speed: authorities, leaves and lists for fleets, whose certificates change all the time.
//!
//! The mint makes what a scenario describes, down to the octet, and remembers it. A fleet needs ordinary
//! certificates, many of them, and forgets them: issuing one costs little more than its key and its
//! signature. Serial numbers are given by the caller, so that a history can be repeated.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyUsagePurpose, RevokedCertParams,
    SanType, SerialNumber,
};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use time::OffsetDateTime;

use super::PkiError;
use super::key::Key;
use super::recipe::KeyKind;
use crate::seed::Seed;

/// An authority that can issue and revoke.
#[derive(Clone)]
pub struct Issuer {
    name: String,
    serial: u64,
    key: Arc<Key>,
    certificate: CertificateDer<'static>,
    validity: Validity,
    params: Arc<CertificateParams>,
}

/// From when to when something is valid, both inclusive, in seconds since 1970.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Validity {
    /// The first second.
    pub not_before: i64,
    /// The last second.
    pub not_after: i64,
}

/// What a leaf should say.
#[derive(Clone, Debug)]
pub struct LeafRequest {
    /// Its serial number.
    pub serial: u64,
    /// The common name, for people.
    pub common_name: String,
    /// The DNS names.
    pub dns: Vec<String>,
    /// The SPIFFE ID, or another URI.
    pub uri: Option<String>,
    /// When it is valid.
    pub validity: Validity,
    /// May it be used by a client?
    pub for_clients: bool,
    /// May it be used by a server?
    pub for_servers: bool,
}

/// A leaf with its key and what is sent with it.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Its serial number.
    pub serial: u64,
    /// Itself, then every authority above it but the anchor.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its private key.
    pub key: Arc<Key>,
    /// When it is valid.
    pub validity: Validity,
}

impl Issuer {
    /// A new root, signed by itself.
    ///
    /// # Errors
    /// What the cryptographic library says.
    pub fn root(
        name: &str,
        kind: KeyKind,
        serial: u64,
        validity: Validity,
    ) -> Result<Self, PkiError> {
        let key = new_key(kind)?;
        let params = authority_params(name, serial, validity)?;
        let certificate = params.self_signed(&*key).map_err(|e| refused(name, e))?;
        Ok(Self {
            name: name.into(),
            serial,
            certificate: certificate.der().clone(),
            key,
            validity,
            params: Arc::new(params),
        })
    }

    /// An authority below this one, with a key of its own or with that of `twin`, an authority that it
    /// stands in for.
    ///
    /// # Errors
    /// What the cryptographic library says.
    pub fn subordinate(
        &self,
        name: &str,
        serial: u64,
        validity: Validity,
        twin: Option<&Self>,
    ) -> Result<Self, PkiError> {
        let key = match twin {
            Some(twin) => Arc::clone(&twin.key),
            None => new_key(self.key.kind())?,
        };
        let params = authority_params(name, serial, validity)?;
        let certificate = params
            .signed_by(&*key, &self.signer())
            .map_err(|e| refused(name, e))?;
        Ok(Self {
            name: name.into(),
            serial,
            certificate: lasting(certificate.der()),
            key,
            validity,
            params: Arc::new(params),
        })
    }

    /// Its name: the common name of its subject.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The serial number of its own certificate.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// Its certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// When its own certificate is valid.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// Issues a leaf with a new key. What is above this authority is not in its chain.
    ///
    /// # Errors
    /// What the cryptographic library says.
    pub fn issue(&self, request: &LeafRequest) -> Result<Leaf, PkiError> {
        // The seed matters to RSA-1024 alone, which no fleet uses.
        let key = Key::generate(self.key.kind(), Seed(0).stream("issuer"))?;
        let certificate = self.certify(request, &key)?;
        Ok(Leaf {
            serial: request.serial,
            chain: vec![certificate],
            key: Arc::new(key.for_handshakes()),
            validity: request.validity,
        })
    }

    fn certify(
        &self,
        request: &LeafRequest,
        key: &Key,
    ) -> Result<CertificateDer<'static>, PkiError> {
        let name = &request.common_name;
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from(request.serial));
        params.not_before = date(request.validity.not_before)?;
        params.not_after = date(request.validity.not_after)?;
        params.distinguished_name = common_name(name);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if request.for_clients {
            params
                .extended_key_usages
                .push(ExtendedKeyUsagePurpose::ClientAuth);
        }
        if request.for_servers {
            params
                .extended_key_usages
                .push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        for dns in &request.dns {
            let dns = dns.clone().try_into().map_err(|e| refused(name, e))?;
            params.subject_alt_names.push(SanType::DnsName(dns));
        }
        if let Some(uri) = &request.uri {
            let uri = uri.clone().try_into().map_err(|e| refused(name, e))?;
            params.subject_alt_names.push(SanType::URI(uri));
        }
        let certificate = params
            .signed_by(key, &self.signer())
            .map_err(|e| refused(name, e))?;
        Ok(certificate.der().clone())
    }

    /// A list of what this authority has revoked (RFC 5280 section 5).
    ///
    /// # Errors
    /// What the cryptographic library says.
    pub fn list(
        &self,
        number: u64,
        validity: Validity,
        revoked: &[u64],
    ) -> Result<CertificateRevocationListDer<'static>, PkiError> {
        let this_update = date(validity.not_before)?;
        let params = CertificateRevocationListParams {
            this_update,
            next_update: date(validity.not_after)?,
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked
                .iter()
                .map(|serial| RevokedCertParams {
                    serial_number: SerialNumber::from(*serial),
                    revocation_time: this_update,
                    reason_code: None,
                    invalidity_date: None,
                })
                .collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params
            .signed_by(&self.signer())
            .map_err(|e| refused(&self.name, e))?;
        Ok(list.der().clone())
    }

    fn signer(&self) -> rcgen::Issuer<'_, &Key> {
        rcgen::Issuer::from_params(&self.params, &*self.key)
    }
}

/// The certificate of an authority goes with each of its leaves, of which a fleet has thousands. It is kept
/// once, for as long as the process lives: a few hundred octets for each authority that ever was.
fn lasting(certificate: &CertificateDer<'_>) -> CertificateDer<'static> {
    let octets: &'static [u8] = Box::leak(certificate.to_vec().into_boxed_slice());
    CertificateDer::from(octets)
}

fn authority_params(
    name: &str,
    serial: u64,
    validity: Validity,
) -> Result<CertificateParams, PkiError> {
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from(serial));
    params.not_before = date(validity.not_before)?;
    params.not_after = date(validity.not_after)?;
    params.distinguished_name = common_name(name);
    params.use_authority_key_identifier_extension = true;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn common_name(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}

fn new_key(kind: KeyKind) -> Result<Arc<Key>, PkiError> {
    // The seed matters to RSA-1024 alone, which no fleet uses.
    Ok(Arc::new(Key::generate(kind, Seed(0).stream("issuer"))?))
}

fn date(unix: i64) -> Result<OffsetDateTime, PkiError> {
    OffsetDateTime::from_unix_timestamp(unix).map_err(|error| PkiError::Recipe {
        entry: "validity".into(),
        reason: format!("{unix} seconds since 1970 is no date: {error}"),
    })
}

fn refused(entry: &str, error: impl std::fmt::Display) -> PkiError {
    PkiError::Crypto {
        entry: entry.into(),
        reason: error.to_string(),
    }
}
