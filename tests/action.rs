//! The GitHub action, run as a runner runs it: `action.yml` is read, its expressions are filled in, and its
//! script goes to bash with the files of a step.
//!
//! There is no YAML library in the tree, and `action.yml` keeps a simple shape so that none is needed: two
//! spaces to a level, plain scalars, and `run: |` as the last key of a step.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

#[test]
fn a_run_as_expected_passes_the_step() {
    let step = Step::run(&[
        ("globs", "validity/expired"),
        ("args", "--transport memory --tls tls1.3"),
    ]);
    assert_eq!(step.output.status.code(), Some(0), "{:?}", step.output);
    assert_eq!(step.outputs()["exit-status"], "0");
    let told = String::from_utf8(step.output.stdout.clone()).unwrap();
    assert!(told.starts_with("::notice "), "{told}");
    assert!(step.summary().contains("**As expected.**"));
}

#[test]
fn a_planted_bug_fails_the_step_with_annotations_and_a_summary() {
    let step = Step::run(&[
        ("targets", "planted:ignores-expiry rustls"),
        // Runners hand over what people write in several lines.
        ("globs", "validity/expired\n!*/tls1.2\n"),
        ("args", "--transport memory"),
        ("out", "the reports"),
        ("junit", "ci report.xml"),
    ]);
    assert_eq!(step.output.status.code(), Some(1), "{:?}", step.output);
    let told = String::from_utf8(step.output.stdout.clone()).unwrap();
    let expected = "::error file=scenarios/validity/expired.toml,line=";
    assert!(told.starts_with(expected), "{told}");
    assert!(
        told.contains(
            "title=accepted-forbidden%3A validity/expired against planted%3Aignores-expiry::"
        ),
        "{told}"
    );
    assert!(told.contains("(client/tls1.3, server/tls1.3)\n"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");

    let outputs = step.outputs();
    assert_eq!(outputs["exit-status"], "1");
    let read = |name: &str| {
        let path = step.folder.path().join(&outputs[name]);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    assert!(read("record").contains("accepted-forbidden"));
    assert!(read("junit").contains("<failure"));
    assert_eq!(outputs["junit"], "ci report.xml");
    assert!(read("summary").contains("**Not as expected**"));
    assert_eq!(step.summary(), read("summary"));
}

#[test]
fn what_was_written_wrongly_fails_the_step_too() {
    let step = Step::run(&[("globs", "validity/expird")]);
    assert_eq!(step.output.status.code(), Some(3), "{:?}", step.output);
    assert_eq!(step.outputs()["exit-status"], "3");
}

#[test]
fn every_input_and_output_is_used_and_declared() {
    let action = Action::read();
    let used: BTreeSet<String> = between(&action.text, "${{ inputs.", " }}").collect();
    let conditions = action.text.lines().filter_map(|line| {
        let (_, rest) = line.split_once("if: inputs.")?;
        rest.split(' ').next().map(str::to_owned)
    });
    let used: BTreeSet<String> = used.into_iter().chain(conditions).collect();
    assert_eq!(used, action.inputs.keys().cloned().collect());
    let declared: BTreeSet<String> =
        between(&action.text, "${{ steps.run.outputs.", " }}").collect();
    let written: BTreeSet<String> = between(&action.script, "echo \"", "=").collect();
    assert_eq!(written, declared);
    for (name, _) in &action.variables {
        assert!(
            action.script.contains(&format!("${name}"))
                || action.script.contains(&format!("${{{name}:-"))
                || action.script.contains(&format!(":-${name}}}")),
            "{name} is not used"
        );
    }
}

/// What became of the step with the script.
struct Step {
    folder: tempfile::TempDir,
    output: Output,
}

impl Step {
    /// Runs it with these inputs, and what the action says for the others.
    fn run(given: &[(&str, &str)]) -> Self {
        let action = Action::read();
        let folder = tempfile::tempdir().unwrap();
        let mut inputs = action.inputs;
        inputs.insert(
            "binary".into(),
            env!("CARGO_BIN_EXE_mtls-gauntlet").to_owned(),
        );
        for (name, value) in given {
            let known = inputs.insert((*name).to_owned(), (*value).to_owned());
            assert!(known.is_some(), "{name} is no input");
        }
        fs::write(folder.path().join("script"), &action.script).unwrap();
        let mut bash = Command::new("bash");
        // As a runner starts `shell: bash`.
        bash.args(["--noprofile", "--norc", "-eo", "pipefail", "script"])
            .current_dir(folder.path())
            .env("GITHUB_OUTPUT", folder.path().join("output"))
            .env("GITHUB_STEP_SUMMARY", folder.path().join("step summary"))
            .stdin(Stdio::null());
        for (name, expression) in action.variables {
            bash.env(name, filled_in(&expression, &inputs));
        }
        let output = bash.output().unwrap();
        Self { folder, output }
    }

    fn outputs(&self) -> BTreeMap<String, String> {
        let text = fs::read_to_string(self.folder.path().join("output")).unwrap();
        let pairs = text.lines().map(|line| line.split_once('=').unwrap());
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    fn summary(&self) -> String {
        fs::read_to_string(self.folder.path().join("step summary")).unwrap()
    }
}

/// The parts of `action.yml` that a runner needs.
struct Action {
    text: String,
    /// The inputs, with what they are unless said.
    inputs: BTreeMap<String, String>,
    /// The variables of the step with the script, with their expressions.
    variables: Vec<(String, String)>,
    /// The script.
    script: String,
}

impl Action {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("action.yml");
        let text = fs::read_to_string(path).unwrap();
        let mut inputs = BTreeMap::new();
        let mut name = "";
        for line in block(&text, "inputs:") {
            match line.trim_start().split_once(':').unwrap() {
                (input, "") => name = input,
                ("default", value) => {
                    inputs.insert(name.to_owned(), value.trim().trim_matches('"').to_owned());
                }
                (key, _) => assert_eq!(key, "description", "of {name}"),
            }
        }
        let (_, step) = text.split_once("      id: run\n").unwrap();
        let variables = block(step, "      env:")
            .map(|line| line.trim_start().split_once(": ").unwrap())
            .map(|(name, expression)| (name.to_owned(), expression.to_owned()))
            .collect();
        let script = block(step, "      run: |")
            .map(|line| line.strip_prefix("        ").unwrap_or(line).to_owned() + "\n")
            .collect();
        Self {
            inputs,
            variables,
            script,
            text,
        }
    }
}

/// The lines below this one that are further in.
fn block<'t>(text: &'t str, head: &str) -> impl Iterator<Item = &'t str> {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let outer = depth(head);
    let mut lines = text.lines();
    assert!(lines.any(|line| line == head), "there is no `{head}`");
    lines.take_while(move |line| line.is_empty() || depth(line) > outer)
}

/// The expression's value, as far as expressions go here.
fn filled_in(expression: &str, inputs: &BTreeMap<String, String>) -> String {
    let mut value = expression.replace("${{ runner.temp }}", "/nowhere");
    for (name, input) in inputs {
        value = value.replace(&format!("${{{{ inputs.{name} }}}}"), input);
    }
    assert!(!value.contains("${{"), "{value}");
    value
}

fn between(text: &str, before: &str, after: &str) -> impl Iterator<Item = String> {
    let pieces = text.split(before).skip(1);
    pieces.filter_map(move |piece| Some(piece.split_once(after)?.0.to_owned()))
}
