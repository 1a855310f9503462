//! The steps of a story: which keys each takes, and what must have come before.

use super::Names;
use crate::document::{Document, DocumentError};
use crate::expect::{HandshakeKind, Outcome};
use crate::scenario::step::{Action, Step};
use crate::scenario::{Role, Scenario};

/// Checks a scenario's steps, where it is the story of a pair; and that only who has steps says `holds`.
///
/// # Errors
/// At the first step that means nothing.
pub fn check_story(document: &Document<'_>, scenario: &Scenario) -> Result<(), DocumentError> {
    let holds = scenario.expect.outcome == Outcome::Holds;
    if scenario.fleet.is_some() {
        return Ok(());
    }
    if scenario.steps.is_empty() {
        if holds {
            let message =
                "`holds` is for scenarios with steps: there is nothing here that could hold";
            let hint = "expect `accept`, `reject` or `policy`, or write a [[step]]".to_owned();
            return Err(document.error_at(&["expect", "outcome"], message, Some(hint)));
        }
        return Ok(());
    }
    if !holds {
        let message = "a scenario with steps says at each connection what it expects of that one";
        let hint = "write `outcome = \"holds\"`, and `expect` at the steps".to_owned();
        return Err(document.error_at(&["expect", "outcome"], message, Some(hint)));
    }
    if !scenario.expect.alert.is_empty() {
        let message = "a story does not look at alerts: each of its refusals may come in any way";
        return Err(document.error_at(&["expect", "alert"], message, None));
    }
    let story = Story {
        document,
        scenario,
        names: Names::of(document, scenario),
    };
    for place in 0..scenario.steps.len() {
        story.check_step(place)?;
    }
    let connects = |step: &Step| step.action.connects();
    if !scenario.steps.iter().any(connects) {
        let message = "a story in which nobody connects shows nothing";
        return Err(document.error_at(&["step"], message, None));
    }
    story.check_end()
}

struct Story<'a> {
    document: &'a Document<'a>,
    scenario: &'a Scenario,
    names: Names<'a>,
}

impl Story<'_> {
    fn check_step(&self, place: usize) -> Result<(), DocumentError> {
        let step = &self.scenario.steps[place];
        let name = step.action.name();
        let Some((needed, optional)) = keys(step.action) else {
            let message = format!("`{name}` is a step of fleets, and there is no [fleet]");
            let hint = "in a story the steps are connect, resume, hold, ask, replace-trust, replace-crl, \
                        replace-client-auth, forget-tickets, advance and restart";
            return Err(self.wrong(place, "do", &message, Some(hint)));
        };
        let written = written(step);
        if let Some(stray) = written
            .iter()
            .find(|key| !needed.contains(key) && !optional.contains(key))
        {
            let takes: Vec<_> = needed
                .iter()
                .chain(optional)
                .map(|key| format!("`{key}`"))
                .collect();
            let hint = match takes.is_empty() {
                true => "it takes no key".to_owned(),
                false => format!("it takes {}", takes.join(", ")),
            };
            let message = format!("`{name}` has no use for `{stray}`");
            return Err(self.wrong(place, stray, &message, Some(&hint)));
        }
        if let Some(missing) = needed.iter().find(|key| !written.contains(key)) {
            let message = format!("`{name}` needs `{missing}`");
            return Err(self.wrong(place, "do", &message, None));
        }
        self.check_values(place)
    }

    fn check_values(&self, place: usize) -> Result<(), DocumentError> {
        let step = &self.scenario.steps[place];
        let at = place.to_string();
        self.names.check_all(&["step", &at, "who"], &step.who)?;
        let trusts = step.trusts.iter().flatten();
        self.names.check_all(&["step", &at, "trusts"], trusts)?;
        let revokes = step.revokes.iter().flatten();
        self.names.check_all(&["step", &at, "revokes"], revokes)?;
        if step.expect == Some(Outcome::Holds) {
            let hint = "write accept, reject or policy";
            let message = "a single connection is accepted or refused";
            return Err(self.wrong(place, "expect", message, Some(hint)));
        }
        if step.handshake == Some(HandshakeKind::Full) && step.expect != Some(Outcome::Accept) {
            let message = "a refusal has no kind of handshake";
            let hint = "`full` goes with `accept`; `resumed` beside `reject` is about the control, in which \
                        nothing changes";
            return Err(self.wrong(place, "handshake", message, Some(hint)));
        }
        if step.by.is_some_and(|by| by.as_micros() == 0) {
            return Err(self.wrong(place, "by", "the clock would stand still", None));
        }
        let servers_only = matches!(
            step.action,
            Action::Hold | Action::Ask | Action::ReplaceClientAuth
        );
        if servers_only && self.scenario.roles != [Role::Server] {
            let message = format!("`{}` is about servers", step.action.name());
            let hint = "write `roles = [\"server\"]`";
            return Err(self.wrong(place, "do", &message, Some(hint)));
        }
        if step.sni.is_some() && self.scenario.roles != [Role::Server] {
            let hint = "write `roles = [\"server\"]`";
            return Err(self.wrong(
                place,
                "sni",
                "only servers are asked for a name",
                Some(hint),
            ));
        }
        let before = &self.scenario.steps[..place];
        let needs = match step.action {
            Action::Resume => Some((
                before
                    .iter()
                    .any(|earlier| earlier.action.connects() && earlier.who == step.who),
                "a session is resumed before one was made",
                "write a `connect` by the same `who` before it",
            )),
            Action::Ask => Some((
                before.iter().any(|earlier| earlier.action == Action::Hold),
                "no connection is held that could be asked on",
                "write a `hold` before it",
            )),
            _ => None,
        };
        if let Some((false, message, hint)) = needs {
            return Err(self.wrong(place, "do", message, Some(hint)));
        }
        self.check_lists(place)
    }

    /// Who is revoked must be on somebody's list.
    fn check_lists(&self, place: usize) -> Result<(), DocumentError> {
        let step = &self.scenario.steps[place];
        let Some(revoked) = &step.revokes else {
            return Ok(());
        };
        let lists = &self.scenario.crl;
        if lists.is_empty() {
            let message = "the target has no list that could be replaced";
            let hint = "write a [crl.issuing] and a [crl.root], which it has from its start";
            return Err(self.wrong(place, "do", message, Some(hint)));
        }
        for entry in revoked {
            let issuer = self.scenario.issuer_of(entry).unwrap_or_default();
            let listed = lists
                .iter()
                .any(|(name, list)| list.issuer.as_deref().unwrap_or(name) == issuer);
            if !listed {
                let message = format!("nobody has a list for `{entry}`");
                let hint = format!("write a [crl.{issuer}]: that is who issued it");
                return Err(self.wrong(place, "revokes", &message, Some(&hint)));
            }
        }
        Ok(())
    }

    /// What happens must be looked at afterwards, and what is held must be asked on: a story that nobody looks at
    /// holds whatever happens in it.
    fn check_end(&self) -> Result<(), DocumentError> {
        let steps = &self.scenario.steps;
        let last = steps.len().saturating_sub(1);
        if steps.last().is_some_and(|step| !step.action.connects()) {
            let message = "nobody connects after this, so it shows nothing";
            let hint = "write a `connect`, `resume` or `ask` after it, or leave it out";
            return Err(self.wrong(last, "do", message, Some(hint)));
        }
        let mut held = None;
        for (place, step) in steps.iter().enumerate() {
            match step.action {
                // Who is refused holds nothing.
                Action::Hold if step.expect == Some(Outcome::Reject) => {}
                // Another is held in the place of the first.
                Action::Hold if held.is_some() => break,
                Action::Hold => held = Some(place),
                Action::Ask => held = None,
                _ => {}
            }
        }
        if let Some(place) = held {
            let message = "nobody asks on the connection that is held";
            let hint = "write an `ask` after it, or `connect` instead";
            return Err(self.wrong(place, "do", message, Some(hint)));
        }
        Ok(())
    }

    fn wrong(&self, place: usize, key: &str, message: &str, hint: Option<&str>) -> DocumentError {
        let keys = ["step", &place.to_string(), key];
        self.document
            .error_at(&keys, message, hint.map(str::to_owned))
    }
}

/// The keys that a step of a story needs, and those that it may have; none for steps of fleets.
fn keys(action: Action) -> Option<(&'static [&'static str], &'static [&'static str])> {
    Some(match action {
        Action::Connect | Action::Resume => (&["expect"], &["who", "sni", "handshake"]),
        Action::Hold => (&["expect"], &["who", "sni"]),
        Action::Ask => (&["expect"], &[]),
        Action::ReplaceTrust => (&["trusts"], &[]),
        Action::ReplaceCrl => (&["revokes"], &[]),
        Action::ReplaceClientAuth => (&["client-auth"], &[]),
        Action::Advance => (&["by"], &[]),
        Action::ForgetTickets | Action::Restart => (&[], &[]),
        _ => return None,
    })
}

/// The keys that are written at a step.
pub(super) fn written(step: &Step) -> Vec<&'static str> {
    let Step {
        action: _,
        at,
        expect,
        handshake,
        who,
        sni,
        trusts,
        revokes,
        client_auth,
        by,
        lasts,
        services,
        style,
        defect,
        gap,
        count,
        every,
        octet,
        record,
        strike,
        back,
    } = step;
    [
        ("at", at.is_some()),
        ("expect", expect.is_some()),
        ("handshake", handshake.is_some()),
        ("who", who.is_some()),
        ("sni", sni.is_some()),
        ("trusts", trusts.is_some()),
        ("revokes", revokes.is_some()),
        ("client-auth", client_auth.is_some()),
        ("by", by.is_some()),
        ("for", lasts.is_some()),
        ("services", services.is_some()),
        ("style", style.is_some()),
        ("defect", defect.is_some()),
        ("gap", gap.is_some()),
        ("count", count.is_some()),
        ("every", every.is_some()),
        ("octet", octet.is_some()),
        ("record", record.is_some()),
        ("strike", strike.is_some()),
        ("back", back.is_some()),
    ]
    .into_iter()
    .filter_map(|(key, written)| written.then_some(key))
    .collect()
}
