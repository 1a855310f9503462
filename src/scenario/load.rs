//! Loading scenarios: from the built-in set or from folders, strictly, with every broken file named.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use aws_lc_rs::digest;

use super::Scenario;
use crate::document::{Document, DocumentError, nearest};
use crate::expect::Outcome;
use crate::pki::recipe::Recipe;

/// The scenario files that the program carries.
const BUILT_IN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/scenarios.rs"));

/// The entries that every scenario has.
pub const BASELINE: [&str; 4] = ["root", "issuing", "target", "peer"];

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
    scenario.digest = hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    check(&document, &scenario)?;
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
        if path.is_dir() {
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

/// What no schema can say: sentences are not empty, and names that are used exist.
fn check(document: &Document<'_>, scenario: &Scenario) -> Result<(), DocumentError> {
    for (key, empty, what) in [
        (
            "title",
            scenario.title.trim().is_empty(),
            "a scenario needs a title: one sentence that says what holds",
        ),
        (
            "why",
            scenario.why.trim().is_empty(),
            "a scenario needs a `why`: what a practitioner loses without it",
        ),
        (
            "spec",
            scenario.spec.is_empty(),
            "a scenario needs a `spec`: where the requirement is written",
        ),
        (
            "roles",
            scenario.roles.is_empty(),
            "a scenario needs at least one role",
        ),
        (
            "tls",
            scenario.tls.is_empty(),
            "a scenario needs at least one TLS version",
        ),
    ] {
        if empty {
            return Err(document.error_at(&[key], what, None));
        }
    }
    let names = Names {
        document,
        known: BASELINE
            .into_iter()
            .chain(scenario.pki.keys().map(String::as_str))
            .collect(),
    };
    for (name, recipe) in &scenario.pki {
        names.check_recipe(name, recipe)?;
    }
    names.check_cycles(scenario)?;
    check_sizes(document, scenario)?;
    names.check_all(
        &["peer", "presents"],
        scenario.peer.presents.iter().flatten(),
    )?;
    names.check_all(&["peer", "signs-with"], &scenario.peer.signs_with)?;
    names.check_all(&["peer", "hints"], scenario.peer.hints.iter().flatten())?;
    names.check_all(
        &["target", "trusts"],
        scenario.target.trusts.iter().flatten(),
    )?;
    names.check_all(
        &["target", "presents"],
        scenario.target.presents.iter().flatten(),
    )?;
    names.check_all(&["target", "signs-with"], &scenario.target.signs_with)?;
    for (domain, anchors) in scenario.target.trust_domains.iter().flatten() {
        names.check_all(&["target", "trust-domains", domain], anchors)?;
    }
    for (name, crl) in &scenario.crl {
        if crl.issuer.is_none() {
            names.check_all(&["crl", name], [name])?;
        }
        names.check_all(&["crl", name, "issuer"], &crl.issuer)?;
        names.check_all(&["crl", name, "signed-by"], &crl.signed_by)?;
        names.check_all(&["crl", name, "revokes"], &crl.revokes)?;
        names.check_all(
            &["crl", name, "certificate-issuer"],
            &crl.certificate_issuer,
        )?;
    }
    if let Some(ocsp) = &scenario.ocsp {
        names.check_all(&["ocsp", "certificate"], &ocsp.certificate)?;
        names.check_all(&["ocsp", "signed-by"], &ocsp.signed_by)?;
    }
    Ok(())
}

/// Numbers that TLS can carry and a machine can bear.
fn check_sizes(document: &Document<'_>, scenario: &Scenario) -> Result<(), DocumentError> {
    let within = |place: &[&str], value: Option<u32>, least: u32, most: u32| match value {
        Some(value) if !(least..=most).contains(&value) => {
            let message = format!("{value} is out of range");
            let hint = format!("write a number from {least} to {most}");
            Err(document.error_at(place, &message, Some(hint)))
        }
        _ => Ok(()),
    };
    for (name, recipe) in &scenario.pki {
        within(&["pki", name, "chain"], recipe.chain.map(u32::from), 1, 200)?;
        within(
            &["pki", name, "copies"],
            recipe.copies.map(u32::from),
            1,
            200,
        )?;
        within(
            &["pki", name, "filler-names"],
            recipe.filler_names,
            0,
            10_000,
        )?;
    }
    for (name, crl) in &scenario.crl {
        within(&["crl", name, "filler"], Some(crl.filler), 0, 1_000_000)?;
    }
    let peer = &scenario.peer;
    within(
        &["peer", "fragment"],
        peer.fragment.map(u32::from),
        1,
        16_384,
    )?;
    within(&["peer", "dribble"], peer.dribble.map(u32::from), 1, 16_384)?;
    within(&["peer", "crowd"], peer.crowd.map(u32::from), 0, 1000)?;
    within(
        &["peer", "filler-hints"],
        peer.filler_hints.map(u32::from),
        0,
        5000,
    )?;
    let deadline = scenario.target.handshake_deadline_ms;
    within(&["target", "handshake-deadline-ms"], deadline, 1, 60_000)
}

struct Names<'a> {
    document: &'a Document<'a>,
    known: BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    fn check_all<'n>(
        &self,
        place: &[&str],
        used: impl IntoIterator<Item = &'n String>,
    ) -> Result<(), DocumentError> {
        let Some(stranger) = used
            .into_iter()
            .find(|name| !self.known.contains(name.as_str()))
        else {
            return Ok(());
        };
        let hint = nearest(stranger, self.known.iter().copied()).map_or_else(
            || format!("add a [pki.{stranger}] with `like = \"root\"`, \"issuing\" or \"peer\""),
            |nearest| format!("did you mean `{nearest}`?"),
        );
        let message = format!("there is no PKI entry `{stranger}`");
        Err(self
            .document
            .error_at_word(place, stranger, &message, Some(hint)))
    }

    fn check_recipe(&self, name: &str, recipe: &Recipe) -> Result<(), DocumentError> {
        self.check_all(&["pki", name, "issuer"], &recipe.issuer)?;
        self.check_all(&["pki", name, "key-of"], &recipe.key_of)?;
        match &recipe.like {
            None if !BASELINE.contains(&name) => {
                let message = format!("the PKI entry `{name}` does not say what it starts from");
                let hint =
                    "write `like = \"root\"`, \"issuing\", \"target\" or \"peer\"".to_owned();
                Err(self.document.error_at(&["pki", name], &message, Some(hint)))
            }
            Some(like) if !BASELINE.contains(&like.as_str()) => {
                let message = format!("`{like}` is not a baseline entry");
                let hint = nearest(like, BASELINE).map_or_else(
                    || format!("it is one of {}", BASELINE.join(", ")),
                    |nearest| format!("did you mean `{nearest}`?"),
                );
                Err(self
                    .document
                    .error_at(&["pki", name, "like"], &message, Some(hint)))
            }
            _ => Ok(()),
        }
    }

    fn check_cycles(&self, scenario: &Scenario) -> Result<(), DocumentError> {
        for name in scenario.pki.keys() {
            let mut seen = BTreeSet::from([name.as_str()]);
            let mut here = name.as_str();
            while let Some(issuer) = scenario.issuer_of(here).filter(|issuer| *issuer != here) {
                if !seen.insert(issuer) {
                    let message = format!("the issuers of `{name}` go round in a circle");
                    let hint = format!(
                        "end it: give one of them another `issuer`, or its own name to sign itself (`{issuer}` comes round again)"
                    );
                    return Err(self.document.error_at(
                        &["pki", name, "issuer"],
                        &message,
                        Some(hint),
                    ));
                }
                here = issuer;
            }
        }
        Ok(())
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
