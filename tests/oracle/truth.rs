//! Courses are an algebra: what they say of intervals is what sampling says, and their conjunction is the
//! minimum at each instant.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use mtls_gauntlet::oracle::truth::{Course, Truth, together};

const TRUTHS: [Truth; 3] = [Truth::False, Truth::Unknown, Truth::True];

/// Nothing changes after this.
const END: u64 = 24;

fn truth() -> impl Strategy<Value = Truth> {
    select(TRUTHS.to_vec())
}

/// The changes of a course, in any order: later ones override.
fn changes() -> impl Strategy<Value = Vec<(u64, Truth)>> {
    vec((0..END, truth()), 0..8)
}

fn course_of(changes: &[(u64, Truth)]) -> Course {
    let mut course = Course::always(Truth::Unknown);
    for (at, truth) in changes {
        course.from_then_on(*at, *truth);
    }
    course
}

fn course() -> impl Strategy<Value = Course> {
    changes().prop_map(|changes| course_of(&changes))
}

fn sampled(course: &Course) -> Vec<Truth> {
    (0..=END).map(|at| course.value_at(at)).collect()
}

proptest! {
    #[test]
    fn the_last_change_that_reaches_an_instant_decides(changes in changes()) {
        let course = course_of(&changes);
        for at in 0..=END {
            let last = changes.iter().rev().find(|(since, _)| *since <= at);
            prop_assert_eq!(course.value_at(at), last.map_or(Truth::Unknown, |(_, truth)| *truth));
        }
    }

    #[test]
    fn courses_are_kept_in_one_form(one in course()) {
        let pieces = one.pieces();
        prop_assert_eq!(pieces[0].0, 0);
        prop_assert!(pieces.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 != pair[1].1));
    }

    #[test]
    fn either_is_the_maximum_at_each_instant(one in course(), other in course()) {
        let either = one.or(&other);
        for at in 0..=END {
            prop_assert_eq!(either.value_at(at), one.value_at(at).max(other.value_at(at)));
        }
        prop_assert_eq!(&either, &other.or(&one));
        prop_assert_eq!(&one.or(&one), &one);
        prop_assert_eq!(&one.and(&either), &one);
    }

    #[test]
    fn both_is_the_minimum_at_each_instant(one in course(), other in course()) {
        let minimum: Vec<Truth> = sampled(&one)
            .into_iter()
            .zip(sampled(&other))
            .map(|(one, other)| one.min(other))
            .collect();
        prop_assert_eq!(sampled(&one.and(&other)), minimum);
    }

    #[test]
    fn both_is_commutative_associative_and_idempotent(
        one in course(), other in course(), third in course()
    ) {
        prop_assert_eq!(one.and(&other), other.and(&one));
        prop_assert_eq!(one.and(&other).and(&third), one.and(&other.and(&third)));
        prop_assert_eq!(one.and(&one), one.clone());
        prop_assert_eq!(one.and(&Course::always(Truth::True)), one.clone());
        prop_assert_eq!(one.and(&Course::always(Truth::False)), Course::always(Truth::False));
    }

    #[test]
    fn both_is_monotone(one in course(), other in course(), lesser in course()) {
        // `one and lesser` is at most `one`, and stays so beside anything.
        let (less, more) = (one.and(&lesser).and(&other), one.and(&other));
        for at in 0..=END {
            prop_assert!(less.value_at(at) <= more.value_at(at));
        }
    }

    #[test]
    fn intervals_are_as_sampled(one in course(), from in 0..END, length in 0..END) {
        let to = from + length;
        let mut values = (from..=to).map(|at| one.value_at(at));
        prop_assert_eq!(one.ever_possible(from, to), values.any(|truth| truth != Truth::False));
        let mut values = (from..=to).map(|at| one.value_at(at));
        prop_assert_eq!(one.ever_doubtful(from, to), values.any(|truth| truth != Truth::True));
    }

    #[test]
    fn several_together_are_as_sampled(
        courses in vec(course(), 0..5), from in 0..END, length in 0..END
    ) {
        let to = from + length;
        let values: Vec<Truth> = (from..=to)
            .map(|at| courses.iter().map(|one| one.value_at(at)).min().unwrap_or(Truth::True))
            .collect();
        let extent = (*values.iter().min().unwrap(), *values.iter().max().unwrap());
        prop_assert_eq!(together(courses.iter(), from, to), extent);
        let both = courses.iter().fold(Course::always(Truth::True), |both, one| both.and(one));
        prop_assert_eq!(together([both].iter(), from, to), extent);
    }

    #[test]
    fn since_when_is_as_sampled(one in course(), at in 0..=END) {
        for (truth, since) in [
            (Truth::False, one.false_since(at)),
            (Truth::True, one.true_since(at)),
        ] {
            let run = (0..=at).rev().take_while(|at| one.value_at(*at) == truth);
            prop_assert_eq!(since, run.last());
        }
    }

    #[test]
    fn unknown_between_blurs_just_that(one in course(), from in 0..END, until in 0..END) {
        let blurred = one.unknown_between(from, until);
        for at in 0..=END {
            let within = (from..until).contains(&at);
            let expected = if within { Truth::Unknown } else { one.value_at(at) };
            prop_assert_eq!(blurred.value_at(at), expected);
        }
    }
}
