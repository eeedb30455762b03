//! Every user in scope, with its keys.

use std::{collections::HashSet, fmt::Write as _};

use chrono::{DateTime, Utc};

use super::{
    plan::accounts_line,
    words::{BOLD, Causes, aligned, assumption, day, heading, last_day, mark, moves, moves_later, users, why},
};
use crate::{
    inventory::{Inventory, Key, LastUse},
    plan::{Change, Viewpoint, WaitingOn},
    report::{
        accounts::{Groups, by_name, short_name},
        status::{AccountStatus, Row, UserStatus},
    },
    roster::Roster,
    time::Duration,
    untrusted::printable,
};

/// Every user in scope, a line a key: age, last use, what comes next and when. Those whose keys are older than their limit
/// come first. `unread` is how many accounts could not be read. Of many accounts, those where nothing is to be done are counted.
pub fn status(accounts: &[(&Roster, &Inventory)], unread: usize, viewpoint: impl Into<Viewpoint>) -> String {
    let viewpoint = viewpoint.into();
    let statuses: Vec<AccountStatus<'_>> =
        accounts.iter().map(|(roster, inventory)| AccountStatus::new(roster, inventory, viewpoint)).collect();
    let groups = Groups::new(statuses.iter().map(|status| &status.plan), unread);
    let shown: HashSet<&str> = groups.shown().map(|group| group.account.id.as_str()).collect();
    let mut statuses: Vec<&AccountStatus<'_>> = statuses.iter().collect();
    if groups.are_many() {
        statuses.sort_by_cached_key(|status| by_name(&status.roster.account));
    }
    let (shown, quiet): (Vec<_>, Vec<_>) =
        statuses.into_iter().partition(|status| shown.contains(status.roster.account.id.as_str()));
    let quiet_line = groups.quiet_sentence().map(|sentence| {
        let in_scope = users(quiet.iter().map(|status| status.roster.entries.len()).sum());
        let unmanaged: usize = quiet.iter().map(|status| status.roster.unmanaged.len()).sum();
        let settled = quiet.iter().filter_map(|status| status.plan.next_rotation());
        let next = settled.min_by_key(|(at, _)| *at).map_or_else(String::new, |(at, settled)| {
            let (user, account) = (printable(&settled.user), printable(&short_name(&settled.account)));
            format!(", next rotation {} ({user} in {account})", day(at))
        });
        format!("{sentence}. {in_scope} in scope there, {unmanaged} unmanaged{next}; `--account NAME` shows one.\n")
    });
    accounts_line(&groups) + &tables(&shown, &[], viewpoint) + &quiet_line.unwrap_or_default()
}

/// The same for the users of these names, each account with its table; if none is named, for everyone.
pub fn status_of(accounts: &[(&Roster, &Inventory)], viewpoint: impl Into<Viewpoint>, names: &[String]) -> String {
    let viewpoint = viewpoint.into();
    let statuses: Vec<AccountStatus<'_>> =
        accounts.iter().map(|(roster, inventory)| AccountStatus::new(roster, inventory, viewpoint).of(names)).collect();
    tables(&statuses.iter().collect::<Vec<_>>(), names, viewpoint)
}

fn tables(accounts: &[&AccountStatus<'_>], names: &[String], viewpoint: Viewpoint) -> String {
    let mut text = String::new();
    let (mut unreadable, mut shown) = (Causes::default(), 0);
    for account in accounts {
        let roster = account.roster;
        text += &heading(&roster.account);
        let title = ["user", "key", "status", "age", "last used", "next"].join("\t");
        let title = format!("  {BOLD}{title}{BOLD:#}");
        let all = account.users();
        shown += all.len();
        for user in &all {
            if let Row::Waiting(waiting) = user.row
                && let WaitingOn::Unreadable { cause, .. } = &waiting.wait
            {
                unreadable.add(cause);
            }
        }
        let lines = all.iter().flat_map(|user| status_lines(user, viewpoint.at));
        text += &aligned(std::iter::once(title).chain(lines));
        if !names.is_empty() {
            continue;
        }
        let overdue = all.iter().filter(|user| user.overdue.is_some()).count();
        let overdue = if overdue == 0 { String::new() } else { format!(", {overdue} overdue") };
        let _ = writeln!(
            text,
            "\n{} in scope, {} unmanaged{overdue}.",
            users(roster.entries.len()),
            roster.unmanaged.len()
        );
    }
    if let Some(unknown) = unreadable.sentence(shown) {
        text += &(unknown + "\n");
    }
    text
}

fn status_lines(user: &UserStatus<'_>, now: DateTime<Utc>) -> Vec<String> {
    let UserStatus { entry, keys, row, overdue, recipients: _, places: _ } = user;
    let name = printable(&entry.user.name);
    let (about, next) = match row {
        Row::Change(change) => {
            let Change { action, reason, moves_to, is_assumed, .. } = change;
            let (moves, assumed) = (moves(moves_to.as_deref()), assumption(*is_assumed));
            let (verb, reason) = (action.verb(), printable(&reason.to_string()));
            (action.key().cloned(), format!("{verb} now: {reason}{moves}{assumed}"))
        }
        Row::Waiting(waiting) if waiting.wait.is_unreadable() => (None, "unreadable".to_owned()),
        Row::Waiting(waiting) => {
            let (_, word, _) = mark(&waiting.wait);
            let until = waiting.until.map(|until| format!(" until {}", last_day(&waiting.wait, until, now)));
            let moves = moves_later(waiting.moves_to.as_deref());
            let (until, assumed) = (until.unwrap_or_default(), assumption(waiting.is_assumed));
            (waiting.key.clone(), format!("{word}{until}: {}{moves}{assumed}", why(waiting)))
        }
        Row::Settled(settled) => (
            None,
            match (settled.goes_unused, settled.next_rotation) {
                (Some(at), _) => format!("notify {}: its key goes if nobody uses it", day(at)),
                (None, Some(at)) => format!("rotate {}", day(at)),
                (None, None) => "nothing to rotate".to_owned(),
            },
        ),
    };
    // Of a change and of who is settled nothing has said it yet.
    let limit = match (row, overdue) {
        (Row::Settled(_), Some(overdue)) => format!("overdue, the limit is {}; ", Duration(overdue.limit)),
        _ => String::new(),
    };
    let next = limit + &next;
    if keys.is_empty() {
        return vec![format!("  {name}\t-\t\t\t\t{next}")];
    }
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
        format!("  {name}\t{id}\t{status}\t{age}d\t{used}\t{next}")
    };
    keys.iter().enumerate().map(line).collect()
}
