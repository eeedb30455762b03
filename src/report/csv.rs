//! Tables for spreadsheets: RFC 4180.

use chrono::{DateTime, Utc};
use csv::{Terminator, Writer, WriterBuilder};

use super::forecast::Forecast;
use crate::{
    inventory::{Account, KeyId, UnreadAccount},
    plan::{Event, Outlook, Row},
    time::rfc3339,
    untrusted::spreadsheet_cell,
};

/// A row for each step of each run; `blocked`, `exempt` and `unreadable` are rows as well, an account that could not be read without a
/// user.
pub fn forecast(forecast: &Forecast<'_>) -> String {
    let header = ["date", "account", "account-name", "user", "action", "key", "replaces", "assumed", "earliest"];
    let mut rows: Vec<_> = Vec::new();
    for (calendar, Row { user, events, outlook, .. }) in forecast.rows() {
        let row =
            |date: DateTime<Utc>, action: &str, [key, replaces]: [String; 2], [assumed, earliest]: [String; 2]| {
                let Account { id, name, .. } = &*calendar.account;
                let name = name.clone().unwrap_or_default();
                [rfc3339(date), id.clone(), name, user.clone(), action.to_owned(), key, replaces, assumed, earliest]
            };
        rows.extend(events.iter().map(|Event { at, verb, key, place: _, of, created: _, is_assumed, earliest }| {
            let rests = [is_assumed.to_string(), earliest.map(rfc3339).unwrap_or_default()];
            row(*at, verb.as_str(), [text(key), text(of)], rests)
        }));
        let ends = match outlook {
            Outlook::Known => None,
            Outlook::Exempt { .. } => Some((forecast.from, "exempt")),
            Outlook::Blocked { since, .. } => Some((*since, "blocked")),
            Outlook::Unknown { since, .. } => Some((*since, "unreadable")),
        };
        rows.extend(ends.map(|(since, word)| row(since, word, Default::default(), Default::default())));
    }
    rows.extend(forecast.unread.iter().map(|UnreadAccount { id, name, .. }| {
        let [id, name] = [id, name].map(|text| text.clone().unwrap_or_default());
        let nothing = String::new;
        let word = "unreadable".to_owned();
        [rfc3339(forecast.from), id, name, nothing(), word, nothing(), nothing(), nothing(), nothing()]
    }));
    // By date, account and user; steps of one run keep their order.
    rows.sort_by(|a, b| (&a[0], &a[1], &a[3]).cmp(&(&b[0], &b[1], &b[3])));
    table(&header, rows)
}

fn text(key: &Option<KeyId>) -> String {
    key.as_ref().map_or_else(String::new, ToString::to_string)
}

/// A table. Lines end as the standard says, and no cell is a formula.
pub fn table<R: AsRef<[String]>>(header: &[&str], rows: impl IntoIterator<Item = R>) -> String {
    let mut writer: Writer<Vec<u8>> = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(header).expect("memory takes what is written to it");
    for row in rows {
        writer
            .write_record(row.as_ref().iter().map(|cell| spreadsheet_cell(cell)))
            .expect("memory takes what is written to it");
    }
    let bytes = writer.into_inner().expect("memory takes what is written to it");
    String::from_utf8(bytes).expect("cells are text")
}
