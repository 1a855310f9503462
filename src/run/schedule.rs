//! The schedule: cases grouped by target and environment, so that a target is started once for each
//! distinct environment and never once for each case.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::environment::Stage;
use super::story;
use crate::pki::PkiError;
use crate::pki::mint::Mint;
use crate::pki::recipe::KeyKind;
use crate::scenario::expand::Case;
use crate::scenario::{Role, Scenario};

/// A case with both its stages set up.
pub struct Staged {
    /// The case.
    pub case: Case,
    /// Its stage.
    pub stage: Arc<Stage>,
    /// Its twin's, for cases that have one.
    pub twin: Option<Arc<Twin>>,
}

/// A twin's stage.
pub struct Twin {
    /// The stage.
    pub stage: Stage,
    /// Names its environment; when it is not the case's, the twin runs in a start of its own.
    pub environment_digest: String,
    /// Names what its peer does: twins that do the same in one start are run once.
    pub peer_digest: String,
}

/// The cases that share one environment.
pub struct Group {
    /// Names the environment.
    pub digest: String,
    /// The side that the target plays.
    pub role: Role,
    /// The cases, in the order in which they run.
    pub cases: Vec<Staged>,
}

/// The schedule of a run, the same for each of its targets.
#[derive(Default)]
pub struct Schedule {
    /// The groups, the one that takes longest first, but those that need slow keys last.
    pub groups: Vec<Group>,
    /// The cases that could not be set up, and why.
    pub broken: Vec<(Case, PkiError)>,
}

impl Schedule {
    /// Sets the stages up and groups the cases.
    pub fn of(cases: &[Case], mint: &Arc<Mint>) -> Self {
        let mut schedule = Self::default();
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        let mut stages: HashMap<(String, Role), Arc<Prepared>> = HashMap::new();
        for case in cases {
            let key = (case.scenario.id.clone(), case.role);
            let prepared = match stages.get(&key) {
                Some(prepared) => Arc::clone(prepared),
                None => match Prepared::of(&case.scenario, case.role, mint) {
                    Ok(prepared) => {
                        let prepared = Arc::new(prepared);
                        stages.insert(key, Arc::clone(&prepared));
                        prepared
                    }
                    Err(error) => {
                        schedule.broken.push((case.clone(), error));
                        continue;
                    }
                },
            };
            // A story changes its target: it never shares a start.
            let key = match case.scenario.is_story() {
                true => format!("{}/{case}", prepared.digest),
                false => prepared.digest.clone(),
            };
            let group = groups.entry(key).or_insert_with(|| Group {
                digest: prepared.digest.clone(),
                role: case.role,
                cases: Vec::new(),
            });
            group.cases.push(Staged {
                case: case.clone(),
                stage: Arc::clone(&prepared.stage),
                twin: prepared.twin.clone(),
            });
        }
        schedule.groups = groups.into_values().collect();
        // What dawdles goes first, for it takes long and costs little; what needs keys that take long
        // goes last, for by then they have been made beside the other cases.
        for group in &mut schedule.groups {
            group
                .cases
                .sort_by_key(|staged| (staged.needs_slow_keys(), Reverse(staged.cost())));
        }
        schedule
            .groups
            .sort_by_key(|group| (group.needs_slow_keys(), Reverse(group.cost())));
        schedule
    }
}

impl Schedule {
    /// How many starts these cases ask of a target in this role: one for each distinct environment, and
    /// one for each twin whose environment is not its case's.
    pub fn environments(&self, role: Role) -> u32 {
        let groups = self.groups.iter().filter(|group| group.role == role);
        let starts = groups.map(|group| {
            if let Some(story) = group.story() {
                return story::starts(&story.case.scenario);
            }
            let estranged = group.cases.iter().filter(|staged| {
                let twin = staged.twin.as_ref();
                twin.is_some_and(|twin| twin.environment_digest != group.digest)
            });
            1 + estranged.count()
        });
        u32::try_from(starts.sum::<usize>()).unwrap_or(u32::MAX)
    }
}

impl Staged {
    fn needs_slow_keys(&self) -> bool {
        !slow_keys(&self.case.scenario).is_empty()
    }

    /// About how long it takes, in milliseconds: one, unless its peer dawdles.
    fn cost(&self) -> u32 {
        let Scenario { peer, target, .. } = &*self.case.scenario;
        let stalled = peer.stalls.and(target.handshake_deadline_ms);
        let dribbled = peer.dribble.map(|octets| 2000 / u32::from(octets.max(1)));
        1 + stalled.unwrap_or(0) + dribbled.unwrap_or(0)
    }
}

impl Group {
    /// The story that it consists of, if it does.
    pub fn story(&self) -> Option<&Staged> {
        let only = self.cases.first();
        only.filter(|staged| staged.case.scenario.is_story())
    }

    /// Can nothing in it begin before such keys are made?
    fn needs_slow_keys(&self) -> bool {
        self.cases.iter().all(Staged::needs_slow_keys)
    }

    fn cost(&self) -> u32 {
        self.cases.iter().map(Staged::cost).sum()
    }
}

/// The keys of these cases that take long to make, with the entries they are for, the slowest first.
pub fn warm_up(cases: &[Case]) -> Vec<(KeyKind, String)> {
    let mut keys: Vec<_> = cases
        .iter()
        .flat_map(|case| slow_keys(&case.scenario))
        .collect();
    keys.sort_by(|one, other| other.cmp(one));
    keys.dedup();
    keys
}

fn slow_keys(scenario: &Scenario) -> Vec<(KeyKind, String)> {
    let control = scenario.control.iter().flat_map(|control| &control.pki);
    scenario
        .pki
        .iter()
        .chain(control)
        .filter_map(|(name, recipe)| Some((recipe.key.filter(|kind| kind.is_rsa())?, name.clone())))
        .collect()
}

struct Prepared {
    stage: Arc<Stage>,
    digest: String,
    twin: Option<Arc<Twin>>,
}

impl Prepared {
    fn of(scenario: &Arc<Scenario>, role: Role, mint: &Arc<Mint>) -> Result<Self, PkiError> {
        let label = format!("{}/{role}", scenario.id);
        let stage = Stage::new(mint, Arc::clone(scenario), role, &label)?;
        let twin = match &scenario.control {
            Some(control) => {
                let stage = Stage::new(mint, Arc::clone(control), role, &format!("{label}/twin"))?;
                Some(Arc::new(Twin {
                    environment_digest: stage.digest()?,
                    peer_digest: stage.peer_digest()?,
                    stage,
                }))
            }
            None => None,
        };
        Ok(Self {
            digest: stage.digest()?,
            stage: Arc::new(stage),
            twin,
        })
    }
}
