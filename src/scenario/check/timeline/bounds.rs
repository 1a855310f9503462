//! What a timeline may ask for as a whole: limits that can be kept and missed, and no more time than somebody
//! waits for.

use super::{HIGHEST_COUNT, Timeline};
use crate::document::DocumentError;
use crate::scenario::fleet::{Limits, Network};
use crate::scenario::span::Span;
use crate::scenario::step::{Action, Blow};

/// How long a timeline may take on sockets, where time passes as it does.
const LONGEST_ON_SOCKETS: Span = Span::seconds(600);

/// How many calls a simulated timeline may have: what is over in a moment for everybody else keeps a processor
/// busy for each of them.
const MOST_CALLS: u64 = 5_000_000;

/// A part of the time that a timeline takes: where the file says so, and how long it is in microseconds.
type Part = (Vec<String>, u64);

impl Timeline<'_> {
    pub(super) fn check_limits(&self, limits: &Limits) -> Result<(), DocumentError> {
        let thousandths = (0, 1000);
        for (key, value, (least, most)) in [
            ("availability", Some(limits.availability), thousandths),
            ("recovery", Some(limits.recovery), thousandths),
            ("told", Some(limits.told), thousandths),
            // No peak is below the mean.
            ("issuance-peak", limits.issuance_peak, (100, 100_000)),
            ("generations", Some(limits.generations), (1, HIGHEST_COUNT)),
            ("alarms", Some(limits.alarms), (0, HIGHEST_COUNT)),
            ("handshakes", limits.handshakes, (1, HIGHEST_COUNT)),
            ("dials", limits.dials, (1, 100_000)),
        ] {
            if let Some(value) = value {
                self.number(&["limits", key], value, least, most)?;
            }
        }
        self.time(&["limits", "slowest"], limits.slowest, Span::millis(1))
    }

    /// A simulated day takes seconds where little happens in it; on sockets it takes a day.
    pub(super) fn check_length(&self) -> Result<(), DocumentError> {
        let parts = self.parts();
        let all = length(&parts);
        let longest = parts.into_iter().max_by_key(|(_, micros)| *micros);
        let Some((place, _)) = longest else {
            return Ok(());
        };
        let place: Vec<&str> = place.iter().map(String::as_str).collect();
        let seconds = Span::seconds(all.div_ceil(1_000_000));
        let networks = &self.scenario.networks;
        if networks.contains(&Network::Sockets) && all > LONGEST_ON_SOCKETS.as_micros() {
            let message = format!(
                "on sockets this timeline takes {seconds}, and {LONGEST_ON_SOCKETS} is the most"
            );
            let hint = "write `networks = [\"simulated\"]`, where a day takes seconds";
            return Err(self.error(&place, &message, Some(hint)));
        }
        let load = self.scenario.load.clone().unwrap_or_default();
        let rate = u64::from(load.rate) + u64::from(load.canary_rate);
        let calls = rate.saturating_mul(all) / 1_000_000;
        if networks.contains(&Network::Simulated) && calls > MOST_CALLS {
            let message = format!(
                "at {rate} calls a second for {seconds} this timeline has {calls} calls, and {MOST_CALLS} are the most"
            );
            let hint =
                "let it be over sooner, or write a smaller `rate` and `canary-rate` in [load]";
            return Err(self.error(&place, &message, Some(hint)));
        }
        Ok(())
    }

    /// What the timeline's length is made of.
    fn parts(&self) -> Vec<Part> {
        let load = self.scenario.load.clone().unwrap_or_default();
        let windows = self.scenario.window.unwrap_or_default();
        let longest_step = (0..self.scenario.steps.len())
            .map(|place| self.parts_of_step(place))
            .max_by_key(|parts| length(parts));
        let mut parts = longest_step.unwrap_or_default();
        let path = |keys: [&str; 2]| keys.map(str::to_owned).to_vec();
        parts.extend([
            (path(["load", "warm-up"]), load.warm_up.as_micros()),
            (path(["load", "settle"]), load.settle.as_micros()),
            (path(["fleet", "lag"]), self.fleet.lag.as_micros()),
            (vec!["window".into()], windows.longest().as_micros()),
        ]);
        parts
    }

    /// How long it takes from the end of the warm-up until a step is over, its repetitions included.
    fn parts_of_step(&self, place: usize) -> Vec<Part> {
        let step = &self.scenario.steps[place];
        let path = |key: &str| vec!["step".to_owned(), place.to_string(), key.to_owned()];
        let micros = |span: Option<Span>| span.unwrap_or_default().as_micros();
        // How long a certificate is valid keeps nobody waiting.
        let lasts = step.lasts.filter(|_| step.action != Action::CrossSign);
        let more = u64::from(step.count.unwrap_or(1)).saturating_sub(1);
        let mut parts = vec![
            (path("at"), micros(step.at)),
            (path("every"), micros(step.every).saturating_mul(more)),
            (path("for"), micros(lasts)),
        ];
        if step.action == Action::Sweep && step.strike == Some(Blow::BlackHole) {
            // Who falls into it is waited for to the end of the call, one after the other.
            let timeout = self.scenario.load.clone().unwrap_or_default().timeout;
            let services = step
                .services
                .as_ref()
                .map_or(self.fleet.services as usize, Vec::len);
            let calls = (more + 1).saturating_mul(services as u64);
            parts.push((path("count"), timeout.as_micros().saturating_mul(calls)));
        }
        parts
    }
}

fn length(parts: &[Part]) -> u64 {
    let parts = parts.iter().map(|(_, micros)| *micros);
    parts.fold(0, u64::saturating_add)
}
