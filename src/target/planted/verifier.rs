//! The verifier: the order in which everything is asked of what a peer presents.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;

use super::certificate::Certificate;
use super::path::{self, Anchor, Path};
use super::refusal::{Accepted, Refusal};
use super::revocation::Revocation;
use super::{Bug, Flaws, chain, server_name, signature, spiffe, staple};
use crate::pki::TrustBundle;
use crate::scenario::{ClientAuth, Profile, Role};
use crate::target::Environment;

/// A verifier with what its environment trusts and revokes, read once.
#[derive(Debug)]
pub struct Verifier {
    environment: Arc<Environment>,
    flaws: Flaws,
    anchors: Vec<Anchor>,
    domains: BTreeMap<String, Vec<Anchor>>,
    revocation: Revocation,
}

/// Verifies what a peer presents in `environment`, at the time of its clock. The leaf comes first;
/// `staple` is empty where there is none.
///
/// # Errors
/// Why the peer is refused.
pub fn verify(
    environment: &Environment,
    flaws: Flaws,
    chain: &[CertificateDer<'_>],
    staple: &[u8],
) -> Result<Accepted, Refusal> {
    Verifier::new(Arc::new(environment.clone()), flaws)?.verify(chain, staple)
}

impl Verifier {
    /// A verifier for `environment`.
    ///
    /// # Errors
    /// When a trust anchor cannot be read: it does not guess what it was told to trust.
    pub fn new(environment: Arc<Environment>, flaws: Flaws) -> Result<Self, Refusal> {
        let anchors = read_anchors(&environment.trust, flaws)?;
        let mut domains = BTreeMap::new();
        for (domain, bundle) in &environment.trust_domains {
            domains.insert(domain.clone(), read_anchors(bundle, flaws)?);
        }
        let revocation = Revocation::load(&environment, flaws);
        Ok(Self {
            environment,
            flaws,
            anchors,
            domains,
            revocation,
        })
    }

    /// What it does wrong.
    pub fn flaws(&self) -> Flaws {
        self.flaws
    }

    /// The environment that it verifies in.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The names of the anchors, in DER, for a server's certificate request.
    pub fn anchor_names(&self) -> impl Iterator<Item = &[u8]> {
        let domains = self.domains.values().flatten();
        let everybody = self.anchors.iter().chain(domains);
        everybody.map(|anchor| anchor.subject.as_slice())
    }

    /// Verifies what a peer presents, the leaf first; `staple` is empty where there is none.
    ///
    /// # Errors
    /// Why the peer is refused.
    pub fn verify(&self, chain: &[CertificateDer<'_>], staple: &[u8]) -> Result<Accepted, Refusal> {
        let flaws = self.flaws;
        if flaws.has(Bug::AcceptsAnything) || self.trusts_unseen() {
            return Ok(Accepted::default());
        }
        let verified = self.read_and_judge(chain, staple);
        match &verified {
            Err(refusal) if refusal.unreadable => {
                if flaws.has(Bug::FailsOpenOnParseError) {
                    return Ok(Accepted::default());
                }
                if flaws.has(Bug::PanicsOnBadCertificate) {
                    std::panic::resume_unwind(Box::new("index out of bounds"));
                }
            }
            _ => {}
        }
        verified
    }

    /// Does one of the flaws wave every certificate through in this environment?
    fn trusts_unseen(&self) -> bool {
        let optional = self.environment.role == Role::Server
            && self.environment.client_auth == ClientAuth::Optional;
        let spiffe = self.environment.profile == Some(Profile::Spiffe);
        (optional && self.flaws.has(Bug::TrustsPresentedWhenOptional))
            || (!spiffe && self.anchors.is_empty() && self.flaws.has(Bug::FailsOpenOnEmptyBundle))
    }

    fn read_and_judge(
        &self,
        chain: &[CertificateDer<'_>],
        staple: &[u8],
    ) -> Result<Accepted, Refusal> {
        let flaws = self.flaws;
        let mut presented = Vec::with_capacity(chain.len());
        for der in chain {
            presented.push(Certificate::parse(der, flaws)?);
        }
        let Some(leaf) = presented.first() else {
            return Err(Refusal::unreadable("there is no certificate"));
        };
        signature::check_key(&leaf.key, flaws)?;
        let is_client = self.environment.role == Role::Server;
        if self.environment.profile != Some(Profile::Spiffe) {
            self.find_path(&presented, &self.anchors, staple)?;
            chain::check_purpose(leaf, is_client, flaws)?;
            if !is_client {
                server_name::check(leaf, &self.environment.server_name, flaws)?;
            }
            return Ok(Accepted::default());
        }
        let (id, anchors) = spiffe::authority(leaf, &self.domains, flaws)?;
        self.find_path(&presented, &anchors, staple)?;
        // X.509-SVID sections 4.3 and 4.4 make key usages a matter of leaves.
        if !flaws.has(Bug::SkipsSpiffeLeafRules) {
            chain::check_purpose(leaf, is_client, flaws)?;
        }
        if !is_client && flaws.has(Bug::ChecksDnsUnderSpiffe) {
            server_name::check(leaf, &self.environment.server_name, flaws)?;
        }
        Ok(Accepted {
            spiffe_id: Some(id),
        })
    }

    fn find_path(
        &self,
        presented: &[Certificate],
        anchors: &[Anchor],
        staple: &[u8],
    ) -> Result<(), Refusal> {
        let now = self.environment.clock.unix();
        let looks_at_staples = self.environment.role == Role::Client && self.environment.stapling;
        let mut judge = |path: &Path<'_>| {
            chain::check(path, now, self.flaws)?;
            self.revocation.check(path, self.flaws)?;
            if looks_at_staples {
                staple::check(path, staple, now, self.flaws)?;
            }
            Ok(())
        };
        path::find(presented, anchors, self.flaws, &mut judge)
    }
}

fn read_anchors(bundle: &TrustBundle, flaws: Flaws) -> Result<Vec<Anchor>, Refusal> {
    let skips = flaws.has(Bug::FailsOpenOnEmptyBundle) || flaws.has(Bug::FailsOpenOnParseError);
    let mut anchors = Vec::new();
    for der in &bundle.anchors {
        match Certificate::parse(der, flaws) {
            Ok(anchor) => anchors.push(anchor),
            Err(_) if skips => {}
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(anchors)
}
