//! The part of a run that a shard is: what was selected before it was divided, and how much of it there is.

use super::deployed::Deployed;
use crate::record::{Division, Selected, ShardRecord};
use crate::run::{Plan, size};
use crate::scenario::Role;
use crate::scenario::expand::Case;
use crate::scenario::select::Shard;

/// What the record of this shard says of it. `cases` are those of all shards.
///
/// # Errors
/// As [`Selected::digest`].
pub(super) fn of(
    shard: Shard,
    cases: &[Case],
    plan: &Plan,
    deployed: Option<&Deployed>,
) -> anyhow::Result<ShardRecord> {
    let whole = match deployed {
        // A client that is waited for has no place in the plan.
        Some(Deployed::Client(_)) => {
            let of_clients = cases.iter().filter(|case| case.role == Role::Client);
            of_clients.count()
        }
        _ => size(&plan.targets, cases),
    };
    let named = plan.targets.iter().map(|target| target.name());
    let deployed = deployed.map(|deployed| deployed.name().to_owned());
    let selected = Selected {
        version: env!("CARGO_PKG_VERSION").into(),
        seed: plan.mint.seed().0,
        transport: plan.transport.word().into(),
        measure: String::new(),
        targets: named.chain(deployed).collect(),
        items: cases
            .iter()
            .map(|case| (case.id(), case.scenario.digest.clone()))
            .collect(),
    };
    Ok(ShardRecord {
        number: shard.number(),
        count: shard.count(),
        division: Division::Apart,
        selection: selected.digest()?,
        whole: u64::try_from(whole)?,
    })
}
