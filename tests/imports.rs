//! The house rules about files: who may import whom, how long a file may be, and what it opens with.
//!
//! A room is a module of `lib.rs` with all that is in it. `pki::recipe` is a room of its own: it is
//! data that scenarios are made of, and the rest of `pki` is built on scenarios.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Each room, and the rooms that it may import: none but those that stand above it here.
const ROOMS: &[(&str, &[&str])] = &[
    // Doors and tools: they know nothing of TLS tests.
    ("clock", &[]),
    ("seed", &[]),
    ("document", &[]),
    ("digest", &[]),
    ("annotation", &[]),
    // Plain data.
    ("pki::recipe", &[]),
    ("expect", &[]),
    ("scenario", &["digest", "document", "expect", "pki::recipe"]),
    ("observe", &["expect", "scenario"]),
    ("oracle", &["expect", "scenario"]),
    // Pure functions and views.
    ("judge", &["expect", "observe", "oracle", "scenario"]),
    (
        "record",
        &["digest", "expect", "judge", "observe", "oracle", "scenario"],
    ),
    (
        "report",
        &[
            "annotation",
            "expect",
            "judge",
            "observe",
            "oracle",
            "record",
            "scenario",
        ],
    ),
    (
        "compare",
        &["annotation", "expect", "judge", "record", "scenario"],
    ),
    // What touches keys, sockets and TLS.
    (
        "pki",
        &["clock", "digest", "pki::recipe", "scenario", "seed"],
    ),
    ("net", &["clock"]),
    (
        "peer",
        &["clock", "expect", "net", "observe", "pki", "scenario"],
    ),
    (
        "target",
        &[
            "clock", "document", "expect", "net", "observe", "peer", "pki", "scenario",
        ],
    ),
    // What happens while certificates change.
    (
        "load",
        &["clock", "expect", "net", "oracle", "peer", "scenario"],
    ),
    (
        "fleet",
        &[
            "clock",
            "expect",
            "load",
            "net",
            "oracle",
            "peer",
            "pki",
            "pki::recipe",
            "scenario",
            "seed",
            "target",
        ],
    ),
    (
        "run",
        &[
            "clock",
            "digest",
            "expect",
            "fleet",
            "judge",
            "net",
            "observe",
            "oracle",
            "peer",
            "pki",
            "pki::recipe",
            "record",
            "scenario",
            "seed",
            "target",
        ],
    ),
    (
        "bench",
        &[
            "clock",
            "expect",
            "net",
            "peer",
            "pki",
            "pki::recipe",
            "record",
            "run",
            "scenario",
            "target",
        ],
    ),
    ("proof", &["expect", "judge", "record", "target"]),
    // The command line ties everything together: whatever stands above it.
    ("cli", &[]),
];

/// The room that may import all others, and that no other imports.
const TOP: &str = "cli";

/// The rooms that judge and report, which must not be able to open a connection.
const PURE: [&str; 7] = [
    "judge", "oracle", "record", "report", "compare", "expect", "observe",
];

/// The words that a room of [`PURE`] must not name, and no room that it imports either.
const IMPURE: [&str; 3] = ["tokio", "rustls", "tokio_rustls"];

/// Names that say nothing.
const NAMELESS: [&str; 4] = ["utils", "helpers", "common", "manager"];

const LONGEST: usize = 600;

#[test]
fn rooms_import_only_what_they_may() {
    let mut strays = BTreeSet::new();
    for file in sources() {
        let Some(room) = file.room() else { continue };
        if room == TOP {
            continue;
        }
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            strays.insert(format!("{room}: give it a line in this test's table"));
            continue;
        };
        for imported in file.imports() {
            if imported != room && !allowed.contains(&imported.as_str()) {
                strays.insert(format!("{} must not import {imported}", file.name));
            }
        }
    }
    assert_eq!(Vec::from_iter(strays), [""; 0]);
}

#[test]
fn the_table_has_a_direction_and_no_dead_lines() {
    let used: BTreeMap<String, BTreeSet<String>> =
        sources().iter().fold(BTreeMap::new(), |mut used, file| {
            if let Some(room) = file.room() {
                used.entry(room).or_default().extend(file.imports());
            }
            used
        });
    for (index, (room, allowed)) in ROOMS.iter().enumerate() {
        let imports = used
            .get(*room)
            .unwrap_or_else(|| panic!("there is no {room}"));
        for other in *allowed {
            assert!(
                ROOMS[..index].iter().any(|(above, _)| above == other),
                "{room} may import {other}, which does not stand above it"
            );
            assert!(imports.contains(*other), "{room} does not import {other}");
        }
    }
}

#[test]
fn every_module_is_a_room() {
    let lib = read(&root().join("src/lib.rs"));
    let modules: BTreeSet<&str> = lib
        .lines()
        .filter_map(|line| line.split_once("mod ")?.1.strip_suffix(';'))
        .collect();
    let rooms = ROOMS.iter().map(|(room, _)| *room);
    assert_eq!(
        modules,
        rooms.filter(|room| *room != "pki::recipe").collect()
    );
}

#[test]
fn what_judges_cannot_connect() {
    for room in PURE {
        for reached in reachable(room) {
            for file in sources() {
                if file.room().as_deref() == Some(&reached) {
                    for word in IMPURE {
                        assert!(
                            !file.words().any(|found| found == word),
                            "{room} must not depend on {word}, and {} names it",
                            file.name
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn time_and_randomness_have_one_door_each() {
    for file in sources() {
        let words: BTreeSet<&str> = file.words().collect();
        let door = |word: &str, door: &str| {
            assert!(
                file.room().as_deref() == Some(door) || !words.contains(word),
                "{} names {word}, which is behind src/{door}.rs",
                file.name
            );
        };
        door("SystemTime", "clock");
        door("Instant", "clock");
        door("rand_chacha", "seed");
    }
}

#[test]
fn every_file_says_why_it_exists() {
    let silent: Vec<String> = all_rust()
        .iter()
        .filter(|path| {
            let first = read(path).lines().next().unwrap_or_default().to_owned();
            !first.starts_with("//! ") || first.len() < 12
        })
        .map(|path| name_of(path))
        .collect();
    assert_eq!(silent, [""; 0], "these do not open with //!");
}

#[test]
fn no_file_is_too_long() {
    let long: Vec<String> = all_rust()
        .iter()
        .map(|path| (name_of(path), read(path).lines().count()))
        .filter(|(_, lines)| *lines > LONGEST)
        .map(|(name, lines)| format!("{name}: {lines} lines"))
        .collect();
    assert_eq!(long, [""; 0], "split these by what they are about");
}

#[test]
fn names_say_what_is_inside() {
    for path in all_rust() {
        let name = name_of(&path);
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert_ne!(
            stem, "mod",
            "{name}: the noun's file is where reading starts"
        );
        let nameless = NAMELESS
            .iter()
            .any(|word| stem == *word || Some(stem.as_str()) == word.strip_suffix('s'));
        assert!(!nameless, "{name}: name it for what it holds");
    }
}

#[test]
fn the_reader_of_imports_reads_them() {
    let file = Source {
        name: "src/target/rustls.rs".into(),
        code: code(
            "//! use crate::report;\n\
             use crate::net::{Address, Transport};\n\
             use crate::{clock::Clock, pki::{self, recipe::Moment}};\n\
             use super::identity::application_identity; // use crate::run;\n\
             use super::super::judge::judge;\n\
             use self::spiffe::ClientVerifier;\n\
             fn f() { crate::seed::Seed(1); let s = \"crate::cli\"; /* crate::expect */ }\n",
        ),
    };
    let imports = file.imports();
    let expected = [
        "clock",
        "judge",
        "net",
        "pki",
        "pki::recipe",
        "seed",
        "target",
    ];
    assert_eq!(Vec::from_iter(&imports), expected);
}

/// A file of `src/`.
struct Source {
    name: String,
    /// Its text without comments and without what is in quotes.
    code: String,
}

impl Source {
    /// The path of its module: `target::rustls`.
    fn module(&self) -> Vec<&str> {
        let path = self.name.trim_start_matches("src/").trim_end_matches(".rs");
        path.split('/').collect()
    }

    /// The room it is in; the crate's own root is in none.
    fn room(&self) -> Option<String> {
        let module = self.module();
        (!matches!(module[..], ["lib"] | ["main"])).then(|| room_of(&module))
    }

    /// The rooms that it names.
    fn imports(&self) -> BTreeSet<String> {
        let mut rooms = BTreeSet::new();
        let module = self.module();
        for (start, _) in self.code.match_indices("crate::") {
            follow(&[], &self.code[start + "crate::".len()..], &mut rooms);
        }
        for (start, _) in self.code.match_indices("super::") {
            let before = &self.code[..start];
            if before.ends_with("super::") {
                continue;
            }
            let mut rest = &self.code[start..];
            let mut depth = module.len();
            while let Some(further) = rest.strip_prefix("super::") {
                rest = further;
                depth = depth.saturating_sub(1);
            }
            follow(&module[..depth], rest, &mut rooms);
        }
        rooms
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.code
            .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
    }
}

/// Adds the rooms of the paths that begin with `base` and go on as `rest` says, braces included.
fn follow(base: &[&str], rest: &str, rooms: &mut BTreeSet<String>) {
    let rest = rest.trim_start();
    if let Some(group) = rest.strip_prefix('{') {
        let (mut depth, mut start) = (0, 0);
        for (index, letter) in group.char_indices() {
            match letter {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    follow(base, &group[start..index], rooms);
                    start = index + 1;
                    if letter == '}' {
                        return;
                    }
                }
                _ => {}
            }
        }
        return;
    }
    let end = rest
        .find(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .unwrap_or(rest.len());
    let (word, after) = rest.split_at(end);
    let mut path = base.to_vec();
    // A capital letter begins an item, and `self` is the module itself.
    let is_module = word.starts_with(|letter: char| letter.is_lowercase()) && word != "self";
    if is_module {
        path.push(word);
    }
    match after.strip_prefix("::") {
        Some(further) if is_module => follow(&path, further, rooms),
        _ if path.is_empty() => {}
        _ => {
            rooms.insert(room_of(&path));
        }
    }
}

fn room_of(path: &[&str]) -> String {
    match path {
        ["pki", "recipe", ..] => "pki::recipe".into(),
        [room, ..] => (*room).to_owned(),
        [] => String::new(),
    }
}

/// A room and all that it imports, directly or not.
fn reachable(room: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut pending = vec![room];
    while let Some(room) = pending.pop() {
        if reached.insert(room.to_owned()) {
            let allowed = ROOMS.iter().find(|(name, _)| *name == room);
            pending.extend(allowed.into_iter().flat_map(|(_, allowed)| allowed.iter()));
        }
    }
    reached
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    collect(&root().join("src"), &mut files);
    files
        .iter()
        .map(|path| Source {
            name: name_of(path),
            code: code(&read(path)),
        })
        .collect()
}

/// Every Rust file that people write.
fn all_rust() -> Vec<PathBuf> {
    let mut files = vec![root().join("build.rs")];
    for folder in ["src", "tests", "benches", "examples"] {
        collect(&root().join(folder), &mut files);
    }
    files
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn name_of(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text without its comments and without what is in quotes.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with('"') {
            quoted(rest)
        } else if rest.starts_with("'\"'") {
            3
        } else {
            code.push(letter);
            rest = &rest[letter.len_utf8()..];
            continue;
        };
        code.push(' ');
        rest = &rest[skipped..];
    }
    code
}

/// How long the string literal is that `text` begins with.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (index, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}
