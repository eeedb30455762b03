//! A manifest as written: what serde reads, and what the JSON Schema is made from.
//!
//! The comments on fields are the descriptions in the schema, so they speak to whoever writes a manifest.

use std::collections::BTreeMap;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Deserialize;
use serde_json::Value;

use super::{
    accounts::WrittenAccount,
    deliver::WrittenDeliver,
    events::WrittenEvents,
    limits::{WrittenLimits, WrittenPace},
    mail::WrittenMail,
    organization::WrittenOrganization,
    policy::WrittenPolicy,
    schedule::WrittenSchedule,
    spanned::{Day, OneOrMany, Spanned},
};

/// The JSON Schema of a manifest: draft-07, without references.
pub fn json_schema() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<File>().to_value();
    simplify(&mut schema);
    schema["title"] = "keyrota manifest".into();
    schema
}

/// One manifest of keyrota, which rotates AWS IAM access keys.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[schemars(extend("required" = ["version"]))]
pub(super) struct File {
    /// The version of the format: 1.
    #[schemars(extend("const" = 1))]
    pub version: Option<Spanned<i64>>,
    /// What holds for every rule that does not say otherwise. Only in `keyrota.toml`.
    pub defaults: Option<Spanned<WrittenPolicy>>,
    /// Who sends mail, and who gets it when the owner can't. Only in `keyrota.toml`.
    pub mail: Option<Spanned<WrittenMail>>,
    /// One event of EventBridge for each change, for programs: restarts, chat, tickets. Only in `keyrota.toml`.
    pub events: Option<Spanned<WrittenEvents>>,
    /// Limits that are checked before the first change; exceeding one changes nothing. Only in `keyrota.toml`.
    pub limits: Option<Spanned<WrittenLimits>>,
    /// How many rotations a run begins; the rest follows in the next runs. Only in `keyrota.toml`.
    pub pace: Option<Spanned<WrittenPace>>,
    /// When keyrota runs, as EventBridge expressions in UTC. Only in `keyrota.toml`.
    pub schedule: Option<Spanned<WrittenSchedule>>,
    /// How credentials get to the places that `deliver` names. Only in `keyrota.toml`.
    pub deliver: Option<Spanned<WrittenDeliver>>,
    /// The AWS accounts to look at, by a name of your own; none: the account of the caller. Only in `keyrota.toml`.
    pub accounts: Option<Spanned<BTreeMap<String, Spanned<WrittenAccount>>>>,
    /// The accounts of AWS Organizations, found there with each run, beside those of `[accounts]`. Only in `keyrota.toml`.
    pub organization: Option<Spanned<WrittenOrganization>>,
    /// Rules: which users rotate, and how.
    pub rotate: Vec<Spanned<Rotate>>,
    /// Users that are left alone, and why.
    pub exempt: Vec<Spanned<Exempt>>,
}

/// A rule. Its selectors (users, tags, groups, path, accounts, units, account-tags) must all match; of the entries of one, any.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Rotate {
    /// Names, ids or globs of accounts. Without it, the rule holds in every account.
    #[schemars(extend("examples" = [["payments-*"]]))]
    pub accounts: Option<Spanned<Vec<Spanned<String>>>>,
    /// Organizational units, by path or id (`ou-…`, `r-…`), with every account below them.
    #[schemars(extend("examples" = [["Workloads/Prod"]]))]
    pub units: Option<Spanned<Vec<Spanned<String>>>>,
    /// Tags of accounts in AWS Organizations, each with a value or a list of values; `*` and `?` are wildcards.
    #[schemars(extend("examples" = [{"stage": "prod"}]))]
    pub account_tags: Option<Spanned<BTreeMap<String, Spanned<OneOrMany>>>>,
    /// Names of IAM users; `*` and `?` are wildcards. An exact name beats any other rule's globs, tags, groups or path.
    #[schemars(extend("examples" = [["ci-*", "svc-reports"]]))]
    pub users: Option<Spanned<Vec<Spanned<String>>>>,
    /// Tags of IAM users, each with a value or a list of values; `*` and `?` are wildcards.
    #[schemars(extend("examples" = [{"team": "payments"}]))]
    pub tags: Option<Spanned<BTreeMap<String, Spanned<OneOrMany>>>>,
    /// Names of IAM groups; `*` and `?` are wildcards.
    #[schemars(extend("examples" = [["deployers"]]))]
    pub groups: Option<Spanned<Vec<Spanned<String>>>>,
    /// Paths of IAM users; `/ci/*` is everything below `/ci/`.
    #[schemars(extend("examples" = ["/ci/*"]))]
    pub path: Option<Spanned<OneOrMany>>,
    /// Users that the rule does not select after all; `*` and `?` are wildcards.
    #[schemars(extend("examples" = [["svc-breakglass"]]))]
    pub except: Option<Spanned<Vec<Spanned<String>>>>,
    /// In the file these stand beside the selectors; `parse` gathers them here, because flattening loses places.
    #[schemars(flatten)]
    pub policy: WrittenPolicy,
}

/// A user that is left alone.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[schemars(extend("required" = ["user", "reason"]))]
pub(super) struct Exempt {
    /// The name of one IAM user, without wildcards.
    #[schemars(extend("examples" = ["svc-sap"]))]
    pub user: Option<Spanned<String>>,
    /// The name or id of an account. Without it: every account.
    #[schemars(extend("examples" = ["payments-prod"]))]
    pub account: Option<Spanned<String>>,
    /// Why, for whoever reads the plan.
    #[schemars(extend("examples" = ["vendor rotates by hand, SEC-412"]))]
    pub reason: Option<Spanned<String>>,
    /// The last day it holds, in UTC. Without it: for good.
    pub until: Option<Spanned<Day>>,
}

/// Takes out what serde's types say and TOML does not: null (a key that is optional is left out) and integer formats.
fn simplify(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    object.insert("type".to_owned(), only);
                }
            }
            if object.get("type").is_some_and(|kind| kind == "integer") {
                object.remove("format");
            }
            if let Some(Value::Array(choices)) = object.get_mut("enum") {
                choices.retain(|choice| !choice.is_null());
            }
            if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
                choices.retain(|choice| choice["type"] != "null");
                if let [Value::Object(only)] = choices.as_mut_slice() {
                    let only = std::mem::take(only);
                    object.remove("anyOf");
                    object.extend(only);
                }
            }
            if let Some(Value::String(description)) = object.get_mut("description") {
                *description = description.replace('\n', " ");
            }
            object.values_mut().for_each(simplify);
        }
        Value::Array(values) => values.iter_mut().for_each(simplify),
        _ => {}
    }
}
