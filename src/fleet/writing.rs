//! Writing: the ways in which people and programs bring new files to a service that is reading them.
//!
//! A way of writing is a list of [`Stroke`]s: acts, pauses, and the instant at which the new is there as a
//! whole. Everything between two pauses happens at once for whoever looks; what a service can see of a
//! half-written state is what stands there during a pause.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::folder::{Act, Folder};
use super::papers::{Contents, Paper};
use crate::scenario::step::WriteStyle;

/// One stroke of a writer's pen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Stroke {
    /// Something is done to the folder.
    Act(Act),
    /// Nothing is, for so long.
    Pause(Duration),
    /// With the next act the new is there as a whole.
    Completes,
}

/// A write that is under way.
pub struct Pen {
    folder: Arc<Folder>,
    strokes: VecDeque<Stroke>,
    completes: Option<Box<dyn FnOnce() + Send>>,
}

impl Pen {
    /// A write that has not begun; `completes` is called when the new is there as a whole.
    pub fn new(
        folder: Arc<Folder>,
        strokes: Vec<Stroke>,
        completes: impl FnOnce() + Send + 'static,
    ) -> Self {
        Self {
            folder,
            strokes: strokes.into(),
            completes: Some(Box::new(completes)),
        }
    }

    /// Writes up to the next pause, and says how long that is; none at the end.
    ///
    /// # Errors
    /// An act cannot be done.
    pub fn write(&mut self) -> io::Result<Option<Duration>> {
        while let Some(stroke) = self.strokes.pop_front() {
            match stroke {
                Stroke::Act(act) => self.folder.perform(&act)?,
                Stroke::Pause(pause) => return Ok(Some(pause)),
                Stroke::Completes => {
                    if let Some(completes) = self.completes.take() {
                        completes();
                    }
                }
            }
        }
        Ok(None)
    }
}

/// How `changes` are written in this style into a folder that should hold `whole` afterwards. `round` is
/// another for each write.
pub fn strokes(
    style: WriteStyle,
    gap: Duration,
    changes: &Contents,
    whole: &Contents,
    folder: &Folder,
    round: u32,
) -> Vec<Stroke> {
    let pause = Stroke::Pause(gap);
    let mut parts: Vec<Vec<Act>> = match style {
        WriteStyle::Symlink => vec![swap(whole, folder, round)],
        WriteStyle::Rename | WriteStyle::CertificateFirst => in_order(
            changes,
            &[Paper::Lists, Paper::Bundle, Paper::Certificate, Paper::Key],
            folder,
        ),
        WriteStyle::KeyFirst => in_order(
            changes,
            &[Paper::Lists, Paper::Bundle, Paper::Key, Paper::Certificate],
            folder,
        ),
        WriteStyle::Torn => torn(changes, folder),
        WriteStyle::Recreate => recreated(changes, folder),
        WriteStyle::Touch => vec![each(changes, |name, content| match content {
            Some(content) => vec![Act::Write(name, content)],
            None => removal(&name, folder),
        })],
    };
    parts.retain(|part| !part.is_empty());
    let last = parts.pop().unwrap_or_default();
    let mut strokes: Vec<Stroke> = Vec::new();
    for part in parts {
        strokes.extend(part.into_iter().map(Stroke::Act));
        if !gap.is_zero() {
            strokes.push(pause.clone());
        }
    }
    strokes.push(Stroke::Completes);
    strokes.extend(last.into_iter().map(Stroke::Act));
    strokes
}

/// Each file by itself, beside the old one and then renamed over it.
fn in_order(changes: &Contents, order: &[Paper], folder: &Folder) -> Vec<Vec<Act>> {
    let written = order.iter().filter_map(|paper| {
        let content = changes.get(paper)?;
        let name = paper.file().to_owned();
        Some(match content {
            Some(content) => {
                let beside = format!(".{name}.new");
                vec![
                    Act::Write(beside.clone(), content.clone()),
                    Act::Rename(beside, name),
                ]
            }
            None => removal(&name, folder),
        })
    });
    written.collect()
}

/// In place, in two halves: who reads between them reads a file that ends in its middle.
fn torn(changes: &Contents, folder: &Folder) -> Vec<Vec<Act>> {
    let first = each(changes, |name, content| match content {
        Some(content) => {
            let (half, _) = content.split_at(content.len() / 2);
            vec![Act::Write(name, half.to_vec())]
        }
        None => removal(&name, folder),
    });
    let second = each(changes, |name, content| match content {
        Some(content) => {
            let (_, half) = content.split_at(content.len() / 2);
            vec![Act::Append(name, half.to_vec())]
        }
        None => Vec::new(),
    });
    vec![first, second]
}

/// Removed, and created anew.
fn recreated(changes: &Contents, folder: &Folder) -> Vec<Vec<Act>> {
    let removed = each(changes, |name, _| removal(&name, folder));
    let created = each(changes, |name, content| {
        content.map_or_else(Vec::new, |content| vec![Act::Write(name, content)])
    });
    vec![removed, created]
}

/// As Kubernetes does: everything in a new folder, the link `..data` turned to it, and every file a link
/// that goes by way of `..data`.
fn swap(whole: &Contents, folder: &Folder, round: u32) -> Vec<Act> {
    const DATA: &str = "..data";
    let next = format!("..2026_{round}");
    let before = folder.resolve(DATA).ok().filter(|before| *before != next);
    let mut acts = vec![Act::MakeFolder(next.clone())];
    acts.extend(each(whole, |name, content| {
        content.map_or_else(Vec::new, |content| {
            vec![Act::Write(format!("{next}/{name}"), content)]
        })
    }));
    acts.push(Act::Link(next, format!("{DATA}_new")));
    acts.push(Act::Rename(format!("{DATA}_new"), DATA.into()));
    for paper in whole.keys() {
        let name = paper.file();
        if !folder.is_link(name) {
            acts.push(Act::Link(format!("{DATA}/{name}"), format!(".{name}.link")));
            acts.push(Act::Rename(format!(".{name}.link"), name.into()));
        }
    }
    acts.extend(before.map(Act::RemoveFolder));
    acts
}

fn removal(name: &str, folder: &Folder) -> Vec<Act> {
    // A link that leads nowhere is there too, and in the way.
    if folder.is_link(name) || folder.read(name).is_ok() {
        vec![Act::Remove(name.to_owned())]
    } else {
        Vec::new()
    }
}

fn each(contents: &Contents, write: impl Fn(String, Option<Vec<u8>>) -> Vec<Act>) -> Vec<Act> {
    contents
        .iter()
        .flat_map(|(paper, content)| write(paper.file().to_owned(), content.clone()))
        .collect()
}
