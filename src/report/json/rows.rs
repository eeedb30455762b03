//! What a plan is made of, as JSON: changes, steps and what waits.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    inventory::{Account, UnmanagedKey},
    manifest::Source,
    plan::{Change, Overdue, Plan, Step, UnmanagedUser, Waiting, WaitingOn},
    report::{
        accounts::{Group, Groups, Standing},
        model::Counts,
    },
    time::rfc3339,
};

#[derive(Serialize)]
pub struct Summary {
    create: usize,
    promote: usize,
    /// Absent where nothing is.
    #[serde(skip_serializing_if = "is_zero")]
    deliver: usize,
    notify: usize,
    deactivate: usize,
    delete: usize,
    update: usize,
    blocked: usize,
    unreadable: usize,
    held: usize,
    exempt: usize,
    /// Of all that wait: those with a key that is older than its limit.
    overdue: usize,
    settled: usize,
    /// Of whom a run that tends has read nothing.
    #[serde(skip_serializing_if = "is_zero")]
    resting: usize,
    unmanaged: usize,
    /// Where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    accounts: Option<AccountCounts>,
}

/// How many accounts stand how.
#[derive(Serialize)]
pub struct AccountCounts {
    changes: usize,
    /// Nothing is to be done, but something is blocked, overdue or not known.
    stuck: usize,
    quiet: usize,
    unread: usize,
}

/// One account of several.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct JsonAccount<'a> {
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_name: Option<&'a str>,
    /// The unit of its organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
    /// `changes`, `stuck` or `quiet`.
    standing: &'static str,
    users: usize,
    changes: usize,
    waiting: usize,
    blocked: usize,
    settled: usize,
}

/// The accounts that were read, by name; none where there is one.
pub fn accounts<'p>(groups: &Groups<'p>) -> Vec<JsonAccount<'p>> {
    if groups.count() < 2 {
        return Vec::new();
    }
    groups.all.iter().map(account).collect()
}

/// One account, as it stands among others.
pub fn account<'p>(group: &Group<'p>) -> JsonAccount<'p> {
    let (account, account_name) = names(group.account);
    let membership = group.account.membership.as_ref();
    JsonAccount {
        account,
        account_name,
        unit: membership.and_then(|membership| membership.units.last()).map(|unit| unit.path.as_str()),
        standing: group.standing().as_str(),
        users: group.changes.len() + group.waiting.len() + group.settled.len(),
        changes: group.changes.len(),
        waiting: group.waiting.len(),
        blocked: group.waiting.iter().filter(|waiting| waiting.wait.is_blocked()).count(),
        settled: group.settled.len(),
    }
}

/// `None` where there is one.
pub fn account_counts(groups: &Groups<'_>) -> Option<AccountCounts> {
    (groups.count() > 1).then(|| AccountCounts {
        changes: groups.standing(Standing::Changes),
        stuck: groups.standing(Standing::Stuck),
        quiet: groups.standing(Standing::Quiet),
        unread: groups.unread,
    })
}

pub fn summary(plan: &Plan) -> Summary {
    let Counts { create, promote, deliver, notify, deactivate, delete, update, .. } = Counts::of(plan);
    let Counts { blocked, unreadable, held, exempt, overdue, settled, resting, unmanaged, .. } = Counts::of(plan);
    Summary {
        create,
        promote,
        deliver,
        notify,
        deactivate,
        delete,
        update,
        blocked,
        unreadable,
        held,
        exempt,
        overdue,
        settled,
        resting,
        unmanaged,
        accounts: account_counts(&Groups::of(plan)),
    }
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct JsonChange<'a> {
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_name: Option<&'a str>,
    user: &'a str,
    action: &'static str,
    key: Option<&'a str>,
    /// The key, or `new` for one that does not exist yet; of an update what it sets.
    key_ref: String,
    /// Where it is delivered to.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    reason: &'static str,
    message: String,
    destination: &'a str,
    /// The secret that the manifest names, if this finishes what has begun at another.
    #[serde(skip_serializing_if = "Option::is_none")]
    moves_to: Option<&'a str>,
    /// What a secret that is made for the credential is made with, if the manifest names a KMS key or regions.
    #[serde(skip_serializing_if = "Option::is_none")]
    made_with: Option<&'a str>,
    source: JsonSource<'a>,
    /// Who is told; empty: nobody, on purpose.
    recipients: &'a [String],
    /// Those are told because the owner has no address.
    #[serde(skip_serializing_if = "is_false")]
    fallback: bool,
    then: Vec<JsonStep<'a>>,
    /// It rests on keys being used as they were observed to be.
    #[serde(skip_serializing_if = "is_false")]
    assumed: bool,
}

#[derive(Serialize)]
pub struct JsonSource<'a> {
    file: &'a str,
    line: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct JsonStep<'a> {
    action: &'static str,
    key: Option<&'a str>,
    /// The key, or `new` and `new-2` for ones that do not exist yet.
    key_ref: &'a str,
    /// Where it is delivered to.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<&'a str>,
    not_before: String,
    /// After the first step, at the earliest.
    offset_hours: i64,
    same_run: bool,
    /// It is taken only once nobody uses the old key, at `latest` in any case.
    #[serde(skip_serializing_if = "is_false")]
    if_unused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    latest: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct JsonWaiting<'a> {
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_name: Option<&'a str>,
    user: &'a str,
    key: Option<&'a str>,
    state: &'static str,
    reason: &'static str,
    until: Option<String>,
    message: String,
    /// As in a change.
    #[serde(skip_serializing_if = "Option::is_none")]
    moves_to: Option<&'a str>,
    source: JsonSource<'a>,
    /// A key that is older than its limit meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    overdue: Option<JsonOverdue<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    then: Vec<JsonStep<'a>>,
    #[serde(skip_serializing_if = "is_false")]
    assumed: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct JsonOverdue<'a> {
    key: &'a str,
    age_days: i64,
    limit_days: i64,
}

pub fn overdue(overdue: &Overdue) -> JsonOverdue<'_> {
    let Overdue { key, age, limit } = overdue;
    JsonOverdue { key: key.as_str(), age_days: age.num_days(), limit_days: limit.num_days() }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct JsonUnmanaged<'a> {
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_name: Option<&'a str>,
    user: &'a str,
    /// `None`: they were not read.
    keys: Option<Vec<JsonUnmanagedKey<'a>>>,
    /// Whether an active key is older than `[defaults]` allows.
    #[serde(skip_serializing_if = "is_false")]
    over_age: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonUnmanagedKey<'a> {
    /// The credential report has none.
    key: Option<&'a str>,
    active: bool,
    /// At the latest.
    created: String,
    age_days: i64,
}

pub fn unmanaged(user: &UnmanagedUser, now: DateTime<Utc>) -> JsonUnmanaged<'_> {
    let UnmanagedUser { account, user, keys, over_age } = user;
    let (account, account_name) = names(account);
    let keys = keys.as_ref().map(|keys| keys.iter().map(|key| unmanaged_key(key, now)).collect());
    JsonUnmanaged { account, account_name, user, keys, over_age: over_age.is_some() }
}

/// Every user that no rule selects, as the documents of a plan and a status have them.
pub fn unmanaged_users(plan: &Plan) -> serde_json::Value {
    let rows: Vec<_> = plan.unmanaged.iter().map(|user| unmanaged(user, plan.as_of)).collect();
    serde_json::to_value(rows).expect("no map has keys other than strings")
}

fn unmanaged_key(key: &UnmanagedKey, now: DateTime<Utc>) -> JsonUnmanagedKey<'_> {
    let UnmanagedKey { id, active, created, last_use: _ } = key;
    JsonUnmanagedKey {
        key: id.as_ref().map(|id| id.as_str()),
        active: *active,
        created: rfc3339(*created),
        age_days: (now - created).num_days(),
    }
}

/// What serde asks for to leave out what is not so.
pub fn is_false(value: &bool) -> bool {
    !value
}

pub fn state(wait: &WaitingOn) -> &'static str {
    match wait {
        WaitingOn::Unreadable { .. } => "unreadable",
        wait if wait.is_blocked() => "blocked",
        _ => "held",
    }
}

pub fn change(change: &Change) -> JsonChange<'_> {
    let Change {
        account,
        user,
        action,
        reason,
        destination,
        moves_to,
        made_with,
        source: from,
        then,
        is_assumed,
        tells,
        ..
    } = change;
    let (account, account_name) = names(account);
    JsonChange {
        account,
        account_name,
        user,
        action: action.verb().as_str(),
        key: action.key().map(|key| key.as_str()),
        key_ref: change.key().as_str().to_owned(),
        place: change.place(),
        reason: reason.code(),
        message: reason.to_string(),
        destination,
        moves_to: moves_to.as_deref(),
        made_with: made_with.as_deref(),
        source: source(from),
        recipients: &tells.recipients,
        fallback: tells.is_fallback,
        then: then.iter().map(step).collect(),
        assumed: *is_assumed,
    }
}

fn step(step: &Step) -> JsonStep<'_> {
    let Step { verb, key, not_before, offset, same_run, if_unused, latest, starts_rotation: _, place } = step;
    JsonStep {
        action: verb.as_str(),
        key: key.existing().map(|key| key.as_str()),
        key_ref: key.as_str(),
        place: place.as_deref(),
        not_before: rfc3339(*not_before),
        offset_hours: offset.num_hours(),
        same_run: *same_run,
        if_unused: *if_unused,
        latest: latest.map(rfc3339),
    }
}

pub fn waiting(waiting: &Waiting) -> JsonWaiting<'_> {
    let Waiting { account, user, key, wait, moves_to, source: from, until, then, is_assumed, overdue: too_old } =
        waiting;
    let (account, account_name) = names(account);
    JsonWaiting {
        account,
        account_name,
        user,
        key: key.as_ref().map(|key| key.as_str()),
        state: state(wait),
        reason: wait.code(),
        until: until.map(rfc3339),
        message: wait.to_string(),
        moves_to: moves_to.as_deref(),
        source: source(from),
        overdue: too_old.as_ref().map(overdue),
        then: then.iter().map(step).collect(),
        assumed: *is_assumed,
    }
}

pub fn names(account: &Account) -> (&str, Option<&str>) {
    (&account.id, account.name.as_deref())
}

pub fn source(source: &Source) -> JsonSource<'_> {
    JsonSource { file: &source.file, line: source.line }
}
