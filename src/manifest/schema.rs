//! A manifest as written: what serde reads, and what the JSON Schema is made from.
//!
//! The comments on fields are the descriptions in the schema, so they speak to whoever writes a manifest.

use std::{borrow::Cow, collections::BTreeMap, ops::Range};

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::values::any_of;
use crate::template::Language;

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
    pub defaults: Option<Spanned<Policy>>,
    /// Who sends mail, and who gets it when the owner can't. Only in `keyrota.toml`.
    pub mail: Option<Spanned<Mail>>,
    /// Limits that are checked before the first change; exceeding one changes nothing. Only in `keyrota.toml`.
    pub limits: Option<Spanned<Limits>>,
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
    pub policy: Policy,
}

/// The policy keys of `[defaults]` and `[[rotate]]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Policy {
    /// An active key this old is replaced. Default: 90d.
    pub max_age: Option<Spanned<Duration>>,
    /// Also replaces keys that would get too old within this time. `auto` is the longest time between two runs of
    /// `[schedule] enforce`, plus `overlap` or `quiet`, whichever is longer, plus an hour: no key whose clients move gets
    /// older than `max-age`. Default: auto.
    #[schemars(extend("examples" = ["auto", "39d"]))]
    pub rotate_ahead: Option<Spanned<Ahead>>,
    /// Keys created before this date are replaced now: how a leak is handled.
    pub reissue_before: Option<Spanned<Instant>>,
    /// The old and the new key both work for this long. Default: 7d.
    #[schemars(extend("examples" = ["7d"]))]
    pub overlap: Option<Spanned<Duration>>,
    /// An old key that was used within this time is still in use: a weekly job is. Default: 8d.
    #[schemars(extend("examples" = ["8d"]))]
    pub quiet: Option<Spanned<Duration>>,
    /// An old key that is still in use is kept this much longer, then deactivated all the same. Default: 14d.
    #[schemars(extend("examples" = ["14d"]))]
    pub patience: Option<Spanned<Duration>>,
    /// A key stays inactive this long before it is deleted: the time to pull the emergency brake. Default: 14d.
    #[schemars(extend("examples" = ["14d"]))]
    pub hold: Option<Spanned<Duration>>,
    /// When a key is due and the user has two active keys in use. Default: block.
    pub when_full: Option<Spanned<WhenFull>>,
    /// Mail addresses, `tag:NAME` for those in this tag of the IAM user, or `user-name` where its name is an address.
    /// Required here or in `[defaults]`; `[]` says nobody, on purpose.
    #[schemars(extend("examples" = [["tag:email"]]))]
    pub notify: Option<Spanned<Vec<Spanned<String>>>>,
    /// The name of the secret that holds the credential; `{user}` stands for the user's name. Two rules may not have
    /// names that could be the same for different users.
    #[schemars(extend("examples" = ["/aws/iam/credentials/{user}"]))]
    pub secret: Option<Spanned<String>>,
    /// The KMS key that encrypts the secret: its id, ARN or alias. Default: the account's key for Secrets Manager.
    #[schemars(extend("examples" = ["alias/keyrota"]))]
    pub kms_key: Option<Spanned<String>>,
    /// Regions that get a copy of the secret.
    #[schemars(extend("examples" = [["eu-central-1"]]))]
    pub replicate_to: Option<Spanned<Vec<Spanned<String>>>>,
    #[schemars(extend("description" = about_languages(), "examples" = ["es"], "pattern" = languages()))]
    pub language: Option<Spanned<String>>,
}

fn about_languages() -> String {
    let known = any_of(&Language::ALL.map(|language| language.as_str().to_owned()));
    format!("The language of mail: {known}. Default: {}.", Language::default().as_str())
}

/// The languages of mail, with any region.
fn languages() -> String {
    format!("^({})([-_][A-Za-z0-9]+)*$", Language::ALL.map(Language::as_str).join("|"))
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

/// What to do when a key is due and the user has two active keys in use.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(extend("examples" = ["retire-oldest"]))]
pub(super) enum WhenFull {
    Block,
    RetireOldest,
}

/// A value and its place.
#[derive(Debug)]
pub(super) struct Spanned<T> {
    /// Bytes of the file; of a table with a header, those of the header.
    pub span: Range<usize>,
    pub value: T,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = toml::Spanned::deserialize(deserializer)?;
        Ok(Self { span: spanned.span(), value: spanned.into_inner() })
    }
}

impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A string or a list of strings.
#[derive(Debug)]
pub(super) struct OneOrMany(pub Vec<Spanned<String>>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a string or a list of strings")
            }

            fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
                // The place of a lone string is that of the whole value, which its owner knows.
                Ok(OneOrMany(vec![Spanned { span: 0..0, value: value.to_owned() }]))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Ok(OneOrMany(values))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for OneOrMany {
    fn schema_name() -> Cow<'static, str> {
        "OneOrMany".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
    }
}

/// A duration as written; `values::duration` reads it.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Duration(pub String);

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let examples = ["90d", "2w", "36h"];
        json_schema!({ "title": "duration", "type": "string", "pattern": "^[0-9]+[hdw]$", "examples": examples })
    }
}

/// A duration, or `auto`; `values::ahead` reads it.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Ahead(pub String);

impl JsonSchema for Ahead {
    fn schema_name() -> Cow<'static, str> {
        "Ahead".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "title": "duration or auto", "type": "string", "pattern": "^(auto|[0-9]+[hdw])$" })
    }
}

/// A date; `values::day` reads it.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Day(pub toml::value::Datetime);

impl JsonSchema for Day {
    fn schema_name() -> Cow<'static, str> {
        "Day".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "title": "date", "type": "string", "format": "date" })
    }
}

/// A date, perhaps with a time; `values::instant` reads it.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Instant(pub toml::value::Datetime);

impl JsonSchema for Instant {
    fn schema_name() -> Cow<'static, str> {
        "Instant".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "date",
            "anyOf": [{ "type": "string", "format": "date" }, { "type": "string", "format": "date-time" }],
        })
    }
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
