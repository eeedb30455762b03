//! Who is excepted, and whom no rule selects.

use serde::Serialize;

use super::names::{MOST_NAMED, account, row_name};
use crate::evidence::{
    model::{Exception, KeyRow, UnmanagedRow},
    shown::{AccountNames, day, place},
};

#[derive(Serialize)]
pub struct ExceptionView<'a> {
    account: String,
    user: &'a str,
    reason: &'a str,
    until: String,
    state: &'static str,
    place: String,
    commit: &'a str,
    author: &'a str,
    authored: String,
    note: &'a str,
    pub rows: Vec<(usize, String)>,
    more: usize,
}

#[derive(Serialize)]
pub struct UnmanagedView<'a> {
    account: String,
    user: &'a str,
    arn: &'a str,
    keys: String,
    class: &'static str,
    verdict: &'static str,
    pub rows: Vec<(usize, String)>,
}

pub fn exception<'a>(exception: &'a Exception, keys: &[KeyRow], names: &AccountNames<'_>) -> ExceptionView<'a> {
    let Exception { account: _, user, reason, until, in_force, place: at, commit, author, authored, note, rows } =
        exception;
    let state = match (in_force, rows.is_empty()) {
        (false, _) => "ended",
        (true, true) => "matches no key",
        (true, false) => "in force",
    };
    ExceptionView {
        account: names.exempted(exception).unwrap_or_else(|| "every account".to_owned()),
        user,
        reason,
        until: until.clone().unwrap_or_else(|| "no end".to_owned()),
        state,
        place: place(Some(at)),
        commit: commit.as_deref().unwrap_or_default(),
        author: author.as_deref().unwrap_or_default(),
        authored: authored.as_deref().map(day).unwrap_or_default().to_owned(),
        note: note.as_deref().unwrap_or_default(),
        rows: rows.iter().take(MOST_NAMED).map(|row| (*row, row_name(keys, *row, Some(names)))).collect(),
        more: rows.len().saturating_sub(MOST_NAMED),
    }
}

pub fn unmanaged<'a>(row: &'a UnmanagedRow, keys: &[KeyRow]) -> UnmanagedView<'a> {
    let (verdict, class) = match row.over_limit {
        Some(true) => ("over the limit of [defaults]", "fail"),
        Some(false) => ("within the limit of [defaults]", ""),
        None => ("not known", "unknown"),
    };
    UnmanagedView {
        account: account(&row.account, row.account_name.as_deref()),
        user: &row.user,
        arn: &row.arn,
        keys: row.active_keys.map_or_else(|| "not known".to_owned(), |keys| keys.to_string()),
        class,
        verdict,
        rows: row.rows.iter().map(|row| (*row, row_name(keys, *row, None))).collect(),
    }
}
