//! One event, as docs/events.md has it. No secret is in it, and no address.

use chrono::{DateTime, Utc};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;

use crate::{
    cloud::BusEvent,
    inventory::{Account, KeyId, State},
    plan::{Change, KeyRef, Step, Verb, coming},
    roster::{Entry, Roster},
    time::rfc3339,
};

/// What each detail says that it is; fields are only added.
pub const SCHEMA_VERSION: &str = "1";

/// What is longer is cut: an event has 256 KB, and rules match no sentences.
const LONGEST_TEXT: usize = 2_000;

/// What failed.
const FAILED: &str = "Access Key Change Failed";

/// What rules match first, of a change that was made.
pub fn detail_type(verb: Verb) -> &'static str {
    match verb {
        Verb::Create => "Access Key Created",
        Verb::Promote => "Access Key Promoted",
        Verb::Deliver => "Access Key Delivered",
        Verb::Notify => "Access Key Owner Notified",
        Verb::Deactivate => "Access Key Deactivated",
        Verb::Delete => "Access Key Deleted",
        Verb::Update => "Access Key Secret Updated",
    }
}

/// The `detail` of an event: what became of one change of one IAM user. Its `detail-type` is `Access Key Created`, `Access Key
/// Promoted` (from now on the secret hands the new key out), `Access Key Delivered` (a place of `deliver` took it), `Access Key
/// Owner Notified`, `Access Key Deactivated`, `Access Key Deleted` or `Access Key Secret Updated`, and of what failed `Access Key
/// Change Failed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    /// Of this document: `1`. Fields are only added.
    pub version: &'static str,
    /// The run that did it, as the tag `run` of its mail has it.
    pub run: String,
    /// When it was done, or failed: RFC 3339, UTC.
    pub time: String,
    /// The 12 digits of the user's account.
    pub account: String,
    /// What the manifests call it.
    pub account_name: Option<String>,
    /// The region of its secrets.
    pub region: String,
    /// The IAM user.
    pub user: String,
    /// Its ARN.
    pub user_arn: String,
    /// `create`, `promote`, `deliver`, `notify`, `deactivate`, `delete` or `update`.
    pub action: &'static str,
    /// Of `deliver`: the place, as the manifests name it.
    pub place: Option<String>,
    /// `done`; `failed`, or `stale` where the user's keys were not as planned any more: the next run tries again.
    pub result: &'static str,
    /// Why it failed.
    pub error: Option<String>,
    /// The key that it is about; null where there is none, or not yet.
    pub access_key_id: Option<String>,
    /// Why it was done: stable, kebab-case.
    pub reason: &'static str,
    /// The same in words.
    pub message: String,
    /// The name of the secret that holds the credential.
    pub secret_name: String,
    /// Its ARN without the six characters that Secrets Manager adds: calls take it as it is.
    pub secret_arn: String,
    /// What comes next, if nobody uses the old key: empty where nothing does, and of what failed.
    pub next: Vec<NextStep>,
}

/// What comes after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NextStep {
    /// As above.
    pub action: &'static str,
    /// As above.
    pub place: Option<String>,
    /// The key that it is about; null for one that there is not yet.
    pub access_key_id: Option<String>,
    /// By the scheduled run of this time, at the earliest: RFC 3339, UTC.
    pub not_before: String,
    /// At the latest, where the old key is in use: null if it waits until it is not.
    pub latest: Option<String>,
}

/// The JSON Schema of a detail.
#[must_use]
pub fn schema() -> serde_json::Value {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<Detail>().to_value()
}

/// What became of a change.
pub struct Happened<'a> {
    /// Of the user's account.
    pub roster: &'a Roster,
    /// The user.
    pub entry: &'a Entry,
    /// What was to be done.
    pub change: &'a Change,
    /// The key that a creation yielded.
    pub issued: Option<&'a KeyId>,
    /// When it was done, or failed.
    pub at: DateTime<Utc>,
    /// The name of the run.
    pub run: String,
    /// What it leaves; `None` if it failed.
    pub after: Option<&'a State>,
    /// If it failed: `failed` or `stale`, and why.
    pub failure: Option<(&'static str, String)>,
}

impl Happened<'_> {
    /// The same for the bus.
    pub fn event(self) -> BusEvent {
        let (time, is_done, verb) = (self.at, self.failure.is_none(), self.change.action.verb());
        let detail = self.detail();
        BusEvent {
            time,
            detail_type: if is_done { detail_type(verb) } else { FAILED },
            resources: vec![detail.user_arn.clone(), detail.secret_arn.clone()],
            detail: serde_json::to_string(&detail).expect("no map has keys other than strings"),
        }
    }

    fn detail(self) -> Detail {
        let Self { roster, entry, change, issued, at, run, after, failure } = self;
        let Account { id, name, partition, region, membership: _ } = &*change.account;
        let (result, error) = failure.map_or(("done", None), |(result, error)| (result, Some(error)));
        let steps = after.map(|state| coming(roster, entry, state, at)).unwrap_or_default();
        Detail {
            version: SCHEMA_VERSION,
            run,
            time: rfc3339(at),
            account: id.clone(),
            account_name: name.clone(),
            region: region.clone(),
            user: change.user.clone(),
            user_arn: entry.user.arn.clone(),
            action: change.action.verb().as_str(),
            place: change.action.place().map(ToString::to_string),
            result,
            error: error.map(|error| short(&error)),
            access_key_id: change.action.key().or(issued).map(ToString::to_string),
            reason: change.reason.code(),
            message: short(&change.reason.to_string()),
            secret_name: change.destination.clone(),
            secret_arn: format!("arn:{partition}:secretsmanager:{region}:{id}:secret:{}", change.destination),
            next: steps.iter().map(next_step).collect(),
        }
    }
}

fn next_step(step: &Step) -> NextStep {
    let Step { verb, key, place, not_before, latest, if_unused, .. } = step;
    let access_key_id = match key {
        KeyRef::Existing(key) => Some(key.to_string()),
        KeyRef::New | KeyRef::AfterNew | KeyRef::Secret(_) => None,
    };
    let latest = if *if_unused { *latest } else { Some(*not_before) };
    NextStep {
        action: verb.as_str(),
        place: place.clone(),
        access_key_id,
        not_before: rfc3339(*not_before),
        latest: latest.map(rfc3339),
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
