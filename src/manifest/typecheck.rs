//! Checks a parsed TOML document against the schema, so that every unknown key and every value of the wrong type is
//! reported, not just the first: what is wrong is taken out, and serde reads the rest.

use std::{collections::HashSet, ops::Range, sync::Arc};

use serde_json::Value as Schema;
use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue},
};

use super::{
    code::Code,
    diagnostic::{Diagnostic, Label, SourceFile, any_of, nearest, quote},
};

/// The keys that were taken out, by the offset of their table: they were written, so they are not missing.
#[derive(Default)]
pub(super) struct Rejected(HashSet<(usize, String)>);

impl Rejected {
    pub fn contains(&self, table: &Range<usize>, key: &str) -> bool {
        // Most files have no mistakes: asking must cost nothing then.
        !self.0.is_empty() && self.0.contains(&(table.start, key.to_owned()))
    }
}

/// Takes everything out of the document that the schema does not allow, and says so.
pub(super) fn check<'i>(
    source: &Arc<SourceFile>,
    schema: &Schema,
    document: DeTable<'i>,
    diagnostics: &mut Vec<Diagnostic>,
) -> (DeTable<'i>, Rejected) {
    let mut shape = Shape { source, root: schema, diagnostics, rejected: Rejected::default() };
    let document = shape.table("", schema, 0..0, document);
    (document, shape.rejected)
}

struct Shape<'a> {
    source: &'a Arc<SourceFile>,
    root: &'a Schema,
    diagnostics: &'a mut Vec<Diagnostic>,
    rejected: Rejected,
}

/// What is being checked: a key of a table, or an entry of the list that the key holds.
#[derive(Clone, Copy)]
struct Subject<'a> {
    /// As in its header, e.g. `[[rotate]]`; empty at the top of the file.
    table: &'a str,
    key: &'a str,
    is_entry: bool,
}

impl Shape<'_> {
    fn table<'i>(&mut self, name: &str, schema: &Schema, span: Range<usize>, table: DeTable<'i>) -> DeTable<'i> {
        let mut kept = DeTable::new();
        for (key, value) in table {
            let written = key.get_ref().clone().into_owned();
            let known =
                schema["properties"].get(&written).or(schema.get("additionalProperties").filter(|s| s.is_object()));
            let value = match known {
                Some(schema) => self.value(Subject { table: name, key: &written, is_entry: false }, schema, value),
                None => {
                    self.unknown_key(name, schema, &span, &key, value.get_ref());
                    None
                }
            };
            match value {
                Some(value) => {
                    kept.insert(key, value);
                }
                None => {
                    self.rejected.0.insert((span.start, written));
                }
            }
        }
        kept
    }

    /// The value, as far as it is right.
    fn value<'i>(
        &mut self,
        subject: Subject,
        schema: &Schema,
        value: Spanned<DeValue<'i>>,
    ) -> Option<Spanned<DeValue<'i>>> {
        let span = value.span();
        let value = match (kind(schema), value.into_inner()) {
            (Kind::Table, DeValue::Table(table)) => {
                let name = match (subject.table, subject.key) {
                    ("", key) if subject.is_entry => format!("[[{key}]]"),
                    ("", key) => format!("[{key}]"),
                    (table, key) => format!("{}.{key}]", table.trim_end_matches(']')),
                };
                let was_empty = table.is_empty();
                let kept = self.table(&name, schema, span.clone(), table);
                if kept.is_empty() && !was_empty && schema["additionalProperties"].is_object() {
                    // A map of which nothing is left was not written as empty.
                    return None;
                }
                DeValue::Table(kept)
            }
            (Kind::Tables | Kind::List, DeValue::Array(list)) => self.list(subject, &schema["items"], list)?,
            (Kind::OneOrMany, DeValue::Array(list)) => self.list(subject, &schema["anyOf"][1]["items"], list)?,
            (Kind::OneOrMany | Kind::Text | Kind::Duration, value @ DeValue::String(_))
            | (Kind::Date, value @ DeValue::Datetime(_)) => value,
            (Kind::Choice, DeValue::String(text)) if choices(schema).any(|choice| choice == text) => {
                DeValue::String(text)
            }
            (Kind::Integer, DeValue::Integer(number))
                if i64::from_str_radix(number.as_str(), number.radix()).is_ok() =>
            {
                DeValue::Integer(number)
            }
            (Kind::Boolean, value @ DeValue::Boolean(_)) => value,
            (_, value) => {
                self.wrong_type(subject, schema, &value, span);
                return None;
            }
        };
        Some(Spanned::new(span, value))
    }

    /// The entries that are right; `None` if none is left of a list that had some: it was not written as empty.
    fn list<'i>(&mut self, subject: Subject, schema: &Schema, list: DeArray<'i>) -> Option<DeValue<'i>> {
        let subject = Subject { is_entry: true, ..subject };
        let was_empty = list.is_empty();
        let mut kept = DeArray::new();
        for value in list {
            if let Some(value) = self.value(subject, schema, value) {
                kept.push(value);
            }
        }
        (was_empty || !kept.is_empty()).then_some(DeValue::Array(kept))
    }

    fn unknown_key(
        &mut self,
        table: &str,
        schema: &Schema,
        span: &Range<usize>,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: &DeValue,
    ) {
        let written = key.get_ref().as_ref();
        let what = match (table, value) {
            ("", DeValue::Table(_)) => format!("unknown table {}", quote(&format!("[{written}]"))),
            ("", _) => format!("unknown key {}", quote(written)),
            _ => format!("unknown key {} in {}", quote(written), quote(table)),
        };
        let keys: Vec<&str> = schema["properties"].as_object().into_iter().flatten().map(|(key, _)| &**key).collect();
        let near = nearest(written, keys.iter().copied());
        let label = near.map(|near| format!("did you mean `{near}`?")).unwrap_or_default();
        let help = match (near, self.home_of(written)) {
            (Some(near), _) => {
                // The right key is not missing, it is misspelt.
                self.rejected.0.insert((span.start, near.to_owned()));
                None
            }
            (None, Some(home)) => Some(format!("{} belongs in `{home}`", quote(written))),
            (None, None) => Some(format!("the keys here are {}", keys.join(", "))),
        };
        let label = Label::new(self.source, key.span(), label);
        self.diagnostics.push(Diagnostic { help, ..Diagnostic::error(Code::UnknownKey, what, label) });
    }

    /// The header of a table that has this key.
    fn home_of(&self, key: &str) -> Option<String> {
        let has = |schema: &Schema| schema["properties"].get(key).is_some();
        let tables = self.root["properties"].as_object().into_iter().flatten();
        tables.into_iter().find_map(|(name, schema)| match kind(schema) {
            Kind::Table if has(schema) => Some(format!("[{name}]")),
            Kind::Table if has(&schema["additionalProperties"]) => Some(format!("[{name}.NAME]")),
            Kind::Tables if has(&schema["items"]) => Some(format!("[[{name}]]")),
            _ => None,
        })
    }

    fn wrong_type(&mut self, subject: Subject, schema: &Schema, value: &DeValue, span: Range<usize>) {
        let Subject { key, is_entry, .. } = subject;
        let entry = if is_entry { "an entry of " } else { "" };
        let (expected, found) = (expected(schema), found(value));
        let message = format!("{entry}{} must be {expected}, not {found}", quote(key));
        let label = Label::new(self.source, span, format!("expected {expected}"));
        let help = fix(subject, schema, value);
        self.diagnostics.push(Diagnostic { help, ..Diagnostic::error(Code::WrongType, message, label) });
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Table,
    /// An array of tables.
    Tables,
    List,
    OneOrMany,
    Choice,
    Duration,
    Text,
    Integer,
    Boolean,
    Date,
}

fn kind(schema: &Schema) -> Kind {
    match schema["type"].as_str() {
        _ if schema["title"] == "date" => Kind::Date,
        Some("object") => Kind::Table,
        Some("array") if schema["items"]["type"] == "object" => Kind::Tables,
        Some("array") => Kind::List,
        Some("integer") => Kind::Integer,
        Some("boolean") => Kind::Boolean,
        Some(_) if schema["enum"].is_array() => Kind::Choice,
        Some(_) if schema["title"] == "duration" => Kind::Duration,
        Some(_) => Kind::Text,
        None => Kind::OneOrMany,
    }
}

fn choices(schema: &Schema) -> impl Iterator<Item = &str> {
    schema["enum"].as_array().into_iter().flatten().filter_map(Schema::as_str)
}

fn expected(schema: &Schema) -> String {
    match kind(schema) {
        Kind::Table => "a table".to_owned(),
        Kind::Tables => "an array of tables".to_owned(),
        Kind::List => "a list of strings".to_owned(),
        Kind::OneOrMany => "a string or a list of strings".to_owned(),
        Kind::Choice => any_of(choices(schema).map(|choice| format!("\"{choice}\""))),
        Kind::Duration => "a duration in quotes".to_owned(),
        Kind::Text => "a string".to_owned(),
        Kind::Integer => "a whole number".to_owned(),
        Kind::Boolean => "`true` or `false`, without quotes".to_owned(),
        Kind::Date => "a date without quotes".to_owned(),
    }
}

fn found(value: &DeValue) -> String {
    match value {
        DeValue::String(text) => format!("the string {}", quote(&format!("\"{text}\""))),
        DeValue::Integer(number) => format!("the integer {}", quote(&number.to_string())),
        DeValue::Float(number) => format!("the number {}", quote(number.as_str())),
        DeValue::Boolean(value) => format!("`{value}`"),
        DeValue::Datetime(date) => format!("the date `{date}`"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// What to write instead.
fn fix(subject: Subject, schema: &Schema, value: &DeValue) -> Option<String> {
    let Subject { key, is_entry, .. } = subject;
    let write = |value: &str| {
        let assignment = if is_entry { value.to_owned() } else { format!("{key} = {value}") };
        Some(format!("write {}", quote(&assignment)))
    };
    match (kind(schema), value) {
        (Kind::Choice, DeValue::String(text)) => write(&format!("\"{}\"", nearest(text, choices(schema))?)),
        (Kind::List, DeValue::String(text)) => write(&format!("[\"{text}\"]")),
        (Kind::Duration, DeValue::Integer(days)) => write(&format!("\"{days}d\"")),
        (Kind::Text | Kind::OneOrMany, DeValue::Integer(number)) => write(&format!("\"{number}\"")),
        (Kind::Text | Kind::OneOrMany, DeValue::Float(number)) => write(&format!("\"{}\"", number.as_str())),
        (Kind::Text | Kind::OneOrMany, DeValue::Boolean(value)) => write(&format!("\"{value}\"")),
        (Kind::Date, DeValue::String(text)) if text.parse::<toml::value::Datetime>().is_ok() => write(text),
        (Kind::Date, _) => write("2027-01-31"),
        (Kind::Integer, DeValue::String(text)) if text.parse::<i64>().is_ok() => write(text),
        (Kind::Boolean, DeValue::String(text)) if text.parse::<bool>().is_ok() => write(text),
        (Kind::Tables, DeValue::Table(_)) => Some(format!("write `[[{key}]]`, with two brackets")),
        (Kind::Table, DeValue::Array(_)) => Some(format!("write `[{key}]`, with one bracket")),
        _ => write(&in_toml(schema["examples"].get(0)?)),
    }
}

/// An example of the schema in TOML's spelling, which is JSON's except for tables.
fn in_toml(example: &Schema) -> String {
    match example {
        Schema::Object(table) => {
            let pairs: Vec<String> = table.iter().map(|(key, value)| format!("{key} = {}", in_toml(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        _ => example.to_string(),
    }
}
