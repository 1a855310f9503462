//! How much larger one sample is than another, and how sure that is.
//!
//! Costs vary by factors rather than by amounts, so all is worked out on logarithms: the difference of two means
//! of logarithms is the logarithm of the ratio of two geometric means. The interval is Welch's, which asks for no
//! equal variances, with the degrees of freedom of Welch and Satterthwaite (B. L. Welch, "The generalization of
//! Student's problem when several different population variances are involved", Biometrika 34, 1947).

/// A ratio of two samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// The geometric mean of the second through that of the first.
    pub value: f64,
    /// Where the true ratio lies with a confidence of 95 %: from, to. None where a sample has fewer than two
    /// values.
    pub interval: Option<[f64; 2]>,
}

/// The ratio of `after` to `before`; none where one of them is empty or has a value that is not above zero.
pub fn ratio(before: &[f64], after: &[f64]) -> Option<Ratio> {
    let (before, after) = (Logarithms::of(before)?, Logarithms::of(after)?);
    let difference = after.mean - before.mean;
    Some(Ratio {
        value: difference.exp(),
        interval: half_width(&before, &after)
            .map(|half| [(difference - half).exp(), (difference + half).exp()]),
    })
}

/// The geometric mean; none of nothing, or of a value that is not above zero.
pub fn geometric_mean(values: &[f64]) -> Option<f64> {
    Some(Logarithms::of(values)?.mean.exp())
}

/// The two-sided 95 % quantile of Student's distribution. Between the degrees of the table that of fewer is
/// taken, which makes an interval wider and never narrower.
pub fn quantile(degrees: f64) -> f64 {
    let row = QUANTILES.iter().rev().find(|(of, _)| *of <= degrees);
    row.map_or(QUANTILES[0].1, |(_, quantile)| *quantile)
}

/// Degrees of freedom, and the quantile (NIST/SEMATECH e-Handbook of Statistical Methods, section 1.3.6.7.2).
pub const QUANTILES: [(f64, f64); 33] = [
    (1.0, 12.706),
    (2.0, 4.303),
    (3.0, 3.182),
    (4.0, 2.776),
    (5.0, 2.571),
    (6.0, 2.447),
    (7.0, 2.365),
    (8.0, 2.306),
    (9.0, 2.262),
    (10.0, 2.228),
    (11.0, 2.201),
    (12.0, 2.179),
    (13.0, 2.160),
    (14.0, 2.145),
    (15.0, 2.131),
    (16.0, 2.120),
    (17.0, 2.110),
    (18.0, 2.101),
    (19.0, 2.093),
    (20.0, 2.086),
    (21.0, 2.080),
    (22.0, 2.074),
    (23.0, 2.069),
    (24.0, 2.064),
    (25.0, 2.060),
    (26.0, 2.056),
    (27.0, 2.052),
    (28.0, 2.048),
    (29.0, 2.045),
    (30.0, 2.042),
    (40.0, 2.021),
    (60.0, 2.000),
    (120.0, 1.980),
];

/// A sample, as logarithms.
struct Logarithms {
    count: f64,
    mean: f64,
    /// The square of the mean's standard error; none for a single value.
    error: Option<f64>,
}

impl Logarithms {
    fn of(values: &[f64]) -> Option<Self> {
        let usable = |value: &f64| value.is_finite() && *value > 0.0;
        if values.is_empty() || !values.iter().all(usable) {
            return None;
        }
        let mut logarithms: Vec<f64> = values.iter().map(|value| value.ln()).collect();
        // Sums of floating-point numbers depend on their order, and a comparison must not.
        logarithms.sort_by(f64::total_cmp);
        let count = logarithms.len() as f64;
        let mean = logarithms.iter().sum::<f64>() / count;
        let squares: f64 = logarithms.iter().map(|one| (one - mean).powi(2)).sum();
        let error = (logarithms.len() > 1).then(|| squares / (count - 1.0) / count);
        Some(Self { count, mean, error })
    }
}

fn half_width(one: &Logarithms, other: &Logarithms) -> Option<f64> {
    let (first, second) = (one.error?, other.error?);
    let sum = first + second;
    if sum == 0.0 {
        return Some(0.0);
    }
    let degrees =
        sum.powi(2) / (first.powi(2) / (one.count - 1.0) + second.powi(2) / (other.count - 1.0));
    // Errors so small that their squares are nothing leave no number; then the fewest degrees are taken.
    let degrees = if degrees.is_finite() { degrees } else { 1.0 };
    Some(quantile(degrees) * sum.sqrt())
}
