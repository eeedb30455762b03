//! What was done since, by the history.

use schemars::JsonSchema;
use serde::Serialize;

use super::rows::ToldTo;

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
    /// Why not everything was done, beside changes that failed.
    pub causes: Vec<String>,
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
    /// What went on beside: recipients that refused the mail.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
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
