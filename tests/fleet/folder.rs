//! The two bodies of a folder: whatever is done to both, the same can be read in both.

use std::os::unix::fs::PermissionsExt;

use mtls_gauntlet::fleet::folder::{Act, Folder};
use proptest::prelude::*;

/// Few names, so that acts meet: files, folders, files in folders, and links' usual targets.
const NAMES: [&str; 8] = [
    "cert.pem",
    "key.pem",
    "..data",
    "..2026_1",
    "..2026_1/cert.pem",
    "..2026_2",
    "..2026_2/cert.pem",
    "..data/cert.pem",
];

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned)
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..4)
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => name().prop_map(Act::MakeFolder),
        4 => (name(), content()).prop_map(|(name, content)| Act::Write(name, content)),
        1 => (name(), content()).prop_map(|(name, content)| Act::Append(name, content)),
        3 => (name(), name()).prop_map(|(from, to)| Act::Rename(from, to)),
        1 => name().prop_map(Act::Remove),
        1 => name().prop_map(Act::RemoveFolder),
        3 => (name(), name()).prop_map(|(target, name)| Act::Link(target, name)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn both_bodies_say_the_same(acts in prop::collection::vec(act(), 1..24)) {
        let (memory, disk) = (Folder::in_memory(), Folder::on_disk().unwrap());
        for act in acts {
            let (one, other) = (memory.perform(&act), disk.perform(&act));
            prop_assert_eq!(one.is_ok(), other.is_ok(), "{:?}: {:?}, {:?}", act, one, other);
            for name in NAMES {
                let context = format!("{name} after {act:?}");
                prop_assert_eq!(memory.read(name).ok(), disk.read(name).ok(), "{}", context);
                prop_assert_eq!(memory.resolve(name).ok(), disk.resolve(name).ok(), "{}", context);
                prop_assert_eq!(memory.is_link(name), disk.is_link(name), "{}", context);
            }
        }
    }
}

#[test]
fn a_secret_swapped_as_kubernetes_does_is_read_through_two_links() {
    let folder = Folder::in_memory();
    for act in [
        Act::MakeFolder("..1".into()),
        Act::Write("..1/cert.pem".into(), b"old".to_vec()),
        Act::Link("..1".into(), "..data".into()),
        Act::Link("..data/cert.pem".into(), "cert.pem".into()),
    ] {
        folder.perform(&act).unwrap();
    }
    assert_eq!(folder.read("cert.pem").unwrap(), b"old");
    assert_eq!(folder.resolve("cert.pem").unwrap(), "..1/cert.pem");
    for act in [
        Act::MakeFolder("..2".into()),
        Act::Write("..2/cert.pem".into(), b"new".to_vec()),
        Act::Link("..2".into(), "..data_new".into()),
        Act::Rename("..data_new".into(), "..data".into()),
        Act::RemoveFolder("..1".into()),
    ] {
        folder.perform(&act).unwrap();
    }
    assert_eq!(folder.read("cert.pem").unwrap(), b"new");
}

#[test]
fn links_in_a_circle_are_an_error() {
    for folder in [Folder::in_memory(), Folder::on_disk().unwrap()] {
        for (target, name) in [("b", "a"), ("a", "b")] {
            let link = Act::Link(target.into(), name.into());
            folder.perform(&link).unwrap();
        }
        folder.read("a").unwrap_err();
    }
}

#[test]
fn names_that_lead_out_are_refused() {
    for folder in [Folder::in_memory(), Folder::on_disk().unwrap()] {
        for name in ["../x", "/x", "a/../../x", "", "."] {
            let write = Act::Write(name.into(), Vec::new());
            folder.perform(&write).unwrap_err();
            folder.read(name).unwrap_err();
            let link = Act::Link(name.into(), "x".into());
            folder.perform(&link).unwrap_err();
        }
    }
}

#[test]
fn nobody_else_reads_what_is_on_disk_and_it_goes_with_the_folder() {
    let folder = Folder::on_disk().unwrap();
    let key = Act::Write("key.pem".into(), b"secret".to_vec());
    folder.perform(&key).unwrap();
    let path = folder.path().unwrap().to_owned();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("key.pem")), 0o600);
    drop(folder);
    assert!(!path.exists());
}
