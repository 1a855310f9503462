//! The pool: every key pair of a run, made once and shared.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::super::PkiError;
use super::super::recipe::KeyKind;
use super::Key;
use crate::seed::Seed;

/// The key pairs of a run by kind and slot, made when first asked for.
///
/// A slot is the name of the entry that the key belongs to. RSA keys are dear to make (tens of
/// milliseconds to a second), so `target` and `peer` share one RSA slot of each kind,
/// [`KeyPool::LEAF`]. Authorities have slots of their own: a rogue root that shared the true root's key
/// would be no rogue, and wolfSSL, which finds issuers by their key identifier, takes an intermediate
/// with its root's key for the root.
pub struct KeyPool {
    seed: Seed,
    entries: Mutex<HashMap<(KeyKind, String), Arc<Entry>>>,
}

/// One slot. Its lock is held while the key is made, so that a second asker waits for that key and
/// nobody waits for another.
type Entry = Mutex<Option<Arc<Key>>>;

impl KeyPool {
    /// The RSA slot of `target` and `peer`.
    pub const LEAF: &str = "baseline/leaf";

    /// An empty pool.
    pub fn new(seed: Seed) -> Self {
        Self {
            seed,
            entries: Mutex::default(),
        }
    }

    /// The key of this kind in this slot.
    pub fn key(&self, kind: KeyKind, slot: &str) -> Result<Arc<Key>, PkiError> {
        let slot = fold(kind, slot);
        let entry = {
            let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(entries.entry((kind, slot.to_owned())).or_default())
        };
        let mut key = entry.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = &*key {
            return Ok(Arc::clone(key));
        }
        let stream = self.seed.stream(&format!("key/{kind:?}/{slot}"));
        let made = Arc::new(Key::generate(kind, stream)?);
        *key = Some(Arc::clone(&made));
        Ok(made)
    }

    /// Puts a key in this slot that was there before the run.
    pub(in super::super) fn put(&self, kind: KeyKind, slot: &str, key: Arc<Key>) {
        let entry = Arc::new(Mutex::new(Some(key)));
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.insert((kind, fold(kind, slot).to_owned()), entry);
    }

    /// Makes these keys in background threads, the first first, so that a scenario that needs one
    /// finds it made. A failure shows when the key is asked for.
    pub fn warm(self: &Arc<Self>, keys: Vec<(KeyKind, String)>) {
        let queue = Arc::new(Mutex::new(VecDeque::from(keys)));
        let threads = thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..threads {
            let (pool, queue) = (Arc::clone(self), Arc::clone(&queue));
            thread::spawn(move || {
                loop {
                    let next = queue
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .pop_front();
                    let Some((kind, slot)) = next else { return };
                    drop(pool.key(kind, &slot));
                }
            });
        }
    }
}

impl fmt::Debug for KeyPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPool").finish_non_exhaustive()
    }
}

/// The slot that `slot` shares where keys of this kind are dear.
fn fold(kind: KeyKind, slot: &str) -> &str {
    match slot {
        "target" | "peer" if kind.is_rsa() => KeyPool::LEAF,
        _ => slot,
    }
}
