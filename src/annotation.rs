//! Annotations: the workflow commands with which a step of GitHub Actions points at a file and a line.
//!
//! GitHub shows ten errors and ten warnings of a step and drops the rest without a word, so the last line says what is
//! left out. Source: GitHub's documentation of workflow commands; the escapes are those of its own toolkit.

use std::fmt::Write as _;

/// How many annotations there are, at most.
pub const SHOWN: usize = 10;

/// One line.
#[derive(Clone, Debug)]
pub struct Annotation {
    /// The file, and the line in it, as properties.
    pub place: Vec<(&'static str, String)>,
    /// What is shown first.
    pub title: String,
    /// What is shown below.
    pub message: String,
    /// How many cases it stands for; 0 for what concerns no case.
    pub cases: usize,
}

impl Annotation {
    /// The properties of a place; none where no file is known, and no line where that is 0.
    pub fn place(file: &str, line: u32) -> Vec<(&'static str, String)> {
        let mut place = Vec::new();
        if !file.is_empty() {
            place.push(("file", file.to_owned()));
            if line > 0 {
                place.push(("line", line.to_string()));
            }
        }
        place
    }
}

/// Writes these annotations, at most as many as there is room for, and returns how many lines it took.
pub fn write(out: &mut String, command: &str, annotations: &[Annotation], room: usize) -> usize {
    if room == 0 {
        return 0;
    }
    let shown = match annotations.len() {
        all if all <= room => all,
        _ => room - 1,
    };
    let (shown, left_out) = annotations.split_at(shown);
    for annotation in shown {
        let mut properties = annotation.place.clone();
        properties.push(("title", annotation.title.clone()));
        let properties: Vec<_> = properties
            .into_iter()
            .map(|(name, value)| format!("{name}={}", property(&value)))
            .collect();
        let properties = properties.join(",");
        let _ = writeln!(
            out,
            "::{command} {properties}::{}",
            data(&annotation.message)
        );
    }
    if left_out.is_empty() {
        return shown.len();
    }
    let cases: usize = left_out.iter().map(|annotation| annotation.cases).sum();
    // Rows of a bench stand for no cases.
    let in_cases = match cases {
        0 => String::new(),
        cases => format!(", in {cases} cases"),
    };
    let _ = writeln!(
        out,
        "::{command} title=mtls-gauntlet::and {} more{in_cases}; the job summary and run.json have them all",
        left_out.len()
    );
    shown.len() + 1
}

/// A message, so that GitHub reads it as it is meant, and whatever a target said stays on its line.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
        .replace(|letter: char| letter.is_control(), " ")
}

/// A property: it ends at a comma, and the properties end at colons.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
