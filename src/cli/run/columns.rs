//! The columns of a run: the targets that were asked for.

use std::sync::Arc;

use anyhow::anyhow;

use super::super::Failure;
use crate::record::TargetRecord;
use crate::scenario::Role;
use crate::target::{Target, registry};

/// The columns of a run.
#[derive(Default)]
pub(in crate::cli) struct Columns {
    /// The targets that are there.
    pub(in crate::cli) there: Vec<Arc<dyn Target>>,
    /// The columns of those that are not.
    pub(in crate::cli) absent: Vec<TargetRecord>,
}

impl Columns {
    /// The targets with these names. One that somebody asks for must be there.
    pub(in crate::cli) fn named(names: &[String]) -> Result<Self, Failure> {
        let mut columns = Self::default();
        let mut asked = Vec::new();
        for name in names {
            let target = registry::find(name).map_err(Failure::usage)?;
            if let Some(why) = target.absent() {
                let error = anyhow!("the target `{name}` is absent: {why}");
                return Err(Failure::usage(error));
            }
            let called = target.name();
            if columns.there.iter().all(|known| known.name() != called) {
                asked.push(name);
                columns.there.push(target);
            } else if !asked.contains(&name) {
                return Err(Failure::usage(anyhow!(
                    "two targets would be called `{called}`, and `{name}` is the second\nhelp: give one of the files another name"
                )));
            }
        }
        Ok(columns)
    }

    /// Every target but those that are there to show what goes wrong.
    pub(in crate::cli) fn all() -> Result<Self, Failure> {
        let mut columns = Self::default();
        for name in registry::names() {
            if registry::is_cautionary(&name) {
                continue;
            }
            let target = registry::find(&name).map_err(Failure::usage)?;
            let Some(why) = target.absent() else {
                columns.there.push(target);
                continue;
            };
            let roles = Role::ALL.into_iter().filter(|role| target.plays(*role));
            columns.absent.extend(roles.map(|role| TargetRecord {
                name: name.clone(),
                role,
                version: String::new(),
                starts: 0,
                environments: 0,
                absent: Some(why.clone()),
            }));
        }
        Ok(columns)
    }
}
