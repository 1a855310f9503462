//! Material: what a party holds at an instant, and what a new delivery of it brings.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};

use crate::pki::issuer::Leaf;

/// All that a party decides and presents itself by. Parts are shared: a fleet holds each once.
#[derive(Clone)]
pub struct Material {
    /// What it presents.
    pub leaf: Arc<Leaf>,
    /// The name that it goes by: what its leaf must say.
    pub called: Arc<str>,
    /// Whom it trusts.
    pub bundle: Arc<Bundle>,
    /// Who has been revoked; none: it uses no lists.
    pub lists: Option<Arc<Lists>>,
    /// Whom it lets in, by name.
    pub admits: Arc<BTreeSet<String>>,
    /// Does it take callers that do not speak TLS?
    pub permissive: bool,
}

/// Trust anchors, by name.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Bundle {
    /// The anchors.
    pub anchors: BTreeMap<String, CertificateDer<'static>>,
}

/// Revocation lists of one edition.
#[derive(Debug, Eq, PartialEq)]
pub struct Lists {
    /// The edition: lists of a larger number are newer.
    pub number: u64,
    /// The last second in which the first of them may be relied on, since 1970.
    pub next_update: i64,
    /// One for each authority.
    pub lists: Vec<CertificateRevocationListDer<'static>>,
}

impl Bundle {
    /// What is published by giving somebody `next` instead of this: the anchors that come and go.
    pub fn changes_to(&self, next: &Self) -> Vec<(String, bool)> {
        let gone = self
            .anchors
            .keys()
            .filter(|name| !next.anchors.contains_key(*name));
        let new = next
            .anchors
            .keys()
            .filter(|name| !self.anchors.contains_key(*name));
        gone.map(|name| (name.clone(), false))
            .chain(new.map(|name| (name.clone(), true)))
            .collect()
    }
}

impl Bundle {
    /// Its anchors and another's.
    pub fn and(&self, other: &Self) -> Self {
        let mut anchors = other.anchors.clone();
        anchors.extend(self.anchors.clone());
        Self { anchors }
    }
}

impl Material {
    /// Is it another's trust: would it decide otherwise about a caller?
    pub fn decides_unlike(&self, other: &Self) -> bool {
        self.bundle != other.bundle
            || self.lists != other.lists
            || self.admits != other.admits
            || self.permissive != other.permissive
    }
}
