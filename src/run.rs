//! Running: cases in, events out.
//!
//! ```text
//! cases --Schedule--> groups of one environment --workers--> start, attempt, twin, judge --> Event
//! ```
//!
//! Each worker is a thread with a runtime of its own; a group never leaves its worker, and the cases
//! of a group run one after the other, so that what one case does to a target cannot be blamed on
//! another that ran beside it.

use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, mpsc};
use std::thread;

use crate::judge::Evidence;
use crate::net::Transport;
use crate::pki::mint::Mint;
use crate::record::TargetRecord;
use crate::scenario::Role;
use crate::scenario::expand::Case;
use crate::target::Target;

use self::environment::Patience;
use self::event::Event;
use self::schedule::{Schedule, warm_up};
use self::shop::Shop;
use self::trial::Trial;

pub mod attempt;
pub mod environment;
pub mod event;
mod post;
pub mod reception;
pub mod schedule;
mod shop;
mod story;
mod trial;

/// What to run, and how.
pub struct Plan {
    /// The columns.
    pub targets: Vec<Arc<dyn Target>>,
    /// The rows, expanded and selected.
    pub cases: Vec<Case>,
    /// What carries the octets.
    pub transport: Transport,
    /// How many workers.
    pub jobs: usize,
    /// How long peers wait.
    pub patience: Patience,
    /// Where certificates come from.
    pub mint: Arc<Mint>,
}

/// Runs the plan and tells `emit` what happens. `stop` ends it early, between two cases.
///
/// # Errors
/// When a worker could not start or died. What was judged by then has been told, and the run is
/// incomplete unless other workers did everything.
pub fn run(plan: &Plan, stop: &AtomicBool, mut emit: impl FnMut(Event)) -> io::Result<()> {
    let cases = plan
        .targets
        .iter()
        .map(|target| {
            plan.cases
                .iter()
                .filter(|case| target.plays(case.role))
                .count()
        })
        .sum();
    let mut judged_cases = 0;
    emit(Event::RunStarted { cases });
    plan.mint.warm(warm_up(&plan.cases));
    let schedule = Schedule::of(&plan.cases, &plan.mint);
    for target in &plan.targets {
        for (case, error) in &schedule.broken {
            if !target.plays(case.role) {
                continue;
            }
            let evidence = Evidence::Broken(format!(
                "the scenario's certificates could not be minted: {error}"
            ));
            let record = Trial::without_stage(case, evidence).judged(target.as_ref());
            judged_cases += 1;
            emit(Event::CaseJudged(Box::new(record)));
        }
    }
    let shop = Shop::open(plan, stop, &schedule);
    let (events, inbox) = mpsc::channel();
    let outcome = thread::scope(|scope| {
        let workers: Vec<_> = (0..shop.workers())
            .map(|_| {
                let (shop, events) = (&shop, events.clone());
                scope.spawn(move || shop.labour(&events))
            })
            .collect();
        drop(events);
        for event in inbox {
            judged_cases += usize::from(matches!(event, Event::CaseJudged(_)));
            emit(event);
        }
        // All of them are waited for: the scope panics over a dead one that nobody has asked about.
        let died = |_| Err(io::Error::other("a worker died"));
        let ends: Vec<_> = workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(died))
            .collect();
        ends.into_iter().collect()
    });
    for (index, target) in plan.targets.iter().enumerate() {
        for role in Role::ALL {
            let has_cases = plan.cases.iter().any(|case| case.role == role);
            if has_cases && target.plays(role) {
                emit(Event::TargetFinished(TargetRecord {
                    name: target.name(),
                    role,
                    version: target.version(),
                    starts: shop.starts(index, role),
                    environments: schedule.environments(role),
                    absent: None,
                }));
            }
        }
    }
    emit(Event::RunFinished {
        complete: judged_cases == cases,
    });
    outcome
}
