//! A shelf: one service's folder, who watches it, and what the timeline knows of what it has put there.
//!
//! What the oracle is told rests on what was written, never on what the service made of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};

use crate::fleet::Ground;
use crate::fleet::cast::Member;
use crate::fleet::folder::{Act, Folder};
use crate::fleet::material::Material;
use crate::fleet::papers::{Contents, Share, Subject};
use crate::fleet::watch::Watch;

/// One service's folder.
pub struct Shelf {
    /// The folder.
    pub folder: Arc<Folder>,
    stock: Arc<Mutex<Stock>>,
    /// Ends with the shelf, and with the process that it belongs to.
    watching: JoinSet<()>,
}

/// What the timeline knows of a shelf.
#[derive(Default)]
pub struct Stock {
    /// What was written as a whole and is good, last.
    pub good: Contents,
    /// What stands there half-written, or is no good.
    pub spoilt: BTreeSet<Subject>,
    /// The service has been started on files that it cannot start with.
    pub down: bool,
    /// How many writes there have been.
    pub round: u32,
    /// Writes that have begun and are not complete, and their longest pause.
    pub under_way: BTreeMap<Subject, (AbortHandle, Duration)>,
}

impl Shelf {
    /// The shelf of a service that holds this, and listens.
    ///
    /// # Errors
    /// The files cannot be written.
    pub fn stock(member: &Member, folder: Folder, poll: Duration) -> io::Result<Self> {
        let party = &member.service.party;
        let good = papers(&party.material());
        for (paper, content) in &good {
            if let Some(content) = content {
                folder.perform(&Act::Write(paper.file().into(), content.clone()))?;
            }
        }
        let folder = Arc::new(folder);
        let mut watch = Watch::new(Arc::clone(party), Arc::clone(&folder));
        // The service has this in force: it was started with it.
        watch.take_for_granted();
        let mut watching = JoinSet::new();
        watching.spawn(watch.keep(poll, || true));
        Ok(Self {
            folder,
            stock: Arc::new(Mutex::new(Stock {
                good,
                ..Stock::default()
            })),
            watching,
        })
    }

    /// The process has ended, and another begins with what stands here. It listens when it can.
    pub fn start(&mut self, member: &Member, ground: &Ground, poll: Duration) {
        let party = Arc::clone(&member.service.party);
        let watch = Watch::new(party, Arc::clone(&self.folder));
        let (member, ground) = (member.clone(), ground.clone());
        self.watching = JoinSet::new();
        self.watching
            .spawn(watch.keep(poll, move || opens(&member, &ground)));
    }

    /// What the timeline knows of it.
    pub fn stock_of(&self) -> Arc<Mutex<Stock>> {
        Arc::clone(&self.stock)
    }

    /// The same, to look at.
    pub fn known(&self) -> MutexGuard<'_, Stock> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has the service listen where it listened before; no, if the place is still taken.
fn opens(member: &Member, ground: &Ground) -> bool {
    let Ok(listener) = ground.listen(&member.destination.name, member.socket) else {
        return false;
    };
    member.service.open(listener);
    true
}

/// All of a service's material as files.
fn papers(material: &Material) -> Contents {
    let mut shares = vec![
        Share::Pair(Arc::clone(&material.leaf)),
        Share::Bundle(Arc::clone(&material.bundle)),
    ];
    if material.lists.is_some() {
        shares.push(Share::Lists(material.lists.clone()));
    }
    shares.iter().flat_map(Share::papers).collect()
}
