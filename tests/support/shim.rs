//! The example that plays a target in a process of its own.

use std::path::{Path, PathBuf};

/// The example `planted-shim`, which `cargo test` builds beside the tests.
pub fn shim() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let target = own.parent().and_then(Path::parent).unwrap();
    let shim = target.join("examples/planted-shim");
    assert!(
        shim.is_file(),
        "`{}` is missing; `cargo build --example planted-shim` makes it",
        shim.display()
    );
    shim
}
