//! From a plan to its rows.

use aws_lc_rs::digest;

use super::{BenchPlan, Setting};

/// One setting to be measured in, with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its name within the plan: `mutual`, `p256/depth-3`.
    pub name: String,
    /// What is pinned.
    pub setting: Setting,
}

impl BenchPlan {
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
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    let octets = digest.as_ref().iter().take(8);
    octets.map(|octet| format!("{octet:02x}")).collect()
}
