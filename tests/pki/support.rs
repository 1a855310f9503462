//! What every test of the PKI starts from, and the judges that are not ours.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, LazyLock};

use aws_lc_rs::signature::{self as aws, UnparsedPublicKey, VerificationAlgorithm};
use mtls_gauntlet::clock::Clock;
use mtls_gauntlet::pki::PkiError;
use mtls_gauntlet::pki::key::KeyPool;
use mtls_gauntlet::pki::mint::{Mint, Pki};
use mtls_gauntlet::pki::recipe::Recipes;
use mtls_gauntlet::scenario::Role;
use mtls_gauntlet::seed::Seed;
use x509_parser::asn1_rs::Any;
use x509_parser::prelude::*;

/// The second that the tests' clock shows: 2026-01-01T00:00:00Z.
pub const NOW: i64 = 1_767_225_600;

/// One pool for all tests, so that each RSA key is made once.
static POOL: LazyLock<Arc<KeyPool>> = LazyLock::new(|| Arc::new(KeyPool::new(Seed(7))));

/// The pool of all tests.
pub fn pool() -> Arc<KeyPool> {
    Arc::clone(&POOL)
}

/// A mint with nothing minted.
pub fn mint() -> Arc<Mint> {
    Mint::new(Clock::at(NOW), Seed(7), pool())
}

/// The PKI that these tables (`[peer]`, `[issuing]`, ...) describe for a target that is a server.
pub fn pki(tables: &str) -> Pki {
    try_pki(tables).unwrap()
}

/// The same, or why it cannot be.
pub fn try_pki(tables: &str) -> Result<Pki, PkiError> {
    mint().pki(&recipes(tables), Role::Server, "test")
}

/// The recipes in these tables.
pub fn recipes(tables: &str) -> Recipes {
    toml::from_str(tables).unwrap()
}

/// The DER of one entry in these tables.
pub fn der(tables: &str, entry: &str) -> Vec<u8> {
    pki(tables).certificate(entry).unwrap().der.to_vec()
}

/// The DER of the peer with these lines in its table.
pub fn peer(lines: &str) -> Vec<u8> {
    der(&format!("[peer]\n{lines}"), "peer")
}

/// Reads a certificate to its last octet.
pub fn parse(der: &[u8]) -> X509Certificate<'_> {
    let (rest, certificate) = X509Certificate::from_der(der).unwrap();
    assert!(rest.is_empty(), "octets after the certificate");
    certificate
}

/// The values inside a constructed value.
pub fn children(der: &[u8]) -> Vec<Vec<u8>> {
    let (rest, outer) = Any::from_der(der).unwrap();
    assert!(rest.is_empty());
    let mut left = outer.data;
    let mut found = Vec::new();
    while !left.is_empty() {
        let (rest, _) = Any::from_der(left).unwrap();
        found.push(left[..left.len() - rest.len()].to_vec());
        left = rest;
    }
    found
}

/// The extension with this dotted OID.
pub fn extension<'a, 'b>(
    certificate: &'a X509Certificate<'b>,
    oid: &str,
) -> Option<&'a X509Extension<'b>> {
    certificate
        .extensions()
        .iter()
        .find(|extension| extension.oid.to_id_string() == oid)
}

/// Is `signature` over `message` made by the key in `spki`?
pub fn verifies(
    algorithm: &AlgorithmIdentifier<'_>,
    message: &[u8],
    signature: &[u8],
    spki: &[u8],
) -> bool {
    let algorithm: &'static dyn VerificationAlgorithm =
        match algorithm.algorithm.to_id_string().as_str() {
            "1.2.840.10045.4.3.2" => &aws::ECDSA_P256_SHA256_ASN1,
            "1.2.840.10045.4.3.3" => &aws::ECDSA_P384_SHA384_ASN1,
            "1.2.840.10045.4.3.4" => &aws::ECDSA_P521_SHA512_ASN1,
            "1.3.101.112" => &aws::ED25519,
            "1.2.840.113549.1.1.5" => &aws::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
            "1.2.840.113549.1.1.11" => &aws::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
            "1.2.840.113549.1.1.12" => &aws::RSA_PKCS1_2048_8192_SHA384,
            "1.2.840.113549.1.1.13" => &aws::RSA_PKCS1_2048_8192_SHA512,
            "1.2.840.113549.1.1.10" => &aws::RSA_PSS_2048_8192_SHA256,
            "2.16.840.1.101.3.4.3.17" => &aws::ML_DSA_44,
            "2.16.840.1.101.3.4.3.18" => &aws::ML_DSA_65,
            "2.16.840.1.101.3.4.3.19" => &aws::ML_DSA_87,
            other => panic!("no verifier for the algorithm {other}"),
        };
    let (_, spki) = SubjectPublicKeyInfo::from_der(spki).unwrap();
    UnparsedPublicKey::new(algorithm, &spki.subject_public_key.data)
        .verify(message, signature)
        .is_ok()
}

/// Does the certificate's signature verify with the issuer's key, and does it name the same
/// algorithm twice?
pub fn is_signed_by(certificate: &X509Certificate<'_>, spki: &[u8]) -> bool {
    certificate.signature_algorithm == certificate.tbs_certificate.signature
        && verifies(
            &certificate.signature_algorithm,
            certificate.tbs_certificate.as_ref(),
            &certificate.signature_value.data,
            spki,
        )
}

/// Runs OpenSSL beside these files; its success and all it printed. `None`, and a note, where it is
/// not installed.
pub fn openssl(arguments: &[&str], files: &[(&str, &[u8])]) -> Option<(bool, String)> {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    openssl_in(folder.path(), arguments)
}

fn openssl_in(folder: &Path, arguments: &[&str]) -> Option<(bool, String)> {
    match Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .output()
    {
        Ok(output) => {
            let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.push_str(&String::from_utf8_lossy(&output.stderr));
            Some((output.status.success(), text))
        }
        Err(error) => {
            println!("skipped: openssl does not run here ({error})");
            None
        }
    }
}

/// These certificates as PEM, one after the other.
pub fn pem(certificates: &[&[u8]]) -> Vec<u8> {
    let mut text = String::new();
    for der in certificates {
        text.push_str(
            &rsa::pkcs8::der::pem::encode_string("CERTIFICATE", Default::default(), der).unwrap(),
        );
    }
    text.into_bytes()
}

/// `openssl verify` of a leaf through an intermediate to a root, at the tests' present.
pub fn openssl_verify(
    leaf: &[u8],
    issuing: &[u8],
    root: &[u8],
    more: &[&str],
) -> Option<(bool, String)> {
    let now = NOW.to_string();
    let mut arguments = vec![
        "verify",
        "-attime",
        &now,
        "-CAfile",
        "root.pem",
        "-untrusted",
        "issuing.pem",
    ];
    arguments.extend(more);
    arguments.push("leaf.pem");
    openssl(
        &arguments,
        &[
            ("leaf.pem", &pem(&[leaf])),
            ("issuing.pem", &pem(&[issuing])),
            ("root.pem", &pem(&[root])),
        ],
    )
}
