//! Steps about those who come in numbers: strangers who say nothing, handshakes that fail, callers that
//! never come back. Who has come to stay is kept until the timeline is over: that a service gives back
//! what they took must be its own doing.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{FleetError, Step, Timeline};
use crate::fleet::cast::Member;
use crate::load::stranger::{Mischief, Stranger};
use crate::load::visit::{Manner, Visitor};

/// Those who stay.
#[derive(Default)]
pub(super) struct Lodgers {
    strangers: JoinSet<()>,
    callers: Vec<Arc<Visitor>>,
}

/// How long it takes until those who have come are seen to be there.
const ARRIVAL: Duration = Duration::from_millis(50);

impl Timeline<'_> {
    /// Strangers connect, say nothing or next to nothing, and stay. Every other one dribbles.
    pub(super) async fn stall(&mut self, step: &Step) -> Result<(), FleetError> {
        let count = self.required(&step.count, "count")?;
        let members = self.services(step)?;
        for member in &members {
            if count >= self.plan.fleet.handshakes {
                // More than there are places for: who comes now may be sent away.
                self.falls_ill(&member.destination.name);
            }
            for number in 0..count {
                let mischief = match number % 2 {
                    0 => Mischief::Silence,
                    _ => Mischief::Dribble,
                };
                self.lodgers
                    .strangers
                    .spawn(stranger(member).stay(mischief));
            }
        }
        sleep(ARRIVAL).await;
        self.cast.sample(self.ledger);
        Ok(())
    }

    /// Handshakes that must fail, of every kind. There are never more at once than half of what a service
    /// takes part in, so that it has no excuse.
    pub(super) async fn flood(&mut self, step: &Step) -> Result<(), FleetError> {
        let count = self.required(&step.count, "count")?;
        let abreast = (self.plan.fleet.handshakes / 2).max(1) as usize;
        let mut floods = JoinSet::new();
        for member in self.services(step)? {
            let visitors = self.cast.strangers_to(&member.destination.name);
            let ledger = Arc::clone(self.ledger);
            floods.spawn(async move {
                let mut under_way = JoinSet::new();
                for number in 0..count as usize {
                    if under_way.len() >= abreast {
                        under_way.join_next().await;
                    }
                    let kinds = Mischief::SHORT.len() + visitors.len();
                    let kind = number % kinds;
                    if let Some(mischief) = Mischief::SHORT.get(kind) {
                        under_way.spawn(stranger(&member).visit(*mischief));
                    } else if let Some(visitor) = visitors.get(kind - Mischief::SHORT.len()) {
                        let (visitor, ledger) = (Arc::clone(visitor), Arc::clone(&ledger));
                        let destination = Arc::clone(&member.destination);
                        under_way.spawn(async move {
                            let id = ledger.next_call();
                            let call = visitor.call(id, &destination, &ledger).await;
                            ledger.call(call);
                        });
                    }
                }
                while under_way.join_next().await.is_some() {}
            });
        }
        while floods.join_next().await.is_some() {}
        self.cast.sample(self.ledger);
        Ok(())
    }

    /// Callers call once, stay connected, and are never heard of again.
    pub(super) async fn linger(&mut self, step: &Step) -> Result<(), FleetError> {
        let count = self.required(&step.count, "count")?;
        for member in self.services(step)? {
            for number in 0..u64::from(count) {
                let visitor = self.cast.visitor(number, Manner::Stream);
                let visitor = visitor.ok_or_else(|| self.wrong("there is nobody to call"))?;
                let id = self.ledger.next_call();
                let call = visitor.call(id, &member.destination, self.ledger).await;
                self.ledger.call(call);
                self.lodgers.callers.push(Arc::new(visitor));
            }
        }
        Ok(())
    }
}

fn stranger(member: &Member) -> Stranger {
    Stranger {
        destination: Arc::clone(&member.destination),
    }
}
