//! Loading scenarios: from the built-in set or from folders, strictly, with every broken file named.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use super::Scenario;
use super::check::{check, check_story, check_timeline};
use crate::digest::sha256;
use crate::document::{Document, DocumentError};
use crate::expect::Outcome;

/// The scenario files that the program carries.
const BUILT_IN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/scenarios.rs"));

pub use super::check::BASELINE;

/// The folder among scenarios that bench plans are in.
const BENCH: &str = "bench";

/// The built-in scenarios, in the order of their ids.
///
/// # Errors
/// Names every file that is not a valid scenario.
pub fn built_in() -> Result<Vec<Arc<Scenario>>, LoadError> {
    let files = BUILT_IN.iter().map(|(path, text)| {
        (
            format!("scenarios/{path}"),
            (*path).to_owned(),
            (*text).to_owned(),
        )
    });
    load(files.collect())
}

/// The scenarios below these folders, in the order of their ids.
///
/// # Errors
/// Names every folder that cannot be read and every file that is not a valid scenario, and two files
/// that claim one id.
pub fn folders(folders: &[PathBuf]) -> Result<Vec<Arc<Scenario>>, LoadError> {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    for folder in folders {
        let mut visited = BTreeSet::new();
        collect(folder, folder, &mut visited, &mut files, &mut problems);
    }
    match (load(files), problems.is_empty()) {
        (Ok(scenarios), true) => Ok(scenarios),
        (Ok(_), false) => Err(LoadError { problems }),
        (Err(error), _) => {
            problems.extend(error.problems);
            Err(LoadError { problems })
        }
    }
}

/// Parses one scenario. `path` is what errors call the file, `id` what the scenario is called.
///
/// # Errors
/// At the first thing that is wrong, with its place.
pub fn parse(id: &str, path: &str, text: &str) -> Result<Scenario, DocumentError> {
    let document = Document::parse(path, text)?;
    let mut scenario: Scenario = document.read()?;
    scenario.id = id.to_owned();
    scenario.path = path.to_owned();
    scenario.line = document.line_of(&["expect"]);
    scenario.digest = sha256(text.as_bytes());
    check(&document, &scenario)?;
    check_story(&document, &scenario)?;
    check_timeline(&document, &scenario)?;
    if scenario.twin.is_some() && scenario.expect.outcome != Outcome::Reject {
        let message = "only a scenario that expects a refusal has a twin";
        let hint = "remove [twin], or expect `outcome = \"reject\"`".to_owned();
        return Err(document.error_at(&["twin"], message, Some(hint)));
    }
    if scenario.expect.outcome == Outcome::Reject {
        let twin = match &scenario.twin {
            Some(_) => {
                overlaid(text).map_err(|message| document.error_at(&["twin"], &message, None))?
            }
            None => without_delta(&scenario),
        };
        let twin = Scenario {
            id: scenario.id.clone(),
            path: scenario.path.clone(),
            ..twin
        };
        check(&document, &twin)?;
        scenario.control = Some(Arc::new(twin));
    }
    Ok(scenario)
}

/// Everything that kept a set of scenarios from being loaded.
#[derive(Debug)]
pub struct LoadError {
    problems: Vec<Problem>,
}

#[derive(Debug)]
enum Problem {
    Unreadable(PathBuf, io::Error),
    File(DocumentError),
    Duplicate {
        id: String,
        first: String,
        second: String,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            match problem {
                Problem::Unreadable(path, error) => write!(
                    f,
                    "error: cannot read scenarios from `{}`: {error}\nhelp: scenarios are text files, <folder>/<family>/<name>.toml",
                    path.display()
                )?,
                Problem::File(error) => error.fmt(f)?,
                Problem::Duplicate { id, first, second } => write!(
                    f,
                    "error: two files claim the scenario id `{id}`\n  --> {first}\n  --> {second}\nhelp: rename one of them"
                )?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}

fn load(files: Vec<(String, String, String)>) -> Result<Vec<Arc<Scenario>>, LoadError> {
    let mut scenarios: BTreeMap<String, Arc<Scenario>> = BTreeMap::new();
    let mut problems = Vec::new();
    for (path, below, text) in files {
        let id = below.trim_end_matches(".toml").replace('\\', "/");
        match parse(&id, &path, &text) {
            Ok(scenario) => {
                if let Some(first) = scenarios.insert(id.clone(), Arc::new(scenario)) {
                    problems.push(Problem::Duplicate {
                        id,
                        first: first.path.clone(),
                        second: path,
                    });
                }
            }
            Err(error) => problems.push(Problem::File(error)),
        }
    }
    if problems.is_empty() {
        Ok(scenarios.into_values().collect())
    } else {
        Err(LoadError { problems })
    }
}

fn collect(
    top: &Path,
    folder: &Path,
    visited: &mut BTreeSet<PathBuf>,
    files: &mut Vec<(String, String, String)>,
    problems: &mut Vec<Problem>,
) {
    // Symbolic links may lead back to where we have been.
    let new = fs::canonicalize(folder).map(|real| visited.insert(real));
    let entries = match new.and_then(|new| {
        if new {
            fs::read_dir(folder).map(Some)
        } else {
            Ok(None)
        }
    }) {
        Ok(Some(entries)) => entries,
        Ok(None) => return,
        Err(error) => return problems.push(Problem::Unreadable(folder.to_owned(), error)),
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() && path == top.join(BENCH) {
            // What is measured is a plan, and no scenario.
        } else if path.is_dir() {
            collect(top, &path, visited, files, problems);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            match read(&path) {
                Ok(text) => {
                    let below = path
                        .strip_prefix(top)
                        .unwrap_or(&path)
                        .display()
                        .to_string();
                    files.push((path.display().to_string(), below, text));
                }
                Err(error) => problems.push(Problem::Unreadable(path, error)),
            }
        }
    }
}

fn read(path: &Path) -> io::Result<String> {
    const LARGEST: u64 = 1024 * 1024;
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if metadata.len() > LARGEST {
        return Err(io::Error::other(
            "it is larger than a scenario can be (1 MiB)",
        ));
    }
    fs::read_to_string(path)
}

/// The twin that a scenario has where it names none: the same environment, the delta removed.
fn without_delta(scenario: &Scenario) -> Scenario {
    let mut twin = scenario.clone();
    twin.pki.remove("peer");
    twin.pki.remove("issuing");
    twin.peer = super::PeerPlan::default();
    twin.ocsp = None;
    twin
}

/// The scenario's text with its `[twin]` laid over it, key by key; lists replace lists.
fn overlaid(text: &str) -> Result<Scenario, String> {
    let mut table: toml::Table =
        toml::from_str(text).map_err(|error| error.message().to_owned())?;
    if let Some(toml::Value::Table(twin)) = table.remove("twin") {
        lay_over(&mut table, twin);
    }
    table
        .try_into()
        .map_err(|error: toml::de::Error| error.message().to_owned())
}

fn lay_over(table: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(over)) => lay_over(inner, over),
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}
