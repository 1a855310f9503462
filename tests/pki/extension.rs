//! Every extension that a recipe asks for shows in the certificate, and no other.

use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::*;

use crate::support::{der, extension, openssl, parse, peer, pem, pki};

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
