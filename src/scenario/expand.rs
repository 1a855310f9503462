//! Expanding scenarios into cases: one for each role and TLS version, or for each network of a fleet.

use std::fmt;
use std::sync::Arc;

use super::fleet::Network;
use super::{Role, Scenario, TlsVersion};

/// The unit that runs: a scenario in one role over one TLS version, and for a fleet on one network.
#[derive(Clone, Debug)]
pub struct Case {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// The side that the target plays.
    pub role: Role,
    /// The TLS version that the peer speaks.
    pub tls: TlsVersion,
    /// What carries a fleet's octets; none where there is no fleet.
    pub network: Option<Network>,
}

impl Case {
    /// Its id, a path: `validity/expired/server/tls1.3`, `rotation/leaf/server/tls1.3/simulated`.
    pub fn id(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.scenario.id, self.role, self.tls)?;
        match self.network {
            Some(network) => write!(f, "/{network}"),
            None => Ok(()),
        }
    }
}

/// Every case of these scenarios, in the order of their ids.
pub fn expand(scenarios: &[Arc<Scenario>]) -> Vec<Case> {
    scenarios.iter().flat_map(cases).collect()
}

fn cases(scenario: &Arc<Scenario>) -> Vec<Case> {
    let case = |role, tls, network| Case {
        scenario: Arc::clone(scenario),
        role,
        tls,
        network,
    };
    if scenario.fleet.is_some() {
        // Services play both roles at once; their callers speak the newest version that there is.
        let tls = scenario.tls.iter().copied().max();
        let tls = tls.unwrap_or(TlsVersion::Tls13);
        let networks = Network::ALL.into_iter();
        return networks
            .filter(|network| scenario.networks.contains(network))
            .map(|network| case(Role::Server, tls, Some(network)))
            .collect();
    }
    let mut cases = Vec::new();
    for role in Role::ALL {
        for tls in TlsVersion::ALL {
            if scenario.roles.contains(&role) && scenario.tls.contains(&tls) {
                cases.push(case(role, tls, None));
            }
        }
    }
    cases
}
