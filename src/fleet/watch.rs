//! A watch: a service's eye on its files. It fails closed.
//!
//! ```text
//! Folder --every poll--> Contents --read--> Share --> Party takes it
//!                                     |                  |
//!                                     +---- why not -----+--> doubt, and in the end an alarm
//! ```
//!
//! A pair, a bundle and the lists are each taken as a whole or not at all, and one that is no good does
//! not keep the others from being taken: a spoilt certificate must not hold a revocation back. What is no
//! good may be half-written, so it is looked at again; if it is still there after two more looks,
//! somebody is told, once. A service that starts has nothing to fall back upon: it does not listen before
//! everything it needs is there and good.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::folder::Folder;
use super::papers::{Paper, Share, Subject, bundle, lists, pair};
use super::party::Party;
use crate::pki::issuer::Leaf;
use crate::target::planted::Bug;

/// A service's eye on its files.
pub struct Watch {
    party: Arc<Party>,
    folder: Arc<Folder>,
    subjects: BTreeMap<Subject, Sight>,
    /// Where files were found once: only who has that bug keeps it.
    pinned: BTreeMap<Paper, String>,
    /// Something was missing at the start: only who has that bug minds.
    gave_up: bool,
    /// How often it has looked.
    looks: u64,
}

/// What was seen of one subject.
#[derive(Default)]
struct Sight {
    /// The files that are in force; none before the first.
    in_force: Option<Files>,
    doubt: Option<Doubt>,
}

/// Files that were no good when they were looked at last.
struct Doubt {
    files: Files,
    looks: u32,
}

/// The files of one subject, in the order of [`Subject::papers`]; none where one is missing.
type Files = Vec<Option<Vec<u8>>>;

/// At how many looks the same files must have been no good before somebody is told: they have lasted for
/// two pauses between looks then, and nobody takes as long to write them.
const PATIENCE: u32 = 3;

impl Watch {
    /// The watch of a party that has just started, and has read nothing yet.
    pub fn new(party: Arc<Party>, folder: Arc<Folder>) -> Self {
        // Who uses lists has them in its material from the beginning.
        let uses_lists = party.material().lists.is_some();
        let subjects = Subject::ALL
            .into_iter()
            .filter(|subject| *subject != Subject::Lists || uses_lists)
            .map(|subject| (subject, Sight::default()));
        Self {
            subjects: subjects.collect(),
            party,
            folder,
            pinned: BTreeMap::new(),
            gave_up: false,
            looks: 0,
        }
    }

    /// Looks every `poll`, for ever. Calls `ready` after each look from the first at which everything is
    /// there and good, until that has answered that the service listens.
    pub async fn keep(mut self, poll: Duration, mut ready: impl FnMut() -> bool) {
        let mut listens = false;
        loop {
            self.look();
            if !listens && self.is_complete() {
                listens = ready();
            }
            sleep(poll).await;
        }
    }

    /// The party holds already what stands in its files now.
    pub fn take_for_granted(&mut self) {
        let subjects: Vec<Subject> = self.subjects.keys().copied().collect();
        for subject in subjects {
            let files = self.files(subject);
            self.is_in_force(subject, files);
        }
    }

    /// Is everything that the service needs there and in force?
    pub fn is_complete(&self) -> bool {
        !self.gave_up && self.subjects.values().all(|sight| sight.in_force.is_some())
    }

    /// Looks once, and takes what is new and good.
    pub fn look(&mut self) {
        if self.gave_up {
            return;
        }
        self.looks += 1;
        let subjects: Vec<Subject> = self.subjects.keys().copied().collect();
        let mut good = Vec::new();
        let mut bad = Vec::new();
        for subject in subjects {
            let mut files = self.files(subject);
            if self.looks == 1 && files.contains(&None) && self.party.has(Bug::IgnoresLateFiles) {
                self.gave_up = true;
                return;
            }
            let Some(sight) = self.subjects.get_mut(&subject) else {
                continue;
            };
            if sight.in_force.as_ref() == Some(&files) {
                sight.doubt = None;
                continue;
            }
            match self.read(subject, &mut files) {
                Ok(share) => good.push((subject, files, share)),
                Err(why) => bad.push((subject, files, why)),
            }
        }
        bad.extend(self.take(good));
        for (subject, files, why) in bad {
            self.doubt(subject, files, why);
        }
    }

    /// Takes all of it together, or else each by itself. Gives back what was not taken.
    fn take(&mut self, good: Vec<(Subject, Files, Share)>) -> Vec<(Subject, Files, String)> {
        if good.is_empty() {
            return Vec::new();
        }
        let mut material = self.party.material();
        for (_, _, share) in &good {
            share.clone().put_into(&mut material);
        }
        if self.party.take_if_good(material).is_ok() {
            for (subject, files, _) in good {
                self.is_in_force(subject, files);
            }
            return Vec::new();
        }
        let mut bad = Vec::new();
        for (subject, files, share) in good {
            let mut material = self.party.material();
            share.put_into(&mut material);
            match self.party.take_if_good(material) {
                Ok(()) => self.is_in_force(subject, files),
                Err(why) => bad.push((subject, files, why)),
            }
        }
        bad
    }

    fn is_in_force(&mut self, subject: Subject, files: Files) {
        let sight = self.subjects.entry(subject).or_default();
        sight.in_force = Some(files);
        sight.doubt = None;
    }

    fn doubt(&mut self, subject: Subject, files: Files, why: String) {
        let sight = self.subjects.entry(subject).or_default();
        let looks = match &sight.doubt {
            Some(doubt) if doubt.files == files => doubt.looks.saturating_add(1),
            _ => 1,
        };
        sight.doubt = Some(Doubt { files, looks });
        if looks == PATIENCE {
            self.party.refuse(why);
        }
    }

    /// The files of a subject as they are now.
    fn files(&mut self, subject: Subject) -> Files {
        let papers = subject.papers().iter();
        papers.map(|paper| self.content(*paper)).collect()
    }

    fn content(&mut self, paper: Paper) -> Option<Vec<u8>> {
        if self.party.has(Bug::FollowsLinkOnce) {
            let path = self.folder.resolve(paper.file()).ok();
            if let Some(path) = path.filter(|path| path != paper.file()) {
                self.pinned.entry(paper).or_insert(path);
            }
        }
        match self.pinned.get(&paper) {
            Some(path) => self.folder.read(path).ok(),
            None => self.folder.read(paper.file()).ok(),
        }
    }

    fn read(&self, subject: Subject, files: &mut Files) -> Result<Share, String> {
        let leniently = self.party.has(Bug::TakesTornFiles);
        match (subject, files.as_mut_slice()) {
            (Subject::Pair, [certificate, key]) => {
                if let Some(leaf) = self.certificate_alone(certificate.as_deref(), key) {
                    return Ok(Share::Pair(Arc::new(leaf)));
                }
                let leaf = pair(certificate.as_deref(), key.as_deref())?;
                Ok(Share::Pair(Arc::new(leaf)))
            }
            (Subject::Bundle, [content]) => {
                let holds_nothing = content.as_ref().is_some_and(|content| content.is_empty());
                if holds_nothing && self.party.has(Bug::TakesEmptyBundleForNoRule) {
                    return Ok(Share::Bundle(Arc::default()));
                }
                let bundle = bundle(content.as_deref(), leniently)?;
                Ok(Share::Bundle(Arc::new(bundle)))
            }
            (Subject::Lists, [content]) => {
                if content.is_none() && self.party.has(Bug::DropsMissingLists) {
                    return Ok(Share::Lists(None));
                }
                let lists = lists(content.as_deref(), leniently)?;
                Ok(Share::Lists(Some(Arc::new(lists))))
            }
            _ => Err("there are other files than a service has".into()),
        }
    }

    /// As somebody reads it to whom a certificate is news by itself: the new one, with the key that was
    /// there before. `key` is that from now on, so that the new one is news at the next look.
    fn certificate_alone(
        &self,
        certificate: Option<&[u8]>,
        key: &mut Option<Vec<u8>>,
    ) -> Option<Leaf> {
        if !self.party.has(Bug::SwapsCertificateFirst) {
            return None;
        }
        let in_force = self.subjects.get(&Subject::Pair)?.in_force.as_ref()?;
        let [old_certificate, old_key] = in_force.as_slice() else {
            return None;
        };
        if old_certificate.as_deref() == certificate {
            return None;
        }
        let leaf = pair(certificate, old_key.as_deref()).ok()?;
        key.clone_from(old_key);
        Some(leaf)
    }
}
