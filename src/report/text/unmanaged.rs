//! Users that no rule selects, with their keys.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::words::{BOLD, YELLOW, aligned, heading, users};
use crate::{
    inventory::UnmanagedKey,
    plan::{Plan, UnmanagedUser},
    report::accounts::by_name,
    untrusted::printable,
};

/// A line for each user that no rule selects, by account, those with keys that are too old first.
pub fn unmanaged(plan: &Plan) -> String {
    let mut accounts: BTreeMap<(String, String), Vec<&UnmanagedUser>> = BTreeMap::new();
    for one in &plan.unmanaged {
        accounts.entry(by_name(&one.account)).or_default().push(one);
    }
    let mut text = String::new();
    for mut here in accounts.into_values() {
        let Some(account) = here.first().map(|one| &one.account) else { continue };
        let title_of_account = heading(account);
        here.sort_by_key(|one| (std::cmp::Reverse(one.over_age), &one.user));
        text += &title_of_account;
        let title = format!("  {BOLD}unmanaged\tkeys{BOLD:#}");
        let line = |one: &UnmanagedUser| {
            let style = if one.over_age.is_some() { YELLOW } else { anstyle::Style::new() };
            format!("  {}\t{style}{}{style:#}", printable(&one.user), unmanaged_keys(one, plan.as_of))
        };
        text += &aligned(std::iter::once(title).chain(here.into_iter().map(line)));
        text.push('\n');
    }
    let over_age = plan.unmanaged.iter().filter(|one| one.over_age.is_some()).count();
    let unknown = plan.unmanaged.iter().filter(|one| one.keys.is_none()).count();
    let over_age = if over_age == 0 { String::new() } else { format!(", {over_age} with keys over age") };
    let unknown = if unknown == 0 { String::new() } else { format!(", {unknown} whose keys are not known") };
    text + &format!("{} selected by no rule{over_age}{unknown}.\n", users(plan.unmanaged.len()))
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
