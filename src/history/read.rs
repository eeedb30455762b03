//! What earlier runs have written, and what of it could not be used.

use chrono::{DateTime, NaiveDate, Utc};
use futures::future::LocalBoxFuture;
use serde::Deserialize;

use super::record::{Line, Record, SCHEMA};
use crate::cloud::{Archive, ArchiveError};

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// In the order of time, run by run.
    pub records: Vec<Record>,
    /// What could not be used.
    pub unusable: Vec<Unusable>,
}

/// Something in the place of a history that could not be used, or not whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {why}")]
pub struct Unusable {
    /// Its name, below the place.
    pub file: String,
    /// Why.
    pub why: String,
}

/// Reads what happened since then; everything without a date. What can't be used is said, and the rest used.
///
/// # Errors
/// The place itself can't be read.
pub fn read(archive: &dyn Archive, since: Option<DateTime<Utc>>) -> LocalBoxFuture<'_, Result<History, ArchiveError>> {
    Box::pin(read_all(archive, since))
}

async fn read_all(archive: &dyn Archive, since: Option<DateTime<Utc>>) -> Result<History, ArchiveError> {
    // A run that began the day before may have gone on.
    let from = since.map_or_else(String::new, |since| {
        let day = since.date_naive().pred_opt().unwrap_or(since.date_naive());
        day.format("%Y/%m/%d/").to_string()
    });
    let mut history = History::default();
    for file in archive.names(&from).await? {
        let problem = |why: String| Unusable { file: file.clone(), why };
        if !is_ours(&file) {
            history.unusable.push(problem("no file of a history; left out".to_owned()));
            continue;
        }
        match archive.content(&file).await {
            Ok(content) => {
                let (records, why) = parse(&content);
                history.records.extend(records.into_iter().filter(|it| since.is_none_or(|since| it.at() >= since)));
                history.unusable.extend(why.map(problem));
            }
            Err(ArchiveError { message, .. }) => {
                history.unusable.push(problem(format!("could not be read: {message}")))
            }
        }
    }
    Ok(history)
}

/// `YYYY/MM/DD/<instant>-<run>.jsonl`.
fn is_ours(name: &str) -> bool {
    let Some((day, file)) = name.rsplit_once('/') else { return false };
    let Some((instant, run)) = file.strip_suffix(".jsonl").and_then(|file| file.split_once('-')) else { return false };
    let is_day = day.len() == 10 && NaiveDate::parse_from_str(day, "%Y/%m/%d").is_ok();
    is_day && instant.starts_with(&day.replace('/', "")) && run.chars().all(|c| c.is_ascii_alphanumeric())
}

/// The lines that can be used, and what is wrong with the others.
fn parse(content: &[u8]) -> (Vec<Record>, Option<String>) {
    #[derive(Deserialize)]
    struct Schema {
        schema: String,
    }
    let text = String::from_utf8_lossy(content);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let (mut records, mut wrong) = (Vec::new(), Vec::new());
    for (position, line) in lines.iter().enumerate() {
        let number = position + 1;
        match serde_json::from_str::<Line>(line) {
            Ok(Line { schema, record }) if schema == SCHEMA => records.push(record),
            _ => wrong.push(match serde_json::from_str::<Schema>(line) {
                Ok(Schema { schema }) if schema != SCHEMA => format!("line {number} is `{schema}`, not `{SCHEMA}`"),
                Ok(_) => format!("line {number} says nothing that this version knows"),
                Err(_) if number == lines.len() => format!("cut off in line {number}"),
                Err(_) => format!("line {number} is no JSON"),
            }),
        }
    }
    match (records.first(), records.last()) {
        (Some(Record::Run(_)), Some(Record::End(_))) => {}
        (Some(Record::Run(_)), _) if wrong.is_empty() => wrong.push("cut off: its end is missing".to_owned()),
        (Some(Record::Run(_)), _) => {}
        _ => wrong.push("it does not say which run it is of".to_owned()),
    }
    let used = match records.len() {
        0 => "nothing of it is used".to_owned(),
        1 => "1 line of it is used".to_owned(),
        used => format!("{used} lines of it are used"),
    };
    let why = (!wrong.is_empty()).then(|| format!("{}; {used}", wrong.join("; ")));
    (records, why)
}
