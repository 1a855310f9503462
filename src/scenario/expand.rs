//! Expanding scenarios into cases: one for each role and TLS version.

use std::fmt;
use std::sync::Arc;

use super::{Role, Scenario, TlsVersion};

/// The unit that runs: a scenario in one role over one TLS version.
#[derive(Clone, Debug)]
pub struct Case {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// The side that the target plays.
    pub role: Role,
    /// The TLS version that the peer speaks.
    pub tls: TlsVersion,
}

impl Case {
    /// Its id, a path: `validity/expired/server/tls1.3`.
    pub fn id(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.scenario.id, self.role, self.tls)
    }
}

/// Every case of these scenarios, in the order of their ids.
pub fn expand(scenarios: &[Arc<Scenario>]) -> Vec<Case> {
    let mut cases = Vec::new();
    for scenario in scenarios {
        for role in Role::ALL {
            for tls in TlsVersion::ALL {
                if scenario.roles.contains(&role) && scenario.tls.contains(&tls) {
                    cases.push(Case {
                        scenario: Arc::clone(scenario),
                        role,
                        tls,
                    });
                }
            }
        }
    }
    cases
}
