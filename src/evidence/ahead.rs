//! What the scheduled runs will do, as the report has it: by day, and whose keys get too old all the same.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use super::{
    model::{Calendar, CalendarDay, KeyRow, KeyStatus, Late, NextStep},
    oldest::Life,
};
use crate::{
    inventory::{Inventory, KeyId},
    plan::{self, Cause, OverAge, Row, Verb},
    roster::Roster,
    time::{Day, Duration, rfc3339},
};

/// What they rest on, in a sentence.
const ASSUMPTION: &str = "Every scheduled run is simulated, with its pace. Who uses a key now is taken to go on using it until it \
                          is stopped, and to take the next one in time; no run fails, and nothing else changes.";

/// What the scheduled runs do first about the key of a row: with it, or the creation of the one that replaces it. What comes after
/// the time that they are known for stays as the row has it.
pub(super) fn next_of(calendars: &[plan::Calendar], row: &KeyRow) -> Option<NextStep> {
    let calendar = calendars.iter().find(|calendar| calendar.account.id == row.account);
    let ahead = calendar.and_then(|calendar| Some((calendar, calendar.users.iter().find(|it| it.user == row.user)?)));
    let Some((calendar, ahead)) = ahead else { return row.next.clone() };
    let is_it = |key: &Option<KeyId>| key.as_ref().is_some_and(|key| Some(key.as_str()) == row.key.as_deref());
    let concerns = |event: &&plan::Event| match event.verb {
        Verb::Create => is_it(&event.of) || (event.of.is_none() && row.status == KeyStatus::Active),
        _ => is_it(&event.key),
    };
    match ahead.events.iter().find(concerns) {
        Some(event) => Some(NextStep { action: event.verb.as_str(), at: rfc3339(event.at), if_unused: false }),
        None => row.next.clone().filter(|next| next.at > rfc3339(calendar.until)),
    }
}

/// The calendars of all accounts, added up; `None`: there is none.
pub(super) fn calendar(calendars: &[plan::Calendar]) -> Option<Calendar> {
    let first = calendars.first()?;
    let mut days = BTreeMap::<String, CalendarDay>::new();
    for calendar in calendars {
        for (date, ahead) in calendar.days() {
            let date = date.to_string();
            let day = days.entry(date.clone()).or_insert_with(|| CalendarDay { date, ..CalendarDay::default() });
            day.create += ahead.rotations.len();
            day.deactivate += ahead.deactivations.len();
            day.delete += ahead.deletions.len();
        }
    }
    let late = calendars.iter().flat_map(|calendar| {
        let keys = calendar.users.iter().flat_map(|row| row.over_age.iter().map(move |key| (row, key)));
        let keys = keys.filter(|(_, key)| key.cause != Cause::Exempt);
        keys.map(|(row, key)| Late { account: calendar.account.id.clone(), user: row.user.clone(), message: late(key) })
    });
    Some(Calendar {
        from: Day(first.from).to_string(),
        until: Day(first.until).to_string(),
        days: days.into_values().collect(),
        late: late.collect(),
        assumption: ASSUMPTION.to_owned(),
    })
}

fn late(key: &OverAge) -> String {
    let OverAge { key, limit, passes, stops, cause } = key;
    let stops = match stops {
        Some(stops) => format!("and is stopped on {}", Day(*stops)),
        None => "and is not stopped in this time".to_owned(),
    };
    let why = match cause {
        Cause::Before => "it was due before".to_owned(),
        Cause::Pace => "it waits for its turn".to_owned(),
        Cause::Place(_) => "another key has to make room first".to_owned(),
        Cause::Overlap => "both keys work during the overlap".to_owned(),
        Cause::RotateAhead => "runs come less often than `rotate-ahead` allows for".to_owned(),
        Cause::Schedule => "no run that begins rotations comes in time".to_owned(),
        Cause::InUse => "it is taken to be in use for so long".to_owned(),
        Cause::Exempt => "its user is exempt".to_owned(),
        Cause::Blocked(wait) => format!("a person must do something first: {wait}"),
        Cause::Unknown => "something could not be read".to_owned(),
    };
    let help = cause.setting().map_or_else(String::new, |setting| format!("; `{setting}` would help"));
    let key = match key.as_str() {
        id if id.starts_with("AK") || id.starts_with("AS") => id,
        // It has no id before it is made.
        _ => "a key that is yet to be made",
    };
    format!("{key} is as old as its limit of {} on {} {stops}: {why}{help}", Duration(*limit), Day(*passes))
}

/// From when to when the keys of one account will have worked: those that exist, and those that are to come.
pub(super) fn lives(calendar: &plan::Calendar, roster: &Roster, inventory: &Inventory) -> Vec<Life> {
    let mut lives = Vec::new();
    for Row { user, events, .. } in &calendar.users {
        let in_scope = roster.entry(user).is_some_and(|entry| entry.exempt.is_none());
        let mut own = HashMap::<&str, Life>::new();
        let state = inventory.users.get(user).and_then(|state| state.as_ref().ok());
        for key in state.iter().flat_map(|state| &state.keys).filter(|key| key.is_active()) {
            own.insert(key.id.as_str(), Life { created: key.created, ended: None, in_scope });
        }
        for event in events {
            let Some(key) = event.key.as_ref().map(|key| key.as_str()) else { continue };
            match event.verb {
                Verb::Create => {
                    own.insert(key, Life { created: event.at, ended: None, in_scope });
                }
                Verb::Deactivate => end(own.get_mut(key), event.at),
                _ => {}
            }
        }
        lives.extend(own.into_values());
    }
    lives
}

fn end(life: Option<&mut Life>, at: DateTime<Utc>) {
    if let Some(life) = life.filter(|life| life.ended.is_none()) {
        life.ended = Some(at);
    }
}
