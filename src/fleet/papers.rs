//! Papers: a service's material as it stands in files, and how files are read by who is careful.
//!
//! ```text
//! Share of Material --papers--> certificate, key, bundle, list as PEM --read--> Share, or why not
//! ```
//!
//! A file is good as a whole or bad as a whole. One certificate that cannot be read makes a bundle bad,
//! for nobody knows whom it named.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use super::material::{Bundle, Lists, Material};
use crate::load::visit::serial_of;
use crate::pki::issuer::{Leaf, Validity};
use crate::pki::key::Key;
use crate::pki::pem;

/// A file of a service.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Paper {
    /// Its chain, the leaf first.
    Certificate,
    /// Its private key.
    Key,
    /// Whom it trusts.
    Bundle,
    /// Who has been revoked.
    Lists,
}

/// What belongs together: it is taken as a whole or not at all.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Subject {
    /// The bundle.
    Bundle,
    /// The revocation lists.
    Lists,
    /// The certificate and its key.
    Pair,
}

/// What papers say; none where a file is not there.
pub type Contents = BTreeMap<Paper, Option<Vec<u8>>>;

/// A share of a service's material: what one delivery brings.
#[derive(Clone)]
pub enum Share {
    /// A pair.
    Pair(Arc<Leaf>),
    /// A bundle.
    Bundle(Arc<Bundle>),
    /// Lists; none: they are gone.
    Lists(Option<Arc<Lists>>),
}

impl Paper {
    /// The name of the file.
    pub fn file(self) -> &'static str {
        match self {
            Self::Certificate => "cert.pem",
            Self::Key => "key.pem",
            Self::Bundle => "bundle.pem",
            Self::Lists => "crl.pem",
        }
    }
}

impl Subject {
    /// Every subject, in the order in which a service takes them: who is trusted before who is presented.
    pub const ALL: [Self; 3] = [Self::Bundle, Self::Lists, Self::Pair];

    /// The files that it stands in.
    pub fn papers(self) -> &'static [Paper] {
        match self {
            Self::Bundle => &[Paper::Bundle],
            Self::Lists => &[Paper::Lists],
            Self::Pair => &[Paper::Certificate, Paper::Key],
        }
    }
}

impl Share {
    /// What it is about.
    pub fn subject(&self) -> Subject {
        match self {
            Self::Pair(_) => Subject::Pair,
            Self::Bundle(_) => Subject::Bundle,
            Self::Lists(_) => Subject::Lists,
        }
    }

    /// Puts it in its place.
    pub fn put_into(self, material: &mut Material) {
        match self {
            Self::Pair(leaf) => material.leaf = leaf,
            Self::Bundle(bundle) => material.bundle = bundle,
            Self::Lists(lists) => material.lists = lists,
        }
    }

    /// It as files.
    pub fn papers(&self) -> Contents {
        let text = |text: String| Some(text.into_bytes());
        match self {
            Self::Pair(leaf) => Contents::from([
                (Paper::Certificate, text(pem::certificates(&leaf.chain))),
                (Paper::Key, text(leaf.key.pem())),
            ]),
            Self::Bundle(bundle) => {
                let anchors: Vec<_> = bundle.anchors.values().cloned().collect();
                Contents::from([(Paper::Bundle, text(pem::certificates(&anchors)))])
            }
            Self::Lists(lists) => {
                let all = lists.as_ref().map(|lists| {
                    let each = lists.lists.iter().map(|list| pem::crl(list));
                    each.collect::<String>().into_bytes()
                });
                Contents::from([(Paper::Lists, all)])
            }
        }
    }
}

/// Reads a chain and a key. Whether they fit is seen when they are loaded.
///
/// # Errors
/// Which of the two is no good, and why.
pub fn pair(certificate: Option<&[u8]>, key: Option<&[u8]>) -> Result<Leaf, String> {
    let certificate = certificate.ok_or("cert.pem is not there")?;
    let key = key.ok_or("key.pem is not there")?;
    let chain: Vec<_> = certificates(certificate)
        .collect::<Result<_, _>>()
        .map_err(|why| format!("cert.pem: {why}"))?;
    let leaf = chain.first().ok_or("cert.pem holds no certificate")?;
    let serial = serial_of(leaf).ok_or("cert.pem: the serial number is out of range")?;
    let validity = {
        let (_, leaf) = X509Certificate::from_der(leaf).map_err(|why| why.to_string())?;
        Validity {
            not_before: leaf.validity().not_before.timestamp(),
            not_after: leaf.validity().not_after.timestamp(),
        }
    };
    let key = std::str::from_utf8(key).map_err(|why| format!("key.pem: {why}"))?;
    let key = Key::from_pem(key).map_err(|why| format!("key.pem: {why}"))?;
    Ok(Leaf {
        serial,
        chain,
        key: Arc::new(key),
        validity,
    })
}

/// Reads a bundle. `leniently`: up to what cannot be read, or around it, as nobody should.
///
/// # Errors
/// It holds no certificate, or one that cannot be read.
pub fn bundle(content: Option<&[u8]>, leniently: bool) -> Result<Bundle, String> {
    let content = content.ok_or("bundle.pem is not there")?;
    let mut bundle = Bundle::default();
    for certificate in certificates(content) {
        let certificate = match certificate {
            Ok(certificate) => certificate,
            Err(_) if leniently => continue,
            Err(why) => return Err(format!("bundle.pem: {why}")),
        };
        let name = common_name(&certificate);
        let mut unlike = name.clone();
        let mut number = 2;
        while bundle.anchors.contains_key(&unlike) {
            unlike = format!("{name} {number}");
            number += 1;
        }
        bundle.anchors.insert(unlike, certificate);
    }
    if bundle.anchors.is_empty() {
        return Err("bundle.pem holds no certificate".into());
    }
    Ok(bundle)
}

/// Reads revocation lists. `leniently`: up to what cannot be read, or around it, as nobody should.
///
/// # Errors
/// There is none, or one that cannot be read.
pub fn lists(content: Option<&[u8]>, leniently: bool) -> Result<Lists, String> {
    let content = content.ok_or("crl.pem is not there")?;
    let mut lists = Vec::new();
    let (mut number, mut next_update) = (u64::MAX, i64::MAX);
    for list in CertificateRevocationListDer::pem_slice_iter(content) {
        let read = list
            .map_err(|why| why.to_string())
            .and_then(|list| Ok((edition(&list)?, list)));
        match read {
            Ok(((its_number, its_end), list)) => {
                number = number.min(its_number);
                next_update = next_update.min(its_end);
                lists.push(list);
            }
            Err(_) if leniently => {}
            Err(why) => return Err(format!("crl.pem: {why}")),
        }
    }
    if lists.is_empty() {
        return Err("crl.pem holds no list".into());
    }
    Ok(Lists {
        number,
        next_update,
        lists,
    })
}

/// A list's number, and the last second in which it may be relied on.
fn edition(list: &CertificateRevocationListDer<'_>) -> Result<(u64, i64), String> {
    let (rest, list) =
        CertificateRevocationList::from_der(list).map_err(|_| "a list cannot be read")?;
    if !rest.is_empty() {
        return Err("something follows a list".into());
    }
    let number = list.crl_number().and_then(|n| u64::try_from(n).ok());
    let ends = list.next_update().map(|end| end.timestamp());
    Ok((number.unwrap_or(0), ends.unwrap_or(i64::MAX)))
}

/// The certificates of a file, each with why it cannot be read where it cannot.
fn certificates(
    content: &[u8],
) -> impl Iterator<Item = Result<CertificateDer<'static>, String>> + '_ {
    CertificateDer::pem_slice_iter(content).map(|certificate| {
        let certificate = certificate.map_err(|why| why.to_string())?;
        match X509Certificate::from_der(&certificate) {
            Ok(([], _)) => Ok(certificate),
            _ => Err("a certificate cannot be read".to_owned()),
        }
    })
}

fn common_name(certificate: &CertificateDer<'_>) -> String {
    let name = X509Certificate::from_der(certificate)
        .ok()
        .and_then(|(_, certificate)| {
            let mut names = certificate.subject().iter_common_name();
            names.next()?.as_str().ok().map(str::to_owned)
        });
    name.unwrap_or_else(|| "unnamed".into())
}
