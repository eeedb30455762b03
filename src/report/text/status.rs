//! Every user in scope, with its keys.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};

use super::words::{BOLD, Causes, aligned, assumption, day, heading, last_day, mark, message, moves_later, users};
use crate::{
    inventory::{Inventory, Key, LastUse, State},
    plan::{Forecast, Next, Viewpoint, WaitingOn},
    roster::{Entry, Roster},
    untrusted::printable,
};

/// Every user in scope, a line a key: age, last use, what comes next and when.
pub fn status(accounts: &[(&Roster, &Inventory)], viewpoint: impl Into<Viewpoint>) -> String {
    let viewpoint = viewpoint.into();
    let mut text = String::new();
    let mut unreadable = Causes::default();
    for (roster, inventory) in accounts {
        text += &heading(&roster.account);
        let title = ["user", "key", "status", "created", "age", "last used", "next"].join("\t");
        let title = format!("  {BOLD}{title}{BOLD:#}");
        let lines = roster.entries.iter().flat_map(|entry| {
            let observed = inventory.users.get(&entry.user.name).map(Result::as_ref);
            let next = Forecast::new(roster, entry, observed, viewpoint);
            if let Next::Wait { wait: WaitingOn::Unreadable { cause, .. }, .. } = &next.next {
                unreadable.add(cause);
            }
            status_lines(roster, entry, observed.and_then(Result::ok), next, viewpoint.at)
        });
        let lines: Vec<String> = lines.collect();
        text += &aligned(std::iter::once(title).chain(lines));
        let _ = writeln!(text, "\n{} in scope, {} unmanaged.", users(roster.entries.len()), roster.unmanaged);
    }
    let all = accounts.iter().map(|(roster, _)| roster.entries.len()).sum();
    if let Some(unknown) = unreadable.sentence(all) {
        text += &(unknown + "\n");
    }
    text
}

fn status_lines(
    roster: &Roster,
    entry: &Entry,
    state: Option<&State>,
    next: Forecast,
    now: DateTime<Utc>,
) -> Vec<String> {
    let user = printable(&entry.user.name);
    let assumed = assumption(next.is_assumed);
    let moves = moves_later(next.moves_to(roster, entry, now).as_deref());
    let (about, next) = match next.next {
        Next::Change(action, reason) => (
            action.key().cloned(),
            format!("{} now: {}{moves}{assumed}", action.verb(), printable(&reason.to_string())),
        ),
        Next::Wait { wait: WaitingOn::Unreadable { .. }, .. } => (None, "unreadable".to_owned()),
        Next::Wait { key, wait, until } => {
            let (_, word, _) = mark(&wait);
            let until = until.map_or_else(String::new, |until| format!(" until {}", last_day(&wait, until)));
            (key, format!("{word}{until}: {}{moves}{assumed}", message(&wait)))
        }
        Next::Settled { next_rotation: Some(at) } => (None, format!("rotate {}", day(at))),
        Next::Settled { next_rotation: None } => (None, "nothing to rotate".to_owned()),
        Next::Need(need) => (None, format!("unknown: {need}")),
    };
    let keys = state.map_or(&[][..], |state| &state.keys);
    if keys.is_empty() {
        return vec![format!("  {user}\t-\t\t\t\t\t{next}")];
    }
    let mut keys: Vec<&Key> = keys.iter().collect();
    keys.sort_unstable_by_key(|key| (key.created, key.id.clone()));
    let told_at = about.and_then(|id| keys.iter().position(|key| key.id == id)).unwrap_or(keys.len() - 1);
    let line = |(position, key): (usize, &&Key)| {
        let Key { id, status: _, created, last_use } = key;
        let status = if key.is_active() { "active" } else { "inactive" };
        let age = (now - created).num_days();
        let used = match last_use {
            LastUse::Unread => "?".to_owned(),
            LastUse::Never => "never".to_owned(),
            LastUse::At { time, service, .. } => {
                day(*time) + &service.as_ref().map_or_else(String::new, |service| format!(" ({})", printable(service)))
            }
        };
        let next = if position == told_at { next.as_str() } else { "" };
        format!("  {user}\t{id}\t{status}\t{}\t{age}d\t{used}\t{next}", day(*created))
    };
    keys.iter().enumerate().map(line).collect()
}
