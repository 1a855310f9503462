//! The excuses in a descriptor, held against the cases that there are. One that fits none is as good as not there,
//! and no matrix shows it.

use std::path::Path;

use globset::GlobBuilder;

use super::stack::Stack;
use crate::document::Document;

/// The tables of globs over case ids.
const TABLES: [&str; 3] = ["known", "lacks", "varies"];

/// What excuses nothing in the descriptor at this path, with this text: the globs that fit none of the ids of
/// cases, and what is spared that its stack does not have. In words, with file and line; nothing where the
/// text is no descriptor.
pub fn idle(path: &str, text: &str, ids: &[String]) -> Vec<String> {
    let (Ok(document), Ok(file)) = (Document::parse(path, text), text.parse::<toml::Table>())
    else {
        return Vec::new();
    };
    let globs = |table: &str| {
        let table = file.get(table).and_then(toml::Value::as_table);
        table.into_iter().flat_map(|table| table.keys())
    };
    let place = |table: &str, glob: &str| format!("{path}:{}", document.line_of(&[table, glob]));
    let mut told = Vec::new();
    for table in TABLES {
        for glob in globs(table).filter(|glob| !fits(glob, ids)) {
            told.push(format!(
                "{}: [{table}] `{glob}` fits no case",
                place(table, glob)
            ));
        }
    }
    let stack = file.get("stack").and_then(toml::Value::as_str);
    let stack = stack.and_then(|stack| Stack::named(stack, Path::new(path).parent()).ok());
    let shared = |glob: &str| {
        stack.iter().any(|stack| {
            let mut all = stack.known.iter().chain(&stack.lacks).chain(&stack.varies);
            all.any(|(one, _)| one.glob().glob() == glob)
        })
    };
    for glob in globs("spared").filter(|glob| !shared(glob)) {
        told.push(format!(
            "{}: [spared] `{glob}` is not in the stack's file",
            place("spared", glob)
        ));
    }
    told
}

fn fits(glob: &str, ids: &[String]) -> bool {
    let glob = GlobBuilder::new(glob).empty_alternates(true).build();
    glob.is_ok_and(|glob| {
        let glob = glob.compile_matcher();
        ids.iter().any(|id| glob.is_match(id))
    })
}
