//! The cast: everybody in a fleet, set up and ready, and who calls whom.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustls::pki_types::ServerName;

use self::stranger::{Strayer, stray};
use super::authority::{Authority, FIRST_ROOT, Order};
use super::generation::Loader;
use super::health::{HealthPort, health_of};
use super::material::{Bundle, Lists, Material};
use super::party::{Party, dns_of};
use super::publication::Publication;
use super::renewal::Renewal;
use super::service::{Service, Settings};
use super::sidecar::Backend;
use super::verifiers::Verifiers;
use super::ways::Ways;
use super::{FleetError, Ground, Plan};
use crate::clock::Clock;
use crate::load::credentials::{Credentials, Purse};
use crate::load::habits::Habits;
use crate::load::ledger::Ledger;
use crate::load::visit::{Destination, Manner, Visitor};
use crate::net::{Address, ConnectionId};
use crate::oracle::history::{Fact, Serial, ServerView, WindowKind};
use crate::peer::Application;
use crate::pki::issuer::Leaf;
use crate::scenario::fleet::{CALLERS, Canary, HOARDER, Topology};
use crate::scenario::span::Span;
use crate::target::Writing;
use crate::target::planted::Bug;

mod layout;
mod scaling;
mod stranger;

/// Everybody in a fleet.
pub struct Cast {
    /// Who issues.
    pub authority: Arc<Authority>,
    /// Who has leaves renewed.
    pub renewal: Renewal,
    /// Who brings the authority's lists to everybody.
    pub publication: Publication,
    /// The fleet's clock.
    pub clock: Clock,
    plan: Plan,
    verifiers: Arc<Verifiers>,
    /// What its services speak inside TLS.
    application: Arc<Application>,
    first_bundle: OnceLock<Arc<Bundle>>,
    company: Mutex<Company>,
}

/// Who is there now.
#[derive(Default)]
struct Company {
    services: BTreeMap<String, Member>,
    callers: BTreeMap<String, Arc<Party>>,
    hoarders: BTreeMap<String, Strayer>,
    canaries: BTreeMap<Canary, Strayer>,
    /// The ways of calls that must be accepted, of those who hoard among them, and of strangers.
    due: Ways,
    hoarding: Ways,
    forbidden: Ways,
    /// What each party's bundle was when one was published for it last.
    bundles: BTreeMap<String, Arc<Bundle>>,
    /// What has been revoked and not been published.
    to_publish: Vec<Serial>,
    /// How the step under way writes files.
    writing: Option<Writing>,
    /// Whom every service lets in.
    everywhere: Arc<BTreeSet<String>>,
    /// Plaintext is not taken any more.
    requires_tls: bool,
}

/// What a party begins with, beside its leaf.
#[derive(Clone, Default)]
struct Outset {
    lists: Option<Arc<Lists>>,
    /// None: the first of all.
    bundle: Option<Arc<Bundle>>,
    admits: Arc<BTreeSet<String>>,
    permissive: bool,
}

/// A service and the way to it.
#[derive(Clone)]
pub struct Member {
    /// The service.
    pub service: Arc<Service>,
    /// Where it is.
    pub destination: Arc<Destination>,
    /// The socket that it listens on itself, where it does.
    pub socket: Option<SocketAddr>,
    /// Where it says how it is, if it does.
    pub health: Option<Arc<HealthPort>>,
}

type Views = Box<dyn Fn(ConnectionId) -> Option<ServerView> + Send + Sync>;

/// How much later it is than a party thinks that grants a leeway, in microseconds.
const LEEWAY: i64 = 2_500_000;

impl Cast {
    /// Sets everybody up; the services listen when it is done.
    ///
    /// # Errors
    /// When a certificate cannot be issued or a service cannot listen.
    pub fn assemble(
        plan: &Plan,
        ground: &Ground,
        clock: &Clock,
        ledger: &Arc<Ledger>,
    ) -> Result<Self, FleetError> {
        let mut issuance = plan.fleet.clone();
        if plan.flaws.has(Bug::IssuesWithoutBackdate) {
            issuance.backdate = Span::ZERO;
        }
        let authority = Authority::new(
            issuance,
            ground.key_kind(),
            clock.clone(),
            Arc::clone(ledger),
        )?;
        if plan.answers_stale() {
            authority.keep_firsts();
        }
        let authority = Arc::new(authority);
        let cast = Self {
            renewal: Renewal::new(plan, &authority, ledger),
            publication: Publication::new(plan, ledger),
            authority,
            clock: clock.clone(),
            plan: plan.clone(),
            verifiers: Arc::new(Verifiers::new(plan.fleet.topology != Topology::Star)),
            application: Arc::default(),
            first_bundle: OnceLock::new(),
            company: Mutex::default(),
        };
        let trusted = Fact::Trusts(FIRST_ROOT.into());
        ledger.change(None, trusted, true, WindowKind::None);
        if plan.fleet.permissive {
            ledger.change(None, Fact::TakesPlaintext, true, WindowKind::None);
        }
        let canaries = cast.strangers()?;
        let lists = cast.first_lists(&canaries)?;
        cast.company().canaries = canaries;
        let callers: Vec<String> = (0..CALLERS)
            .map(|number| format!("caller-{number}"))
            .collect();
        let everywhere = cast.admitted_everywhere(&callers, ledger);
        cast.company().everywhere = Arc::clone(&everywhere);
        let outset = Outset {
            lists,
            permissive: plan.fleet.permissive,
            ..Outset::default()
        };
        for number in 0..plan.fleet.services {
            let name = format!("service-{number}");
            let outset = Outset {
                admits: cast.admitted(&name, plan.fleet.services, &everywhere, ledger),
                ..outset.clone()
            };
            cast.hire(&name, outset, ground, ledger)?;
        }
        for name in callers {
            let party = Arc::new(cast.party(&name, outset.clone())?);
            cast.renewal.enrol(&party, false);
            cast.company().callers.insert(name, party);
        }
        let name = HOARDER.to_owned();
        let leaf = cast.authority.issue(&cast.authority.order(&name))?;
        let hoarder = stray(&name, Some(&leaf))?;
        cast.company().hoarders.insert(name, hoarder);
        cast.lay_out();
        Ok(cast)
    }

    /// The way that the due call with this number takes.
    pub fn due_visit(&self, number: u64) -> Option<(Arc<Visitor>, Arc<Destination>)> {
        let company = self.company();
        // The hoarder has its share among the others.
        let shares = self.plan.load.shares();
        let hoarding = u64::from(self.plan.load.hoarding);
        let turn = number.checked_rem(shares)?;
        let (ways, number) = match turn < hoarding {
            true => (&company.hoarding, number / shares * hoarding + turn),
            false => {
                let others = shares - hoarding;
                (&company.due, number / shares * others + turn - hoarding)
            }
        };
        company.way(ways, number)
    }

    /// The way that the forbidden call with this number takes.
    pub fn forbidden_visit(&self, number: u64) -> Option<(Arc<Visitor>, Arc<Destination>)> {
        let company = self.company();
        company.way(&company.forbidden, number)
    }

    /// A caller from outside on a way of its own, as no call of the load takes it.
    pub fn visitor(&self, number: u64, manner: Manner) -> Option<Visitor> {
        let company = self.company();
        let count = u64::try_from(company.callers.len()).ok()?;
        let place = usize::try_from(number.checked_rem(count)?).ok()?;
        let (name, party) = company.callers.iter().nth(place)?;
        let purse: Arc<dyn Purse> = Arc::clone(party) as _;
        let mut visitor = Visitor::new(name, manner, purse, self.plan.load.timeout.duration());
        visitor.habits = self.habits();
        Some(visitor)
    }

    /// Everybody who must be refused by this service, each on its way to it.
    pub fn strangers_to(&self, service: &str) -> Vec<Arc<Visitor>> {
        let company = self.company();
        company.forbidden.to(service)
    }

    /// The clock of a party, which can go wrong.
    pub fn clock_of(&self, name: &str) -> Option<Clock> {
        let company = self.company();
        let services = company.services.values();
        let services = services.map(|member| &member.service.party);
        let mut parties = services.chain(company.callers.values());
        let party = parties.find(|party| party.name == name)?;
        Some(party.loader().own_clock.clone())
    }

    fn habits(&self) -> Habits {
        let flaws = self.plan.flaws;
        Habits {
            insists: flaws.has(Bug::RetriesWithoutPause),
            presumes: flaws.has(Bug::TakesHandshakeForAcceptance),
            clutches: flaws.has(Bug::StaysWithDeadConnections),
            clings: flaws.has(Bug::ClingsToConnections),
            gives_up: flaws.has(Bug::NeverReconnects),
            undresses: flaws.has(Bug::FallsBackToPlaintext),
        }
    }

    /// The services, in the order of their names.
    pub fn services(&self) -> Vec<Member> {
        self.company().services.values().cloned().collect()
    }

    /// The callers from outside that are parties of the fleet.
    pub fn callers(&self) -> Vec<Arc<Party>> {
        self.company().callers.values().cloned().collect()
    }

    /// Somebody's clock was set: what was to happen later may be late already.
    pub fn clock_was_set(&self) {
        self.renewal.clock_was_set();
        self.publication.clock_was_set(self);
    }

    /// From now on callers find this service at the address of a program that is its body.
    pub fn embody(&self, name: &str, address: Address, application: Application) {
        if let Some(member) = self.company().services.get_mut(name) {
            member.destination = Arc::new(Destination {
                name: name.to_owned(),
                server_name: member.destination.server_name.clone(),
                address: Mutex::new(address),
                application: Arc::new(application),
                views: None,
            });
        }
    }

    /// Later deliveries are written so, where they are written.
    pub fn write_in(&self, writing: Option<Writing>) {
        self.company().writing = writing;
    }

    /// How deliveries are written, if that has been said.
    pub fn writing(&self) -> Option<Writing> {
        self.company().writing
    }

    /// Counts what there is to count.
    pub fn sample(&self, ledger: &Ledger) {
        for member in self.services() {
            ledger.sample(member.service.sample(ledger.now()));
        }
    }

    /// Sends everybody home.
    pub fn dismiss(&self) {
        let mut company = self.company();
        for member in company.services.values() {
            member.service.shut();
        }
        company.due = Ways::default();
        company.hoarding = Ways::default();
        company.forbidden = Ways::default();
    }

    /// A leaf for a party, the one it is to present from now on.
    ///
    /// # Errors
    /// What the cryptographic library says.
    pub fn leaf(&self, holder: &str) -> Result<Arc<Leaf>, FleetError> {
        let leaf = self.authority.issue(&self.authority.order(holder))?;
        Ok(Arc::new(leaf))
    }

    /// The bundle that was published for this party last; from now on it is `next`.
    pub fn published_bundle(&self, party: &str, next: &Arc<Bundle>) -> Arc<Bundle> {
        let before = self
            .company()
            .bundles
            .insert(party.into(), Arc::clone(next));
        before.unwrap_or_else(|| self.first_bundle().unwrap_or_default())
    }

    /// A leaf for a party that goes by another name than its callers know.
    ///
    /// # Errors
    /// What the cryptographic library says.
    pub fn renamed_leaf(&self, holder: &str, called: &str) -> Result<Arc<Leaf>, FleetError> {
        let order = Order {
            names: called.to_owned(),
            defect: Some(format!("it names {called}, and not {holder}")),
            ..self.authority.order(holder)
        };
        Ok(Arc::new(self.authority.issue(&order)?))
    }

    /// The serial numbers of what this party presents, or of the authority with this name.
    pub fn serials_of(&self, name: &str) -> Vec<Serial> {
        let company = self.company();
        let parties = company
            .services
            .values()
            .map(|member| &member.service.party)
            .chain(company.callers.values());
        let of_parties = parties
            .filter(|party| party.name == name)
            .map(|party| party.material().leaf.serial);
        let strayers = company
            .hoarders
            .values()
            .filter(|hoarder| hoarder.name == name);
        of_parties
            .chain(self.authority.serial_of(name))
            .chain(strayers.filter_map(|hoarder| hoarder.credentials.serial))
            .collect()
    }

    /// These have been revoked, and the next list will say so.
    pub fn to_publish(&self, serials: Vec<Serial>) {
        self.company().to_publish.extend(serials);
    }

    /// What the next list says for the first time.
    pub fn take_to_publish(&self) -> Vec<Serial> {
        std::mem::take(&mut self.company().to_publish)
    }

    fn party(&self, name: &str, outset: Outset) -> Result<Party, FleetError> {
        let material = Material {
            leaf: self.leaf(name)?,
            called: name.into(),
            bundle: match outset.bundle {
                Some(bundle) => bundle,
                None => self.first_bundle()?,
            },
            lists: outset.lists,
            admits: outset.admits,
            permissive: outset.permissive,
        };
        let own_clock = self.clock.apart();
        let clock = match self.plan.flaws.bug() {
            Some(Bug::FreezesItsClock) => Clock::at(own_clock.unix()),
            Some(Bug::GrantsLeeway) => own_clock.skewed(-LEEWAY),
            _ => own_clock.clone(),
        };
        let loader = Loader {
            own_clock,
            clock,
            flaws: self.plan.flaws,
            verifiers: Arc::clone(&self.verifiers),
            sessions: if self.plan.fleet.resumption { 256 } else { 0 },
        };
        Party::new(name, material, loader).map_err(|why| FleetError::Party(name.into(), why))
    }

    /// The bundle that everybody begins with.
    fn first_bundle(&self) -> Result<Arc<Bundle>, FleetError> {
        if let Some(bundle) = self.first_bundle.get() {
            return Ok(Arc::clone(bundle));
        }
        let bundle = self.authority.bundle(&[FIRST_ROOT.into()])?;
        Ok(Arc::clone(self.first_bundle.get_or_init(|| bundle)))
    }

    /// Adds a service.
    fn hire(
        &self,
        name: &str,
        outset: Outset,
        ground: &Ground,
        ledger: &Arc<Ledger>,
    ) -> Result<(), FleetError> {
        let published = outset.bundle.clone();
        let party = Arc::new(self.party(name, outset)?);
        let serial = party.material().leaf.serial;
        ledger.change(Some(name), Fact::Presents(serial), true, WindowKind::None);
        self.renewal.enrol(&party, true);
        let refused = |error| FleetError::Listen(name.into(), error);
        let backend = match self.plan.fleet.sidecars {
            true => Some(Backend::open(name, ground).map_err(refused)?),
            false => None,
        };
        let service = Service::new(
            party,
            Settings {
                handshakes: self.plan.fleet.handshakes,
                handshake_deadline: self.plan.fleet.handshake_deadline.duration(),
                idle: self.plan.fleet.idle.map(Span::duration),
            },
            backend,
        );
        let listener = ground.listen(name, None).map_err(refused)?;
        let address = ground.way_to(name, &listener).map_err(refused)?;
        let socket = match listener.address().map_err(refused)? {
            Address::Tcp(socket) => Some(socket),
            _ => None,
        };
        let views = Arc::clone(&service);
        let views: Views = Box::new(move |connection| views.take_view(connection));
        let views = match ground {
            // A program takes the place at which nobody listens yet.
            Ground::Programs => None,
            _ => {
                service.open(listener);
                Some(views)
            }
        };
        let destination = Destination {
            name: name.into(),
            server_name: server_name(name)?,
            address: Mutex::new(address),
            application: Arc::clone(&self.application),
            views,
        };
        let health = match self.plan.fleet.health {
            true => {
                let takes = Fact::TakesPlaintext;
                ledger.change(Some(&health_of(name)), takes, true, WindowKind::None);
                Some(HealthPort::open(&service, ground).map_err(refused)?)
            }
            false => None,
        };
        let member = Member {
            service,
            destination: Arc::new(destination),
            socket,
            health,
        };
        let mut company = self.company();
        if let Some(bundle) = published {
            company.bundles.insert(name.into(), bundle);
        }
        company.services.insert(name.into(), member);
        Ok(())
    }

    fn company(&self) -> MutexGuard<'_, Company> {
        self.company.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// However a fleet ends, no service outlives it: their tasks would keep each other, and their sockets.
impl Drop for Cast {
    fn drop(&mut self) {
        self.dismiss();
    }
}

impl Purse for Party {
    fn credentials(&self) -> Option<Credentials> {
        let generation = self.current()?;
        Some(Credentials {
            config: Some(generation.client()?),
            serial: Some(generation.calls_with()),
            edition: generation.number,
            verifies: true,
        })
    }

    fn unix(&self) -> Option<i64> {
        Some(self.loader().clock.unix())
    }
}

impl Company {
    fn way(&self, ways: &Ways, number: u64) -> Option<(Arc<Visitor>, Arc<Destination>)> {
        let (visitor, to) = ways.take(number)?;
        let member = self.services.get(to)?;
        Some((visitor, Arc::clone(&member.destination)))
    }
}

fn server_name(name: &str) -> Result<ServerName<'static>, FleetError> {
    ServerName::try_from(dns_of(name))
        .map_err(|error| FleetError::Party(name.into(), error.to_string()))
}
