//! Histograms: what is written is read, what is added up is all of it, and what is no histogram hurts nobody.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer as _, V2DeflateSerializer, V2Serializer};
use mtls_gauntlet::record::Latency;
use mtls_gauntlet::record::latency::QUANTILES;
use proptest::prelude::*;
use serde_json::{Value, json};

/// The longest that is told apart: 100 s.
const LONGEST: u64 = 100_000_000_000;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(values in values()) {
        let latency = of(&values);
        let text = serde_json::to_string(&latency).unwrap();
        let read: Latency = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(read.count(), values.len() as u64);
        for share in shares() {
            prop_assert_eq!(read.quantile(share), latency.quantile(share), "{}", share);
        }
        prop_assert_eq!(read.curve(), latency.curve());
        prop_assert_eq!(read.mean(), latency.mean());
        prop_assert_eq!(serde_json::to_string(&read).unwrap(), text);
        // A tree of JSON, whose strings are its own, is as good.
        let tree = serde_json::to_value(&latency).unwrap();
        prop_assert_eq!(&serde_json::from_value::<Latency>(tree).unwrap(), &latency);
    }

    #[test]
    fn the_figures_beside_it_are_its_own(values in values()) {
        let latency = of(&values);
        let written = serde_json::to_value(&latency).unwrap();
        prop_assert_eq!(&written["count"], &json!(values.len()));
        for (name, share) in QUANTILES {
            prop_assert_eq!(&written[name], &json!(latency.quantile(share)));
        }
        // They are views, and nobody reads them back.
        let mut other = written.clone();
        other["count"] = json!(7);
        other["p50"] = json!("soon");
        prop_assert_eq!(serde_json::from_value::<Latency>(other).unwrap(), latency);
    }

    #[test]
    fn merging_is_adding_all(one in values(), other in values(), third in values()) {
        let all = of(&[one.clone(), other.clone(), third.clone()].concat());
        let [one, other, third] = [one, other, third].map(|values| of(&values));
        prop_assert_eq!(&merged(&one, &other), &merged(&other, &one));
        let left = merged(&merged(&one, &other), &third);
        let right = merged(&one, &merged(&other, &third));
        for sum in [left, right] {
            prop_assert_eq!(sum.count(), all.count());
            prop_assert_eq!(&sum, &all);
            prop_assert_eq!(serde_json::to_value(&sum).unwrap(), serde_json::to_value(&all).unwrap());
        }
        prop_assert_eq!(&merged(&one, &Latency::new()), &one);
        prop_assert_eq!(&merged(&Latency::new(), &one), &one);
    }

    #[test]
    fn quantiles_have_three_digits(mut values in prop::collection::vec(duration(), 1..200)) {
        let latency = of(&values);
        values.sort_unstable();
        for share in shares() {
            let rank = ((share * values.len() as f64).ceil() as usize).clamp(1, values.len());
            // Which of two neighbours is meant may hang on how a product is rounded.
            let near = [rank.saturating_sub(2), rank - 1, rank.min(values.len() - 1)].map(|at| values[at].min(LONGEST));
            let found = latency.quantile(share).unwrap();
            let is_near = |exact: u64| found.abs_diff(exact) <= exact / 1000 + 1;
            prop_assert!(near.into_iter().any(is_near), "{}: {} is none of {:?}", share, found, near);
        }
        let longest = values[values.len() - 1].min(LONGEST);
        let found = latency.quantile(1.0).unwrap();
        prop_assert!(found >= longest && found - longest <= longest / 1000 + 1);
    }

    #[test]
    fn what_takes_too_long_counts_as_the_longest(values in prop::collection::vec(LONGEST.., 1..20)) {
        let latency = of(&values);
        prop_assert_eq!(latency.count(), values.len() as u64);
        for share in shares() {
            let found = latency.quantile(share).unwrap();
            prop_assert!(found.abs_diff(LONGEST) <= LONGEST / 1000, "{}: {}", share, found);
        }
        let text = serde_json::to_string(&latency).unwrap();
        prop_assert_eq!(serde_json::from_str::<Latency>(&text).unwrap(), latency);
    }

    /// Octets of a histogram, some of them others, and octets of nothing.
    #[test]
    fn what_is_no_histogram_is_an_error_or_another_histogram(
        values in values(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        length in any::<prop::sample::Index>(), inside: bool, noise in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let mut octets = match inside {
            // Within, where no checksum of Zlib's is in the way.
            true => plain(&of(&values)),
            false => compressed(&of(&values)),
        };
        for (place, octet) in changes {
            let place = place.index(octets.len());
            octets[place] = octet;
        }
        octets.truncate(octets.len() - length.index(octets.len()) / 8);
        let octets = if inside { deflated(&octets) } else { octets };
        for octets in [octets, noise] {
            if let Ok(read) = decoded(&octets) {
                // Whatever it holds, it can be used.
                let twice = merged(&read, &read);
                for share in shares() {
                    let _ = twice.quantile(share);
                }
                let _ = (twice.curve(), twice.mean());
                prop_assert!(serde_json::to_string(&twice).is_ok());
            }
        }
    }
}

#[test]
fn what_is_no_histogram_is_said() {
    let whole = compressed(&of(&[1_000, 2_000]));
    let header = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut octets = plain(&of(&[1_000, 2_000]));
        change(&mut octets);
        decoded(&deflated(&octets)).unwrap_err()
    };
    let set = |octets: &mut Vec<u8>, from: usize, with: &[u8]| {
        octets.splice(from..from + with.len(), with.iter().copied());
    };
    for (error, words) in [
        (
            text_error(json!({"count": 1, "histogram": "*"})),
            "not base64",
        ),
        (text_error(json!({"count": 1})), "histogram"),
        (
            text_error(json!({"count": 1, "histogram": 5})),
            "expected a",
        ),
        (decoded(b"").unwrap_err(), "V2 encoding with DEFLATE"),
        (
            decoded(&plain(&of(&[1_000]))).unwrap_err(),
            "V2 encoding with DEFLATE",
        ),
        (decoded(&whole[..whole.len() / 2]).unwrap_err(), "decoded"),
        (decoded(&deflated(b"HISTFAAA")).unwrap_err(), "no histogram"),
        // It says that it is four gigabytes long: no room is made for them.
        (
            header(&|octets| set(octets, 4, &[0xff; 4])),
            "not as long as it says",
        ),
        (header(&|octets| octets.push(0)), "not as long as it says"),
        // Five digits take fifty megabytes.
        (
            header(&|octets| set(octets, 12, &5_u32.to_be_bytes())),
            "more than 3 significant digits",
        ),
        (header(&|octets| set(octets, 32, &[0xff; 8])), "support"),
        (header(&|octets| set(octets, 16, &[0; 8])), "invalid"),
        // More zeros than there are places, up to the number that has no opposite.
        (counting(&[0xff; 9]), "more places"),
        (counting(&[0xff, 0xff, 0xff, 0xff, 0x7f]), "more places"),
        (counting(&[0x80]), "cut off"),
        // Two places, with as much in each as there can be.
        (
            counting(&[[0xfe].as_slice(), &[0xff; 8], &[0xfe], &[0xff; 8]].concat()),
            "more than",
        ),
    ] {
        assert!(error.contains(words), "{words}: {error}");
    }
    // A megabyte and more of zeros, which takes a kilobyte to write down.
    let error = decoded(&deflated(&vec![0; 64 * 1024 * 1024])).unwrap_err();
    assert!(error.contains("longer than"), "{error}");
}

#[test]
fn other_bounds_are_read_into_ours() {
    let mut other = Histogram::<u64>::new_with_bounds(1_000, u64::MAX / 4, 2).unwrap();
    for value in [5_000, 70_000, u64::MAX / 5] {
        other.record(value).unwrap();
    }
    let mut octets = Vec::new();
    V2DeflateSerializer::new()
        .serialize(&other, &mut octets)
        .unwrap();
    let read = decoded(&octets).unwrap();
    assert_eq!(read.count(), 3);
    let p50 = read.quantile(0.5).unwrap();
    assert!((69_000..71_000).contains(&p50), "{p50}");
    let max = read.quantile(1.0).unwrap();
    assert!((LONGEST..LONGEST + LONGEST / 1000).contains(&max), "{max}");
}

#[test]
fn nothing_has_no_quantiles() {
    let empty = Latency::new();
    assert_eq!((empty.count(), empty.mean()), (0, None));
    for share in shares() {
        assert_eq!(empty.quantile(share), None);
    }
    let written = serde_json::to_value(&empty).unwrap();
    assert_eq!(written["p50"], Value::Null);
    assert_eq!(serde_json::from_value::<Latency>(written).unwrap(), empty);
}

fn values() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(duration(), 0..200)
}

/// Of every size, those at the edges among them.
fn duration() -> impl Strategy<Value = u64> {
    let of_size = (0..37_u32).prop_flat_map(|bits| (1_u64 << bits) / 2..=1 << bits);
    prop_oneof![8 => of_size, 1 => Just(0), 1 => Just(LONGEST), 1 => Just(u64::MAX)]
}

fn shares() -> impl Iterator<Item = f64> {
    let shown = QUANTILES.iter().map(|(_, share)| *share);
    shown.chain([0.0, 0.1, 0.25, 0.75, 0.9999])
}

fn of(values: &[u64]) -> Latency {
    let mut latency = Latency::new();
    for value in values {
        latency.add(*value);
    }
    latency
}

fn merged(one: &Latency, other: &Latency) -> Latency {
    let mut sum = one.clone();
    sum.merge(other);
    sum
}

/// Its octets as they stand in a record.
fn compressed(latency: &Latency) -> Vec<u8> {
    let written = serde_json::to_value(latency).unwrap();
    STANDARD
        .decode(written["histogram"].as_str().unwrap())
        .unwrap()
}

/// The same before they are compressed.
fn plain(latency: &Latency) -> Vec<u8> {
    let octets = compressed(latency);
    let histogram: Histogram<u64> = hdrhistogram::serialization::Deserializer::new()
        .deserialize(&mut octets.as_slice())
        .unwrap();
    let mut octets = Vec::new();
    V2Serializer::new()
        .serialize(&histogram, &mut octets)
        .unwrap();
    octets
}

/// Any octets, compressed and introduced as a histogram.
fn deflated(plain: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let compression = flate2::Compression::default();
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), compression);
    encoder.write_all(plain).unwrap();
    let body = encoder.finish().unwrap();
    let length = u32::try_from(body.len()).unwrap();
    [
        &0x1c84_9314_u32.to_be_bytes(),
        &length.to_be_bytes(),
        &body[..],
    ]
    .concat()
}

/// What is said of a histogram with these counts.
fn counting(counts: &[u8]) -> String {
    let mut octets = plain(&Latency::new());
    octets.truncate(40);
    octets.extend(counts);
    let length = u32::try_from(counts.len()).unwrap();
    octets.splice(4..8, length.to_be_bytes());
    decoded(&deflated(&octets)).unwrap_err()
}

fn decoded(octets: &[u8]) -> Result<Latency, String> {
    let written = json!({"count": 0, "histogram": STANDARD.encode(octets)});
    serde_json::from_value(written).map_err(|error| error.to_string())
}

fn text_error(written: Value) -> String {
    serde_json::from_value::<Latency>(written)
        .unwrap_err()
        .to_string()
}
