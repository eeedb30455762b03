//! What the formats for people write alike: instants, places, and text that came from outside.

use super::model::{KeyRow, LastUseFacts, Place, ToldTo, Unread, Verdict};
use crate::{inventory::UnreadAccount, untrusted::printable};

/// The day of an instant.
pub fn day(instant: &str) -> &str {
    instant.split('T').next().unwrap_or(instant)
}

/// An instant as people read it.
pub fn minute(instant: &str) -> String {
    match instant.split_once('T') {
        Some((day, time)) => format!("{day} {} UTC", time.get(..5).unwrap_or(time)),
        None => instant.to_owned(),
    }
}

/// `file:line`, or that it is built in.
pub fn place(place: Option<&Place>) -> String {
    place.map_or_else(|| "built in".to_owned(), |Place { file, line }| format!("{file}:{line}"))
}

/// Text within a line: nothing hidden, and no command of a workflow's log.
pub fn visible(text: &str) -> String {
    printable(text).replace("##[", "#\\u{23}[")
}

/// With which service, where.
pub fn used_with(LastUseFacts { service, region, .. }: &LastUseFacts) -> String {
    [service, region].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// To whom mail went.
pub fn told_to(to: &[ToldTo]) -> String {
    let words = to.iter().map(|to| match to.by.as_str() {
        "mail" => to.address.clone(),
        by => format!("{} ({by})", to.address),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// The criteria that a row does not meet, the worst first: `fail: 90 days, own limit`.
pub fn shortcomings(row: &KeyRow) -> String {
    let of = |verdict: Verdict| {
        let names = row.criteria.iter().filter(|(_, own)| *own == verdict).map(|(criterion, _)| criterion.short());
        let names = names.collect::<Vec<_>>().join(", ");
        (!names.is_empty()).then(|| format!("{}: {names}", verdict.as_str()))
    };
    let parts = [Verdict::Fail, Verdict::Unknown, Verdict::Excepted].into_iter().filter_map(of);
    let parts = parts.collect::<Vec<_>>().join("; ");
    match (parts.is_empty(), row.criteria.is_empty()) {
        (false, _) => parts,
        (true, true) => String::new(),
        (true, false) => Verdict::Pass.as_str().to_owned(),
    }
}

/// The accounts that could not be read, to be told by cause.
pub fn unread_accounts(unread: &[Unread]) -> Vec<UnreadAccount> {
    let account = |one: &Unread| UnreadAccount {
        id: one.account.clone(),
        name: one.account_name.clone(),
        error: one.error.clone(),
        hint: one.hint.clone(),
    };
    unread.iter().map(account).collect()
}
