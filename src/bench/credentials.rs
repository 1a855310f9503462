//! The clients' configurations: everything pinned, and servers verified.

use std::sync::Arc;

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs, ring};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SupportedCipherSuite};

use super::asking::Presented;
use super::tickets::Tickets;
use crate::clock::Clock;
use crate::expect::HandshakeKind;
use crate::pki::recipe::KeyKind;
use crate::pki::{Identity, TrustBundle};
use crate::scenario::TlsVersion;
use crate::scenario::bench::{Group, Provider, Setting, Suite};

/// What a caller is, beside what is pinned.
pub(super) struct Credentials {
    /// What it presents; nothing, for who stays anonymous.
    pub(super) identity: Option<Identity>,
    /// Whom it trusts.
    pub(super) trust: TrustBundle,
    /// The run's clock.
    pub(super) clock: Clock,
}

impl Credentials {
    /// The configuration of a worker's callers.
    ///
    /// # Errors
    /// When the library lacks what the setting pins, in words.
    pub(super) fn config(&self, setting: &Setting) -> Result<Arc<ClientConfig>, String> {
        let provider = Arc::new(pinned(setting)?);
        let mut roots = RootCertStore::empty();
        for anchor in &self.trust.anchors {
            roots.add(anchor.clone()).map_err(words)?;
        }
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .map_err(words)?;
        let version = match setting.tls {
            TlsVersion::Tls12 => &rustls::version::TLS12,
            TlsVersion::Tls13 => &rustls::version::TLS13,
        };
        let builder =
            ClientConfig::builder_with_details(Arc::clone(&provider), Arc::new(self.clock.clone()))
                .with_protocol_versions(&[version])
                .map_err(words)?
                .with_webpki_verifier(verifier);
        let mut config = match &self.identity {
            Some(identity) => {
                let certified = certified(identity, setting.provider, &provider)?;
                builder.with_client_cert_resolver(Arc::new(Presented::new(certified)))
            }
            None => builder.with_no_client_auth(),
        };
        let kept = match setting.handshake {
            HandshakeKind::Full => 0,
            // A server gives two at a time; who keeps more than it needs offers what the server has forgotten.
            HandshakeKind::Resumed => 2 * setting.in_flight.max(4) as usize,
        };
        config.resumption = Resumption::store(Arc::new(Tickets::new(kept)));
        Ok(Arc::new(config))
    }
}

fn certified(
    identity: &Identity,
    provider: Provider,
    library: &CryptoProvider,
) -> Result<CertifiedKey, String> {
    let signer = match provider {
        Provider::AwsLcRs => identity.key.signer(),
        Provider::Ring => {
            let der = PrivatePkcs8KeyDer::from(identity.key.pkcs8_der().to_vec());
            library
                .key_provider
                .load_private_key(PrivateKeyDer::from(der))
                .map_err(words)?
        }
    };
    Ok(CertifiedKey::new(identity.chain.clone(), signer))
}

/// The provider that the setting names, with its one cipher suite and its one group.
fn pinned(setting: &Setting) -> Result<CryptoProvider, String> {
    let whole = match setting.provider {
        Provider::AwsLcRs => aws_lc_rs::default_provider(),
        Provider::Ring => ring::default_provider(),
    };
    Ok(CryptoProvider {
        cipher_suites: vec![suite(setting)],
        kx_groups: groups(setting)?,
        ..whole
    })
}

fn suite(setting: &Setting) -> SupportedCipherSuite {
    use aws_lc_rs::cipher_suite as aws;
    use ring::cipher_suite as ring;

    macro_rules! of_both {
        ($name:ident) => {
            match setting.provider {
                Provider::AwsLcRs => aws::$name,
                Provider::Ring => ring::$name,
            }
        };
    }
    match (setting.tls, setting.suite, setting.key.is_rsa()) {
        (TlsVersion::Tls13, Suite::Aes128GcmSha256, _) => of_both!(TLS13_AES_128_GCM_SHA256),
        (TlsVersion::Tls13, Suite::Aes256GcmSha384, _) => of_both!(TLS13_AES_256_GCM_SHA384),
        (TlsVersion::Tls13, Suite::Chacha20Poly1305Sha256, _) => {
            of_both!(TLS13_CHACHA20_POLY1305_SHA256)
        }
        (TlsVersion::Tls12, Suite::Aes128GcmSha256, true) => {
            of_both!(TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)
        }
        (TlsVersion::Tls12, Suite::Aes256GcmSha384, true) => {
            of_both!(TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384)
        }
        (TlsVersion::Tls12, Suite::Chacha20Poly1305Sha256, true) => {
            of_both!(TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256)
        }
        (TlsVersion::Tls12, Suite::Aes128GcmSha256, false) => {
            of_both!(TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)
        }
        (TlsVersion::Tls12, Suite::Aes256GcmSha384, false) => {
            of_both!(TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384)
        }
        (TlsVersion::Tls12, Suite::Chacha20Poly1305Sha256, false) => {
            of_both!(TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256)
        }
    }
}

/// The group, and in TLS 1.2 the curve of the certificates too: there the list of groups says as well which curves a
/// certificate may be on (RFC 8422 section 5.1.1). The one that is meant comes first.
fn groups(setting: &Setting) -> Result<Vec<&'static dyn SupportedKxGroup>, String> {
    let mut groups = vec![group(setting)?];
    let curve = match setting.key {
        KeyKind::P256 => Some(Group::Secp256r1),
        KeyKind::P384 => Some(Group::Secp384r1),
        _ => None,
    };
    if let (TlsVersion::Tls12, Some(curve)) = (setting.tls, curve)
        && curve != setting.group
    {
        groups.push(group(&Setting {
            group: curve,
            ..*setting
        })?);
    }
    Ok(groups)
}

fn group(setting: &Setting) -> Result<&'static dyn SupportedKxGroup, String> {
    use aws_lc_rs::kx_group as aws;
    use ring::kx_group as ring;

    Ok(match (setting.provider, setting.group) {
        (Provider::AwsLcRs, Group::X25519) => aws::X25519,
        (Provider::AwsLcRs, Group::Secp256r1) => aws::SECP256R1,
        (Provider::AwsLcRs, Group::Secp384r1) => aws::SECP384R1,
        (Provider::AwsLcRs, Group::X25519Mlkem768) => aws::X25519MLKEM768,
        (Provider::Ring, Group::X25519) => ring::X25519,
        (Provider::Ring, Group::Secp256r1) => ring::SECP256R1,
        (Provider::Ring, Group::Secp384r1) => ring::SECP384R1,
        (Provider::Ring, Group::X25519Mlkem768) => {
            return Err("ring has no ML-KEM: choose another group, or aws-lc-rs".into());
        }
    })
}

fn words(error: impl std::fmt::Display) -> String {
    format!("the callers cannot be set up so: {error}")
}
