//! The planted bugs that scenarios name: scenarios know no targets, so it is here that the two meet.

use std::fs;
use std::sync::Arc;

use anyhow::anyhow;

use crate::document::{Document, nearest};
use crate::scenario::Scenario;
use crate::target::planted::Bug;

/// Checks that every bug is there that scenarios say fails them.
///
/// # Errors
/// At the first that is not, with its place in the file.
pub(super) fn check_bugs(scenarios: &[Arc<Scenario>]) -> Result<(), anyhow::Error> {
    for scenario in scenarios {
        let mut named = scenario.fails.iter();
        if let Some(stranger) = named.find(|name| Bug::named(name).is_none()) {
            return Err(unknown(scenario, stranger));
        }
    }
    Ok(())
}

fn unknown(scenario: &Scenario, name: &str) -> anyhow::Error {
    let message = format!("there is no planted bug `{name}`");
    let hint = match nearest(name, Bug::ALL.iter().map(|bug| bug.name())) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => "`mtls-gauntlet list --targets` shows them, with `planted:` in front".to_owned(),
    };
    let path = scenario.path.as_str();
    let text = fs::read_to_string(path).unwrap_or_default();
    match Document::parse(path, &text) {
        Ok(document) if !text.is_empty() => {
            anyhow!(document.error_at_word(&["fails"], name, &message, Some(hint)))
        }
        // The file has changed since it was read.
        _ => anyhow!("{path}: {message}\nhelp: {hint}"),
    }
}
