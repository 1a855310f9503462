//! Strangers: callers of the harness's own, who verify nobody and of whom most must be refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls::ClientConfig;

use super::Cast;
use crate::fleet::FleetError;
use crate::fleet::authority::{Order, ROGUE_ROOT};
use crate::fleet::material::Lists;
use crate::fleet::ways::Caller;
use crate::load::credentials::Credentials;
use crate::load::habits::Habits;
use crate::oracle::history::Serial;
use crate::peer::presenting;
use crate::pki::issuer::Leaf;
use crate::scenario::fleet::Canary;

/// A caller of the harness's own, who verifies nobody.
#[derive(Clone)]
pub struct Strayer {
    pub(super) name: String,
    pub(super) credentials: Arc<Credentials>,
}

impl Strayer {
    pub(super) fn caller(&self, canary: Option<Canary>) -> Caller {
        Caller {
            name: self.name.clone(),
            purse: Arc::clone(&self.credentials) as _,
            canary,
            habits: Habits::default(),
        }
    }
}

impl Cast {
    /// Those who must be refused whatever happens.
    pub(super) fn strangers(&self) -> Result<BTreeMap<Canary, Strayer>, FleetError> {
        let kinds = self.plan.load.canaries.clone();
        let mut kinds = kinds.unwrap_or_else(|| Canary::ALL.to_vec());
        if self.plan.fleet.health && !kinds.contains(&Canary::Prober) {
            kinds.push(Canary::Prober);
        }
        let mut strangers = BTreeMap::new();
        for kind in kinds {
            if kind == Canary::Revoked && self.plan.fleet.crl_lifetime.is_none() {
                continue;
            }
            let name = kind.party();
            // Nothing but what it is called for should be wrong with it, however long this takes.
            let lifetime = self.plan.fleet.authority_lifetime.as_micros() / 1_000_000;
            let order = Order {
                not_after: i64::try_from(lifetime).unwrap_or(i64::MAX),
                ..self.authority.order(&name)
            };
            let order = match kind {
                Canary::NoCertificate | Canary::Prober => {
                    strangers.insert(kind, stray(&name, None)?);
                    continue;
                }
                Canary::Plaintext => {
                    let credentials = Credentials {
                        config: None,
                        serial: None,
                        edition: 0,
                        verifies: false,
                    };
                    let credentials = Arc::new(credentials);
                    strangers.insert(kind, Strayer { name, credentials });
                    continue;
                }
                Canary::Expired => Order {
                    not_before: -86_400,
                    not_after: -3600,
                    ..order
                },
                Canary::WrongAuthority => Order {
                    anchor: Some(ROGUE_ROOT.into()),
                    ..order
                },
                Canary::WrongUsage => Order {
                    for_clients: false,
                    defect: Some("it is not for clients".into()),
                    ..order
                },
                Canary::Revoked | Canary::WrongName => order,
            };
            let leaf = self.authority.issue(&order)?;
            strangers.insert(kind, stray(&name, Some(&leaf))?);
        }
        Ok(strangers)
    }

    /// The first lists, with the canary that is revoked in them; none where services use none.
    pub(super) fn first_lists(
        &self,
        canaries: &BTreeMap<Canary, Strayer>,
    ) -> Result<Option<Arc<Lists>>, FleetError> {
        if self.plan.fleet.crl_lifetime.is_none() {
            return Ok(None);
        }
        let revoked = canaries
            .get(&Canary::Revoked)
            .and_then(|canary| canary.credentials.serial);
        self.authority.revoke(revoked);
        Ok(Some(self.authority.lists()?))
    }
}

/// A stranger who presents this leaf, or nothing.
///
/// # Errors
/// What the TLS library says.
pub(super) fn stray(name: &str, leaf: Option<&Leaf>) -> Result<Strayer, FleetError> {
    let config: ClientConfig = presenting(leaf.map(|leaf| (leaf.chain.clone(), leaf.key.signer())))
        .map_err(|error| FleetError::Party(name.into(), error.to_string()))?;
    let serial: Option<Serial> = leaf.map(|leaf| leaf.serial);
    let credentials = Credentials {
        config: Some(Arc::new(config)),
        serial,
        edition: 0,
        verifies: false,
    };
    Ok(Strayer {
        name: name.to_owned(),
        credentials: Arc::new(credentials),
    })
}
