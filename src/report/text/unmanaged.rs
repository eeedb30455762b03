//! Users that no rule selects, with their keys.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use chrono::{DateTime, Utc};

use super::words::{BOLD, YELLOW, aligned, heading, list, users};
use crate::{
    counted::counted,
    inventory::UnmanagedKey,
    plan::{Plan, UnmanagedUser},
    report::accounts::{FEW, by_name},
    untrusted::printable,
};

/// A line for each user that no rule selects, by account, those with keys that are too old first. Of many accounts, those with keys
/// that are too old or not known are shown in one table, and all others are counted.
pub fn unmanaged(plan: &Plan) -> String {
    let mut accounts: BTreeMap<(String, String), Vec<&UnmanagedUser>> = BTreeMap::new();
    for one in &plan.unmanaged {
        accounts.entry(by_name(&one.account)).or_default().push(one);
    }
    let mut accounts: Vec<Vec<&UnmanagedUser>> = accounts.into_values().collect();
    accounts.iter_mut().for_each(|here| here.sort_by_key(|one| (Reverse(one.over_age), &one.user)));
    let count = plan.accounts.len() + plan.accounts_unread.len();
    let text = if count > FEW { of_many(plan, &accounts) } else { of_few(plan, &accounts) };
    text + &total(plan, count)
}

/// A table an account.
fn of_few(plan: &Plan, accounts: &[Vec<&UnmanagedUser>]) -> String {
    let mut text = String::new();
    for here in accounts {
        let Some(account) = here.first().map(|one| &one.account) else { continue };
        text += &heading(account);
        let title = format!("  {BOLD}unmanaged\tkeys{BOLD:#}");
        let line = |one: &&UnmanagedUser| format!("  {}\t{}", printable(&one.user), styled_keys(one, plan));
        text += &aligned(std::iter::once(title).chain(here.iter().map(line)));
        text.push('\n');
    }
    text
}

/// How many accounts there are, those that need a look by name, and all others as one line.
fn of_many(plan: &Plan, accounts: &[Vec<&UnmanagedUser>]) -> String {
    let is_unknown = |here: &&Vec<&UnmanagedUser>| here.iter().any(|one| one.keys.is_none());
    let is_over_age = |here: &&Vec<&UnmanagedUser>| here.iter().any(|one| one.over_age.is_some());
    let over_age = accounts.iter().filter(is_over_age).count();
    let unknown = accounts.iter().filter(|here| !is_over_age(here) && is_unknown(here)).count();
    let unread = plan.accounts_unread.len();
    let parts = [
        (over_age, "with unmanaged keys over age"),
        (unknown, "with unmanaged users whose keys are not known"),
        (accounts.len() - over_age - unknown, "with unmanaged users, and no such key"),
        (plan.accounts.len().saturating_sub(accounts.len()), "without unmanaged users"),
        (unread, "not read"),
    ];
    let parts = list(parts.into_iter()).unwrap_or_default();
    let mut text = format!("{BOLD}{}: {parts}.{BOLD:#}\n\n", counted(plan.accounts.len() + unread, "account"));
    let needs_a_look = |one: &&&UnmanagedUser| one.over_age.is_some() || one.keys.is_none();
    let shown: Vec<&&UnmanagedUser> = accounts.iter().flatten().filter(needs_a_look).collect();
    if !shown.is_empty() {
        let title = format!("  {BOLD}account\tunmanaged\tkeys{BOLD:#}");
        let line = |one: &&UnmanagedUser| {
            let (account, user) = (printable(&one.account.short_name()), printable(&one.user));
            format!("  {account}\t{user}\t{}", styled_keys(one, plan))
        };
        text += &aligned(std::iter::once(title).chain(shown.iter().map(|one| line(one))));
        text.push('\n');
    }
    let others: Vec<&&UnmanagedUser> = accounts.iter().flatten().filter(|one| !needs_a_look(one)).collect();
    if !others.is_empty() {
        let of: BTreeSet<&str> = others.iter().map(|one| one.account.id.as_str()).collect();
        let more = if shown.is_empty() { users(others.len()) } else { counted(others.len(), "more user") };
        let of = counted(of.len(), "account");
        text += &format!("{more} of {of}: no key is over age; `--account NAME` lists them.\n");
    }
    text
}

fn styled_keys(one: &UnmanagedUser, plan: &Plan) -> String {
    let style = if one.over_age.is_some() { YELLOW } else { anstyle::Style::new() };
    format!("{style}{}{style:#}", unmanaged_keys(one, plan.as_of))
}

fn total(plan: &Plan, accounts: usize) -> String {
    let over_age = plan.unmanaged.iter().filter(|one| one.over_age.is_some()).count();
    let unknown = plan.unmanaged.iter().filter(|one| one.keys.is_none()).count();
    let over_age = if over_age == 0 { String::new() } else { format!(", {over_age} with keys over age") };
    let unknown = if unknown == 0 { String::new() } else { format!(", {unknown} whose keys are not known") };
    let of = match accounts {
        0 | 1 => String::new(),
        _ => format!(" of {}", counted(plan.accounts.len(), "account")),
    };
    format!("{}{of} selected by no rule{over_age}{unknown}.\n", users(plan.unmanaged.len()))
}

/// Their keys in a few words.
pub fn unmanaged_keys(one: &UnmanagedUser, now: DateTime<Utc>) -> String {
    let Some(keys) = &one.keys else { return "not known".to_owned() };
    let limit = one.over_age.is_some();
    let words = |key: &UnmanagedKey| {
        let id = key.id.as_ref().map_or_else(String::new, |id| format!("{id} "));
        let age = (now - key.created).num_days();
        match key.active {
            true => format!("{id}{age}d old"),
            false => format!("{id}{age}d old, inactive"),
        }
    };
    let keys: Vec<String> = keys.iter().map(words).collect();
    match keys.is_empty() {
        true => "none".to_owned(),
        false => (if limit { "over age: " } else { "" }).to_owned() + &keys.join("; "),
    }
}
