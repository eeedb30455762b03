//! The oldest active key, day by day, as far as what is known today tells.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::model::{KeyRow, KeyStatus, Oldest, OldestDay};

/// So far back it is told.
const BACK: TimeDelta = TimeDelta::days(180);

/// From when to when a key worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    /// When it was created.
    pub created: DateTime<Utc>,
    /// When it stopped; `None`: it works.
    pub ended: Option<DateTime<Utc>>,
    /// Whether its user is in scope and not exempt.
    pub in_scope: bool,
}

/// Day by day, at the instant of the report.
pub(super) fn oldest(rows: &[KeyRow], now: DateTime<Utc>) -> Oldest {
    let lives: Vec<Life> = rows.iter().filter_map(life).collect();
    let days = (0..=BACK.num_days()).rev().map(|back| {
        let at = now - TimeDelta::days(back);
        let age = |in_scope: bool| {
            let alive = lives.iter().filter(|life| {
                life.created <= at && life.ended.is_none_or(|ended| at < ended) && (life.in_scope || !in_scope)
            });
            alive.map(|life| (at - life.created).num_days()).max()
        };
        OldestDay { date: day(at), age_days: age(false), in_scope_age_days: age(true), expected: false }
    });
    let note =
        "Of the keys that exist now: those that were deleted since are not in it, so that it was this old at least.";
    Oldest { days: days.collect(), note: note.to_owned() }
}

fn life(row: &KeyRow) -> Option<Life> {
    let time = |text: &Option<String>| text.as_ref()?.parse::<DateTime<Utc>>().ok();
    let (created, ended) = match row.status {
        KeyStatus::Active => (time(&row.created)?, None),
        // Until when it worked is known only of what keyrota stopped.
        KeyStatus::Inactive => (time(&row.created)?, Some(time(&row.deactivated)?)),
        KeyStatus::Unknown => return None,
    };
    Some(Life { created, ended, in_scope: row.managed && row.state != "exempt" })
}

fn day(at: DateTime<Utc>) -> String {
    let day: NaiveDate = at.date_naive();
    day.to_string()
}
