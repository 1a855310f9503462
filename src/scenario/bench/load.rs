//! Loading bench plans: the built-in ones by name, or a file by its path.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::{Arrival, Authentication, BenchPlan, Group, RowPlan, Setting};
use crate::document::{Document, DocumentError, nearest};
use crate::expect::HandshakeKind;
use crate::scenario::TlsVersion;

/// The plans that the program carries.
const BUILT_IN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/bench.rs"));

/// How many rows a plan can have.
const MOST_ROWS: usize = 10_000;

/// The longest file that can be a plan, in octets.
const LARGEST: u64 = 1024 * 1024;

/// The built-in plans, in the order of their names.
///
/// # Errors
/// At the first file that is not a valid plan.
pub fn built_in() -> Result<Vec<BenchPlan>, DocumentError> {
    let files = BUILT_IN.iter();
    files
        .map(|(file, text)| {
            let name = file.trim_end_matches(".toml");
            parse(name, &format!("scenarios/bench/{file}"), text)
        })
        .collect()
}

/// The built-in plan with this name, or the one in this file, for a name that ends in `.toml`.
///
/// # Errors
/// Says what is wrong with the file, or which name is near where there is no such plan.
pub fn find(name: &str) -> Result<BenchPlan, String> {
    if name.ends_with(".toml") {
        return read(Path::new(name));
    }
    let plans = built_in().map_err(|error| error.to_string())?;
    let names: Vec<String> = plans.iter().map(|plan| plan.name.clone()).collect();
    plans
        .into_iter()
        .find(|plan| plan.name == name)
        .ok_or_else(|| {
            let hint = match nearest(name, names.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "there are {}; a file of your own ends in .toml",
                    names.join(", ")
                ),
            };
            format!("there is no bench plan `{name}`\nhelp: {hint}")
        })
}

/// The plan in this file.
///
/// # Errors
/// Says why it cannot be read, or what is wrong with it and where.
pub fn read(path: &Path) -> Result<BenchPlan, String> {
    let shown = path.display().to_string();
    let unreadable =
        |error: &dyn std::fmt::Display| format!("cannot read the bench plan `{shown}`: {error}");
    let metadata = fs::metadata(path).map_err(|error| unreadable(&error))?;
    if !metadata.is_file() {
        return Err(unreadable(&"it is not a regular file"));
    }
    if metadata.len() > LARGEST {
        return Err(unreadable(&"it is larger than a plan can be (1 MiB)"));
    }
    let text = fs::read_to_string(path).map_err(|error| unreadable(&error))?;
    let name = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned());
    parse(&name.unwrap_or_default(), &shown, &text).map_err(|error| error.to_string())
}

/// Parses one plan. `path` is what errors call the file.
///
/// # Errors
/// At the first thing that is wrong, with its place.
pub fn parse(name: &str, path: &str, text: &str) -> Result<BenchPlan, DocumentError> {
    let document = Document::parse(path, text)?;
    let mut plan: BenchPlan = document.read()?;
    plan.name = name.to_owned();
    plan.path = path.to_owned();
    check(&document, &plan)?;
    Ok(plan)
}

fn check(document: &Document<'_>, plan: &BenchPlan) -> Result<(), DocumentError> {
    match plan.mistake() {
        None => Ok(()),
        Some(Mistake {
            keys,
            message,
            hint,
        }) => {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            Err(document.error_at(&keys, &message, hint))
        }
    }
}

/// What is wrong with a plan that can be read, and where.
struct Mistake {
    keys: Vec<String>,
    message: String,
    hint: Option<String>,
}

impl Mistake {
    fn new(keys: &[&str], message: impl Into<String>, hint: &str) -> Self {
        Self {
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            message: message.into(),
            hint: (!hint.is_empty()).then(|| hint.to_owned()),
        }
    }
}

impl BenchPlan {
    /// Looks for contradictions, in a plan that was changed since it was read.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        match self.mistake() {
            None => Ok(()),
            Some(Mistake {
                message,
                hint: None,
                ..
            }) => Err(message),
            Some(Mistake {
                message,
                hint: Some(hint),
                ..
            }) => Err(format!("{message}\nhelp: {hint}")),
        }
    }

    fn mistake(&self) -> Option<Mistake> {
        let measure = self.measure;
        if !(1_000..=86_400_000_000).contains(&measure.duration.as_micros()) {
            let keys = ["measure", "duration"];
            return Some(Mistake::new(
                &keys,
                "nothing can be measured for so long",
                "write 1ms to 1d",
            ));
        }
        if measure.warm_up.as_micros() > 3_600_000_000 {
            let keys = ["measure", "warm-up"];
            return Some(Mistake::new(
                &keys,
                "nothing has to warm up for so long",
                "write an hour at most",
            ));
        }
        if !(1..=1000).contains(&measure.repetitions) {
            let keys = ["measure", "repetitions"];
            let hint =
                "write 1 to 1000; several give an idea of how much chance there is in a figure";
            return Some(Mistake::new(&keys, "nothing is measured so often", hint));
        }
        if self.axes.product().saturating_mul(self.rows.len().max(1)) > MOST_ROWS {
            let message = format!("the axes make more than {MOST_ROWS} rows");
            return Some(Mistake::new(
                &["axes"],
                message,
                "measure fewer values at once",
            ));
        }
        let rows = self.rows();
        let mut names = BTreeSet::new();
        for row in &rows {
            if row.name.is_empty() || row.name.contains(char::is_control) {
                return Some(Mistake::new(
                    &["row"],
                    format!("a row is called {:?}", row.name),
                    "a name has letters, and neither line ends nor control characters",
                ));
            }
            if !names.insert(row.name.as_str()) {
                let hint = "give each row a name of its own, and each axis different values";
                return Some(Mistake::new(
                    &["row"],
                    format!("two rows are called `{}`", row.name),
                    hint,
                ));
            }
            if let Some((key, message)) = contradiction(&row.setting) {
                let message = format!("row `{}`: {message}", row.name);
                let own = |named: &RowPlan| {
                    let rest = row.name.strip_prefix(&named.name);
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                };
                let place = self.rows.iter().position(own);
                return Some(match place {
                    Some(place) => {
                        Mistake::new(&["row", &place.to_string(), "setting", key], message, "")
                    }
                    None => Mistake::new(&["setting", key], message, ""),
                });
            }
        }
        let reference = self.reference.as_deref()?;
        if names.contains(reference) {
            return None;
        }
        let near = nearest(reference, names.iter().copied());
        let hint = near
            .map(|near| format!("did you mean `{near}`?"))
            .unwrap_or_default();
        Some(Mistake::new(
            &["reference"],
            format!("no row is called `{reference}`"),
            &hint,
        ))
    }
}

/// What in a setting cannot be, and the key that says it.
fn contradiction(setting: &Setting) -> Option<(&'static str, &'static str)> {
    let plaintext = setting.auth == Authentication::Plaintext;
    let no_clients = setting.auth != Authentication::Mutual;
    let strangers = setting.strangers != super::Strangers::None;
    let checks = [
        (
            !(2..=8).contains(&setting.depth),
            "depth",
            "a path has 2 to 8 certificates, trust anchor included",
        ),
        (
            !(1..=10_000).contains(&setting.bundle),
            "bundle",
            "a bundle has 1 to 10000 anchors",
        ),
        (
            setting.crl_entries > 2_000_000,
            "crl-entries",
            "a list has 2000000 entries at most",
        ),
        (
            !(1..=20_000).contains(&setting.in_flight),
            "in-flight",
            "write 1 to 20000 connections",
        ),
        (
            setting.stranger_share > 100,
            "stranger-share",
            "a share is 100 at most",
        ),
        (
            strangers != (setting.stranger_share > 0),
            "stranger-share",
            "strangers need a share above 0, and a share needs strangers",
        ),
        (
            strangers && no_clients,
            "strangers",
            "nobody is a stranger where clients are not asked who they are",
        ),
        (
            setting.crl_entries > 0 && no_clients,
            "crl-entries",
            "a list is looked at where clients are verified: auth = \"mutual\"",
        ),
        (
            plaintext && setting.handshake == HandshakeKind::Resumed,
            "handshake",
            "without TLS nothing is resumed",
        ),
        (
            setting.tls == TlsVersion::Tls12 && setting.group == Group::X25519Mlkem768,
            "group",
            "x25519mlkem768 is for TLS 1.3 alone",
        ),
        (
            setting.arrival == Arrival::Closed && setting.rotates != super::Rotation::Nothing,
            "arrival",
            "what a rotation does shows in an open loop",
        ),
        (
            plaintext && setting.rotates != super::Rotation::Nothing,
            "rotates",
            "without TLS there is nothing to rotate",
        ),
    ];
    checks
        .into_iter()
        .find_map(|(wrong, key, message)| wrong.then_some((key, message)))
}
