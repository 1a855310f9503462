//! The only door to randomness.
//!
//! Everything that a run draws by chance (serial numbers, for one) comes from streams that are named
//! and derived from one seed, so that a run can be repeated and the order of work does not matter.
//! Key pairs are the exception: the cryptographic library draws them from the operating system.

use aws_lc_rs::digest;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The seed of a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Seed(pub u64);

impl Seed {
    /// The stream with this name: the same seed and name give the same stream.
    pub fn stream(self, name: &str) -> Stream {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&self.0.to_be_bytes());
        context.update(name.as_bytes());
        let mut seed = [0; 32];
        seed.copy_from_slice(context.finish().as_ref());
        Stream(ChaCha20Rng::from_seed(seed))
    }
}

/// A stream of random numbers.
pub struct Stream(ChaCha20Rng);

impl Stream {
    /// The next `N` octets.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// The next `count` octets.
    pub fn octets(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}
