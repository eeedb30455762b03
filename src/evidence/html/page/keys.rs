//! The table of keys: an account after the other, a line a key.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::names::account;
use crate::{
    counted::counted,
    evidence::{
        model::{AccountFacts, Evidence, KeyRow, KeyStatus, Verdict},
        shown::{day, place, shortcomings, told_to, used_with},
    },
    report::accounts::FEW,
    time::Day,
};

/// How one of several accounts does.
#[derive(Serialize)]
pub struct AccountRow {
    name: String,
    users: usize,
    unmanaged: usize,
    active_keys: usize,
    /// Keys that something is not met by, or not known of.
    failing: usize,
    verdict: &'static str,
}

#[derive(Serialize)]
pub struct AccountView {
    name: String,
    region: String,
    pub rows: Vec<RowView>,
}

/// A line of the table of keys. What says nothing is left out: there may be thousands.
#[derive(Serialize)]
pub struct RowView {
    pub row: usize,
    /// A verdict names it.
    pub linked: bool,
    user: String,
    /// At the first key of a user.
    arn: Option<String>,
    key: String,
    status: String,
    age: String,
    created: String,
    limit: String,
    limit_place: String,
    used: String,
    used_with: String,
    state: &'static str,
    message: String,
    next: String,
    next_at: String,
    secret: String,
    told: String,
    verdict: String,
    class: &'static str,
}

/// Of several accounts how each does, the worst first; of many, those of which every key passes are one line.
pub fn account_rows(evidence: &Evidence) -> (Vec<AccountRow>, Option<String>) {
    if evidence.accounts.len() < 2 {
        return (Vec::new(), None);
    }
    let mut failing: HashMap<&str, (usize, Verdict)> = HashMap::new();
    for row in &evidence.keys {
        let worst = row.criteria.iter().map(|(_, verdict)| *verdict).min();
        if let Some(worst) = worst.filter(|worst| *worst != Verdict::Pass) {
            let (count, verdict) = failing.entry(&row.account).or_insert((0, worst));
            *count += 1;
            *verdict = worst.min(*verdict);
        }
    }
    let row = |facts: &AccountFacts| {
        let (failing, verdict) = failing.get(facts.account.as_str()).copied().unwrap_or((0, Verdict::Pass));
        let name = account(&facts.account, facts.account_name.as_deref());
        let AccountFacts { users, unmanaged, active_keys, .. } = *facts;
        (verdict, AccountRow { name, users, unmanaged, active_keys, failing, verdict: verdict.as_str() })
    };
    let mut rows: Vec<(Verdict, AccountRow)> = evidence.accounts.iter().map(row).collect();
    let mut fine = None;
    if rows.len() > FEW {
        let all = rows.len();
        let keys: usize =
            rows.iter().filter(|(verdict, _)| *verdict == Verdict::Pass).map(|(_, row)| row.active_keys).sum();
        rows.retain(|(verdict, _)| *verdict != Verdict::Pass);
        let count = all - rows.len();
        fine = (count > 0)
            .then(|| format!("{}: {} and every one passes", counted(count, "account"), counted(keys, "active key")));
    }
    rows.sort_by(|(a, one), (b, other)| {
        (a, std::cmp::Reverse(one.failing)).cmp(&(b, std::cmp::Reverse(other.failing)))
    });
    (rows.into_iter().map(|(_, row)| row).collect(), fine)
}

pub fn by_account(evidence: &Evidence) -> Vec<AccountView> {
    let mut views: Vec<AccountView> = Vec::new();
    let mut before: Option<&KeyRow> = None;
    for row in &evidence.keys {
        if before.is_none_or(|before| before.account != row.account) {
            let region = evidence.accounts.iter().find(|it| it.account == row.account).map(|it| it.region.clone());
            views.push(AccountView {
                name: account(&row.account, row.account_name.as_deref()),
                region: region.unwrap_or_default(),
                rows: Vec::new(),
            });
        }
        let is_same_user = before.is_some_and(|before| before.account == row.account && before.user == row.user);
        if let Some(view) = views.last_mut() {
            view.rows.push(key_row(row, is_same_user));
        }
        before = Some(row);
    }
    views
}

fn key_row(row: &KeyRow, is_same_user: bool) -> RowView {
    let worst = row.criteria.iter().map(|(_, verdict)| *verdict).min();
    let stored = row.stored.map_or("", |stored| match stored {
        "handed-out" => ", handed out by its secret",
        "pending" => ", stored and not handed out yet",
        _ => ", in its secret",
    });
    let delivered = match &row.delivered_to[..] {
        [] => String::new(),
        places => format!(", delivered to {}", places.join(", ")),
    };
    let (status, key) = match row.status {
        KeyStatus::Active => ("active", row.key.as_deref().unwrap_or("id not known")),
        KeyStatus::Inactive => ("inactive", row.key.as_deref().unwrap_or("id not known")),
        KeyStatus::Unknown => ("", "not known"),
    };
    let stopped = row.deactivated.as_ref().map_or_else(String::new, |at| format!(" since {}", day(at)));
    let used = match row.last_use.at.as_deref() {
        Some(at) => day(at).to_owned(),
        None if row.last_use.state == "never" => "never".to_owned(),
        None => "not known".to_owned(),
    };
    let told = row.told.as_ref().map_or_else(String::new, |told| {
        let at = told.at.as_ref().map_or_else(String::new, |at| format!(" {}", day(at)));
        let to = told_to(&told.to);
        if to.is_empty() { format!("told{at}") } else { format!("told{at}: {to}") }
    });
    let until = match (row.state, &row.until) {
        ("held", Some(until)) => format!("; until {}", day(until)),
        // It ends where the next day begins.
        ("exempt", Some(until)) => format!("; last day {}", last_day(until)),
        _ => String::new(),
    };
    // The state says so already.
    let why = |message: &str| message.strip_prefix("exempt: ").unwrap_or(message).to_owned();
    let if_unused = |unused: bool| if unused { ", once unused" } else { "" };
    RowView {
        row: row.row,
        linked: false,
        user: row.user.clone(),
        // The account stands above its rows; whole, ARNs take a twentieth of a large page.
        arn: (!is_same_user).then(|| row.arn.splitn(6, ':').last().unwrap_or_default().to_owned()),
        key: key.to_owned(),
        status: format!("{status}{stopped}{stored}{delivered}"),
        age: row.age_days.map_or_else(|| "not known".to_owned(), |age| format!("{age} d")),
        created: row.created.as_deref().map(day).unwrap_or_default().to_owned(),
        limit: row.limit.clone(),
        limit_place: place(row.limit_place.as_ref()),
        used,
        used_with: used_with(&row.last_use),
        state: row.state,
        message: row.message.as_ref().map_or_else(String::new, |message| why(message) + &until),
        next: row.next.as_ref().map_or_else(String::new, |next| next.action.to_owned()),
        next_at: row
            .next
            .as_ref()
            .map_or_else(String::new, |next| format!("{}{}", day(&next.at), if_unused(next.if_unused))),
        secret: row.secret.clone().unwrap_or_default(),
        told,
        verdict: shortcomings(row),
        class: worst.map_or("", Verdict::as_str),
    }
}

/// The last day of what ends at an instant.
fn last_day(ends: &str) -> String {
    let ends = ends.parse::<DateTime<Utc>>().map(|ends| Day(ends - TimeDelta::seconds(1)).to_string());
    ends.unwrap_or_default()
}
