//! The toll that every octet of a dialler pays: it counts octets and TLS records, and says where a strike
//! hits. A pure state machine, so that it hits the same octet however the stream was cut into writes.

use super::Strike;

const HEADER: usize = 5;

/// Counts what a dialler has said on one connection.
#[derive(Debug, Default)]
pub struct Toll {
    /// Octets that have passed.
    octets: u64,
    /// Complete records that have passed.
    records: u64,
    /// The header of the record that is passing, as far as it has.
    header: [u8; HEADER],
    /// Octets of this record that have passed.
    of_record: usize,
    /// Something has struck, and nobody has asked yet.
    struck: bool,
}

/// How it goes on behind the toll.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Onward {
    /// As before.
    Goes,
    /// The connection is reset.
    Cut,
    /// Nothing is heard of it any more.
    Silent,
}

impl Toll {
    /// Lets octets pass up to the place of the strike, and drops the rest.
    pub fn pass(&mut self, octets: &mut Vec<u8>, strike: Option<Strike>) -> Onward {
        let Some(strike) = strike else {
            octets.iter().for_each(|octet| self.count(*octet));
            return Onward::Goes;
        };
        for index in 0..octets.len() {
            let onward = self.onward(strike);
            if onward != Onward::Goes {
                octets.truncate(index);
                self.struck = true;
                return onward;
            }
            let flipped = strike == Strike::Corrupt(self.octets);
            self.struck |= flipped;
            self.count(octets[index]);
            octets[index] ^= u8::from(flipped);
        }
        let onward = self.onward(strike);
        self.struck |= onward != Onward::Goes;
        onward
    }

    /// Has something struck? Asked once, it forgets.
    pub fn take_struck(&mut self) -> bool {
        std::mem::take(&mut self.struck)
    }

    /// Whether the strike hits here, before another octet has passed.
    pub fn onward(&self, strike: Strike) -> Onward {
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
