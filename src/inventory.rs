//! What was observed in one account: plain values, no SDK types, and the reads that failed.
//!
//! The only state keyrota keeps is the *ledger*: the user's secret in Secrets Manager, with its version labels and
//! tags. Secret values are never read.

use std::{collections::BTreeMap, fmt, sync::Arc};

use chrono::{DateTime, Utc};

use crate::{cloud::CallError, mail::Kind};

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

/// The account that was observed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    /// The 12-digit account id.
    pub id: String,
    /// The name that the manifest gives it.
    pub name: Option<String>,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The region of its secrets.
    pub region: String,
}

/// An IAM user as `GetAccountAuthorizationDetails` or `ListUsers` tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name as IAM spells it; IAM compares names without case.
    pub name: String,
    pub arn: String,
    /// Starts and ends with `/`.
    pub path: String,
    pub tags: BTreeMap<String, String>,
    pub groups: Vec<String>,
    /// Set when tags or groups could not be read: the user is then held, never guessed at.
    pub unreadable: Option<CallError>,
}

/// An access key's id (`AKIA…`): not a secret.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Arc<str>);

impl KeyId {
    pub fn new(id: impl AsRef<str>) -> Self {
        Self(Arc::from(id.as_ref()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of the secret version that stores this key (the `ClientRequestToken` of `PutSecretValue`).
    pub fn version_id(&self) -> String {
        format!("{VERSION_PREFIX}{self}")
    }

    /// The key that a secret version stores, if keyrota stored it.
    pub fn of_version(version_id: &str) -> Option<Self> {
        version_id.strip_prefix(VERSION_PREFIX).filter(|id| !id.is_empty()).map(Self::new)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Whether IAM accepts requests signed with the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    Active,
    Inactive,
}

/// When a key was last used, as `GetAccessKeyLastUsed` tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LastUse {
    /// Not asked for yet: the planner asks when it needs to know.
    Unread,
    /// AWS has no record of a use.
    Never,
    At {
        time: DateTime<Utc>,
        service: Option<String>,
        region: Option<String>,
    },
}

/// An access key as `ListAccessKeys` tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub id: KeyId,
    pub status: Status,
    pub created: DateTime<Utc>,
    pub last_use: LastUse,
}

impl Key {
    pub fn is_active(&self) -> bool {
        self.status == Status::Active
    }
}

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

/// What the planner reads of one user, and what `simulate` writes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// At most two; IAM allows no third.
    pub keys: Vec<Key>,
    /// Where the next change is noted.
    pub ledger: Ledger,
    /// The user's secrets of other names.
    pub elsewhere: Elsewhere,
}

/// Secrets that `keyrota:user` says are the user's, beside the one of [`State::ledger`]: the manifest's `secret` was
/// changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Elsewhere {
    #[default]
    Nowhere,
    /// The ledger is the one of an earlier name. When what it says is under way is settled, the user moves on to this one,
    /// which has the name that the manifest gives it.
    MovesTo(Box<Ledger>),
    /// The ledger has the name that the manifest gives it; these had it before, the one that was written last first.
    MovedFrom(Vec<Ledger>),
    /// Which of several the credential was in last can't be told.
    Several(Vec<String>),
}

impl State {
    /// The secret that the manifest names, while something is finished at another.
    pub fn moves_to(&self) -> Option<&str> {
        match &self.elsewhere {
            Elsewhere::MovesTo(to) => Some(&to.secret),
            Elsewhere::Nowhere | Elsewhere::MovedFrom(_) | Elsewhere::Several(_) => None,
        }
    }

    pub fn key(&self, id: &KeyId) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == *id)
    }
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

/// Everything observed in one account, by user name as IAM spells it.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// A user whose keys, last use or secret could not be read holds the error instead.
    pub users: BTreeMap<String, Result<State, CallError>>,
}

/// An account that could not be entered, or whose users could not be listed: nothing is known of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadAccount {
    /// The 12-digit account id; `None`: not even that is known.
    pub id: Option<String>,
    /// The name that the manifest gives it.
    pub name: Option<String>,
    /// Why, in one line.
    pub error: String,
}

impl UnreadAccount {
    /// An account whose users could not be listed.
    pub fn new(account: &Account, error: &CallError) -> Self {
        Self { id: Some(account.id.clone()), name: account.name.clone(), error: error.to_string() }
    }
}

impl fmt::Display for UnreadAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, name, error } = self;
        match (id, name) {
            (Some(id), Some(name)) => write!(f, "account {id} ({name}): {error}"),
            (Some(one), None) | (None, Some(one)) => write!(f, "account {one}: {error}"),
            (None, None) => f.write_str(error),
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} ({name})", self.id),
            None => f.write_str(&self.id),
        }
    }
}
