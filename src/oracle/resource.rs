//! What services keep, what they say of bad material, and what they ask of the authority.

use std::collections::BTreeMap;

use super::check::{Proof, Suspicion};
use super::findings::Invariant;
use super::history::{History, Sample};
use super::issuance::Issuance;
use super::witness::Seconds;
use crate::scenario::fleet::Limits;

/// A service may end with this many times what it had in the warm-up, and [`MORE`] beyond that.
const TIMES: u32 = 2;
const MORE: u32 = 16;

/// What the samples and the certificates show to be wrong.
pub(super) fn suspect<'h>(history: &'h History, limits: &Limits) -> Vec<Suspicion<'h>> {
    let services = services(history);
    let mut suspicions = Vec::new();
    for (service, (warm, last)) in &services {
        for words in kept(warm, last, limits) {
            let words = format!("{service} at {}: {words}", Seconds(last.at));
            suspicions.push(told(Invariant::GivesBack, last.at, words));
        }
    }
    let alarms: u64 = services
        .values()
        .map(|(_, last)| u64::from(last.alarms))
        .sum();
    if alarms < u64::from(limits.alarms) {
        let words = format!(
            "{alarms} alarms were raised about bad material; there had to be {}",
            limits.alarms
        );
        suspicions.push(told(Invariant::Tells, history.end, words));
    }
    suspicions.extend(overrun(history, limits));
    suspicions.extend(crowded(history, limits));
    suspicions.extend(besieged(history, limits));
    suspicions
}

/// Was a service ever seen to take part in too many handshakes at once?
fn crowded<'h>(history: &'h History, limits: &Limits) -> Option<Suspicion<'h>> {
    let limit = limits.handshakes?;
    let fullest = history
        .samples
        .iter()
        .max_by_key(|sample| sample.handshakes)?;
    (fullest.handshakes > limit).then(|| {
        let words = format!(
            "{} at {}: {} handshakes at once; {limit} may be",
            fullest.service,
            Seconds(fullest.at),
            fullest.handshakes,
        );
        told(Invariant::BoundsWork, fullest.at, words)
    })
}

/// Did callers come to the services by too many connections, for the calls that they made?
fn besieged<'h>(history: &'h History, limits: &Limits) -> Option<Suspicion<'h>> {
    let limit = limits.dials?;
    let mut accepted: BTreeMap<&str, u64> = BTreeMap::new();
    for sample in &history.samples {
        let most = accepted.entry(&sample.service).or_default();
        *most = sample.accepted.max(*most);
    }
    let dials: u64 = accepted.values().sum();
    let calls = history.calls.len() as u64;
    (u128::from(dials) * 100 > u128::from(calls) * u128::from(limit)).then(|| {
        let words = format!(
            "{dials} connections were opened for {calls} calls; {limit} for a hundred may be"
        );
        told(Invariant::BoundsWork, history.end, words)
    })
}

/// For each service the most that it had in the warm-up, or else in its first sample, and what it has in
/// its last.
fn services(history: &History) -> BTreeMap<&str, (Sample, &Sample)> {
    let mut services: BTreeMap<&str, (Sample, &Sample)> = BTreeMap::new();
    for sample in &history.samples {
        let known = services.entry(&sample.service);
        let (warm, last) = known.or_insert_with(|| (sample.clone(), sample));
        if sample.at <= history.warm_until {
            warm.connections = warm.connections.max(sample.connections);
            warm.tasks = warm.tasks.max(sample.tasks);
        }
        if sample.at >= last.at {
            *last = sample;
        }
    }
    services
}

fn kept(warm: &Sample, last: &Sample, limits: &Limits) -> Vec<String> {
    let mut kept = Vec::new();
    if last.generations > limits.generations {
        kept.push(format!(
            "{} generations of its configuration are kept; {} may be",
            last.generations, limits.generations
        ));
    }
    for (what, before, after) in [
        ("tasks", warm.tasks, last.tasks),
        ("connections", warm.connections, last.connections),
    ] {
        if after > before.saturating_mul(TIMES).saturating_add(MORE) {
            kept.push(format!("{after} {what}, and {before} in the warm-up"));
        }
    }
    kept
}

/// Is the peak of issuance too high? See [`Issuance`] for what is counted.
fn overrun<'h>(history: &History, limits: &Limits) -> Option<Suspicion<'h>> {
    let limit = limits.issuance_peak?;
    let issuance = Issuance::of(history)?;
    let ratio = issuance.ratio()?;
    let (peak, at) = issuance.peak();
    (ratio > u64::from(limit)).then(|| {
        let words = format!(
            "{peak} of {} leaves were issued within {} from {}, which is {}.{:02} times the mean; {}.{:02} times is the most",
            issuance.leaves(),
            Seconds(issuance.bucket),
            Seconds(at),
            ratio / 100,
            ratio % 100,
            limit / 100,
            limit % 100,
        );
        told(Invariant::SparesAuthority, at, words)
    })
}

fn told<'h>(invariant: Invariant, at: u64, words: String) -> Suspicion<'h> {
    Suspicion {
        invariant,
        at,
        call: None,
        proof: Proof::Told(words),
    }
}
