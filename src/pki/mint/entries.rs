//! The entries of one scenario's PKI: recipes laid over the baseline, issuers found, circles refused.
//!
//! Nothing here touches a key; what comes out is a list in which every entry knows its issuer's place
//! and has a lineage, the text that says all there is to say about it but its random parts.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::PkiError;
use super::super::baseline::{self, Base};
use super::super::recipe::{KeyKind, Recipe, Recipes};
use crate::scenario::Role;

/// One certificate to be.
#[derive(Debug)]
pub(super) struct Entry {
    /// The name that scenarios know it by.
    pub(super) name: Arc<str>,
    /// Its recipe with nothing left to the baseline.
    pub(super) recipe: Recipe,
    /// The entry that signs it; its own place where it signs itself.
    pub(super) issuer: usize,
    /// The entry whose key it shares.
    pub(super) key_of: Option<usize>,
    /// The pool's slot for its key.
    pub(super) slot: String,
    /// Its recipe and those of its issuers, as text.
    pub(super) lineage: Arc<str>,
    /// The first of the chain that it is a further member of: it has the same recipe.
    first: Option<usize>,
    /// Is the certificate the same in every scenario of the run?
    pub(super) shared: bool,
    /// The authorities that presenting it presents after it: the rest of its `chain`, last first.
    pub(super) members: Vec<usize>,
}

/// The entries and where each name stands.
#[derive(Debug)]
pub(super) struct Entries {
    pub(super) list: Vec<Entry>,
    places: BTreeMap<Arc<str>, usize>,
}

impl Entries {
    /// Lays `recipes` over the baseline for a target in `role`.
    pub(super) fn new(recipes: &Recipes, role: Role) -> Result<Self, PkiError> {
        let mut drafts = Vec::new();
        for base in Base::ALL {
            if !recipes.contains_key(base.name()) {
                drafts.push(Draft::new(base.name(), &Recipe::default(), base, role)?);
            }
        }
        for (name, recipe) in recipes {
            let base = base_of(name, recipe)?;
            drafts.extend(Draft::chain(name, recipe, base, role)?);
        }
        // What the scenario does to the authorities is not done to the target's own certificate.
        if recipes.contains_key("root") || recipes.contains_key("issuing") {
            for base in [Base::Root, Base::Issuing] {
                drafts.push(Draft::unchanged(base, role)?);
            }
        } else {
            for draft in &mut drafts {
                if let Some(name) = draft.issuer.strip_prefix(baseline::PREFIX) {
                    draft.issuer = name.into();
                }
            }
        }
        Self::link(drafts)
    }

    /// The place of the entry with this name.
    pub(super) fn place(&self, name: &str) -> Result<usize, PkiError> {
        self.places
            .get(name)
            .copied()
            .ok_or_else(|| PkiError::UnknownEntry(name.into()))
    }

    /// The next authority above this entry and its chain; `None` above what signs itself.
    pub(super) fn above(&self, place: usize) -> Option<usize> {
        let last = self.list[place].members.last().copied().unwrap_or(place);
        let issuer = self.list[last].issuer;
        (issuer != last).then_some(issuer)
    }

    fn link(drafts: Vec<Draft>) -> Result<Self, PkiError> {
        let mut places = BTreeMap::new();
        for (place, draft) in drafts.iter().enumerate() {
            if places.insert(Arc::clone(&draft.name), place).is_some() {
                return Err(PkiError::Recipe {
                    entry: draft.name.to_string(),
                    reason: "another entry's chain already has an authority of this name; rename \
                             one of them"
                        .into(),
                });
            }
        }
        let place = |name: &str| {
            let place = places.get(name).copied();
            place.ok_or_else(|| PkiError::UnknownEntry(name.into()))
        };
        let mut list = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let members = draft.members.iter().map(|name| place(name));
            list.push(Entry {
                issuer: place(&draft.issuer)?,
                first: draft.first.as_deref().map(place).transpose()?,
                key_of: draft.recipe.key_of.as_deref().map(place).transpose()?,
                members: members.collect::<Result<_, _>>()?,
                slot: draft.slot,
                lineage: Arc::from(draft.own),
                shared: draft.shared,
                name: draft.name,
                recipe: draft.recipe,
            });
        }
        let mut entries = Self { list, places };
        entries.trace()?;
        Ok(entries)
    }

    /// Completes each lineage after those that it rests on, or finds the circle that they run in.
    ///
    /// The walk keeps its own stack: a `chain` may be longer than a thread's.
    fn trace(&mut self) -> Result<(), PkiError> {
        let mut states = vec![State::New; self.list.len()];
        let mut path: Vec<usize> = (0..self.list.len()).collect();
        while let Some(&place) = path.last() {
            let entry = &self.list[place];
            let issuer = Some(entry.issuer).filter(|issuer| *issuer != place);
            match states[place] {
                State::Done => {
                    path.pop();
                }
                State::New => {
                    states[place] = State::Open;
                    for next in [issuer, entry.key_of].into_iter().flatten() {
                        match states[next] {
                            State::Done => {}
                            State::New => path.push(next),
                            State::Open => return Err(PkiError::Cycle(entry.name.to_string())),
                        }
                    }
                }
                State::Open => {
                    let mut lineage = entry.lineage.to_string();
                    // A further member of a chain follows from the first; to repeat all that is
                    // between would make the text grow with the square of the chain's length.
                    let rests_on = match entry.first {
                        Some(first) => [("like", Some(first)), ("", None)],
                        None => [("key of", entry.key_of), ("issued by", issuer)],
                    };
                    for (relation, next) in rests_on {
                        if let Some(next) = next {
                            lineage.push_str(&format!("\n{relation} {}", self.list[next].lineage));
                        }
                    }
                    self.list[place].lineage = lineage.into();
                    states[place] = State::Done;
                    path.pop();
                }
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum State {
    New,
    Open,
    Done,
}

/// An entry whose issuer is a name yet.
struct Draft {
    name: Arc<str>,
    recipe: Recipe,
    issuer: String,
    slot: String,
    own: String,
    first: Option<String>,
    shared: bool,
    members: Vec<String>,
}

impl Draft {
    fn new(name: &str, recipe: &Recipe, base: Base, role: Role) -> Result<Self, PkiError> {
        let mut resolved = recipe.over(&base.recipe(role));
        if resolved.copies == Some(0) {
            return Err(PkiError::Recipe {
                entry: name.into(),
                reason: "copies = 0 leaves nothing to present; leave the entry out of `presents` \
                         instead"
                    .into(),
            });
        }
        if resolved.key_of.is_some() {
            if recipe.key.is_some() {
                return Err(PkiError::Recipe {
                    entry: name.into(),
                    reason: "it has both `key` and `key-of`; the other entry's key has a kind of \
                             its own, so leave `key` out"
                        .into(),
                });
            }
            resolved.key = None;
        }
        resolved
            .subject
            .get_or_insert_with(|| vec![baseline::ORGANIZATION.into(), format!("CN={name}")]);
        let issuer = resolved.issuer.take().unwrap_or_else(|| match base {
            Base::Root => name.into(),
            Base::Issuing => "root".into(),
            Base::Target => format!("{}issuing", baseline::PREFIX),
            Base::Peer => "issuing".into(),
        });
        resolved.like = Some(base.name().into());
        let own = format!("{name} {}", canonical(name, &resolved)?);
        Ok(Self {
            name: name.into(),
            issuer,
            slot: name.into(),
            own,
            first: None,
            shared: resolved.is_authority() || base.is_authority() || base == Base::Target,
            recipe: resolved,
            members: Vec::new(),
        })
    }

    /// The baseline authority that the scenario has changed, as it was.
    fn unchanged(base: Base, role: Role) -> Result<Self, PkiError> {
        let mut draft = Self::new(base.name(), &Recipe::default(), base, role)?;
        draft.name = format!("{}{}", baseline::PREFIX, base.name()).into();
        draft.issuer = format!("{}root", baseline::PREFIX);
        Ok(draft)
    }

    /// The entry, and before it the authorities that its `chain` puts under its issuer.
    fn chain(name: &str, recipe: &Recipe, base: Base, role: Role) -> Result<Vec<Self>, PkiError> {
        let mut last = Self::new(name, recipe, base, role)?;
        let Some(length) = recipe.chain else {
            return Ok(vec![last]);
        };
        let wrong = |reason: &str| PkiError::Recipe {
            entry: name.into(),
            reason: reason.into(),
        };
        if length == 0 {
            return Err(wrong(
                "a chain of no authority is no chain; write 1 or more",
            ));
        }
        if last.issuer == name {
            return Err(wrong(
                "an entry that signs itself has no chain above it; name another `issuer`",
            ));
        }
        let mut drafts = Vec::with_capacity(usize::from(length));
        let mut issuer = last.issuer;
        for index in 1..length {
            let member = format!("{name}-{index}");
            let mut draft = Self::new(&member, recipe, base, role)?;
            draft.issuer = issuer;
            if index > 1 {
                draft.own.clone_from(&member);
                draft.first = Some(format!("{name}-1"));
            }
            if draft.recipe.key.is_some_and(KeyKind::is_rsa) {
                draft.slot = name.into();
            }
            issuer = member.clone();
            last.members.insert(0, member);
            drafts.push(draft);
        }
        last.issuer = issuer;
        drafts.push(last);
        Ok(drafts)
    }
}

/// The recipe as one line of JSON, the fields in the order of their declaration.
fn canonical(name: &str, recipe: &Recipe) -> Result<String, PkiError> {
    serde_json::to_string(recipe).map_err(|error| PkiError::Recipe {
        entry: name.into(),
        reason: error.to_string(),
    })
}

fn base_of(name: &str, recipe: &Recipe) -> Result<Base, PkiError> {
    let wrong = |reason: String| PkiError::Recipe {
        entry: name.into(),
        reason,
    };
    match &recipe.like {
        Some(like) => Base::named(like).ok_or_else(|| {
            wrong(format!(
                "like = \"{like}\" is not a baseline entry: write root, issuing, target or peer"
            ))
        }),
        None => Base::named(name).ok_or_else(|| {
            wrong(
                "say what it starts from: like = \"root\", \"issuing\", \"target\" or \"peer\""
                    .into(),
            )
        }),
    }
}
