//! The page of `status`: every user in scope, with its keys, and those that no rule selects.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::{
    page::{MOST_BYTES, Page, masked, unbroken, unbroken_dates},
    rows::{Accounts, UNMANAGED, folded, table, unmanaged_rows, unread},
};
use crate::{
    counted::counted,
    inventory::{Inventory, Key, LastUse, UnreadAccount},
    plan::{Plan, Viewpoint},
    report::{
        accounts::{Groups, warnings},
        model::Counts,
        status::{AccountStatus, Row, UserStatus},
        text::{day, last_day, why},
    },
    roster::Roster,
    untrusted::{cell, cell_words, code, words},
};

const USERS: &str = "| user | key | age | last used | next |\n|---|---|---|---|---|\n";

/// Renders the users that no rule selects, with their keys. `mask` hides account ids and addresses.
pub fn unmanaged(plan: &Plan, mask: bool) -> String {
    let named = Accounts::of(plan, None);
    let mut page = Page::default();
    let over_age = plan.unmanaged.iter().filter(|one| one.over_age.is_some()).count();
    let over_age = if over_age == 0 { String::new() } else { format!(", {over_age} with keys over age") };
    page.push(&format!("### keyrota: {} that no rule selects{over_age}\n\n", counted(plan.unmanaged.len(), "user")));
    let accounts = plan.accounts.len() + plan.accounts_unread.len();
    if accounts > 1 {
        let unread = match plan.accounts_unread.len() {
            0 => String::new(),
            unread => format!(", {unread} not read"),
        };
        page.push(&format!("**Accounts:** {accounts}{unread}.\n\n"));
    }
    unread(&plan.accounts_unread).iter().for_each(|line| page.push(line));
    page.sections(vec![table("Unmanaged", MOST_BYTES, UNMANAGED, unmanaged_rows(plan, &named))]);
    let as_of = unbroken(plan.as_of.format("%Y-%m-%d %H:%M"));
    let text = page.end(&format!("\n<sub>As of {as_of} UTC{}.</sub>\n", named.only()));
    if mask { masked(&text) } else { text }
}

/// Renders every user in scope, with its keys and what comes next. `mask` hides account ids and addresses.
pub fn status(
    accounts: &[(&Roster, &Inventory)],
    unread_accounts: &[UnreadAccount],
    viewpoint: impl Into<Viewpoint>,
    mask: bool,
) -> String {
    let viewpoint = viewpoint.into();
    let accounts: Vec<AccountStatus<'_>> =
        accounts.iter().map(|(roster, inventory)| AccountStatus::new(roster, inventory, viewpoint)).collect();
    let mut all = Plan::empty(viewpoint.at);
    accounts.iter().for_each(|account| all.extend(account.plan.clone()));
    let named = Accounts::of(&all, None);
    let Counts { blocked, unmanaged, .. } = Counts::of(&all);
    let overdue = accounts.iter().flat_map(AccountStatus::users).filter(|user| user.overdue.is_some()).count();
    let mut page = Page::default();
    let counted = [(overdue, "overdue"), (blocked, "blocked"), (unmanaged, "unmanaged")];
    let counted = counted.into_iter().filter(|(count, _)| *count > 0);
    let title = counted
        .fold(format!("{} users in scope", all.users()), |title, (count, word)| title + &format!(", {count} {word}"));
    page.push(&format!("### keyrota: {title}\n\n"));
    let groups = Groups::new([&all], unread_accounts.len());
    if let Some(sentence) = groups.sentence() {
        page.push(&format!("**Accounts:** {}.\n\n", words(&sentence)));
    }
    unread(unread_accounts).iter().for_each(|line| page.push(line));
    warnings(&all).iter().for_each(|warning| page.push(&format!("**Warning:** {}\n\n", code(warning))));
    let shown: HashSet<&str> = groups.shown().map(|group| group.account.id.as_str()).collect();
    let is_shown = |account: &&AccountStatus<'_>| shown.contains(account.roster.account.id.as_str());
    let rows = accounts.iter().filter(is_shown).flat_map(|account| {
        account.users().iter().map(|user| row(account, user, &named, viewpoint.at)).collect::<Vec<_>>()
    });
    if let Some(sentence) = groups.quiet_sentence() {
        page.push(&format!("{}.\n\n", words(&sentence)));
    }
    page.sections(vec![
        table("Users", MOST_BYTES, USERS, rows.collect()),
        folded("Unmanaged: no rule selects them", UNMANAGED, unmanaged_rows(&all, &named)),
    ]);
    let as_of = unbroken(viewpoint.at.format("%Y-%m-%d %H:%M"));
    let text = page.end(&format!("\n<sub>{} users in scope{}. As of {as_of} UTC.</sub>\n", all.users(), named.only()));
    if mask { masked(&text) } else { text }
}

fn row(account: &AccountStatus<'_>, user: &UserStatus<'_>, named: &Accounts, now: DateTime<Utc>) -> String {
    let next = match user.row {
        Row::Change(change) => format!("{} now: {}", change.action.verb(), change.reason),
        Row::Waiting(waiting) => {
            let word = match &waiting.wait {
                wait if wait.is_unreadable() => "unreadable",
                wait if wait.is_blocked() => "blocked",
                wait if wait.is_exempt() => "exempt",
                _ => "held",
            };
            let until = waiting.until.map(|until| format!(" until {}", last_day(&waiting.wait, until, now)));
            format!("{word}{}: {}", until.unwrap_or_default(), why(waiting))
        }
        Row::Settled(settled) => match (settled.goes_unused, settled.next_rotation) {
            (Some(at), _) => format!("notify {}: its key goes if nobody uses it", day(at)),
            (None, Some(at)) => format!("rotate {}", day(at)),
            (None, None) => "nothing to rotate".to_owned(),
        },
    };
    let (keys, ages, uses): (Vec<String>, Vec<String>, Vec<String>) =
        user.keys.iter().map(|key| key_cells(key, now)).collect();
    format!(
        "| {} | {} | {} | {} | {} |\n",
        named.user(&account.roster.account, &user.entry.user.name),
        keys.join("<br>"),
        ages.join("<br>"),
        uses.join("<br>"),
        unbroken_dates(&cell_words(&next))
    )
}

fn key_cells(key: &Key, now: DateTime<Utc>) -> (String, String, String) {
    let Key { id, status: _, created, last_use } = key;
    let status = if key.is_active() { "" } else { " inactive" };
    let used = match last_use {
        LastUse::Unread => "?".to_owned(),
        LastUse::Never => "never".to_owned(),
        LastUse::At { time, service, .. } => {
            let service = service.as_ref().map_or_else(String::new, |service| format!(" ({})", cell_words(service)));
            unbroken(day(*time)) + &service
        }
    };
    (format!("{}{status}", cell(id.as_str())), format!("{}d", (now - created).num_days()), used)
}
