//! The baseline: the four certificates that every scenario starts from.
//!
//! | entry | issued by | names | usage | validity |
//! |---|---|---|---|---|
//! | `root` | itself | | keyCertSign, cRLSign | -365d to +3650d |
//! | `issuing` | `root` | | keyCertSign, cRLSign | -30d to +365d |
//! | `target` | `issuing` | `target.gauntlet.test`, `127.0.0.1`, `spiffe://gauntlet.test/target` | digitalSignature; server or client by role | -2d to +1d |
//! | `peer` | `issuing` | `peer.gauntlet.test`, `127.0.0.1`, `spiffe://gauntlet.test/peer` | digitalSignature; client or server by role | -2d to +1d |
//!
//! All keys are P-256 and all subjects `O=mtls-gauntlet, CN=<entry>`. Every certificate says whether
//! it is an authority (critical) and carries both key identifiers.

use super::recipe::{KeyKind, KeyUsage, Moment, Recipe};
use crate::scenario::Role;

/// The organisation in every subject that a scenario does not write itself.
pub(super) const ORGANIZATION: &str = "O=mtls-gauntlet";

/// What stands before the name of a baseline authority where the scenario has changed the entry of
/// that name: `target` stays under the unchanged ones.
pub(super) const PREFIX: &str = "baseline/";

/// An entry that is always there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Base {
    Root,
    Issuing,
    Target,
    Peer,
}

impl Base {
    pub(super) const ALL: [Self; 4] = [Self::Root, Self::Issuing, Self::Target, Self::Peer];

    /// Its name in scenarios.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Issuing => "issuing",
            Self::Target => "target",
            Self::Peer => "peer",
        }
    }

    /// The entry of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|base| base.name() == name)
    }

    pub(super) fn is_authority(self) -> bool {
        matches!(self, Self::Root | Self::Issuing)
    }

    /// Its recipe when the target plays `role`. The issuer is left to the caller, because what is
    /// like `root` signs itself and what is like `target` keeps out of the scenario's way.
    pub(super) fn recipe(self, role: Role) -> Recipe {
        let (not_before, not_after) = match self {
            Self::Root => (-365 * DAY, 3650 * DAY),
            Self::Issuing => (-30 * DAY, 365 * DAY),
            Self::Target | Self::Peer => (-2 * DAY, DAY),
        };
        let common = Recipe {
            key: Some(KeyKind::P256),
            not_before: Some(Moment::Relative(not_before)),
            not_after: Some(Moment::Relative(not_after)),
            ca: Some(self.is_authority()),
            ..Recipe::default()
        };
        if self.is_authority() {
            return Recipe {
                key_usage: Some(vec![KeyUsage::KeyCertSign, KeyUsage::CrlSign]),
                ..common
            };
        }
        Recipe {
            key_usage: Some(vec![KeyUsage::DigitalSignature]),
            eku: Some(vec![self.usage(role).into()]),
            names: Some(vec![
                format!("{}.gauntlet.test", self.name()),
                "127.0.0.1".into(),
                format!("spiffe://gauntlet.test/{}", self.name()),
            ]),
            ..common
        }
    }

    /// The peer is a client where the target is a server, and the other way round.
    fn usage(self, role: Role) -> &'static str {
        let serves = match role {
            Role::Server => self == Self::Target,
            Role::Client => self != Self::Target,
        };
        if serves { "server-auth" } else { "client-auth" }
    }
}

const DAY: i64 = 24 * 3600;
