//! The rows: a key each, and the exemptions and unmanaged users that they are named by.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::verdict::Verdict;
use crate::evidence::{
    controls::Criterion,
    word::{self, Word},
};

/// Where something is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// The file.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
}

/// One key, or a user whose keys are not known.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct KeyRow {
    /// Counted from 1: how verdicts name it.
    pub row: usize,
    /// The account's 12 digits.
    pub account: String,
    /// The name that the manifests give it.
    pub account_name: Option<String>,
    /// The IAM user.
    pub user: String,
    /// Its ARN.
    pub arn: String,
    /// Its path.
    pub path: String,
    /// A rule selects its user, and no exemption leaves it alone.
    pub managed: bool,
    /// A rule selects its user or an exemption names it.
    #[serde(skip)]
    pub in_scope: bool,
    /// The place of the rule or the exemption.
    pub rule: Option<Place>,
    /// The key's id; null where it is not known: the credential report has none.
    pub key: Option<String>,
    /// Whether it works.
    pub status: KeyStatus,
    /// When it was created; of an unmanaged user: or when its status changed last.
    pub created: Option<String>,
    /// Whole days.
    pub age_days: Option<i64>,
    /// How old it may get, as manifests write it.
    pub limit: String,
    /// The same in whole days.
    pub limit_days: i64,
    /// Where that is written; null: it is built in.
    pub limit_place: Option<Place>,
    /// It works, and is as old as its limit or older; null: not known.
    pub over_limit: Option<bool>,
    /// When and with what it was used last.
    pub last_use: LastUseFacts,
    /// `due`, `held`, `blocked`, `exempt`, `unreadable`, `settled` or `unmanaged`.
    #[serde(deserialize_with = "word::read")]
    #[schemars(with = "String")]
    pub state: Word,
    /// Why, as a stable code.
    #[serde(deserialize_with = "word::read_if_there")]
    #[schemars(with = "Option<String>")]
    pub reason: Option<Word>,
    /// Why, in words.
    pub message: Option<String>,
    /// When the state ends by itself.
    pub until: Option<String>,
    /// What is done next that concerns this key; null: nothing, or nothing before a person has done something.
    pub next: Option<NextStep>,
    /// The secret that the credential is in, or goes to.
    pub secret: Option<String>,
    /// Whether the secret has this key: `handed-out`, `pending`, `stored`; null: it has not.
    #[serde(deserialize_with = "word::read_if_there")]
    #[schemars(with = "Option<String>")]
    pub stored: Option<Word>,
    /// The places of delivery that took it last, as the ledger notes.
    pub delivered_to: Vec<String>,
    /// When keyrota deactivated it.
    pub deactivated: Option<String>,
    /// When its owner was told of it last, and who.
    pub told: Option<Told>,
    /// Whom the manifests tell of it.
    pub recipients: Vec<String>,
    /// Those are told because its owner has no address.
    pub recipients_are_fallback: bool,
    /// What this row says of each control; empty for a key that does not work.
    #[serde(deserialize_with = "word::follows")]
    pub controls: BTreeMap<Word, Verdict>,
    /// The same, of each criterion.
    #[serde(skip)]
    pub criteria: Vec<(Criterion, Verdict)>,
}

/// Whether a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyStatus {
    /// IAM accepts it.
    Active,
    /// IAM refuses it.
    Inactive,
    /// It could not be read.
    Unknown,
}

/// When a key was used last.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct LastUseFacts {
    /// `used`, `never`, or `unknown` where that was not read.
    #[serde(deserialize_with = "word::read")]
    #[schemars(with = "String")]
    pub state: Word,
    /// When.
    pub at: Option<String>,
    /// With which service.
    pub service: Option<String>,
    /// In which region.
    pub region: Option<String>,
}

/// What is done next.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct NextStep {
    /// `create`, `promote`, `notify`, `deactivate`, `delete` or `update`.
    #[serde(deserialize_with = "word::read")]
    #[schemars(with = "String")]
    pub action: Word,
    /// The run that does it, at the earliest.
    pub at: String,
    /// It is done only once nobody uses the key.
    pub if_unused: bool,
}

/// When an owner was told of a key.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Told {
    /// When.
    pub at: Option<String>,
    /// Of what: `issued` or `going`.
    #[serde(deserialize_with = "word::read")]
    #[schemars(with = "String")]
    pub of: Word,
    /// To whom the mail went; empty where only the ledger tells, which notes when.
    pub to: Vec<ToldTo>,
    /// Whether it went to the fallback; null: not known.
    pub fallback: Option<bool>,
    /// `ledger` or `history`.
    #[serde(deserialize_with = "word::read")]
    #[schemars(with = "String")]
    pub source: Word,
}

/// To whom a mail went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ToldTo {
    /// The address.
    pub address: String,
    /// How: `mail`, `fallback` or another way.
    pub by: String,
}

/// An exemption of the manifests.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Exception {
    /// The account that it names; null: every account.
    pub account: Option<String>,
    /// The IAM user.
    pub user: String,
    /// Why, in the words of who wrote it.
    pub reason: String,
    /// Its last day; null: it has no end.
    pub until: Option<String>,
    /// It holds at the instant of the report.
    pub in_force: bool,
    /// Where it is written.
    pub place: Place,
    /// The last commit of the history that changed what it says, by deleting a part of it as well.
    pub commit: Option<String>,
    /// The author of that commit, as git has it.
    pub author: Option<String>,
    /// When, as git has it.
    pub authored: Option<String>,
    /// Why those are not known.
    pub note: Option<String>,
    /// The numbers of the rows that it is about.
    pub rows: Vec<usize>,
}

/// A user that no rule selects.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct UnmanagedRow {
    /// The account's 12 digits.
    pub account: String,
    /// The name that the manifests give it.
    pub account_name: Option<String>,
    /// The IAM user.
    pub user: String,
    /// Its ARN.
    pub arn: String,
    /// Its active keys; null: not known.
    pub active_keys: Option<usize>,
    /// Whether an active key is older than `[defaults]` allows; null: not known.
    pub over_limit: Option<bool>,
    /// The numbers of its rows.
    pub rows: Vec<usize>,
}
