//! A real handshake with a certificate at either end, struck at every octet. Virtual time makes it
//! exhaustive: a hang is found by a deadline that costs nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use mtls_gauntlet::net::mishap::{Mishap, Mishaps, Strike};
use mtls_gauntlet::net::simulated::Simulated;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;

const HOST: &str = "server.gauntlet.test";
const QUESTION: &[u8] = b"may I?";
/// Longer than anything takes, and only in virtual time.
const DEADLINE: Duration = Duration::from_secs(60);

/// How a handshake and a round trip went at one end.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum End {
    Done,
    Failed,
    Hung,
}

#[test]
fn cut_at_every_octet() {
    for version in rustls::ALL_VERSIONS {
        let party = Party::new(version);
        // A signature is shorter by chance: what a strike leaves whole is known by the outcome alone.
        let length = party.length();
        let outcomes: Vec<(End, End)> = (0..length + 20)
            .map(|octet| party.meet(Some(Strike::Cut(octet))))
            .collect();
        for (octet, outcome) in outcomes.iter().enumerate() {
            assert!(
                ![outcome.0, outcome.1].contains(&End::Hung),
                "{version:?}, cut at {octet}: {outcome:?}"
            );
        }
        assert_eq!(outcomes.first(), Some(&(End::Failed, End::Failed)));
        assert_eq!(outcomes.last(), Some(&(End::Done, End::Done)));
    }
}

#[test]
fn silent_from_every_octet_is_the_only_way_to_hang() {
    let party = Party::new(&rustls::version::TLS13);
    for octet in (0..party.length() - 40).step_by(7) {
        let outcome = party.meet(Some(Strike::BlackHole(octet)));
        assert!(
            [outcome.0, outcome.1].contains(&End::Hung),
            "{octet}: {outcome:?}"
        );
    }
}

#[test]
fn corrupt_at_every_octet() {
    let party = Party::new(&rustls::version::TLS13);
    let outcomes: BTreeSet<_> = (0..party.length())
        .map(|octet| (octet, party.meet(Some(Strike::Corrupt(octet)))))
        .filter(|(_, outcome)| *outcome == (End::Done, End::Done))
        .collect();
    // rustls authenticates the record header that there should be, so that the type and version in the
    // one that comes may change unnoticed; there are a few records, and nothing else may.
    assert!(outcomes.len() < 20, "{outcomes:?}");
}

#[test]
fn cut_after_every_record() {
    let party = Party::new(&rustls::version::TLS13);
    let outcomes: Vec<_> = (0..12)
        .map(|records| party.meet(Some(Strike::CutAfterRecord(records))))
        .collect();
    let whole = outcomes
        .iter()
        .position(|outcome| *outcome == (End::Done, End::Done));
    // ClientHello, ChangeCipherSpec, the client's flight, the question, and its close.
    assert!((4..=8).contains(&whole.unwrap()), "{outcomes:?}");
    for outcome in &outcomes {
        assert!(![outcome.0, outcome.1].contains(&End::Hung), "{outcomes:?}");
    }
}

/// Both parties of a handshake.
struct Party {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl Party {
    fn new(version: &'static SupportedProtocolVersion) -> Self {
        let mut root = CertificateParams::new(Vec::new()).unwrap();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
        let issue = |name: &str| {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new([name.to_owned()]).unwrap();
            let leaf = params.signed_by(&key, &root).unwrap();
            let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
            (vec![leaf.der().clone()], key)
        };
        let mut roots = RootCertStore::empty();
        roots.add(root.der().clone()).unwrap();
        let roots = Arc::new(roots);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let (chain, key) = issue("client.gauntlet.test");
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(Arc::clone(&roots))
            .with_client_auth_cert(chain, key)
            .unwrap();
        let (chain, key) = issue(HOST);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider));
        let server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(chain, key)
            .unwrap();
        let mut client = client;
        client.resumption = rustls::client::Resumption::disabled();
        Self {
            client: Arc::new(client),
            server: Arc::new(server),
        }
    }

    /// Octets that the client says, give or take what chance does to two signatures.
    fn length(&self) -> u64 {
        let mut least = 0;
        let mut most = 8192;
        while least < most {
            let middle = (least + most) / 2;
            match self.meet(Some(Strike::Cut(middle))) {
                (End::Done, End::Done) => most = middle,
                _ => least = middle + 1,
            }
        }
        least
    }

    /// How a handshake and a round trip go for the client and for the server.
    fn meet(&self, strike: Option<Strike>) -> (End, End) {
        simulate(async {
            let network = Simulated::new(LATENCY);
            if let Some(strike) = strike {
                network.befall("server", Mishap::Strike(strike));
            }
            let port = network.listen("server").unwrap();
            let client = async {
                let stream = network.dial("client", "server").await?;
                let name = ServerName::try_from(HOST).unwrap();
                let connector = TlsConnector::from(Arc::clone(&self.client));
                let mut stream = connector.connect(name, stream).await?;
                stream.write_all(QUESTION).await?;
                let mut answer = [0; QUESTION.len()];
                stream.read_exact(&mut answer).await?;
                assert_eq!(answer, QUESTION);
                stream.shutdown().await?;
                stream.read(&mut answer).await.map(drop)
            };
            let server = async {
                let stream = port.accept().await?;
                let acceptor = TlsAcceptor::from(Arc::clone(&self.server));
                let mut stream = acceptor.accept(stream).await?;
                let mut question = [0; QUESTION.len()];
                stream.read_exact(&mut question).await?;
                stream.write_all(&question).await?;
                let end = stream.read(&mut question).await?;
                assert_eq!(end, 0);
                stream.shutdown().await
            };
            let (client, server) =
                tokio::join!(timeout(DEADLINE, client), timeout(DEADLINE, server));
            let [client, server] = [client, server].map(|ended| match ended {
                Ok(Ok(())) => End::Done,
                Ok(Err(_)) => End::Failed,
                Err(_) => End::Hung,
            });
            drop(port);
            assert_eq!(network.established("server"), 0);
            (client, server)
        })
    }
}
