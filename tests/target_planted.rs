//! The planted bugs: the verifier without any refuses every defect, and each bug lets its own pass and
//! no other.

#[path = "target/planted/certificates.rs"]
mod certificates;
#[path = "target/planted/names.rs"]
mod names;
#[path = "target/planted/revocation.rs"]
mod revocation;
#[path = "target/planted/strangers.rs"]
mod strangers;
#[path = "target/planted/support.rs"]
mod support;
#[path = "target/planted/table.rs"]
mod table;
#[path = "target/planted/valid.rs"]
mod valid;
