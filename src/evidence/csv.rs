//! The rows as CSV (RFC 4180), for spreadsheets: a line a key, a column a control.

use super::{
    controls::CONTROLS,
    model::{Evidence, KeyRow, KeyStatus, Verdict},
    shown,
};
use crate::report::csv::table;

/// The columns before those of the controls.
const COLUMNS: [&str; 34] = [
    "as-of",
    "row",
    "account",
    "account-name",
    "user",
    "arn",
    "path",
    "managed",
    "rule",
    "key",
    "status",
    "created",
    "age-days",
    "limit",
    "limit-days",
    "limit-place",
    "over-limit",
    "last-use",
    "last-used",
    "last-used-service",
    "last-used-region",
    "state",
    "reason",
    "message",
    "until",
    "next-action",
    "next-date",
    "secret",
    "stored",
    "told",
    "told-to",
    "told-by-fallback",
    "recipients",
    "delivered-to",
];

/// Renders the rows of a report.
pub fn render(evidence: &Evidence) -> String {
    let header: Vec<&str> = COLUMNS.into_iter().chain(CONTROLS.iter().map(|control| control.id)).collect();
    let rows = evidence.keys.iter().map(|row| {
        let verdicts = CONTROLS.iter().map(|control| row.controls.get(control.id));
        let verdicts = verdicts.map(|it| it.map_or("", |it| it.as_str()).to_owned());
        fields(&evidence.as_of, row).into_iter().chain(verdicts).collect::<Vec<_>>()
    });
    // A table that leaves an account out would look whole.
    let unread = evidence.completeness.accounts_unread.iter().map(|account| {
        let value = |column: &str| match column {
            "as-of" => evidence.as_of.clone(),
            "account" => account.account.clone().unwrap_or_default(),
            "account-name" => account.account_name.clone().unwrap_or_default(),
            "state" => "unreadable".to_owned(),
            "message" => account.error.clone(),
            _ => String::new(),
        };
        let unknown = CONTROLS.iter().map(|_| Verdict::Unknown.as_str().to_owned());
        COLUMNS.into_iter().map(value).chain(unknown).collect::<Vec<_>>()
    });
    // Nobody was to look there, and so no control is said to be met or not.
    let left_out = evidence.completeness.accounts_left_out.iter().filter_map(|account| {
        let reason = account.reason.as_ref()?;
        let value = |column: &str| match column {
            "as-of" => evidence.as_of.clone(),
            "account" => account.account.clone(),
            "account-name" => account.account_name.clone(),
            "state" => "left-out".to_owned(),
            "message" => format!("{reason}: nothing here tells of the keys there"),
            _ => String::new(),
        };
        Some(COLUMNS.into_iter().map(value).chain(CONTROLS.iter().map(|_| String::new())).collect::<Vec<_>>())
    });
    table(&header, rows.chain(unread).chain(left_out))
}

fn fields(as_of: &str, row: &KeyRow) -> [String; COLUMNS.len()] {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let number = |value: Option<i64>| value.map(|value| value.to_string()).unwrap_or_default();
    let truth = |value: Option<bool>| value.map(|value| value.to_string()).unwrap_or_default();
    let told = row.told.as_ref();
    let status = match row.status {
        KeyStatus::Active => "active",
        KeyStatus::Inactive => "inactive",
        KeyStatus::Unknown => "unknown",
    };
    [
        as_of.to_owned(),
        row.row.to_string(),
        row.account.clone(),
        text(&row.account_name),
        row.user.clone(),
        row.arn.clone(),
        row.path.clone(),
        row.managed.to_string(),
        row.rule.as_ref().map(|rule| shown::place(Some(rule))).unwrap_or_default(),
        text(&row.key),
        status.to_owned(),
        text(&row.created),
        number(row.age_days),
        row.limit.clone(),
        row.limit_days.to_string(),
        shown::place(row.limit_place.as_ref()),
        truth(row.over_limit),
        row.last_use.state.to_owned(),
        text(&row.last_use.at),
        text(&row.last_use.service),
        text(&row.last_use.region),
        row.state.to_owned(),
        row.reason.unwrap_or_default().to_owned(),
        text(&row.message),
        text(&row.until),
        row.next.as_ref().map(|next| next.action.to_owned()).unwrap_or_default(),
        row.next.as_ref().map(|next| next.at.clone()).unwrap_or_default(),
        text(&row.secret),
        row.stored.unwrap_or_default().to_owned(),
        told.and_then(|told| told.at.clone()).unwrap_or_default(),
        told.map(|told| shown::told_to(&told.to)).unwrap_or_default(),
        truth(told.and_then(|told| told.fallback)),
        row.recipients.join(", "),
        row.delivered_to.join(", "),
    ]
}
