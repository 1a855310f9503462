//! Every mangle changes just what it says.
//!
//! The issuer signs with Ed25519, whose signatures repeat: two certificates that differ in one field
//! differ in that field and the signature, and in the field alone where nothing is signed again.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use mtls_gauntlet::pki::mint::Pki;
use x509_parser::prelude::*;

use crate::support::{
    children, extension, is_signed_by, openssl, openssl_verify, parse, pem, pki, try_pki,
};

const ISSUING: &str = "[issuing]\nkey = \"ed25519\"\n";

/// The peer with this mangle, and the same peer without.
fn mangled(mangle: &str) -> (Vec<u8>, Vec<u8>) {
    mangled_with("", mangle)
}

fn mangled_with(lines: &str, mangle: &str) -> (Vec<u8>, Vec<u8>) {
    let der = |mangle: &str| {
        let tables = format!("{ISSUING}[peer]\n{lines}\nmangle = [{mangle}]");
        pki(&tables).certificate("peer").unwrap().der.to_vec()
    };
    (der(""), der(mangle))
}

fn refusal(lines: &str, mangle: &str) -> String {
    let tables = format!("{ISSUING}[peer]\n{lines}\nmangle = [{mangle}]");
    let error = pki(&tables).certificate("peer").unwrap_err().to_string();
    assert!(error.contains("`peer`"), "{error}");
    error
}

/// The fields of a certificate by name, as asn1-rs reads them; each with its tag and length.
fn fields(der: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let outer = children(der);
    assert_eq!(outer.len(), 3);
    let mut names = vec![
        "version",
        "serial",
        "inner",
        "issuer",
        "validity",
        "subject",
        "spki",
        "extensions",
    ];
    let signed = children(&outer[0]);
    if signed.first().is_some_and(|field| field[0] != 0xa0) {
        names.remove(0);
    }
    let mut fields: Vec<_> = names.into_iter().zip(signed).collect();
    fields.push(("outer", outer[1].clone()));
    fields.push(("signature", outer[2].clone()));
    fields
}

/// The names of the fields in which two certificates differ.
fn differences(before: &[u8], after: &[u8]) -> Vec<&'static str> {
    let (before, after) = (fields(before), fields(after));
    let missing = before
        .iter()
        .filter(|(name, _)| after.iter().all(|(other, _)| name != other));
    let changed = after.iter().filter(|field| !before.contains(field));
    let mut names: Vec<_> = missing.chain(changed).map(|(name, _)| *name).collect();
    names.sort();
    names
}

fn field(der: &[u8], name: &str) -> Vec<u8> {
    let fields = fields(der);
    fields.into_iter().find(|field| field.0 == name).unwrap().1
}

/// Does the signature fit the signed part, whatever either says of itself?
fn is_sealed(der: &[u8]) -> bool {
    let outer = children(der);
    let issuing = pki(ISSUING).certificate("issuing").unwrap();
    let spki = children(&issuing.spki);
    let signature = &outer[2][3..];
    UnparsedPublicKey::new(&ED25519, &spki[1][3..])
        .verify(&outer[0], signature)
        .is_ok()
}

fn assert_changes(mangle: &str, names: &[&str]) -> Vec<u8> {
    let (before, after) = mangled(mangle);
    assert!(is_sealed(&before));
    assert_eq!(differences(&before, &after), names, "{mangle}");
    assert_eq!(is_sealed(&after), names.contains(&"signature"), "{mangle}");
    after
}

#[test]
fn versions() {
    let der = assert_changes("{ version = 1 }", &["signature", "version"]);
    assert!(fields(&der).iter().all(|(name, _)| *name != "version"));
    for (number, content) in [(0_u8, 0xff_u8), (2, 1), (4, 3), (200, 199)] {
        let der = assert_changes(
            &format!("{{ version = {number} }}"),
            &["signature", "version"],
        );
        let integer = children(&field(&der, "version")).remove(0);
        assert_eq!(*integer.last().unwrap(), content);
    }
    let (before, after) = mangled("{ version = 3 }");
    assert_eq!(before, after);
}

#[test]
fn extensions_can_go() {
    let der = assert_changes("\"drop-extensions\"", &["extensions", "signature"]);
    assert!(parse(&der).extensions().is_empty());
    let der = assert_changes(
        "{ version = 1 }, \"drop-extensions\"",
        &["extensions", "signature", "version"],
    );
    assert_eq!(parse(&der).version(), X509Version::V1);
}

#[test]
fn serials_are_written_as_they_are() {
    for (hex, content) in [
        ("80", &[0x80_u8][..]),
        ("", &[]),
        ("0001", &[0, 1]),
        ("ff00", &[0xff, 0]),
    ] {
        let der = assert_changes(
            &format!("{{ serial = \"{hex}\" }}"),
            &["serial", "signature"],
        );
        assert_eq!(field(&der, "serial")[2..], *content);
        let tables = format!("{ISSUING}[peer]\nmangle = [{{ serial = \"{hex}\" }}]");
        // CRLs list what the certificate says.
        assert_eq!(pki(&tables).certificate("peer").unwrap().serial, content);
    }
}

#[test]
fn an_extension_is_written_twice() {
    let der = assert_changes(
        "{ duplicate-extension = \"2.5.29.17\" }",
        &["extensions", "signature"],
    );
    let list = children(&children(&field(&der, "extensions"))[0]);
    let (before, _) = mangled("");
    let single = children(&children(&field(&before, "extensions"))[0]);
    assert_eq!(list.len(), single.len() + 1);
    let place = list.windows(2).position(|pair| pair[0] == pair[1]).unwrap();
    let mut once = list.clone();
    once.remove(place);
    assert_eq!(once, single);
    assert!(
        list[place]
            .windows(3)
            .any(|octets| octets == [0x55, 0x1d, 0x11])
    );

    let error = refusal("", "{ duplicate-extension = \"2.5.29.36\" }");
    assert!(error.contains("no extension 2.5.29.36"), "{error}");
    let error = refusal(
        "",
        "\"drop-extensions\", { duplicate-extension = \"2.5.29.17\" }",
    );
    assert!(error.contains("no extensions"), "{error}");
}

#[test]
fn the_algorithm_outside_is_another() {
    let (before, der) = mangled("\"signature-algorithm-mismatch\"");
    // The signed part is the same, and so is an Ed25519 signature over it.
    assert_eq!(differences(&before, &der), ["outer"]);
    assert!(is_sealed(&der));
}

#[test]
fn parameters_are_added_or_left_out() {
    let der = assert_changes("\"signature-parameters\"", &["inner", "outer", "signature"]);
    assert_eq!(field(&der, "inner"), field(&der, "outer"));
    assert_eq!(
        field(&der, "inner"),
        [0x30, 7, 6, 3, 0x2b, 0x65, 0x70, 5, 0]
    );

    let pki = pki("[issuing]\nkey = \"rsa2048\"\n[peer]\nmangle = [\"signature-parameters\"]");
    let der = pki.certificate("peer").unwrap().der.clone();
    let certificate = parse(&der);
    assert!(certificate.signature_algorithm.parameters.is_none());
    assert!(certificate.tbs_certificate.signature.parameters.is_none());
    assert!(is_signed_by(
        &certificate,
        &pki.certificate("issuing").unwrap().spki
    ));
}

#[test]
fn one_bit_is_flipped() {
    let flipped = |before: &[u8], after: &[u8]| -> u32 {
        assert_eq!(before.len(), after.len());
        before
            .iter()
            .zip(after)
            .map(|(a, b)| (a ^ b).count_ones())
            .sum()
    };
    let (before, after) = mangled("\"flip-signature\"");
    assert_eq!(differences(&before, &after), ["signature"]);
    assert_eq!(flipped(&before, &after), 1);
    assert!(!is_sealed(&after));

    let (before, after) = mangled("\"flip-signed\"");
    assert_eq!(differences(&before, &after), ["spki"]);
    assert_eq!(flipped(&before, &after), 1);
    assert!(!is_sealed(&after));
}

#[test]
fn signatures_of_zero_and_of_nothing() {
    let pki = pki("[peer]\nmangle = [\"zero-signature\"]");
    let der = pki.certificate("peer").unwrap().der.clone();
    let certificate = parse(&der);
    assert_eq!(
        &*certificate.signature_value.data,
        [0x30, 6, 2, 1, 0, 2, 1, 0]
    );
    assert!(!is_signed_by(
        &certificate,
        &pki.certificate("issuing").unwrap().spki
    ));
    let error = refusal("", "\"zero-signature\"");
    assert!(error.contains("ECDSA"), "{error}");

    let (before, after) = mangled("\"empty-signature\"");
    assert_eq!(differences(&before, &after), ["signature"]);
    assert_eq!(field(&after, "signature"), [0x03, 1, 0]);
    let error = refusal("", "\"empty-signature\", \"flip-signature\"");
    assert!(error.contains("empty"), "{error}");
}

#[test]
fn octets_are_cut_off_added_and_replaced() {
    let (before, after) = mangled("{ truncate = 10 }");
    assert_eq!(after, before[..10]);
    let (before, after) = mangled("{ truncate = -10 }");
    assert_eq!(after, before[..before.len() - 10]);
    let (_, after) = mangled("{ truncate = 0 }");
    assert!(after.is_empty());
    for wrong in [100_000, -100_000, i32::MIN] {
        let error = refusal("", &format!("{{ truncate = {wrong} }}"));
        assert!(error.contains("does not fit"), "{error}");
    }
    let (before, after) = mangled("{ trailing = \"dead\" }");
    assert_eq!(after, [before.as_slice(), &[0xde, 0xad]].concat());
    let (_, after) = mangled("{ replace = \"de ad\" }");
    assert_eq!(after, [0xde, 0xad]);

    let error = refusal("", "{ truncate = 10 }, { version = 1 }");
    assert!(error.contains("put this one first"), "{error}");
    let error = refusal("", "{ trailing = \"x\" }");
    assert!(error.contains("hexadecimal"), "{error}");
}

#[test]
fn lengths_are_written_as_der_forbids() {
    let (before, after) = mangled("\"indefinite-length\"");
    let content = &before[4..];
    assert_eq!(after, [&[0x30, 0x80], content, &[0, 0]].concat());
    if let Some((read, text)) = openssl(
        &["asn1parse", "-inform", "DER", "-in", "c.der"],
        &[("c.der", &after)],
    ) {
        assert!(read && text.contains("l=inf"), "{text}");
    }

    let (before, after) = mangled("\"non-minimal-length\"");
    let signed = &children(&before)[0];
    assert_eq!(signed[..2], [0x30, 0x82]);
    let longer = [&[0x30, 0x83, 0], &signed[2..]].concat();
    let header = 4;
    assert_eq!(after[header..header + longer.len()], longer);
    let issuing = pki(ISSUING).certificate("issuing").unwrap();
    UnparsedPublicKey::new(&ED25519, &children(&issuing.spki)[1][3..])
        .verify(&longer, &after[after.len() - 64..])
        .unwrap();
}

#[test]
fn booleans_are_written_as_der_forbids() {
    let booleans = |der: &[u8]| -> Vec<Option<Vec<u8>>> {
        children(&children(&field(der, "extensions"))[0])
            .iter()
            .map(|extension| children(extension).into_iter().find(|field| field[0] == 1))
            .collect()
    };
    let before = booleans(&mangled("").0);
    assert!(before.contains(&None) && before.contains(&Some(vec![1, 1, 0xff])));

    let der = assert_changes("\"explicit-default\"", &["extensions", "signature"]);
    let expected: Vec<_> = before
        .iter()
        .map(|found| found.clone().or(Some(vec![1, 1, 0])))
        .collect();
    assert_eq!(booleans(&der), expected);

    let der = assert_changes("\"loose-boolean\"", &["extensions", "signature"]);
    let expected: Vec<_> = before
        .iter()
        .map(|found| found.as_ref().map(|_| vec![1, 1, 1]))
        .collect();
    assert_eq!(booleans(&der), expected);

    let bare = "omit = [\"key-usage\", \"basic-constraints\"]";
    let error = refusal(bare, "\"loose-boolean\"");
    assert!(error.contains("no extension that is critical"), "{error}");
}

#[test]
fn times_are_written_as_they_are() {
    let der = assert_changes(
        "{ not-before = \"utc:5001010000Z\" }",
        &["signature", "validity"],
    );
    let validity = children(&field(&der, "validity"));
    assert_eq!(
        validity[0],
        [&[0x17, 11], b"5001010000Z".as_slice()].concat()
    );
    assert_eq!(validity[1], children(&field(&mangled("").0, "validity"))[1]);

    let der = assert_changes(
        "{ not-after = \"generalized:20300101000000.5Z\" }",
        &["signature", "validity"],
    );
    let validity = children(&field(&der, "validity"));
    assert_eq!(
        validity[1],
        [&[0x18, 17], b"20300101000000.5Z".as_slice()].concat()
    );
    assert_eq!(validity[0], children(&field(&mangled("").0, "validity"))[0]);

    let error = refusal("", "{ not-after = \"2030\" }");
    assert!(error.contains("generalized:"), "{error}");
}

#[test]
fn public_keys_of_other_kinds() {
    for (kind, oid) in [
        ("dsa", "1.2.840.10040.4.1"),
        ("p224", "1.2.840.10045.2.1"),
        ("p192", "1.2.840.10045.2.1"),
        ("explicit-curve", "1.2.840.10045.2.1"),
        ("unknown-algorithm", "1.3.6.1.4.1.32473.99"),
        ("rsa16384", "1.2.840.113549.1.1.1"),
        ("off-curve", "1.2.840.10045.2.1"),
    ] {
        let der = assert_changes(
            &format!("{{ public-key = \"{kind}\" }}"),
            &["signature", "spki"],
        );
        let certificate = parse(&der);
        assert_eq!(
            certificate.public_key().algorithm.algorithm.to_id_string(),
            oid,
            "{kind}"
        );
        let readable = !["unknown-algorithm", "off-curve"].contains(&kind);
        if let Some((read, text)) = openssl(
            &[
                "pkey", "-pubin", "-inform", "DER", "-noout", "-text", "-in", "k.der",
            ],
            &[("k.der", certificate.public_key().raw)],
        ) {
            assert_eq!(read, readable, "{kind}: {text}");
            let words = match kind {
                "dsa" => "Q:",
                "p224" => "secp224r1",
                "p192" => "prime192v1",
                "explicit-curve" => "prime-field",
                "rsa16384" => "Public-Key: (16384 bit)",
                _ => "",
            };
            assert!(text.contains(words), "{kind}: {text}");
        }
    }
    // The explicit curve and the unknown algorithm keep the real key's bits.
    let (before, after) = mangled("{ public-key = \"explicit-curve\" }");
    assert_eq!(
        parse(&before).public_key().subject_public_key,
        parse(&after).public_key().subject_public_key
    );

    let (before, after) = mangled_with("key = \"rsa2048\"", "{ public-key = \"rsa-pss\" }");
    assert_eq!(differences(&before, &after), ["signature", "spki"]);
    let (before, after) = (parse(&before), parse(&after));
    let algorithm = &after.public_key().algorithm;
    assert_eq!(algorithm.algorithm.to_id_string(), "1.2.840.113549.1.1.10");
    assert!(algorithm.parameters.is_none());
    assert_eq!(
        before.public_key().subject_public_key,
        after.public_key().subject_public_key
    );

    let error = refusal("", "{ public-key = \"rsa-pss\" }");
    assert!(error.contains("rsa2048"), "{error}");
    let error = refusal("key = \"p384\"", "{ public-key = \"explicit-curve\" }");
    assert!(error.contains("p256"), "{error}");
}

#[test]
fn names_are_written_whatever_the_parties_are_called() {
    let der = assert_changes(
        "{ issuer = [\"CN=a\", \"CN=b\"] }",
        &["issuer", "signature"],
    );
    assert_eq!(parse(&der).issuer().to_string(), "CN=a, CN=b");

    let raw = "3010310e300c06035504031e0500610062ff";
    let der = assert_changes(
        &format!("{{ subject = \"{raw}\" }}"),
        &["signature", "subject"],
    );
    assert_eq!(field(&der, "subject").len(), 18);

    let der = assert_changes("{ many-rdns = 500 }", &["signature", "subject"]);
    let subject = parse(&der).subject().iter_rdn().count();
    assert_eq!(subject, 500);
}

#[test]
fn what_is_below_a_mangled_authority_names_it_as_it_is_called_now() {
    let pki = pki("[issuing]\nmangle = [{ many-rdns = 3 }]");
    let issuing = pki.certificate("issuing").unwrap();
    let peer = pki.certificate("peer").unwrap();
    assert_eq!(parse(&issuing.der).subject().iter_rdn().count(), 3);
    assert_eq!(
        parse(&peer.der).issuer().as_raw(),
        parse(&issuing.der).subject().as_raw()
    );
}

#[test]
fn mangles_follow_one_another() {
    let (before, after) = mangled("{ serial = \"00\" }, { version = 2 }, \"flip-signature\"");
    assert_eq!(
        differences(&before, &after),
        ["serial", "signature", "version"]
    );
    assert!(!is_sealed(&after));
    let (_, unflipped) = mangled("{ serial = \"00\" }, { version = 2 }");
    assert!(is_sealed(&unflipped));
    assert_eq!(differences(&unflipped, &after), ["signature"]);
}

#[test]
fn legacy_signatures_are_made_again_too() {
    for signature in ["rsa-md5", "rsa-sha1", "rsa-pss-short-salt"] {
        let pki: Pki = try_pki(&format!(
            "[issuing]\nkey = \"rsa2048\"\n[peer]\nsignature = \"{signature}\"\n\
             mangle = [{{ serial = \"05\" }}]"
        ))
        .unwrap();
        let [root, issuing, peer] =
            ["root", "issuing", "peer"].map(|name| pki.certificate(name).unwrap());
        assert_eq!(parse(&peer.der).raw_serial(), [5]);
        if let Some((verified, text)) =
            openssl_verify(&peer.der, &issuing.der, &root.der, &["-auth_level", "0"])
        {
            assert!(verified, "{signature}: {text}");
        }
    }
}

#[test]
fn openssl_sees_what_x509_parser_sees() {
    let (_, after) = mangled("{ duplicate-extension = \"2.5.29.17\" }");
    assert!(extension(&parse(&after), "2.5.29.17").is_some());
    if let Some((true, text)) = openssl(
        &["x509", "-noout", "-text", "-in", "c.pem"],
        &[("c.pem", &pem(&[&after]))],
    ) {
        assert_eq!(
            text.matches("X509v3 Subject Alternative Name").count(),
            2,
            "{text}"
        );
    }
}
