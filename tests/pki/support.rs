//! What every test of the PKI starts from.

use std::sync::Arc;

use mtls_gauntlet::clock::Clock;
use mtls_gauntlet::pki::key::KeyPool;
use mtls_gauntlet::pki::mint::{Mint, Pki};
use mtls_gauntlet::pki::recipe::Recipes;
use mtls_gauntlet::scenario::Role;
use mtls_gauntlet::seed::Seed;

/// The second that the tests' clock shows: 2026-01-01T00:00:00Z.
pub const NOW: i64 = 1_767_225_600;

/// A mint with keys of its own.
pub fn mint() -> Arc<Mint> {
    let seed = Seed(7);
    Mint::new(Clock::at(NOW), seed, Arc::new(KeyPool::new(seed)))
}

/// The PKI that these tables (`[peer]`, `[issuing]`, ...) describe for a target that is a server.
pub fn pki(tables: &str) -> Pki {
    mint().pki(&recipes(tables), Role::Server, "test").unwrap()
}

/// The recipes in these tables.
pub fn recipes(tables: &str) -> Recipes {
    toml::from_str(tables).unwrap()
}
