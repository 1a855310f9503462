//! Verifiers, shared: parties that were given the same bundle and the same lists judge alike, and one
//! verifier serves them all. With large lists that is the difference between megabytes and gigabytes.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use self::wrapped::{Examiner, Refused, Watched};

pub use self::wrapped::Postponed;
use super::material::{Bundle, Lists, Material};
use crate::peer::provider;
use crate::target::planted::{Bug, Flaws};

mod wrapped;

/// The verifiers of a fleet, as long as somebody uses them.
#[derive(Default)]
pub struct Verifiers {
    made: Mutex<Vec<Made>>,
    /// Whom somebody has refused, where that is remembered.
    refused: Arc<Refused>,
    /// Are those who are called looked up in the lists too?
    looks_up_servers: bool,
}

struct Made {
    bundle: Weak<Bundle>,
    lists: Option<Weak<Lists>>,
    trust: Arc<Trust>,
}

/// How a party judges others, as a server and as a caller.
pub struct Trust {
    /// As a server.
    pub callers: Arc<dyn ClientCertVerifier>,
    /// As a caller.
    pub servers: Arc<dyn ServerCertVerifier>,
}

impl Verifiers {
    /// Of a fleet in which those who are called are looked up in the lists too, or are not.
    pub fn new(looks_up_servers: bool) -> Self {
        Self {
            looks_up_servers,
            ..Self::default()
        }
    }

    /// The trust that this material says.
    ///
    /// # Errors
    /// Why the bundle or the lists are no good.
    pub fn of(&self, material: &Material, flaws: Flaws) -> Result<Arc<Trust>, String> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.retain(|made| {
            let lists = made.lists.as_ref();
            made.bundle.strong_count() > 0 && lists.is_none_or(|lists| lists.strong_count() > 0)
        });
        if let Some(made) = made.iter().find(|made| made.is_of(material)) {
            return Ok(Arc::clone(&made.trust));
        }
        let trust = Arc::new(self.made_of(material, flaws)?);
        made.push(Made {
            bundle: Arc::downgrade(&material.bundle),
            lists: material.lists.as_ref().map(Arc::downgrade),
            trust: Arc::clone(&trust),
        });
        Ok(trust)
    }
}

impl Made {
    fn is_of(&self, material: &Material) -> bool {
        let lists = match (&self.lists, &material.lists) {
            (None, None) => true,
            (Some(one), Some(other)) => one.as_ptr() == Arc::as_ptr(other),
            _ => false,
        };
        lists && self.bundle.as_ptr() == Arc::as_ptr(&material.bundle)
    }
}

impl Verifiers {
    fn made_of(&self, material: &Material, flaws: Flaws) -> Result<Trust, String> {
        let roots = Arc::new(roots(&material.bundle, flaws)?);
        let mut callers =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), provider());
        if let Some(lists) = &material.lists {
            callers = callers.with_crls(lists.lists.iter().cloned());
            if !flaws.has(Bug::IgnoresListExpiry) {
                callers = callers.enforce_revocation_expiration();
            }
            if flaws.has(Bug::LooksUpOnlyLeaves) {
                callers = callers.only_check_end_entity_revocation();
            }
        }
        let callers = callers.build().map_err(|error| error.to_string())?;
        let mut servers =
            WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), provider());
        if let Some(lists) = &material.lists
            && self.looks_up_servers
            && !flaws.has(Bug::LooksUpOnlyCallers)
        {
            // Callers from outside are told of no new lists: what theirs do not know is no reason to refuse.
            servers = servers
                .with_crls(lists.lists.iter().cloned())
                .allow_unknown_revocation_status();
        }
        let servers = servers.build().map_err(|error| error.to_string())?;
        Ok(Trust {
            callers: Arc::new(Examiner {
                verifier: callers,
                roots,
                flaws,
                refused: Arc::clone(&self.refused),
            }),
            servers: Arc::new(Watched {
                verifier: servers,
                flaws,
            }),
        })
    }
}

fn roots(bundle: &Bundle, flaws: Flaws) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for (name, anchor) in &bundle.anchors {
        let before = roots.roots.len();
        roots
            .add(anchor.clone())
            .map_err(|error| format!("the trust anchor {name}: {error}"))?;
        let known = roots.roots.split_last().is_some_and(|(last, others)| {
            let mut others = others.iter();
            others.any(|other| other.subject == last.subject)
        });
        if known && flaws.has(Bug::TriesFirstOfAName) {
            roots.roots.truncate(before);
        }
    }
    Ok(roots)
}
