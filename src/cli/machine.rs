//! The machine that a run runs on, as far as it tells.

use std::fs;

use crate::digest::sha256_start;
use crate::record::Host;

/// This machine.
pub(super) fn host() -> Host {
    Host {
        os: std::env::consts::OS.into(),
        arch: std::env::consts::ARCH.into(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        processor: value_of("/proc/cpuinfo", "model name"),
        kernel: read("/proc/sys/kernel/osrelease"),
        memory: memory(),
        machine: name(),
        load_average: load_average(),
    }
}

/// How many processes wanted to run, over the last minute.
pub(super) fn load_average() -> Option<f64> {
    read("/proc/loadavg")?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

fn memory() -> Option<u64> {
    let text = value_of("/proc/meminfo", "MemTotal")?;
    let kibibytes: u64 = text.trim_end_matches("kB").trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// A digest of what the system is known by: the number of its boot, which containers share with their host,
/// and its name, which they do not.
fn name() -> Option<String> {
    let boot = read("/proc/sys/kernel/random/boot_id")?;
    let host = read("/proc/sys/kernel/hostname")?;
    let known_by = format!("mtls-gauntlet {boot} {host}");
    Some(sha256_start(known_by.as_bytes(), 8))
}

fn read(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn value_of(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = pairs.find(|(name, _)| name.trim() == key)?;
    Some(value.trim().to_owned())
}
