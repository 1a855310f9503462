//! Public keys that no pooled key pair has: what `mangle = [{ public-key = ... }]` puts in place of
//! the real one.

use aws_lc_rs::digest::{SHA256, digest};
use rustls::pki_types::alg_id;

use super::super::key::Key;
use super::super::recipe::{KeyKind, PublicKey};
use super::super::tlv;

/// The SubjectPublicKeyInfo to write instead of that of `key`.
pub(super) fn encode(public: PublicKey, key: &Key) -> Result<Vec<u8>, String> {
    match public {
        PublicKey::Dsa => tlv::parse_hex(DSA),
        PublicKey::P224 => tlv::parse_hex(P224),
        PublicKey::P192 => tlv::parse_hex(P192),
        PublicKey::ExplicitCurve => {
            if key.kind() != KeyKind::P256 {
                return Err(
                    "an explicit curve is written for P-256; give it key = \"p256\"".into(),
                );
            }
            let algorithm = tlv::parse_hex(P256_EXPLICIT)?;
            Ok(tlv::sequence(&[&algorithm, &subject_public_key(key)?]))
        }
        PublicKey::UnknownAlgorithm => {
            let algorithm = tlv::sequence(&[&tlv::oid(&tlv::parse_oid(UNKNOWN_ALGORITHM)?)]);
            Ok(tlv::sequence(&[&algorithm, &subject_public_key(key)?]))
        }
        PublicKey::RsaPss => {
            if !key.kind().is_rsa() {
                return Err("id-RSASSA-PSS takes an RSA key; give it key = \"rsa2048\"".into());
            }
            // Without parameters the key may be used with any digest (RFC 4055 section 1.2).
            let algorithm = tlv::sequence(&[&tlv::oid(&tlv::parse_oid(RSASSA_PSS)?)]);
            Ok(tlv::sequence(&[&algorithm, &subject_public_key(key)?]))
        }
        PublicKey::Rsa16384 => {
            let modulus = tlv::integer(&long_modulus());
            let public_key = tlv::sequence(&[&modulus, &tlv::integer(&[1, 0, 1])]);
            Ok(tlv::sequence(&[
                &tlv::sequence(&[alg_id::RSA_ENCRYPTION.as_ref()]),
                &tlv::bit_string(&public_key),
            ]))
        }
        PublicKey::OffCurve => {
            let mut point = tlv::parse_hex(P256_GENERATOR)?;
            // The other point with this x has another y than this.
            if let Some(last) = point.last_mut() {
                *last ^= 1;
            }
            Ok(tlv::sequence(&[
                &tlv::sequence(&[alg_id::ECDSA_P256.as_ref()]),
                &tlv::bit_string(&point),
            ]))
        }
    }
}

/// The BIT STRING of the real key.
fn subject_public_key(key: &Key) -> Result<Vec<u8>, String> {
    match tlv::element(key.spki_der())?.elements()?.as_slice() {
        [_, bits] => Ok(bits.whole.to_vec()),
        _ => Err("the key's SubjectPublicKeyInfo has more or less than two parts".into()),
    }
}

/// 2048 octets that look random, the first and the last bit set. Nobody knows its factors; to
/// verify with it takes no less time for that.
fn long_modulus() -> Vec<u8> {
    let mut octets: Vec<u8> = (0_u8..64)
        .flat_map(|block| digest(&SHA256, &[block]).as_ref().to_vec())
        .collect();
    if let [first, .., last] = octets.as_mut_slice() {
        *first |= 0x80;
        *last |= 1;
    }
    octets
}

/// Under the enterprise number that RFC 5612 sets aside for documentation.
const UNKNOWN_ALGORITHM: &str = "1.3.6.1.4.1.32473.99";

const RSASSA_PSS: &str = "1.2.840.113549.1.1.10";

const P256_GENERATOR: &str = "\
    046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
    4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

/// id-ecPublicKey with the parameters of P-256 spelt out (RFC 3279 section 2.3.5; RFC 5480 section
/// 2.1.1 forbids it).
const P256_EXPLICIT: &str = "\
    3082010306072a8648ce3d02013081f7020101302c06072a8648ce3d0101022100ffffffff000000\
    01000000000000000000000000ffffffffffffffffffffffff305b0420ffffffff00000001000000\
    000000000000000000fffffffffffffffffffffffc04205ac635d8aa3a93e7b3ebbd55769886bc65\
    1d06b0cc53b0f63bce3c3e27d2604b031500c49d360886e704936a6678e1139d26b7819f7e900441\
    046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f\
    9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5022100ffffffff00000000ffffffff\
    ffffffffbce6faada7179e84f3b9cac2fc632551020101";

/// A key on P-224, made by OpenSSL and its private half thrown away.
const P224: &str = "\
    304e301006072a8648ce3d020106052b81040021033a00042a03f579032121067d193a9d507bb46f\
    65c49dfbedb1d02402e321d35432aeddd2eaeb314222be4b90f6eabe0a1d9162cfd4c41aa8d3dd0e";

/// A key on P-192, made alike.
const P192: &str = "\
    3049301306072a8648ce3d020106082a8648ce3d03010103320004cc6cbc88a43204b4f87dcd43cc\
    e55a70413596cd9386fbbb7f8d3c2c733c4e99d3a76f0cddd0d216ac1da173f0b17e77";

/// A DSA key of 2048 bits, made alike.
const DSA: &str = "\
    308203433082023506072a8648ce380401308202280282010100d86ca8c809bbe275570ad0d2f92a\
    b412ee9e5b2b366e0a95d00ff186cd63f8892561186fb2e74a7b069cfd0f8435934dd7f73f951b17\
    1eaf73ab5d6408868fb8805d192a9ff97802530263c27d554fb5bb583a2d76e972ffca47343eba21\
    9cf4955dc7c39c8dd8bd8a4bd2b2862c5144225b675b5b1512240505f4de121517c14daa2264dfcd\
    4c4a8e9c9af0d4725fe3a9f693403bacc9fa2604978900b2da9514cf6be4776820524b046b30b64c\
    a44a04ca975612fee3e05084ca04d057c291eac8c6d467bded753ccf44d2ad1633f82cb0aa54a21a\
    5a98d70256b8f0cb7826da646b089ac84774a3669180747643ab36fc7a1cf1357189183a18ccbffb\
    51f7021d00f937b7e132bf730292b61d97534b5183458c7a7225a539e050c32f4902820100513f28\
    aab2fc2fc68fcf503cbe35083f0bcae0ec8344a886eb15354fd6bbd0078bacfac8bcefe6b553bfea\
    f965c0f0a9eab81f115c9cde1e5196ce9115a59c27197d928bf5d9d08c3218b37dee5f36c798e9fd\
    3bb0249e0f96104f5ec955e412423e0941edbc835ec532166c0d322e3115d2e6222faa96d575dffc\
    7961e3406076d175bb773cac88246b3d2b0e10f1ec3fa26cdffcb78f7cf18748f7a2a23f5eb49e74\
    67347410575161505d6a52ec0adef37786d9c18e1d25e185a7f4ef847da2af70667cf87170bfba14\
    86c68bd8e8f2d2c51a1c889a16dfd06477ffa7bfcf904952ce0d4318ca230b9e58a876ae5af87ede\
    2185d953dbb7e29658ca2e79c903820106000282010100959b060fa1e6d37421e73782ef17c07b5c\
    efddf36cc973dff1662f7829d044d19c8400d340bfd601a02bcde07a697f64e8ce4a72503a64272a\
    3e786ebad6910d029c1fed4c85952e30c08d76775e694568e99ef71f06cc26bccc63405aba75a39c\
    1216c2a0cdfdebc815e52b391f1111b6bbd2d1559ce9a90ca47c80ab7539e0df595c98961b9b14a1\
    fe50bdcf250c7720210e484bd4fc2cefe58928e653aa0b341443b1d9323f6b7a3a33f2ba0e5e0129\
    0ce26953dc00078c69ddfb6585c1da269750cd5796aa042442846366cad31258ee1a6b3c5b6e35e6\
    b92b72468f447b63a184417538b7a29e2ac8d1792d1411c21bb3538c6dcc57fb2035ef68986dce";
