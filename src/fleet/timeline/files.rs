//! Steps about files: the same changes as by a channel, written by somebody in some style.
//!
//! A change is published when its last part has been written. What is no good is never published: the
//! oracle expects that nothing comes of it.

use std::sync::Arc;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::sleep;

use super::shelf::Shelf;
use super::{FleetError, Step, Timeline};
use crate::fleet::Ground;
use crate::fleet::cast::Member;
use crate::fleet::folder::Folder;
use crate::fleet::papers::{Contents, Share, Subject};
use crate::fleet::writing::{Pen, strokes};
use crate::oracle::history::{Fact, WindowKind};
use crate::scenario::fleet::Delivery;
use crate::scenario::step::WriteStyle;

/// Something to write into the folder of a service.
struct Writing {
    subject: Subject,
    changes: Contents,
    style: WriteStyle,
    gap: Duration,
    /// Makes it known; none where it is no good.
    publishes: Option<Box<dyn FnOnce() + Send>>,
}

/// A pause that is longer than any timeline: who makes it never comes back.
const NEVER: Duration = Duration::from_secs(10);

impl Timeline<'_> {
    /// Do services get what they hold as files?
    pub(super) fn by_files(&self) -> bool {
        self.plan.fleet.delivery == Delivery::Files
    }

    /// Puts what every service holds into its folder, and has it watched.
    pub(super) fn lay_out_files(&mut self) -> Result<(), FleetError> {
        if self.by_files() {
            for member in self.cast.services() {
                self.shelf(&member)?;
            }
        }
        Ok(())
    }

    /// New leaves, as files.
    pub(super) fn write_leaf(&mut self, step: &Step) -> Result<(), FleetError> {
        for member in self.services(step)? {
            let name = member.destination.name.clone();
            let leaf = self.cast.leaf(&name)?;
            let fact = Fact::Presents(leaf.serial);
            let ledger = Arc::clone(self.ledger);
            let publishes = move || ledger.change(Some(&name), fact, true, WindowKind::Leaf);
            self.write_new(&member, step, &Share::Pair(leaf), publishes)?;
        }
        Ok(())
    }

    /// A bundle, and the lists of what is below it, as files.
    pub(super) fn write_bundle(&mut self, step: &Step) -> Result<(), FleetError> {
        let names = self.required(&step.trusts, "trusts")?;
        let bundle = self.cast.authority.bundle(&names)?;
        let lists = match self.plan.fleet.crl_lifetime {
            Some(_) => Some(self.cast.authority.lists()?),
            None => None,
        };
        for member in self.services(step)? {
            if lists.is_some() {
                let papers = Share::Lists(lists.clone()).papers();
                let style = match step.style {
                    Some(WriteStyle::Symlink) => WriteStyle::Symlink,
                    _ => WriteStyle::Rename,
                };
                let writing = Writing {
                    subject: Subject::Lists,
                    changes: papers,
                    style,
                    gap: Duration::ZERO,
                    publishes: Some(Box::new(|| {})),
                };
                self.write(&member, writing)?;
            }
            let name = member.destination.name.clone();
            let (cast, ledger) = (Arc::clone(self.cast), Arc::clone(self.ledger));
            let published = Arc::clone(&bundle);
            let publishes = move || {
                let before = cast.published_bundle(&name, &published);
                for (anchor, holds) in before.changes_to(&published) {
                    let fact = Fact::Trusts(anchor);
                    ledger.change(Some(&name), fact, holds, WindowKind::Bundle);
                }
            };
            let share = Share::Bundle(Arc::clone(&bundle));
            self.write_new(&member, step, &share, publishes)?;
        }
        Ok(())
    }

    /// The authority's lists, as files.
    pub(super) fn write_lists(&mut self, step: &Step) -> Result<(), FleetError> {
        let lists = self.cast.authority.lists()?;
        let revoked = self.cast.take_to_publish();
        for member in self.services(step)? {
            let name = member.destination.name.clone();
            let (ledger, revoked) = (Arc::clone(self.ledger), revoked.clone());
            let publishes = move || {
                for serial in revoked {
                    let fact = Fact::InForce(serial);
                    ledger.change(Some(&name), fact, false, WindowKind::Crl);
                }
            };
            let share = Share::Lists(Some(Arc::clone(&lists)));
            self.write_new(&member, step, &share, publishes)?;
        }
        Ok(())
    }

    /// Files with a defect, or what stands there once more. Nothing comes of either.
    pub(super) fn write_files(&mut self, step: &Step) -> Result<(), FleetError> {
        let subject = match step.who.as_deref() {
            None | Some("leaf") => Subject::Pair,
            Some("bundle") => Subject::Bundle,
            Some("crl") => Subject::Lists,
            Some(_) => return Err(self.wrong("`who` is leaf, bundle or crl")),
        };
        for member in self.services(step)? {
            let (changes, publishes) = match step.defect {
                Some(defect) => {
                    let spoilt = self.spoil(&member.service.party, subject, defect)?;
                    if !self.by_files() {
                        let party = Arc::clone(&member.service.party);
                        self.deliver(party, |material| spoilt.share.put_into(material));
                        continue;
                    }
                    (spoilt.papers, None)
                }
                None if self.by_files() => {
                    let good = self.shelf(&member)?.known().good.clone();
                    let changes = good
                        .into_iter()
                        .filter(|(paper, _)| subject.papers().contains(paper));
                    (changes.collect(), Some(Box::new(|| {}) as _))
                }
                None => return Err(self.wrong("it needs `defect`: these services have no files")),
            };
            let usual = match step.defect {
                Some(_) => WriteStyle::Rename,
                None => WriteStyle::Touch,
            };
            let writing = Writing {
                subject,
                changes,
                style: step.style.unwrap_or(usual),
                gap: step.gap.unwrap_or_default().duration(),
                publishes,
            };
            self.write(&member, writing)?;
        }
        Ok(())
    }

    /// The process of a service starts anew, with what stands in its folder.
    pub(super) fn start_from_files(&mut self, member: &Member) -> Result<(), FleetError> {
        let (ground, poll) = (self.ground, self.plan.fleet.poll.duration());
        let shelf = self.shelf(member)?;
        shelf.start(member, ground, poll);
        let mut known = shelf.known();
        known.down = !known.spoilt.is_empty();
        let starts = !known.down;
        drop(known);
        if starts {
            self.recovers(&member.destination.name);
        }
        Ok(())
    }

    /// What is spoilt or was left half-written is made good: what was good last stands there again.
    pub(super) fn mend_files(&mut self) -> Result<(), FleetError> {
        for member in self.cast.services() {
            let Some(shelf) = self.shelves.get(&member.destination.name) else {
                continue;
            };
            let (spoilt, good) = {
                let mut known = shelf.known();
                for (writer, _) in std::mem::take(&mut known.under_way).into_values() {
                    writer.abort();
                }
                (known.spoilt.clone(), known.good.clone())
            };
            for subject in spoilt {
                let changes = good
                    .iter()
                    .filter(|(paper, _)| subject.papers().contains(paper))
                    .map(|(paper, content)| (*paper, content.clone()));
                let writing = Writing {
                    subject,
                    changes: changes.collect(),
                    style: WriteStyle::Rename,
                    gap: Duration::ZERO,
                    publishes: Some(Box::new(|| {})),
                };
                self.write(&member, writing)?;
            }
        }
        Ok(())
    }

    /// Waits for who is still writing, and for nobody who will never come back.
    pub(super) async fn finish_writes(&mut self) -> Result<(), FleetError> {
        for shelf in self.shelves.values() {
            for (writer, pause) in shelf.known().under_way.values() {
                if *pause >= NEVER {
                    writer.abort();
                }
            }
        }
        while let Some(finished) = self.writes.join_next().await {
            // Who was interrupted has not failed.
            finished.unwrap_or(Ok(()))?;
        }
        Ok(())
    }

    fn write_new(
        &mut self,
        member: &Member,
        step: &Step,
        share: &Share,
        publishes: impl FnOnce() + Send + 'static,
    ) -> Result<(), FleetError> {
        let style = step.style.unwrap_or(WriteStyle::Rename);
        if style == WriteStyle::Touch {
            return Err(self.wrong("`touch` writes nothing new; say `do = \"write-files\"`"));
        }
        let writing = Writing {
            subject: share.subject(),
            changes: share.papers(),
            style,
            gap: step.gap.unwrap_or_default().duration(),
            publishes: Some(Box::new(publishes)),
        };
        self.write(member, writing)
    }

    /// Writes, at once up to the first pause, and the rest in its time.
    fn write(&mut self, member: &Member, writing: Writing) -> Result<(), FleetError> {
        let name = member.destination.name.clone();
        let delay = self.lag(&name);
        let ledger = Arc::clone(self.ledger);
        let shelf = self.shelf(member)?;
        let Writing {
            subject,
            changes,
            style,
            gap,
            publishes,
        } = writing;
        let lines = {
            let mut known = shelf.known();
            if let Some((writer, _)) = known.under_way.remove(&subject) {
                writer.abort();
            }
            known.round += 1;
            known.spoilt.insert(subject);
            let mut whole = known.good.clone();
            whole.extend(changes.clone());
            strokes(style, gap, &changes, &whole, &shelf.folder, known.round)
        };
        let stock = shelf.stock_of();
        let party = name.clone();
        let completes = move || {
            let mut known = stock.lock().unwrap_or_else(PoisonError::into_inner);
            known.under_way.remove(&subject);
            if style == WriteStyle::Symlink {
                // The new folder holds what is good of everything else.
                known.spoilt.retain(|other| *other == subject);
            }
            let Some(publishes) = publishes else { return };
            known.spoilt.remove(&subject);
            known.good.extend(changes);
            publishes();
            if known.down && known.spoilt.is_empty() {
                known.down = false;
                ledger.change(Some(&party), Fact::Well, true, WindowKind::Heal);
            }
        };
        let mut pen = Pen::new(Arc::clone(&shelf.folder), lines, completes);
        let failed = move |error| FleetError::Files(name.clone(), error);
        let first = match delay.is_zero() {
            true => pen.write().map_err(&failed)?,
            false => Some(delay),
        };
        let Some(first) = first else { return Ok(()) };
        let stock = shelf.stock_of();
        let writer = self.writes.spawn(async move {
            let mut pause = Some(first);
            while let Some(long) = pause {
                sleep(long).await;
                pause = pen.write().map_err(&failed)?;
            }
            Ok(())
        });
        let mut known = stock.lock().unwrap_or_else(PoisonError::into_inner);
        known.under_way.insert(subject, (writer, gap));
        Ok(())
    }

    /// The shelf of a service, stocked with what it holds where it has none yet.
    fn shelf(&mut self, member: &Member) -> Result<&mut Shelf, FleetError> {
        let name = &member.destination.name;
        if !self.shelves.contains_key(name) {
            let failed = |error| FleetError::Files(name.clone(), error);
            let folder = match self.ground {
                Ground::Sockets | Ground::Proxied(_) | Ground::Programs => {
                    Folder::on_disk().map_err(failed)?
                }
                Ground::Simulated(_) => Folder::in_memory(),
            };
            let poll = self.plan.fleet.poll.duration();
            let shelf = Shelf::stock(member, folder, poll).map_err(failed)?;
            self.shelves.insert(name.clone(), shelf);
        }
        self.shelves
            .get_mut(name)
            .ok_or_else(|| FleetError::NoParty(self.number, name.clone()))
    }
}
