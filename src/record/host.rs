//! The machine that a run ran on: what its figures are to be read with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The machine that a run ran on.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, JsonSchema)]
pub struct Host {
    /// The operating system.
    pub os: String,
    /// The processor architecture.
    pub arch: String,
    /// How many processors the program may use.
    pub cores: usize,
    /// What the processor calls itself, where the system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor: Option<String>,
    /// The kernel's version, where the system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// How many octets of memory it has, where the system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Names the machine without telling which it is: a digest of what the system is known by. Equal for
    /// records of one machine; none where nothing is known, and then no machine is taken for the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// How busy it was when the run began: processes that wanted to run, over a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_average: Option<f64>,
}

impl Host {
    /// Are both records of one machine? Times of different machines cannot be compared.
    pub fn is_the_same_as(&self, other: &Self) -> bool {
        self.machine.is_some()
            && self.machine == other.machine
            && self.processor == other.processor
            && self.cores == other.cores
    }
}
