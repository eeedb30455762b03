//! The runs to come for people's calendars: RFC 5545.

use std::collections::HashSet;

use icalendar::{Calendar, Component, EventLike, Property};
use sha2::{Digest, Sha256};

use super::forecast::{ASSUMPTIONS, Forecast};
use crate::{
    plan::{Event, Row, Verb},
    time::{Day, rfc3339},
    untrusted::printable,
};

/// An entry for each key that is created, deactivated or deleted. Its id tells of the key by the day on which that was made, or will
/// be: a key that is yet to be made has no id of its own, and its entries stay the same when it has. So a calendar that is read
/// again moves an entry that comes on another day.
/// Everything that is shown goes through `shown`, which may hide a part of it.
pub fn forecast(forecast: &Forecast<'_>, shown: impl Fn(String) -> String) -> String {
    let mut calendar = Calendar::empty();
    calendar.append_property(("VERSION", "2.0"));
    calendar.append_property(("PRODID", "-//keyrota//forecast//EN"));
    calendar.append_property(("CALSCALE", "GREGORIAN"));
    calendar.append_property(("METHOD", "PUBLISH"));
    calendar.append_property(Property::new("X-WR-CALNAME", "keyrota"));
    let mut ids = HashSet::new();
    for (of, row) in forecast.rows() {
        for event in &row.events {
            let Some(mut entry) = entry(forecast, &shown(of.account.to_string()), row, event) else {
                continue;
            };
            // Two keys may have been made on one day.
            let made = event.created.map(|created| Day(created).to_string()).unwrap_or_default();
            let of = format!("{}\t{}\t{made}\t{}", of.account.id, row.user, event.verb);
            let mut nth = (0_u32..).map(|nth| hex::encode(&Sha256::digest(format!("{of}\t{nth}"))[..16]));
            let id = nth.find(|id| ids.insert(id.clone())).unwrap_or_default();
            calendar.push(entry.uid(&format!("{id}@keyrota")).done());
        }
    }
    let unknown = forecast.users.unreadable;
    if unknown > 0 || !forecast.unread.is_empty() {
        let accounts: Vec<String> = forecast.unread.iter().map(|account| printable(&account.to_string())).collect();
        let mut entry = icalendar::Event::new();
        entry
            .uid("unreadable@keyrota")
            .timestamp(forecast.from)
            .starts(forecast.from)
            .summary(&format!("keyrota: {unknown} users and {} accounts could not be read", accounts.len()))
            .description(&shown([vec!["What comes to them is not known.".to_owned()], accounts].concat().join("\n")));
        calendar.push(entry.done());
    }
    calendar.to_string()
}

fn entry(forecast: &Forecast<'_>, account_in_words: &str, row: &Row, event: &Event) -> Option<icalendar::Event> {
    let Event { at, verb, key, place: _, of, created: _, is_assumed, earliest } = event;
    let word = match verb {
        Verb::Create => "Rotate",
        Verb::Deactivate => "Deactivate an old key of",
        Verb::Delete => "Delete an old key of",
        Verb::Promote | Verb::Deliver | Verb::Notify | Verb::Update => return None,
    };
    let key = if *verb == Verb::Create { of.as_ref() } else { key.as_ref() };
    let key = key.map_or("", |key| key.as_str());
    let mut lines = vec![format!("{verb} in account {}", printable(account_in_words))];
    if *verb == Verb::Create && !key.is_empty() {
        lines.push(format!("replaces {}", short(key)));
    } else if !key.is_empty() {
        lines.push(format!("key {}", short(key)));
    }
    if *is_assumed {
        lines.push(format!("Assumed: {}", ASSUMPTIONS[1]));
    }
    lines.extend(earliest.map(|earliest| format!("{} if nobody uses it", Day(earliest))));
    lines.push(format!("Forecast of {}", rfc3339(forecast.from)));
    let mut entry = icalendar::Event::new();
    entry
        .timestamp(forecast.from)
        .starts(*at)
        .summary(&format!("{word} {}", printable(&row.user)))
        .description(&lines.join("\n"))
        .append_property(("TRANSP", "TRANSPARENT"))
        .append_property(("CATEGORIES", "keyrota"));
    Some(entry)
}

/// Enough of a key's id to tell it from the other one.
fn short(key: &str) -> String {
    match key.len() > 8 {
        true => format!("…{}", &key[key.len() - 4..]),
        false => key.to_owned(),
    }
}
