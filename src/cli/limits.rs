//! What the operating system allows the process.

use anyhow::anyhow;

use super::Failure;

/// With fewer file descriptors than this a run would take its own lack for the target's.
const LEAST_DESCRIPTORS: u64 = 64;

/// Insists on enough file descriptors for so many, beside what a run needs anyway: the lack of one would be
/// taken for the target's refusal.
pub(super) fn allow(descriptors: u64) -> Result<(), Failure> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit};
        let current = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let needed = descriptors.saturating_add(LEAST_DESCRIPTORS);
        if current < needed {
            return Err(Failure::usage(anyhow!(
                "the process may open {current} files, and as many connections need {needed}\nhelp: raise the limit: ulimit -n {needed}; or have fewer in flight: --set in-flight=N"
            )));
        }
    }
    Ok(())
}

/// Raises the number of file descriptors as far as it goes without privileges, and insists on enough
/// for a run.
///
/// Returns the number before and after, where it was raised.
pub(super) fn raise() -> Result<Option<(u64, u64)>, Failure> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let before = limit.current.unwrap_or(u64::MAX);
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        // Where it cannot be raised it stays as it is, and is looked at all the same.
        let _ = setrlimit(Resource::Nofile, raised);
        let current = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        if current < LEAST_DESCRIPTORS {
            return Err(Failure::usage(anyhow!(
                "the process may open {current} files, and a run needs {LEAST_DESCRIPTORS}\nhelp: raise the limit: ulimit -n 1024"
            )));
        }
        if current > before {
            return Ok(Some((before, current)));
        }
    }
    Ok(None)
}
