//! The oracle: the algebra of truths over time, the permission of calls beside a brute-force one, and
//! each invariant by hand.

#[path = "oracle/by_chance.rs"]
mod by_chance;
#[path = "oracle/convergence.rs"]
mod convergence;
#[path = "oracle/invariants.rs"]
mod invariants;
#[path = "oracle/lineage.rs"]
mod lineage;
#[path = "oracle/missed.rs"]
mod missed;
#[path = "oracle/permission.rs"]
mod permission;
#[path = "oracle/phase.rs"]
mod phase;
#[path = "oracle/resource.rs"]
mod resource;
#[path = "oracle/size.rs"]
mod size;
#[path = "oracle/truth.rs"]
mod truth;
#[path = "oracle/world.rs"]
mod world;
