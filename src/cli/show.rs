//! `show`: a scenario in words, with its certificates drawn as a chain.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::anyhow;
use clap::Args;
use serde_json::Value;

use super::exit::Exit;
use super::{Failure, print};
use crate::document::nearest;
use crate::expect::Outcome;
use crate::pki::recipe::Recipe;
use crate::scenario::load;
use crate::scenario::{Scenario, TwinPlan};

/// What `show` is told.
#[derive(Args)]
pub(super) struct Arguments {
    /// The scenario, or one of its cases.
    #[arg(value_name = "ID", required_unless_present = "keys")]
    id: Option<String>,

    /// Read scenarios from this folder instead of the built-in ones; may be given several times.
    #[arg(long, value_name = "DIR")]
    scenarios: Vec<PathBuf>,

    /// Print every key that a scenario file can have.
    #[arg(long)]
    keys: bool,
}

pub(super) fn show(arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.keys {
        return print(&keys());
    }
    let scenario = find(
        arguments.id.as_deref().unwrap_or_default(),
        &arguments.scenarios,
    )?;
    print(&explain(&scenario))
}

/// The scenario with this id, or the one that the case with this id belongs to.
pub(super) fn find(id: &str, folders: &[PathBuf]) -> Result<Arc<Scenario>, Failure> {
    let scenarios = if folders.is_empty() {
        load::built_in()
    } else {
        load::folders(folders)
    };
    let scenarios = scenarios.map_err(Failure::usage)?;
    let of_case = |scenario: &&Arc<Scenario>| {
        id.strip_prefix(&scenario.id)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if let Some(scenario) = scenarios.iter().find(of_case) {
        return Ok(Arc::clone(scenario));
    }
    let hint = nearest(id, scenarios.iter().map(|scenario| scenario.id.as_str())).map_or_else(
        || "`mtls-gauntlet list` shows what there is".into(),
        |nearest| format!("did you mean `{nearest}`?"),
    );
    Err(Failure::nothing_selected(anyhow!(
        "there is no scenario `{id}`\nhelp: {hint}"
    )))
}

fn explain(scenario: &Scenario) -> String {
    let mut out = format!(
        "{}\n{}\n\n{}\n",
        scenario.id,
        scenario.title,
        scenario.why.trim()
    );
    let _ = writeln!(out, "\nlevel     {}", scenario.level);
    let _ = writeln!(out, "spec      {}", scenario.spec.join("; "));
    let roles: Vec<_> = scenario.roles.iter().map(ToString::to_string).collect();
    let versions: Vec<_> = scenario.tls.iter().map(ToString::to_string).collect();
    let _ = writeln!(
        out,
        "runs      target as {}; {}",
        roles.join(" and "),
        versions.join(" and ")
    );
    if !scenario.tags.is_empty() {
        let _ = writeln!(out, "tags      {}", scenario.tags.join(", "));
    }
    let _ = writeln!(out, "file      {}", scenario.path);

    out.push_str("\nCertificates\n");
    let tree = Tree { scenario };
    let names = tree.names();
    for root in names.iter().filter(|name| tree.is_root(name)) {
        tree.draw(&mut out, root, &names, 1);
    }
    section(&mut out, "Peer", &scenario.peer);
    section(&mut out, "Target", &scenario.target);
    for (name, crl) in &scenario.crl {
        section(&mut out, &format!("CRL of {name}"), crl);
    }
    if let Some(ocsp) = &scenario.ocsp {
        section(&mut out, "Stapled OCSP response", ocsp);
    }
    out.push_str("\nExpected\n");
    for (key, value) in fields(&scenario.expect, &()) {
        let _ = writeln!(out, "  {key} = {}", shortened(&value));
    }
    if scenario.expect.outcome == Outcome::Reject {
        twin(&mut out, scenario.twin.as_ref());
    }
    out
}

fn twin(out: &mut String, plan: Option<&TwinPlan>) {
    match plan {
        Some(plan) => section(out, "Twin, which must be accepted: the same, but", plan),
        None => out.push_str(
            "\nTwin, which must be accepted: the same without what differs in the peer and the issuing authority\n",
        ),
    }
}

/// Draws who issued whom.
struct Tree<'s> {
    scenario: &'s Scenario,
}

impl<'s> Tree<'s> {
    fn names(&self) -> BTreeSet<&'s str> {
        let baseline = load::BASELINE.into_iter().filter(|name| *name != "target");
        baseline
            .chain(self.scenario.pki.keys().map(String::as_str))
            .collect()
    }

    fn is_root(&self, name: &str) -> bool {
        self.scenario
            .issuer_of(name)
            .is_none_or(|issuer| issuer == name)
    }

    fn draw(&self, out: &mut String, name: &str, names: &BTreeSet<&str>, depth: usize) {
        let trusted = self
            .scenario
            .target
            .trusts
            .as_ref()
            .map_or(name == "root", |trusts| {
                trusts.iter().any(|anchor| anchor == name)
            });
        let mut notes = Vec::new();
        if trusted {
            notes.push("trusted by the target".to_owned());
        }
        notes.extend(
            self.scenario
                .pki
                .get(name)
                .map(differences)
                .unwrap_or_default(),
        );
        let notes = if notes.is_empty() {
            String::new()
        } else {
            format!("  ({})", notes.join("; "))
        };
        let _ = writeln!(out, "{}{name}{notes}", "  ".repeat(depth));
        for child in names
            .iter()
            .filter(|child| **child != name && self.scenario.issuer_of(child) == Some(name))
        {
            self.draw(out, child, names, depth + 1);
        }
    }
}

/// What a recipe says beside its issuer, which the drawing shows.
fn differences(recipe: &Recipe) -> Vec<String> {
    fields(recipe, &Recipe::default())
        .into_iter()
        .filter(|(key, _)| key != "issuer")
        .map(|(key, value)| format!("{key} = {}", shortened(&value)))
        .collect()
}

fn section<P: serde::Serialize + Default>(out: &mut String, title: &str, plan: &P) {
    let fields = fields(plan, &P::default());
    if fields.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{title}");
    for (key, value) in fields {
        let _ = writeln!(out, "  {key} = {}", shortened(&value));
    }
}

/// What a plan says beyond what plans of its kind say by default.
fn fields(plan: &impl serde::Serialize, default: &impl serde::Serialize) -> Vec<(String, Value)> {
    let (Ok(Value::Object(fields)), Ok(default)) =
        (serde_json::to_value(plan), serde_json::to_value(default))
    else {
        return Vec::new();
    };
    fields
        .into_iter()
        .filter(|(key, value)| !value.is_null() && default.get(key) != Some(value))
        .collect()
}

fn shortened(value: &Value) -> String {
    const LONGEST: usize = 160;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}... ({} characters)", &text[..end], text.chars().count()),
        None => text,
    }
}

/// Every table of a scenario file with its keys, from the schema of the types.
fn keys() -> String {
    let schema = schemars::schema_for!(Scenario).to_value();
    let mut out = String::from("A scenario file\n");
    describe(&mut out, &schema);
    let definitions = schema.get("$defs").and_then(Value::as_object);
    for (name, definition) in definitions.into_iter().flatten() {
        let _ = writeln!(out, "\n{name}: {}", description(definition));
        describe(&mut out, definition);
    }
    out
}

fn describe(out: &mut String, schema: &Value) {
    let properties = schema.get("properties").and_then(Value::as_object);
    for (key, property) in properties.into_iter().flatten() {
        let _ = writeln!(out, "  {key:<24} {}", description(property));
    }
    for alternative in schema
        .get("oneOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        if let Some(word) = alternative.get("const").and_then(Value::as_str) {
            let _ = writeln!(out, "  \"{word}\"  {}", description(alternative));
        }
        let variant = alternative.get("properties").and_then(Value::as_object);
        for (key, _) in variant.into_iter().flatten() {
            let _ = writeln!(out, "  {{ {key} = ... }}  {}", description(alternative));
        }
    }
}

fn description(schema: &Value) -> String {
    let text = schema
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default();
    text.replace('\n', " ")
}
