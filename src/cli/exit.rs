//! Exit statuses: one table, printed by `--help` and tested.

use std::process::{ExitCode, Termination};

/// What the process ends with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// Everything is as expected.
    AsExpected,
    /// A conformance result is not as expected.
    Conformance,
    /// The command line, a scenario, a target or a configuration is invalid.
    Usage,
    /// Nothing was selected.
    NothingSelected,
    /// Performance or a baseline has regressed.
    Performance,
    /// The harness itself broke.
    Broken,
}

impl Exit {
    /// Every status with its meaning.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::AsExpected, "as expected"),
        (Self::Conformance, "conformance not as expected"),
        (
            Self::Usage,
            "usage, or an invalid scenario, target or config",
        ),
        (Self::NothingSelected, "nothing selected"),
        (Self::Performance, "performance or baseline regression"),
        (
            Self::Broken,
            "the harness itself broke, or the run was cut short",
        ),
    ];

    /// The number that the shell sees.
    pub fn status(self) -> u8 {
        match self {
            Self::AsExpected => 0,
            Self::Conformance => 1,
            Self::Usage => 2,
            Self::NothingSelected => 3,
            Self::Performance => 4,
            Self::Broken => 5,
        }
    }

    /// The table, for `--help`.
    pub fn table() -> String {
        let mut table = String::from("Exit status:");
        for (exit, meaning) in Self::ALL {
            table.push_str(&format!("\n  {}  {meaning}", exit.status()));
        }
        table
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.status())
    }
}
