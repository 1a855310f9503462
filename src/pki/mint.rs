//! The mint: recipes in, certificates out.
//!
//! A [`Mint`] lives as long as a run and keeps what scenarios share: keys, authorities and the
//! target's own certificate. A [`Pki`] is one scenario's set of certificates; each is minted when
//! first asked for and remembered. Serial numbers come from named streams of the run's seed, so
//! neither the order nor the thread in which certificates are asked for shows in them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};

use self::entries::{Entries, Entry};
use self::plan::{IssuerView, Plan};
use super::authority::Authority;
use super::key::{Key, KeyPool};
use super::recipe::{CrlRecipe, KeyKind, OcspRecipe, Recipes};
use super::{Identity, PkiError, TrustBundle, revoke};
use crate::clock::Clock;
use crate::scenario::Role;
use crate::seed::{Seed, Stream};

mod entries;
mod plan;

pub(super) use plan::date;

/// What all scenarios of a run share: the clock, the seed, the keys and the authorities.
pub struct Mint {
    clock: Clock,
    seed: Seed,
    pool: Arc<KeyPool>,
    shared: Mutex<HashMap<Arc<str>, Slot>>,
}

/// The place of one certificate. Its lock is held while it is minted, so that all who ask get the
/// same one.
type Slot = Arc<Mutex<Option<Arc<Minted>>>>;

impl Mint {
    /// A mint whose certificates are valid relative to `clock`.
    pub fn new(clock: Clock, seed: Seed, pool: Arc<KeyPool>) -> Arc<Self> {
        Arc::new(Self {
            clock,
            seed,
            pool,
            shared: Mutex::default(),
        })
    }

    /// A mint with a clock of its own, for a story that moves it: with the same seed and keys, and what
    /// scenarios share as far as it is there.
    pub fn apart(&self, clock: Clock) -> Arc<Self> {
        // Whoever mints holds a slot and asks for others: the list of slots must be free by the time that one
        // of them is waited for.
        let slots: Vec<(Arc<str>, Slot)> = lock(&self.shared)
            .iter()
            .map(|(lineage, slot)| (Arc::clone(lineage), Arc::clone(slot)))
            .collect();
        let mut shared = HashMap::new();
        for (lineage, slot) in slots {
            let minted = lock(&slot).clone();
            if minted.is_some() {
                shared.insert(lineage, Arc::new(Mutex::new(minted)));
            }
        }
        Arc::new(Self {
            clock,
            seed: self.seed,
            pool: Arc::clone(&self.pool),
            shared: Mutex::new(shared),
        })
    }

    /// A mint whose baseline root is this one: what scenarios leave alone hangs under it, and whoever
    /// trusts it needs no other configuration for them.
    ///
    /// The same authority signs in every run, and none may use a serial number twice (RFC 5280 section
    /// 4.1.2.2): the time goes into them beside the seed.
    ///
    /// # Errors
    /// None that depends on the root.
    pub fn under(
        root: Authority,
        clock: Clock,
        seed: Seed,
        pool: Arc<KeyPool>,
    ) -> Result<Arc<Self>, PkiError> {
        let entries = Entries::new(&Recipes::new(), Role::Server)?;
        let entry = &entries.list[entries.place("root")?];
        pool.put(root.key().kind(), &entry.slot, root.key());
        let seed = Seed(seed.0 ^ clock.unix().unsigned_abs());
        let mint = Self::new(clock, seed, pool);
        *lock(&mint.slot(&entry.lineage)) = Some(Arc::new(root.into_minted()));
        Ok(mint)
    }

    /// The certificates of one scenario for a target that plays `role`; `label` names the stream
    /// that the serial numbers of its end entities come from. Nothing is minted yet, but unknown
    /// issuers, a `like` that is missing or wrong, and circles are found.
    pub fn pki(
        self: &Arc<Self>,
        recipes: &Recipes,
        role: Role,
        label: &str,
    ) -> Result<Pki, PkiError> {
        let entries = Entries::new(recipes, role)?;
        let count = entries.list.len();
        let mut states = Vec::with_capacity(count);
        states.resize_with(count, State::default);
        Ok(Pki {
            mint: Arc::clone(self),
            label: label.into(),
            entries,
            states,
        })
    }

    /// The run's clock.
    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// The run's seed.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// Makes these keys, or waits until somebody else has. A failure shows when a key is asked for.
    pub fn make(&self, keys: &[(KeyKind, String)]) {
        for (kind, name) in keys {
            drop(self.pool.key(*kind, name));
        }
    }

    /// Begins to make keys, of these kinds for the entries with these names, in the background: the
    /// first should be those that take longest.
    pub fn warm(&self, keys: Vec<(KeyKind, String)>) {
        self.pool.warm(keys);
    }

    fn slot(&self, lineage: &Arc<str>) -> Slot {
        let mut shared = lock(&self.shared);
        Arc::clone(shared.entry(Arc::clone(lineage)).or_default())
    }
}

impl fmt::Debug for Mint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mint")
            .field("clock", &self.clock)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// A certificate, and what goes with it.
#[derive(Clone, Debug)]
pub struct Minted {
    /// The certificate.
    pub der: CertificateDer<'static>,
    /// The content octets of its serial number.
    pub serial: Vec<u8>,
    /// The DER of its subject.
    pub subject: Arc<[u8]>,
    /// The DER of its SubjectPublicKeyInfo.
    pub spki: Arc<[u8]>,
    /// The entry's key; a mangled certificate may show another.
    pub key: Arc<Key>,
    /// The name of the entry that signed it.
    pub issuer: Arc<str>,
    /// What presenting it presents: itself, its copies, and the rest of its chain.
    pub certificates: Vec<CertificateDer<'static>>,
}

/// One scenario's certificates, minted as they are asked for.
pub struct Pki {
    mint: Arc<Mint>,
    label: String,
    entries: Entries,
    states: Vec<State>,
}

/// What has been made of one entry so far.
#[derive(Default)]
struct State {
    plan: OnceLock<Plan>,
    minted: Mutex<Option<Arc<Minted>>>,
    serials: Mutex<Option<Stream>>,
}

impl Pki {
    /// The certificate of this entry; the same one each time.
    pub fn certificate(&self, name: &str) -> Result<Arc<Minted>, PkiError> {
        self.at(self.entries.place(name)?)
    }

    /// Mints the entry anew, with another serial number and nothing else changed; what
    /// [`certificate`](Self::certificate) gives stays as it is.
    pub fn remint(&self, name: &str) -> Result<Minted, PkiError> {
        let place = self.entries.place(name)?;
        self.plan(place)?.mint(|| self.serial(place))
    }

    /// The certificates that presenting these entries presents, in this order.
    pub fn presented(&self, names: &[String]) -> Result<Vec<CertificateDer<'static>>, PkiError> {
        let mut chain = Vec::new();
        for name in names {
            chain.extend_from_slice(&self.certificate(name)?.certificates);
        }
        Ok(chain)
    }

    /// What an entry presents unless told otherwise: itself and every authority above it that does
    /// not sign itself.
    pub fn default_presents(&self, entry: &str) -> Result<Vec<String>, PkiError> {
        let mut place = self.entries.place(entry)?;
        let mut names = vec![entry.to_owned()];
        while let Some(above) = self.entries.above(place) {
            if self.entries.above(above).is_none() {
                break;
            }
            names.push(self.entries.list[above].name.to_string());
            place = above;
        }
        Ok(names)
    }

    /// What a party presents: `presents`, or the default of `default_entry`; signed with the key of
    /// `signs_with`, else of the first presented, else of `default_entry`.
    pub fn identity(
        &self,
        presents: Option<&[String]>,
        signs_with: Option<&str>,
        default_entry: &str,
    ) -> Result<Identity, PkiError> {
        let chain = match presents {
            Some(names) => self.presented(names)?,
            None => self.presented(&self.default_presents(default_entry)?)?,
        };
        let first = presents.and_then(|names| names.first()).map(String::as_str);
        let signer = signs_with.or(first).unwrap_or(default_entry);
        Ok(Identity {
            chain,
            key: self.key(signer)?,
        })
    }

    /// The bundle that trusts these entries.
    pub fn trust(&self, names: &[String]) -> Result<TrustBundle, PkiError> {
        Ok(TrustBundle {
            anchors: self.presented(names)?,
        })
    }

    /// The CRL of this name.
    pub fn crl(
        &self,
        name: &str,
        recipe: &CrlRecipe,
    ) -> Result<CertificateRevocationListDer<'static>, PkiError> {
        revoke::crl(self, name, recipe)
    }

    /// The OCSP response to staple.
    pub fn staple(&self, recipe: &OcspRecipe) -> Result<Vec<u8>, PkiError> {
        revoke::staple(self, recipe)
    }

    /// All that there is to say of an entry but its random parts, as stable text: its recipe, those
    /// of its issuers and of the entries whose keys they share, as JSON.
    pub fn lineage(&self, name: &str) -> Result<&str, PkiError> {
        let place = self.entries.place(name)?;
        Ok(&self.entries.list[place].lineage)
    }

    /// The key of this entry.
    pub fn key(&self, name: &str) -> Result<Arc<Key>, PkiError> {
        self.key_at(self.entries.place(name)?)
    }

    /// The clock that validity is reckoned from.
    pub(super) fn clock(&self) -> Clock {
        self.mint.clock.clone()
    }

    /// The subject key identifier of this entry, which its CRLs name as their issuer's.
    pub(super) fn subject_key_identifier(&self, name: &str) -> Result<Vec<u8>, PkiError> {
        let place = self.entries.place(name)?;
        plan::subject_key_identifier(&self.entry(place).recipe, &*self.key_at(place)?).map_err(
            |reason| PkiError::Recipe {
                entry: name.into(),
                reason,
            },
        )
    }

    fn entry(&self, place: usize) -> &Entry {
        &self.entries.list[place]
    }

    fn at(&self, place: usize) -> Result<Arc<Minted>, PkiError> {
        let mut minted = lock(&self.states[place].minted);
        if let Some(minted) = &*minted {
            return Ok(Arc::clone(minted));
        }
        let entry = self.entry(place);
        let made = if entry.shared {
            let slot = self.mint.slot(&entry.lineage);
            let mut shared = lock(&slot);
            match &*shared {
                Some(made) => Arc::clone(made),
                None => {
                    let mut serials = self.mint.seed.stream(&entry.lineage);
                    let made = Arc::new(self.make(place, || serials.bytes())?);
                    *shared = Some(Arc::clone(&made));
                    made
                }
            }
        } else {
            Arc::new(self.make(place, || self.serial(place))?)
        };
        *minted = Some(Arc::clone(&made));
        Ok(made)
    }

    /// Mints an entry with its copies and gathers the rest of its chain.
    fn make(&self, place: usize, mut serial: impl FnMut() -> [u8; 16]) -> Result<Minted, PkiError> {
        let entry = self.entry(place);
        // From the top down, so that a long chain is no deep recursion.
        for member in entry.members.iter().rev() {
            self.at(*member)?;
        }
        let plan = self.plan(place)?;
        let mut minted = plan.mint(&mut serial)?;
        for _ in 1..entry.recipe.copies.unwrap_or(1) {
            minted.certificates.push(plan.mint(&mut serial)?.der);
        }
        for member in &entry.members {
            let member = self.at(*member)?;
            minted.certificates.extend_from_slice(&member.certificates);
        }
        Ok(minted)
    }

    fn plan(&self, place: usize) -> Result<&Plan, PkiError> {
        let state = &self.states[place];
        if let Some(plan) = state.plan.get() {
            return Ok(plan);
        }
        let entry = self.entry(place);
        let issuer = self.entry(entry.issuer);
        let above = match entry.issuer {
            issuer if issuer == place => None,
            issuer => Some(self.at(issuer)?),
        };
        let view = IssuerView {
            name: &issuer.name,
            subject: above.as_ref().map(|above| &*above.subject),
            recipe: &issuer.recipe,
            key: &self.key_at(entry.issuer)?,
        };
        let key = self.key_at(place)?;
        // Two threads may plan at once; their plans are equal.
        let plan = Plan::new(&entry.name, &entry.recipe, key, &view, &self.mint.clock)?;
        Ok(state.plan.get_or_init(|| plan))
    }

    fn key_at(&self, place: usize) -> Result<Arc<Key>, PkiError> {
        let mut place = place;
        while let Some(owner) = self.entry(place).key_of {
            place = owner;
        }
        let entry = self.entry(place);
        let kind = entry.recipe.key.unwrap_or(KeyKind::P256);
        self.mint.pool.key(kind, &entry.slot)
    }

    /// The next serial number of an entry that this scenario has to itself.
    fn serial(&self, place: usize) -> [u8; 16] {
        let mut serials = lock(&self.states[place].serials);
        serials
            .get_or_insert_with(|| {
                let name = &self.entry(place).name;
                self.mint.seed.stream(&format!("{}/{name}", self.label))
            })
            .bytes()
    }
}

impl fmt::Debug for Pki {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.entries.list.iter().map(|entry| &entry.name);
        f.debug_struct("Pki")
            .field("label", &self.label)
            .field("entries", &names.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
