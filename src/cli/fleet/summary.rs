//! What a fleet came to, for people.

use std::fmt::Write as _;
use std::time::Duration;

use super::Arguments;
use super::verdict::FleetVerdict;
use crate::fleet::Gauge;
use crate::oracle::findings::Findings;
use crate::oracle::history::History;
use crate::oracle::issuance::Issuance;

/// What there is to tell.
pub(super) struct Summary<'a> {
    pub(super) arguments: &'a Arguments,
    pub(super) gauge: &'a Gauge,
    pub(super) history: &'a History,
    pub(super) findings: &'a Findings,
    pub(super) took: Duration,
    pub(super) repeat: String,
    /// How the authority is asked by the same fleet without jitter, where that has been tried.
    pub(super) herd: Option<Issuance>,
}

impl Summary<'_> {
    /// It, in lines of a label and a text.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (label, line) in self.lines() {
            let _ = writeln!(text, "{label:<10} {line}");
        }
        text
    }

    /// What it comes to.
    pub(super) fn verdict(&self) -> FleetVerdict {
        FleetVerdict::of(self.findings, self.gauge)
    }

    /// How the authority was asked, and how it would have been without jitter where that has been tried.
    fn issuance(&self, issuance: &Issuance) -> String {
        let bucket = time(issuance.bucket);
        let mut words = format!(
            "{} leaves; the busiest {bucket} had {} times the mean, with a jitter of {} %",
            issuance.leaves(),
            ratio(issuance),
            self.arguments.jitter
        );
        if let Some(herd) = &self.herd {
            let _ = write!(words, "; without jitter {} times", ratio(herd));
        }
        words
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let network = match self.arguments.sim {
            true => "on a simulated network",
            false => "on loopback sockets",
        };
        let history = self.history;
        let mut lines = vec![(
            "fleet",
            format!(
                "{} services {network}, {} of their time in {}",
                self.arguments.services,
                time(history.end),
                coarse(self.took)
            ),
        )];
        if let Some(assembled) = self.gauge.assembled.get() {
            let each = assembled
                .resident
                .map(|octets| octets / u64::from(assembled.services.max(1)));
            let each = each.map_or(String::new(), |octets| {
                format!("; {:.1} KiB of memory each", octets as f64 / 1024.0)
            });
            let took = coarse(assembled.took);
            let services = assembled.services;
            lines.push(("started", format!("{services} services in {took}{each}")));
        }
        let calls = &self.findings.calls;
        lines.push((
            "calls",
            format!(
                "{}: {} of {} served that had to be, {} of {} let in that had not to be, {} inside a window",
                calls.all, calls.served, calls.due, calls.let_in, calls.forbidden, calls.grey
            ),
        ));
        if let Some([due, forbidden]) = self.gauge.load() {
            lines.push((
                "load",
                format!(
                    "{} of {} calls made that were due, {} of {} by strangers",
                    due.made, due.due, forbidden.made, forbidden.due
                ),
            ));
        }
        lines.push((
            "handshakes",
            format!(
                "{} calls by open connections, {} by resumed sessions",
                calls.reused, calls.resumed
            ),
        ));
        if let Some(issuance) = Issuance::of(history) {
            lines.push(("issuance", self.issuance(&issuance)));
        }
        for phase in &self.findings.latency {
            lines.push((
                "latency",
                format!(
                    "{}: {} (median), {} (99 %), {} (longest)",
                    phase.phase,
                    time(phase.p50),
                    time(phase.p99),
                    time(phase.max)
                ),
            ));
        }
        if self.gauge.is_stopped() {
            lines.push(("cut short", "what is told here is not the whole".into()));
        }
        for violation in self.findings.violations.iter().take(5) {
            lines.push((
                "violated",
                format!("{}: {}", violation.invariant, violation.witness),
            ));
        }
        lines.push(("verdict", self.verdict().to_string()));
        lines.push(("seed", self.arguments.seed.to_string()));
        lines.push(("repeat", self.repeat.clone()));
        lines
    }
}

/// The peak over the mean, in hundredths where there is one.
fn ratio(issuance: &Issuance) -> String {
    let ratio = issuance.ratio().unwrap_or_default();
    format!("{}.{:02}", ratio / 100, ratio % 100)
}

fn time(micros: u64) -> String {
    coarse(Duration::from_micros(micros))
}

/// A length of time to three digits or so.
fn coarse(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{:.1} ms", time.as_secs_f64() * 1000.0),
        1..60 => format!("{:.2} s", time.as_secs_f64()),
        60..7200 => format!("{:.1} min", time.as_secs_f64() / 60.0),
        _ => format!("{:.1} h", time.as_secs_f64() / 3600.0),
    }
}
