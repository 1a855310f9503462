//! The terms of renewal: when a leaf is renewed, and how long a party waits after it was refused another.
//!
//! All that is drawn by chance comes from the seed, by the name of the party and the serial number of its
//! leaf, so that the order of work does not matter.

use std::time::Duration;

use crate::fleet::Plan;
use crate::fleet::party::Party;
use crate::pki::issuer::Leaf;
use crate::seed::Seed;
use crate::target::planted::Bug;

/// When leaves are renewed. Spans are microseconds, points in time microseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The share of its lifetime at which a leaf is renewed, in hundredths; none: it never is.
    pub renew_at: Option<u32>,
    /// By how much of its lifetime it may be earlier, in hundredths.
    pub jitter: u32,
    /// How long a leaf is valid.
    pub lifetime: u64,
    /// How long before it was issued it begins to be valid, in seconds.
    pub backdate: i64,
    /// How far clocks may be apart.
    pub clock: u64,
    /// How long a party may take to be well again.
    pub heal: u64,
    /// Where chance comes from.
    pub seed: Seed,
}

/// The first wait after a failure, and the time over which parties that are late spread: so many parts of
/// a lifetime.
const BREATH: u64 = 100;

/// The longest wait after a failure, and the longest wait for an answer: so many parts of a lifetime.
const PATIENCE: u64 = 10;

/// A party that has just been given a leaf does not ask again within so many parts of a lifetime.
const PAUSE: u64 = 20;

impl Terms {
    /// Those of this plan.
    pub fn of(plan: &Plan) -> Self {
        let fleet = &plan.fleet;
        let seconds = fleet.backdate.as_micros() / MICROS.unsigned_abs();
        Self {
            renew_at: fleet.renew_at,
            jitter: fleet.jitter,
            lifetime: fleet.lifetime.as_micros().max(1),
            backdate: i64::try_from(seconds).unwrap_or(0),
            clock: plan.windows.clock.as_micros(),
            heal: plan.windows.heal.as_micros(),
            seed: plan.seed,
        }
    }

    /// When this party renews this leaf.
    pub fn due(&self, party: &Party, leaf: &Leaf) -> i64 {
        let begins = leaf.validity.not_before.saturating_add(self.backdate);
        let begins = begins.saturating_mul(MICROS);
        let ends = end_of(leaf);
        let lifetime = u64::try_from(ends.saturating_sub(begins)).unwrap_or(0);
        let chance = |most| signed(self.drawn("renewal", &party.name, leaf.serial, most));
        if party.has(Bug::RenewsTooLate) {
            return ends.saturating_add(chance(lifetime / PAUSE));
        }
        let share = part(lifetime, self.renew_at.unwrap_or(100));
        let early = if party.has(Bug::RenewsInStep) {
            0
        } else {
            chance(part(lifetime, self.jitter))
        };
        begins.saturating_add(signed(share)).saturating_sub(early)
    }

    /// When this leaf runs out, for whoever's clock is the furthest ahead.
    pub fn runs_out(&self, leaf: &Leaf) -> i64 {
        end_of(leaf).saturating_sub(signed(self.clock))
    }

    /// How long a party waits that is late already.
    pub fn breath(&self, party: &Party, leaf: &Leaf) -> u64 {
        if party.has(Bug::RenewsInStep) {
            return 0;
        }
        self.drawn("breath", &party.name, leaf.serial, self.lifetime / BREATH)
    }

    /// How long a party waits after so many failures in a row: doubled each time, to a tenth of a
    /// lifetime, and up to half of it less by chance.
    pub fn back_off(&self, party: &Party, failures: u32) -> u64 {
        let doubled = 1u64.checked_shl(failures.saturating_sub(1)).unwrap_or(0);
        let longest = self.lifetime / PATIENCE;
        let wait = match doubled {
            0 => longest,
            times => (self.lifetime / BREATH).saturating_mul(times).min(longest),
        };
        if party.has(Bug::RenewsInStep) {
            return wait;
        }
        wait - self.drawn("back off", &party.name, failures.into(), wait / 2)
    }

    /// How long a party waits for an answer.
    pub fn patience(&self) -> Duration {
        Duration::from_micros((self.lifetime / PATIENCE).min(LONGEST))
    }

    /// How long a party does not ask that has just been given a leaf, with so much `left` of it. A leaf may
    /// be short because its issuer ends: then the party asks before that, in case there is another.
    pub fn pause(&self, left: u64) -> u64 {
        (left / 2).clamp(self.lifetime / BREATH, self.lifetime / PAUSE)
    }

    /// A number up to `most`, by chance.
    fn drawn(&self, what: &str, party: &str, number: u64, most: u64) -> u64 {
        if most == 0 {
            return 0;
        }
        let mut stream = self.seed.stream(&format!("{what}/{party}/{number}"));
        u64::from_be_bytes(stream.bytes()) % most.saturating_add(1)
    }
}

const MICROS: i64 = 1_000_000;

/// Half a minute.
const LONGEST: u64 = 30_000_000;

/// The first moment at which it is not valid any more.
fn end_of(leaf: &Leaf) -> i64 {
    let next = leaf.validity.not_after.saturating_add(1);
    next.saturating_mul(MICROS)
}

fn part(whole: u64, hundredths: u32) -> u64 {
    let part = u128::from(whole) * u128::from(hundredths) / 100;
    u64::try_from(part).unwrap_or(u64::MAX)
}

fn signed(micros: u64) -> i64 {
    i64::try_from(micros).unwrap_or(i64::MAX)
}
