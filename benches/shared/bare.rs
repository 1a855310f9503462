//! The bare side of every comparison: rcgen and rustls alone, doing the work of one case and nothing
//! that a case does not do.
//!
//! The chain is the baseline's (root, issuing, leaf) with the same extensions, the keys are made once
//! and kept loaded, the cipher suites and groups are the provider's, and sessions are never resumed.

use std::io::{Read, Write};
use std::ops::DerefMut;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use mtls_gauntlet::clock::Clock;
use mtls_gauntlet::pki::key::Key;
use mtls_gauntlet::pki::recipe::KeyKind;
use mtls_gauntlet::scenario::{Role, TlsVersion};
use mtls_gauntlet::seed::Seed;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use rustls::{
    ClientConfig, ClientConnection, ConnectionCommon, RootCertStore, ServerConfig,
    ServerConnection, SideData, SupportedCipherSuite, SupportedProtocolVersion,
};
use time::{Duration, OffsetDateTime};

use self::credulous::Credulous;

#[path = "credulous.rs"]
mod credulous;

/// Two authorities, and the two parties below them.
pub struct Bare {
    now: OffsetDateTime,
    root: CertificateDer<'static>,
    issuing: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    target: Party,
    peer: Party,
    provider: Arc<CryptoProvider>,
}

/// Both ends' configurations for one handshake.
pub struct Ends {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    server_name: ServerName<'static>,
}

struct Party {
    name: &'static str,
    pair: KeyPair,
    signer: Arc<dyn SigningKey>,
}

impl Bare {
    /// Makes the keys, all of this kind, and the authorities.
    pub fn new(kind: KeyKind) -> Result<Self> {
        let now = OffsetDateTime::from_unix_timestamp(Clock::start().unix())?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.use_authority_key_identifier_extension = true;
        params.not_before = now - Duration::days(30);
        params.not_after = now + Duration::days(365);
        let mut root_params = params.clone();
        entitle(&mut root_params, "root");
        entitle(&mut params, "issuing");
        let root_pair = pair(&key(kind)?)?;
        let root = root_params.self_signed(&root_pair)?;
        let issuing_pair = pair(&key(kind)?)?;
        let issuing = params.signed_by(&issuing_pair, &Issuer::new(root_params, root_pair))?;
        Ok(Self {
            now,
            root: root.into(),
            issuing: issuing.into(),
            issuer: Issuer::new(params, issuing_pair),
            target: Party::new("target", kind)?,
            peer: Party::new("peer", kind)?,
            provider: Arc::new(aws_lc_rs::default_provider()),
        })
    }

    /// Mints the peer's leaf for a target in this role: one call of rcgen.
    pub fn mint_peer(&self, role: Role) -> Result<CertificateDer<'static>> {
        self.mint(&self.peer, role == Role::Client)
    }

    /// Mints both leaves and configures both ends.
    pub fn ends(&self, role: Role, tls: TlsVersion) -> Result<Ends> {
        let target = self.certified(&self.target, self.mint(&self.target, role == Role::Server)?);
        let peer = self.certified(&self.peer, self.mint_peer(role)?);
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone())?;
        let (roots, provider) = (Arc::new(roots), || Arc::clone(&self.provider));
        let (client_verifier, server_verifier, server, client, name) = match role {
            Role::Server => (
                WebPkiClientVerifier::builder_with_provider(roots, provider()).build()?,
                Credulous::of_servers(provider()),
                target,
                peer,
                "target.gauntlet.test",
            ),
            Role::Client => (
                Credulous::of_clients(provider()),
                WebPkiServerVerifier::builder_with_provider(roots, provider()).build()? as _,
                peer,
                target,
                "peer.gauntlet.test",
            ),
        };
        let versions: [&SupportedProtocolVersion; 1] = [match tls {
            TlsVersion::Tls12 => &rustls::version::TLS12,
            TlsVersion::Tls13 => &rustls::version::TLS13,
        }];
        let mut server = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&versions)?
            .with_client_cert_verifier(client_verifier)
            .with_cert_resolver(server);
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        let mut client = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&versions)?
            .dangerous()
            .with_custom_certificate_verifier(server_verifier)
            .with_client_cert_resolver(client);
        client.resumption = Resumption::disabled();
        Ok(Ends {
            client: Arc::new(client),
            server: Arc::new(server),
            server_name: ServerName::try_from(name)?,
        })
    }

    /// The same for a client that verifies the server too, with one cipher suite and one group: as a bench has it.
    #[allow(dead_code, reason = "each bench uses what it needs")]
    pub fn mutual(
        &self,
        suite: SupportedCipherSuite,
        group: &'static dyn SupportedKxGroup,
    ) -> Result<Ends> {
        let provider = || {
            Arc::new(CryptoProvider {
                cipher_suites: vec![suite],
                kx_groups: vec![group],
                ..CryptoProvider::clone(&self.provider)
            })
        };
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone())?;
        let roots = Arc::new(roots);
        let target = self.certified(&self.target, self.mint(&self.target, true)?);
        let peer = self.certified(&self.peer, self.mint_peer(Role::Server)?);
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), provider());
        let servers = WebPkiServerVerifier::builder_with_provider(roots, provider());
        let mut server = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(clients.build()?)
            .with_cert_resolver(target);
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        let mut client = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_webpki_verifier(servers.build()?)
            .with_client_cert_resolver(peer);
        client.resumption = Resumption::disabled();
        Ok(Ends {
            client: Arc::new(client),
            server: Arc::new(server),
            server_name: ServerName::try_from("target.gauntlet.test")?,
        })
    }

    fn mint(&self, party: &Party, serves: bool) -> Result<CertificateDer<'static>> {
        let mut params = CertificateParams::default();
        entitle(&mut params, party.name);
        params.not_before = self.now - Duration::hours(1);
        params.not_after = self.now + Duration::days(1);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![if serves {
            ExtendedKeyUsagePurpose::ServerAuth
        } else {
            ExtendedKeyUsagePurpose::ClientAuth
        }];
        params.subject_alt_names = vec![
            SanType::DnsName(format!("{}.gauntlet.test", party.name).try_into()?),
            SanType::IpAddress([127, 0, 0, 1].into()),
            SanType::URI(format!("spiffe://gauntlet.test/{}", party.name).try_into()?),
        ];
        params.use_authority_key_identifier_extension = true;
        Ok(params.signed_by(&party.pair, &self.issuer)?.into())
    }

    fn certified(&self, party: &Party, leaf: CertificateDer<'static>) -> Arc<SingleCertAndKey> {
        let chain = vec![leaf, self.issuing.clone()];
        let certified = CertifiedKey::new(chain, Arc::clone(&party.signer));
        Arc::new(SingleCertAndKey::from(certified))
    }
}

impl Ends {
    /// A full handshake over buffers in memory, and one octet of application data each way.
    pub fn converse(&self) -> Result<()> {
        let mut client = ClientConnection::new(Arc::clone(&self.client), self.server_name.clone())?;
        let mut server = ServerConnection::new(Arc::clone(&self.server))?;
        let mut wire = Vec::new();
        while client.is_handshaking() || server.is_handshaking() {
            carry(&mut client, &mut server, &mut wire)?;
            carry(&mut server, &mut client, &mut wire)?;
        }
        let mut octet = [0];
        client.writer().write_all(b"?")?;
        carry(&mut client, &mut server, &mut wire)?;
        server.reader().read_exact(&mut octet)?;
        server.writer().write_all(b"!")?;
        carry(&mut server, &mut client, &mut wire)?;
        client.reader().read_exact(&mut octet)?;
        ensure!(octet == *b"!", "the bare round trip brought something else");
        Ok(())
    }
}

impl Party {
    fn new(name: &'static str, kind: KeyKind) -> Result<Self> {
        let key = key(kind)?;
        Ok(Self {
            name,
            pair: pair(&key)?,
            signer: key.signer(),
        })
    }
}

fn carry<A: SideData, B: SideData>(
    from: &mut impl DerefMut<Target = ConnectionCommon<A>>,
    to: &mut impl DerefMut<Target = ConnectionCommon<B>>,
    wire: &mut Vec<u8>,
) -> Result<()> {
    wire.clear();
    while from.wants_write() {
        from.write_tls(wire)?;
    }
    let mut rest = wire.as_slice();
    while !rest.is_empty() {
        to.read_tls(&mut rest)?;
        to.process_new_packets()?;
    }
    Ok(())
}

fn entitle(params: &mut CertificateParams, name: &str) {
    let subject = &mut params.distinguished_name;
    subject.push(DnType::OrganizationName, "mtls-gauntlet");
    subject.push(DnType::CommonName, name);
}

fn key(kind: KeyKind) -> Result<Key> {
    Key::generate(kind, Seed(1).stream("bare")).context("a key could not be made")
}

fn pair(key: &Key) -> Result<KeyPair> {
    Ok(KeyPair::try_from(&PrivatePkcs8KeyDer::from(
        key.pkcs8_der(),
    ))?)
}
