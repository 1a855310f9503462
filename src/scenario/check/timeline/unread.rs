//! What a fleet does not read: the tables and keys of pairs. Who writes one of them expects something of it.

use super::Timeline;
use crate::document::DocumentError;
use crate::scenario::{Role, TlsVersion};

/// The tables and keys that are about a pair, each with what says the like of a fleet.
const OF_PAIRS: [(&str, &str); 6] = [
    (
        "pki",
        "its authority issues all certificates: steps such as `issue-from` and `rotate-leaf` change them",
    ),
    ("peer", "who calls, and how, is said in [load]"),
    ("target", "what its services are like is said in [fleet]"),
    (
        "crl",
        "write a `crl-lifetime` in [fleet], and the steps `revoke` and `publish-crl`",
    ),
    (
        "ocsp",
        "its services look at lists alone: write a `crl-lifetime` in [fleet]",
    ),
    (
        "profile",
        "leave it out: no profile binds the services of a fleet",
    ),
];

impl Timeline<'_> {
    pub(super) fn check_unread(&self) -> Result<(), DocumentError> {
        let is_written = |key: &str| self.document.line_of(&[key]) > 0;
        if let Some((key, hint)) = OF_PAIRS.into_iter().find(|(key, _)| is_written(key)) {
            let message = format!("`{key}` is about a pair, and this is a fleet");
            return Err(self.error(&[key], &message, Some(hint)));
        }
        let scenario = self.scenario;
        let expect = &scenario.expect;
        let wrong: Option<(&[&str], &str, &str)> = if !expect.alert.is_empty() {
            Some((
                &["expect", "alert"],
                "a timeline does not look for a certain alert",
                "`told` in [limits] says how many of those who are refused must be told so by any",
            ))
        } else if expect.identity.is_some() {
            Some((
                &["expect", "identity"],
                "a timeline does not look for a certain identity",
                "leave it out: each caller must be taken for who it is",
            ))
        } else if !scenario.roles.contains(&Role::Server) {
            Some((
                &["roles"],
                "services of a fleet are called: there is none without servers",
                "leave `roles` out",
            ))
        } else if !scenario.tls.contains(&TlsVersion::Tls13) {
            Some((
                &["tls"],
                "the parties of a fleet speak the newest version that they have",
                "leave `tls` out",
            ))
        } else {
            None
        };
        match wrong {
            Some((place, message, hint)) => Err(self.error(place, message, Some(hint))),
            None => Ok(()),
        }
    }
}
