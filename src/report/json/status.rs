//! Every user in scope, with its keys.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::{
    plan::{JsonUnread, unread},
    rows::{
        AccountCounts, JsonAccount, JsonSource, JsonUnmanaged, account_counts, accounts as account_groups, names,
        source, state, unmanaged,
    },
};
use crate::{
    inventory::{Inventory, Key, LastUse, UnreadAccount},
    plan::{Plan, Verb, Viewpoint},
    report::{
        accounts::Groups,
        model::Counts,
        status::{AccountStatus, Row, UserStatus},
    },
    roster::Roster,
    time::{Duration, rfc3339},
};

/// Renders every user in scope, with its keys and what comes next.
pub fn status(
    accounts: &[(&Roster, &Inventory)],
    unread_accounts: &[UnreadAccount],
    viewpoint: impl Into<Viewpoint>,
) -> String {
    status_of(accounts, unread_accounts, viewpoint, &[])
}

/// The same for the users of these names; if none is named, for everyone.
pub fn status_of(
    accounts: &[(&Roster, &Inventory)],
    unread_accounts: &[UnreadAccount],
    viewpoint: impl Into<Viewpoint>,
    names: &[String],
) -> String {
    let viewpoint = viewpoint.into();
    let accounts: Vec<AccountStatus<'_>> =
        accounts.iter().map(|(roster, inventory)| AccountStatus::new(roster, inventory, viewpoint).of(names)).collect();
    let users: Vec<_> = accounts.iter().map(AccountStatus::users).collect::<Vec<_>>();
    let rows = accounts.iter().zip(&users);
    let rows: Vec<JsonUser<'_>> =
        rows.flat_map(|(account, users)| users.iter().map(|user| json_user(account, user, viewpoint.at))).collect();
    let groups = Groups::new(accounts.iter().map(|account| &account.plan), unread_accounts.len());
    let document = StatusDocument {
        version: 1,
        as_of: rfc3339(viewpoint.at),
        summary: Summary { accounts: account_counts(&groups), ..summary(&accounts, &rows) },
        accounts: account_groups(&groups),
        users: rows,
        unmanaged: accounts
            .iter()
            .flat_map(|account| account.plan.unmanaged.iter().map(|user| unmanaged(user, viewpoint.at)))
            .collect(),
        accounts_unread: unread_accounts.iter().map(unread).collect(),
    };
    serde_json::to_string_pretty(&document).expect("no map has keys other than strings") + "\n"
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct StatusDocument<'a> {
    version: u32,
    as_of: String,
    summary: Summary,
    /// Those that were read, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accounts: Vec<JsonAccount<'a>>,
    users: Vec<JsonUser<'a>>,
    /// Users that no rule selects.
    unmanaged: Vec<JsonUnmanaged<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accounts_unread: Vec<JsonUnread<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Summary {
    users: usize,
    keys: usize,
    active_keys: usize,
    /// Users with an active key that is older than its limit.
    overdue: usize,
    /// Of all active keys.
    oldest_key_age_days: i64,
    /// Users of whom something is to be done now.
    due: usize,
    blocked: usize,
    held: usize,
    exempt: usize,
    unreadable: usize,
    settled: usize,
    unmanaged: usize,
    /// Where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    accounts: Option<AccountCounts>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonUser<'a> {
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_name: Option<&'a str>,
    user: &'a str,
    keys: Vec<KeyStatus<'a>>,
    /// How old a key may get.
    limit: String,
    limit_days: i64,
    /// `due`, `held`, `blocked`, `exempt`, `unreadable` or `settled`.
    state: &'static str,
    /// An action's name, `held`, `blocked`, `unreadable`, `settled`.
    next: &'static str,
    reason: Option<&'static str>,
    message: Option<String>,
    /// When the wait ends, or the next rotation begins.
    until: Option<String>,
    /// What is done next; `None`: nothing, or nothing before a person has done something.
    next_action: Option<NextAction>,
    overdue: bool,
    /// Who is told; empty: nobody, on purpose.
    recipients: &'a [String],
    /// The name of the secret.
    secret: &'a str,
    /// Where the key goes beside it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deliver: Vec<JsonPlace>,
    source: JsonSource<'a>,
}

#[derive(Serialize)]
struct JsonPlace {
    place: String,
    /// Whether it has the key that the secret hands out; null: the user could not be read.
    delivered: Option<bool>,
}

#[derive(Serialize)]
struct NextAction {
    action: &'static str,
    /// The run that does it.
    date: String,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct KeyStatus<'a> {
    key: &'a str,
    active: bool,
    created: String,
    age_days: i64,
    /// It works, and is older than its limit.
    overdue: bool,
    last_used: Option<String>,
    last_used_service: Option<&'a str>,
    last_used_region: Option<&'a str>,
}

fn summary(accounts: &[AccountStatus<'_>], users: &[JsonUser<'_>]) -> Summary {
    let count = |of: fn(&Counts) -> usize| accounts.iter().map(|one| of(&Counts::of(&one.plan))).sum();
    let keys = || users.iter().flat_map(|user| &user.keys);
    let plans = || accounts.iter().map(|account| &account.plan);
    Summary {
        users: users.len(),
        keys: keys().count(),
        active_keys: keys().filter(|key| key.active).count(),
        overdue: users.iter().filter(|user| user.overdue).count(),
        oldest_key_age_days: keys().filter(|key| key.active).map(|key| key.age_days).max().unwrap_or_default(),
        due: plans().map(|plan: &Plan| plan.changes.len()).sum(),
        blocked: count(|counts| counts.blocked),
        held: count(|counts| counts.held),
        exempt: count(|counts| counts.exempt),
        unreadable: count(|counts| counts.unreadable),
        settled: count(|counts| counts.settled),
        unmanaged: count(|counts| counts.unmanaged),
        accounts: None,
    }
}

fn json_user<'a>(account: &'a AccountStatus<'_>, user: &'a UserStatus<'_>, now: DateTime<Utc>) -> JsonUser<'a> {
    let UserStatus { entry, keys, row, overdue, recipients, places } = user;
    let limit = entry.policy.max_age.value;
    let action = |verb: Verb, at: DateTime<Utc>| NextAction { action: verb.as_str(), date: rfc3339(at) };
    let (in_words, next, reason, message, until, next_action) = match row {
        Row::Change(change) => {
            let (verb, reason) = (change.action.verb(), &change.reason);
            ("due", verb.as_str(), Some(reason.code()), Some(reason.to_string()), None, Some(action(verb, now)))
        }
        Row::Waiting(waiting) => {
            let (wait, state) = (&waiting.wait, state(&waiting.wait));
            let in_words = if wait.is_exempt() { "exempt" } else { state };
            let then = waiting.then.first().map(|step| action(step.verb, step.not_before));
            (in_words, state, Some(wait.code()), Some(wait.to_string()), waiting.until, then)
        }
        Row::Settled(settled) => {
            let goes = settled.goes_unused.map(|at| (at, Verb::Notify));
            let next = goes.or(settled.next_rotation.map(|at| (at, Verb::Create)));
            let until = next.map(|(at, _)| at);
            ("settled", "settled", None, None, until, next.map(|(at, verb)| action(verb, at)))
        }
    };
    let (account, account_name) = names(&account.roster.account);
    JsonUser {
        account,
        account_name,
        user: &entry.user.name,
        keys: keys.iter().map(|key| key_status(key, limit, now)).collect(),
        limit: Duration(limit).to_string(),
        limit_days: limit.num_days(),
        state: in_words,
        next,
        reason,
        message,
        until: until.map(rfc3339),
        next_action,
        overdue: overdue.is_some(),
        recipients,
        secret: &entry.secret,
        deliver: places
            .iter()
            .map(|(place, delivered)| JsonPlace { place: place.clone(), delivered: *delivered })
            .collect(),
        source: source(&entry.rule),
    }
}

fn key_status(key: &Key, limit: TimeDelta, now: DateTime<Utc>) -> KeyStatus<'_> {
    let Key { id, status: _, created, last_use } = key;
    let (last_used, service, region) = match last_use {
        LastUse::Unread | LastUse::Never => (None, None, None),
        LastUse::At { time, service, region } => (Some(rfc3339(*time)), service.as_deref(), region.as_deref()),
    };
    KeyStatus {
        key: id.as_str(),
        active: key.is_active(),
        created: rfc3339(*created),
        age_days: (now - created).num_days(),
        overdue: key.is_active() && now - created >= limit,
        last_used,
        last_used_service: service,
        last_used_region: region,
    }
}
