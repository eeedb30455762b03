//! Who is excepted, and whom no rule selects.

use serde::Serialize;

use super::names::{account, row_name};
use crate::evidence::{
    model::{Completeness, Exception, KeyRow, UnmanagedRow},
    shown::{day, place},
};

#[derive(Serialize)]
pub struct ExceptionView<'a> {
    account: &'a str,
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

pub fn exception<'a>(exception: &'a Exception, keys: &[KeyRow]) -> ExceptionView<'a> {
    let Exception { account, user, reason, until, in_force, place: at, commit, author, authored, note, rows } =
        exception;
    let state = match (in_force, rows.is_empty()) {
        (false, _) => "ended",
        (true, true) => "matches no key",
        (true, false) => "in force",
    };
    ExceptionView {
        account: account.as_deref().unwrap_or("every account"),
        user,
        reason,
        until: until.clone().unwrap_or_else(|| "no end".to_owned()),
        state,
        place: place(Some(at)),
        commit: commit.as_deref().unwrap_or_default(),
        author: author.as_deref().unwrap_or_default(),
        authored: authored.as_deref().map(day).unwrap_or_default().to_owned(),
        note: note.as_deref().unwrap_or_default(),
        rows: rows.iter().map(|row| (*row, row_name(keys, *row))).collect(),
    }
}

pub fn unmanaged<'a>(row: &'a UnmanagedRow, keys: &[KeyRow], _: &Completeness) -> UnmanagedView<'a> {
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
        rows: row.rows.iter().map(|row| (*row, row_name(keys, *row))).collect(),
    }
}
