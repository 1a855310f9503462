//! Templates: descriptors' strings, rendered by minijinja.

use std::fs;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value};

/// Is `text` a template? Names that do not exist show only when it is rendered.
///
/// # Errors
/// What is wrong with it.
pub fn check(text: &str) -> Result<(), String> {
    engine()
        .template_from_str(text)
        .map(|_| ())
        .map_err(|error| words(&error))
}

/// Renders `text`. A name that does not exist is an error: a file with a hole in it would be worse.
///
/// # Errors
/// What is wrong with it.
pub fn render(text: &str, context: &Value) -> Result<String, String> {
    engine()
        .render_str(text, context)
        .map_err(|error| words(&error))
}

/// Renders the words of a command. One that comes out empty is left out, so that a flag can depend on
/// the environment.
///
/// # Errors
/// As [`render`].
pub fn render_command(words: &[String], context: &Value) -> Result<Vec<String>, String> {
    let mut rendered = Vec::new();
    for word in words {
        let text = render(word, context).map_err(|error| format!("in `{word}`: {error}"))?;
        if !text.is_empty() {
            rendered.push(text);
        }
    }
    Ok(rendered)
}

fn engine() -> Environment<'static> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_auto_escape_callback(|_| AutoEscape::None);
    // Administrative sockets want what is in a file, and not where it is.
    engine.add_function("content", |path: String| {
        fs::read_to_string(&path).map_err(|error| {
            minijinja::Error::new(ErrorKind::InvalidOperation, format!("`{path}`: {error}"))
        })
    });
    let mut syntax = SyntaxConfig::builder();
    syntax.keep_trailing_newline(true);
    if let Ok(syntax) = syntax.build() {
        engine.set_syntax(syntax);
    }
    engine
}

fn words(error: &minijinja::Error) -> String {
    match error.line() {
        Some(line) if line > 1 => format!("{error} (its line {line})"),
        _ => error.to_string(),
    }
}
