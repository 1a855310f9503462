//! Running: cases in, events out.
//!
//! ```text
//! cases --Schedule--> groups of one environment --workers--> start, attempt, twin, judge --> Event
//! ```
//!
//! Each worker is a thread with a runtime of its own; a group never leaves its worker, and the cases
//! of a group run one after the other, so that what one case does to a target cannot be blamed on
//! another that ran beside it.

use std::cell::Cell;
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
use self::muster::{Muster, takes_part};
use self::schedule::{Schedule, warm_up};
use self::shop::Shop;
use self::trial::Trial;

pub mod attempt;
pub mod environment;
pub mod event;
mod muster;
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
    let (fleets, pairs): (Vec<_>, Vec<_>) = plan
        .cases
        .iter()
        .cloned()
        .partition(|case| case.network.is_some());
    let muster = Muster::of(&plan.targets, &fleets, plan.mint.seed(), stop);
    let cases = size(&plan.targets, &plan.cases);
    let judged_cases = Cell::new(0);
    let mut emit = |event| {
        if matches!(event, Event::CaseJudged(_)) {
            judged_cases.set(judged_cases.get() + 1);
        }
        emit(event);
    };
    emit(Event::RunStarted { cases });
    plan.mint.warm(warm_up(&pairs));
    let schedule = Schedule::of(&pairs, &plan.mint);
    for target in &plan.targets {
        for (case, error) in &schedule.broken {
            if !target.plays(case.role) {
                continue;
            }
            let evidence = Evidence::Broken(format!(
                "the scenario's certificates could not be minted: {error}"
            ));
            let record = Trial::without_stage(case, evidence).judged(target.as_ref());
            emit(Event::CaseJudged(Box::new(record)));
        }
    }
    let shop = Shop::open(plan, stop, &schedule);
    // Fleets come after: pairs have deadlines that a busy machine would miss for them.
    let outcome = work(&mut emit, |scope, events| {
        let workers = (0..shop.workers()).map(|_| {
            let (shop, events) = (&shop, events.clone());
            scope.spawn(move || shop.labour(&events))
        });
        workers.collect()
    })
    .and(work(&mut emit, |scope, events| {
        let (muster, events) = (&muster, events.clone());
        vec![scope.spawn(move || {
            muster.run(plan.jobs, &events);
            Ok(())
        })]
    }));
    for (index, target) in plan.targets.iter().enumerate() {
        for role in Role::ALL {
            let in_pairs = target.plays(role) && pairs.iter().any(|case| case.role == role);
            let in_fleets = muster.fleets(index, role);
            if in_pairs || in_fleets > 0 {
                emit(Event::TargetFinished(TargetRecord {
                    name: target.name(),
                    role,
                    version: target.version(),
                    // Each fleet is an environment of its own.
                    starts: shop.starts(index, role) + in_fleets,
                    environments: schedule.environments(role) + in_fleets,
                    absent: None,
                }));
            }
        }
    }
    emit(Event::RunFinished {
        complete: judged_cases.get() == cases,
    });
    outcome
}

/// How many cases these targets have among these, all in all: a target meets the cases of the roles that it
/// plays, and the fleets that it can take part in.
pub fn size(targets: &[Arc<dyn Target>], cases: &[Case]) -> usize {
    let of_target = |target: &Arc<dyn Target>| {
        let meets = |case: &&Case| match case.network {
            Some(_) => takes_part(&**target, case),
            None => target.plays(case.role),
        };
        cases.iter().filter(meets).count()
    };
    targets.iter().map(of_target).sum()
}

/// Lets threads work and tells what they tell, until all of them have ended.
fn work<'e>(
    emit: &mut impl FnMut(Event),
    start: impl for<'s> FnOnce(
        &'s thread::Scope<'s, 'e>,
        &mpsc::Sender<Event>,
    ) -> Vec<thread::ScopedJoinHandle<'s, io::Result<()>>>,
) -> io::Result<()> {
    let (events, inbox) = mpsc::channel();
    thread::scope(|scope| {
        let workers = start(scope, &events);
        drop(events);
        for event in inbox {
            emit(event);
        }
        // All of them are waited for: the scope panics over a dead one that nobody has asked about.
        let died = |_| Err(io::Error::other("a worker died"));
        let ends: Vec<_> = workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(died))
            .collect();
        ends.into_iter().collect()
    })
}
