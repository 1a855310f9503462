//! The arguments that select scenarios, shared by the commands that read them.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::anyhow;
use clap::Args;

use self::planted::check_bugs;
use super::Failure;
use super::shard::{ShardArgument, unused_variable, variable};
use crate::document::nearest;
use crate::scenario::expand::{Case, expand};
use crate::scenario::load;
use crate::scenario::select::{Selection, Shard, idle};
use crate::scenario::{Role, Scenario, TlsVersion};

mod planted;

/// Which scenarios and cases.
#[derive(Args)]
pub(super) struct SelectionArguments {
    /// Globs over scenario and case ids, such as 'validity/*' or '*/client/tls1.3'; a `!` in front
    /// excludes. Everything, unless said.
    #[arg(value_name = "GLOB")]
    globs: Vec<String>,

    /// Read scenarios from this folder instead of the built-in ones; may be given several times.
    #[arg(long, value_name = "DIR")]
    scenarios: Vec<PathBuf>,

    /// Only scenarios with this tag; may be given several times.
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,

    /// Only scenarios whose `spec` contains this text; may be given several times.
    #[arg(long, value_name = "TEXT")]
    spec: Vec<String>,

    /// Only cases in which the target plays this role.
    #[arg(long, value_name = "ROLE")]
    role: Option<Role>,

    /// Only cases over this TLS version: tls1.2 or tls1.3.
    #[arg(long, value_name = "VERSION")]
    tls: Option<TlsVersion>,

    /// Only part k of n; a case's part depends on its id alone. `auto` is the part that the variables of
    /// Slurm, Kubernetes or GitLab name, `auto/n` where they do not say how many there are.
    #[arg(long, value_name = "K/N")]
    shard: Option<ShardArgument>,
}

/// What a run runs.
pub(super) struct Chosen {
    /// The cases.
    pub(super) cases: Vec<Case>,
    /// Where they are those of a shard: which, and the cases of all shards.
    pub(super) part_of: Option<(Shard, Vec<Case>)>,
    /// How many cases of fleets are left out: they take time, and run where somebody asks for them by a
    /// glob, a tag or a specification.
    pub(super) left_out: usize,
}

impl SelectionArguments {
    /// The scenarios that are there to select from.
    pub(super) fn load(&self) -> Result<Vec<Arc<Scenario>>, Failure> {
        if self.scenarios.is_empty() {
            return load::built_in().map_err(Failure::usage);
        }
        let scenarios = load::folders(&self.scenarios).map_err(Failure::usage)?;
        check_bugs(&scenarios).map_err(Failure::usage)?;
        Ok(scenarios)
    }

    /// Are the scenarios the program's own?
    pub(super) fn is_built_in(&self) -> bool {
        self.scenarios.is_empty()
    }

    /// The selected cases, of this shard if one is asked for. It may be empty, the selection may not.
    pub(super) fn cases(&self) -> Result<Vec<Case>, Failure> {
        let shard = self.shard()?;
        let mut cases = self.cases_of_all_shards()?;
        cases.retain(|case| shard.is_none_or(|shard| shard.holds(&case.id())));
        Ok(cases)
    }

    /// The selected cases that a run runs.
    pub(super) fn cases_to_run(&self) -> Result<Chosen, Failure> {
        let shard = self.shard()?;
        let mut cases = self.cases_of_all_shards()?;
        let all = cases.len();
        let asked = |globs: &[String]| globs.iter().any(|glob| !glob.starts_with('!'));
        if !asked(&self.globs) && self.tag.is_empty() && self.spec.is_empty() {
            cases.retain(|case| case.network.is_none());
        }
        let left_out = all - cases.len();
        let Some(shard) = shard else {
            if let Some(name) = unused_variable(variable) {
                anstream::eprintln!(
                    "note: {name} is set, but every case runs here; `--shard auto` runs a part of them"
                );
            }
            return Ok(Chosen {
                cases,
                part_of: None,
                left_out,
            });
        };
        let held = |case: &&Case| shard.holds(&case.id());
        Ok(Chosen {
            cases: cases.iter().filter(held).cloned().collect(),
            part_of: Some((shard, cases)),
            left_out,
        })
    }

    fn shard(&self) -> Result<Option<Shard>, Failure> {
        let shard = self.shard.map(|shard| shard.resolve(variable));
        shard.transpose().map_err(Failure::usage)
    }

    fn cases_of_all_shards(&self) -> Result<Vec<Case>, Failure> {
        let scenarios = self.load()?;
        let selection = Selection::of_globs(&self.globs)
            .map_err(Failure::usage)?
            .with_tags(self.tag.clone())
            .with_specs(self.spec.clone());
        let mut cases = expand(&scenarios);
        // A misspelt id beside a good one would not be missed. Tags, roles and shards may leave nothing of one.
        if let Some(glob) = idle(&self.globs, &cases).map_err(Failure::usage)? {
            let message = format!("no scenario or case fits `{glob}`");
            let error = nothing(&message, Some(glob), &scenarios);
            return Err(Failure::nothing_selected(error));
        }
        cases.retain(|case| {
            selection.selects(case)
                && self.role.is_none_or(|role| case.role == role)
                && self.tls.is_none_or(|tls| case.tls == tls)
        });
        if cases.is_empty() {
            let message = "no scenario is selected by what was asked for";
            let glob = self.globs.first().map(String::as_str);
            let error = nothing(message, glob, &scenarios);
            return Err(Failure::nothing_selected(error));
        }
        Ok(cases)
    }
}

fn nothing(message: &str, glob: Option<&str>, scenarios: &[Arc<Scenario>]) -> anyhow::Error {
    let ids = scenarios.iter().map(|scenario| scenario.id.as_str());
    let hint = match glob.and_then(|glob| nearest(glob, ids)) {
        Some(id) => format!("did you mean `{id}`?"),
        None => "`mtls-gauntlet list` shows what there is".into(),
    };
    anyhow!("{message}, of {} there are\nhelp: {hint}", scenarios.len())
}
