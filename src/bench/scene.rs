//! From a setting to certificates: what the target is configured with, and who calls it.
//!
//! A setting becomes a scenario of the usual kind, so that its certificates come from the same recipes as those
//! that are judged, and any target can be started with them.

use std::sync::Arc;

use rustls::pki_types::ServerName;

use super::credentials::Credentials;
use crate::expect::HandshakeKind;
use crate::pki::PkiError;
use crate::pki::mint::Mint;
use crate::pki::recipe::{CrlRecipe, KeyKind, Moment, Recipe};
use crate::run::environment::{Stage, TARGET_NAME};
use crate::scenario::bench::{Authentication, Rotation, Setting, Strangers};
use crate::scenario::load::BASELINE;
use crate::scenario::{ClientAuth, Role, Scenario};
use crate::target::Environment;

/// Everything that is minted for a row.
pub(super) struct Scene {
    /// What the target is started with.
    pub(super) environment: Arc<Environment>,
    /// What it is given half-way through, where something rotates.
    pub(super) next: Option<Arc<Environment>>,
    /// Who calls.
    pub(super) caller: Credentials,
    /// Who calls and must be refused.
    pub(super) stranger: Option<Credentials>,
}

impl Scene {
    /// Mints it; `label` names the stream of its serial numbers.
    ///
    /// # Errors
    /// When the recipes cannot be minted: a key of a kind that cannot sign, for one.
    pub(super) fn mint(mint: &Arc<Mint>, setting: &Setting, label: &str) -> Result<Self, PkiError> {
        let scenario = Arc::new(scenario(setting));
        let mut stage = Stage::new(mint, Arc::clone(&scenario), Role::Server, label)?;
        let environment = |stage: &Stage| -> Result<Arc<Environment>, PkiError> {
            let mut environment = stage.environment(mint, stage.pki())?;
            environment.resumption = setting.handshake == HandshakeKind::Resumed;
            environment.provider = setting.provider;
            Ok(Arc::new(environment))
        };
        let first = environment(&stage)?;
        let next = match rotated(&scenario, setting.rotates) {
            Some(next) => {
                // The same certificates: a rotation changes what it names and nothing else.
                stage.recast(next);
                Some(environment(&stage)?)
            }
            None => None,
        };
        let pki = stage.pki();
        let credentials = |identity: Option<&str>| -> Result<Credentials, PkiError> {
            let identity = identity.map(|name| pki.identity(None, None, name));
            Ok(Credentials {
                identity: identity.transpose()?,
                trust: pki.trust(&["root".into()])?,
                clock: mint.clock(),
            })
        };
        let own = (setting.auth == Authentication::Mutual).then_some("peer");
        let stranger = match setting.strangers {
            Strangers::None => None,
            Strangers::Anonymous => Some(credentials(None)?),
            Strangers::Expired => Some(credentials(Some("expired"))?),
            Strangers::Foreign => Some(credentials(Some("foreign"))?),
        };
        Ok(Self {
            environment: first,
            next,
            caller: credentials(own)?,
            stranger,
        })
    }

    /// What the target is asked for where it has no name of its own.
    pub(super) fn server_name() -> Result<ServerName<'static>, String> {
        ServerName::try_from(TARGET_NAME).map_err(|error| error.to_string())
    }
}

/// The baseline with everything as the setting has it.
fn scenario(setting: &Setting) -> Scenario {
    let mut scenario = Scenario {
        id: "bench".into(),
        ..Scenario::baseline()
    };
    // The leaf's issuer and the authorities above it: root, then as many as make the path so long.
    let issuer = match setting.depth {
        0..=2 => "root",
        _ => "issuing",
    };
    // Only what differs from the baseline is said: a server that runs already has the baseline's certificates.
    for name in BASELINE {
        let recipe = scenario.pki.entry(name.into()).or_default();
        recipe.key = Some(setting.key).filter(|key| *key != KeyKind::P256);
        // Unless it is told, the target stays under the authorities that no scenario changes.
        let changed = setting.depth != 3 || setting.key != KeyKind::P256;
        if matches!(name, "target" | "peer") && changed {
            recipe.issuer = Some(issuer.into());
        }
        if name == "issuing" && setting.depth > 3 {
            recipe.chain = Some(u16::from(setting.depth) - 2);
        }
    }
    scenario
        .pki
        .retain(|_, recipe| *recipe != Recipe::default());
    let mut add = |name: String, recipe: Recipe| {
        let key = Some(setting.key).filter(|_| recipe.key_of.is_none());
        scenario.pki.insert(name, Recipe { key, ..recipe });
    };
    let like = |like: &str| Recipe {
        like: Some(like.into()),
        ..Recipe::default()
    };
    let mut trusts = vec!["root".to_owned()];
    for number in 1..setting.bundle {
        let name = format!("bystander-{number}");
        let root = Recipe {
            subject: Some(vec![format!("CN={name}")]),
            // Nobody signs with it: one key does for all.
            key_of: Some("root".into()),
            ..like("root")
        };
        add(name.clone(), root);
        trusts.push(name);
    }
    let leaf = |of: &str| Recipe {
        issuer: Some(issuer.into()),
        ..like(of)
    };
    match setting.strangers {
        Strangers::None | Strangers::Anonymous => {}
        Strangers::Expired => add(
            "expired".into(),
            Recipe {
                not_after: Some(Moment::Relative(-86_400)),
                not_before: Some(Moment::Relative(-10 * 86_400)),
                ..leaf("peer")
            },
        ),
        Strangers::Foreign => {
            add("foreign-root".into(), like("root"));
            let foreign = Recipe {
                issuer: Some("foreign-root".into()),
                ..like("peer")
            };
            add("foreign".into(), foreign);
        }
    }
    match setting.rotates {
        Rotation::Nothing => {}
        Rotation::Leaf => add("next-target".into(), leaf("target")),
        Rotation::Trust => add("next-root".into(), like("root")),
    }
    if setting.crl_entries > 0 {
        let list = |filler| CrlRecipe {
            filler,
            ..CrlRecipe::default()
        };
        if issuer == "issuing" {
            scenario.crl.insert("root".into(), list(0));
        }
        scenario
            .crl
            .insert(issuer.into(), list(setting.crl_entries));
    }
    scenario.target.trusts = Some(trusts);
    scenario.target.presents = None;
    scenario.target.client_auth = Some(match setting.auth {
        Authentication::Mutual => ClientAuth::Required,
        Authentication::Plaintext | Authentication::ServerOnly => ClientAuth::None,
    });
    scenario
}

/// The scenario after its rotation.
fn rotated(scenario: &Scenario, rotation: Rotation) -> Option<Arc<Scenario>> {
    let mut next = scenario.clone();
    match rotation {
        Rotation::Nothing => return None,
        Rotation::Leaf => {
            let issuing = next.issuer_of("target").filter(|issuer| *issuer != "root");
            let above = issuing.map(str::to_owned);
            let presents = std::iter::once("next-target".to_owned()).chain(above);
            next.target.presents = Some(presents.collect());
        }
        Rotation::Trust => {
            let trusts = next.target.trusts.get_or_insert_default();
            trusts.push("next-root".into());
        }
    }
    Some(Arc::new(next))
}
