//! What no schema can say of a scenario: that names which are used exist, that numbers are bearable, and
//! (in [`story`] and [`timeline`]) that the steps of a story or of a fleet make sense.

use std::collections::BTreeSet;

use super::{Role, Scenario};
use crate::document::{Document, DocumentError, nearest};
use crate::pki::recipe::Recipe;

pub(super) use self::story::check_story;
pub(super) use self::timeline::check_timeline;

mod roster;
mod story;
mod timeline;

/// The entries that every scenario has.
pub const BASELINE: [&str; 4] = ["root", "issuing", "target", "peer"];

/// What no schema can say: sentences are not empty, and names that are used exist.
pub(super) fn check(document: &Document<'_>, scenario: &Scenario) -> Result<(), DocumentError> {
    for (key, empty, what) in [
        (
            "title",
            scenario.title.trim().is_empty(),
            "a scenario needs a title: one sentence that says what holds",
        ),
        (
            "why",
            scenario.why.trim().is_empty(),
            "a scenario needs a `why`: what a practitioner loses without it",
        ),
        (
            "spec",
            scenario.spec.is_empty(),
            "a scenario needs a `spec`: where the requirement is written",
        ),
        (
            "roles",
            scenario.roles.is_empty(),
            "a scenario needs at least one role",
        ),
        (
            "tls",
            scenario.tls.is_empty(),
            "a scenario needs at least one TLS version",
        ),
    ] {
        if empty {
            return Err(document.error_at(&[key], what, None));
        }
    }
    let names = Names::of(document, scenario);
    for (name, recipe) in &scenario.pki {
        names.check_recipe(name, recipe)?;
    }
    names.check_cycles(scenario)?;
    check_sizes(document, scenario)?;
    names.check_all(
        &["peer", "presents"],
        scenario.peer.presents.iter().flatten(),
    )?;
    names.check_all(&["peer", "signs-with"], &scenario.peer.signs_with)?;
    names.check_all(&["peer", "hints"], scenario.peer.hints.iter().flatten())?;
    names.check_all(
        &["target", "trusts"],
        scenario.target.trusts.iter().flatten(),
    )?;
    names.check_all(
        &["target", "presents"],
        scenario.target.presents.iter().flatten(),
    )?;
    names.check_all(&["target", "signs-with"], &scenario.target.signs_with)?;
    if let Some(vhost) = &scenario.vhost {
        names.check_all(&["vhost", "trusts"], vhost.trusts.iter().flatten())?;
        check_vhost(document, scenario, &vhost.name)?;
    }
    for (domain, anchors) in scenario.target.trust_domains.iter().flatten() {
        names.check_all(&["target", "trust-domains", domain], anchors)?;
    }
    for (name, crl) in &scenario.crl {
        if crl.issuer.is_none() {
            names.check_all(&["crl", name], [name])?;
        }
        names.check_all(&["crl", name, "issuer"], &crl.issuer)?;
        names.check_all(&["crl", name, "signed-by"], &crl.signed_by)?;
        names.check_all(&["crl", name, "revokes"], &crl.revokes)?;
        names.check_all(
            &["crl", name, "certificate-issuer"],
            &crl.certificate_issuer,
        )?;
    }
    if let Some(ocsp) = &scenario.ocsp {
        names.check_all(&["ocsp", "certificate"], &ocsp.certificate)?;
        names.check_all(&["ocsp", "signed-by"], &ocsp.signed_by)?;
    }
    Ok(())
}

/// A virtual host is a server's in a story, and has a name of its own.
fn check_vhost(
    document: &Document<'_>,
    scenario: &Scenario,
    name: &str,
) -> Result<(), DocumentError> {
    if !scenario.is_story() || scenario.roles != [Role::Server] {
        let message = "a virtual host is for stories about servers";
        let hint = "write `roles = [\"server\"]` and a [[step]]".to_owned();
        return Err(document.error_at(&["vhost"], message, Some(hint)));
    }
    let asked = |name: &str| {
        let mut steps = scenario.steps.iter();
        steps.any(|step| step.sni.as_deref() == Some(name))
    };
    if !asked(name) {
        let message = format!("nobody asks for `{name}`");
        let hint = format!("write `sni = \"{name}\"` at a step that connects");
        return Err(document.error_at(&["vhost", "name"], &message, Some(hint)));
    }
    Ok(())
}

/// Numbers that TLS can carry and a machine can bear.
fn check_sizes(document: &Document<'_>, scenario: &Scenario) -> Result<(), DocumentError> {
    let within = |place: &[&str], value: Option<u32>, least: u32, most: u32| match value {
        Some(value) if !(least..=most).contains(&value) => {
            let message = format!("{value} is out of range");
            let hint = format!("write a number from {least} to {most}");
            Err(document.error_at(place, &message, Some(hint)))
        }
        _ => Ok(()),
    };
    for (name, recipe) in &scenario.pki {
        within(&["pki", name, "chain"], recipe.chain.map(u32::from), 1, 200)?;
        within(
            &["pki", name, "copies"],
            recipe.copies.map(u32::from),
            1,
            200,
        )?;
        within(
            &["pki", name, "filler-names"],
            recipe.filler_names,
            0,
            10_000,
        )?;
    }
    for (name, crl) in &scenario.crl {
        within(&["crl", name, "filler"], Some(crl.filler), 0, 1_000_000)?;
    }
    let peer = &scenario.peer;
    within(
        &["peer", "fragment"],
        peer.fragment.map(u32::from),
        1,
        16_384,
    )?;
    within(&["peer", "dribble"], peer.dribble.map(u32::from), 1, 16_384)?;
    within(&["peer", "crowd"], peer.crowd.map(u32::from), 0, 1000)?;
    within(
        &["peer", "filler-hints"],
        peer.filler_hints.map(u32::from),
        0,
        5000,
    )?;
    let deadline = scenario.target.handshake_deadline_ms;
    within(&["target", "handshake-deadline-ms"], deadline, 1, 60_000)
}

pub(in crate::scenario) struct Names<'a> {
    document: &'a Document<'a>,
    known: BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    fn of(document: &'a Document<'a>, scenario: &'a Scenario) -> Self {
        let own = scenario.pki.keys().map(String::as_str);
        Self {
            document,
            known: BASELINE.into_iter().chain(own).collect(),
        }
    }

    fn check_all<'n>(
        &self,
        place: &[&str],
        used: impl IntoIterator<Item = &'n String>,
    ) -> Result<(), DocumentError> {
        let Some(stranger) = used
            .into_iter()
            .find(|name| !self.known.contains(name.as_str()))
        else {
            return Ok(());
        };
        let hint = nearest(stranger, self.known.iter().copied()).map_or_else(
            || format!("add a [pki.{stranger}] with `like = \"root\"`, \"issuing\" or \"peer\""),
            |nearest| format!("did you mean `{nearest}`?"),
        );
        let message = format!("there is no PKI entry `{stranger}`");
        Err(self
            .document
            .error_at_word(place, stranger, &message, Some(hint)))
    }

    fn check_recipe(&self, name: &str, recipe: &Recipe) -> Result<(), DocumentError> {
        self.check_all(&["pki", name, "issuer"], &recipe.issuer)?;
        self.check_all(&["pki", name, "key-of"], &recipe.key_of)?;
        match &recipe.like {
            None if !BASELINE.contains(&name) => {
                let message = format!("the PKI entry `{name}` does not say what it starts from");
                let hint =
                    "write `like = \"root\"`, \"issuing\", \"target\" or \"peer\"".to_owned();
                Err(self.document.error_at(&["pki", name], &message, Some(hint)))
            }
            Some(like) if !BASELINE.contains(&like.as_str()) => {
                let message = format!("`{like}` is not a baseline entry");
                let hint = nearest(like, BASELINE).map_or_else(
                    || format!("it is one of {}", BASELINE.join(", ")),
                    |nearest| format!("did you mean `{nearest}`?"),
                );
                Err(self
                    .document
                    .error_at(&["pki", name, "like"], &message, Some(hint)))
            }
            _ => Ok(()),
        }
    }

    fn check_cycles(&self, scenario: &Scenario) -> Result<(), DocumentError> {
        for name in scenario.pki.keys() {
            let mut seen = BTreeSet::from([name.as_str()]);
            let mut here = name.as_str();
            while let Some(issuer) = scenario.issuer_of(here).filter(|issuer| *issuer != here) {
                if !seen.insert(issuer) {
                    let message = format!("the issuers of `{name}` go round in a circle");
                    let hint = format!(
                        "end it: give one of them another `issuer`, or its own name to sign itself (`{issuer}` comes round again)"
                    );
                    return Err(self.document.error_at(
                        &["pki", name, "issuer"],
                        &message,
                        Some(hint),
                    ));
                }
                here = issuer;
            }
        }
        Ok(())
    }
}
