//! What a change of the manifests does, in the plan's JSON (`plan --base`).

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Since,
    json::{JsonChange, JsonSource, JsonWaiting, Summary, change, names, source, summary, timestamp, waiting},
};
use crate::{
    compare::{Changed, Comparison, Field, Member, Outlook},
    explain::Line,
    manifest::{Diagnostic, Severity},
    plan::fingerprint,
    review::{Broken, NextRun},
};

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct ChangeDocument<'a> {
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
    caused: Vec<JsonChange<'a>>,
    caused_blocked: Vec<JsonWaiting<'a>>,
    averted: Vec<JsonChange<'a>>,
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

/// An action's name, `held`, `blocked`, `exempt` or `settled`, and until when, or when the next rotation begins.
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
}

/// A value and its `file:line`; none if it is keyrota's own default.
#[derive(Serialize)]
struct JsonValue {
    value: String,
    source: Option<String>,
}

pub(super) fn change_document(since: Since<'_>) -> ChangeDocument<'_> {
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

fn effects(comparison: &Comparison) -> Effects<'_> {
    Effects {
        caused: comparison.caused.iter().map(change).collect(),
        caused_blocked: comparison.blocked.iter().map(waiting).collect(),
        averted: comparison.averted.iter().map(change).collect(),
    }
}

fn next_run(run: &NextRun) -> JsonNextRun<'_> {
    let NextRun { plan, comparison } = run;
    JsonNextRun {
        as_of: timestamp(plan.as_of),
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
    let Changed { account, user, rule, before: _, after: _, outlook_before, outlook_after } = changed;
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
    let Field { name, before, after } = field;
    JsonField { field: name.clone(), before: before.as_ref().map(value), after: after.as_ref().map(value) }
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
    JsonOutlook { state, until: until.map(timestamp) }
}
