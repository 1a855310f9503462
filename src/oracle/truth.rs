//! What is true, false or unknown, and since when: Kleene's three values, and their courses over time.
//!
//! A [`Course`] gives each instant a [`Truth`]. It is kept as the instants at which it changes, so that
//! asking about an instant or an interval is a binary search. Several things that must all hold are as
//! true as the least true of them, at each instant apart; see [`together`].

use super::history::Micros;

/// How true something is. The order is that of truth: what rests on two things is as true as the lesser.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Truth {
    /// It is not so: what rests on it must be refused.
    False,
    /// It may be so or not: either is right.
    Unknown,
    /// It is so.
    True,
}

impl Truth {
    /// Both: Kleene's conjunction, which is the minimum.
    pub fn and(self, other: Self) -> Self {
        self.min(other)
    }

    /// Either: Kleene's disjunction, which is the maximum.
    pub fn or(self, other: Self) -> Self {
        self.max(other)
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// The course of a truth over time: at each instant, how true it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Course {
    /// Since when it has which value: the first since instant 0, growing, no two neighbours alike.
    pieces: Vec<(Micros, Truth)>,
}

impl Course {
    /// The same at all times.
    pub fn always(truth: Truth) -> Self {
        Self {
            pieces: vec![(0, truth)],
        }
    }

    /// As before until `at`, and this from then on, whatever it would have been.
    pub fn from_then_on(&mut self, at: Micros, truth: Truth) {
        while self.pieces.last().is_some_and(|(since, _)| *since >= at) {
            self.pieces.pop();
        }
        if self.pieces.last().is_none_or(|(_, last)| *last != truth) {
            self.pieces
                .push((if self.pieces.is_empty() { 0 } else { at }, truth));
        }
    }

    /// As it is, but unknown from `from` on until just before `until`.
    pub fn unknown_between(&self, from: Micros, until: Micros) -> Self {
        if until <= from {
            return self.clone();
        }
        let mut blurred = Self {
            pieces: Vec::with_capacity(self.pieces.len() + 2),
        };
        let (before, rest): (Vec<_>, Vec<_>) =
            self.pieces.iter().partition(|(since, _)| *since < from);
        let after = rest.into_iter().filter(|(since, _)| *since > until);
        let resumed = (until, self.value_at(until));
        for (since, truth) in before
            .into_iter()
            .chain([(from, Truth::Unknown), resumed])
            .chain(after)
        {
            blurred.from_then_on(since, truth);
        }
        blurred
    }

    /// Both, at each instant.
    pub fn and(&self, other: &Self) -> Self {
        self.joined(other, Truth::and)
    }

    /// Either, at each instant.
    pub fn or(&self, other: &Self) -> Self {
        self.joined(other, Truth::or)
    }

    fn joined(&self, other: &Self, join: fn(Truth, Truth) -> Truth) -> Self {
        let mut joined = Self { pieces: Vec::new() };
        let mut instants: Vec<Micros> = [self, other]
            .into_iter()
            .flat_map(|course| course.pieces.iter().map(|(since, _)| *since))
            .collect();
        instants.sort_unstable();
        for at in instants {
            joined.from_then_on(at, join(self.value_at(at), other.value_at(at)));
        }
        joined
    }

    /// How true it is at this instant.
    pub fn value_at(&self, at: Micros) -> Truth {
        self.piece_at(at).1
    }

    /// Is there an instant from `from` to `to`, both included, at which it is not false?
    pub fn ever_possible(&self, from: Micros, to: Micros) -> bool {
        self.values(from, to).any(|truth| truth != Truth::False)
    }

    /// Is there an instant from `from` to `to`, both included, at which it is not true?
    pub fn ever_doubtful(&self, from: Micros, to: Micros) -> bool {
        self.values(from, to).any(|truth| truth != Truth::True)
    }

    /// If it is false at this instant: since when it has been.
    pub fn false_since(&self, at: Micros) -> Option<Micros> {
        let (since, truth) = self.piece_at(at);
        (truth == Truth::False).then_some(since)
    }

    /// If it is true at this instant: since when it has been.
    pub fn true_since(&self, at: Micros) -> Option<Micros> {
        let (since, truth) = self.piece_at(at);
        (truth == Truth::True).then_some(since)
    }

    /// Since when it has had which value, in the order of time.
    pub fn pieces(&self) -> &[(Micros, Truth)] {
        &self.pieces
    }

    /// The instants after `from` and up to `to` at which it changes.
    fn breaks(&self, from: Micros, to: Micros) -> impl Iterator<Item = Micros> {
        let start = self.pieces.partition_point(|(since, _)| *since <= from);
        let later = self.pieces.get(start..).unwrap_or_default();
        later
            .iter()
            .map(|(since, _)| *since)
            .take_while(move |since| *since <= to)
    }

    fn values(&self, from: Micros, to: Micros) -> impl Iterator<Item = Truth> {
        let later = self.breaks(from, to).map(|at| self.value_at(at));
        std::iter::once(self.value_at(from)).chain(later)
    }

    fn piece_at(&self, at: Micros) -> (Micros, Truth) {
        let after = self.pieces.partition_point(|(since, _)| *since <= at);
        let piece = after.checked_sub(1).and_then(|last| self.pieces.get(last));
        // There is always a piece that begins at 0.
        piece.copied().unwrap_or((0, Truth::Unknown))
    }
}

/// What several courses come to together, from `from` to `to`, both included: the least and the greatest
/// value that their conjunction has there. Without any course both are true.
pub fn together<'a>(
    courses: impl Iterator<Item = &'a Course> + Clone,
    from: Micros,
    to: Micros,
) -> (Truth, Truth) {
    let at = |instant| {
        let values = courses.clone().map(|course| course.value_at(instant));
        values.fold(Truth::True, Truth::and)
    };
    let mut extent = (at(from), at(from));
    // Most calls are short, and nothing changes during them.
    for course in courses.clone() {
        for instant in course.breaks(from, to) {
            let value = at(instant);
            extent = (extent.0.min(value), extent.1.max(value));
        }
    }
    extent
}
