//! The toll that every octet of a dialler pays: it counts octets and TLS records, and says where a strike
//! hits. A pure state machine, so that it hits the same octet however the stream was cut into writes.

use super::Strike;

const HEADER: usize = 5;

/// Counts what a dialler has said on one connection.
#[derive(Debug, Default)]
pub(in crate::net) struct Toll {
    /// Octets that have passed.
    octets: u64,
    /// Complete records that have passed.
    records: u64,
    /// The header of the record that is passing, as far as it has.
    header: [u8; HEADER],
    /// Octets of this record that have passed.
    of_record: usize,
}

/// How it goes on behind the toll.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::net) enum Onward {
    /// As before.
    Goes,
    /// The connection is reset.
    Cut,
    /// Nothing is heard of it any more.
    Silent,
}

impl Toll {
    /// Lets octets pass up to the place of the strike, and drops the rest.
    pub(in crate::net) fn pass(&mut self, octets: &mut Vec<u8>, strike: Option<Strike>) -> Onward {
        let Some(strike) = strike else {
            octets.iter().for_each(|octet| self.count(*octet));
            return Onward::Goes;
        };
        for index in 0..octets.len() {
            let onward = self.onward(strike);
            if onward != Onward::Goes {
                octets.truncate(index);
                return onward;
            }
            let flipped = strike == Strike::Corrupt(self.octets);
            self.count(octets[index]);
            octets[index] ^= u8::from(flipped);
        }
        self.onward(strike)
    }

    /// Whether the strike hits here, before another octet has passed.
    pub(in crate::net) fn onward(&self, strike: Strike) -> Onward {
        match strike {
            Strike::Cut(octet) if self.octets >= octet => Onward::Cut,
            Strike::CutAfterRecord(record) if self.records >= record && self.of_record == 0 => {
                Onward::Cut
            }
            Strike::BlackHole(octet) if self.octets >= octet => Onward::Silent,
            _ => Onward::Goes,
        }
    }

    fn count(&mut self, octet: u8) {
        self.octets += 1;
        if let Some(place) = self.header.get_mut(self.of_record) {
            *place = octet;
        }
        self.of_record += 1;
        let length = usize::from(u16::from_be_bytes([self.header[3], self.header[4]]));
        if self.of_record >= HEADER && self.of_record == HEADER + length {
            self.records += 1;
            self.of_record = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
                    let at: usize = bodies[..records].iter().map(|body| body.len() + HEADER).sum();
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
}
