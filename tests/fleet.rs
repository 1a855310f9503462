//! Fleets, run from the first call to the last.

use std::collections::BTreeMap;
use std::sync::Arc;

use mtls_gauntlet::fleet::{self, Ground, Plan};
use mtls_gauntlet::oracle::history::History;
use mtls_gauntlet::scenario::Scenario;
use mtls_gauntlet::scenario::load::parse;
use mtls_gauntlet::seed::Seed;
use mtls_gauntlet::target::planted::Flaws;

#[path = "fleet/authority.rs"]
mod authority;
#[path = "fleet/files.rs"]
mod files;
#[path = "fleet/folder.rs"]
mod folder;
#[path = "fleet/ground.rs"]
mod ground;
#[path = "fleet/leaks.rs"]
mod leaks;
#[path = "fleet/loading.rs"]
mod loading;
#[path = "fleet/policy.rs"]
mod policy;
#[path = "fleet/programs.rs"]
mod programs;
#[path = "fleet/renewal.rs"]
mod renewal;
#[path = "support/rig.rs"]
mod rig;

fn scenario(timeline: &str) -> Scenario {
    let text = format!(
        "title = \"t\"\nlevel = \"must\"\nspec = [\"x\"]\nwhy = \"w\"\n{timeline}\n[expect]\noutcome = \"holds\"\n"
    );
    parse("rotation/t", "t.toml", &text).unwrap_or_else(|error| panic!("{error}"))
}

fn plan(timeline: &str) -> Plan {
    plan_of(&scenario(timeline), Flaws::NONE)
}

fn plan_of(scenario: &Scenario, flaws: Flaws) -> Plan {
    Plan {
        fleet: scenario.fleet.clone().unwrap(),
        load: scenario.load.clone().unwrap_or_default(),
        windows: scenario.window.unwrap_or_default(),
        steps: scenario.steps.clone(),
        seed: Seed(7),
        flaws,
        began: 1_700_000_000,
    }
}

fn on_sockets(plan: &Plan) -> History {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime
        .block_on(fleet::run(plan, &Ground::Sockets, &Arc::default()))
        .unwrap()
}

fn simulated(plan: &Plan) -> History {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime
        .block_on(async {
            fleet::run(plan, &Ground::simulated(&plan.fleet), &Arc::default()).await
        })
        .unwrap()
}

#[test]
fn a_rotation_under_load_disturbs_nobody() {
    let history = on_sockets(&plan(
        "[fleet]\ncrl-lifetime = \"1h\"\n[[step]]\nat = \"200ms\"\ndo = \"rotate-leaf\"\n\
         [[step]]\nat = \"400ms\"\ndo = \"revoke\"\nrevokes = [\"hoarder-0\"]\n\
         [[step]]\nat = \"500ms\"\ndo = \"publish-crl\"",
    ));
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for call in &history.calls {
        let key = format!(
            "{} {:?} {:?}",
            call.caller, call.outcome, call.connection.handshake
        );
        *counts.entry(key).or_default() += 1;
    }
    println!("{counts:#?}");
    for call in history
        .calls
        .iter()
        .filter(|call| call.canary.is_some())
        .take(8)
    {
        println!("{call:?}");
    }
    println!("{:?}", history.samples);
    assert!(history.calls.len() > 50);
}
