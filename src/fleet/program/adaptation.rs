//! Adaptation: from what a scenario asks of a fleet of our own to what can be asked of a program. Pure.

use std::time::Duration;

use crate::fleet::Plan;
use crate::scenario::fleet::{Canary, Delivery, FleetPlan, Topology, Windows};
use crate::scenario::span::Span;
use crate::scenario::step::{Action, Step};
use crate::target::Capability;

/// How many instances of a program a fleet has at most.
pub const MOST_SERVICES: u32 = 3;

/// The shortest life of a leaf that nothing renews: the clock of a program cannot be set, and a run on a
/// busy machine takes its time.
const SHORTEST_LIFE: Span = Span::seconds(120);

/// A call may take so long: programs share the machine with all that they start for a reload.
const SHORTEST_PATIENCE: Span = Span::seconds(5);

/// What keeps a program from taking part, if something does: the first of what the plan asks for and a
/// program does not have.
pub fn obstacle(plan: &Plan, supports: impl Fn(Capability) -> bool) -> Option<String> {
    let lists = plan.fleet.crl_lifetime.is_some();
    let looks_up = [Capability::Crl, Capability::CrlEndEntity];
    if lists && !looks_up.into_iter().any(supports) {
        return Some("the target does not support CRLs".into());
    }
    of_fleet(&plan.fleet).map_or_else(
        || plan.steps.iter().find_map(of_step),
        |why| Some(why.to_owned()),
    )
}

fn of_fleet(fleet: &FleetPlan) -> Option<&'static str> {
    if fleet.sidecars {
        Some("a program has no sidecar of ours")
    } else if fleet.health {
        Some("a program has no health port of ours")
    } else if fleet.permissive {
        Some("a program cannot take TLS and plaintext at one address")
    } else if fleet.topology != Topology::Star {
        Some("programs do not call each other")
    } else if fleet.renew_at.is_some() {
        Some("a program does not ask our authority for its certificates")
    } else if fleet.publish_every.is_some() || fleet.lifetime < SHORTEST_LIFE {
        Some("a program's clock cannot be set, and real time is too slow")
    } else {
        None
    }
}

fn of_step(step: &Step) -> Option<String> {
    let word = step.action.name();
    let is_done = matches!(
        step.action,
        Action::RotateLeaf
            | Action::RotateCaller
            | Action::PushBundle
            | Action::PushCallerBundle
            | Action::IssueFrom
            | Action::Revoke
            | Action::PublishCrl
            | Action::Stall
            | Action::Heal
    );
    if !is_done {
        return Some(format!("a fleet of programs cannot {word}"));
    }
    if step.defect.is_some() {
        return Some(format!("a fleet of programs cannot {word} with a defect"));
    }
    let numbers = step.services.iter().flatten();
    let missing = numbers.copied().find(|number| *number >= MOST_SERVICES);
    missing.map(|number| format!("a fleet of programs has no service-{number}"))
}

/// Does something of this plan change what a program holds, so that it has to be told?
pub fn changes_material(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| {
        matches!(
            step.action,
            Action::RotateLeaf | Action::PushBundle | Action::PublishCrl
        )
    })
}

/// The plan for a program that may take so long to have a change in force: its windows are as long as that,
/// and the timeline is drawn out with them, so that steps that stand a window apart still do.
pub fn adapted(mut plan: Plan, settle: Duration) -> Plan {
    let settle = Span::micros(u64::try_from(settle.as_micros()).unwrap_or(u64::MAX));
    let own = plan.windows;
    let changes = [own.leaf, own.bundle, own.crl, own.policy, own.heal];
    let longest = changes.into_iter().max().unwrap_or_default();
    let stretch = Stretch {
        times: settle.max(longest).as_micros().max(1),
        of: longest.as_micros().max(1),
    };
    plan.windows = Windows {
        leaf: own.leaf.max(settle),
        bundle: own.bundle.max(settle),
        crl: own.crl.max(settle),
        policy: own.policy.max(settle),
        heal: own.heal.max(settle),
        connection: stretch.of(own.connection),
        resumption: stretch.of(own.resumption),
        clock: own.clock,
    };
    for step in &mut plan.steps {
        for span in [&mut step.at, &mut step.every, &mut step.lasts] {
            *span = span.map(|span| stretch.of(span));
        }
    }
    plan.fleet.services = plan.fleet.services.min(MOST_SERVICES);
    // Whatever their parties are given, programs get it as files.
    plan.fleet.delivery = Delivery::Push;
    plan.load.timeout = plan.load.timeout.max(SHORTEST_PATIENCE);
    // Programs look at chains and not at names.
    let canaries = plan
        .load
        .canaries
        .get_or_insert_with(|| Canary::ALL.to_vec());
    canaries.retain(|canary| *canary != Canary::WrongName);
    plan
}

/// A ratio of at least 1.
#[derive(Clone, Copy)]
struct Stretch {
    times: u64,
    of: u64,
}

impl Stretch {
    fn of(self, span: Span) -> Span {
        let micros = u128::from(span.as_micros()) * u128::from(self.times) / u128::from(self.of);
        Span::micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}
