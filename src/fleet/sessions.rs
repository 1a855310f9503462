//! Sessions that a service keeps for resumption. It holds no memory while it holds no session: most
//! services of a large fleet are idle, and the library's own cache takes room for all it may ever hold.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::server::StoresServerSessions;

/// A bounded store: who comes last drives out who came first.
pub struct Sessions {
    most: usize,
    /// None before the first session.
    kept: Mutex<Option<Box<Kept>>>,
}

#[derive(Default)]
struct Kept {
    values: HashMap<Vec<u8>, Vec<u8>>,
    order: VecDeque<Vec<u8>>,
}

impl Sessions {
    /// A store of at most so many sessions.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            kept: Mutex::default(),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Option<Box<Kept>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StoresServerSessions for Sessions {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        let mut kept = self.kept();
        let kept = kept.get_or_insert_default();
        if kept.values.insert(key.clone(), value).is_none() {
            kept.order.push_back(key);
        }
        // Those that were taken stay in the order until their turn comes.
        while kept.order.len() > self.most {
            if let Some(oldest) = kept.order.pop_front() {
                kept.values.remove(&oldest);
            }
        }
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.kept().as_ref()?.values.get(key).cloned()
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.kept().as_mut()?.values.remove(key)
    }

    fn can_cache(&self) -> bool {
        self.most > 0
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}
