//! TOML files that people write: read strictly, with errors that show file, line, caret and a hint.
//!
//! The valid keys and words are read from the JSON Schema of the type that the file is read into, so
//! that a message and the code cannot disagree.

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One file, parsed so far that every key's place is known.
pub struct Document<'a> {
    path: &'a str,
    text: &'a str,
    table: Spanned<DeTable<'a>>,
}

impl<'a> Document<'a> {
    /// Parses the TOML. `path` is what errors call the file.
    ///
    /// # Errors
    /// When `text` is not TOML.
    pub fn parse(path: &'a str, text: &'a str) -> Result<Self, DocumentError> {
        let table = DeTable::parse(text)
            .map_err(|error| DocumentError::new(path, text, error.span(), error.message()))?;
        Ok(Self { path, text, table })
    }

    /// Reads it into a `T`.
    ///
    /// # Errors
    /// At the first unknown key, misspelt word or value of the wrong type.
    pub fn read<T: DeserializeOwned + JsonSchema + 'static>(&self) -> Result<T, DocumentError> {
        let schema = schema_of::<T>();
        let places = Places { root: &schema };
        if let Some(stranger) = places.strangers_in_table(self.table.get_ref(), &[&schema]) {
            return Err(DocumentError {
                hint: stranger.hint(),
                ..DocumentError::new(
                    self.path,
                    self.text,
                    Some(stranger.span.clone()),
                    &stranger.message(),
                )
            });
        }
        toml::from_str(self.text).map_err(|error| {
            DocumentError::new(self.path, self.text, error.span(), error.message())
        })
    }

    /// An error at the value that these keys lead to, or as near to it as there is something. The key of
    /// a list's member is its place, counted from 0.
    pub fn error_at(&self, keys: &[&str], message: &str, hint: Option<String>) -> DocumentError {
        DocumentError {
            hint,
            ..DocumentError::new(self.path, self.text, self.span_of(keys), message)
        }
    }

    /// The line of the value that these keys lead to, from 1, or of what is as near to it as there is something;
    /// 0 where there is nothing.
    pub fn line_of(&self, keys: &[&str]) -> u32 {
        let before = self
            .span_of(keys)
            .and_then(|span| self.text.get(..span.start));
        before.map_or(0, |before| {
            u32::try_from(before.matches('\n').count() + 1).unwrap_or(u32::MAX)
        })
    }

    fn span_of(&self, keys: &[&str]) -> Option<Range<usize>> {
        let mut keys = keys.iter();
        let first = keys.next();
        let mut here = first.and_then(|key| entry(self.table.get_ref(), key));
        while let Some(value) = here {
            let next = keys.next().and_then(|key| match value.get_ref() {
                DeValue::Table(table) => entry(table, key),
                DeValue::Array(array) => array.get(key.parse::<usize>().ok()?),
                _ => None,
            });
            if next.is_none() {
                break;
            }
            here = next;
        }
        here.map(Spanned::span)
    }

    /// An error at the first string equal to `word` below these keys.
    pub fn error_at_word(
        &self,
        keys: &[&str],
        word: &str,
        message: &str,
        hint: Option<String>,
    ) -> DocumentError {
        let mut error = self.error_at(keys, message, hint);
        let within = error.span.clone().unwrap_or(0..self.text.len());
        let quoted = format!("\"{word}\"");
        if let Some(found) = self
            .text
            .get(within.clone())
            .and_then(|text| text.find(&quoted))
        {
            let start = within.start + found;
            error.span = Some(start..start + quoted.len());
        }
        error
    }
}

fn entry<'t, 'a>(table: &'t DeTable<'a>, key: &str) -> Option<&'t Spanned<DeValue<'a>>> {
    let found = table.iter().find(|(name, _)| name.get_ref() == key);
    found.map(|(_, value)| value)
}

/// The schema of `T`. To make one takes longer than to read a file by it, and there are hundreds of
/// files: it is made once.
fn schema_of<T: JsonSchema + 'static>() -> Arc<Value> {
    static MADE: LazyLock<Mutex<HashMap<TypeId, Arc<Value>>>> = LazyLock::new(Mutex::default);
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let schema = made
        .entry(TypeId::of::<T>())
        .or_insert_with(|| Arc::new(schemars::schema_for!(T).to_value()));
    Arc::clone(schema)
}

/// What is wrong with a file, where, and what to do.
#[derive(Clone, Debug)]
pub struct DocumentError {
    path: String,
    text: String,
    span: Option<Range<usize>>,
    message: String,
    hint: Option<String>,
}

impl DocumentError {
    fn new(path: &str, text: &str, span: Option<Range<usize>>, message: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            span,
            message: message.to_owned(),
            hint: None,
        }
    }

    /// The file.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A caret that spans lines, or a whole table, is no help: point at its first line.
        let start = self
            .span
            .as_ref()
            .map_or(0, |span| span.start.min(self.text.len()));
        let line_end = self.text[start..]
            .find('\n')
            .map_or(self.text.len(), |length| start + length);
        let end = self
            .span
            .as_ref()
            .map_or(line_end, |span| span.end.clamp(start, line_end));
        let snippet = Snippet::source(&self.text)
            .path(&self.path)
            .annotation(AnnotationKind::Primary.span(start..end));
        let title = Level::ERROR.primary_title(self.message.as_str());
        let mut groups = vec![Group::with_title(title).element(snippet)];
        if let Some(hint) = &self.hint {
            groups[0] = groups[0]
                .clone()
                .element(Level::HELP.message(hint.as_str()));
        }
        f.write_str(&Renderer::plain().render(&groups))
    }
}

impl std::error::Error for DocumentError {}

/// The candidate that is nearest to a misspelt word, if one is near enough to be meant.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

/// A key or word that the schema does not know.
struct Stranger {
    what: &'static str,
    word: String,
    span: Range<usize>,
    known: Vec<String>,
}

impl Stranger {
    fn message(&self) -> String {
        format!("unknown {} `{}`", self.what, self.word)
    }

    fn hint(&self) -> Option<String> {
        let known = self.known.iter().map(String::as_str);
        if let Some(nearest) = nearest(&self.word, known) {
            return Some(format!("did you mean `{nearest}`?"));
        }
        let known: Vec<_> = self.known.iter().map(|word| format!("`{word}`")).collect();
        (!known.is_empty()).then(|| format!("it is one of {}", known.join(", ")))
    }
}

/// Walks a document beside its schema.
struct Places<'s> {
    root: &'s Value,
}

impl<'s> Places<'s> {
    fn strangers_in_table(&self, table: &DeTable<'_>, schemas: &[&'s Value]) -> Option<Stranger> {
        let shapes = self.alternatives(schemas);
        let known = || {
            shapes
                .iter()
                .filter_map(|shape| shape.get("properties")?.as_object())
        };
        let open = shapes.iter().any(|shape| {
            shape
                .get("additionalProperties")
                .is_some_and(|rest| rest != &Value::Bool(false))
        });
        if known().next().is_none() && !open {
            return None;
        }
        for (key, value) in table {
            let name: &str = key.get_ref();
            let mut inner: Vec<&Value> = known()
                .filter_map(|properties| properties.get(name))
                .collect();
            if inner.is_empty() {
                inner = shapes
                    .iter()
                    .filter_map(|shape| shape.get("additionalProperties"))
                    .collect();
                inner.retain(|rest| rest.is_object());
            }
            if inner.is_empty() {
                return Some(Stranger {
                    what: "key",
                    word: name.to_owned(),
                    span: key.span(),
                    known: known()
                        .flat_map(|properties| properties.keys().cloned())
                        .collect(),
                });
            }
            if let Some(stranger) = self.strangers_in_value(value, &inner) {
                return Some(stranger);
            }
        }
        None
    }

    fn strangers_in_value(
        &self,
        value: &Spanned<DeValue<'_>>,
        schemas: &[&'s Value],
    ) -> Option<Stranger> {
        match value.get_ref() {
            DeValue::Table(table) => self.strangers_in_table(table, schemas),
            DeValue::Array(array) => {
                let shapes = self.alternatives(schemas);
                let items: Vec<&Value> = shapes
                    .iter()
                    .filter_map(|shape| shape.get("items"))
                    .collect();
                array
                    .iter()
                    .find_map(|item| self.strangers_in_value(item, &items))
            }
            DeValue::String(word) => self.stranger_word(word, value.span(), schemas),
            _ => None,
        }
    }

    fn stranger_word(
        &self,
        word: &str,
        span: Range<usize>,
        schemas: &[&'s Value],
    ) -> Option<Stranger> {
        let mut known = Vec::new();
        for shape in self.alternatives(schemas) {
            if let Some(only) = shape.get("const").and_then(Value::as_str) {
                known.push(only.to_owned());
            } else if let Some(words) = shape.get("enum").and_then(Value::as_array) {
                known.extend(words.iter().filter_map(Value::as_str).map(str::to_owned));
            } else if shape.get("type").is_some_and(may_be_string) {
                return None;
            }
        }
        let stranger = !known.is_empty() && !known.iter().any(|candidate| candidate == word);
        stranger.then(|| Stranger {
            what: "word",
            word: word.to_owned(),
            span,
            known,
        })
    }

    /// The shapes that a value may have: references followed, alternatives laid side by side.
    fn alternatives(&self, schemas: &[&'s Value]) -> Vec<&'s Value> {
        let mut shapes = Vec::new();
        let mut pending = schemas.to_vec();
        while let Some(schema) = pending.pop() {
            if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
                let pointer = reference.trim_start_matches('#');
                pending.extend(self.root.pointer(pointer));
            }
            for key in ["anyOf", "oneOf", "allOf"] {
                pending.extend(
                    schema
                        .get(key)
                        .and_then(Value::as_array)
                        .into_iter()
                        .flatten(),
                );
            }
            shapes.push(schema);
        }
        shapes
    }
}

fn may_be_string(kind: &Value) -> bool {
    match kind {
        Value::String(kind) => kind == "string",
        Value::Array(kinds) => kinds.iter().any(may_be_string),
        _ => false,
    }
}
