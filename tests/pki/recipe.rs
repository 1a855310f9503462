//! What a recipe says of names, times, numbers and keys shows in the certificate; the extensions
//! have a file of their own.

use proptest::prelude::*;
use x509_parser::prelude::*;

use crate::support::{
    NOW, der, extension, is_signed_by, openssl, openssl_verify, parse, peer, pem, pki, try_pki,
};

#[test]
fn subjects_stand_as_listed_in_the_string_type_asked_for() {
    let der = peer(
        r#"subject = ["C=DE", "O(printable)=a", "CN=first", "CN=second", "OU(bmp)=é", "L(teletex)=é",
                      "email(ia5)=x@y", "2.5.4.9=street", "ST(utf8)=ß", "DC=example"]"#,
    );
    let certificate = parse(&der);
    let attributes: Vec<(String, u32, Vec<u8>)> = certificate
        .subject()
        .iter_attributes()
        .map(|attribute| {
            let value = attribute.attr_value();
            let oid = attribute.attr_type().to_id_string();
            (oid, value.tag().0, value.data.to_vec())
        })
        .collect();
    let expected: Vec<(&str, u32, &[u8])> = vec![
        ("2.5.4.6", 19, b"DE"),
        ("2.5.4.10", 19, b"a"),
        ("2.5.4.3", 12, b"first"),
        ("2.5.4.3", 12, b"second"),
        ("2.5.4.11", 30, &[0x00, 0xe9]),
        ("2.5.4.7", 20, &[0xe9]),
        ("1.2.840.113549.1.9.1", 22, b"x@y"),
        ("2.5.4.9", 12, b"street"),
        ("2.5.4.8", 12, "ß".as_bytes()),
        ("0.9.2342.19200300.100.1.25", 22, b"example"),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(oid, tag, data)| (oid.to_owned(), tag, data.to_vec()))
        .collect();
    assert_eq!(attributes, expected);
    assert_eq!(certificate.subject().iter_rdn().count(), expected.len());
}

#[test]
fn the_issuer_is_called_what_its_own_certificate_says() {
    let pki = pki("[issuing]\nsubject = [\"CN=two\", \"CN=names\", \"O(bmp)=b\"]");
    let issuing = pki.certificate("issuing").unwrap();
    let peer = pki.certificate("peer").unwrap();
    assert_eq!(
        parse(&peer.der).issuer().as_raw(),
        parse(&issuing.der).subject().as_raw()
    );
    assert_eq!(parse(&issuing.der).subject().as_raw(), &*issuing.subject);
}

#[test]
fn names_of_every_kind() {
    let der = peer(
        r#"names = ["a.example", "127.0.0.1", "::1", "spiffe://a/b", "a@b.example", "dns:10.0.0.1",
                    "uri:urn:x", "email:plain", "ip:10.1.2.3", "dns-hex:612e00ff", "other:someone",
                    "*.example"]"#,
    );
    let certificate = parse(&der);
    let names = certificate.subject_alternative_name().unwrap().unwrap();
    assert!(!names.critical);
    let expected = [
        GeneralName::DNSName("a.example"),
        GeneralName::IPAddress(&[127, 0, 0, 1]),
        GeneralName::IPAddress(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        GeneralName::URI("spiffe://a/b"),
        GeneralName::RFC822Name("a@b.example"),
        GeneralName::DNSName("10.0.0.1"),
        GeneralName::URI("urn:x"),
        GeneralName::RFC822Name("plain"),
        GeneralName::IPAddress(&[10, 1, 2, 3]),
    ];
    let found = &names.value.general_names;
    assert_eq!(found[..9], expected);
    assert!(matches!(found[9], GeneralName::Invalid(_, b"a.\0\xff")));
    assert!(matches!(&found[10], GeneralName::OtherName(oid, value)
        if oid.to_id_string() == "1.3.6.1.4.1.311.20.2.3" && value.ends_with(b"someone")));
    assert_eq!(found[11], GeneralName::DNSName("*.example"));
    assert_eq!(found.len(), 12);
}

#[test]
fn names_may_be_critical_or_none_or_many() {
    let der = peer("names-critical = true");
    let critical = parse(&der);
    assert!(
        critical
            .subject_alternative_name()
            .unwrap()
            .unwrap()
            .critical
    );

    let der = peer("subject = []");
    let nameless = parse(&der);
    assert_eq!(nameless.subject().iter_rdn().count(), 0);
    // RFC 5280 section 4.2.1.6 asks for it where the subject is empty.
    assert!(
        nameless
            .subject_alternative_name()
            .unwrap()
            .unwrap()
            .critical
    );
    let der = peer("subject = []\nnames-critical = false");
    assert!(
        !parse(&der)
            .subject_alternative_name()
            .unwrap()
            .unwrap()
            .critical
    );

    let der = peer("names = []");
    assert_eq!(
        extension(&parse(&der), "2.5.29.17").unwrap().value,
        [0x30, 0]
    );

    let der = peer("filler-names = 1000");
    let many = parse(&der);
    let names = many.subject_alternative_name().unwrap().unwrap();
    assert_eq!(names.value.general_names.len(), 1003);
    assert_eq!(
        names.value.general_names[1002],
        GeneralName::DNSName("filler-999.gauntlet.test")
    );
}

#[test]
fn validity_is_relative_or_absolute_and_changes_its_type_in_2050() {
    let der = peer("not-before = \"-90s\"\nnot-after = \"+2d\"");
    let validity = parse(&der).validity().clone();
    assert_eq!(validity.not_before.timestamp(), NOW - 90);
    assert_eq!(validity.not_after.timestamp(), NOW + 2 * 86_400);
    assert!(validity.not_after.is_utctime());

    let der = peer("not-before = \"1949-12-31T23:59:59Z\"\nnot-after = \"2050-01-01T00:00:00Z\"");
    let validity = parse(&der).validity().clone();
    assert_eq!(validity.not_before.timestamp(), -631_152_001);
    assert_eq!(validity.not_after.timestamp(), 2_524_608_000);
    assert!(validity.not_before.is_generalizedtime());
    assert!(validity.not_after.is_generalizedtime());

    let der = peer("not-after = \"2049-12-31T23:59:59Z\"");
    assert!(parse(&der).validity().not_after.is_utctime());

    let error = pki("[peer]\nnot-after = \"9000y\"")
        .certificate("peer")
        .unwrap_err();
    assert!(error.to_string().contains("0 to 9999"), "{error}");
}

#[test]
fn serials_are_magnitudes() {
    for (text, octets) in [
        ("0", &[0_u8][..]),
        ("7f", &[0x7f]),
        ("80", &[0, 0x80]),
        ("0001", &[1]),
        ("fff", &[0x0f, 0xff]),
        (
            "ffffffffffffffffffffffffffffffffffffffffff",
            &[&[0][..], &[0xff; 21]].concat(),
        ),
    ] {
        let pki = pki(&format!("[peer]\nserial = \"{text}\""));
        let minted = pki.certificate("peer").unwrap();
        assert_eq!(parse(&minted.der).raw_serial(), octets, "{text}");
        assert_eq!(minted.serial, octets, "{text}");
    }
    let drawn = peer("");
    let drawn = parse(&drawn).raw_serial().to_vec();
    assert_eq!(drawn.len(), 16);
    assert!((0x40..0x80).contains(&drawn[0]));
}

#[test]
fn every_kind_of_key_signs_and_is_certified() {
    for (kind, algorithm) in [
        ("p256", "1.2.840.10045.2.1"),
        ("p384", "1.2.840.10045.2.1"),
        ("p521", "1.2.840.10045.2.1"),
        ("ed25519", "1.3.101.112"),
        ("rsa1024", "1.2.840.113549.1.1.1"),
        ("rsa2048", "1.2.840.113549.1.1.1"),
        ("rsa3072", "1.2.840.113549.1.1.1"),
        ("ml-dsa44", "2.16.840.1.101.3.4.3.17"),
        ("ml-dsa65", "2.16.840.1.101.3.4.3.18"),
        ("ml-dsa87", "2.16.840.1.101.3.4.3.19"),
    ] {
        let pki = pki(&format!(
            "[issuing]\nkey = \"{kind}\"\n[peer]\nkey = \"{kind}\""
        ));
        let issuing = pki.certificate("issuing").unwrap();
        let peer = pki.certificate("peer").unwrap();
        let certificate = parse(&peer.der);
        let found = &certificate.public_key().algorithm.algorithm;
        assert_eq!(found.to_id_string(), algorithm, "{kind}");
        assert_eq!(certificate.public_key().raw, &**peer.key.spki_der());
        assert!(is_signed_by(&certificate, &issuing.spki), "{kind}");
        // OpenSSL 3.0 knows no ML-DSA, and calls RSA-1024 too weak at its default level.
        let root = pki.certificate("root").unwrap();
        if kind.starts_with("ml-dsa") {
            continue;
        }
        if let Some((verified, text)) =
            openssl_verify(&peer.der, &issuing.der, &root.der, &["-auth_level", "0"])
        {
            assert!(verified, "{kind}: {text}");
        }
    }
}

#[test]
fn issuers_sign_as_they_are_told() {
    for (signature, algorithm) in [
        ("rsa-md5", "1.2.840.113549.1.1.4"),
        ("rsa-sha1", "1.2.840.113549.1.1.5"),
        ("rsa-sha256", "1.2.840.113549.1.1.11"),
        ("rsa-sha384", "1.2.840.113549.1.1.12"),
        ("rsa-sha512", "1.2.840.113549.1.1.13"),
        ("rsa-pss-sha256", "1.2.840.113549.1.1.10"),
        ("rsa-pss-short-salt", "1.2.840.113549.1.1.10"),
    ] {
        let pki = pki(&format!(
            "[issuing]\nkey = \"rsa2048\"\n[peer]\nsignature = \"{signature}\""
        ));
        let issuing = pki.certificate("issuing").unwrap();
        let root = pki.certificate("root").unwrap();
        let minted = pki.certificate("peer").unwrap();
        let certificate = parse(&minted.der);
        let found = certificate.signature_algorithm.algorithm.to_id_string();
        assert_eq!(found, algorithm, "{signature}");
        assert_eq!(
            certificate.signature_algorithm,
            certificate.tbs_certificate.signature
        );
        if !["rsa-md5", "rsa-pss-short-salt"].contains(&signature) {
            assert!(is_signed_by(&certificate, &issuing.spki), "{signature}");
        }
        let verify =
            |leaf: &[u8]| openssl_verify(leaf, &issuing.der, &root.der, &["-auth_level", "0"]);
        if let Some((verified, text)) = verify(&minted.der) {
            assert!(verified, "{signature}: {text}");
            let mut flipped = minted.der.to_vec();
            *flipped.last_mut().unwrap() ^= 1;
            let (verified, text) = verify(&flipped).unwrap();
            assert!(!verified, "{signature}: {text}");
        }
    }
    let error = pki("[peer]\nsignature = \"rsa-sha1\"")
        .certificate("peer")
        .unwrap_err();
    assert!(error.to_string().contains("rsa2048"), "{error}");
}

#[test]
fn the_short_salt_has_twenty_octets() {
    let tables = "[issuing]\nkey = \"rsa2048\"\n[peer]\nsignature = \"rsa-pss-short-salt\"";
    let der = der(tables, "peer");
    if let Some((true, text)) = openssl(
        &["x509", "-noout", "-text", "-in", "c.pem"],
        &[("c.pem", &pem(&[&der]))],
    ) {
        assert!(text.contains("Salt Length: 0x14"), "{text}");
        assert!(text.contains("Hash Algorithm: sha256"), "{text}");
    }
}

#[test]
fn what_cannot_be_is_said() {
    for (tables, words) in [
        ("[peer]\nissuer = \"nobody\"", "no entry `nobody`"),
        ("[peer]\nkey-of = \"nobody\"", "no entry `nobody`"),
        ("[rogue]", "like = "),
        ("[rogue]\nlike = \"rogue\"", "not a baseline entry"),
        (
            "[issuing]\nissuer = \"a\"\n[a]\nlike = \"issuing\"\nissuer = \"issuing\"",
            "circle",
        ),
        (
            "[peer]\nkey-of = \"target\"\n[target]\nkey-of = \"peer\"",
            "circle",
        ),
        ("[peer]\nkey-of = \"peer\"", "circle"),
        ("[peer]\nkey-of = \"target\"\nkey = \"p384\"", "both"),
        ("[issuing]\nchain = 0", "chain"),
        ("[root]\nchain = 2", "chain"),
        ("[peer]\ncopies = 0", "copies"),
        (
            "[issuing]\nchain = 3\n[issuing-1]\nlike = \"peer\"",
            "issuing-1",
        ),
    ] {
        let error = try_pki(tables).expect_err(tables);
        assert!(error.to_string().contains(words), "{tables}: {error}");
    }
    for (lines, words) in [
        ("subject = [\"peer\"]", "CN=name"),
        ("subject = [\"XY=peer\"]", "attribute type"),
        ("subject = [\"CN(latin)=peer\"]", "string type"),
        ("subject = [\"CN(printable)=é\"]", "ASCII"),
        ("subject = [\"CN(bmp)=😀\"]", "basic plane"),
        ("names = [\"ip:x\"]", "IP address"),
        ("names = [\"dns-hex:0\"]", "hexadecimal"),
        ("serial = \"xyz\"", "hexadecimal"),
        ("serial = \"\"", "1 to 100"),
        ("policies = [\"x\"]", "object identifier"),
        ("filler-names = 4000000000", "more than"),
        ("mangle = [{ many-rdns = 4000000000 }]", "more than"),
        ("ski = \"x\"", "hexadecimal"),
        (
            "name-constraints = { permitted = [\"example.com\"] }",
            "dns:",
        ),
        (
            "name-constraints = { permitted = [\"ip:10.0.0.0/33\"] }",
            "network",
        ),
        (
            "extensions = [{ oid = \"1.2.3\", value = \"f\" }]",
            "hexadecimal",
        ),
    ] {
        let error = pki(&format!("[peer]\n{lines}"))
            .certificate("peer")
            .expect_err(lines);
        let text = error.to_string();
        assert!(
            text.contains(words) && text.contains("`peer`"),
            "{lines}: {text}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is asked for parses back to what was asked for.
    #[test]
    fn recipes_parse_back(
        labels in prop::collection::vec("[a-z]{1,12}\\.example", 1..5),
        words in prop::collection::vec("[A-Za-z0-9 é]{1,16}", 1..4),
        before in -4_000_000_000_i64..4_000_000_000,
        lifetime in 0_i64..4_000_000_000,
        usages in prop::sample::subsequence(
            vec!["digital-signature", "content-commitment", "key-encipherment",
                 "data-encipherment", "key-agreement", "key-cert-sign", "crl-sign"], 1..7),
        ca in any::<bool>(),
        path_len in prop::option::of(any::<u8>()),
        serial in prop::collection::vec(any::<u8>(), 1..20),
        critical in any::<bool>(),
    ) {
        let quoted = |words: &[String]| {
            words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
        };
        let subject: Vec<String> = words.iter().map(|word| format!("CN={word}")).collect();
        let hex: String = serial.iter().map(|octet| format!("{octet:02x}")).collect();
        let mut lines = format!(
            "names = [{}]\nsubject = [{}]\nnot-before = \"{before:+}s\"\nnot-after = \"{:+}s\"\n\
             key-usage = {usages:?}\nca = {ca}\nserial = \"{hex}\"\nnames-critical = {critical}\n",
            quoted(&labels), quoted(&subject), before + lifetime,
        );
        if let Some(length) = path_len {
            lines.push_str(&format!("path-len = {length}\n"));
        }
        let pki = pki(&format!("[peer]\n{lines}"));
        let minted = pki.certificate("peer").unwrap();
        let certificate = parse(&minted.der);

        let names = certificate.subject_alternative_name().unwrap().unwrap();
        prop_assert_eq!(names.critical, critical);
        let expected: Vec<_> = labels.iter().map(|label| GeneralName::DNSName(label)).collect();
        prop_assert_eq!(&names.value.general_names, &expected);
        let found: Vec<_> = certificate.subject().iter_common_name()
            .map(|name| name.as_str().unwrap().to_owned()).collect();
        prop_assert_eq!(found, words);
        prop_assert_eq!(certificate.validity().not_before.timestamp(), NOW + before);
        prop_assert_eq!(certificate.validity().not_after.timestamp(), NOW + before + lifetime);
        let flags = usages.iter().map(|usage| match *usage {
            "digital-signature" => 1, "content-commitment" => 2, "key-encipherment" => 4,
            "data-encipherment" => 8, "key-agreement" => 16, "key-cert-sign" => 32, _ => 64,
        }).sum::<u16>();
        prop_assert_eq!(certificate.key_usage().unwrap().unwrap().value.flags, flags);
        let constraints = certificate.basic_constraints().unwrap().unwrap().value;
        prop_assert_eq!(constraints.ca, ca);
        prop_assert_eq!(constraints.path_len_constraint, path_len.map(u32::from));
        let magnitude: Vec<u8> = serial.iter().copied().skip_while(|octet| *octet == 0).collect();
        prop_assert_eq!(certificate.tbs_certificate.serial.to_bytes_be(),
            if magnitude.is_empty() { vec![0] } else { magnitude });
        prop_assert!(is_signed_by(&certificate, &pki.certificate("issuing").unwrap().spki));
    }
}
