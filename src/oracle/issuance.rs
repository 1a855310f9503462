//! Issuance over time: how evenly a fleet asks its authority for certificates.
//!
//! ```text
//! History.certificates, issued after the warm-up --> leaves by bucket --> peak, mean, their ratio
//! ```
//!
//! A bucket is a twenty-fourth of the mean renewal period, which is the mean time between two leaves of one
//! holder. A fleet that renews in step has all its leaves in one bucket of each period: its peak is near 24
//! times the mean. A fleet that spreads over a fifth of the period has a peak near five times the mean. The
//! ratio says something only of many services: three leaves in a period are three peaks.

use std::collections::{BTreeMap, BTreeSet};

use super::history::History;

/// How many buckets there are in a renewal period.
const IN_A_PERIOD: u64 = 24;

/// There are never more buckets; where they would not do they are made longer.
const MOST: u64 = 100_000;

/// When leaves were issued, from the end of the warm-up to the end of a history.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Issuance {
    /// When the first bucket begins, in microseconds since the history began.
    pub from: u64,
    /// How long a bucket is, in microseconds; at least 1.
    pub bucket: u64,
    /// How many leaves were issued in each. The last may be cut short by the end.
    pub counts: Vec<u32>,
}

impl Issuance {
    /// That of a history; none where no holder got a second leaf.
    pub fn of(history: &History) -> Option<Self> {
        let issuers: BTreeSet<u64> = history
            .certificates
            .iter()
            .filter_map(|certificate| certificate.issuer)
            .collect();
        let is_leaf = |serial: &u64| !issuers.contains(serial);
        let leaves = || {
            let certificates = history.certificates.iter();
            certificates.filter(|certificate| is_leaf(&certificate.serial))
        };
        let mut by_holder: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for leaf in leaves() {
            by_holder.entry(&leaf.holder).or_default().push(leaf.issued);
        }
        let from = history.warm_until;
        let span = history.end.saturating_sub(from);
        let bucket = (period(by_holder.into_values())? / IN_A_PERIOD)
            .max(span / MOST)
            .max(1);
        let mut counts = vec![0; usize::try_from(span.div_ceil(bucket)).ok()?.max(1)];
        let last = counts.len() - 1;
        for leaf in leaves() {
            let Some(since) = leaf.issued.checked_sub(from) else {
                continue;
            };
            let index = usize::try_from(since / bucket).unwrap_or(usize::MAX);
            if let Some(count) = counts.get_mut(index.min(last)) {
                *count = u32::saturating_add(*count, 1);
            }
        }
        Some(Self {
            from,
            bucket,
            counts,
        })
    }

    /// How many leaves were issued in all.
    pub fn leaves(&self) -> u64 {
        self.counts.iter().copied().map(u64::from).sum()
    }

    /// The most leaves in one bucket, and when the first such bucket began.
    pub fn peak(&self) -> (u32, u64) {
        let mut peak = (0, self.from);
        let begins = (0..).map(|index: u64| self.from + index * self.bucket);
        for (count, at) in self.counts.iter().zip(begins) {
            if *count > peak.0 {
                peak = (*count, at);
            }
        }
        peak
    }

    /// The mean of the buckets, in thousandths of a leaf.
    pub fn mean(&self) -> u64 {
        let buckets = u64::try_from(self.counts.len()).unwrap_or(u64::MAX);
        self.leaves() * 1000 / buckets.max(1)
    }

    /// How many times the mean the peak is, in hundredths; none where nothing was issued.
    pub fn ratio(&self) -> Option<u64> {
        let buckets = u64::try_from(self.counts.len()).ok()?;
        (u64::from(self.peak().0) * buckets * 100).checked_div(self.leaves())
    }
}

/// The mean time between two leaves of one holder.
fn period(holders: impl Iterator<Item = Vec<u64>>) -> Option<u64> {
    let (mut time, mut gaps) = (0, 0);
    for mut issued in holders {
        issued.sort_unstable();
        if let (Some(first), Some(last)) = (issued.first(), issued.last()) {
            time += last - first;
            gaps += u64::try_from(issued.len() - 1).ok()?;
        }
    }
    time.checked_div(gaps)
}
