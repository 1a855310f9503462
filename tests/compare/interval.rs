//! Ratios with their intervals.

use std::f64::consts::FRAC_2_PI;

use mtls_gauntlet::compare::interval::{QUANTILES, geometric_mean, quantile, ratio};

#[test]
fn the_quantiles_are_student_s() {
    for (degrees, quantile) in QUANTILES {
        // So many digits has the table; the density there is at most a third.
        let share = within(quantile, degrees as u32);
        assert!((share - 0.95).abs() < 0.0004, "{degrees}: {share}");
    }
}

/// The probability of a value between -t and t (Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3
/// and 26.7.4).
fn within(t: f64, degrees: u32) -> f64 {
    let angle = (t / f64::from(degrees).sqrt()).atan();
    let (sine, cosine) = angle.sin_cos();
    let odd = degrees % 2 == 1;
    let (mut term, mut sum) = (if odd { cosine } else { 1.0 }, 0.0);
    let mut power = if odd { 1 } else { 0 };
    while power + 2 <= degrees {
        sum += term;
        let step = f64::from(power + 1) / f64::from(power + 2);
        term *= cosine * cosine * step;
        power += 2;
    }
    match odd {
        true => FRAC_2_PI * (angle + sine * sum),
        false => sine * sum,
    }
}

#[test]
fn between_degrees_the_wider_interval_is_taken() {
    assert_eq!(quantile(0.5), 12.706);
    assert_eq!(quantile(2.9), 4.303);
    assert_eq!(quantile(35.0), 2.042);
    assert_eq!(quantile(1e9), 1.980);
    assert!(
        QUANTILES
            .windows(2)
            .all(|two| two[0].0 < two[1].0 && two[0].1 > two[1].1)
    );
}

#[test]
fn a_worked_example() {
    // Logarithms of base e: 0, 1, 2 and 2, 3, 4. Means 1 and 3, both variances 1: a standard error of √(2/3) and 4
    // degrees of freedom.
    let [before, after] = [[0.0_f64, 1.0, 2.0], [2.0, 3.0, 4.0]].map(|all| all.map(f64::exp));
    let found = ratio(&before, &after).unwrap();
    let half = 2.776 * (2.0_f64 / 3.0).sqrt();
    let [from, to] = found.interval.unwrap();
    assert!((found.value.ln() - 2.0).abs() < 1e-12);
    assert!((from.ln() - (2.0 - half)).abs() < 1e-12);
    assert!((to.ln() - (2.0 + half)).abs() < 1e-12);
}

#[test]
fn too_little_is_no_interval_and_nonsense_no_ratio() {
    let single = ratio(&[2.0], &[4.0, 4.0]).unwrap();
    assert!((single.value - 2.0).abs() < 1e-12);
    assert_eq!(single.interval, None);
    for nonsense in [&[][..], &[0.0], &[-1.0, 2.0], &[f64::NAN], &[f64::INFINITY]] {
        assert_eq!(ratio(&[1.0], nonsense), None, "{nonsense:?}");
        assert_eq!(ratio(nonsense, &[1.0]), None, "{nonsense:?}");
        assert_eq!(geometric_mean(nonsense), None, "{nonsense:?}");
    }
}
