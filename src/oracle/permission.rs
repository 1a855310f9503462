//! What a call rests on: the facts that must hold for it to be accepted, each over time.
//!
//! ```text
//! Call --> grounds: what the server must know (may)
//!                   what the caller must know of the server (trusts)
//!                   that both are well
//! accepted is legal      iff at some instant of the call  may and trusts           is not false
//! anything else is legal iff at some instant of the call  may and trusts and well  is not true
//! ```
//!
//! Only the instants of the call itself are looked at, so a call costs a few binary searches, and nothing
//! is kept for pairs of parties.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::facts::{Facts, Known, Subject};
use super::history::{Call, Certificate, Change, Fact, History, Micros, Serial};
use super::truth::{Course, Truth, together};
use super::validity::Clocks;
use crate::expect::HandshakeKind;
use crate::scenario::fleet::Canary;

/// The longest chain of certificates that is followed.
const LONGEST_CHAIN: usize = 16;

/// Knows what any call of a history rests on.
pub struct Permissions<'h> {
    history: &'h History,
    certificates: HashMap<Serial, &'h Certificate>,
    /// The leaves that somebody was told to present.
    asked_for: HashSet<Serial>,
    facts: RefCell<Facts<'h>>,
    clocks: RefCell<Clocks<'h>>,
    /// For what never becomes true.
    never: Rc<Known>,
}

impl<'h> Permissions<'h> {
    /// Of the calls of this history.
    pub fn of(history: &'h History) -> Self {
        let certificates = history.certificates.iter();
        let asked_for = history
            .changes
            .iter()
            .filter_map(|change| match change.fact {
                Fact::Presents(serial) => Some(serial),
                _ => None,
            });
        Self {
            history,
            asked_for: asked_for.collect(),
            certificates: certificates.map(|one| (one.serial, one)).collect(),
            facts: RefCell::new(Facts::of(history)),
            clocks: RefCell::new(Clocks::of(history)),
            never: Rc::new(Known {
                course: Course::always(Truth::False),
                turns: Vec::new(),
            }),
        }
    }

    /// What this call rests on.
    pub fn of_call(&self, call: &'h Call) -> Permission<'h> {
        let mut grounds = Grounds {
            permissions: self,
            longer: self.allowance(call),
            found: Vec::with_capacity(8),
        };
        let (server, caller) = (call.server.as_str(), call.caller.as_str());
        match call.serial {
            _ if is_plaintext(call) => grounds.fact(Part::May, server, Subject::TakesPlaintext),
            None => grounds.fact(Part::May, server, Subject::TakesAnonymous),
            Some(serial) => {
                grounds.fact(Part::May, server, Subject::Admits(caller));
                grounds.fact(Part::May, server, Subject::ListIsFresh);
                grounds.chain(Part::May, server, serial);
            }
        }
        if let Some(presented) = call.presented {
            grounds.chain(Part::Trusts, caller, presented);
        }
        grounds.fact(Part::Well, server, Subject::Well);
        grounds.fact(Part::Well, caller, Subject::Well);
        Permission {
            from: call.invoked,
            to: call.completed.max(call.invoked),
            grounds: grounds.found,
            unasked: !call.outcome.accepted()
                && call.presented.is_some_and(|serial| self.is_unasked(serial)),
            outlived: !call.outcome.accepted() && self.history.renews,
        }
    }

    /// Has this leaf a defect, and was nobody told to present it? Whoever does has no excuse if it is
    /// refused for that.
    fn is_unasked(&self, serial: Serial) -> bool {
        let certificate = self.certificate(serial);
        let defective = certificate.is_some_and(|certificate| certificate.defect.is_some());
        defective && !self.asked_for.contains(&serial)
    }

    /// How much longer than its window a change may take for this call, in microseconds: connections that
    /// were open and sessions that are resumed have windows of their own.
    pub fn allowance(&self, call: &Call) -> Micros {
        let windows = &self.history.windows;
        let mut longer: Micros = 0;
        if call.connection.reused {
            longer = longer.saturating_add(windows.connection.as_micros());
        }
        if call.connection.handshake == Some(HandshakeKind::Resumed) {
            longer = longer.saturating_add(windows.resumption.as_micros());
        }
        longer
    }

    /// The certificate with this serial number.
    pub fn certificate(&self, serial: Serial) -> Option<&'h Certificate> {
        self.certificates.get(&serial).copied()
    }

    /// The window of a change, in microseconds, for new connections.
    pub fn window(&self, change: &Change) -> Micros {
        self.facts.borrow().window(change)
    }

    /// Can a certificate of the chain have been not valid yet at this instant, by the clock of `party`?
    pub fn may_be_early(&self, party: &str, serial: Serial, at: Micros) -> bool {
        let clocks = self.clocks.borrow();
        let mut chain = self.chain(serial).flatten();
        chain.any(|certificate| clocks.may_be_early(party, certificate, at))
    }

    /// Was the clock of `party` set back between these instants?
    pub fn set_back(&self, party: &str, from: Micros, to: Micros) -> bool {
        self.clocks.borrow().set_back(party, from, to)
    }

    /// The certificate and its issuers; none where one is missing.
    fn chain(&self, serial: Serial) -> impl Iterator<Item = Option<&'h Certificate>> {
        let next = |certificate: &Option<&'h Certificate>| {
            let issuer = certificate.as_ref()?.issuer?;
            Some(self.certificate(issuer))
        };
        std::iter::successors(Some(self.certificate(serial)), next).take(LONGEST_CHAIN)
    }
}

/// Does the caller not speak TLS at all?
pub fn is_plaintext(call: &Call) -> bool {
    call.canary == Some(Canary::Plaintext)
}

/// What one call rests on, while it lasts.
pub struct Permission<'h> {
    from: Micros,
    to: Micros,
    grounds: Vec<Ground<'h>>,
    /// Was it lost, and the server's leaf one that it should never have presented?
    unasked: bool,
    /// Was it lost, among parties that have to renew their leaves in time?
    outlived: bool,
}

impl<'h> Permission<'h> {
    /// Is there no instant at which it may be accepted?
    pub fn forbids(&self) -> bool {
        self.extent(|ground| ground.part != Part::Well).1 == Truth::False
    }

    /// Must it be accepted at every instant?
    pub fn demands(&self) -> bool {
        let counts = |ground: &Ground| {
            let expired = self.outlived && matches!(ground.basis, Basis::Valid(_));
            ground.part != Part::Trusts || !(self.unasked || expired)
        };
        self.extent(counts).0 == Truth::True
    }

    /// Had the server a reason to refuse, at some instant?
    pub fn doubts_caller(&self) -> bool {
        self.extent(|ground| ground.part == Part::May).0 != Truth::True
    }

    /// Had the server a reason to refuse, at every instant?
    pub fn forbids_caller(&self) -> bool {
        self.extent(|ground| ground.part == Part::May).1 == Truth::False
    }

    /// Were both parties well, at every instant?
    pub fn is_of_the_well(&self) -> bool {
        self.extent(|ground| ground.part == Part::Well).0 == Truth::True
    }

    /// Does everything hold at every instant, but perhaps this ground?
    pub fn rests_on_nothing_but(&self, ground: &Ground) -> bool {
        self.extent(|other| !std::ptr::eq(other, ground)).0 == Truth::True
    }

    /// All that it rests on, but for what is true at all times.
    pub fn grounds(&self) -> &[Ground<'h>] {
        &self.grounds
    }

    /// Why it is forbidden: what has been false the longest, at the end of the call.
    pub fn objection(&self) -> Option<(&Ground<'h>, Micros)> {
        self.objection_by(|part| part != Part::Well)
    }

    /// Why the server must not let the caller in, in the same way.
    pub fn objection_to_caller(&self) -> Option<(&Ground<'h>, Micros)> {
        self.objection_by(|part| part == Part::May)
    }

    fn objection_by(&self, which: impl Fn(Part) -> bool) -> Option<(&Ground<'h>, Micros)> {
        let objections = self.grounds.iter().filter_map(|ground| {
            let since = ground.known.course.false_since(self.to)?;
            which(ground.part).then_some((ground, since))
        });
        objections.min_by_key(|(_, since)| *since)
    }

    /// Since when it has been due: since the last of its grounds became true.
    pub fn due_since(&self) -> Micros {
        let grounds = self.grounds.iter();
        let since = grounds.filter_map(|ground| ground.known.course.true_since(self.from));
        since.max().unwrap_or(0)
    }

    fn extent(&self, which: impl Fn(&Ground) -> bool) -> (Truth, Truth) {
        let grounds = self.grounds.iter().filter(|ground| which(ground));
        together(
            grounds.map(|ground| &ground.known.course),
            self.from,
            self.to,
        )
    }
}

/// Something that a call rests on.
#[derive(Clone)]
pub struct Ground<'h> {
    /// For what it matters.
    pub part: Part,
    /// Who must know it.
    pub verifier: &'h str,
    /// What it is.
    pub basis: Basis<'h>,
    /// How true it is over time.
    pub known: Rc<Known>,
}

/// What a ground is part of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// What the server must know to let the caller in.
    May,
    /// What the caller must know to trust the server.
    Trusts,
    /// That nothing is done to either.
    Well,
}

/// What a ground says.
#[derive(Clone, Copy, Debug)]
pub enum Basis<'h> {
    /// A fact.
    Fact(Subject<'h>),
    /// The anchor of the first is trusted, or that of the second, a bridge, which is good itself.
    Bridged(&'h Certificate, &'h Certificate),
    /// The certificate is valid now.
    Valid(&'h Certificate),
    /// The certificate has no defect, and here it has one.
    Sound(&'h Certificate, &'h str),
    /// Somebody issued the certificate with this serial number, and here nobody did.
    Issued(Serial),
}

/// Gathers grounds.
struct Grounds<'p, 'h> {
    permissions: &'p Permissions<'h>,
    longer: Micros,
    found: Vec<Ground<'h>>,
}

impl<'h> Grounds<'_, 'h> {
    fn chain(&mut self, part: Part, verifier: &'h str, serial: Serial) {
        if let Some(leaf) = self.permissions.certificate(serial) {
            match leaf
                .bridge
                .map(|bridge| self.permissions.certificate(bridge))
            {
                Some(Some(bridge)) => self.bridged(part, verifier, leaf, bridge),
                _ => self.fact(part, verifier, Subject::Trusts(&leaf.anchor)),
            }
        }
        for certificate in self.permissions.chain(serial) {
            let Some(certificate) = certificate else {
                let never = Rc::clone(&self.permissions.never);
                self.add(part, verifier, Basis::Issued(serial), never);
                continue;
            };
            self.fact(part, verifier, Subject::InForce(certificate.serial));
            let clocks = &self.permissions.clocks;
            let validity = clocks
                .borrow_mut()
                .validity(verifier, certificate, self.longer);
            self.add(part, verifier, Basis::Valid(certificate), validity);
            if let Some(defect) = &certificate.defect {
                let never = Rc::clone(&self.permissions.never);
                self.add(part, verifier, Basis::Sound(certificate, defect), never);
            }
        }
    }

    /// There are two ways up: to the anchor of the leaf, or over the bridge to another.
    fn bridged(
        &mut self,
        part: Part,
        verifier: &'h str,
        leaf: &'h Certificate,
        bridge: &'h Certificate,
    ) {
        let permissions = self.permissions;
        let known_to = |subject| {
            let mut facts = permissions.facts.borrow_mut();
            facts.known_to(verifier, subject, self.longer)
        };
        let directly = known_to(Subject::Trusts(&leaf.anchor));
        let mut over = vec![
            known_to(Subject::Trusts(&bridge.anchor)),
            known_to(Subject::InForce(bridge.serial)),
        ];
        let mut clocks = permissions.clocks.borrow_mut();
        over.push(clocks.validity(verifier, bridge, self.longer));
        drop(clocks);
        let known = Rc::new(Known::either(&directly, &over));
        self.add(part, verifier, Basis::Bridged(leaf, bridge), known);
    }

    fn fact(&mut self, part: Part, verifier: &'h str, subject: Subject<'h>) {
        let facts = &self.permissions.facts;
        let known = facts.borrow_mut().known_to(verifier, subject, self.longer);
        self.add(part, verifier, Basis::Fact(subject), known);
    }

    fn add(&mut self, part: Part, verifier: &'h str, basis: Basis<'h>, known: Rc<Known>) {
        if known.course.pieces() != [(0, Truth::True)] {
            self.found.push(Ground {
                part,
                verifier,
                basis,
                known,
            });
        }
    }
}
