//! Defects: material that is no good, each in one way.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::prelude::{CertificateRevocationList, FromDer};

use super::{FleetError, Timeline};
use crate::fleet::authority::{Order, ROGUE_ROOT};
use crate::fleet::material::{Bundle, Lists};
use crate::fleet::papers::{Contents, Paper, Share, Subject};
use crate::fleet::party::Party;
use crate::pki::issuer::Leaf;
use crate::scenario::step::MaterialDefect;

/// Material that is no good, as it comes by a channel and as files.
pub struct Spoilt {
    /// By a channel.
    pub share: Share,
    /// As files.
    pub papers: Contents,
}

/// What is neither a certificate nor a list nor PEM.
const RUBBISH: &[u8] = b"<html><body>404 page not found</body></html>\n";

/// The anchor that is added where there must be several.
const SPARE_ROOT: &str = "spare";

impl Timeline<'_> {
    /// Material for this party that has this defect.
    pub(super) fn spoil(
        &self,
        party: &Party,
        subject: Subject,
        defect: MaterialDefect,
    ) -> Result<Spoilt, FleetError> {
        let share = match subject {
            Subject::Pair => self.spoilt_pair(party, defect)?,
            Subject::Bundle => self.spoilt_bundle(party, defect)?,
            Subject::Lists => self.spoilt_lists(defect)?,
        };
        let first = |content: Option<&[u8]>| {
            let papers = subject.papers().iter().take(1);
            papers
                .map(|paper| (*paper, content.map(<[u8]>::to_vec)))
                .collect()
        };
        let papers = match defect {
            MaterialDefect::Empty => first(Some(&[])),
            MaterialDefect::Garbage => first(Some(RUBBISH)),
            MaterialDefect::Missing => {
                let papers = subject.papers().iter();
                papers.map(|paper: &Paper| (*paper, None)).collect()
            }
            _ => share.papers(),
        };
        Ok(Spoilt { share, papers })
    }

    fn spoilt_pair(&self, party: &Party, defect: MaterialDefect) -> Result<Share, FleetError> {
        const HOUR: i64 = 3600;
        let order = self.cast.authority.order(&party.name);
        let order = match defect {
            MaterialDefect::Expired => Order {
                not_before: -2 * HOUR,
                not_after: -HOUR,
                ..order
            },
            MaterialDefect::NotYetValid => Order {
                not_before: HOUR,
                not_after: order.not_after.max(2 * HOUR),
                ..order
            },
            MaterialDefect::WrongName => Order {
                names: "somebody-else".into(),
                defect: Some("it names somebody else".into()),
                ..order
            },
            MaterialDefect::WrongUsage => Order {
                for_clients: false,
                defect: Some("it is not for clients".into()),
                ..order
            },
            _ => order,
        };
        let mut leaf = self.cast.authority.issue(&order)?;
        match defect {
            MaterialDefect::Expired
            | MaterialDefect::NotYetValid
            | MaterialDefect::WrongName
            | MaterialDefect::WrongUsage => {}
            MaterialDefect::WrongKey => {
                let other: Arc<Leaf> = self.cast.leaf(&party.name)?;
                leaf.key = Arc::clone(&other.key);
            }
            MaterialDefect::NoIntermediate => leaf.chain.truncate(1),
            MaterialDefect::Empty | MaterialDefect::Missing => leaf.chain.clear(),
            MaterialDefect::Garbage => leaf.chain = vec![CertificateDer::from(RUBBISH)],
            MaterialDefect::OneBad => {
                for authority in leaf.chain.iter_mut().skip(1) {
                    *authority = half(authority);
                }
            }
            MaterialDefect::WrongSignature
            | MaterialDefect::WrongIssuer
            | MaterialDefect::Stale => {
                return Err(self.wrong("only a list (`who = \"crl\"`) has this defect"));
            }
        }
        Ok(Share::Pair(Arc::new(leaf)))
    }

    fn spoilt_bundle(&self, party: &Party, defect: MaterialDefect) -> Result<Share, FleetError> {
        let mut bundle = Bundle::default();
        match defect {
            MaterialDefect::Empty | MaterialDefect::Missing => {}
            MaterialDefect::Garbage => {
                let anchors = &mut bundle.anchors;
                anchors.insert("rubbish".into(), CertificateDer::from(RUBBISH));
            }
            MaterialDefect::OneBad => {
                let spare = self.cast.authority.bundle(&[SPARE_ROOT.into()])?;
                bundle.anchors.clone_from(&party.material().bundle.anchors);
                // The one that is in use: whoever reads round it loses it.
                if let Some(anchor) = bundle.anchors.values_mut().next() {
                    *anchor = half(anchor);
                }
                bundle.anchors.extend(spare.anchors.clone());
            }
            _ => return Err(self.wrong("a bundle is empty, garbage, one-bad or missing")),
        }
        Ok(Share::Bundle(Arc::new(bundle)))
    }

    fn spoilt_lists(&self, defect: MaterialDefect) -> Result<Share, FleetError> {
        let Some(lifetime) = self.plan.fleet.crl_lifetime else {
            return Err(self.wrong("this fleet uses no lists: it has no `crl-lifetime`"));
        };
        let authority = &self.cast.authority;
        let good = match defect {
            MaterialDefect::Stale => {
                // The list is signed by a clock that is behind for that moment. Nobody else reads it
                // meanwhile, for everything runs in one thread and nothing here waits.
                let back = super::signed(lifetime).saturating_add(3_600_000_000);
                self.cast.clock.set_forward(-back);
                let lists = authority.lists();
                self.cast.clock.set_forward(back);
                lists?
            }
            _ => authority.lists()?,
        };
        let mut lists = good.lists.clone();
        match defect {
            MaterialDefect::Stale => {}
            MaterialDefect::Missing => return Ok(Share::Lists(None)),
            MaterialDefect::Empty => lists.clear(),
            MaterialDefect::Garbage => lists = vec![CertificateRevocationListDer::from(RUBBISH)],
            MaterialDefect::OneBad => {
                if let Some(list) = lists.first_mut() {
                    let (half, _) = list.split_at(list.len() / 2);
                    *list = CertificateRevocationListDer::from(half.to_vec());
                }
            }
            MaterialDefect::WrongSignature => {
                for list in &mut lists {
                    // A list ends in its signature.
                    let mut der = list.to_vec();
                    if let Some(last) = der.last_mut() {
                        *last ^= 1;
                    }
                    *list = CertificateRevocationListDer::from(der);
                }
            }
            MaterialDefect::WrongIssuer => lists.retain(is_of_rogue),
            _ => {
                return Err(self.wrong(
                    "a list is empty, garbage, one-bad, wrong-signature, wrong-issuer, stale or missing",
                ));
            }
        }
        Ok(Share::Lists(Some(Arc::new(Lists {
            number: good.number,
            next_update: good.next_update,
            lists,
        }))))
    }
}

fn is_of_rogue(list: &CertificateRevocationListDer<'static>) -> bool {
    CertificateRevocationList::from_der(list)
        .is_ok_and(|(_, list)| list.issuer().to_string().ends_with(ROGUE_ROOT))
}

/// The first half of a certificate, which nobody can read.
fn half(certificate: &CertificateDer<'_>) -> CertificateDer<'static> {
    let (half, _) = certificate.split_at(certificate.len() / 2);
    CertificateDer::from(half.to_vec())
}
