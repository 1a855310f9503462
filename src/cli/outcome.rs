//! What a record comes to: the exit status of the command that made it.

use anyhow::anyhow;

use super::Failure;
use super::exit::Exit;
use crate::expect::Level;
use crate::record::{Objection, Run};

/// What a command ends with that has made this record of a whole run. `level` is the weakest level that binds.
///
/// # Errors
/// When the run is complete and nothing was tested: a gate must not open because of that.
pub(super) fn outcome(run: &Run, level: Level) -> Result<Exit, Failure> {
    if let Some(error) = nothing_was_tested(run) {
        return Err(Failure::nothing_selected(error));
    }
    Ok(exit(run, level))
}

/// The exit status by the gate's objections alone: that of a shard, which may well have little to test.
pub(super) fn exit(run: &Run, level: Level) -> Exit {
    let broken = run
        .objections(level)
        .any(|(_, objection)| objection == Objection::Broken);
    let broken = broken || run.measurements.iter().any(|one| one.broken);
    if broken || !run.complete {
        Exit::Broken
    } else if run.objections(level).next().is_some() || measured_wrongly(run) {
        Exit::Conformance
    } else {
        Exit::AsExpected
    }
}

/// Strangers that were let in under load, or callers that were not, are no matter of speed.
fn measured_wrongly(run: &Run) -> bool {
    run.measurements.iter().any(|one| one.objection().is_some())
}

fn nothing_was_tested(run: &Run) -> Option<anyhow::Error> {
    if !run.complete || !run.proves_nothing() {
        return None;
    }
    if run.cases.is_empty()
        && let Some(row) = run.measurements.first()
    {
        let why = row.unmeasured.as_deref().unwrap_or("no reason is given");
        return Some(anyhow!(
            "no row was measured; of `{}` the record says: {why}",
            row.id
        ));
    }
    if let Some(case) = run.cases.first() {
        return Some(anyhow!(
            "no case has met the target; of `{}` the record says: {}",
            case.id,
            case.reason
        ));
    }
    (run.targets.is_empty() && run.measurements.is_empty()).then(|| {
        anyhow!(
            "nothing that was selected is for these targets\nhelp: a planted bug of verifiers shows in pairs, one of fleets in fleets"
        )
    })
}
