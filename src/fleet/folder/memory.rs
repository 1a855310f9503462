//! A folder of files in memory, which means what a folder on disk means.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Act;

/// A tree of files.
#[derive(Default)]
pub struct Memory {
    tree: Mutex<Tree>,
}

/// What is there, by paths without a link in them.
#[derive(Default)]
struct Tree(BTreeMap<String, Node>);

enum Node {
    File(Vec<u8>),
    Link(String),
    Folder,
}

/// How many links are followed for one name; as in Linux.
const HOPS: u32 = 40;

impl Memory {
    pub fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let tree = self.tree();
        match tree.0.get(&tree.walk(name, true)?) {
            Some(Node::File(content)) => Ok(content.clone()),
            Some(_) => Err(ErrorKind::IsADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    pub fn resolve(&self, name: &str) -> io::Result<String> {
        let tree = self.tree();
        let path = tree.walk(name, true)?;
        if tree.0.contains_key(&path) {
            Ok(path)
        } else {
            Err(ErrorKind::NotFound.into())
        }
    }

    pub fn is_link(&self, name: &str) -> bool {
        let tree = self.tree();
        tree.walk(name, false)
            .is_ok_and(|path| matches!(tree.0.get(&path), Some(Node::Link(_))))
    }

    pub fn perform(&self, act: &Act) -> io::Result<()> {
        let mut tree = self.tree();
        match act {
            Act::MakeFolder(name) => tree.put_new(name, Node::Folder),
            Act::Write(name, content) => {
                let path = tree.walk(name, true)?;
                if let Some(Node::Folder) = tree.0.get(&path) {
                    return Err(ErrorKind::IsADirectory.into());
                }
                tree.0.insert(path, Node::File(content.clone()));
                Ok(())
            }
            Act::Append(name, content) => {
                let path = tree.walk(name, true)?;
                match tree.0.get_mut(&path) {
                    Some(Node::File(before)) => {
                        before.extend_from_slice(content);
                        Ok(())
                    }
                    Some(_) => Err(ErrorKind::IsADirectory.into()),
                    None => Err(ErrorKind::NotFound.into()),
                }
            }
            Act::Rename(from, to) => {
                let (from, to) = (tree.walk(from, false)?, tree.walk(to, false)?);
                match tree.0.get(&from) {
                    None => return Err(ErrorKind::NotFound.into()),
                    Some(Node::Folder) => return Err(ErrorKind::IsADirectory.into()),
                    Some(_) => {}
                }
                if let Some(Node::Folder) = tree.0.get(&to) {
                    return Err(ErrorKind::IsADirectory.into());
                }
                if let Some(node) = tree.0.remove(&from) {
                    tree.0.insert(to, node);
                }
                Ok(())
            }
            Act::Remove(name) => {
                let path = tree.walk(name, false)?;
                match tree.0.get(&path) {
                    None => Err(ErrorKind::NotFound.into()),
                    Some(Node::Folder) => Err(ErrorKind::IsADirectory.into()),
                    Some(_) => {
                        tree.0.remove(&path);
                        Ok(())
                    }
                }
            }
            Act::RemoveFolder(name) => {
                let path = tree.walk(name, false)?;
                match tree.0.get(&path) {
                    None => Err(ErrorKind::NotFound.into()),
                    Some(Node::Folder) => {
                        let below = format!("{path}/");
                        tree.0
                            .retain(|other, _| *other != path && !other.starts_with(&below));
                        Ok(())
                    }
                    Some(_) => Err(ErrorKind::NotADirectory.into()),
                }
            }
            Act::Link(target, name) => tree.put_new(name, Node::Link(target.clone())),
        }
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tree {
    /// The path that a name leads to. Its last part need not be there; the others must be, and be folders.
    fn walk(&self, name: &str, follows_last: bool) -> io::Result<String> {
        let mut ahead: VecDeque<&str> = name.split('/').collect();
        let mut here = String::new();
        let mut hops = 0;
        while let Some(part) = ahead.pop_front() {
            let next = match here.is_empty() {
                true => part.to_owned(),
                false => format!("{here}/{part}"),
            };
            let last = ahead.is_empty();
            match self.0.get(&next) {
                Some(Node::Link(target)) if follows_last || !last => {
                    hops += 1;
                    if hops > HOPS {
                        return Err(io::Error::other("the links go round in a circle"));
                    }
                    for part in target.split('/').rev() {
                        ahead.push_front(part);
                    }
                }
                Some(Node::Folder) => here = next,
                _ if last => return Ok(next),
                Some(_) => return Err(ErrorKind::NotADirectory.into()),
                None => return Err(ErrorKind::NotFound.into()),
            }
        }
        Ok(here)
    }

    fn put_new(&mut self, name: &str, node: Node) -> io::Result<()> {
        let path = self.walk(name, false)?;
        if self.0.contains_key(&path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        self.0.insert(path, node);
        Ok(())
    }
}
