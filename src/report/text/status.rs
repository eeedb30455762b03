//! Every user in scope, with its keys.

use std::{collections::HashSet, fmt::Write as _};

use chrono::{DateTime, Utc};

use super::{
    plan::accounts_line,
    words::{BOLD, Causes, aligned, assumption, day, heading, last_day, mark, moves, moves_later, users, why},
};
use crate::{
    counted::{counted, first_of},
    inventory::{Account, Inventory, Key, LastUse},
    plan::{Change, Viewpoint, WaitingOn},
    report::{
        accounts::{Groups, by_name},
        alike::AlikeGroup,
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
    let (shown, quiet) = by_standing(&statuses, &groups);
    let quiet_line = quiet_line(&groups, &quiet, "shows one");
    let quiet_line = if quiet_line.is_empty() { quiet_line } else { quiet_line + "\n" };
    let total = match groups.count() {
        0 | 1 => String::new(),
        _ => total(&statuses),
    };
    accounts_line(&groups) + &tables(&shown, &[], groups.count() > 1, viewpoint) + &quiet_line + &total
}

/// The same for the users of these names, each account with its table; if none is named, for everyone.
pub fn status_of(accounts: &[(&Roster, &Inventory)], viewpoint: impl Into<Viewpoint>, names: &[String]) -> String {
    let viewpoint = viewpoint.into();
    let statuses: Vec<AccountStatus<'_>> =
        accounts.iter().map(|(roster, inventory)| AccountStatus::new(roster, inventory, viewpoint).of(names)).collect();
    tables(&statuses.iter().collect::<Vec<_>>(), names, false, viewpoint)
}

/// Users of these names in many accounts: how many there are, one table of those where something is to be done or decided, and a
/// line of all others. `unread` is how many accounts could not be read: the users may be there as well.
pub fn status_in_accounts(
    accounts: &[(&Roster, &Inventory)],
    unread: usize,
    viewpoint: impl Into<Viewpoint>,
    names: &[String],
) -> String {
    const SHOWN: usize = 50;
    let viewpoint = viewpoint.into();
    let statuses: Vec<AccountStatus<'_>> =
        accounts.iter().map(|(roster, inventory)| AccountStatus::new(roster, inventory, viewpoint).of(names)).collect();
    let groups = Groups::new(statuses.iter().map(|status| &status.plan), 0);
    let (shown, quiet) = by_standing(&statuses, &groups);
    let unread = match unread {
        0 => String::new(),
        unread => format!("; whether in {} more is not known", counted(unread, "account")),
    };
    let (who, count) = (printable(&names.join(", ")), counted(groups.count(), "account"));
    let mut text = format!("{BOLD}{who} is in {count}: {}{unread}.{BOLD:#}\n\n", groups.standings());
    if !shown.is_empty() {
        let title = ["account", "key", "status", "age", "last used", "next"].join("\t");
        let title = format!("  {BOLD}{title}{BOLD:#}");
        // What is alike in many of them but for the keys is one row.
        let rows = shown.iter().map(|status| {
            let users = status.users();
            let lines = users.iter().flat_map(|user| status_lines(user, "", viewpoint.at));
            let account = &status.roster.account;
            (account, lines.collect::<Vec<_>>().join("\n"), account.name.as_deref())
        });
        let groups = AlikeGroup::of(rows);
        let rows: Vec<_> = groups.iter().flat_map(AlikeGroup::shown).collect();
        let lines = rows.iter().take(SHOWN).flat_map(|(accounts, lines)| {
            let who = named(accounts);
            let line = move |line: &str| format!("  {who}{}", line.trim_start_matches(' '));
            lines.lines().map(line).collect::<Vec<_>>()
        });
        text += &aligned(std::iter::once(title).chain(lines));
        let more: usize = rows.iter().skip(SHOWN).map(|(accounts, _)| accounts.len()).sum();
        if more > 0 {
            let _ = writeln!(text, "  and {}, which `keyrota status` shows", counted(more, "more account"));
        }
        text.push('\n');
    }
    let mut unreadable = Causes::default();
    causes(&shown, &mut unreadable);
    text += &quiet_line(&groups, &quiet, "explains one");
    if let Some(unknown) = unreadable.sentence(accounts.len()) {
        text += &(unknown + "\n");
    }
    text
}

/// An account, or how many with some of their names.
fn named(accounts: &[&&Account]) -> String {
    const NAMED: usize = 3;
    let names = printable(&first_of(accounts.iter().map(|account| account.short_name()), NAMED));
    match accounts.len() {
        1 => names,
        count => format!("{} ({names})", counted(count, "account")),
    }
}

type Statuses<'s, 'a> = Vec<&'s AccountStatus<'a>>;

/// Those that are shown one by one, and of many accounts those that are counted.
fn by_standing<'s, 'a>(statuses: &'s [AccountStatus<'a>], groups: &Groups<'_>) -> (Statuses<'s, 'a>, Statuses<'s, 'a>) {
    let shown: HashSet<&str> = groups.shown().map(|group| group.account.id.as_str()).collect();
    let mut statuses: Statuses<'s, 'a> = statuses.iter().collect();
    if groups.are_many() {
        statuses.sort_by_cached_key(|status| by_name(&status.roster.account));
    }
    statuses.into_iter().partition(|status| shown.contains(status.roster.account.id.as_str()))
}

fn quiet_line(groups: &Groups<'_>, quiet: &[&AccountStatus<'_>], shows: &str) -> String {
    let Some(sentence) = groups.quiet_sentence() else { return String::new() };
    let settled = quiet.iter().filter_map(|status| status.plan.next_rotation());
    let next = settled.min_by_key(|(at, _)| *at).map_or_else(String::new, |(at, settled)| {
        let (user, account) = (printable(&settled.user), printable(&settled.account.short_name()));
        format!("; next rotation {} ({user} in {account})", day(at))
    });
    format!("{sentence}{next}; `--account NAME` {shows}.\n")
}

/// All accounts that could be read, in one line.
fn total(statuses: &[AccountStatus<'_>]) -> String {
    let in_scope = users(statuses.iter().map(|status| status.roster.entries.len()).sum());
    let unmanaged: usize = statuses.iter().map(|status| status.roster.unmanaged.len()).sum();
    let overdue: usize = statuses.iter().flat_map(AccountStatus::users).filter(|user| user.overdue.is_some()).count();
    let overdue = if overdue == 0 { String::new() } else { format!(", {overdue} overdue") };
    let inside = statuses.iter().filter(|status| !status.roster.entries.is_empty()).count();
    let accounts = counted(inside, "account");
    format!("{in_scope} in scope of {accounts}, {unmanaged} unmanaged{overdue}.\n")
}

fn causes(accounts: &[&AccountStatus<'_>], unreadable: &mut Causes) -> usize {
    let mut shown = 0;
    for account in accounts {
        for user in account.users() {
            shown += 1;
            if let Row::Waiting(waiting) = user.row
                && let WaitingOn::Unreadable { cause, .. } = &waiting.wait
            {
                unreadable.add(cause);
            }
        }
    }
    shown
}

/// A table an account. Of one account what there is in all stands below it.
fn tables(accounts: &[&AccountStatus<'_>], names: &[String], are_several: bool, viewpoint: Viewpoint) -> String {
    let mut text = String::new();
    for account in accounts {
        let roster = account.roster;
        text += &heading(&roster.account);
        let title = ["user", "key", "status", "age", "last used", "next"].join("\t");
        let title = format!("  {BOLD}{title}{BOLD:#}");
        let all = account.users();
        let lines = all.iter().flat_map(|user| status_lines(user, &printable(&user.entry.user.name), viewpoint.at));
        text += &aligned(std::iter::once(title).chain(lines));
        if !names.is_empty() {
            continue;
        }
        text.push('\n');
        if are_several {
            continue;
        }
        let overdue = all.iter().filter(|user| user.overdue.is_some()).count();
        let overdue = if overdue == 0 { String::new() } else { format!(", {overdue} overdue") };
        let _ =
            writeln!(text, "{} in scope, {} unmanaged{overdue}.", users(roster.entries.len()), roster.unmanaged.len());
    }
    let mut unreadable = Causes::default();
    let shown = causes(accounts, &mut unreadable);
    if let Some(unknown) = unreadable.sentence(shown) {
        text += &(unknown + "\n");
    }
    text
}

/// A line a key of a user, which begins with a name.
fn status_lines(user: &UserStatus<'_>, name: &str, now: DateTime<Utc>) -> Vec<String> {
    let UserStatus { entry: _, keys, row, overdue, recipients: _, places: _ } = user;
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
