//! The excuses of the shipped descriptors: each is for a case that there is. One that fits nothing excuses
//! nothing, and hides that somebody meant something by it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use globset::GlobBuilder;
use mtls_gauntlet::scenario::expand::{Case, expand};
use mtls_gauntlet::scenario::fleet::Network;

use crate::rig;

/// The tables of globs over case ids.
const TABLES: [&str; 3] = ["known", "lacks", "varies"];

#[test]
fn every_glob_of_a_descriptor_fits_a_case_of_its_roles() {
    let cases: Vec<(String, String)> = expand(rig::scenarios())
        .iter()
        .filter(|case| is_for_programs(case))
        .map(|case| (case.role.to_string(), case.id()))
        .collect();
    let mut idle = Vec::new();
    for (name, descriptor) in tables(&folder()) {
        let roles = ["server", "client"].map(str::to_owned);
        let mut played: Vec<_> = roles
            .iter()
            .filter(|role| descriptor.contains_key(*role))
            .collect();
        if played.is_empty() {
            // It is in process, and plays both.
            played = roles.iter().collect();
        }
        let ids = cases.iter().filter(|(role, _)| played.contains(&role));
        idle.extend(idle_globs(&name, &descriptor, ids));
    }
    for (name, stack) in tables(&folder().join("stack")) {
        let name = format!("stack/{name}");
        idle.extend(idle_globs(&name, &stack, cases.iter()));
    }
    assert!(idle.is_empty(), "{idle:#?}");
}

#[test]
fn what_a_descriptor_spares_is_in_its_stack() {
    let stacks = tables(&folder().join("stack"));
    for (name, descriptor) in tables(&folder()) {
        for glob in keys(&descriptor, "spared") {
            let stack = descriptor["stack"].as_str().unwrap();
            let stack = &stacks[&format!("{stack}.toml")];
            let mut globs = TABLES.iter().flat_map(|table| keys(stack, table));
            assert!(globs.any(|known| known == glob), "{name}: {glob}");
        }
    }
}

/// Of the fleets, programs take part in those on sockets that are worth the time.
fn is_for_programs(case: &Case) -> bool {
    let is_real = || case.scenario.has_tag("real");
    case.network
        .is_none_or(|network| network == Network::Sockets && is_real())
}

/// The globs that fit none of these cases, each alternative for itself.
fn idle_globs<'c>(
    name: &str,
    file: &toml::Table,
    cases: impl Iterator<Item = &'c (String, String)> + Clone,
) -> Vec<String> {
    let fits = |glob: &str| {
        let glob = GlobBuilder::new(glob).build().unwrap().compile_matcher();
        cases.clone().any(|(_, id)| glob.is_match(id))
    };
    let globs = TABLES
        .iter()
        .flat_map(|table| keys(file, table).map(move |glob| (table, glob)));
    let each = globs
        .flat_map(|(table, glob)| alternatives(&glob).into_iter().map(move |one| (table, one)));
    each.filter(|(_, glob)| !fits(glob))
        .map(|(table, glob)| format!("{name}: [{table}] {glob}"))
        .collect()
}

/// `a/{b,c}` is `a/b` and `a/c`.
fn alternatives(glob: &str) -> Vec<String> {
    let Some(open) = glob.find('{') else {
        return vec![glob.to_owned()];
    };
    let mut depth = 0;
    // Where the words begin and end, with the braces and commas between them.
    let mut marks = Vec::new();
    for (place, letter) in glob.char_indices().skip_while(|(place, _)| *place < open) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        let opens = place == open;
        if opens || depth == 0 || (depth == 1 && letter == ',') {
            marks.push(place);
        }
        if depth == 0 {
            break;
        }
    }
    let (before, after) = (&glob[..open], &glob[marks[marks.len() - 1] + 1..]);
    let words = marks.windows(2).map(|mark| &glob[mark[0] + 1..mark[1]]);
    let all = words.map(|word| format!("{before}{word}{after}"));
    all.flat_map(|glob| alternatives(&glob)).collect()
}

#[test]
fn alternatives_are_told_apart() {
    for (glob, all) in [
        ("a/*", &["a/*"][..]),
        (
            "{a,b/{c,,d}}/*/{e,f}",
            &[
                "a/*/e", "a/*/f", "b/c/*/e", "b/c/*/f", "b//*/e", "b//*/f", "b/d/*/e", "b/d/*/f",
            ],
        ),
        ("a{,-b}", &["a", "a-b"]),
    ] {
        assert_eq!(alternatives(glob), all);
    }
}

fn keys(file: &toml::Table, table: &str) -> impl Iterator<Item = String> {
    let keys = file.get(table).and_then(toml::Value::as_table);
    keys.into_iter()
        .flat_map(|table| table.keys().cloned())
        .collect::<Vec<_>>()
        .into_iter()
}

/// The files of this folder, by their names.
fn tables(folder: &Path) -> BTreeMap<String, toml::Table> {
    let paths = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    });
    files
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            (name, toml::from_str(&text).unwrap())
        })
        .collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("targets")
}
