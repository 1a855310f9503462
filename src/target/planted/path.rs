//! Finding a path: from the leaf, through what the peer sent, to a trust anchor.
//!
//! RFC 5280 section 6 says how a path is judged and leaves open how it is found (RFC 4158 tells how).
//! Every candidate is tried, anchors first, and the search takes another way where one turns out
//! invalid. What a stranger can make it cost is bounded twice: in depth and in steps.

use rustls::CertificateError;

use super::certificate::Certificate;
use super::refusal::Refusal;
use super::{Bug, Flaws, signature};

/// A trust anchor: a name and a key (RFC 5280 section 6.1.1 (d)). Neither its validity nor its
/// extensions are judged, a policy that rustls shares; the name constraints are (RFC 5937).
pub type Anchor = Certificate;

/// A path that ends at an anchor.
#[derive(Clone, Debug)]
pub struct Path<'a> {
    /// The leaf, then its issuer, and so on; at least the leaf.
    pub certificates: Vec<&'a Certificate>,
    /// The anchor that has issued the last of them.
    pub anchor: &'a Anchor,
}

impl<'a> Path<'a> {
    /// Each certificate with its issuer, the leaf first.
    pub fn links(&self) -> impl DoubleEndedIterator<Item = (&'a Certificate, &'a Certificate)> {
        let issuers = self.certificates.iter().skip(1).copied();
        let issuers: Vec<_> = issuers.chain([self.anchor]).collect();
        let certificates = self.certificates.clone();
        certificates.into_iter().zip(issuers)
    }
}

/// More certificates than this below the anchor are too many: no RFC draws a line.
const LONGEST: usize = 32;
/// How many issuers are tried for one chain. RUSTSEC-2023-0053 and CVE-2026-32280 had no such number.
const STEPS: u32 = 256;

/// Finds a path that `judge` has nothing against.
///
/// # Errors
/// What `judge` said of the first path that was complete, or why there is none.
pub fn find<'a>(
    presented: &'a [Certificate],
    anchors: &'a [Anchor],
    flaws: Flaws,
    judge: &mut dyn FnMut(&Path<'a>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let Some(leaf) = presented.first() else {
        return Err(Refusal::unreadable("there is no certificate"));
    };
    check_order(presented, flaws)?;
    let anchors = match anchors.get(..1) {
        Some(first) if flaws.has(Bug::TrustsOnlyFirstAnchor) => first,
        _ => anchors,
    };
    let mut search = Search {
        presented,
        anchors,
        flaws,
        judge,
        steps: STEPS,
        judged: None,
        unsigned: None,
    };
    let mut path = vec![leaf];
    if search.extend(&mut path) {
        return Ok(());
    }
    Err(search.judged.or(search.unsigned).unwrap_or_else(|| {
        Refusal::new(
            CertificateError::UnknownIssuer,
            "no path leads to a trust anchor",
        )
    }))
}

/// The orders that particular verifiers insist on. RFC 8446 section 4.4.2 asks for none beyond the
/// leaf coming first.
fn check_order(presented: &[Certificate], flaws: Flaws) -> Result<(), Refusal> {
    let refuse = |reason| Err(Refusal::new(CertificateError::UnknownIssuer, reason));
    if flaws.has(Bug::RejectsSentRoot) && presented.iter().skip(1).any(Certificate::is_self_issued)
    {
        return refuse("there is a self-signed certificate in the chain");
    }
    if flaws.has(Bug::RejectsReorderedChain) {
        for pair in presented.windows(2) {
            if let [subject, issuer] = pair
                && subject.issuer != issuer.subject
            {
                return refuse("a certificate does not issue the one before it");
            }
        }
    }
    Ok(())
}

struct Search<'a, 'j> {
    presented: &'a [Certificate],
    anchors: &'a [Anchor],
    flaws: Flaws,
    judge: &'j mut dyn FnMut(&Path<'a>) -> Result<(), Refusal>,
    steps: u32,
    /// What was wrong with the first path that was complete.
    judged: Option<Refusal>,
    /// What was wrong with the first signature that was not the candidate's.
    unsigned: Option<Refusal>,
}

impl<'a> Search<'a, '_> {
    /// Tries every way to lengthen the path; true when one of them is valid.
    fn extend(&mut self, path: &mut Vec<&'a Certificate>) -> bool {
        let Some(&last) = path.last() else {
            return false;
        };
        if self.flaws.has(Bug::TrustsSuppliedRoot) && last.is_self_issued() {
            return self.complete(path, last);
        }
        let mut dead_end = true;
        for (issuer, is_anchor) in self.issuers(last) {
            // An authority that comes up twice makes no path better (RFC 4158 section 5.2).
            let twice = path.iter().any(|certificate| {
                certificate.subject == issuer.subject && certificate.key == issuer.key
            });
            if twice && !is_anchor {
                continue;
            }
            let Some(steps) = self.steps.checked_sub(1) else {
                return false;
            };
            self.steps = steps;
            dead_end &= path.len() >= self.longest();
            if let Err(refusal) = self.check_signature(last, issuer, path.len() == 1) {
                self.unsigned.get_or_insert(refusal);
            } else if is_anchor {
                if self.complete(path, issuer) {
                    return true;
                }
            } else if path.len() < self.longest() {
                path.push(issuer);
                if self.extend(path) {
                    return true;
                }
                path.pop();
            }
            if self.flaws.has(Bug::StopsAtFirstPath) {
                return false;
            }
        }
        dead_end && self.flaws.has(Bug::AcceptsIncompleteChain) && self.complete(path, last)
    }

    fn longest(&self) -> usize {
        if self.flaws.has(Bug::RejectsTwoIntermediates) {
            2
        } else {
            LONGEST
        }
    }

    fn complete(&mut self, path: &[&'a Certificate], anchor: &'a Anchor) -> bool {
        let path = Path {
            certificates: path.to_vec(),
            anchor,
        };
        match (self.judge)(&path) {
            Ok(()) => true,
            Err(refusal) => {
                self.judged.get_or_insert(refusal);
                false
            }
        }
    }

    /// Everything whose name is that of the issuer (RFC 5280 section 6.1.3 (a)(4)).
    fn issuers(&self, subject: &Certificate) -> Vec<(&'a Certificate, bool)> {
        let named = |issuer: &&Certificate| {
            issuer.subject == subject.issuer || self.flaws.has(Bug::IgnoresIssuerName)
        };
        let mut anchors: Vec<_> = self.anchors.iter().filter(named).collect();
        if self.flaws.has(Bug::ConfusesSameNameAnchors) {
            anchors.truncate(1);
        }
        let sent = self.presented.iter().skip(1).filter(named);
        let anchors = anchors.into_iter().map(|anchor| (anchor, true));
        let sent = sent.map(|certificate| (certificate, false));
        if self.flaws.has(Bug::StopsAtFirstPath) {
            sent.chain(anchors).collect()
        } else {
            anchors.chain(sent).collect()
        }
    }

    fn check_signature(
        &self,
        subject: &Certificate,
        issuer: &Certificate,
        is_leaf: bool,
    ) -> Result<(), Refusal> {
        if self.flaws.has(Bug::MatchesIssuerByName)
            || (is_leaf && self.flaws.has(Bug::IgnoresLeafSignature))
        {
            return Ok(());
        }
        signature::verify(&subject.signed, &issuer.key, self.flaws)
    }
}
