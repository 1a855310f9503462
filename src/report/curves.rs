//! Percentile curves as a picture: SVG that stands alone, one panel for each plan and target.
//!
//! The horizontal axis is HdrHistogram's: each step to the right is a tenth of the connections that are left, so
//! that the tail has as much room as the rest. Both axes are logarithmic.

use std::fmt::Write as _;

use super::figures::grouped;
use crate::record::{Latency, Measurement, Run};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 40.0;
/// A line of the legend.
const LINE: f64 = 14.0;

/// Colours that can be told apart without colour vision (Okabe and Ito, 2008), used in turn.
const COLOURS: [&str; 7] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000",
];

/// The whole picture.
pub fn render(run: &Run) -> String {
    let panels = grouped(run.measurements.iter().filter(|one| shown(one).count() > 0));
    let heights: Vec<f64> = panels.iter().map(|panel| height_of(panel)).collect();
    let height = heights.iter().sum::<f64>().max(HEIGHT);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    if panels.is_empty() {
        let _ = writeln!(out, "<text x=\"20\" y=\"40\">nothing was measured</text>");
    }
    let mut top = 0.0;
    for (panel, height) in panels.iter().zip(heights) {
        draw(&mut out, panel, top);
        top += height;
    }
    out.push_str("</svg>\n");
    out
}

/// A panel is as high as its legend, if that is higher than the curves.
fn height_of(panel: &[&Measurement]) -> f64 {
    HEIGHT.max(TOP + LINE * panel.len() as f64 + BOTTOM)
}

/// What is drawn of a measurement: from due, which in a closed loop is from the dial.
fn shown(measurement: &Measurement) -> Latency {
    measurement.latency(|latency| &latency.from_due)
}

fn draw(out: &mut String, panel: &[&Measurement], top: f64) {
    let curves: Vec<(&str, Vec<(f64, f64)>)> = panel
        .iter()
        .map(|one| {
            let curve = shown(one).curve().into_iter();
            // The last point is all of them, which lies infinitely far to the right.
            let points = curve.filter(|(share, _)| *share < 1.0);
            let points = points.map(|(share, nanos)| (nines(share), (nanos.max(1) as f64).log10()));
            (one.row.as_str(), points.collect())
        })
        .collect();
    let points = || curves.iter().flat_map(|(_, points)| points);
    let farthest = points().map(|(x, _)| *x).fold(1.0, f64::max).ceil();
    let lowest = points()
        .map(|(_, y)| *y)
        .fold(f64::INFINITY, f64::min)
        .floor()
        .min(9.0);
    let highest = points()
        .map(|(_, y)| *y)
        .fold(0.0, f64::max)
        .ceil()
        .max(lowest + 1.0);
    let x = |nines: f64| LEFT + nines / farthest * (WIDTH - LEFT - RIGHT);
    let y = |log: f64| {
        let share = (log - lowest) / (highest - lowest);
        top + HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
    };
    if let Some(first) = panel.first() {
        let title = escaped(&format!(
            "{} against {}: latency by percentile",
            first.plan, first.target
        ));
        let _ = writeln!(
            out,
            "<text x=\"{LEFT}\" y=\"{}\" font-size=\"13\">{title}</text>",
            top + 20.0
        );
    }
    for decade in lowest as i32..=highest as i32 {
        let at = y(f64::from(decade));
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#dddddd\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0,
            unit(decade)
        );
    }
    for nine in 0..=farthest as i32 {
        let at = x(f64::from(nine));
        let bottom = top + HEIGHT - BOTTOM;
        let _ = writeln!(
            out,
            "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{:.1}\" y2=\"{bottom:.1}\" stroke=\"#eeeeee\"/><text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            top + TOP,
            bottom + 16.0,
            percentile(nine)
        );
    }
    for (index, (row, points)) in curves.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        // The colours come round again; the strokes then differ.
        let dash = match index / COLOURS.len() {
            0 => String::new(),
            turn => format!(" stroke-dasharray=\"{} 3\"", 2 + 3 * turn),
        };
        let path: Vec<String> = points
            .iter()
            .map(|(nines, log)| format!("{:.1},{:.1}", x(*nines), y(*log)))
            .collect();
        let legend = top + TOP + LINE * index as f64 + 6.0;
        let _ = writeln!(
            out,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"{dash} points=\"{}\"/><text x=\"{:.1}\" y=\"{legend:.1}\" fill=\"{colour}\">{}</text>",
            path.join(" "),
            WIDTH - RIGHT + 12.0,
            escaped(row)
        );
    }
}

/// How many nines a share has: 0 for none, 1 for 0.9, 2 for 0.99.
fn nines(share: f64) -> f64 {
    -(1.0 - share).max(1e-9).log10()
}

fn percentile(nines: i32) -> String {
    match nines {
        0 => "0%".into(),
        1 => "90%".into(),
        2 => "99%".into(),
        more => format!("99.{}%", "9".repeat((more - 2).unsigned_abs() as usize)),
    }
}

fn unit(log: i32) -> &'static str {
    [
        "1 ns", "10 ns", "100 ns", "1 us", "10 us", "100 us", "1 ms", "10 ms", "100 ms", "1 s",
        "10 s", "100 s",
    ]
    .get(log.unsigned_abs() as usize)
    .copied()
    .unwrap_or("")
}

/// What XML has no place for, escaped or not (XML 1.0 section 2.2), becomes a space.
fn escaped(text: &str) -> String {
    let no_letter = |letter: char| letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}');
    text.replace(no_letter, " ")
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
