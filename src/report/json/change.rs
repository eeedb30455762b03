//! What a change of the manifests does (`plan --base`).

use serde::Serialize;
use serde_json::{Value, json};

use super::rows::{JsonChange, JsonSource, JsonWaiting, Summary, change, is_false, names, source, summary, waiting};
use crate::{
    diff::{
        Before, Caused, CausedWait, Changed, Comparison, Dated, Deletion, Field, Member, Outlook,
        review::{Broken, NextRun},
    },
    explain::Line,
    manifest::{Diagnostic, Severity},
    plan::fingerprint,
    report::model::Since,
    time::rfc3339,
};

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ChangeDocument<'a> {
    base: JsonBase<'a>,
    /// Absent with everything below if the base has errors: then there is nothing to compare with.
    #[serde(flatten)]
    compared: Option<JsonCompared<'a>>,
}

#[derive(Serialize)]
struct JsonBase<'a> {
    revision: &'a str,
    commit: &'a str,
    /// Whether the change makes any difference, as far as can be told.
    differs: bool,
    errors: Vec<Value>,
    notes: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonCompared<'a> {
    scope: Scope<'a>,
    settings: Vec<JsonField>,
    /// Users that leave, policies and settings that get weaker.
    weakened: usize,
    #[serde(flatten)]
    effects: Effects<'a>,
    /// The next scheduled run, if it does something else than a run now.
    next_run: Option<JsonNextRun<'a>>,
}

#[derive(Serialize)]
struct Scope<'a> {
    entered: Vec<JsonMember<'a>>,
    left: Vec<JsonMember<'a>>,
    changed: Vec<JsonChanged<'a>>,
}

/// What the change causes and averts.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Effects<'a> {
    caused: Vec<JsonCaused<'a>>,
    caused_blocked: Vec<JsonWaiting<'a>>,
    /// Held or exempt because of the change, or held for something else than before.
    caused_waiting: Vec<JsonCausedWait<'a>>,
    averted: Vec<JsonChange<'a>>,
    /// Keys that are deleted because of the change, or at another time.
    deletions: Vec<JsonDeletion>,
}

#[derive(Serialize)]
struct JsonCaused<'a> {
    #[serde(flatten)]
    change: JsonChange<'a>,
    /// The steps that were planned for the user before the change.
    before: Vec<JsonDated>,
}

#[derive(Serialize)]
struct JsonCausedWait<'a> {
    #[serde(flatten)]
    waiting: JsonWaiting<'a>,
    before: Vec<JsonDated>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonDated {
    action: &'static str,
    key_ref: String,
    not_before: String,
    same_run: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonDeletion {
    account: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_name: Option<String>,
    user: String,
    key_ref: String,
    not_before: String,
    at_once: bool,
    was: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonNextRun<'a> {
    as_of: String,
    digest: Option<String>,
    summary: Summary,
    #[serde(flatten)]
    effects: Effects<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonMember<'a> {
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_name: Option<&'a str>,
    user: &'a str,
    source: JsonSource<'a>,
    next: JsonOutlook,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonChanged<'a> {
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_name: Option<&'a str>,
    user: &'a str,
    source: JsonSource<'a>,
    fields: Vec<JsonField>,
    before: JsonOutlook,
    after: JsonOutlook,
}

/// An action's name, `held`, `blocked`, `unreadable`, `exempt` or `settled`, and until when, or when the next rotation begins.
#[derive(Serialize)]
struct JsonOutlook {
    state: &'static str,
    until: Option<String>,
}

#[derive(Serialize)]
struct JsonField {
    field: String,
    before: Option<JsonValue>,
    after: Option<JsonValue>,
    #[serde(skip_serializing_if = "is_false")]
    weaker: bool,
}

/// A value and its `file:line`; none if it is keyrota's own default.
#[derive(Serialize)]
struct JsonValue {
    value: String,
    source: Option<String>,
}

pub fn change_document(since: Since<'_>) -> ChangeDocument<'_> {
    let Since { revision, commit, comparison, notes } = since;
    let errors = comparison.as_ref().err().map(|Broken(errors)| errors.iter().map(diagnostic).collect());
    let differs = !comparison.as_ref().is_ok_and(|compared| compared.is_empty()) || !notes.is_empty();
    let base = JsonBase { revision, commit, differs, errors: errors.unwrap_or_default(), notes };
    let compared = comparison.as_ref().ok().map(|compared| JsonCompared {
        scope: Scope {
            entered: compared.now.entered.iter().map(member).collect(),
            left: compared.now.left.iter().map(member).collect(),
            changed: compared.now.changed.iter().map(changed).collect(),
        },
        settings: compared.settings.iter().map(field).collect(),
        weakened: compared.weakened(),
        effects: effects(&compared.now),
        next_run: compared.later().map(next_run),
    });
    ChangeDocument { base, compared }
}

/// One mistake, as `check --format json` shows it.
pub fn diagnostic(diagnostic: &Diagnostic) -> Value {
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    // What stands beside the place in the text: "did you mean".
    let label = diagnostic.labels.first().map(|label| &label.text).filter(|text| !text.is_empty());
    json!({
        "code": diagnostic.code.as_str(),
        "severity": severity,
        "message": diagnostic.message,
        "file": diagnostic.file(),
        "line": diagnostic.line(),
        "column": diagnostic.column(),
        "label": label,
        "help": diagnostic.help,
    })
}

fn effects<'a>(comparison: &'a Comparison) -> Effects<'a> {
    let steps = |before: &Before| before.steps(comparison.at).iter().map(dated).collect();
    let is_blocked = |wait: &&CausedWait| wait.is_new && wait.waiting.wait.is_blocked();
    let caused = |caused: &'a Caused| JsonCaused { change: change(&caused.change), before: steps(&caused.before) };
    let wait = |wait: &'a CausedWait| JsonCausedWait { waiting: waiting(&wait.waiting), before: steps(&wait.before) };
    Effects {
        caused: comparison.caused.iter().map(caused).collect(),
        caused_blocked: comparison.waits.iter().filter(is_blocked).map(|wait| waiting(&wait.waiting)).collect(),
        caused_waiting: comparison.waits.iter().filter(|wait| !is_blocked(wait)).map(wait).collect(),
        averted: comparison.averted.iter().map(change).collect(),
        deletions: comparison.deletions().into_iter().map(deletion).collect(),
    }
}

fn dated(dated: &Dated) -> JsonDated {
    let Dated { verb, key, at, in_run } = dated;
    let (action, key_ref) = (verb.as_str(), key.as_str().to_owned());
    JsonDated { action, key_ref, not_before: rfc3339(*at), same_run: *in_run }
}

fn deletion(deletion: Deletion) -> JsonDeletion {
    let Deletion { account, user, key, at, at_once, was } = deletion;
    let (account, account_name) = (account.id.clone(), account.name.clone());
    let (key_ref, not_before, was) = (key.as_str().to_owned(), rfc3339(at), was.map(rfc3339));
    JsonDeletion { account, account_name, user, key_ref, not_before, at_once, was }
}

fn next_run(run: &NextRun) -> JsonNextRun<'_> {
    let NextRun { plan, comparison } = run;
    JsonNextRun {
        as_of: rfc3339(plan.as_of),
        digest: fingerprint(plan),
        summary: summary(plan),
        effects: effects(comparison),
    }
}

fn member(member: &Member) -> JsonMember<'_> {
    let Member { account, user, rule, policy: _, outlook: next } = member;
    let (account, account_name) = names(account);
    JsonMember { account, account_name, user, source: source(rule), next: outlook(*next) }
}

fn changed(changed: &Changed) -> JsonChanged<'_> {
    let Changed { account, user, rule, before: _, after: _, weaker: _, outlook_before, outlook_after } = changed;
    let (account, account_name) = names(account);
    JsonChanged {
        account,
        account_name,
        user,
        source: source(rule),
        fields: changed.fields().iter().map(field).collect(),
        before: outlook(*outlook_before),
        after: outlook(*outlook_after),
    }
}

fn field(field: &Field) -> JsonField {
    let Field { name, before, after, weaker } = field;
    let (before, after) = (before.as_ref().map(value), after.as_ref().map(value));
    JsonField { field: name.clone(), before, after, weaker: *weaker }
}

fn value(line: &Line) -> JsonValue {
    JsonValue { value: line.value.clone(), source: line.source.as_ref().map(ToString::to_string) }
}

fn outlook(outlook: Outlook) -> JsonOutlook {
    let (state, until) = match outlook {
        Outlook::Change(verb) => (verb.as_str(), None),
        Outlook::Held(until) => ("held", until),
        Outlook::Blocked => ("blocked", None),
        Outlook::Unreadable => ("unreadable", None),
        Outlook::Exempt => ("exempt", None),
        Outlook::Settled(at) => ("settled", at),
    };
    JsonOutlook { state, until: until.map(rfc3339) }
}
