//! Every field of a recipe shows in the certificate.

use proptest::prelude::*;
use x509_parser::extensions::ParsedExtension;
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
fn basic_constraints_in_every_mixture() {
    let read = |lines: &str| {
        let der = peer(lines);
        let certificate = parse(&der);
        certificate.basic_constraints().unwrap().map(|extension| {
            let value = extension.value;
            (extension.critical, value.ca, value.path_len_constraint)
        })
    };
    assert_eq!(read(""), Some((true, false, None)));
    assert_eq!(read("ca = true"), Some((true, true, None)));
    assert_eq!(read("ca = true\npath-len = 3"), Some((true, true, Some(3))));
    assert_eq!(read("ca = true\npath-len = 0"), Some((true, true, Some(0))));
    assert_eq!(read("path-len = 2"), Some((true, false, Some(2))));
    assert_eq!(
        read("ca = true\npath-len = 1\nbasic-constraints-critical = false"),
        Some((false, true, Some(1)))
    );
    assert_eq!(
        read("basic-constraints-critical = false"),
        Some((false, false, None))
    );
    assert_eq!(read("omit = [\"basic-constraints\"]"), None);
}

#[test]
fn key_usages() {
    let usages = [
        ("digital-signature", 0),
        ("content-commitment", 1),
        ("key-encipherment", 2),
        ("data-encipherment", 3),
        ("key-agreement", 4),
        ("key-cert-sign", 5),
        ("crl-sign", 6),
    ];
    for (name, bit) in usages {
        let der = peer(&format!("key-usage = [\"{name}\"]"));
        let certificate = parse(&der);
        let usage = certificate.key_usage().unwrap().unwrap();
        assert!(usage.critical);
        assert_eq!(usage.value.flags, 1 << bit, "{name}");
    }
    let der = peer("key-usage = [\"digital-signature\", \"crl-sign\"]");
    assert_eq!(
        parse(&der).key_usage().unwrap().unwrap().value.flags,
        0b100_0001
    );
    let der = peer("key-usage = []");
    assert_eq!(
        extension(&parse(&der), "2.5.29.15").unwrap().value,
        [0x03, 1, 0]
    );
    let der = peer("omit = [\"key-usage\"]");
    assert!(parse(&der).key_usage().unwrap().is_none());
}

#[test]
fn extended_key_usages() {
    let der = peer(
        r#"eku = ["server-auth", "client-auth", "any", "code-signing", "ocsp-signing", "1.2.3.4"]
           eku-critical = true"#,
    );
    let certificate = parse(&der);
    let usage = certificate.extended_key_usage().unwrap().unwrap();
    assert!(usage.critical);
    let value = usage.value;
    assert!(value.server_auth && value.client_auth && value.any && value.code_signing);
    assert!(value.ocsp_signing && !value.email_protection && !value.time_stamping);
    assert_eq!(value.other.len(), 1);
    assert_eq!(value.other[0].to_id_string(), "1.2.3.4");

    let der = peer("");
    assert!(!parse(&der).extended_key_usage().unwrap().unwrap().critical);
    let der = peer("eku = []");
    assert_eq!(
        extension(&parse(&der), "2.5.29.37").unwrap().value,
        [0x30, 0]
    );
    let der = peer("omit = [\"eku\"]");
    assert!(extension(&parse(&der), "2.5.29.37").is_none());
    let error = pki("[peer]\neku = [\"client\"]")
        .certificate("peer")
        .unwrap_err();
    assert!(error.to_string().contains("client-auth"), "{error}");
}

#[test]
fn name_constraints_of_every_kind() {
    let der = der(
        r#"[issuing.name-constraints]
           permitted = ["dns:example.com", "ip:10.0.0.0/9", "ip:2001:db8::/33", "uri:.example.com"]
           excluded = ["email:example.com", "dn:O=a, CN=b", "other:someone"]
           filler = 2
           critical = false"#,
        "issuing",
    );
    let certificate = parse(&der);
    let constraints = certificate.name_constraints().unwrap().unwrap();
    assert!(!constraints.critical);
    let permitted: Vec<_> = constraints
        .value
        .permitted_subtrees
        .iter()
        .flatten()
        .collect();
    assert_eq!(permitted[0].base, GeneralName::DNSName("example.com"));
    assert_eq!(
        permitted[1].base,
        GeneralName::IPAddress(&[10, 0, 0, 0, 255, 128, 0, 0])
    );
    let GeneralName::IPAddress(network) = permitted[2].base else {
        panic!("{:?}", permitted[2]);
    };
    assert_eq!(network.len(), 32);
    assert_eq!(network[16..22], [0xff, 0xff, 0xff, 0xff, 0x80, 0]);
    assert_eq!(permitted[3].base, GeneralName::URI(".example.com"));
    assert_eq!(permitted.len(), 4);

    let excluded: Vec<_> = constraints
        .value
        .excluded_subtrees
        .iter()
        .flatten()
        .collect();
    assert_eq!(excluded[0].base, GeneralName::RFC822Name("example.com"));
    assert!(matches!(&excluded[1].base, GeneralName::DirectoryName(name)
        if name.to_string() == "O=a, CN=b"));
    assert!(matches!(excluded[2].base, GeneralName::OtherName(..)));
    assert_eq!(
        excluded[4].base,
        GeneralName::DNSName("filler-1.gauntlet.invalid")
    );
    assert_eq!(excluded.len(), 5);

    let der = self::der(
        "[issuing.name-constraints]\npermitted = [\"dns:a\"]",
        "issuing",
    );
    assert!(parse(&der).name_constraints().unwrap().unwrap().critical);
}

#[test]
fn key_identifiers_follow_the_keys_unless_written() {
    let pki = pki("[rogue]\nlike = \"peer\"\nski = \"0102\"\naki = \"0a:0b\"");
    let identifiers = |entry: &str| {
        let minted = pki.certificate(entry).unwrap();
        let certificate = parse(&minted.der);
        let mut found = (None, None);
        for extension in certificate.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => found.0 = Some(id.0.to_vec()),
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    found.1 = id.key_identifier.as_ref().map(|id| id.0.to_vec());
                }
                _ => {}
            }
            if extension.oid.to_id_string() != "2.5.29.19"
                && extension.oid.to_id_string() != "2.5.29.15"
            {
                assert!(!extension.critical, "{}", extension.oid);
            }
        }
        found
    };
    let (root, root_issuer) = identifiers("root");
    let (issuing, issuing_issuer) = identifiers("issuing");
    let (peer, peer_issuer) = identifiers("peer");
    assert!(root.is_some() && issuing.is_some() && peer.is_some());
    assert_eq!(root_issuer, root);
    assert_eq!(issuing_issuer, root);
    assert_eq!(peer_issuer, issuing);
    assert_ne!(root, issuing);
    assert_eq!(identifiers("rogue"), (Some(vec![1, 2]), Some(vec![10, 11])));
}

#[test]
fn a_written_subject_key_identifier_is_what_the_issued_refer_to() {
    let pki = pki("[issuing]\nski = \"aabb\"");
    let minted = pki.certificate("peer").unwrap();
    let certificate = parse(&minted.der);
    let value = extension(&certificate, "2.5.29.35").unwrap().value;
    assert_eq!(value, [0x30, 4, 0x80, 2, 0xaa, 0xbb]);
}

#[test]
fn omissions_leave_out_what_they_name_and_nothing_else() {
    let oids = |der: &[u8]| -> Vec<String> {
        parse(der)
            .extensions()
            .iter()
            .map(|extension| extension.oid.to_id_string())
            .collect()
    };
    let whole = oids(&peer(""));
    assert_eq!(whole.len(), 6);
    for (word, oid) in [
        ("names", "2.5.29.17"),
        ("eku", "2.5.29.37"),
        ("key-usage", "2.5.29.15"),
        ("basic-constraints", "2.5.29.19"),
        ("ski", "2.5.29.14"),
        ("aki", "2.5.29.35"),
    ] {
        let mut expected: Vec<_> = whole
            .iter()
            .filter(|found| *found != oid)
            .cloned()
            .collect();
        let mut left = oids(&peer(&format!("omit = [\"{word}\"]")));
        expected.sort();
        left.sort();
        assert_eq!(left, expected, "{word}");
    }
    let all = r#"omit = ["names", "eku", "key-usage", "basic-constraints", "ski", "aki"]"#;
    assert!(oids(&peer(all)).is_empty());
}

#[test]
fn pointers_policies_and_features() {
    let der = peer(
        r#"crl-distribution-point = ["http://a/crl", "http://b/crl"]
           ca-issuers = "http://a/issuer"
           must-staple = true
           policies = ["1.2.3", "2.5.29.32.0"]"#,
    );
    let certificate = parse(&der);
    let Some(ParsedExtension::CRLDistributionPoints(points)) =
        extension(&certificate, "2.5.29.31").map(|found| found.parsed_extension())
    else {
        panic!("no distribution point");
    };
    let Some(DistributionPointName::FullName(uris)) = &points.points[0].distribution_point else {
        panic!("{points:?}");
    };
    assert_eq!(
        uris[..],
        [
            GeneralName::URI("http://a/crl"),
            GeneralName::URI("http://b/crl")
        ]
    );
    assert_eq!(points.points.len(), 1);

    let Some(ParsedExtension::AuthorityInfoAccess(access)) =
        extension(&certificate, "1.3.6.1.5.5.7.1.1").map(|found| found.parsed_extension())
    else {
        panic!("no authority information access");
    };
    assert_eq!(
        access.accessdescs[0].access_method.to_id_string(),
        "1.3.6.1.5.5.7.48.2"
    );
    assert_eq!(
        access.accessdescs[0].access_location,
        GeneralName::URI("http://a/issuer")
    );

    let feature = extension(&certificate, "1.3.6.1.5.5.7.1.24").unwrap();
    assert_eq!(
        (feature.critical, feature.value),
        (false, &[0x30, 3, 2, 1, 5][..])
    );

    let Some(ParsedExtension::CertificatePolicies(policies)) =
        extension(&certificate, "2.5.29.32").map(|found| found.parsed_extension())
    else {
        panic!("no policies");
    };
    let policies: Vec<_> = policies
        .iter()
        .map(|p| p.policy_id.to_id_string())
        .collect();
    assert_eq!(policies, ["1.2.3", "2.5.29.32.0"]);
    if let Some((true, text)) = openssl(
        &["x509", "-noout", "-text", "-in", "c.pem"],
        &[("c.pem", &pem(&[&der]))],
    ) {
        assert!(text.contains("status_request"), "{text}");
        assert!(text.contains("CA Issuers - URI:http://a/issuer"), "{text}");
    }
}

#[test]
fn raw_extensions_are_padded_and_nested() {
    let der = peer(
        r#"extensions = [
               { oid = "1.2.3.4", value = "0500" },
               { oid = "1.2.3.5", critical = true, value = "ff", padding = 3 },
               { oid = "1.2.3.6", value = "0500", nesting = 300 },
           ]"#,
    );
    let certificate = parse(&der);
    let plain = extension(&certificate, "1.2.3.4").unwrap();
    assert_eq!((plain.critical, plain.value), (false, &[5, 0][..]));
    let padded = extension(&certificate, "1.2.3.5").unwrap();
    assert_eq!(
        (padded.critical, padded.value),
        (true, &[0xff, 0, 0, 0][..])
    );
    let mut inner = extension(&certificate, "1.2.3.6").unwrap().value.to_vec();
    for depth in 0..300 {
        let (rest, any) = x509_parser::asn1_rs::Any::from_der(&inner).unwrap();
        assert!(rest.is_empty());
        assert_eq!(any.tag().0, 16, "at depth {depth}");
        inner = any.data.to_vec();
    }
    assert_eq!(inner, [5, 0]);
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
