//! The processor time of a target's processes.

use std::fs;

/// The processor time that a process group has used so far, in nanoseconds, with those of its processes that have
/// ended and been waited for; none where the system does not tell. The kernel counts in hundredths of a second.
pub(super) fn group_time(group: u32) -> Option<u64> {
    let mut ticks = 0;
    let mut found = false;
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let name = entry.file_name();
        if !name
            .to_string_lossy()
            .starts_with(|first: char| first.is_ascii_digit())
        {
            continue;
        }
        // A process may end between the listing and the reading.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        if let Some(own) = ticks_in(&stat, group) {
            ticks += own;
            found = true;
        }
    }
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    found.then(|| ticks * (1_000_000_000 / per_second))
}

/// The ticks in a line of `/proc/PID/stat`, if that process is of this group: its own in user mode and in the
/// kernel, and those of its children that it has waited for (proc(5)).
fn ticks_in(stat: &str, group: u32) -> Option<u64> {
    // The name of the program may hold anything, and ends at the last parenthesis.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    (number(2)? == u64::from(group)).then_some(())?;
    Some(number(11)? + number(12)? + number(13)? + number(14)?)
}
