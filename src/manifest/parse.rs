//! Reads one manifest: bytes, text, TOML, [`schema::File`]. Every mistake on the way is reported.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value as Schema;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    code::Code,
    diagnostic::{Diagnostic, Label, SourceFile, quote},
    schema,
    typecheck::{self, Rejected},
};

/// The file that holds what is shared.
pub(super) const SHARED: &str = "keyrota.toml";
/// The tables that belong in [`SHARED`] alone.
const SHARED_TABLES: [&str; 8] =
    ["defaults", "mail", "events", "limits", "pace", "schedule", "accounts", "organization"];

/// A manifest as written, and what was taken out of it because it was wrong.
pub(super) struct Parsed {
    pub source: Arc<SourceFile>,
    pub file: schema::File,
    pub rejected: Rejected,
}

pub(super) fn is_shared(path: &str) -> bool {
    path.rsplit('/').next() == Some(SHARED)
}

/// Reads a manifest; `None` if nothing in it can be told apart.
pub(super) fn parse(path: &str, bytes: &[u8], schema: &Schema, diagnostics: &mut Vec<Diagnostic>) -> Option<Parsed> {
    let source = decode(path, bytes, diagnostics)?;
    let (document, errors) = DeTable::parse_recoverable(&source.text);
    if !errors.is_empty() {
        diagnostics.extend(syntax(&source, errors));
        return None;
    }
    let document = document.into_inner();
    check_version(&source, &document, diagnostics)?;
    let (mut document, rejected) = typecheck::check(&source, schema, document, diagnostics);
    if !is_shared(path) {
        take_misplaced(&source, &mut document, diagnostics);
    }
    gather_policies(schema, &mut document);
    match schema::File::deserialize(toml::de::Deserializer::from(Spanned::new(0..0, document))) {
        Ok(file) => Some(Parsed { source, file, rejected }),
        Err(error) => {
            // The schema let something pass that serde does not take; better an unpolished message than none.
            let label = Label::new(&source, error.span().unwrap_or_default(), "");
            diagnostics.push(Diagnostic::error(Code::WrongType, error.message(), label));
            None
        }
    }
}

fn decode(path: &str, bytes: &[u8], diagnostics: &mut Vec<Diagnostic>) -> Option<Arc<SourceFile>> {
    match std::str::from_utf8(bytes) {
        // Windows editors put a byte order mark in front; it means nothing.
        Ok(text) => Some(Arc::new(SourceFile::new(path, text.trim_start_matches('\u{feff}').to_owned()))),
        Err(error) => {
            let at = error.valid_up_to();
            let source = Arc::new(SourceFile::new(path, String::from_utf8_lossy(bytes).into_owned()));
            let label =
                Label::new(&source, at..at + '\u{fffd}'.len_utf8(), format!("byte {at} is 0x{:02X}", bytes[at]));
            let message = "the file is not UTF-8, which TOML requires";
            let help = "save the file with the encoding UTF-8";
            diagnostics.push(Diagnostic::error(Code::NotUtf8, message, label).help(help));
            None
        }
    }
}

/// The parser's errors in the order of the file, up to the first that makes what follows unreadable.
fn syntax(source: &Arc<SourceFile>, mut errors: Vec<toml::de::Error>) -> Vec<Diagnostic> {
    errors.sort_by_key(|error| error.span().map(|span| span.start));
    let mut diagnostics = Vec::new();
    for error in errors {
        let span = error.span().unwrap_or_default();
        let written = source.text.get(span.clone()).unwrap_or_default();
        let said = error.message();
        // A word that starts like `true` is taken for it; hardly any key takes a boolean.
        let is_word = said.starts_with("string values must be quoted") || said.starts_with("invalid boolean");
        let is_local = is_word || said.starts_with("duplicate key") || said.starts_with("invalid date");
        let (message, help) = if is_word && written.is_empty() {
            ("a value is missing".to_owned(), None)
        } else if is_word {
            (format!("{} needs quotes", quote(written)), Some(format!("write {}", quote(&format!("\"{written}\"")))))
        } else if said.starts_with("duplicate key") {
            (format!("{} is given twice", quote(written)), Some("keep one of the two".to_owned()))
        } else if said.contains("recurs") {
            ("nested too deeply".to_owned(), Some("no manifest needs more than three levels".to_owned()))
        } else if said.starts_with("missing comma") {
            let help = "put a comma here, or close the list before it with `]`";
            ("a comma is missing between the entries of a list".to_owned(), Some(help.to_owned()))
        } else if said.starts_with("invalid date") {
            (said.to_owned(), Some("write a day that exists, e.g. `2027-01-31`".to_owned()))
        } else {
            (said.to_owned(), None)
        };
        let message = format!("not valid TOML: {message}");
        let diagnostic = Diagnostic::error(Code::Syntax, message, Label::new(source, span, ""));
        diagnostics.push(Diagnostic { help, ..diagnostic });
        if !is_local {
            break;
        }
    }
    diagnostics
}

/// `None` if the file is written for another keyrota: then every other complaint would mislead.
fn check_version(source: &Arc<SourceFile>, document: &DeTable, diagnostics: &mut Vec<Diagnostic>) -> Option<()> {
    let Some(version) = document.get("version") else {
        let label = Label::new(source, 0..0, "");
        let message = "`version` is missing";
        diagnostics.push(Diagnostic::error(Code::Version, message, label).help("start the file with `version = 1`"));
        return Some(());
    };
    match version.get_ref() {
        DeValue::Integer(number) if number.to_string() != "1" => {
            let label = Label::new(source, version.span(), "this keyrota reads version 1");
            let message = format!("this keyrota does not read version {} of the format", quote(&number.to_string()));
            let help = "upgrade keyrota if the file was written for a newer one; else write `version = 1`";
            diagnostics.push(Diagnostic::error(Code::Version, message, label).help(help));
            None
        }
        // Another type is for the schema to complain about.
        _ => Some(()),
    }
}

fn take_misplaced(source: &Arc<SourceFile>, document: &mut DeTable, diagnostics: &mut Vec<Diagnostic>) {
    for table in SHARED_TABLES {
        if let Some((key, _)) = document.remove_entry(table) {
            let label = Label::new(source, key.span(), "");
            let message = format!("`[{table}]` belongs in `{SHARED}`, because it holds for every file");
            let folder =
                source.path.strip_suffix(source.path.rsplit('/').next().unwrap_or_default()).unwrap_or_default();
            let help = format!("move the table to `{folder}{SHARED}`");
            diagnostics.push(Diagnostic::error(Code::Misplaced, message, label).help(help));
        }
    }
}

/// Moves the policy keys of each rule into a table of their own, where [`schema::Rotate`] has them.
fn gather_policies(schema: &Schema, document: &mut DeTable) {
    let policy_keys = &schema["properties"]["defaults"]["properties"];
    let Some(DeValue::Array(rules)) = document.get_mut("rotate").map(Spanned::get_mut) else { return };
    for rule in rules.iter_mut() {
        let span = rule.span();
        let DeValue::Table(rule) = rule.get_mut() else { continue };
        let (policy, mut rest): (Vec<_>, Vec<_>) =
            std::mem::take(rule).into_iter().partition(|(key, _)| policy_keys.get(key.get_ref().as_ref()).is_some());
        let policy = DeValue::Table(policy.into_iter().collect());
        rest.push((Spanned::new(span.clone(), "policy".into()), Spanned::new(span, policy)));
        *rule = rest.into_iter().collect();
    }
}
