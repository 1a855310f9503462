//! What panics write on standard error: once for each place, in a process of its own.

use std::process::Command;
use std::thread;

use mtls_gauntlet::cli::outcry::once_for_each_place;

#[test]
fn a_panic_is_told_once_for_each_place() {
    const ALONE: &str = "MTLS_GAUNTLET_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        once_for_each_place();
        for number in 0..20 {
            let met = thread::spawn(move || panic!("connection {number}")).join();
            assert!(met.is_err());
        }
        let met = thread::spawn(|| panic!("something else")).join();
        assert!(met.is_err());
        return;
    }
    let alone = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "outcry::a_panic_is_told_once_for_each_place",
            "--nocapture",
        ])
        .env(ALONE, "1")
        .env("RUST_BACKTRACE", "1")
        .output()
        .unwrap();
    assert!(alone.status.success(), "{alone:?}");
    let said = String::from_utf8(alone.stderr).unwrap();
    assert_eq!(said.matches("panicked at").count(), 2, "{said}");
    assert!(
        said.contains("connection 0") && said.contains("something else"),
        "{said}"
    );
}
