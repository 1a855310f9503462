//! What the tests of the planted verifier start from: scenarios without a target to run them on.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use mtls_gauntlet::clock::Clock;
use mtls_gauntlet::pki::key::KeyPool;
use mtls_gauntlet::pki::mint::{Mint, Pki};
use mtls_gauntlet::run::environment::{Patience, Stage};
use mtls_gauntlet::scenario::load::parse;
use mtls_gauntlet::scenario::{Role, Scenario, TlsVersion};
use mtls_gauntlet::seed::Seed;
use mtls_gauntlet::target::Environment;
use mtls_gauntlet::target::planted::{Accepted, Bug, Flaws, Refusal, verify};
use rustls::pki_types::CertificateDer;

/// The second that the tests' clock shows: 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600;

static MINT: LazyLock<Arc<Mint>> =
    LazyLock::new(|| Mint::new(Clock::at(NOW), Seed(7), Arc::new(KeyPool::new(Seed(7)))));

/// What a peer does wrong, and the bugs that do not mind.
pub struct Defect {
    /// What it is called when a test fails.
    pub name: &'static str,
    /// The role of the target.
    pub role: Role,
    /// The tables of a scenario.
    pub tables: &'static str,
    /// The bugs that let it pass, besides those that let everything pass.
    pub accepted_by: &'static [Bug],
}

/// A peer that meets both roles.
pub const fn both(
    name: &'static str,
    accepted_by: &'static [Bug],
    tables: &'static str,
) -> [Defect; 2] {
    [
        server(name, accepted_by, tables),
        client(name, accepted_by, tables),
    ]
}

/// A peer that meets a server.
pub const fn server(
    name: &'static str,
    accepted_by: &'static [Bug],
    tables: &'static str,
) -> Defect {
    Defect {
        name,
        role: Role::Server,
        tables,
        accepted_by,
    }
}

/// A peer that meets a client.
pub const fn client(
    name: &'static str,
    accepted_by: &'static [Bug],
    tables: &'static str,
) -> Defect {
    Defect {
        role: Role::Client,
        ..server(name, accepted_by, tables)
    }
}

/// Everything that a verifier is asked about.
#[derive(Clone)]
pub struct Question {
    environment: Environment,
    chain: Vec<CertificateDer<'static>>,
    staple: Vec<u8>,
}

impl Question {
    /// The question that these tables put to a target in `role`, and its twin.
    pub fn and_twin(name: &str, role: Role, tables: &str) -> (Self, Self) {
        let scenario = scenario(name, "reject", tables);
        let stage = Stage::new(&MINT, Arc::clone(&scenario), role, name).unwrap();
        let control = scenario.control.clone().unwrap();
        let twin = Stage::new(&MINT, control, role, &format!("{name} twin")).unwrap();
        (Self::of(&stage, stage.pki()), Self::of(&twin, stage.pki()))
    }

    /// The question that these tables put to a target in `role`.
    pub fn alone(name: &str, role: Role, tables: &str) -> Self {
        let scenario = scenario(name, "accept", tables);
        let stage = Stage::new(&MINT, scenario, role, name).unwrap();
        Self::of(&stage, stage.pki())
    }

    fn of(stage: &Stage, revoked: &Pki) -> Self {
        let patience = Patience {
            listen: Duration::ZERO,
            deadline: Duration::ZERO,
        };
        let peer = stage.peer(TlsVersion::Tls13, patience).unwrap();
        Self {
            environment: stage.environment(&MINT, revoked).unwrap(),
            chain: peer.identity.chain,
            staple: peer.staple,
        }
    }

    /// The leaf that is presented.
    pub fn leaf(&self) -> &[u8] {
        &self.chain[0]
    }

    /// One of the lists.
    pub fn list(&self) -> &[u8] {
        &self.environment.crls[0]
    }

    /// The staple.
    pub fn staple(&self) -> &[u8] {
        &self.staple
    }

    /// The same question about another leaf.
    pub fn with_leaf(&self, leaf: Vec<u8>) -> Self {
        let mut question = self.clone();
        question.chain[0] = CertificateDer::from(leaf);
        question
    }

    /// The same question with another list.
    pub fn with_list(&self, list: Vec<u8>) -> Self {
        let mut question = self.clone();
        question.environment.crls[0] = list.into();
        question
    }

    /// The same question with another staple.
    pub fn with_staple(&self, staple: Vec<u8>) -> Self {
        let mut question = self.clone();
        question.staple = staple;
        question
    }

    /// What a verifier with these flaws says.
    pub fn put(&self, flaws: Flaws) -> Result<Accepted, Refusal> {
        verify(&self.environment, flaws, &self.chain, &self.staple)
    }
}

fn scenario(name: &str, outcome: &str, tables: &str) -> Arc<Scenario> {
    let profile = if name.starts_with("svid") {
        "profile = \"spiffe\""
    } else {
        ""
    };
    let text = format!(
        "title = \"{name}\"\nlevel = \"must\"\nspec = [\"RFC 5280 section 6.1\"]\n\
         why = \"A test.\"\n{profile}\n[expect]\noutcome = \"{outcome}\"\n{tables}"
    );
    match parse(name, name, &text) {
        Ok(scenario) => Arc::new(scenario),
        Err(error) => panic!("{error}"),
    }
}
