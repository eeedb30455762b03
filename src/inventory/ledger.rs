//! The ledger: the user's secret in Secrets Manager, with its version labels and tags. It is the only state that keyrota
//! keeps, and this is the only file that knows how it is written. Secret values are never read.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::key::KeyId;
use crate::notice::Kind;

/// Prefix of the secret-version id (`ClientRequestToken`) that stores an access key; the key's id follows.
pub const VERSION_PREFIX: &str = "keyrota-1-access-key-";
/// Tag that names the owning user, as the predecessor wrote it; it adopts the predecessor's secrets.
pub const TAG_OWNER: &str = "Owner";
/// Tag that holds the owning user's ARN.
pub const TAG_USER: &str = "keyrota:user";
/// Tag that says since when a creation is under way (RFC 3339).
pub const TAG_INTENT: &str = "keyrota:intent";
/// Tag that names the key whose owner was told.
pub const TAG_NOTIFIED: &str = "keyrota:notified";
/// Tag that says when the owner was told (RFC 3339): a late mail restarts the overlap.
pub const TAG_NOTIFIED_AT: &str = "keyrota:notified-at";
/// Tag written before `UpdateAccessKey`: `<key id>@<RFC 3339>`. Alone, it marks a deactivation that was cut short.
pub const TAG_DEACTIVATING: &str = "keyrota:deactivating";
/// Tag that names the key keyrota deactivated, and when: `<key id>@<RFC 3339>`.
pub const TAG_DEACTIVATED: &str = "keyrota:deactivated";
/// Tag that names a key whose owner was told that it goes although nothing of keyrota's replaced it:
/// `<key id>@<RFC 3339>`. Empty once the new key that needed its place is under way.
pub const TAG_ANNOUNCED: &str = "keyrota:announced";
/// Tag that says which KMS key AWS reported after the secret was encrypted with the one that the manifest names, where the
/// two can't be told to be the same by their names: `<as reported> <as in the manifest>`.
pub const TAG_KMS_KEY: &str = "keyrota:kms-key";
/// Tag that says what else the owner was told last: `<kind of mail>/<key id>@<RFC 3339>`.
pub const TAG_REMINDED: &str = "keyrota:reminded";

/// The Secrets Manager staging label of the version that clients read.
pub const CURRENT: &str = "AWSCURRENT";
/// The Secrets Manager staging label of a version that is stored, but not yet handed out.
pub const PENDING: &str = "AWSPENDING";

/// A secret as `ListSecrets` and `DescribeSecret` tell of it; its value is never read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretRecord {
    pub name: String,
    pub arn: String,
    pub tags: BTreeMap<String, String>,
    /// The versions that carry a staging label.
    pub versions: Vec<Version>,
    /// Set while the secret is scheduled for deletion: when `DeleteSecret` was called.
    pub deleted: Option<DateTime<Utc>>,
    /// The KMS key that it is encrypted with, by ARN, id or alias; `None`: `aws/secretsmanager`.
    pub kms_key: Option<String>,
    /// Where it is replicated to; `None` while that is not known: only `DescribeSecret` tells.
    pub replicas: Option<Vec<Replica>>,
    /// The region of the secret that this one is a replica of, or its own.
    pub primary_region: Option<String>,
}

/// A copy of a secret in another region.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Replica {
    pub region: String,
    /// What AWS says of a replication that failed.
    pub failed: Option<String>,
}

impl Replica {
    /// One that is not known to have failed.
    pub fn new(region: impl Into<String>) -> Self {
        Self { region: region.into(), failed: None }
    }
}

/// One labelled version of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    pub id: String,
    pub labels: Vec<String>,
}

/// The user's secret: the only state that keyrota keeps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ledger {
    /// The secret's name.
    pub secret: String,
    /// `false` while it is known from `ListSecrets` only, which may lag five minutes: nothing is done on its word.
    pub confirmed: bool,
    pub destination: Destination,
}

impl Ledger {
    /// The key that the secret hands out, whether it works or not; `None` also for what keyrota did not store.
    pub fn handed_out(&self) -> Option<KeyId> {
        let versions = &self.destination.own()?.versions;
        let version = versions.iter().find(|version| version.labels.iter().any(|label| label == CURRENT))?;
        KeyId::of_version(&version.id)
    }
}

/// What stands at the name where the user's credential goes.
#[expect(clippy::large_enum_variant, reason = "there is one a user, and nearly all are `Own`")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Destination {
    Absent,
    /// A secret that is not this user's.
    Foreign,
    /// A secret that is scheduled for deletion.
    BeingDeleted,
    /// A copy of a secret in another region, which can't be written to.
    Replica {
        primary: String,
    },
    Own(Secret),
}

impl Destination {
    /// The secret, if it is the user's and can be written to.
    pub fn own(&self) -> Option<&Secret> {
        match self {
            Self::Own(secret) => Some(secret),
            Self::Absent | Self::Foreign | Self::BeingDeleted | Self::Replica { .. } => None,
        }
    }
}

/// The user's own secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Secret {
    pub versions: Vec<Version>,
    /// A creation is under way since then.
    pub intent: Option<DateTime<Utc>>,
    /// The key whose owner was told.
    pub notified: Option<KeyId>,
    pub notified_at: Option<DateTime<Utc>>,
    /// keyrota was about to deactivate this key.
    pub deactivating: Option<KeyAt>,
    /// keyrota deactivated this key.
    pub deactivated: Option<KeyAt>,
    /// The owner of this key was told that it goes.
    pub announced: Option<KeyAt>,
    /// What the owner was told last, beside the new key.
    pub reminded: Option<Reminder>,
    /// As in [`SecretRecord`].
    pub kms_key: Option<String>,
    /// The value of `keyrota:kms-key`.
    pub kms_key_note: Option<String>,
    /// As in [`SecretRecord`].
    pub replicas: Option<Vec<Replica>>,
    pub readers: Readers,
}

/// Whether its resource policy lets anyone outside the account read a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Readers {
    /// Not asked for yet: the planner asks before a key is stored.
    #[default]
    Unread,
    /// Nobody outside.
    Inside,
    /// Who, in words.
    Outside(String),
}

/// A key and an instant: the value of `keyrota:deactivated`, `keyrota:deactivating` and `keyrota:announced`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyAt {
    pub key: KeyId,
    pub at: DateTime<Utc>,
}

/// The value of `keyrota:reminded`: `<kind of mail>/<key id>@<RFC 3339>`, and `/<RFC 3339>` where it began earlier.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reminder {
    pub kind: Kind,
    pub key: KeyId,
    /// When the owner was told last.
    pub at: DateTime<Utc>,
    /// When the owner was told first.
    pub first: DateTime<Utc>,
}

/// How a version of the secret names the key that it stores.
impl KeyId {
    /// The id of the secret version that stores this key (the `ClientRequestToken` of `PutSecretValue`).
    pub fn version_id(&self) -> String {
        format!("{VERSION_PREFIX}{self}")
    }

    /// The key that a secret version stores, if keyrota stored it.
    pub fn of_version(version_id: &str) -> Option<Self> {
        version_id.strip_prefix(VERSION_PREFIX).filter(|id| !id.is_empty()).map(Self::new)
    }
}
