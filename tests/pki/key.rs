//! Keys load, sign and are made once.

use std::sync::Arc;
use std::thread;

use mtls_gauntlet::pki::key::KeyPool;
use mtls_gauntlet::pki::recipe::{KeyKind, SignatureKind};
use mtls_gauntlet::seed::Seed;
use rsa::pkcs8::DecodePrivateKey;
use rustls::SignatureScheme;
use x509_parser::prelude::*;

use crate::support::{openssl, pool};

const KINDS: [KeyKind; 10] = [
    KeyKind::P256,
    KeyKind::P384,
    KeyKind::P521,
    KeyKind::Ed25519,
    KeyKind::Rsa1024,
    KeyKind::Rsa2048,
    KeyKind::Rsa3072,
    KeyKind::MlDsa44,
    KeyKind::MlDsa65,
    KeyKind::MlDsa87,
];

#[test]
fn keys_are_files_that_openssl_reads() {
    for kind in KINDS {
        let key = pool().key(kind, "file").unwrap();
        assert_eq!(key.kind(), kind);
        let pem = key.pem();
        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"), "{kind:?}");
        let (label, der) = rsa::pkcs8::der::pem::decode_vec(pem.as_bytes()).unwrap();
        assert_eq!((label, der.as_slice()), ("PRIVATE KEY", key.pkcs8_der()));
        if matches!(kind, KeyKind::MlDsa44 | KeyKind::MlDsa65 | KeyKind::MlDsa87) {
            continue;
        }
        if let Some((read, text)) = openssl(
            &[
                "pkey", "-in", "k.pem", "-pubout", "-outform", "DER", "-out", "k.der",
            ],
            &[("k.pem", pem.as_bytes())],
        ) {
            assert!(read, "{kind:?}: {text}");
        }
    }
}

#[test]
fn public_keys_are_those_of_the_private_keys() {
    for kind in KINDS {
        let key = pool().key(kind, "public").unwrap();
        let (rest, spki) = SubjectPublicKeyInfo::from_der(key.spki_der()).unwrap();
        assert!(rest.is_empty());
        let own = key.signer().public_key().map(|spki| spki.to_vec());
        if let Some(own) = own {
            assert_eq!(own, **key.spki_der(), "{kind:?}");
        }
        let bits = match kind {
            KeyKind::Rsa1024 => 1024,
            KeyKind::Rsa2048 => 2048,
            KeyKind::Rsa3072 => 3072,
            _ => continue,
        };
        assert_eq!(spki.parsed().unwrap().key_size(), bits);
        let private = rsa::RsaPrivateKey::from_pkcs8_der(key.pkcs8_der()).unwrap();
        private.validate().unwrap();
    }
}

#[test]
fn handshakes_are_signed_with_what_is_offered() {
    use SignatureScheme as Scheme;
    for (kind, scheme) in [
        (KeyKind::P256, Scheme::ECDSA_NISTP256_SHA256),
        (KeyKind::P384, Scheme::ECDSA_NISTP384_SHA384),
        (KeyKind::P521, Scheme::ECDSA_NISTP521_SHA512),
        (KeyKind::Ed25519, Scheme::ED25519),
        (KeyKind::Rsa1024, Scheme::RSA_PSS_SHA256),
        (KeyKind::Rsa1024, Scheme::RSA_PKCS1_SHA256),
        (KeyKind::Rsa2048, Scheme::RSA_PSS_SHA256),
        (KeyKind::MlDsa44, Scheme::ML_DSA_44),
        (KeyKind::MlDsa65, Scheme::ML_DSA_65),
        (KeyKind::MlDsa87, Scheme::ML_DSA_87),
    ] {
        let key = pool().key(kind, "handshake").unwrap();
        let signer = key.signer().choose_scheme(&[scheme]).unwrap();
        assert_eq!(signer.scheme(), scheme);
        let signature = signer.sign(b"message").unwrap();
        assert!(
            openssl_or_library(kind, scheme, key.spki_der(), &signature),
            "{kind:?} {scheme:?}"
        );
        assert!(
            key.signer()
                .choose_scheme(&[Scheme::RSA_PKCS1_SHA1])
                .is_none()
        );
    }
    let weak = pool().key(KeyKind::Rsa1024, "handshake").unwrap();
    let both = [Scheme::RSA_PKCS1_SHA256, Scheme::RSA_PSS_SHA256];
    let signer = weak.signer().choose_scheme(&both).unwrap();
    assert_eq!(signer.scheme(), Scheme::RSA_PSS_SHA256);
}

/// Verifies a handshake's signature over "message" with another's code.
fn openssl_or_library(
    kind: KeyKind,
    scheme: SignatureScheme,
    spki: &[u8],
    signature: &[u8],
) -> bool {
    use rustls::crypto::aws_lc_rs::default_provider;
    if kind != KeyKind::Rsa1024 {
        let supported = default_provider().signature_verification_algorithms;
        let (_, public) = SubjectPublicKeyInfo::from_der(spki).unwrap();
        let mapped = supported.mapping.iter().find(|(found, _)| *found == scheme);
        return mapped.unwrap().1.iter().any(|algorithm| {
            algorithm
                .verify_signature(&public.subject_public_key.data, b"message", signature)
                .is_ok()
        });
    }
    let mut arguments = vec![
        "dgst",
        "-sha256",
        "-verify",
        "k.der",
        "-keyform",
        "DER",
        "-signature",
        "s",
        "m",
    ];
    if scheme == SignatureScheme::RSA_PSS_SHA256 {
        let padding = [
            "-sigopt",
            "rsa_padding_mode:pss",
            "-sigopt",
            "rsa_pss_saltlen:32",
        ];
        arguments.splice(2..2, padding);
    }
    let files: [(&str, &[u8]); 3] = [("k.der", spki), ("s", signature), ("m", b"message")];
    openssl(&arguments, &files).is_none_or(|(verified, _)| verified)
}

#[test]
fn signatures_of_legacy_kinds_need_an_rsa_key() {
    let key = pool().key(KeyKind::P256, "legacy").unwrap();
    let error = key
        .sign(Some(SignatureKind::RsaMd5), b"message")
        .unwrap_err();
    assert!(error.to_string().contains("RSA"), "{error}");

    let key = pool().key(KeyKind::Rsa2048, "legacy").unwrap();
    for (kind, digest) in [
        (SignatureKind::RsaMd5, "-md5"),
        (SignatureKind::RsaSha1, "-sha1"),
    ] {
        let signature = key.sign(Some(kind), b"message").unwrap();
        let files: [(&str, &[u8]); 3] = [
            ("k.der", key.spki_der()),
            ("s", &signature),
            ("m", b"message"),
        ];
        let arguments = [
            "dgst",
            digest,
            "-verify",
            "k.der",
            "-keyform",
            "DER",
            "-signature",
            "s",
            "m",
        ];
        if let Some((verified, text)) = openssl(&arguments, &files) {
            assert!(verified, "{kind:?}: {text}");
            let other = arguments.map(|word| if word == digest { "-sha512" } else { word });
            assert!(!openssl(&other, &files).unwrap().0);
        }
    }
}

#[test]
fn a_slot_has_one_key_and_another_slot_another() {
    let pool = Arc::new(KeyPool::new(Seed(1)));
    let keys = thread::scope(|scope| {
        let asked: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| pool.key(KeyKind::Rsa2048, "one").unwrap()))
            .collect();
        asked
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert!(keys.windows(2).all(|pair| Arc::ptr_eq(&pair[0], &pair[1])));
    let other = pool.key(KeyKind::P256, "two").unwrap();
    assert!(!Arc::ptr_eq(
        &other,
        &pool.key(KeyKind::P256, "one").unwrap()
    ));
    assert!(Arc::ptr_eq(
        &other,
        &pool.key(KeyKind::P256, "two").unwrap()
    ));
}

#[test]
fn the_baseline_s_leaves_share_their_rsa_keys_and_authorities_none() {
    let pool = Arc::new(KeyPool::new(Seed(1)));
    let kinds = ["root", "peer"].map(|slot| (KeyKind::Rsa1024, slot.to_owned()));
    pool.warm(kinds.to_vec());
    let key = |slot: &str| pool.key(KeyKind::Rsa1024, slot).unwrap();
    assert!(!Arc::ptr_eq(&key("root"), &key("issuing")));
    assert!(Arc::ptr_eq(&key("peer"), &key("target")));
    assert!(Arc::ptr_eq(&key("peer"), &key(KeyPool::LEAF)));
    assert!(!Arc::ptr_eq(&key("peer"), &key("root")));
    let key = |slot: &str| pool.key(KeyKind::P256, slot).unwrap();
    assert!(!Arc::ptr_eq(&key("root"), &key("issuing")));
}

#[test]
fn weak_keys_repeat_with_the_seed() {
    let spki = |seed: u64| {
        let pool = KeyPool::new(Seed(seed));
        pool.key(KeyKind::Rsa1024, "weak")
            .unwrap()
            .spki_der()
            .to_vec()
    };
    assert_eq!(spki(1), spki(1));
    assert_ne!(spki(1), spki(2));
}

#[test]
fn nothing_secret_is_printed() {
    let key = pool().key(KeyKind::Rsa1024, "printed").unwrap();
    assert_eq!(format!("{key:?}"), "Key { kind: Rsa1024, .. }");
    assert_eq!(format!("{:?}", key.signer()), "RsaCrateKey { .. }");
}
