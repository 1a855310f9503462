//! A party: somebody with an identity, who takes new material while it serves or calls.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use tokio::sync::watch;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::generation::{Generation, Loader};
use super::inspection::inspect;
use super::material::Material;
use crate::target::planted::Bug;

/// The trust domain of a fleet's identities.
pub const TRUST_DOMAIN: &str = "fleet.gauntlet.test";

/// Somebody with an identity.
pub struct Party {
    /// Its name: `service-3`, `caller-0`.
    pub name: String,
    loader: Loader,
    state: Mutex<State>,
    alarms: AtomicU32,
    /// Made when somebody first wants to be told.
    changes: OnceLock<watch::Sender<u64>>,
}

struct State {
    current: Option<Arc<Generation>>,
    last: Arc<Generation>,
    alive: Vec<Weak<Generation>>,
    leaked: Vec<Arc<Generation>>,
    /// Has it ever taken another leaf than its first?
    rotated: bool,
    alarm: Option<String>,
}

/// The DNS name of the party with this name.
pub fn dns_of(name: &str) -> String {
    format!("{name}.{TRUST_DOMAIN}")
}

/// The SPIFFE ID of the party with this name.
pub fn identity_of(name: &str) -> String {
    format!("spiffe://{TRUST_DOMAIN}/{name}")
}

/// The name of the party with this SPIFFE ID.
pub fn name_of(identity: &str) -> Option<&str> {
    identity
        .strip_prefix("spiffe://")?
        .strip_prefix(TRUST_DOMAIN)?
        .strip_prefix('/')
}

impl Party {
    /// A party that holds this.
    ///
    /// # Errors
    /// Why the material is no good: it does not start.
    pub fn new(name: &str, material: Material, loader: Loader) -> Result<Self, String> {
        let generation = Arc::new(loader.load(material, None)?);
        Ok(Self {
            name: name.to_owned(),
            loader,
            state: Mutex::new(State {
                current: Some(Arc::clone(&generation)),
                alive: vec![Arc::downgrade(&generation)],
                last: generation,
                leaked: Vec::new(),
                rotated: false,
                alarm: None,
            }),
            alarms: AtomicU32::new(0),
            changes: OnceLock::new(),
        })
    }

    /// Its loader, with its clock and its flaws.
    pub fn loader(&self) -> &Loader {
        &self.loader
    }

    /// Does it have this bug?
    pub fn has(&self, bug: Bug) -> bool {
        self.loader.flaws.has(bug)
    }

    /// The generation that new handshakes use; none if it has thrown away what it had.
    pub fn current(&self) -> Option<Arc<Generation>> {
        self.state().current.clone()
    }

    /// What it holds, or held last.
    pub fn material(&self) -> Material {
        self.state().last.material.clone()
    }

    /// Takes new material. Where that is no good it keeps what it has, and raises an alarm.
    ///
    /// # Errors
    /// Why it did not take it.
    pub fn take(&self, material: Material) -> Result<(), String> {
        self.take_if_good(material)
            .inspect_err(|why| self.refuse(why.clone()))
    }

    /// Takes new material if that is good. If not, nothing has happened: perhaps it is half-written.
    ///
    /// # Errors
    /// Why it did not take it.
    pub fn take_if_good(&self, mut material: Material) -> Result<(), String> {
        let mut state = self.state();
        let last = Arc::clone(&state.last);
        if self.has(Bug::IgnoresNewLists) {
            material.lists.clone_from(&last.material.lists);
        }
        if self.has(Bug::KeepsOldAnchors) {
            material.bundle = Arc::new(material.bundle.and(&last.material.bundle));
        }
        if self.has(Bug::StaysPermissive) {
            material.permissive |= last.material.permissive;
        }
        if self.has(Bug::TakesOneNewLeaf) && state.rotated {
            material.leaf = Arc::clone(&last.material.leaf);
        }
        self.examined(&material, &last.material)?;
        let generation = Arc::new(self.loader.load(material, Some(&last))?);
        state.rotated |= !Arc::ptr_eq(&generation.material.leaf, &last.material.leaf);
        if self.has(Bug::LeaksGenerations) {
            state.leaked.push(last);
        }
        state.alive.retain(|kept| kept.strong_count() > 0);
        state.alive.push(Arc::downgrade(&generation));
        state.current = Some(Arc::clone(&generation));
        state.last = generation;
        drop(state);
        self.look_again();
        Ok(())
    }

    /// Will not have what it was given, and keeps what it has.
    pub fn refuse(&self, why: String) {
        if self.has(Bug::DropsOldMaterial) {
            self.state().current = None;
        }
        self.raise_alarm(why);
    }

    /// Something about its material is wrong, and somebody should know.
    pub fn raise_alarm(&self, why: String) {
        if self.has(Bug::KeepsQuiet) {
            return;
        }
        self.alarms.fetch_add(1, Ordering::Relaxed);
        self.state().alarm = Some(why);
    }

    /// How many alarms it has raised.
    pub fn alarms(&self) -> u32 {
        self.alarms.load(Ordering::Relaxed)
    }

    /// How many generations it still keeps in memory.
    pub fn generations(&self) -> u32 {
        let state = self.state();
        let alive = state.alive.iter().filter(|kept| kept.strong_count() > 0);
        u32::try_from(alive.count()).unwrap_or(u32::MAX)
    }

    /// Has every connection's caller judged again: the time or the material has changed.
    pub fn look_again(&self) {
        if let Some(changes) = self.changes.get() {
            changes.send_modify(|count| *count += 1);
        }
    }

    /// Tells when to judge again.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes
            .get_or_init(|| watch::Sender::new(0))
            .subscribe()
    }

    /// Is this what a careful party takes?
    fn examined(&self, material: &Material, last: &Material) -> Result<(), String> {
        if !self.has(Bug::TakesOlderLists) {
            match (&material.lists, &last.lists) {
                (Some(new), Some(old)) if new.number < old.number => {
                    return Err(format!(
                        "the list has number {}, and {} was there before",
                        new.number, old.number
                    ));
                }
                (None, Some(_)) if !self.has(Bug::DropsMissingLists) => {
                    return Err("the revocation lists are gone".into());
                }
                _ => {}
            }
        }
        if let Some(lists) = &material.lists
            && material.lists != last.lists
        {
            let may_be_stale = self.has(Bug::IgnoresListExpiry);
            inspect(lists, material, self.loader.clock.unix(), may_be_stale)?;
        }
        let careless = [
            Bug::LoadsMismatchedPair,
            Bug::TakesAnyAnswer,
            Bug::TakesAnyLeaf,
        ];
        let examines = !careless.into_iter().any(|bug| self.has(bug));
        if Arc::ptr_eq(&material.leaf, &last.leaf) || !examines {
            return Ok(());
        }
        self.examined_leaf(material)
    }

    fn examined_leaf(&self, material: &Material) -> Result<(), String> {
        let (leaf, bundle) = (&material.leaf, &material.bundle);
        let der = leaf.chain.first().ok_or("there is no certificate")?;
        let unreadable = |_| "the certificate cannot be read".to_owned();
        let (_, certificate) = X509Certificate::from_der(der).map_err(unreadable)?;
        let now = self.loader.clock.unix();
        let validity = certificate.validity();
        if now < validity.not_before.timestamp() {
            return Err("the certificate is not valid yet".into());
        }
        if now > validity.not_after.timestamp() {
            return Err("the certificate has expired".into());
        }
        let names = certificate
            .subject_alternative_name()
            .ok()
            .flatten()
            .map(|names| format!("{:?}", names.value.general_names))
            .unwrap_or_default();
        if !names.contains(&identity_of(&material.called)) {
            return Err("the certificate names somebody else".into());
        }
        let purposes = certificate.extended_key_usage().ok().flatten();
        if purposes
            .is_some_and(|purposes| !purposes.value.client_auth || !purposes.value.server_auth)
        {
            return Err("the certificate is not for both ends of a connection".into());
        }
        let issuer_is_there = leaf.chain.len() > 1
            || bundle.anchors.values().any(|anchor| {
                X509Certificate::from_der(anchor)
                    .is_ok_and(|(_, anchor)| anchor.subject() == certificate.issuer())
            });
        if !issuer_is_there {
            return Err("the issuing authority is missing from the chain".into());
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
