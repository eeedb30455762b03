//! The plan's JSON. Versioned: fields are only added.

use serde::Serialize;

use super::{
    Counts, Report,
    change_json::{ChangeDocument, change_document},
    result_word,
};
use crate::{
    apply::{Deferred, Outcome, Sent},
    inventory::{Account, Inventory, Key, LastUse, UnreadAccount},
    manifest::Source,
    plan::{Change, Forecast, Next, Plan, Step, Viewpoint, Wait, Waiting, Warning, fingerprint},
    roster::{Entry, Roster},
    time::rfc3339,
};

pub use super::change_json::diagnostic;

/// Renders a report: one JSON object.
pub fn render(report: &Report<'_>) -> String {
    serde_json::to_string_pretty(&document(report)).expect("no map has keys other than strings") + "\n"
}

/// Like [`render`], as a value.
pub fn value(report: &Report<'_>) -> serde_json::Value {
    serde_json::to_value(document(report)).expect("no map has keys other than strings")
}

fn document<'a>(report: &Report<'a>) -> Document<'a> {
    let Report { plan, revision, since, applied } = *report;
    Document {
        version: 1,
        as_of: rfc3339(plan.as_of),
        revision,
        digest: fingerprint(plan),
        summary: summary(plan),
        changes: plan.changes.iter().map(change).collect(),
        waiting: plan.waiting.iter().map(waiting).collect(),
        accounts_unread: plan.accounts_unread.iter().map(unread).collect(),
        warnings: plan.warnings.iter().map(warning).collect(),
        since: since.map(change_document),
        outcomes: applied.map(|applied| applied.outcomes.iter().map(outcome).collect()),
        mail: applied.map(|applied| applied.mail.iter().map(sent).collect()).unwrap_or_default(),
        deferred: applied.map(|applied| applied.deferred.iter().map(deferred).collect()).unwrap_or_default(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Document<'a> {
    version: u32,
    as_of: String,
    revision: Option<&'a str>,
    /// `None`: something could not be read.
    digest: Option<String>,
    summary: Summary,
    changes: Vec<JsonChange<'a>>,
    waiting: Vec<JsonWaiting<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accounts_unread: Vec<JsonUnread<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<JsonWarning<'a>>,
    #[serde(flatten)]
    since: Option<ChangeDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcomes: Option<Vec<JsonOutcome<'a>>>,
    /// Besides what is part of a rotation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mail: Vec<JsonSent<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deferred: Vec<JsonDeferred<'a>>,
}

pub(super) fn summary(plan: &Plan) -> Summary {
    let Counts { create, promote, notify, deactivate, delete, update, .. } = Counts::of(plan);
    let Counts { blocked, unreadable, held, exempt, settled, unmanaged, .. } = Counts::of(plan);
    Summary {
        create,
        promote,
        notify,
        deactivate,
        delete,
        update,
        blocked,
        unreadable,
        held,
        exempt,
        settled,
        unmanaged,
    }
}

#[derive(Serialize)]
pub(super) struct Summary {
    create: usize,
    promote: usize,
    notify: usize,
    deactivate: usize,
    delete: usize,
    update: usize,
    blocked: usize,
    unreadable: usize,
    held: usize,
    exempt: usize,
    settled: usize,
    unmanaged: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct JsonChange<'a> {
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_name: Option<&'a str>,
    user: &'a str,
    action: &'static str,
    key: Option<&'a str>,
    /// The key, or `new` for one that does not exist yet; of an update what it sets.
    key_ref: String,
    reason: &'static str,
    message: String,
    destination: &'a str,
    /// The secret that the manifest names, if this finishes what has begun at another.
    #[serde(skip_serializing_if = "Option::is_none")]
    moves_to: Option<&'a str>,
    source: JsonSource<'a>,
    then: Vec<JsonStep<'a>>,
    /// It rests on keys being used as they were observed to be.
    #[serde(skip_serializing_if = "is_false")]
    assumed: bool,
}

#[derive(Serialize)]
pub(super) struct JsonSource<'a> {
    file: &'a str,
    line: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct JsonStep<'a> {
    action: &'static str,
    key: Option<&'a str>,
    /// The key, or `new` and `new-2` for ones that do not exist yet.
    key_ref: &'a str,
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
pub(super) struct JsonWaiting<'a> {
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    then: Vec<JsonStep<'a>>,
    #[serde(skip_serializing_if = "is_false")]
    assumed: bool,
}

/// What serde asks for to leave out what is not so.
pub(super) fn is_false(value: &bool) -> bool {
    !value
}

#[derive(Serialize)]
struct JsonOutcome<'a> {
    #[serde(flatten)]
    change: JsonChange<'a>,
    result: &'static str,
    error: Option<String>,
    /// The key that a creation yielded.
    #[serde(skip_serializing_if = "Option::is_none")]
    issued: Option<&'a str>,
    notes: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonDeferred<'a> {
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_name: Option<&'a str>,
    user: &'a str,
    cause: String,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonUnread<'a> {
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_name: Option<&'a str>,
    error: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonWarning<'a> {
    code: &'static str,
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_name: Option<&'a str>,
    user: &'a str,
    key: Option<&'a str>,
    message: String,
}

#[derive(Serialize)]
struct JsonSent<'a> {
    kind: &'static str,
    to: &'a str,
    users: &'a [String],
    result: &'static str,
    error: Option<String>,
    notes: &'a [String],
}

fn sent(sent: &Sent) -> JsonSent<'_> {
    let Sent { kind, to, users, result, notes } = sent;
    let error = result.as_ref().err().map(ToString::to_string);
    let result = if error.is_none() { "done" } else { "failed" };
    JsonSent { kind: kind.as_str(), to, users, result, error, notes }
}

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

fn state(wait: &Wait) -> &'static str {
    match wait {
        Wait::Unreadable { .. } => "unreadable",
        wait if wait.is_blocked() => "blocked",
        _ => "held",
    }
}

pub(super) fn change(change: &Change) -> JsonChange<'_> {
    let Change { account, user, action, reason, destination, moves_to, source: from, then, is_assumed } = change;
    let (account, account_name) = names(account);
    JsonChange {
        account,
        account_name,
        user,
        action: action.verb().as_str(),
        key: action.key().map(|key| key.as_str()),
        key_ref: change.key().as_str().to_owned(),
        reason: reason.code(),
        message: reason.to_string(),
        destination,
        moves_to: moves_to.as_deref(),
        source: source(from),
        then: then.iter().map(step).collect(),
        assumed: *is_assumed,
    }
}

fn step(step: &Step) -> JsonStep<'_> {
    let Step { verb, key, not_before, offset, same_run, if_unused, latest, starts_rotation: _ } = step;
    JsonStep {
        action: verb.as_str(),
        key: key.existing().map(|key| key.as_str()),
        key_ref: key.as_str(),
        not_before: rfc3339(*not_before),
        offset_hours: offset.num_hours(),
        same_run: *same_run,
        if_unused: *if_unused,
        latest: latest.map(rfc3339),
    }
}

pub(super) fn waiting(waiting: &Waiting) -> JsonWaiting<'_> {
    let Waiting { account, user, key, wait, moves_to, source: from, until, then, is_assumed } = waiting;
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
        then: then.iter().map(step).collect(),
        assumed: *is_assumed,
    }
}

fn outcome(outcome: &Outcome) -> JsonOutcome<'_> {
    let Outcome { change: done, result, issued, notes } = outcome;
    let error = result.as_ref().err().map(ToString::to_string);
    let issued = issued.as_ref().map(|key| key.as_str());
    JsonOutcome { change: change(done), result: result_word(result), error, issued, notes }
}

fn deferred(deferred: &Deferred) -> JsonDeferred<'_> {
    let Deferred { account, user, cause } = deferred;
    let (account, account_name) = names(account);
    JsonDeferred { account, account_name, user, cause: cause.to_string() }
}

fn unread(unread: &UnreadAccount) -> JsonUnread<'_> {
    let UnreadAccount { id, name, error } = unread;
    JsonUnread { account: id.as_deref(), account_name: name.as_deref(), error }
}

fn warning(warning: &Warning) -> JsonWarning<'_> {
    let (account, user) = warning.about();
    let (account, account_name) = names(account);
    let key = match warning {
        Warning::OwnKey { key, .. } | Warning::SecretLeft { key, .. } => Some(key.as_str()),
        Warning::ReplicaFailed { .. } | Warning::ExtraReplicas { .. } => None,
    };
    let (code, message) = (warning.code(), warning.to_string());
    JsonWarning { code, account, account_name, user, key, message }
}

pub(super) fn names(account: &Account) -> (&str, Option<&str>) {
    (&account.id, account.name.as_deref())
}

pub(super) fn source(source: &Source) -> JsonSource<'_> {
    JsonSource { file: &source.file, line: source.line }
}
