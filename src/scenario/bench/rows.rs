//! From a plan to its rows.

use super::{Arrival, BenchPlan, Setting, SettingPlan};
use crate::digest::sha256_start;
use crate::document::Document;

/// One setting to be measured in, with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its name within the plan: `mutual`, `p256/depth-3`.
    pub name: String,
    /// What is pinned.
    pub setting: Setting,
}

impl BenchPlan {
    /// Lets these `key=value` hold for every row, whatever the file says of them.
    ///
    /// # Errors
    /// When one is no key of a setting, or its value none of that key's.
    pub fn override_with(&mut self, pairs: &[String]) -> Result<(), String> {
        for pair in pairs {
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| format!("`{pair}` is not KEY=VALUE, as in key=rsa2048"))?;
            // Bare words are what nearly all values are; numbers are the rest.
            let text = match value.parse::<u32>() {
                Ok(number) => format!("{key} = {number}"),
                Err(_) => format!("{key} = {value:?}"),
            };
            let document = Document::parse("--set", &text).map_err(|error| error.to_string())?;
            let plan: SettingPlan = document.read().map_err(|error| error.to_string())?;
            self.fix(&plan);
        }
        Ok(())
    }

    /// Lets connections begin so in every row.
    pub fn fix_arrival(&mut self, arrival: Arrival) {
        self.fix(&SettingPlan {
            arrival: Some(arrival),
            ..SettingPlan::default()
        });
    }

    fn fix(&mut self, plan: &SettingPlan) {
        self.setting = self.setting.with(plan);
        self.axes.drop_those_of(plan);
        for row in &mut self.rows {
            row.setting = row.setting.with(plan);
        }
    }

    /// The rows, in the order of the file: those with names, each multiplied out.
    pub fn rows(&self) -> Vec<Row> {
        let base = Setting::default().with(&self.setting);
        let combinations = self.axes.combinations();
        let named: Vec<(Option<&str>, Setting)> = if self.rows.is_empty() {
            vec![(None, base)]
        } else {
            let named = self.rows.iter();
            named
                .map(|row| (Some(row.name.as_str()), base.with(&row.setting)))
                .collect()
        };
        let mut rows = Vec::new();
        for (name, setting) in named {
            for (words, chosen) in &combinations {
                let parts: Vec<&str> = name
                    .into_iter()
                    .chain(words.iter().map(String::as_str))
                    .collect();
                rows.push(Row {
                    name: if parts.is_empty() {
                        self.name.clone()
                    } else {
                        parts.join("/")
                    },
                    setting: setting.with(chosen),
                });
            }
        }
        rows
    }
}

/// Names a setting: equal for equal settings, in every run.
pub fn row_digest(setting: &Setting) -> String {
    let text = serde_json::to_string(setting).unwrap_or_default();
    sha256_start(text.as_bytes(), 8)
}
