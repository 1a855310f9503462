//! The toll: a strike hits the same octet, however the stream was written.

use mtls_gauntlet::net::mishap::Strike;
use mtls_gauntlet::net::mishap::toll::{Onward, Toll};
use proptest::prelude::*;

fn strikes() -> impl Strategy<Value = Strike> {
    prop_oneof![
        (0..80_u64).prop_map(Strike::Cut),
        (0..6_u64).prop_map(Strike::CutAfterRecord),
        (0..80_u64).prop_map(Strike::BlackHole),
        (0..80_u64).prop_map(Strike::Corrupt),
    ]
}

/// Records with these bodies, one after the other.
fn stream(bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut stream = Vec::new();
    for body in bodies {
        stream.extend([0x16, 0x03, 0x03, 0x00, u8::try_from(body.len()).unwrap()]);
        stream.extend(body);
    }
    stream
}

/// What passes of a stream that is written in pieces of these sizes, and how it goes on.
fn passed(stream: &[u8], sizes: &[usize], strike: Strike) -> (Vec<u8>, Onward) {
    let (mut toll, mut passed, mut rest) = (Toll::default(), Vec::new(), stream);
    for size in sizes.iter().copied().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, later) = rest.split_at(size.min(rest.len()));
        let mut piece = piece.to_vec();
        let onward = toll.pass(&mut piece, Some(strike));
        passed.extend(piece);
        if onward != Onward::Goes {
            return (passed, onward);
        }
        rest = later;
    }
    (passed, Onward::Goes)
}

proptest! {
    #[test]
    fn a_strike_hits_the_same_octet_however_the_stream_was_written(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..5),
        sizes in prop::collection::vec(1..9_usize, 1..4),
        strike in strikes(),
    ) {
        let stream = stream(&bodies);
        let whole = passed(&stream, &[stream.len()], strike);
        prop_assert_eq!(&passed(&stream, &sizes, strike), &whole);
        let (octets, onward) = whole;
        match strike {
            Strike::Cut(at) | Strike::BlackHole(at) => {
                let at = usize::try_from(at).unwrap().min(stream.len());
                prop_assert_eq!(&octets[..], &stream[..at]);
            }
            Strike::CutAfterRecord(records) => {
                let records = usize::try_from(records).unwrap().min(bodies.len());
                let at: usize = bodies[..records].iter().map(|body| body.len() + 5).sum();
                prop_assert_eq!(&octets[..], &stream[..at]);
            }
            Strike::Corrupt(at) => {
                let at = usize::try_from(at).unwrap();
                let differing: Vec<usize> =
                    (0..stream.len()).filter(|&i| stream[i] != octets[i]).collect();
                let expected = (at < stream.len()).then_some(at);
                prop_assert_eq!(differing, Vec::from_iter(expected));
                prop_assert_eq!(onward, Onward::Goes);
            }
        }
    }
}
