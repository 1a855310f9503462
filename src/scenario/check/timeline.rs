//! The steps of a fleet's timeline: which keys each takes, and how much of anything a file may ask for.
//!
//! A scenario file is run by whoever checks it out: none may keep a machine busy for hours, or name a
//! service that does not exist only for the run to end there.

use self::keys::{keys, takes};
use super::roster::Roster;
use super::story;
use crate::document::{Document, DocumentError};
use crate::expect::Outcome;
use crate::scenario::Scenario;
use crate::scenario::fleet::{Canary, Delivery, FleetPlan, LoadPlan, Topology, Windows};
use crate::scenario::span::Span;
use crate::scenario::step::{Action, WriteStyle};

mod bounds;
mod keys;
mod nobody;
mod unread;

/// How many services a file may ask for.
const MOST_SERVICES: u32 = 64;

/// How many calls in a second.
const HIGHEST_RATE: u32 = 5000;

/// How many repetitions, connections, callers.
const HIGHEST_COUNT: u32 = 10_000;

/// How long anything may take.
const LONGEST: Span = Span::seconds(400 * 86_400);

/// Checks a scenario that has a fleet; and that who has none has no load, windows or limits.
///
/// # Errors
/// At the first thing that means nothing.
pub fn check_timeline(document: &Document<'_>, scenario: &Scenario) -> Result<(), DocumentError> {
    let Some(fleet) = &scenario.fleet else {
        let tables = [
            ("load", scenario.load.is_some()),
            ("window", scenario.window.is_some()),
            ("limits", scenario.limits.is_some()),
            ("fails", !scenario.fails.is_empty()),
            ("networks", document.line_of(&["networks"]) > 0),
        ];
        let Some((table, _)) = tables.into_iter().find(|(_, written)| *written) else {
            return Ok(());
        };
        let message = format!("`{table}` is about a fleet, and there is none");
        let hint = Some("write a [fleet], which may be empty".to_owned());
        return Err(document.error_at(&[table], &message, hint));
    };
    let timeline = Timeline {
        document,
        scenario,
        fleet,
    };
    if scenario.expect.outcome != Outcome::Holds {
        let message = "what is expected of a fleet is that all holds that its steps make known";
        let hint = Some("write `outcome = \"holds\"`".to_owned());
        return Err(document.error_at(&["expect", "outcome"], message, hint));
    }
    timeline.check_unread()?;
    timeline.check_fleet()?;
    timeline.check_load(&scenario.load.clone().unwrap_or_default())?;
    if let Some(windows) = &scenario.window {
        timeline.check_windows(windows)?;
    }
    if let Some(limits) = &scenario.limits {
        timeline.check_limits(limits)?;
    }
    let mut services = fleet.services;
    let mut order: Vec<usize> = (0..scenario.steps.len()).collect();
    order.sort_by_key(|place| scenario.steps[*place].at);
    for place in order {
        timeline.check_step(place, services)?;
        let step = &scenario.steps[place];
        if let (Action::Scale, Some(count)) = (step.action, step.count) {
            services = count;
        }
    }
    timeline.check_length()
}

struct Timeline<'a> {
    document: &'a Document<'a>,
    scenario: &'a Scenario,
    fleet: &'a FleetPlan,
}

impl Timeline<'_> {
    fn check_fleet(&self) -> Result<(), DocumentError> {
        let fleet = self.fleet;
        self.number(&["fleet", "services"], fleet.services, 1, MOST_SERVICES)?;
        self.number(&["fleet", "jitter"], fleet.jitter, 0, 100)?;
        self.number(&["fleet", "handshakes"], fleet.handshakes, 1, HIGHEST_COUNT)?;
        if let Some(renew_at) = fleet.renew_at {
            self.number(&["fleet", "renew-at"], renew_at, 1, 99)?;
        }
        let second = Span::seconds(1);
        self.time(&["fleet", "lifetime"], Some(fleet.lifetime), second)?;
        let lifetime = Some(fleet.authority_lifetime);
        self.time(&["fleet", "authority-lifetime"], lifetime, second)?;
        self.time(&["fleet", "crl-lifetime"], fleet.crl_lifetime, second)?;
        if self.scenario.networks.is_empty() {
            let message = "a fleet on no network does nothing";
            let hint = "name `simulated` or `sockets`, or leave `networks` out: then it is both";
            return Err(self.error(&["networks"], message, Some(hint)));
        }
        if fleet.publish_every.is_some() && fleet.crl_lifetime.is_none() {
            let hint = Some("write a `crl-lifetime` in [fleet]");
            return Err(self.error(&["fleet", "publish-every"], "services use no lists", hint));
        }
        for (key, span, least) in [
            ("backdate", Some(fleet.backdate), Span::ZERO),
            ("pace", fleet.pace, Span::millis(1)),
            ("publish-every", fleet.publish_every, Span::millis(10)),
            (
                "handshake-deadline",
                Some(fleet.handshake_deadline),
                Span::millis(10),
            ),
            ("idle", fleet.idle, Span::millis(10)),
            ("poll", Some(fleet.poll), Span::millis(1)),
            ("lag", Some(fleet.lag), Span::ZERO),
            ("latency", Some(fleet.latency), Span::ZERO),
        ] {
            self.time(&["fleet", key], span, least)?;
        }
        Ok(())
    }

    fn check_load(&self, load: &LoadPlan) -> Result<(), DocumentError> {
        self.number(&["load", "rate"], load.rate, 0, HIGHEST_RATE)?;
        self.number(&["load", "canary-rate"], load.canary_rate, 0, HIGHEST_RATE)?;
        let mut shares = 0;
        for (key, share) in [
            ("fresh", load.fresh),
            ("pooled", load.pooled),
            ("streams", load.streams),
            ("resuming", load.resuming),
            ("hoarding", load.hoarding),
            ("claiming", load.claiming),
        ] {
            self.number(&["load", key], share, 0, 100)?;
            shares += share;
        }
        if load.rate > 0 && shares == 0 {
            let message = "there is a rate of calls, and no manner in which they could come";
            let hint =
                "let one of `fresh`, `pooled`, `streams`, `resuming`, `hoarding` be more than 0";
            return Err(self.error(&["load"], message, Some(hint)));
        }
        for (key, span, least) in [
            ("warm-up", load.warm_up, Span::ZERO),
            ("settle", load.settle, Span::ZERO),
            ("timeout", load.timeout, Span::millis(10)),
        ] {
            self.time(&["load", key], Some(span), least)?;
        }
        if load.claiming > 0 && !self.fleet.sidecars {
            let message = "nobody listens to what callers say of themselves";
            let hint = "write `sidecars = true` in [fleet]";
            return Err(self.error(&["load", "claiming"], message, Some(hint)));
        }
        let canaries = load.canaries.iter().flatten();
        let needs = |canary: &&Canary| match canary {
            Canary::Revoked => self.fleet.crl_lifetime.is_none(),
            Canary::Prober => !self.fleet.health,
            _ => false,
        };
        match canaries.clone().find(needs) {
            Some(Canary::Revoked) => {
                let message = "services use no list that somebody could be on";
                let hint = "write a `crl-lifetime` in [fleet]";
                Err(self.error(&["load", "canaries"], message, Some(hint)))
            }
            Some(_) => {
                let message = "services do not tell of their health";
                let hint = "write `health = true` in [fleet]";
                Err(self.error(&["load", "canaries"], message, Some(hint)))
            }
            None => Ok(()),
        }
    }

    fn check_windows(&self, windows: &Windows) -> Result<(), DocumentError> {
        for (key, span) in [
            ("leaf", windows.leaf),
            ("bundle", windows.bundle),
            ("crl", windows.crl),
            ("policy", windows.policy),
            ("connection", windows.connection),
            ("resumption", windows.resumption),
            ("clock", windows.clock),
            ("heal", windows.heal),
        ] {
            self.time(&["window", key], Some(span), Span::ZERO)?;
        }
        Ok(())
    }

    /// Checks a step that happens when there are so many services.
    fn check_step(&self, place: usize, services: u32) -> Result<(), DocumentError> {
        let step = &self.scenario.steps[place];
        let name = step.action.name();
        let Some((needed, optional)) = keys(step.action) else {
            let message = format!("`{name}` is a step of stories, and this is a fleet");
            let hint =
                "without a [fleet] the steps are a story of one pair; in a fleet the load calls";
            return Err(self.wrong(place, "do", &message, Some(hint)));
        };
        let written = story::written(step);
        let known = |key: &&str| *key == "at" || needed.contains(key) || optional.contains(key);
        if let Some(stray) = written.iter().find(|key| !known(key)) {
            let message = format!("`{name}` has no use for `{stray}`");
            return Err(self.wrong(place, stray, &message, Some(&takes(needed, optional))));
        }
        let missing = ["at"].iter().chain(needed);
        if let Some(missing) = missing.into_iter().find(|key| !written.contains(key)) {
            let message = format!("`{name}` needs `{missing}`");
            let hint = match *missing {
                "at" => "when it happens, counted from the end of the warm-up: `at = \"200ms\"`"
                    .to_owned(),
                _ => takes(needed, optional),
            };
            return Err(self.wrong(place, "do", &message, Some(&hint)));
        }
        self.check_values(place, services)?;
        self.check_sense(place)?;
        self.check_happens(place, services)?;
        self.roster().check_names(place, services)
    }

    fn check_values(&self, place: usize, services: u32) -> Result<(), DocumentError> {
        let step = &self.scenario.steps[place];
        let at = place.to_string();
        for (key, span, least) in [
            ("at", step.at, Span::ZERO),
            ("by", step.by, Span::millis(1)),
            ("back", step.back, Span::millis(1)),
            ("for", step.lasts, Span::millis(1)),
            ("gap", step.gap, Span::ZERO),
            ("every", step.every, Span::millis(1)),
        ] {
            self.time(&["step", &at, key], span, least)?;
        }
        if let Some(count) = step.count {
            let most = match step.action {
                Action::Scale => MOST_SERVICES,
                _ => HIGHEST_COUNT,
            };
            self.number(&["step", &at, "count"], count, 1, most)?;
        }
        let stranger = step.services.iter().flatten().find(|it| **it >= services);
        if let Some(stranger) = stranger {
            let message = format!("there is no service {stranger}");
            let hint = format!("there are {services} then, and the first is 0");
            return Err(self.wrong(place, "services", &message, Some(&hint)));
        }
        Ok(())
    }

    /// What goes with what.
    fn check_sense(&self, place: usize) -> Result<(), DocumentError> {
        let step = &self.scenario.steps[place];
        let fleet = self.fleet;
        let by_files = fleet.delivery == Delivery::Files;
        let wrong = match step.action {
            Action::Skew if step.by.is_some() == step.back.is_some() => Some((
                "do",
                "`skew` needs `by` or `back`, and one of them only",
                "`by` sets the clock ahead, `back` behind",
            )),
            Action::Cut if step.octet.is_some() == step.record.is_some() => Some((
                "do",
                "`cut` needs `octet` or `record`, and one of them only",
                "`octet` counts octets of the connection, `record` complete TLS records",
            )),
            Action::PublishCrl | Action::RollBackCrl if fleet.crl_lifetime.is_none() => Some((
                "do",
                "services use no lists",
                "write a `crl-lifetime` in [fleet]",
            )),
            Action::RequireTls if !fleet.permissive => Some((
                "do",
                "services require TLS from the beginning",
                "write `permissive = true` in [fleet]",
            )),
            Action::Scale if by_files || fleet.topology == Topology::Chain => Some((
                "do",
                "this fleet cannot grow or shrink",
                "a fleet with `delivery = \"files\"` or `topology = \"chain\"` stays as it is",
            )),
            Action::RotateLeaf if step.who.is_some() && step.defect.is_some() => Some((
                "defect",
                "a service is renamed or gets a bad leaf, not both at once",
                "leave `who` or `defect` out",
            )),
            Action::WriteFiles if step.defect.is_none() && !by_files => Some((
                "do",
                "services of this fleet have no files that could be written again",
                "write `delivery = \"files\"` in [fleet], or a `defect`",
            )),
            Action::RotateLeaf | Action::PushBundle | Action::PublishCrl
                if step.style == Some(WriteStyle::Touch) =>
            {
                Some((
                    "style",
                    "`touch` writes nothing new",
                    "say `do = \"write-files\"`, or write it in another style",
                ))
            }
            _ if step.style.is_some() && !by_files && !self.scenario.has_tag("real") => Some((
                "style",
                "services of this fleet have no files",
                "write `delivery = \"files\"` in [fleet]",
            )),
            _ if step.gap.is_some() && step.style.is_none() => Some((
                "gap",
                "a gap is between the parts of a write",
                "say in which `style` the files are written",
            )),
            _ => None,
        };
        match wrong {
            Some((key, message, hint)) => Err(self.wrong(place, key, message, Some(hint))),
            None => Ok(()),
        }
    }

    fn roster(&self) -> Roster<'_> {
        Roster::new(self.document, self.scenario, self.fleet)
    }

    fn number(
        &self,
        place: &[&str],
        value: u32,
        least: u32,
        most: u32,
    ) -> Result<(), DocumentError> {
        if (least..=most).contains(&value) {
            return Ok(());
        }
        let message = format!("{value} is out of range");
        let hint = format!("write a number from {least} to {most}");
        Err(self.error(place, &message, Some(&hint)))
    }

    fn time(&self, place: &[&str], span: Option<Span>, least: Span) -> Result<(), DocumentError> {
        let Some(span) = span.filter(|span| !(least..=LONGEST).contains(span)) else {
            return Ok(());
        };
        let message = format!("{span} is out of range");
        let hint = format!("write a length of time from {least} to {LONGEST}");
        Err(self.error(place, &message, Some(&hint)))
    }

    fn wrong(&self, place: usize, key: &str, message: &str, hint: Option<&str>) -> DocumentError {
        self.error(&["step", &place.to_string(), key], message, hint)
    }

    fn error(&self, place: &[&str], message: &str, hint: Option<&str>) -> DocumentError {
        let hint = hint.map(str::to_owned);
        self.document.error_at(place, message, hint)
    }
}
