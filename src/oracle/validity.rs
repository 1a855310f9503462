//! The validity of certificates over time, by clocks that run, may be somewhat wrong, and are set.
//!
//! A party's wall time is what it was in the beginning, plus the time since, plus all that its clock was
//! set by. Between two settings it runs, and a boundary of validity is passed at an instant that clocks
//! may disagree on by `windows.clock`: within that, on both sides, validity is unknown. A setting that
//! changes validity leaves it unknown for as long.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::facts::Known;
use super::history::{Certificate, ClockChange, History, Micros, Serial};
use super::truth::{Course, Truth};

/// The clocks of a history, and validity by them.
pub struct Clocks<'h> {
    began: i64,
    tolerance: Micros,
    for_all: Vec<&'h ClockChange>,
    for_one: BTreeMap<&'h str, Vec<&'h ClockChange>>,
    known: HashMap<(Serial, Option<&'h str>, Micros), Rc<Known>>,
}

impl<'h> Clocks<'h> {
    /// Those of this history.
    pub fn of(history: &'h History) -> Self {
        let mut for_all = Vec::new();
        let mut for_one: BTreeMap<&str, Vec<&ClockChange>> = BTreeMap::new();
        for change in &history.clocks {
            match &change.party {
                None => for_all.push(change),
                Some(party) => for_one.entry(party).or_default().push(change),
            }
        }
        Self {
            began: history.began,
            tolerance: history.windows.clock.as_micros(),
            for_all,
            for_one,
            known: HashMap::new(),
        }
    }

    /// Is this certificate valid by the clock of `party`, over time? What relies on it may do so `longer`
    /// (microseconds) after its end.
    pub fn validity(
        &mut self,
        party: &'h str,
        certificate: &Certificate,
        longer: Micros,
    ) -> Rc<Known> {
        let own = self.for_one.get_key_value(party).map(|(party, _)| *party);
        let key = (certificate.serial, own, longer);
        if let Some(known) = self.known.get(&key) {
            return Rc::clone(known);
        }
        let range = Range {
            not_before: certificate.not_before.into(),
            not_after: certificate.not_after.into(),
            tolerance: self.tolerance.into(),
            longer: longer.into(),
        };
        let known = Rc::new(Known {
            course: range.course(&self.runs(party)),
            turns: Vec::new(),
        });
        self.known.insert(key, Rc::clone(&known));
        known
    }

    /// Can the certificate have been not valid yet, by the clock of `party`, at this instant?
    pub fn may_be_early(&self, party: &str, certificate: &Certificate, at: Micros) -> bool {
        let runs = self.runs(party);
        let run = runs.iter().rev().find(|run| run.since <= at);
        let ahead = run.map_or(0, |run| run.ahead);
        i128::from(at) + ahead < i128::from(certificate.not_before) + i128::from(self.tolerance)
    }

    /// Was the clock of `party` set back at an instant from `from` to `to`, or so shortly before `from` that
    /// it may still have been about to be?
    pub fn set_back(&self, party: &str, from: Micros, to: Micros) -> bool {
        self.settings(party).any(|change| {
            change.by < 0 && change.at <= to && change.at.saturating_add(self.tolerance) >= from
        })
    }

    fn settings(&self, party: &str) -> impl Iterator<Item = &'h ClockChange> {
        let own = self.for_one.get(party).into_iter().flatten();
        self.for_all.iter().chain(own).copied()
    }

    /// The times in which the clock of `party` runs, without being set.
    fn runs(&self, party: &str) -> Vec<Run> {
        let mut settings: Vec<&ClockChange> = self.settings(party).collect();
        settings.sort_by_key(|change| change.at);
        let mut run = Run {
            since: 0,
            ahead: self.began.into(),
        };
        let mut runs = Vec::with_capacity(settings.len() + 1);
        for change in settings {
            if change.at > run.since {
                runs.push(run);
            }
            run = Run {
                since: change.at,
                ahead: run.ahead + i128::from(change.by),
            };
        }
        runs.push(run);
        runs
    }
}

/// A time in which a clock runs: from then on, until the next.
#[derive(Clone, Copy)]
struct Run {
    since: Micros,
    /// Wall time minus the instant.
    ahead: i128,
}

/// The range of validity, in microseconds of wall time, and how sharp its ends are.
struct Range {
    not_before: i128,
    not_after: i128,
    tolerance: i128,
    longer: i128,
}

impl Range {
    fn course(&self, runs: &[Run]) -> Course {
        let mut course = Course::always(Truth::Unknown);
        let mut blurs = Vec::new();
        let mut before: Option<Run> = None;
        let nexts = runs
            .iter()
            .skip(1)
            .map(|run| run.since)
            .chain([Micros::MAX]);
        for (run, next) in runs.iter().zip(nexts) {
            let mut instants: Vec<Micros> = self
                .boundaries()
                .into_iter()
                .filter_map(|wall| Micros::try_from(wall - run.ahead).ok())
                .filter(|at| (run.since..next).contains(at))
                .collect();
            instants.push(run.since);
            instants.sort_unstable();
            for at in instants {
                course.from_then_on(at, self.at_wall(i128::from(at) + run.ahead));
            }
            if let Some(before) = before {
                let wall = i128::from(run.since) + run.ahead;
                let old = self.at_wall(i128::from(run.since) + before.ahead);
                if old != self.at_wall(wall) {
                    let past = wall > self.not_after;
                    let blur = self.tolerance + if past { self.longer } else { 0 };
                    let until = Micros::try_from(i128::from(run.since) + blur);
                    blurs.push((run.since, until.unwrap_or(Micros::MAX)));
                }
            }
            before = Some(*run);
        }
        blurs.into_iter().fold(course, |course, (from, until)| {
            course.unknown_between(from, until)
        })
    }

    /// The first moments of the pieces that [`Range::at_wall`] has.
    fn boundaries(&self) -> [i128; 4] {
        [
            self.not_before - self.tolerance,
            self.not_before + self.tolerance,
            self.not_after - self.tolerance + 1,
            self.not_after + self.tolerance + self.longer + 1,
        ]
    }

    /// By a clock that is right give or take the tolerance.
    fn at_wall(&self, wall: i128) -> Truth {
        let begins = self.not_before - self.tolerance;
        let ends = self.not_after + self.tolerance + self.longer;
        // A range without a moment in it stays empty, however wrong clocks are.
        let is_empty = self.not_before > self.not_after;
        if is_empty || wall < begins || wall > ends {
            Truth::False
        } else if wall < self.not_before + self.tolerance || wall > self.not_after - self.tolerance
        {
            Truth::Unknown
        } else {
            Truth::True
        }
    }
}
