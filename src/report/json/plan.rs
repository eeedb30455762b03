//! A plan, and what became of it.

use serde::Serialize;

use super::{
    change::{ChangeDocument, change_document},
    rows::{
        JsonAccount, JsonChange, JsonUnmanaged, JsonWaiting, Summary, account, accounts, change, names, summary,
        unmanaged, waiting,
    },
};
use crate::{
    apply::{Deferred, Outcome, Sent},
    events::EventsSent,
    inventory::UnreadAccount,
    notice::Channel,
    plan::{Plan, Warning, fingerprint},
    report::{
        accounts::Groups,
        model::{Report, result_word},
    },
    time::rfc3339,
};

/// Renders a report: one JSON object.
pub fn render(report: &Report<'_>) -> String {
    serde_json::to_string_pretty(&document(report)).expect("no map has keys other than strings") + "\n"
}

/// Like [`render`], as a value.
pub fn value(report: &Report<'_>) -> serde_json::Value {
    serde_json::to_value(document(report)).expect("no map has keys other than strings")
}

/// What became of mail, as reports have it.
pub fn mail(all: &[Sent]) -> Vec<serde_json::Value> {
    let one = |one| serde_json::to_value(sent(one)).expect("no map has keys other than strings");
    all.iter().map(one).collect()
}

/// Each account of a plan, as it stands in the report of several.
pub fn accounts_of(plan: &Plan) -> Vec<serde_json::Value> {
    let one = |group| serde_json::to_value(account(group)).expect("no map has keys other than strings");
    Groups::of(plan).all.iter().map(one).collect()
}

fn document<'a>(report: &Report<'a>) -> Document<'a> {
    let Report { plan, revision, since, applied, stopped } = *report;
    Document {
        version: 1,
        as_of: rfc3339(plan.as_of),
        revision,
        digest: fingerprint(plan),
        summary: summary(plan),
        accounts: accounts(&Groups::of(plan)),
        changes: plan.changes.iter().map(change).collect(),
        waiting: plan.waiting.iter().map(waiting).collect(),
        unmanaged: plan.unmanaged.iter().map(|user| unmanaged(user, plan.as_of)).collect(),
        accounts_unread: plan.accounts_unread.iter().map(unread).collect(),
        warnings: plan.warnings.iter().map(warning).collect(),
        since: since.map(change_document),
        stopped: stopped.iter().map(ToString::to_string).collect(),
        outcomes: applied.map(|applied| applied.outcomes.iter().map(outcome).collect()),
        mail: applied.map(|applied| applied.mail.iter().map(sent).collect()).unwrap_or_default(),
        events: applied.and_then(|applied| applied.events.as_ref()).map(events),
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
    /// Those that were read, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accounts: Vec<JsonAccount<'a>>,
    changes: Vec<JsonChange<'a>>,
    waiting: Vec<JsonWaiting<'a>>,
    /// Users that no rule selects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unmanaged: Vec<JsonUnmanaged<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accounts_unread: Vec<JsonUnread<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<JsonWarning<'a>>,
    #[serde(flatten)]
    since: Option<ChangeDocument<'a>>,
    /// Why nothing of this was done: the limits that it exceeds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stopped: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcomes: Option<Vec<JsonOutcome<'a>>>,
    /// Besides what is part of a rotation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mail: Vec<JsonSent<'a>>,
    /// `None`: the manifests ask for none, or nothing happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<JsonEvents<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deferred: Vec<JsonDeferred<'a>>,
}

#[derive(Serialize)]
struct JsonEvents<'a> {
    bus: &'a str,
    sent: usize,
    failed: usize,
    error: Option<String>,
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
    /// Who was told of it, and by which way: `mail`, `sns` or `slack`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    told: Vec<JsonTold<'a>>,
}

#[derive(Serialize)]
struct JsonTold<'a> {
    to: &'a str,
    by: &'static str,
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
pub struct JsonUnread<'a> {
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
    user: Option<&'a str>,
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

fn events(sent: &EventsSent) -> JsonEvents<'_> {
    let EventsSent { bus, sent, failed, failure } = sent;
    JsonEvents { bus, sent: *sent, failed: *failed, error: failure.as_ref().map(ToString::to_string) }
}

fn outcome(outcome: &Outcome) -> JsonOutcome<'_> {
    let Outcome { change: done, at: _, result, issued, notes, told } = outcome;
    let told = told.iter().map(|to| JsonTold { to, by: Channel::of(to).as_str() }).collect();
    let error = result.as_ref().err().map(ToString::to_string);
    let issued = issued.as_ref().map(|key| key.as_str());
    JsonOutcome { change: change(done), result: result_word(result), error, issued, notes, told }
}

fn deferred(deferred: &Deferred) -> JsonDeferred<'_> {
    let Deferred { account, user, cause } = deferred;
    let (account, account_name) = names(account);
    JsonDeferred { account, account_name, user, cause: cause.to_string() }
}

/// An entry of `accounts-unread`.
pub fn unread(unread: &UnreadAccount) -> JsonUnread<'_> {
    let UnreadAccount { id, name, error, .. } = unread;
    JsonUnread { account: id.as_deref(), account_name: name.as_deref(), error }
}

fn warning(warning: &Warning) -> JsonWarning<'_> {
    let (account, user) = warning.about();
    let (account, account_name) = names(account);
    let key = match warning {
        Warning::OwnKey { key, .. }
        | Warning::ReissueSkips { key, .. }
        | Warning::LeakedWorks { key, .. }
        | Warning::SecretLeft { key, .. }
        | Warning::PlaceLeft { key, .. } => Some(key.as_str()),
        Warning::ReplicaFailed { .. }
        | Warning::ExtraReplicas { .. }
        | Warning::SmtpPassword { .. }
        | Warning::Overwrites { .. }
        | Warning::PlaceUnread { .. }
        | Warning::PoliciesUnread { .. }
        | Warning::UnmanagedOverAge { .. }
        | Warning::UnmanagedUnread { .. }
        | Warning::PaceTooSlow { .. }
        | Warning::PaceLate { .. } => None,
    };
    let (code, message) = (warning.code(), warning.to_string());
    JsonWarning { code, account, account_name, user, key, message }
}
