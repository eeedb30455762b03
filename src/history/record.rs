//! The lines of a history, both ways.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::{notice::ChannelKind, time::rfc3339};

/// What each line says it is; fields are only added.
pub const SCHEMA: &str = "keyrota/history/v1";

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    /// [`SCHEMA`].
    pub schema: String,
    /// What it tells.
    #[serde(flatten)]
    pub record: Record,
}

/// What a line tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub enum Record {
    /// The first line.
    Run(RunRecord),
    /// What became of one change of one user.
    Change(ChangeRecord),
    /// What became of one mail beside those that are part of a change.
    Mail(MailRecord),
    /// The last line.
    End(EndRecord),
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct RunRecord {
    /// Its id.
    pub run: String,
    /// When it began.
    #[serde(serialize_with = "seconds")]
    #[schemars(with = "String")]
    pub at: DateTime<Utc>,
    /// `enforce` or `tend`.
    pub mode: String,
    /// `command` or `function`.
    pub by: String,
    /// Of keyrota.
    pub version: String,
    /// The accounts that it read.
    pub accounts: Vec<AccountRecord>,
    /// The accounts that it could not read, each with the cause.
    pub accounts_unread: Vec<String>,
    /// Invocations of a run in parts that were cut off and left nothing: what they changed is in no history.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<String>,
    /// The fingerprint of the manifests.
    pub manifests: Option<String>,
    /// The commit of the manifests, if it is known.
    pub commit: Option<String>,
    /// The ARN of who ran it.
    pub caller: Option<String>,
    /// `complete`, `failed`, `stopped`, or `limit-exceeded`: then nothing was changed.
    pub verdict: String,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct AccountRecord {
    /// Its 12 digits.
    pub id: String,
    /// What the manifests call it.
    pub name: Option<String>,
}

/// What became of one change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ChangeRecord {
    /// The id of its run.
    pub run: String,
    /// When it was made, or failed.
    #[serde(serialize_with = "seconds")]
    #[schemars(with = "String")]
    pub at: DateTime<Utc>,
    /// The account's id.
    pub account: String,
    /// The IAM user.
    pub user: String,
    /// Its ARN.
    pub user_arn: String,
    /// The key; of a creation the one that it yielded.
    pub key: Option<String>,
    /// `create`, `promote`, `deliver`, `notify`, `deactivate`, `delete` or `update`.
    pub verb: String,
    /// Stable, kebab-case.
    pub reason: String,
    /// The same in words.
    pub message: String,
    /// Whether it took effect.
    pub result: Outcome,
    /// Why it did not.
    pub cause: Option<String>,
    /// The name of the secret.
    pub secret: String,
    /// Where the key was delivered to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Who was told of it, and how.
    pub told: Vec<ToldRecord>,
    /// What went on beside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Whether something took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It did.
    Ok,
    /// It did not, or that is not known.
    Error,
}

/// Someone who was told: SES accepted a mail to them, or a channel a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToldRecord {
    /// The address, or the channel as manifests name it.
    pub address: String,
    /// How.
    pub by: Means,
}

/// How someone is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Means {
    /// At an address of the owner.
    Mail,
    /// By `[mail] fallback`, as the owner's was refused, or has none.
    Fallback,
    /// By a channel of this kind.
    #[serde(untagged)]
    Channel(ChannelKind),
}

/// What became of one mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct MailRecord {
    /// The id of its run.
    pub run: String,
    /// When the run ended.
    #[serde(serialize_with = "seconds")]
    #[schemars(with = "String")]
    pub at: DateTime<Utc>,
    /// What it was about: `deactivated`, `digest` and so on.
    pub kind: String,
    /// The address, or the channel as manifests name it.
    pub to: String,
    /// The users it was about; none of a digest.
    pub users: Vec<String>,
    /// Whether it was accepted there.
    pub result: Outcome,
    /// Why not.
    pub cause: Option<String>,
}

/// The last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct EndRecord {
    /// The id of the run.
    pub run: String,
    /// When it ended.
    #[serde(serialize_with = "seconds")]
    #[schemars(with = "String")]
    pub at: DateTime<Utc>,
    /// How many changes took effect.
    pub done: usize,
    /// How many did not.
    pub failed: usize,
    /// How many users were left to the next run.
    pub deferred: usize,
    /// Of how many users something could not be read.
    pub unreadable: usize,
    /// Why not everything was done, beside changes, which say so themselves: who could not be read, who was left and why, which
    /// limit was exceeded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
}

fn seconds<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*time))
}

impl Record {
    /// When it was.
    pub fn at(&self) -> DateTime<Utc> {
        match self {
            Self::Run(run) => run.at,
            Self::Change(change) => change.at,
            Self::Mail(mail) => mail.at,
            Self::End(end) => end.at,
        }
    }

    /// The id of the run.
    pub fn run(&self) -> &str {
        match self {
            Self::Run(RunRecord { run, .. })
            | Self::Change(ChangeRecord { run, .. })
            | Self::Mail(MailRecord { run, .. })
            | Self::End(EndRecord { run, .. }) => run,
        }
    }
}

/// The JSON Schema of a line.
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::generate::SchemaSettings::draft07().into_generator().into_root_schema_for::<Line>().to_value()
}
