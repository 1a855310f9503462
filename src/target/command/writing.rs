//! Writing: the ways in which people and programs bring new files to a target that runs.
//!
//! ```text
//! Environment --papers--> what changes --style--> states of the folder, the last of them whole
//!                                                 each: written, the target told, a pause
//! ```
//!
//! The target is told of every state, as a hook that watches files would tell it. What it makes of one that
//! is not whole is its own affair; what counts is whom it serves meanwhile and what it has in the end.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::Path;

use tokio::time::sleep;

use super::launch::Launched;
use super::place::{BUNDLE, CHAIN, KEY, papers};
use super::reload::look;
use crate::scenario::step::WriteStyle;
use crate::target::descriptor::RoleDescription;
use crate::target::{Environment, Writing};

/// Where Kubernetes has the link that it turns to each new folder.
const DATA: &str = "..data";

/// Files by name, below the folder of keys and certificates.
type Papers = Vec<(String, Vec<u8>)>;

/// Writes the environment's files in this way, and has the target look at each state of them.
///
/// # Errors
/// What the operating system says, or why the target could not be told in the end.
pub async fn rewrite(
    launched: &mut Launched,
    description: &RoleDescription,
    environment: &Environment,
    writing: Writing,
) -> Result<(), String> {
    let pki = launched.place.pki();
    let states = states(&pki, environment, writing.style)
        .map_err(|error| format!("its files could not be read: {error}"))?;
    let mut first = true;
    for state in states {
        if !first {
            // Half of a write may be refused, and should be.
            let _ = look(launched, description).await;
            sleep(writing.gap).await;
        }
        first = false;
        state
            .write(&pki)
            .map_err(|error| format!("its files could not be written: {error}"))?;
    }
    look(launched, description).await
}

/// What is written at once, as far as anybody can see.
#[derive(Debug, Eq, PartialEq)]
enum State {
    /// Each file beside the old one, and then renamed over it.
    Renamed(Papers),
    /// Each file in place.
    InPlace(Papers),
    /// Nothing: these are removed.
    Removed(Papers),
    /// All files in a new folder, and the link turned to it.
    Linked(Papers),
}

/// The states that the folder goes through.
fn states(pki: &Path, environment: &Environment, style: WriteStyle) -> io::Result<Vec<State>> {
    let whole = papers(environment);
    let mut changed = Papers::new();
    for (name, content) in &whole {
        if fs::read(pki.join(name)).ok().as_ref() != Some(content) {
            changed.push((name.clone(), content.clone()));
        }
    }
    Ok(match style {
        WriteStyle::Rename => vec![State::Renamed(changed)],
        WriteStyle::Touch => vec![State::InPlace(changed)],
        WriteStyle::Symlink => vec![State::Linked(whole)],
        WriteStyle::Torn => {
            let halves = changed.iter().map(|(name, content)| {
                let (half, _) = content.split_at(content.len() / 2);
                (name.clone(), half.to_vec())
            });
            vec![State::InPlace(halves.collect()), State::InPlace(changed)]
        }
        WriteStyle::Recreate => vec![State::Removed(changed.clone()), State::Renamed(changed)],
        WriteStyle::CertificateFirst => {
            let key = fs::read(pki.join(KEY))?;
            let chain = of(&whole, CHAIN);
            parted(changed, [chain, key].concat(), |name| name != KEY)
        }
        WriteStyle::KeyFirst => {
            let chain = fs::read(pki.join(CHAIN))?;
            let key = of(&whole, KEY);
            parted(changed, [chain, key].concat(), |name| name == KEY)
        }
    })
}

/// Two states: what is written first, and the rest. The file that holds certificate and key is in both, at
/// first with a pair that does not fit.
fn parted(changed: Papers, misfit: Vec<u8>, is_first: impl Fn(&str) -> bool) -> Vec<State> {
    let (mut first, mut rest) = (Papers::new(), Papers::new());
    for (name, content) in changed {
        if name == BUNDLE {
            first.push((name.clone(), misfit.clone()));
            rest.push((name, content));
        } else if is_first(&name) {
            first.push((name, content));
        } else {
            rest.push((name, content));
        }
    }
    vec![State::Renamed(first), State::Renamed(rest)]
}

fn of(papers: &Papers, wanted: &str) -> Vec<u8> {
    let found = papers.iter().find(|(name, _)| name == wanted);
    found.map_or_else(Vec::new, |(_, content)| content.clone())
}

impl State {
    fn write(&self, pki: &Path) -> io::Result<()> {
        match self {
            Self::Renamed(papers) => papers.iter().try_for_each(|(name, content)| {
                let fresh = pki.join(format!(".{name}.new"));
                put(&fresh, content)?;
                fs::rename(fresh, pki.join(name))
            }),
            Self::InPlace(papers) => papers
                .iter()
                .try_for_each(|(name, content)| put(&pki.join(name), content)),
            Self::Removed(papers) => papers
                .iter()
                .try_for_each(|(name, _)| match fs::remove_file(pki.join(name)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                    _ => Ok(()),
                }),
            Self::Linked(papers) => turn(pki, papers),
        }
    }
}

/// As Kubernetes does: a new folder, the link `..data` turned to it in one go, the old folder removed; and
/// every file a link that goes by way of `..data`.
fn turn(pki: &Path, papers: &Papers) -> io::Result<()> {
    let before = fs::read_link(pki.join(DATA)).ok();
    let round = (0_u32..)
        .map(|round| format!("..edition_{round}"))
        .find(|folder| !pki.join(folder).exists())
        .unwrap_or_default();
    let folder = pki.join(&round);
    fs::DirBuilder::new().mode(0o700).create(&folder)?;
    for (name, content) in papers {
        put(&folder.join(name), content)?;
    }
    link(&round, pki, DATA)?;
    for (name, _) in papers {
        if !pki.join(name).is_symlink() {
            link(&format!("{DATA}/{name}"), pki, name)?;
        }
    }
    match before {
        Some(before) => fs::remove_dir_all(pki.join(before)),
        None => Ok(()),
    }
}

/// A link with this name, in the place of whatever has the name now.
fn link(to: &str, pki: &Path, name: &str) -> io::Result<()> {
    let fresh = pki.join(format!(".{name}.link"));
    symlink(to, &fresh)?;
    fs::rename(fresh, pki.join(name))
}

fn put(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)?.write_all(content)
}
