//! From a scenario to what the target is configured with and what the peer presents.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rustls::DistinguishedName;
use rustls::pki_types::{DnsName, ServerName};
use serde_json::json;

use crate::digest::{hex, sha256_start};
use crate::net::fault::Faults;
use crate::peer::Peer;
use crate::pki::PkiError;
use crate::pki::mint::{Mint, Pki};
use crate::scenario::bench::Provider;
use crate::scenario::load::BASELINE;
use crate::scenario::{
    HandshakePoint, Profile, RevocationDepth, Role, Scenario, TargetPlan, TlsVersion,
    VirtualHostPlan,
};
use crate::target::{DEFAULT_HANDSHAKE_DEADLINE, Environment, VirtualHost};

/// The trust domain of the baseline's identities.
pub const TRUST_DOMAIN: &str = "gauntlet.test";

/// The name that the peer asks a server for, unless the scenario says another.
pub const TARGET_NAME: &str = "target.gauntlet.test";

/// One scenario in one role, with its certificates: all that is needed to set up both ends.
pub struct Stage {
    scenario: Arc<Scenario>,
    role: Role,
    pki: Pki,
}

impl Stage {
    /// Sets a scenario up; `label` names the stream of its serial numbers.
    ///
    /// # Errors
    /// When its recipes cannot be minted: the scenario's fault.
    pub fn new(
        mint: &Arc<Mint>,
        scenario: Arc<Scenario>,
        role: Role,
        label: &str,
    ) -> Result<Self, PkiError> {
        let pki = mint.pki(&scenario.pki, role, label)?;
        Ok(Self {
            scenario,
            role,
            pki,
        })
    }

    /// The scenario.
    pub fn scenario(&self) -> &Arc<Scenario> {
        &self.scenario
    }

    /// Its certificates.
    pub fn pki(&self) -> &Pki {
        &self.pki
    }

    /// Names the environment: equal for stages whose target is configured alike, in every run.
    ///
    /// The entries that a CRL revokes are no part of it, so that a twin's environment is its case's;
    /// a scenario with a CRL shares its environment with no other.
    ///
    /// # Errors
    /// When an entry cannot be resolved.
    pub fn digest(&self) -> Result<String, PkiError> {
        let plan = &self.scenario.target;
        let lineages = |names: &[String]| -> Result<Vec<String>, PkiError> {
            names.iter().map(|name| self.lineage(name)).collect()
        };
        let mut domains = BTreeMap::new();
        for (domain, anchors) in self.trust_domains() {
            domains.insert(domain, lineages(&anchors)?);
        }
        let mut authorities = BTreeMap::new();
        for (name, crl) in &self.scenario.crl {
            let issuer = crl.issuer.as_ref().unwrap_or(name);
            authorities.insert(
                name,
                [
                    self.lineage(issuer)?,
                    self.lineage(crl.signed_by.as_ref().unwrap_or(issuer))?,
                ],
            );
        }
        let mut description = json!({
            "role": self.role,
            "plan": plan,
            "profile": self.scenario.profile,
            "stapling": self.stapling(),
            "trusts": lineages(&self.trusts())?,
            "trust-domains": domains,
            "presents": lineages(&plan.presents.clone().unwrap_or_else(|| vec!["target".into()]))?,
            "signs-with": plan.signs_with.as_ref().map(|name| self.lineage(name)).transpose()?,
            "crl": self.scenario.crl,
            "crl-authorities": authorities,
            "crl-scenario": (!self.scenario.crl.is_empty()).then_some(&self.scenario.id),
        });
        if self.scenario.is_story() {
            description["story"] = json!(self.scenario.id);
        }
        if let Some(vhost) = &self.scenario.vhost {
            description["vhost"] = json!([vhost, lineages(&trusted(vhost))?]);
        }
        Ok(sha256_start(description.to_string().as_bytes(), 8))
    }

    /// What the target is configured with. `revoked` is where the entries that a CRL revokes come
    /// from: the case's own stage, also for its twin, whose peer no list names.
    ///
    /// # Errors
    /// When something cannot be minted.
    pub fn environment(&self, mint: &Arc<Mint>, revoked: &Pki) -> Result<Environment, PkiError> {
        let plan = &self.scenario.target;
        let mut trust_domains = BTreeMap::new();
        for (domain, anchors) in self.trust_domains() {
            trust_domains.insert(domain, self.pki.trust(&anchors)?);
        }
        let mut crls = Vec::new();
        for (name, crl) in &self.scenario.crl {
            crls.push(revoked.crl(name, crl)?);
        }
        let default_depth = if crls.is_empty() {
            RevocationDepth::None
        } else {
            RevocationDepth::Chain
        };
        Ok(Environment {
            role: self.role,
            clock: mint.clock(),
            identity: self.pki.identity(
                plan.presents.as_deref(),
                plan.signs_with.as_deref(),
                "target",
            )?,
            trust: self.pki.trust(&self.trusts())?,
            trust_domains,
            profile: self.scenario.profile,
            client_auth: plan.client_auth.unwrap_or_default(),
            vhost: self.vhost()?,
            versions: plan
                .versions
                .clone()
                .unwrap_or_else(|| TlsVersion::ALL.to_vec()),
            alpn: octets(&plan.alpn),
            server_name: server_name(plan)?,
            crls,
            revocation: plan.revocation.unwrap_or(default_depth),
            unknown_status: plan.unknown_status.unwrap_or(crate::scenario::Choice::Deny),
            expired_crl: plan.expired_crl.unwrap_or(crate::scenario::Choice::Deny),
            stapling: self.stapling(),
            resumption: self.scenario.is_story(),
            handshake_deadline: plan
                .handshake_deadline_ms
                .map_or(DEFAULT_HANDSHAKE_DEADLINE, |ms| {
                    Duration::from_millis(ms.into())
                }),
            provider: Provider::AwsLcRs,
            digest: self.digest()?,
        })
    }

    /// The peer that meets the target.
    ///
    /// # Errors
    /// When something cannot be minted.
    pub fn peer(&self, tls: TlsVersion, patience: Patience) -> Result<Peer, PkiError> {
        let plan = &self.scenario.peer;
        let silent_point = plan.stalls.or(plan.aborts);
        let staple = match &self.scenario.ocsp {
            Some(ocsp) => self.pki.staple(ocsp)?,
            None => Vec::new(),
        };
        Ok(Peer {
            identity: self.pki.identity(
                plan.presents.as_deref(),
                plan.signs_with.as_deref(),
                "peer",
            )?,
            staple,
            version: tls,
            server_name: sni(plan.sni.as_ref(), "peer.sni")?,
            alpn: octets(&plan.alpn),
            hints: self.hints()?,
            asks: !plan.asks_nothing,
            faults: Faults {
                fragment: plan.fragment,
                dribble: plan.dribble,
                ..Peer::faults(plan.stalls, plan.aborts)
            },
            mute: silent_point == Some(HandshakePoint::FirstByte),
            crowd: plan.crowd.unwrap_or(0),
            sessions: None,
            // A peer that listens longer than a handshake may take looks like one that stalls.
            listen: match self.scenario.target.handshake_deadline_ms {
                Some(ms) => patience.listen.min(Duration::from_millis(ms.into()) / 4),
                None => patience.listen,
            },
            deadline: patience.deadline,
        })
    }

    /// The peer that meets the target when `who` presents itself, another entry in the peer's place, and asks
    /// for this name: the scenario's own where there is none.
    ///
    /// # Errors
    /// When something cannot be minted.
    pub fn peer_as(
        &self,
        who: &str,
        name: Option<&String>,
        tls: TlsVersion,
        patience: Patience,
    ) -> Result<Peer, PkiError> {
        let mut peer = self.peer(tls, patience)?;
        if name.is_some() {
            peer.server_name = sni(name, "step.sni")?;
        }
        Ok(match who {
            "peer" => peer,
            who => Peer {
                identity: self.pki.identity(None, None, who)?,
                ..peer
            },
        })
    }

    /// The serial number of what `who` presents, in hexadecimal; none where that is nothing.
    ///
    /// # Errors
    /// When it cannot be minted.
    pub fn serial_of(&self, who: &str) -> Result<Option<String>, PkiError> {
        let presents = self.scenario.peer.presents.as_ref();
        let first = match presents.filter(|_| who == "peer") {
            Some(presents) => presents.first().map(String::as_str),
            None => Some(who),
        };
        let Some(first) = first else { return Ok(None) };
        Ok(Some(hex(&self.pki.certificate(first)?.serial)))
    }

    /// Mints every certificate of the scenario now.
    ///
    /// # Errors
    /// When one cannot be minted.
    pub fn mint_all(&self) -> Result<(), PkiError> {
        let own = self.scenario.pki.keys().map(String::as_str);
        for name in BASELINE.into_iter().chain(own) {
            self.pki.certificate(name)?;
        }
        Ok(())
    }

    /// The same certificates under another scenario, which must have the same entries.
    pub fn recast(&mut self, scenario: Arc<Scenario>) {
        self.scenario = scenario;
    }

    /// Names what the peer presents and does: equal for peers that a target could not tell apart,
    /// serial numbers aside.
    ///
    /// # Errors
    /// When an entry cannot be resolved.
    pub fn peer_digest(&self) -> Result<String, PkiError> {
        let plan = &self.scenario.peer;
        let presents = plan
            .presents
            .clone()
            .map_or_else(|| self.pki.default_presents("peer"), Ok)?;
        let lineages: Result<Vec<_>, _> = presents.iter().map(|name| self.lineage(name)).collect();
        let signs_with = plan
            .signs_with
            .as_ref()
            .map(|name| self.lineage(name))
            .transpose()?;
        Ok(json!([plan, lineages?, signs_with, self.scenario.ocsp]).to_string())
    }

    /// The entries that the peer presents, in the order in which it does.
    pub fn presented(&self) -> String {
        let declared = self.scenario.peer.presents.clone();
        let names = declared
            .or_else(|| self.pki.default_presents("peer").ok())
            .unwrap_or_default();
        if names.is_empty() {
            "nothing".into()
        } else {
            names.join(", ")
        }
    }

    fn lineage(&self, name: &str) -> Result<String, PkiError> {
        self.pki.lineage(name).map(str::to_owned)
    }

    fn trusts(&self) -> Vec<String> {
        self.scenario
            .target
            .trusts
            .clone()
            .unwrap_or_else(|| vec!["root".into()])
    }

    fn trust_domains(&self) -> BTreeMap<String, Vec<String>> {
        if self.scenario.profile != Some(Profile::Spiffe) {
            return BTreeMap::new();
        }
        let declared = self.scenario.target.trust_domains.clone();
        declared.unwrap_or_else(|| BTreeMap::from([(TRUST_DOMAIN.to_owned(), self.trusts())]))
    }

    fn vhost(&self) -> Result<Option<VirtualHost>, PkiError> {
        let Some(plan) = &self.scenario.vhost else {
            return Ok(None);
        };
        Ok(Some(VirtualHost {
            name: dns_name(&plan.name, "vhost.name")?,
            trust: self.pki.trust(&trusted(plan))?,
            client_auth: plan.client_auth.unwrap_or_default(),
        }))
    }

    /// A client looks at stapled responses where the scenario is about them.
    fn stapling(&self) -> bool {
        let must_staple = self
            .scenario
            .pki
            .values()
            .any(|recipe| recipe.must_staple == Some(true));
        self.role == Role::Client && (self.scenario.ocsp.is_some() || must_staple)
    }

    fn hints(&self) -> Result<Arc<[DistinguishedName]>, PkiError> {
        let plan = &self.scenario.peer;
        let mut hints = Vec::new();
        if self.role == Role::Client {
            for name in plan.hints.clone().unwrap_or_else(|| vec!["root".into()]) {
                hints.push(DistinguishedName::from(
                    self.pki.certificate(&name)?.subject.to_vec(),
                ));
            }
            for number in 0..plan.filler_hints.unwrap_or(0) {
                hints.push(DistinguishedName::from(filler_name(number)));
            }
        }
        Ok(hints.into())
    }
}

/// How long the peer waits.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the target's verdict, before the first write.
    pub listen: Duration,
    /// For the whole connection.
    pub deadline: Duration,
}

fn octets(names: &[String]) -> Vec<Vec<u8>> {
    names.iter().map(|name| name.clone().into_bytes()).collect()
}

fn server_name(plan: &TargetPlan) -> Result<ServerName<'static>, PkiError> {
    let name = plan
        .server_name
        .clone()
        .unwrap_or_else(|| "peer.gauntlet.test".into());
    ServerName::try_from(name.clone()).map_err(|_| PkiError::Recipe {
        entry: "target.server-name".into(),
        reason: format!("`{name}` is neither a DNS name nor an IP address"),
    })
}

fn sni(declared: Option<&String>, place: &str) -> Result<Option<DnsName<'static>>, PkiError> {
    let name = declared.cloned().unwrap_or_else(|| TARGET_NAME.into());
    if name.is_empty() {
        return Ok(None);
    }
    dns_name(&name, place).map(Some)
}

fn dns_name(name: &str, place: &str) -> Result<DnsName<'static>, PkiError> {
    DnsName::try_from(name.to_owned()).map_err(|_| PkiError::Recipe {
        entry: place.into(),
        reason: format!("`{name}` is not a DNS name; an empty string sends none"),
    })
}

fn trusted(vhost: &VirtualHostPlan) -> Vec<String> {
    vhost.trusts.clone().unwrap_or_else(|| vec!["root".into()])
}

/// `CN=filler-<number>` as DER. Two digits and more would change the lengths, so it is padded to five.
fn filler_name(number: u16) -> Vec<u8> {
    let text = format!("filler-{number:05}");
    let length = text.len() as u8;
    let mut der = vec![
        0x30,
        length + 11,
        0x31,
        length + 9,
        0x30,
        length + 7,
        0x06,
        3,
        0x55,
        4,
        3,
        0x0c,
        length,
    ];
    der.extend(text.as_bytes());
    der
}
