//! Bad habits of callers: what a careful one does not do. Each is switched on by a planted bug.

/// What a caller does that a careful one does not.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Habits {
    /// It tries again at once where it was refused.
    pub insists: bool,
    /// It takes a completed handshake for an acceptance.
    pub presumes: bool,
    /// It goes on using a connection that has failed it.
    pub clutches: bool,
    /// It stays with a connection though its own credentials have changed.
    pub clings: bool,
    /// It never opens another stream when its stream has broken.
    pub gives_up: bool,
    /// It calls in plaintext where TLS has failed.
    pub undresses: bool,
}

impl Habits {
    /// How many times it tries who insists. In the field there is no end to it; here there has to be.
    pub const TRIES: u32 = 12;
}
