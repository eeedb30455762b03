//! A manifest as written: what serde reads, and what the JSON Schema is made from.
//!
//! The comments on fields are the descriptions in the schema, so they speak to whoever writes a manifest.

use std::collections::BTreeMap;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Deserialize;
use serde_json::Value;

use super::{
    policy::WrittenPolicy,
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
    pub mail: Option<Spanned<Mail>>,
    /// Limits that are checked before the first change; exceeding one changes nothing. Only in `keyrota.toml`.
    pub limits: Option<Spanned<Limits>>,
    /// How many rotations a run begins; the rest follows in the next runs. Only in `keyrota.toml`.
    pub pace: Option<Spanned<Pace>>,
    /// When keyrota runs, as EventBridge expressions in UTC. Only in `keyrota.toml`.
    pub schedule: Option<Spanned<Schedule>>,
    /// The AWS accounts to look at, by a name of your own; none: the account of the caller. Only in `keyrota.toml`.
    pub accounts: Option<Spanned<BTreeMap<String, Spanned<Account>>>>,
    /// Rules: which users rotate, and how.
    pub rotate: Vec<Spanned<Rotate>>,
    /// Users that are left alone, and why.
    pub exempt: Vec<Spanned<Exempt>>,
}

/// A rule. Its selectors (users, tags, groups, path, accounts) must all match; of the entries of one, any.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Rotate {
    /// Names, ids or globs of accounts. Without it, the rule holds in every account.
    #[schemars(extend("examples" = [["payments-*"]]))]
    pub accounts: Option<Spanned<Vec<Spanned<String>>>>,
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

/// `[mail]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Mail {
    /// The sender; an identity that SES has verified. Required as soon as anyone is to be told.
    #[schemars(extend("examples" = ["Security <security@example.com>"]))]
    pub from: Option<Spanned<String>>,
    /// The ARN of the sender's SES identity, if another account owns it and permits this one to send for it.
    #[schemars(extend("examples" = ["arn:aws:ses:eu-west-1:111122223333:identity/example.com"]))]
    pub from_arn: Option<Spanned<String>>,
    /// Where answers go.
    #[schemars(extend("examples" = ["security@example.com"]))]
    pub reply_to: Option<Spanned<String>>,
    /// The SES configuration set to send with. Its events carry the tags `run` and `kind`.
    #[schemars(extend("examples" = ["keyrota"]))]
    pub configuration_set: Option<Spanned<String>>,
    /// The region whose SES sends the mail. Without it: that of the caller's credentials.
    #[schemars(extend("examples" = ["eu-west-1"]))]
    pub region: Option<Spanned<String>>,
    /// Who is told when the owner can't be.
    #[schemars(extend("examples" = [["security@example.com"]]))]
    pub fallback: Option<Spanned<Vec<Spanned<String>>>>,
    /// Who gets a summary of each run that did or blocked something.
    #[schemars(extend("examples" = [["security@example.com"]]))]
    pub digest: Option<Spanned<Vec<Spanned<String>>>>,
}

/// `[limits]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Limits {
    /// How many changes a run may make.
    #[schemars(extend("minimum" = 0, "examples" = [50]))]
    pub max_actions: Option<Spanned<i64>>,
    /// How many of the keys in scope a run may change, in percent; ignored below 10 keys.
    #[schemars(extend("minimum" = 0, "maximum" = 100, "examples" = [30]))]
    pub max_percent: Option<Spanned<i64>>,
}

/// `[pace]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Pace {
    /// How many rotations a run begins in one account, the oldest keys first; 0: as many as are due. What is left waits
    /// for the next runs, of whatever kind. Default: 25.
    #[schemars(extend("minimum" = 0, "examples" = [25]))]
    pub max_rotations: Option<Spanned<i64>>,
}

/// `[schedule]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Schedule {
    /// When rotations start.
    #[schemars(extend("examples" = ["cron(0 8 1 * ? *)"]))]
    pub enforce: Option<Spanned<String>>,
    /// When rotations under way are carried on.
    #[schemars(extend("examples" = ["cron(0 8 * * ? *)"]))]
    pub tend: Option<Spanned<String>>,
}

/// `[accounts.NAME]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[schemars(extend("required" = ["id"]))]
pub(super) struct Account {
    /// The 12 digits of the account, in quotes.
    #[schemars(extend("pattern" = "^[0-9]{12}$", "examples" = ["111122223333"]))]
    pub id: Option<Spanned<String>>,
    /// The name or ARN of a role to assume there. Without it: the caller's own credentials.
    #[schemars(extend("examples" = ["keyrota"]))]
    pub role: Option<Spanned<String>>,
    /// The region of its secrets. Without it: the caller's.
    #[schemars(extend("examples" = ["eu-west-1"]))]
    pub region: Option<Spanned<String>>,
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
