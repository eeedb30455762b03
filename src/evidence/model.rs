//! The report as data: the fields of its JSON, `keyrota/report/v1`. Fields are only added.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    controls::Criterion,
    word::{self, Word},
};

/// The format of the JSON.
pub const SCHEMA: &str = "keyrota/report/v1";

/// Everything that is said of all accounts at one instant. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(title = "keyrota report")]
pub struct Evidence {
    /// `keyrota/report/v1`.
    pub schema: &'static str,
    /// Of this document without this field, as `jq -cS 'del(.sha256)'` writes it.
    pub sha256: String,
    /// The version of keyrota.
    pub version: String,
    /// The instant that everything is told of.
    pub as_of: String,
    /// When the accounts were read; another instant than `as-of` is a forecast, and no evidence.
    pub observed: String,
    /// Where the manifests come from.
    pub manifests: Manifests,
    /// The accounts that were read.
    pub accounts: Vec<AccountFacts>,
    /// What could not be read.
    pub completeness: Completeness,
    /// How many there are of what.
    pub summary: Summary,
    /// What is asked of every active key.
    pub criteria: Vec<CriterionVerdict>,
    /// The controls, each with its verdict.
    pub controls: Vec<ControlVerdict>,
    /// How old the active keys are.
    pub ages: Vec<AgeClass>,
    /// The oldest active key, day by day.
    pub oldest: Oldest,
    /// What the scheduled runs of the next days will do; null: it could not be told.
    pub calendar: Option<Calendar>,
    /// A row a key, by account, user and age. A user whose keys are not known has one, too.
    pub keys: Vec<KeyRow>,
    /// Every exemption of the manifests.
    pub exceptions: Vec<Exception>,
    /// The users that no rule selects.
    pub unmanaged: Vec<UnmanagedRow>,
    /// What was done, by the history; null: none was asked for.
    pub happened: Option<Happened>,
}

/// Where the manifests come from.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Manifests {
    /// Their folder.
    pub folder: String,
    /// The SHA-256 of what `LC_ALL=C sha256sum *.toml` prints there.
    pub fingerprint: String,
    /// The commit that is checked out there.
    pub commit: Option<String>,
    /// They differ from that commit: it is not what was used.
    pub dirty: bool,
    /// Why the commit is not known, or what is to be said of it.
    pub note: Option<String>,
}

/// One account that was read.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct AccountFacts {
    /// Its 12 digits.
    pub account: String,
    /// The name that the manifests give it.
    pub account_name: Option<String>,
    /// The region of its secrets.
    pub region: String,
    /// Who keyrota called as.
    pub caller: String,
    /// Users that a rule selects or an exemption names.
    pub users: usize,
    /// Users that neither does.
    pub unmanaged: usize,
    /// Active keys of all of them, as far as they are known.
    pub active_keys: usize,
}

/// What could not be read, so that nobody knows what is there.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Completeness {
    /// Everything was read, of the accounts that the report was made for.
    pub complete: bool,
    /// Accounts that could not be entered or listed: no row tells of their keys.
    pub accounts_unread: Vec<Unread>,
    /// Accounts that the manifests declare and that the report was not made for.
    pub accounts_left_out: Vec<AccountName>,
    /// Users in scope of whom something could not be read.
    pub unreadable: Vec<Unread>,
    /// Users that no rule selects whose keys are not known.
    pub unmanaged_unread: Vec<Unread>,
}

/// A declared account.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct AccountName {
    /// Its 12 digits.
    pub account: String,
    /// The name that the manifests give it.
    pub account_name: String,
}

/// One of them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Unread {
    /// The account's 12 digits; null: not even that is known.
    pub account: Option<String>,
    /// The name that the manifests give it.
    pub account_name: Option<String>,
    /// The IAM user; null: all of the account.
    pub user: Option<String>,
    /// Why.
    pub error: String,
    /// What to do about it, if that is known.
    pub hint: Option<String>,
}

/// How many there are of what.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Summary {
    /// Users in scope.
    pub users: usize,
    /// Users in scope that have no key.
    pub users_without_keys: usize,
    /// All keys that are known.
    pub keys: usize,
    /// Those that work.
    pub active_keys: usize,
    /// Active keys that are older than their own limit.
    pub over_limit: usize,
    /// Active keys of exempt users.
    pub exempt_keys: usize,
    /// Of the oldest active key.
    pub oldest_age_days: Option<i64>,
    /// Users in scope of whom something could not be read.
    pub unreadable: usize,
    /// Users that no rule selects.
    pub unmanaged_users: usize,
    /// Active keys of those.
    pub unmanaged_keys: usize,
    /// Users for whom a person must do something.
    pub blocked: usize,
    /// Controls by their verdict.
    pub controls: BTreeMap<Verdict, usize>,
}

/// What is said of a control, a criterion or a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is not met.
    Fail,
    /// Something that decides it could not be read, and nothing that was read fails it.
    Unknown,
    /// It is met, but for users that the manifests exempt.
    Excepted,
    /// It is met.
    Pass,
}

impl Verdict {
    /// The worst first.
    pub const ALL: [Self; 4] = [Self::Fail, Self::Unknown, Self::Excepted, Self::Pass];

    /// As JSON writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::Excepted => "excepted",
            Self::Pass => "pass",
        }
    }
}

/// A verdict, and the rows behind it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Decision {
    /// The worst of all rows; at best `unknown` while an account could not be read.
    pub verdict: Verdict,
    /// How many rows it is about: active keys, and users whose keys are not known.
    pub of: usize,
    /// How many of them pass.
    pub pass: usize,
    /// The numbers of the rows that fail.
    pub fail: Vec<usize>,
    /// The numbers of the rows that are excepted.
    pub excepted: Vec<usize>,
    /// The numbers of the rows of which it is not known.
    pub unknown: Vec<usize>,
}

/// What is asked of every active key, and what came of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CriterionVerdict {
    /// Its id.
    pub criterion: Criterion,
    /// What is asked.
    pub title: &'static str,
    /// What came of it.
    #[serde(flatten)]
    pub decision: Decision,
}

/// A control of a framework, and what came of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ControlVerdict {
    /// `framework-version/number`, as rows name it.
    pub control: &'static str,
    /// Whose it is.
    pub framework: &'static str,
    /// Of which version.
    pub framework_version: &'static str,
    /// How it is numbered there.
    pub number: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// What decides it.
    pub decided_by: Vec<Criterion>,
    /// What it asks beside, which nothing here looks at.
    pub leaves_out: &'static str,
    /// Where its number stands.
    pub source: &'static str,
    /// What came of it.
    #[serde(flatten)]
    pub decision: Decision,
}

/// How many active keys are of these ages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct AgeClass {
    /// Whole days.
    pub from_days: i64,
    /// The first age that is no more of the class; null: it has no end.
    pub below_days: Option<i64>,
    /// Of users in scope, within their own limit.
    pub within_limit: usize,
    /// Of users in scope, older than it.
    pub over_limit: usize,
    /// Of exempt users.
    pub exempt: usize,
    /// Of users that no rule selects.
    pub unmanaged: usize,
}

/// The oldest active key, day by day.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Oldest {
    /// From the past to the future.
    pub days: Vec<OldestDay>,
    /// What the past rests on.
    pub note: String,
}

/// One day of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct OldestDay {
    /// The day, in UTC.
    pub date: String,
    /// Of all keys that are known to have been active then; null: of none.
    pub age_days: Option<i64>,
    /// Of users in scope that are not exempt.
    pub in_scope_age_days: Option<i64>,
    /// It is to come, and rests on the schedule.
    pub expected: bool,
}

/// What the scheduled runs of the next days will do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Calendar {
    /// The first day.
    pub from: String,
    /// The last one.
    pub until: String,
    /// The days on which something will be done.
    pub days: Vec<CalendarDay>,
    /// Users whose keys get older than their limit under the schedule.
    pub late: Vec<Late>,
    /// What it rests on.
    pub assumption: String,
}

/// What the runs of one day will do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CalendarDay {
    /// The day, in UTC.
    pub date: String,
    /// Keys that are created.
    pub create: usize,
    /// Keys that are deactivated.
    pub deactivate: usize,
    /// Keys that are deleted.
    pub delete: usize,
}

/// A user whose keys get older than their limit under the schedule.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Late {
    /// The account's 12 digits.
    pub account: String,
    /// The IAM user.
    pub user: String,
    /// When, how old, and what would help.
    pub message: String,
}

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

/// What was done, by the history.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Happened {
    /// From when on.
    pub since: String,
    /// Where the history is.
    pub source: String,
    /// Each run, in order.
    pub runs: Vec<RunRow>,
    /// Each change, in order.
    pub changes: Vec<ChangeRow>,
    /// Each mail beside those that are part of a change, in order.
    pub mail: Vec<MailRow>,
    /// What of the history could not be used, and why.
    pub unused: Vec<String>,
}

/// One run.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct RunRow {
    /// Its id.
    pub run: String,
    /// When it began.
    pub at: String,
    /// `enforce`, `tend` and so on.
    pub mode: String,
    /// `command` or `function`.
    pub by: String,
    /// The version of keyrota.
    pub version: String,
    /// Who it called as.
    pub caller: Option<String>,
    /// The commit of its manifests.
    pub commit: Option<String>,
    /// The fingerprint of its manifests.
    pub fingerprint: Option<String>,
    /// `complete`, `failed`, `stopped`, or `limit-exceeded`: then nothing was changed.
    pub verdict: String,
    /// The accounts that it could not read, each with the cause.
    pub accounts_unread: Vec<String>,
    /// Changes that were made.
    pub done: usize,
    /// Changes that were not.
    pub failed: usize,
    /// Its end is missing: what it did after its last record is not known.
    pub cut_off: bool,
}

/// One change of a run.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ChangeRow {
    /// When.
    pub at: String,
    /// The run.
    pub run: String,
    /// The account's 12 digits.
    pub account: String,
    /// The IAM user.
    pub user: String,
    /// Its ARN.
    pub arn: String,
    /// The key.
    pub key: Option<String>,
    /// What was done.
    pub action: String,
    /// Why.
    pub reason: String,
    /// `ok` or `error`.
    pub result: &'static str,
    /// The cause of an error.
    pub error: Option<String>,
    /// The secret.
    pub secret: Option<String>,
    /// To whom mail went.
    pub told: Vec<ToldTo>,
}

/// One mail of a run.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct MailRow {
    /// When.
    pub at: String,
    /// The run.
    pub run: String,
    /// What it was about: `deactivated`, `digest` and so on.
    pub kind: String,
    /// The address.
    pub to: String,
    /// The users it was about.
    pub users: Vec<String>,
    /// `ok`: SES accepted it; or `error`.
    pub result: &'static str,
    /// The cause of an error.
    pub error: Option<String>,
}
