//! Every field of a CRL and of an OCSP response shows in what is encoded.

use std::sync::Arc;
use std::time::Duration;

use mtls_gauntlet::clock::Clock;
use mtls_gauntlet::pki::mint::{Mint, Pki};
use mtls_gauntlet::pki::recipe::{CrlRecipe, OcspRecipe};
use mtls_gauntlet::scenario::Role;
use mtls_gauntlet::seed::Seed;
use rustls::RootCertStore;
use rustls::pki_types::{CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::*;

use crate::support::{NOW, children, mint, openssl, parse, pem, pki, pool, recipes, verifies};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

fn crl(pki: &Pki, name: &str, lines: &str) -> CertificateRevocationListDer<'static> {
    let recipe: CrlRecipe = toml::from_str(lines).unwrap();
    pki.crl(name, &recipe).unwrap()
}

fn read(der: &[u8]) -> CertificateRevocationList<'_> {
    let (rest, crl) = CertificateRevocationList::from_der(der).unwrap();
    assert!(rest.is_empty());
    crl
}

fn is_signed_by(crl: &CertificateRevocationList<'_>, pki: &Pki, entry: &str) -> bool {
    let signer = pki.certificate(entry).unwrap();
    crl.signature_algorithm == crl.tbs_cert_list.signature
        && verifies(
            &crl.signature_algorithm,
            crl.tbs_cert_list.as_ref(),
            &crl.signature_value.data,
            &signer.spki,
        )
}

fn value<'a>(list: &'a [X509Extension<'_>], oid: &str) -> Option<(bool, &'a [u8])> {
    let found = list.iter().find(|found| found.oid.to_id_string() == oid)?;
    Some((found.critical, found.value))
}

#[test]
fn a_plain_crl_lists_what_it_revokes() {
    let pki =
        pki("[other]\nlike = \"peer\"\n[odd]\nlike = \"peer\"\nmangle = [{ serial = \"80\" }]");
    let der = crl(&pki, "issuing", "revokes = [\"peer\", \"odd\"]");
    let crl = read(&der);
    let issuing = pki.certificate("issuing").unwrap();
    assert_eq!(crl.version(), Some(X509Version::V2));
    assert_eq!(crl.issuer().as_raw(), &*issuing.subject);
    assert!(is_signed_by(&crl, &pki, "issuing"));
    assert_eq!(crl.last_update().timestamp(), NOW - HOUR);
    assert_eq!(crl.next_update().unwrap().timestamp(), NOW + 7 * DAY);
    let revoked: Vec<_> = crl
        .iter_revoked_certificates()
        .map(|entry| {
            (
                entry.raw_serial().to_vec(),
                entry.revocation_date.timestamp(),
            )
        })
        .collect();
    let serial = |entry: &str| pki.certificate(entry).unwrap().serial.clone();
    assert_eq!(
        revoked,
        [(serial("peer"), NOW - HOUR), (serial("odd"), NOW - HOUR)]
    );
    assert!(
        crl.iter_revoked_certificates()
            .all(|entry| entry.extensions().is_empty())
    );
    assert_eq!(crl.crl_number().unwrap().to_u32_digits(), [1]);

    let identifier = |list: &[X509Extension<'_>], oid: &str| match list
        .iter()
        .find(|found| found.oid.to_id_string() == oid)
        .map(X509Extension::parsed_extension)
    {
        Some(ParsedExtension::AuthorityKeyIdentifier(id)) => {
            id.key_identifier.clone().unwrap().0.to_vec()
        }
        Some(ParsedExtension::SubjectKeyIdentifier(id)) => id.0.to_vec(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        identifier(crl.extensions(), "2.5.29.35"),
        identifier(parse(&issuing.der).extensions(), "2.5.29.14")
    );
}

#[test]
fn an_empty_list_is_left_out() {
    let pki = pki("");
    let der = crl(&pki, "root", "");
    assert_eq!(read(&der).iter_revoked_certificates().count(), 0);
    // version, algorithm, issuer, two times and the extensions.
    assert_eq!(children(&children(&der)[0]).len(), 6);
}

#[test]
fn fillers_belong_to_nobody() {
    let pki = pki("");
    let der = crl(&pki, "issuing", "revokes = [\"peer\"]\nfiller = 5000");
    let crl = read(&der);
    let mut serials: Vec<_> = crl
        .iter_revoked_certificates()
        .map(|e| e.raw_serial())
        .collect();
    assert_eq!(serials.len(), 5001);
    serials.sort();
    serials.dedup();
    assert_eq!(serials.len(), 5001);
    let peer = &pki.certificate("peer").unwrap().serial;
    assert_eq!(serials.iter().filter(|serial| *serial == peer).count(), 1);
    assert!(serials.iter().all(|serial| serial.len() == 16));
}

#[test]
fn times_reasons_and_numbers() {
    let pki = pki("");
    let der = crl(
        &pki,
        "issuing",
        r#"revokes = ["peer"]
           this-update = "-2d"
           next-update = "2050-06-01T00:00:00Z"
           revocation-date = "+1h"
           reason = 6
           number = 70000
           number-critical = true"#,
    );
    let crl = read(&der);
    assert_eq!(crl.last_update().timestamp(), NOW - 2 * DAY);
    assert_eq!(crl.next_update().unwrap().timestamp(), 2_537_654_400);
    let entry = crl.iter_revoked_certificates().next().unwrap();
    assert_eq!(entry.revocation_date.timestamp(), NOW + HOUR);
    let (critical, reason) = entry.reason_code().unwrap();
    assert_eq!((critical, reason), (false, ReasonCode::CertificateHold));
    assert_eq!(crl.crl_number().unwrap().to_u32_digits(), [70000]);
    assert!(value(crl.extensions(), "2.5.29.20").unwrap().0);

    let der = self::crl(&pki, "issuing", "omit-number = true");
    assert!(value(read(&der).extensions(), "2.5.29.20").is_none());
}

#[test]
fn issuers_and_signers_may_differ() {
    let pki = pki("[rogue]\nlike = \"root\"");
    let der = crl(&pki, "shard", "issuer = \"issuing\"\nsigned-by = \"rogue\"");
    let crl = read(&der);
    assert_eq!(
        crl.issuer().as_raw(),
        &*pki.certificate("issuing").unwrap().subject
    );
    assert!(is_signed_by(&crl, &pki, "rogue"));
    assert!(!is_signed_by(&crl, &pki, "issuing"));

    let der = self::crl(&pki, "issuing", "flip-signature = true");
    assert!(!is_signed_by(&read(&der), &pki, "issuing"));

    let unknown = pki.crl("nobody", &CrlRecipe::default()).unwrap_err();
    assert!(
        unknown.to_string().contains("no entry `nobody`"),
        "{unknown}"
    );
}

#[test]
fn every_kind_of_key_signs() {
    for kind in ["p384", "p521", "ed25519", "rsa1024", "rsa2048", "ml-dsa44"] {
        let pki = pki(&format!("[issuing]\nkey = \"{kind}\""));
        let der = crl(&pki, "issuing", "");
        assert!(is_signed_by(&read(&der), &pki, "issuing"), "{kind}");
    }
}

#[test]
fn deltas_and_partitions() {
    let pki = pki("");
    let der = crl(
        &pki,
        "issuing",
        r#"delta-base = 4
           distribution-point = ["http://a/1", "http://a/2"]
           only = "end-entities"
           indirect = true"#,
    );
    let crl = read(&der);
    assert_eq!(
        value(crl.extensions(), "2.5.29.27").unwrap(),
        (true, &[2, 1, 4][..])
    );
    let point = |crl: &CertificateRevocationList<'_>| {
        let found = crl
            .extensions()
            .iter()
            .find(|e| e.oid.to_id_string() == "2.5.29.28")
            .unwrap();
        assert!(found.critical);
        let ParsedExtension::IssuingDistributionPoint(point) = found.parsed_extension() else {
            panic!("{:?}", found.parsed_extension());
        };
        let uris = match &point.distribution_point {
            None => Vec::new(),
            Some(DistributionPointName::FullName(names)) => {
                names.iter().map(ToString::to_string).collect()
            }
            Some(other) => panic!("{other:?}"),
        };
        let flags = [
            point.only_contains_user_certs,
            point.only_contains_ca_certs,
            point.indirect_crl,
            point.only_contains_attribute_certs,
        ];
        (uris, flags)
    };
    let (uris, flags) = point(&crl);
    assert_eq!(uris, ["URI(http://a/1)", "URI(http://a/2)"]);
    assert_eq!(flags, [true, false, true, false]);

    let der = self::crl(&pki, "issuing", "only = \"authorities\"");
    assert_eq!(
        point(&read(&der)),
        (Vec::new(), [false, true, false, false])
    );
    let der = self::crl(&pki, "issuing", "only = \"attribute-certificates\"");
    assert_eq!(
        point(&read(&der)),
        (Vec::new(), [false, false, false, true])
    );
}

#[test]
fn extensions_of_the_list_and_of_its_entries() {
    let pki = pki("");
    let der = crl(
        &pki,
        "issuing",
        r#"revokes = ["peer"]
           filler = 1
           certificate-issuer = "issuing"
           extensions = [{ oid = "1.2.3.4", critical = true, value = "0500" }]
           entry-extensions = [{ oid = "1.2.3.5", value = "0500", padding = 1 }]"#,
    );
    let crl = read(&der);
    assert_eq!(
        value(crl.extensions(), "1.2.3.4").unwrap(),
        (true, &[5, 0][..])
    );
    for entry in crl.iter_revoked_certificates() {
        assert_eq!(
            value(entry.extensions(), "1.2.3.5").unwrap(),
            (false, &[5, 0, 0][..])
        );
        let (critical, issuer) = value(entry.extensions(), "2.5.29.29").unwrap();
        assert!(critical);
        // The issuer of `issuing` is `root`.
        let root = pki.certificate("root").unwrap();
        assert!(issuer.ends_with(&root.subject));
    }
}

#[test]
fn version_1_has_no_extensions() {
    let pki = pki("");
    let der = crl(
        &pki,
        "issuing",
        "revokes = [\"peer\"]\nreason = 1\nversion1 = true\nnumber = 2",
    );
    let crl = read(&der);
    assert_eq!(crl.version(), None);
    assert!(crl.extensions().is_empty());
    assert!(
        crl.iter_revoked_certificates()
            .all(|entry| entry.extensions().is_empty())
    );
    assert!(is_signed_by(&crl, &pki, "issuing"));
    assert_eq!(
        &*self::crl(&pki, "issuing", "replace = \"c0ffee\""),
        [0xc0, 0xff, 0xee]
    );
}

#[test]
fn verifiers_refuse_the_revoked_and_no_other() {
    let pki = pki("[other]\nlike = \"peer\"");
    let list = crl(&pki, "issuing", "revokes = [\"peer\"]\nreason = 1");
    let empty = crl(&pki, "root", "");
    let mut roots = RootCertStore::empty();
    roots
        .add(pki.certificate("root").unwrap().der.clone())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .with_crls([list.clone(), empty.clone()])
        .build()
        .unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(NOW.unsigned_abs()));
    let verdict = |entry: &str| {
        let chain = pki.identity(None, None, entry).unwrap().chain;
        verifier.verify_client_cert(&chain[0], &chain[1..], now)
    };
    assert_eq!(
        verdict("peer").unwrap_err(),
        rustls::CertificateError::Revoked.into()
    );
    verdict("other").unwrap();

    let crls = [list, empty].map(|der| {
        rsa::pkcs8::der::pem::encode_string("X509 CRL", Default::default(), &der).unwrap()
    });
    for (entry, revoked) in [("peer", true), ("other", false)] {
        let leaf = pki.certificate(entry).unwrap();
        let issuing = pki.certificate("issuing").unwrap();
        let root = pki.certificate("root").unwrap();
        let now = NOW.to_string();
        let arguments = [
            "verify",
            "-attime",
            &now,
            "-crl_check_all",
            "-CAfile",
            "root.pem",
            "-untrusted",
            "issuing.pem",
            "-CRLfile",
            "crl.pem",
            "leaf.pem",
        ];
        if let Some((verified, text)) = openssl(
            &arguments,
            &[
                ("leaf.pem", &pem(&[&leaf.der])),
                ("issuing.pem", &pem(&[&issuing.der])),
                ("root.pem", &pem(&[&root.der])),
                ("crl.pem", crls.concat().as_bytes()),
            ],
        ) {
            assert_eq!(verified, !revoked, "{text}");
            assert_eq!(text.contains("certificate revoked"), revoked, "{text}");
        }
    }
}

fn staple(pki: &Pki, lines: &str) -> Vec<u8> {
    let recipe: OcspRecipe = toml::from_str(lines).unwrap();
    pki.staple(&recipe).unwrap()
}

/// `openssl ocsp` on a response about `certificate`.
fn openssl_ocsp(pki: &Pki, response: &[u8], certificate: &str) -> Option<(bool, String)> {
    let der = |entry: &str| pem(&[&pki.certificate(entry).unwrap().der]);
    openssl(
        &[
            "ocsp",
            "-respin",
            "r.der",
            "-text",
            "-issuer",
            "issuing.pem",
            "-cert",
            "c.pem",
            "-CAfile",
            "root.pem",
            "-verify_other",
            "issuing.pem",
            "-no_nonce",
        ],
        &[
            ("r.der", response),
            ("c.pem", &der(certificate)),
            ("issuing.pem", &der("issuing")),
            ("root.pem", &der("root")),
        ],
    )
}

/// A PKI that is valid today: `openssl ocsp` knows no other time.
fn pki_of_today(tables: &str) -> Pki {
    let mint = Mint::new(Clock::start(), Seed(7), pool());
    mint.pki(&recipes(tables), Role::Client, "today").unwrap()
}

#[test]
fn openssl_reads_what_is_stapled() {
    let pki = pki_of_today("[other]\nlike = \"peer\"");
    for (status, words) in [
        ("good", "c.pem: good"),
        ("revoked", "c.pem: revoked"),
        ("unknown", "c.pem: unknown"),
    ] {
        let response = staple(&pki, &format!("status = \"{status}\""));
        if let Some((verified, text)) = openssl_ocsp(&pki, &response, "peer") {
            assert!(
                verified && text.contains("Response verify OK"),
                "{status}: {text}"
            );
            assert!(text.contains(words), "{status}: {text}");
            assert!(!text.contains("Status times invalid"), "{status}: {text}");
        }
    }

    let expired = staple(&pki, "this-update = \"-3d\"\nnext-update = \"-2d\"");
    if let Some((_, text)) = openssl_ocsp(&pki, &expired, "peer") {
        assert!(text.contains("Status times invalid"), "{text}");
    }
    let flipped = staple(&pki, "flip-signature = true");
    if let Some((verified, text)) = openssl_ocsp(&pki, &flipped, "peer") {
        assert!(
            !verified && text.contains("Response Verify Failure"),
            "{text}"
        );
    }
    let of_other = staple(&pki, "certificate = \"other\"");
    if let Some((_, text)) = openssl_ocsp(&pki, &of_other, "peer") {
        assert!(text.contains("No Status found"), "{text}");
    }
    if let Some((_, text)) = openssl_ocsp(&pki, &of_other, "other") {
        assert!(text.contains("c.pem: good"), "{text}");
    }
    let later = staple(&pki, "status = \"try-later\"");
    if let Some((_, text)) = openssl_ocsp(&pki, &later, "peer") {
        assert!(text.contains("trylater (3)"), "{text}");
    }
}

#[test]
fn delegated_responders_bring_their_certificate() {
    let pki = pki_of_today(
        "[responder]\nlike = \"peer\"\neku = [\"ocsp-signing\"]\n[stranger]\nlike = \"peer\"",
    );
    let delegated = staple(&pki, "signed-by = \"responder\"");
    let responder = pki.certificate("responder").unwrap().der.to_vec();
    let holds = |response: &[u8]| {
        response
            .windows(responder.len())
            .any(|part| part == responder)
    };
    assert!(holds(&delegated));
    assert!(!holds(&staple(&pki, "")));
    if let Some((verified, text)) = openssl_ocsp(&pki, &delegated, "peer") {
        assert!(verified && text.contains("Response verify OK"), "{text}");
    }
    let usurped = staple(&pki, "signed-by = \"stranger\"");
    if let Some((verified, text)) = openssl_ocsp(&pki, &usurped, "peer") {
        assert!(!verified, "{text}");
    }
}

#[test]
fn responses_are_what_rfc_6960_says() {
    let pki = mint().pki(&recipes(""), Role::Client, "ocsp").unwrap();
    let response = staple(
        &pki,
        "this-update = \"-60s\"\nnext-update = \"+60s\"\nstatus = \"revoked\"",
    );
    let fields = children(&response);
    assert_eq!(fields[0], [0x0a, 1, 0]);
    let bytes = children(&children(&fields[1])[0]);
    let basic = children(&bytes[1][header(&bytes[1])..]);
    assert_eq!(basic.len(), 3, "no certificates where the issuer signs");
    let data = children(&basic[0]);
    assert_eq!(data[0][0], 0xa2, "the responder is named by its key");
    assert_eq!(time(&data[1]), "20251231235900Z");
    let single = children(&children(&data[2])[0]);
    let id = children(&single[0]);
    assert_eq!(id[0], [0x30, 9, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0]);
    let sha1 = |octets: &[u8]| {
        let digest =
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, octets);
        digest.as_ref().to_vec()
    };
    let issuing = pki.certificate("issuing").unwrap();
    assert_eq!(id[1][2..], sha1(&issuing.subject));
    let (_, spki) = SubjectPublicKeyInfo::from_der(&issuing.spki).unwrap();
    assert_eq!(id[2][2..], sha1(&spki.subject_public_key.data));
    assert_eq!(data[0][4..], sha1(&spki.subject_public_key.data));
    assert_eq!(id[3][2..], pki.certificate("peer").unwrap().serial);
    assert_eq!(single[1][0], 0xa1);
    assert_eq!(time(&single[2]), "20251231235900Z");
    assert_eq!(time(&children(&single[3])[0]), "20260101000100Z");
    let (_, algorithm) = AlgorithmIdentifier::from_der(&basic[1]).unwrap();
    assert!(verifies(
        &algorithm,
        &basic[0],
        &basic[2][header(&basic[2]) + 1..],
        &issuing.spki
    ));

    let good = staple(&pki, "");
    assert!(good.windows(2).any(|octets| octets == [0x80, 0]));
    assert_eq!(
        staple(&pki, "status = \"try-later\""),
        [0x30, 3, 0x0a, 1, 3]
    );
    assert_eq!(staple(&pki, "replace = \"00\""), [0]);
}

/// The octets of the tag and the length of a value.
fn header(der: &[u8]) -> usize {
    let (_, any) = x509_parser::asn1_rs::Any::from_der(der).unwrap();
    der.len() - any.data.len()
}

fn time(der: &[u8]) -> &str {
    assert_eq!(der[0], 0x18);
    std::str::from_utf8(&der[2..]).unwrap()
}
