//! The cast: everybody in a fleet, set up and ready, and who calls whom.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::authority::{Authority, FIRST_ROOT, Order, ROGUE_ROOT};
use super::generation::Loader;
use super::material::{Bundle, Lists, Material};
use super::party::{Party, dns_of};
use super::service::{Service, Settings};
use super::verifiers::Verifiers;
use super::{FleetError, Ground, Plan};
use crate::clock::Clock;
use crate::load::credentials::{Credentials, Purse};
use crate::load::ledger::Ledger;
use crate::load::visit::{Destination, Manner, Visitor};
use crate::net::{Address, ConnectionId};
use crate::oracle::history::{Fact, Serial, ServerView, WindowKind};
use crate::peer::{Application, presenting};
use crate::pki::issuer::Leaf;
use crate::scenario::fleet::{Canary, Topology};
use crate::target::Writing;

/// Everybody in a fleet.
pub struct Cast {
    /// Who issues.
    pub authority: Arc<Authority>,
    /// The fleet's clock.
    pub clock: Clock,
    plan: Plan,
    verifiers: Arc<Verifiers>,
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
    /// The ways that calls take, in turn.
    due: Vec<Way>,
    forbidden: Vec<Way>,
    /// What each party's bundle was when one was published for it last.
    bundles: BTreeMap<String, Arc<Bundle>>,
    /// What has been revoked and not been published.
    to_publish: Vec<Serial>,
    /// How the step under way writes files.
    writing: Option<Writing>,
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
}

/// A caller of the harness's own, who verifies nobody.
#[derive(Clone)]
struct Strayer {
    name: String,
    credentials: Arc<Credentials>,
}

#[derive(Clone)]
struct Way {
    visitor: Arc<Visitor>,
    to: String,
}

type Views = Box<dyn Fn(ConnectionId) -> Option<ServerView> + Send + Sync>;

/// How many callers from outside there are in a star.
const CALLERS: u32 = 2;

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
        let authority = Authority::new(
            plan.fleet.clone(),
            ground.key_kind(),
            clock.clone(),
            Arc::clone(ledger),
        )?;
        let cast = Self {
            authority: Arc::new(authority),
            clock: clock.clone(),
            plan: plan.clone(),
            verifiers: Arc::default(),
            first_bundle: OnceLock::new(),
            company: Mutex::default(),
        };
        let trusted = Fact::Trusts(FIRST_ROOT.into());
        ledger.change(None, trusted, true, WindowKind::None);
        let canaries = cast.strangers()?;
        let lists = cast.first_lists(&canaries)?;
        cast.company().canaries = canaries;
        for number in 0..plan.fleet.services {
            cast.hire(&format!("service-{number}"), lists.clone(), ground, ledger)?;
        }
        for number in 0..CALLERS {
            let name = format!("caller-{number}");
            let party = Arc::new(cast.party(&name, lists.clone())?);
            cast.company().callers.insert(name, party);
        }
        let name = "hoarder-0".to_owned();
        let leaf = cast.authority.issue(&cast.authority.order(&name))?;
        let hoarder = stray(&name, Some(&leaf))?;
        cast.company().hoarders.insert(name, hoarder);
        cast.admit(ledger);
        cast.lay_out();
        Ok(cast)
    }

    /// The way that the due call with this number takes.
    pub fn due_visit(&self, number: u64) -> Option<(Arc<Visitor>, Arc<Destination>)> {
        let company = self.company();
        pick(&company.due, number, &company.services)
    }

    /// The way that the forbidden call with this number takes.
    pub fn forbidden_visit(&self, number: u64) -> Option<(Arc<Visitor>, Arc<Destination>)> {
        let company = self.company();
        pick(&company.forbidden, number, &company.services)
    }

    /// The services, in the order of their names.
    pub fn services(&self) -> Vec<Member> {
        self.company().services.values().cloned().collect()
    }

    /// The callers from outside that are parties of the fleet.
    pub fn callers(&self) -> Vec<Arc<Party>> {
        self.company().callers.values().cloned().collect()
    }

    /// From now on callers find this service at the address of a program that is its body.
    pub fn embody(&self, name: &str, address: Address, application: Application) {
        if let Some(member) = self.company().services.get_mut(name) {
            member.destination = Arc::new(Destination {
                name: name.to_owned(),
                server_name: member.destination.server_name.clone(),
                address: Mutex::new(address),
                application,
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
        company.due.clear();
        company.forbidden.clear();
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

    /// The serial numbers of what this party presents.
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

    fn party(&self, name: &str, lists: Option<Arc<Lists>>) -> Result<Party, FleetError> {
        let material = Material {
            leaf: self.leaf(name)?,
            bundle: self.first_bundle()?,
            lists,
            admits: Arc::default(),
            permissive: self.plan.fleet.permissive,
        };
        let loader = Loader {
            clock: self.clock.clone(),
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
        lists: Option<Arc<Lists>>,
        ground: &Ground,
        ledger: &Arc<Ledger>,
    ) -> Result<(), FleetError> {
        let party = Arc::new(self.party(name, lists)?);
        let serial = party.material().leaf.serial;
        ledger.change(Some(name), Fact::Presents(serial), true, WindowKind::None);
        let service = Service::new(
            party,
            Settings {
                handshakes: self.plan.fleet.handshakes,
                handshake_deadline: self.plan.fleet.handshake_deadline.duration(),
            },
        );
        let refused = |error| FleetError::Listen(name.into(), error);
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
            application: Application::default(),
            views,
        };
        self.company().services.insert(
            name.into(),
            Member {
                service,
                destination: Arc::new(destination),
                socket,
            },
        );
        Ok(())
    }

    /// Those who must be refused whatever happens.
    fn strangers(&self) -> Result<BTreeMap<Canary, Strayer>, FleetError> {
        let kinds = self.plan.load.canaries.clone();
        let kinds = kinds.unwrap_or_else(|| Canary::ALL.to_vec());
        let mut strangers = BTreeMap::new();
        for kind in kinds {
            if kind == Canary::Revoked && self.plan.fleet.crl_lifetime.is_none() {
                continue;
            }
            let name = format!("canary-{}", kind.word().replace(' ', "-"));
            let order = self.authority.order(&name);
            let order = match kind {
                Canary::NoCertificate => {
                    strangers.insert(kind, stray(&name, None)?);
                    continue;
                }
                Canary::Plaintext => {
                    let credentials = Credentials {
                        config: None,
                        serial: None,
                        edition: 0,
                        verifies: false,
                    };
                    let credentials = Arc::new(credentials);
                    strangers.insert(kind, Strayer { name, credentials });
                    continue;
                }
                Canary::Expired => Order {
                    not_before: -86_400,
                    not_after: -3600,
                    ..order
                },
                Canary::WrongAuthority => Order {
                    anchor: Some(ROGUE_ROOT.into()),
                    ..order
                },
                Canary::WrongUsage => Order {
                    for_clients: false,
                    defect: Some("it is not for clients".into()),
                    ..order
                },
                Canary::Revoked | Canary::WrongName => order,
            };
            let leaf = self.authority.issue(&order)?;
            strangers.insert(kind, stray(&name, Some(&leaf))?);
        }
        Ok(strangers)
    }

    /// The first lists, with the canary that is revoked in them; none where services use none.
    fn first_lists(
        &self,
        canaries: &BTreeMap<Canary, Strayer>,
    ) -> Result<Option<Arc<Lists>>, FleetError> {
        if self.plan.fleet.crl_lifetime.is_none() {
            return Ok(None);
        }
        let revoked = canaries
            .get(&Canary::Revoked)
            .and_then(|canary| canary.credentials.serial);
        self.authority.revoke(FIRST_ROOT, revoked);
        Ok(Some(self.authority.lists()?))
    }

    /// Every service lets in whom the topology shows to it, and the canaries that are wrong otherwise.
    fn admit(&self, ledger: &Ledger) {
        let company = self.company();
        let everywhere: BTreeSet<String> = {
            let callers = company.callers.keys().chain(company.hoarders.keys());
            let canaries = company.canaries.iter();
            let canaries = canaries.filter(|(kind, _)| **kind != Canary::WrongName);
            callers
                .chain(canaries.map(|(_, canary)| &canary.name))
                .cloned()
                .collect()
        };
        for name in &everywhere {
            let fact = Fact::Admits(name.clone());
            ledger.change(None, fact, true, WindowKind::None);
        }
        let revoked = company.canaries.get(&Canary::Revoked);
        if let Some(serial) = revoked.and_then(|canary| canary.credentials.serial) {
            ledger.change(None, Fact::InForce(serial), false, WindowKind::None);
        }
        let everywhere = Arc::new(everywhere);
        for (name, member) in &company.services {
            let admits = match self.plan.fleet.topology {
                Topology::Star => Arc::clone(&everywhere),
                Topology::Chain | Topology::Mesh => {
                    let others = company.services.keys().filter(|other| *other != name);
                    let mut admits = BTreeSet::clone(&everywhere);
                    for other in others {
                        let fact = Fact::Admits(other.clone());
                        ledger.change(Some(name), fact, true, WindowKind::None);
                        admits.insert(other.clone());
                    }
                    Arc::new(admits)
                }
            };
            let party = &member.service.party;
            let mut material = party.material();
            material.admits = admits;
            // It is its own first material with names on the list: there is nothing to refuse.
            let _ = party.take(material);
        }
    }

    /// Lays the ways out that calls take.
    fn lay_out(&self) {
        let mut company = self.company();
        let load = &self.plan.load;
        let manners: Vec<Manner> = [
            (Manner::Fresh, load.fresh),
            (Manner::Pooled, load.pooled),
            (Manner::Stream, load.streams),
            (Manner::Resuming, load.resuming),
        ]
        .into_iter()
        .flat_map(|(manner, share)| std::iter::repeat_n(manner, share as usize))
        .collect();
        let services: Vec<String> = company.services.keys().cloned().collect();
        let timeout = load.timeout.duration();
        let mut due = Vec::new();
        for manner in manners {
            for to in &services {
                for (name, party) in &company.callers {
                    let purse: Arc<dyn Purse> = Arc::clone(party) as _;
                    let visitor = Visitor::new(name, manner, purse, timeout);
                    due.push(Way {
                        visitor: Arc::new(visitor),
                        to: to.clone(),
                    });
                }
            }
        }
        for _ in 0..load.hoarding {
            for to in &services {
                for hoarder in company.hoarders.values() {
                    due.push(way(hoarder, None, Manner::Hoarding, to, timeout));
                }
            }
        }
        let mut forbidden = Vec::new();
        for to in &services {
            for (kind, canary) in &company.canaries {
                forbidden.push(way(canary, Some(*kind), Manner::Fresh, to, timeout));
            }
        }
        company.due = due;
        company.forbidden = forbidden;
    }

    fn company(&self) -> MutexGuard<'_, Company> {
        self.company.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Purse for Party {
    fn credentials(&self) -> Option<Credentials> {
        let generation = self.current()?;
        Some(Credentials {
            config: Some(generation.client()?),
            serial: Some(generation.material.leaf.serial),
            edition: generation.number,
            verifies: true,
        })
    }
}

fn way(
    strayer: &Strayer,
    canary: Option<Canary>,
    manner: Manner,
    to: &str,
    timeout: std::time::Duration,
) -> Way {
    let purse: Arc<dyn Purse> = Arc::clone(&strayer.credentials) as _;
    let mut visitor = Visitor::new(&strayer.name, manner, purse, timeout);
    visitor.canary = canary;
    Way {
        visitor: Arc::new(visitor),
        to: to.to_owned(),
    }
}

fn pick(
    ways: &[Way],
    number: u64,
    services: &BTreeMap<String, Member>,
) -> Option<(Arc<Visitor>, Arc<Destination>)> {
    let count = u64::try_from(ways.len()).ok()?;
    // Neighbours in the list are alike; calls one after the other should not be.
    let place = number.checked_mul(stride(count))?.checked_rem(count)?;
    let way = ways.get(usize::try_from(place).ok()?)?;
    let member = services.get(&way.to)?;
    Some((Arc::clone(&way.visitor), Arc::clone(&member.destination)))
}

/// A step through a list of this length that comes to every place, and seldom to a neighbour.
fn stride(count: u64) -> u64 {
    let golden = count * 618 / 1000;
    let divides =
        |step: &u64| (2..=*step).any(|n| step.is_multiple_of(n) && count.is_multiple_of(n));
    (golden.max(1)..=count.max(1))
        .find(|step| !divides(step))
        .unwrap_or(1)
}

fn stray(name: &str, leaf: Option<&Leaf>) -> Result<Strayer, FleetError> {
    let config: ClientConfig = presenting(leaf.map(|leaf| (leaf.chain.clone(), leaf.key.signer())))
        .map_err(|error| FleetError::Party(name.into(), error.to_string()))?;
    let serial: Option<Serial> = leaf.map(|leaf| leaf.serial);
    let credentials = Credentials {
        config: Some(Arc::new(config)),
        serial,
        edition: 0,
        verifies: false,
    };
    Ok(Strayer {
        name: name.to_owned(),
        credentials: Arc::new(credentials),
    })
}

fn server_name(name: &str) -> Result<ServerName<'static>, FleetError> {
    ServerName::try_from(dns_of(name))
        .map_err(|error| FleetError::Party(name.into(), error.to_string()))
}
