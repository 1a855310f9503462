//! Bystanders: targets that were asked for and take no part in any of the selected fleets. Without a word of
//! them, a matrix without their columns looks like one that nobody asked them for.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::scenario::expand::Case;
use crate::scenario::fleet::Network;
use crate::target::Target;

/// How many of them are named.
const FEW: usize = 8;

/// Says who takes no part in these cases' fleets, and why, on standard error.
pub(super) fn note(targets: &[Arc<dyn Target>], cases: &[Case]) {
    let mut bystanders: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for target in targets {
        if let Some(why) = why_not(target.as_ref(), cases) {
            bystanders.entry(why).or_default().push(target.name());
        }
    }
    for (why, names) in bystanders {
        let more = match names.len().saturating_sub(FEW) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let few: Vec<&str> = names.iter().take(FEW).map(String::as_str).collect();
        let few = few.join(", ");
        anstream::eprintln!("note: left out of the selected fleets: {few}{more}; {why}");
    }
}

fn why_not(target: &dyn Target, cases: &[Case]) -> Option<&'static str> {
    let mut fleets = cases.iter().filter(|case| case.network.is_some());
    let is_program = target.flaws().is_none();
    let is_for_programs =
        |case: &Case| case.network == Some(Network::Sockets) && case.scenario.has_tag("real");
    if fleets.clone().next().is_none() {
        None
    } else if !target.musters() && is_program {
        Some("their descriptors name no `settle` in [server]")
    } else if !target.musters() {
        Some("these bugs do not show in fleets")
    } else if is_program && !fleets.any(is_for_programs) {
        Some("programs take part in those on sockets with the tag `real`")
    } else {
        None
    }
}
