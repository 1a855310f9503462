//! Who is there in a fleet, and what the steps of its timeline may therefore name.
//!
//! Services are there by their number at the time of a step, callers and strangers by the plan. An authority
//! is there because steps name it, so a slip of the keyboard would found another: one that leaves come from
//! has to be trusted by somebody or certified by the first, and the other way round.

use std::collections::BTreeSet;

use crate::document::{Document, DocumentError, nearest};
use crate::scenario::Scenario;
use crate::scenario::fleet::{CALLERS, Canary, FIRST_ROOT, FleetPlan, HOARDER};
use crate::scenario::step::{Action, MaterialDefect, Step};

/// What `write-files` writes.
const SUBJECTS: [&str; 3] = ["leaf", "bundle", "crl"];

/// Who cannot be reached in a partition, beside parties.
const AUTHORITY: &str = "authority";

/// Who is there in a fleet.
pub struct Roster<'a> {
    document: &'a Document<'a>,
    scenario: &'a Scenario,
    fleet: &'a FleetPlan,
}

impl<'a> Roster<'a> {
    /// Of this scenario, whose fleet that is.
    pub fn new(document: &'a Document<'a>, scenario: &'a Scenario, fleet: &'a FleetPlan) -> Self {
        Self {
            document,
            scenario,
            fleet,
        }
    }

    /// Checks what a step names that happens when there are so many services.
    ///
    /// # Errors
    /// It names somebody or something that is not there.
    pub fn check_names(&self, place: usize, services: u32) -> Result<(), DocumentError> {
        let step = &self.scenario.steps[place];
        let known = match step.action {
            Action::RotateCaller | Action::PushCallerBundle => callers(),
            Action::HoldBack | Action::Slow | Action::Skew => parties(services),
            Action::Partition => with(parties(services), [AUTHORITY.to_owned()]),
            Action::Allow | Action::Disallow => self.admissible(services),
            Action::WriteFiles => {
                self.check_defect(place)?;
                SUBJECTS.map(str::to_owned).into()
            }
            Action::RotateLeaf => return self.check_new_name(place),
            Action::IssueFrom => return self.check_issuer(place),
            Action::CrossSign => return self.check_crossed(place),
            Action::PushBundle => return self.check_anchors(place),
            Action::Revoke => {
                let known = self.revocable(place, services);
                return self.check_all(place, "revokes", step.revokes.iter().flatten(), &known);
            }
            _ => return Ok(()),
        };
        self.check_all(place, "who", &step.who, &known)?;
        self.check_anchors(place)
    }

    /// Whom a service may let in, or not let in any more.
    fn admissible(&self, services: u32) -> BTreeSet<String> {
        let load = self.scenario.load.clone().unwrap_or_default();
        let canaries = load.canaries.unwrap_or_else(|| Canary::ALL.to_vec());
        let canaries = canaries.into_iter().map(Canary::party);
        let renamed = self.named(Action::RotateLeaf).map(str::to_owned);
        let others = canaries.chain(renamed).chain([HOARDER.to_owned()]);
        with(parties(services), others)
    }

    /// Who has a certificate that can be revoked: parties, and authorities that have been founded by then.
    fn revocable(&self, place: usize, services: u32) -> BTreeSet<String> {
        let now = self.scenario.steps[place].at;
        let before = |step: &&Step| step.at <= now;
        let steps = || self.scenario.steps.iter().filter(before);
        let issuing = |house: &str| format!("issuing of {house}");
        let founded = steps()
            .filter(|step| matches!(step.action, Action::IssueFrom | Action::CrossSign))
            .filter_map(|step| step.who.as_deref());
        let trusted = steps().flat_map(|step| step.trusts.iter().flatten());
        let crossed = steps().filter(|step| step.action == Action::CrossSign);
        let bridges = crossed.filter_map(|step| step.who.as_ref());
        let authorities = founded
            .chain(trusted.map(String::as_str))
            .chain([FIRST_ROOT])
            .map(issuing)
            .chain(bridges.map(|house| format!("bridge to {house}")));
        with(parties(services), authorities.chain([HOARDER.to_owned()]))
    }

    /// Who goes by a new name needs one that a certificate can carry, and that nobody else has.
    fn check_new_name(&self, place: usize) -> Result<(), DocumentError> {
        let Some(name) = &self.scenario.steps[place].who else {
            return Ok(());
        };
        let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        let is_label = name.len() <= 63
            && name.starts_with(fits)
            && name.ends_with(fits)
            && name.chars().all(|letter| fits(letter) || letter == '-');
        if is_label {
            return Ok(());
        }
        let message = format!("nobody can be called `{name}`");
        let hint = "write a label of a DNS name: a to z, 0 to 9 and hyphens within";
        Err(self.error(place, "who", name, message, hint.into()))
    }

    /// Leaves of an authority that nobody ever trusts would be refused by everybody.
    fn check_issuer(&self, place: usize) -> Result<(), DocumentError> {
        let Some(name) = &self.scenario.steps[place].who else {
            return Ok(());
        };
        let trusted = self.trusted().map(str::to_owned);
        let crossed = self.anchors(Action::CrossSign).map(str::to_owned);
        let known: BTreeSet<String> = trusted.chain(crossed).collect();
        if known.contains(root_of(name)) {
            return Ok(());
        }
        let message = format!("nobody is ever given `{name}` to trust");
        let hint = meant(root_of(name), &known)
            .unwrap_or_else(|| format!("write a `push-bundle` with `{name}` in its `trusts`"));
        Err(self.error(place, "who", name, message, hint))
    }

    fn check_crossed(&self, place: usize) -> Result<(), DocumentError> {
        let Some(name) = &self.scenario.steps[place].who else {
            return Ok(());
        };
        let issuing: BTreeSet<String> =
            self.anchors(Action::IssueFrom).map(str::to_owned).collect();
        if issuing.contains(root_of(name)) {
            return Ok(());
        }
        let message = format!("no leaf ever comes from `{name}`");
        let hint = meant(name, &issuing)
            .unwrap_or_else(|| format!("write an `issue-from` with `who = \"{name}\"`"));
        Err(self.error(place, "who", name, message, hint))
    }

    /// An anchor that no leaf comes from may be in a bundle, to be there. But where leaves come from others
    /// too, one that a single step names is a slip; and so is what is nearly the first.
    fn check_anchors(&self, place: usize) -> Result<(), DocumentError> {
        let step = &self.scenario.steps[place];
        let others = self.anchors(Action::IssueFrom);
        let others = others.chain(self.anchors(Action::CrossSign));
        let known: BTreeSet<String> = others.chain([FIRST_ROOT]).map(str::to_owned).collect();
        let stranger = step.trusts.iter().flatten().find(|name| {
            let is_known = known.contains(root_of(name));
            let is_lonely = self.trusted().filter(|other| other == name).count() < 2;
            !is_known && is_lonely && (known.len() > 1 || meant(name, &known).is_some())
        });
        let Some(name) = stranger else {
            return Ok(());
        };
        let message = format!("no leaf ever comes from `{name}`");
        let hint = meant(name, &known)
            .unwrap_or_else(|| format!("write an `issue-from` with `who = \"{name}\"`"));
        Err(self.error(place, "trusts", name, message, hint))
    }

    /// Is it a defect that what is written can have?
    fn check_defect(&self, place: usize) -> Result<(), DocumentError> {
        use MaterialDefect::{Empty, Garbage, Missing, OneBad, Stale, WrongIssuer, WrongSignature};
        let step = &self.scenario.steps[place];
        let wrong = |key: &str, message: &str, hint: &str| {
            let keys = ["step", &place.to_string(), key];
            let hint = Some(hint.to_owned());
            Err(self.document.error_at(&keys, message, hint))
        };
        let subject = step.who.as_deref().unwrap_or("leaf");
        if subject == "crl" && self.fleet.crl_lifetime.is_none() {
            let hint = "write a `crl-lifetime` in [fleet]";
            return wrong("who", "services use no lists", hint);
        }
        let Some(defect) = step.defect else {
            return Ok(());
        };
        let of_lists_alone = matches!(defect, WrongSignature | WrongIssuer | Stale);
        let of_all = matches!(defect, Empty | Garbage | OneBad | Missing);
        match subject {
            "leaf" if of_lists_alone => wrong(
                "defect",
                "only a list has this defect",
                "write `who = \"crl\"`, or another `defect`",
            ),
            "bundle" if !of_all => wrong(
                "defect",
                "a bundle cannot have this defect",
                "it is empty, garbage, one-bad or missing",
            ),
            "crl" if !of_all && !of_lists_alone => wrong(
                "defect",
                "a list cannot have this defect",
                "it is empty, garbage, one-bad, wrong-signature, wrong-issuer, stale or missing",
            ),
            _ => Ok(()),
        }
    }

    /// The anchors that some bundle holds.
    fn trusted(&self) -> impl Iterator<Item = &'a str> {
        let steps = self.scenario.steps.iter();
        let pushed = steps.flat_map(|step| step.trusts.iter().flatten());
        pushed.map(|name| root_of(name)).chain([FIRST_ROOT])
    }

    /// The anchors that steps like this name.
    fn anchors(&self, action: Action) -> impl Iterator<Item = &'a str> {
        self.named(action).map(root_of)
    }

    fn named(&self, action: Action) -> impl Iterator<Item = &'a str> {
        let steps = self.scenario.steps.iter();
        let steps = steps.filter(move |step| step.action == action);
        steps.filter_map(|step| step.who.as_deref())
    }

    fn check_all<'n>(
        &self,
        place: usize,
        key: &str,
        names: impl IntoIterator<Item = &'n String>,
        known: &BTreeSet<String>,
    ) -> Result<(), DocumentError> {
        let mut names = names.into_iter();
        let Some(stranger) = names.find(|name| !known.contains(*name)) else {
            return Ok(());
        };
        let message = format!("there is no `{stranger}` here");
        let all = || {
            let all: Vec<&str> = known.iter().map(String::as_str).collect();
            format!("there are {}", all.join(", "))
        };
        let hint = meant(stranger, known).unwrap_or_else(all);
        Err(self.error(place, key, stranger, message, hint))
    }

    fn error(
        &self,
        place: usize,
        key: &str,
        word: &str,
        message: String,
        hint: String,
    ) -> DocumentError {
        let keys = ["step", &place.to_string(), key];
        self.document
            .error_at_word(&keys, word, &message, Some(hint))
    }
}

/// The callers from outside that are parties of the fleet.
fn callers() -> BTreeSet<String> {
    (0..CALLERS)
        .map(|number| format!("caller-{number}"))
        .collect()
}

/// Everybody whose clock can go wrong, and whose way can.
fn parties(services: u32) -> BTreeSet<String> {
    let services = (0..services).map(|number| format!("service-{number}"));
    with(callers(), services)
}

fn with(mut names: BTreeSet<String>, others: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    names.extend(others);
    names
}

/// The anchor that this house stands under: `root` for `root` and for `root/2`.
fn root_of(house: &str) -> &str {
    house.split('/').next().unwrap_or(house)
}

fn meant(name: &str, known: &BTreeSet<String>) -> Option<String> {
    let nearest = nearest(name, known.iter().map(String::as_str))?;
    Some(format!("did you mean `{nearest}`?"))
}
