//! Events: all that a run tells the outside. Progress, records and reports consume these and nothing
//! else.

use crate::record::{CaseRecord, TargetRecord};

/// Something happened in a run.
#[derive(Clone, Debug)]
pub enum Event {
    /// The run begins.
    RunStarted {
        /// How many cases will run, over all targets.
        cases: usize,
    },
    /// A case has been judged.
    CaseJudged(Box<CaseRecord>),
    /// A column is done.
    TargetFinished(TargetRecord),
    /// The run is over.
    RunFinished {
        /// False when it was cut short.
        complete: bool,
    },
}
