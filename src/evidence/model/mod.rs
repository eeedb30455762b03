//! The report as data: the fields of its JSON, `keyrota/report/v1`. Fields are only added.

mod figures;
mod happened;
mod rows;
mod verdict;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::inventory::UnreadAccount;

pub use self::figures::{AgeClass, Calendar, CalendarDay, Late, Oldest, OldestDay};
pub use self::happened::{ChangeRow, Happened, MailRow, RunRow};
pub use self::rows::{Exception, KeyRow, KeyStatus, LastUseFacts, NextStep, Place, Told, ToldTo, UnmanagedRow};
pub use self::verdict::{ControlVerdict, CriterionVerdict, Decision, Verdict};

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
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
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
    /// Accounts of the manifests that the report was not made for.
    pub accounts_left_out: Vec<AccountName>,
    /// Users in scope of whom something could not be read.
    pub unreadable: Vec<Unread>,
    /// Users that no rule selects whose keys are not known.
    pub unmanaged_unread: Vec<Unread>,
}

/// An account that is left out.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct AccountName {
    /// Its 12 digits.
    pub account: String,
    /// The name that the manifests give it.
    pub account_name: String,
    /// Why nobody looks there; absent where a single simulated account is looked at, and the manifests declare others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl AccountName {
    /// One that nobody looks at; `None`: it has no id or no name.
    pub(super) fn of(left_out: &UnreadAccount) -> Option<Self> {
        let UnreadAccount { id, name, error, .. } = left_out;
        Some(Self { account: id.clone()?, account_name: name.clone()?, reason: Some(error.clone()) })
    }
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
