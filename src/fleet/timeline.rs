//! The timeline: what happens to a fleet, and when. Each step writes into the ledger what it makes known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use self::authority::Outage;
use self::network::Blows;
use self::shelf::Shelf;
use self::siege::Lodgers;
use super::cast::{Cast, Member};
use super::material::Material;
use super::party::Party;
use super::{FleetError, Ground, Plan};
use crate::load::ledger::Ledger;
use crate::pki::issuer::Leaf;
use crate::scenario::span::Span;
use crate::scenario::step::{Action, Step};
use crate::target::Writing;
use crate::target::planted::Bug;

mod authority;
mod certificates;
mod defects;
mod files;
mod machines;
mod network;
mod policy;
mod shelf;
mod siege;

/// How long whoever takes the key first is without the certificate that goes with it.
const BETWEEN_THE_HALVES: Duration = Duration::from_millis(50);

/// A timeline that is being played.
pub struct Timeline<'a> {
    plan: &'a Plan,
    ground: &'a Ground,
    cast: &'a Arc<Cast>,
    ledger: &'a Arc<Ledger>,
    /// The step under way, counted from 1.
    number: usize,
    /// What is still on its way to somebody.
    deliveries: JoinSet<()>,
    /// The files of the services, by name, where they have files.
    shelves: BTreeMap<String, Shelf>,
    /// Who is writing files.
    writes: JoinSet<Result<(), FleetError>>,
    /// Who is in trouble, by name.
    unwell: BTreeSet<String>,
    /// The services that have died, by name.
    dead: BTreeSet<String>,
    /// The blows that are out.
    blows: Vec<Blows>,
    /// The outages of the authority that nobody may have noticed.
    outages: Vec<Outage>,
    /// Who has come to stay, until the timeline is over.
    lodgers: Lodgers,
}

impl<'a> Timeline<'a> {
    /// A timeline that begins now.
    pub fn new(
        plan: &'a Plan,
        ground: &'a Ground,
        cast: &'a Arc<Cast>,
        ledger: &'a Arc<Ledger>,
    ) -> Self {
        Self {
            plan,
            ground,
            cast,
            ledger,
            number: 0,
            deliveries: JoinSet::new(),
            shelves: BTreeMap::new(),
            writes: JoinSet::new(),
            unwell: BTreeSet::new(),
            dead: BTreeSet::new(),
            blows: Vec::new(),
            outages: Vec::new(),
            lodgers: Lodgers::default(),
        }
    }

    /// Plays it to its last step.
    ///
    /// # Errors
    /// When a step cannot be done.
    pub async fn play(&mut self) -> Result<(), FleetError> {
        self.lay_out_files()?;
        let began = self.ledger.now();
        let plan = self.plan;
        let mut steps: Vec<&Step> = plan.steps.iter().collect();
        steps.sort_by_key(|step| step.at);
        for step in steps {
            self.number += 1;
            let repetitions = step.count.filter(|_| step.every.is_some()).unwrap_or(1);
            for repetition in 0..repetitions {
                let at = step.at.unwrap_or_default().as_micros();
                let every = step.every.unwrap_or_default().as_micros();
                let due = began + at + every * u64::from(repetition);
                let left = due.saturating_sub(self.ledger.now());
                sleep(Duration::from_micros(left)).await;
                self.cast.sample(self.ledger);
                self.ledger.step(word(step.action));
                self.take(step).await?;
            }
        }
        Ok(())
    }

    /// Everything is well again, and what is on its way arrives.
    ///
    /// # Errors
    /// When a service cannot be brought back.
    pub async fn heal(&mut self) -> Result<(), FleetError> {
        self.cast.sample(self.ledger);
        self.ledger.step("heal, in the end".into());
        self.finish_writes().await?;
        self.heal_all().await?;
        while self.deliveries.join_next().await.is_some() {}
        Ok(())
    }

    async fn take(&mut self, step: &Step) -> Result<(), FleetError> {
        self.cast.write_in(step.style.map(|style| Writing {
            style,
            gap: step.gap.unwrap_or_default().duration(),
        }));
        match step.action {
            Action::RotateLeaf if self.by_files() => self.write_leaf(step),
            Action::PushBundle if self.by_files() => self.write_bundle(step),
            Action::PublishCrl if self.by_files() => self.write_lists(step),
            Action::WriteFiles => self.write_files(step),
            Action::RotateLeaf => self.rotate_leaf(step),
            Action::RotateCaller => self.rotate_caller(step),
            Action::PushBundle => self.push_bundle(step),
            Action::PushCallerBundle => self.push_caller_bundle(step),
            Action::IssueFrom => self.issue_from(step),
            Action::Revoke => self.revoke(step),
            Action::CrossSign => self.cross_sign(step),
            Action::PublishCrl => self.publish_crl(step),
            Action::RollBackCrl => self.roll_back_crl(step),
            Action::Allow => self.admit(step, true),
            Action::Disallow => self.admit(step, false),
            Action::Advance => self.advance(step),
            Action::Restart => self.restart(step).await,
            Action::CloseConnections => self.close_connections(step),
            Action::StopAuthority => {
                self.stop_authority(step);
                Ok(())
            }
            Action::StartAuthority => {
                self.start_authority();
                Ok(())
            }
            Action::SlowAuthority => self.slow_authority(step),
            Action::CorruptAuthority => self.corrupt_authority(step),
            Action::Partition if step.who.as_deref() == Some("authority") => self.cut_off(step),
            Action::Heal => self.heal_all().await,
            Action::Crash => self.crash(step).await,
            Action::Skew => self.skew(step),
            Action::ExhaustDescriptors => self.exhaust_descriptors(step),
            Action::Partition | Action::HoldBack | Action::Slow => self.disturb(step),
            Action::Cut | Action::BlackHole | Action::Corrupt => self.strike(step),
            Action::Sweep => self.sweep(step).await,
            Action::Stall => self.stall(step).await,
            Action::Flood => self.flood(step).await,
            Action::Linger => self.linger(step).await,
            Action::RequireTls => self.require_tls(step),
            Action::Scale => self.scale(step).await,
            Action::Connect
            | Action::Resume
            | Action::Hold
            | Action::Ask
            | Action::ReplaceTrust
            | Action::ReplaceCrl
            | Action::ReplaceClientAuth
            | Action::ForgetTickets => {
                Err(self.wrong(format!("a fleet cannot {}", word(step.action))))
            }
        }
    }

    /// The services that a step is about.
    fn services(&self, step: &Step) -> Result<Vec<Member>, FleetError> {
        let all = self.cast.services();
        let Some(numbers) = &step.services else {
            return Ok(all);
        };
        numbers
            .iter()
            .map(|number| {
                let name = format!("service-{number}");
                all.iter()
                    .find(|member| member.service.party.name == name)
                    .cloned()
                    .ok_or(FleetError::NoParty(self.number, name))
            })
            .collect()
    }

    /// Delivers new material to a party, after its own delay.
    fn deliver(&mut self, party: Arc<Party>, change: impl FnOnce(&mut Material) + Send + 'static) {
        let delay = self.lag(&party.name);
        self.deliveries.spawn(async move {
            sleep(delay).await;
            let mut material = party.material();
            change(&mut material);
            if party.has(Bug::SwapsKeyFirst) {
                let mut half = party.material();
                half.leaf = Arc::new(Leaf {
                    key: Arc::clone(&material.leaf.key),
                    ..Leaf::clone(&half.leaf)
                });
                let _ = party.take(half);
                sleep(BETWEEN_THE_HALVES).await;
            }
            // What it would not take it has raised an alarm about.
            let _ = party.take(material);
        });
    }

    /// How much later than others this party learns of this step.
    fn lag(&self, party: &str) -> Duration {
        let longest = self.plan.fleet.lag.as_micros();
        if longest == 0 {
            return Duration::ZERO;
        }
        let mut stream = self
            .plan
            .seed
            .stream(&format!("lag/{}/{party}", self.number));
        let drawn = u64::from_be_bytes(stream.bytes());
        Duration::from_micros(drawn % (longest + 1))
    }

    fn wrong(&self, what: impl Into<String>) -> FleetError {
        FleetError::Step(self.number, what.into())
    }

    fn required<T: Clone>(&self, value: &Option<T>, key: &str) -> Result<T, FleetError> {
        value
            .clone()
            .ok_or_else(|| self.wrong(format!("it needs `{key}`")))
    }
}

/// The action as scenario files write it.
fn word(action: Action) -> String {
    serde_json::to_value(action)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn signed(span: Span) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}
