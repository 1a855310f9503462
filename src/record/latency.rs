//! Latencies as histograms: nanoseconds, three significant digits, 1 ns to 100 s.
//!
//! In the record a histogram is HdrHistogram's own V2 encoding with DEFLATE, in base64, beside figures for
//! people; the figures are worked out from the histogram and never read back.

use std::borrow::Cow;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer as Reader, Serializer as _, V2DeflateSerializer};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::ser::{Error as _, SerializeStruct as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

mod encoded;

const LOWEST: u64 = 1;
const HIGHEST: u64 = 100_000_000_000;
const DIGITS: u8 = 3;

/// The quantiles that people are shown, with their names.
pub const QUANTILES: [(&str, f64); 5] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p99", 0.99),
    ("p999", 0.999),
    ("max", 1.0),
];

/// A histogram of durations.
#[derive(Clone, Debug, PartialEq)]
pub struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

impl Latency {
    /// An empty one.
    pub fn new() -> Self {
        let histogram = Histogram::new_with_bounds(LOWEST, HIGHEST, DIGITS);
        Self(
            histogram.unwrap_or_else(|_| {
                unreachable!("the bounds are in order, and 3 digits are possible")
            }),
        )
    }

    /// Adds a duration; what is longer than 100 s counts as that.
    pub fn add(&mut self, nanos: u64) {
        self.0.saturating_record(nanos);
    }

    /// Adds all that the other holds.
    pub fn merge(&mut self, other: &Self) {
        // It cannot fail: both have the same bounds.
        let _ = self.0.add(&other.0);
    }

    /// How many durations it holds.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The duration below which this share (0 to 1) of all lies, in nanoseconds; none where there is nothing.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        (!self.0.is_empty()).then(|| match share >= 1.0 {
            true => self.0.max(),
            false => self.0.value_at_quantile(share),
        })
    }

    /// The arithmetic mean, in nanoseconds; none where there is nothing.
    pub fn mean(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.mean())
    }

    /// Points of the percentile curve: shares from 0 towards 1, and the durations there in nanoseconds.
    pub fn curve(&self) -> Vec<(f64, u64)> {
        let steps = self.0.iter_quantiles(5);
        steps
            .map(|step| (step.quantile_iterated_to(), step.value_iterated_to()))
            .collect()
    }
}

impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64::Engine as _;
        let mut octets = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&self.0, &mut octets)
            .map_err(|error| {
                S::Error::custom(format!("a histogram could not be encoded: {error}"))
            })?;
        let mut object = serializer.serialize_struct("Latency", QUANTILES.len() + 2)?;
        object.serialize_field("count", &self.count())?;
        for (name, share) in QUANTILES {
            object.serialize_field(name, &self.quantile(share))?;
        }
        let text = base64::engine::general_purpose::STANDARD.encode(octets);
        object.serialize_field("histogram", &text)?;
        object.end()
    }
}

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64::Engine as _;

        #[derive(Deserialize)]
        struct Written<'a> {
            histogram: Cow<'a, str>,
        }

        let written = Written::deserialize(deserializer)?;
        let octets = base64::engine::general_purpose::STANDARD
            .decode(written.histogram.as_bytes())
            .map_err(|error| D::Error::custom(format!("a histogram is not base64: {error}")))?;
        let undecodable =
            |words: String| D::Error::custom(format!("a histogram cannot be decoded: {words}"));
        let plain = encoded::inflate(&octets, DIGITS).map_err(undecodable)?;
        let read: Histogram<u64> = Reader::new()
            .deserialize(&mut plain.as_slice())
            .map_err(|error| undecodable(error.to_string()))?;
        // Whatever bounds it was written with, it is read into ours, so that all can be added up.
        let mut latency = Self::new();
        for step in read.iter_recorded() {
            latency
                .0
                .saturating_record_n(step.value_iterated_to(), step.count_since_last_iteration());
        }
        Ok(latency)
    }
}

impl JsonSchema for Latency {
    fn schema_name() -> Cow<'static, str> {
        "Latency".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let nanos = json_schema!({"type": ["integer", "null"], "minimum": 0, "description": "In nanoseconds."});
        json_schema!({
            "type": "object",
            "description": "A histogram of durations in nanoseconds; the figures are views of the histogram.",
            "properties": {
                "count": {"type": "integer", "minimum": 0, "description": "How many durations it holds."},
                "p50": nanos, "p90": nanos, "p99": nanos, "p999": nanos, "max": nanos,
                "histogram": {
                    "type": "string",
                    "contentEncoding": "base64",
                    "description": "HdrHistogram's V2 encoding with DEFLATE.",
                },
            },
            "required": ["count", "histogram"],
        })
    }
}
