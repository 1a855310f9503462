//! Two ways of doing something, measured in turn: what is compared is CPU time, and the two sides
//! alternate in one run, so that a busy machine slows both alike.

use std::hint::black_box;
use std::time::Duration;

use anyhow::Result;
use rustix::time::{ClockId, clock_gettime};

/// What each side cost, in microseconds per round, pair by pair.
pub struct Pairs {
    ours: Vec<f64>,
    bare: Vec<f64>,
}

impl Pairs {
    /// Measures `pairs` pairs of `rounds` rounds. Each side does as many rounds as it is told and
    /// says what they cost.
    pub fn measure(
        pairs: usize,
        rounds: u32,
        mut ours: impl FnMut(u32) -> Result<Duration>,
        mut bare: impl FnMut(u32) -> Result<Duration>,
    ) -> Result<Self> {
        let mut measured = Self {
            ours: Vec::new(),
            bare: Vec::new(),
        };
        ours(rounds.min(8))?;
        bare(rounds.min(8))?;
        let each = |cost: Duration| cost.as_secs_f64() * 1e6 / f64::from(rounds);
        for pair in 0..pairs.max(1) {
            // Whoever goes second finds the caches as the other left them, so they take turns.
            if pair % 2 == 0 {
                measured.ours.push(each(ours(rounds)?));
                measured.bare.push(each(bare(rounds)?));
            } else {
                measured.bare.push(each(bare(rounds)?));
                measured.ours.push(each(ours(rounds)?));
            }
        }
        Ok(measured)
    }

    /// Our side's median.
    pub fn ours(&self) -> f64 {
        quantile(self.ours.clone(), 0.5)
    }

    /// The bare side's median.
    pub fn bare(&self) -> f64 {
        quantile(self.bare.clone(), 0.5)
    }

    /// The quartiles of our side over the bare side, pair by pair.
    pub fn ratio(&self) -> [f64; 3] {
        let ratios: Vec<_> = self
            .ours
            .iter()
            .zip(&self.bare)
            .map(|(a, b)| a / b)
            .collect();
        [0.25, 0.5, 0.75].map(|share| quantile(ratios.clone(), share))
    }
}

/// The CPU time that `work` takes, in whichever threads of this process.
pub fn cpu(work: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let before = spent();
    work()?;
    Ok(spent() - before)
}

/// The CPU time that so many rounds of `work` take.
pub fn repeat<T>(rounds: u32, mut work: impl FnMut() -> Result<T>) -> Result<Duration> {
    cpu(|| (0..rounds).try_for_each(|_| work().map(|made| drop(black_box(made)))))
}

fn spent() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    // CPU clocks begin at zero and only go forward.
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}
