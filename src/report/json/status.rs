//! Every user in scope, with its keys.

use serde::Serialize;

use super::{
    plan::{JsonUnread, unread},
    rows::{JsonSource, names, source, state},
};
use crate::{
    inventory::{Inventory, Key, LastUse, UnreadAccount},
    plan::{Forecast, Next, Viewpoint},
    roster::{Entry, Roster},
    time::rfc3339,
};

/// Renders every user in scope, with its keys and what comes next.
pub fn status(
    accounts: &[(&Roster, &Inventory)],
    unread_accounts: &[UnreadAccount],
    viewpoint: impl Into<Viewpoint>,
) -> String {
    let viewpoint = viewpoint.into();
    let users = accounts.iter().flat_map(|(roster, inventory)| {
        roster.entries.iter().map(move |entry| user_status(roster, entry, inventory, viewpoint))
    });
    let accounts_unread = unread_accounts.iter().map(unread).collect();
    let as_of = rfc3339(viewpoint.at);
    let document = StatusDocument { version: 1, as_of, users: users.collect(), accounts_unread };
    serde_json::to_string_pretty(&document).expect("no map has keys other than strings") + "\n"
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct StatusDocument<'a> {
    version: u32,
    as_of: String,
    users: Vec<UserStatus<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accounts_unread: Vec<JsonUnread<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct UserStatus<'a> {
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_name: Option<&'a str>,
    user: &'a str,
    keys: Vec<KeyStatus<'a>>,
    /// An action's name, `held`, `blocked`, `unreadable`, `settled`.
    next: &'static str,
    reason: Option<&'static str>,
    /// When the wait ends, or the next rotation begins.
    until: Option<String>,
    source: JsonSource<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct KeyStatus<'a> {
    key: &'a str,
    active: bool,
    created: String,
    last_used: Option<String>,
}

fn user_status<'a>(
    roster: &'a Roster,
    entry: &'a Entry,
    inventory: &'a Inventory,
    viewpoint: Viewpoint,
) -> UserStatus<'a> {
    let observed = inventory.users.get(&entry.user.name).map(Result::as_ref);
    let (next, reason, until) = match Forecast::new(roster, entry, observed, viewpoint).next {
        Next::Change(action, reason) => (action.verb().as_str(), Some(reason.code()), None),
        Next::Wait { wait, until, .. } => (state(&wait), Some(wait.code()), until),
        Next::Settled { next_rotation } => ("settled", None, next_rotation),
        Next::Need(_) => ("unreadable", Some("unreadable"), None),
    };
    let keys = observed.and_then(Result::ok).map_or(&[][..], |state| &state.keys);
    let (account, account_name) = names(&roster.account);
    UserStatus {
        account,
        account_name,
        user: &entry.user.name,
        keys: keys.iter().map(key_status).collect(),
        next,
        reason,
        until: until.map(rfc3339),
        source: source(&entry.rule),
    }
}

fn key_status(key: &Key) -> KeyStatus<'_> {
    let Key { id, status: _, created, last_use } = key;
    let last_used = match last_use {
        LastUse::Unread | LastUse::Never => None,
        LastUse::At { time, .. } => Some(rfc3339(*time)),
    };
    KeyStatus { key: id.as_str(), active: key.is_active(), created: rfc3339(*created), last_used }
}
