//! The edge: every AWS call that keyrota makes, as two traits in keyrota's own words.
//!
//! Two implementations exist: [`crate::cloud::aws`], and the strict simulated account of [`crate::cloud::sandbox`]. Each method is
//! one AWS API call (reads follow their pages), so that whoever sequences calls can be cut off between any two.
//!
//! What works with an account takes `&dyn` one of them: it is compiled once, not for each implementation and again in each program.
//! Calls stay on the thread that makes them; both programs have one.

pub mod aws;
#[cfg(feature = "cli")]
pub mod sandbox;
pub mod throttle;

use std::{collections::BTreeMap, fmt};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;
use strum::{EnumString, IntoStaticStr};

use crate::{
    inventory::{Account, CallError, ErrorKind, Key, KeyId, LastUse, SecretRecord, UnmanagedKey, User},
    notice::Sender,
    time::rfc3339,
};

/// The time of this machine and AWS's at the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    /// By this machine.
    pub here: DateTime<Utc>,
    /// By the `Date` of an answer.
    pub there: DateTime<Utc>,
}

/// A key that was just created, with its secret part. Not printable.
pub struct Issued {
    /// Its id.
    pub key: KeyId,
    /// When IAM says that it was created.
    pub created: DateTime<Utc>,
    /// Its secret part, which AWS tells once.
    pub secret: SecretString,
}

/// A secret to create, without a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSecret {
    /// Its name.
    pub name: String,
    /// What people read in the console.
    pub description: String,
    /// The tags it is created with.
    pub tags: BTreeMap<String, String>,
    /// The KMS key that encrypts it; `None`: that of Secrets Manager.
    pub kms_key: Option<String>,
    /// The regions that get a copy.
    pub replicate_to: Vec<String>,
}

/// A mail to one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Whom it comes from.
    pub sender: Sender,
    /// `EmailTags`, for SES events: ASCII letters, digits, `_` and `-` only.
    pub tags: BTreeMap<String, String>,
    /// One address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// The body as HTML.
    pub html: String,
}

/// A parameter of Systems Manager, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// One more with each write.
    pub version: i64,
    /// When it was written last.
    pub modified: Option<DateTime<Utc>>,
    /// Who did, as an ARN.
    pub modified_by: Option<String>,
}

impl Parameter {
    /// When it was written last, and by whom, in words.
    pub fn last_written(&self) -> String {
        let by = self.modified_by.as_ref().map(|by| format!("by {by}"));
        self.modified.map(rfc3339).into_iter().chain(by).collect::<Vec<_>>().join(" ")
    }
}

/// A SecureString of Systems Manager, as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewParameter {
    /// Its name.
    pub name: String,
    /// What people read in the console.
    pub description: String,
    /// The KMS key that encrypts it; `None`: that of Systems Manager.
    pub kms_key: Option<String>,
    /// Of one that is made.
    pub tags: BTreeMap<String, String>,
    /// Whether one of that name is there; else there must be none.
    pub overwrites: bool,
}

/// Where GitHub keeps Actions secrets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "what a variant says names its fields")]
pub enum Vault {
    /// Those of a repository.
    Repository { owner: String, name: String },
    /// Those of one of its environments.
    Environment { owner: String, name: String, environment: String },
    /// Those of an organization.
    Organization { name: String },
}

impl Vault {
    /// Whose it is: whoever may write there has that from this owner.
    pub fn owner(&self) -> &str {
        match self {
            Self::Repository { owner, .. } | Self::Environment { owner, .. } => owner,
            Self::Organization { name } => name,
        }
    }
}

impl fmt::Display for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository { owner, name } => write!(f, "{owner}/{name}"),
            Self::Environment { owner, name, environment } => write!(f, "{owner}/{name}:{environment}"),
            Self::Organization { name } => write!(f, "{name}"),
        }
    }
}

/// What values are sealed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultKey {
    /// Its id, which goes with what is sealed to it.
    pub id: String,
    /// A public key of X25519.
    pub key: [u8; 32],
}

/// An Actions secret, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultSecret {
    /// When it was written last.
    pub updated: DateTime<Utc>,
    /// Of an organization's: who sees it.
    pub visibility: Option<Visibility>,
}

/// Which repositories see a secret of an organization.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Deserialize,
    JsonSchema,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Visibility {
    /// All.
    All,
    /// Those that are private.
    #[default]
    Private,
    /// Those that somebody has selected.
    Selected,
}

/// An Actions secret as it is put there.
#[derive(Debug)]
pub struct SealedSecret {
    /// Its name.
    pub name: String,
    /// The id of the key that it is sealed to.
    pub key_id: String,
    /// The sealed value, in base64.
    pub value: SecretString,
    /// Of an organization's: who sees it, and which repositories if they are selected.
    pub access: Option<(Visibility, Vec<u64>)>,
}

/// A message to a channel, finished: what it takes besides is up to the channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// The ARN of the topic, or the name of the secret that holds the webhook's URL.
    pub to: String,
    /// `kind` and `run`, as mail has them.
    pub tags: BTreeMap<String, String>,
    /// One line; empty where the text begins with it.
    pub subject: String,
    /// The text, as the channel takes it.
    pub text: String,
}

/// An event for EventBridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusEvent {
    /// When it happened.
    pub time: DateTime<Utc>,
    /// What rules match first, e.g. `Access Key Created`.
    pub detail_type: &'static str,
    /// The ARNs that it is about.
    pub resources: Vec<String>,
    /// A JSON object.
    pub detail: String,
}

impl BusEvent {
    /// What every event of keyrota says that it is from.
    pub const SOURCE: &str = "keyrota";

    /// Its size as EventBridge measures it, in bytes.
    pub fn size(&self) -> usize {
        const TIME: usize = 14;
        let Self { time: _, detail_type, resources, detail } = self;
        let resources: usize = resources.iter().map(String::len).sum();
        TIME + Self::SOURCE.len() + detail_type.len() + detail.len() + resources
    }
}

/// Selects the users, by name and path, whose tags and groups are worth a call each.
pub type Relevant<'a> = &'a (dyn Fn(&str, &str) -> bool + Sync);

/// Says of a user's keys whether they are as what was just done has left them.
pub type Shown<'a> = &'a (dyn Fn(&[Key]) -> bool + Sync);

/// Whether a call is still wanted when its turn comes.
pub type Wanted<'a> = &'a (dyn Fn() -> bool + Sync);

/// What may be read of one AWS account, real or simulated. A plan gets no more than this, so it can change nothing.
///
/// # Errors
/// Every method fails with the [`CallError`] of the call it names, after the retries that are safe for that call.
#[async_trait(?Send)]
pub trait Reads {
    /// The account behind the credentials.
    fn account(&self) -> &Account;

    /// Gives back what is kept for calling: nothing is called here for some time. Whatever is called next is as before.
    fn give_back(&self) {}

    /// AWS's time, as its latest answer told it; `None` where there is no other clock than this machine's.
    fn clock(&self) -> Option<ClockReading> {
        None
    }
    /// Who keyrota calls as: an ARN, or why there is none.
    fn caller(&self) -> &str {
        "not known"
    }
    /// The access key with which keyrota itself calls, if it is one of a user.
    fn own_key(&self) -> Option<&KeyId> {
        None
    }

    /// `GetAccountAuthorizationDetails`; when denied, `ListUsers`, and `ListUserTags` and `ListGroupsForUser` for each
    /// relevant user. Failing reads of one user's details are set on that user.
    async fn users(&self, relevant: Relevant<'_>) -> Result<Vec<User>, CallError>;
    /// `ListSecrets`, those scheduled for deletion included. May lag five minutes.
    async fn secrets(&self) -> Result<Vec<SecretRecord>, CallError>;
    /// [`Reads::secrets`], of which those may be missing whose names do not begin with `prefix` and that keyrota keeps for
    /// nobody.
    async fn secrets_named(&self, prefix: &str) -> Result<Vec<SecretRecord>, CallError> {
        let _ = prefix;
        self.secrets().await
    }
    /// `DescribeSecret` by exact name; `None` if there is no such secret.
    async fn describe_secret(&self, name: &str) -> Result<Option<SecretRecord>, CallError>;
    /// `GetResourcePolicy`: the policy's JSON; `None` if the secret has none.
    async fn resource_policy(&self, name: &str) -> Result<Option<String>, CallError>;
    /// `ListAccessKeys`; last uses are [`LastUse::Unread`].
    async fn access_keys(&self, user: &str) -> Result<Vec<Key>, CallError>;
    /// [`Reads::access_keys`], again for a while until they are as `shown` says: IAM may lag behind what was just done.
    /// Yields what was seen last.
    async fn access_keys_after(&self, user: &str, shown: Shown<'_>) -> Result<Vec<Key>, CallError> {
        let _ = shown;
        self.access_keys(user).await
    }
    /// `GetCredentialReport`, and `GenerateCredentialReport` where there is none yet: the keys of all users by name, without
    /// their ids. May be four hours old.
    async fn credential_report(&self) -> Result<BTreeMap<String, Vec<UnmanagedKey>>, CallError>;
    /// `GetAccessKeyLastUsed`.
    async fn last_use(&self, key: &KeyId) -> Result<LastUse, CallError>;

    /// `DescribeParameters` of one name, and `ListTagsForResource` of Systems Manager; `None` if there is no such parameter.
    async fn parameter(&self, name: &str) -> Result<Option<Parameter>, CallError>;
    /// `GET …/secrets/public-key` of GitHub. Fails with [`ErrorKind::Denied`](crate::inventory::ErrorKind::Denied) where keyrota
    /// may not write, as far as that can be told.
    async fn vault_key(&self, vault: &Vault) -> Result<VaultKey, CallError>;
    /// `GET …/secrets/NAME` of GitHub; `None` if there is no such secret.
    async fn vault_secret(&self, vault: &Vault, name: &str) -> Result<Option<VaultSecret>, CallError>;
    /// `GET …/secrets/NAME/repositories` of GitHub: the ids of the repositories that see a secret of an organization.
    async fn vault_repositories(&self, vault: &Vault, name: &str) -> Result<Vec<u64>, CallError>;
}

/// What SES says of the account that mail leaves from.
#[derive(Clone, Debug, PartialEq)]
pub struct MailAccount {
    /// Outside of the SES sandbox: mail reaches everyone, not only verified addresses.
    pub has_production_access: bool,
    /// SES has not paused sending.
    pub may_send: bool,
    /// Messages in 24 hours; `None`: no bound.
    pub quota: Option<f64>,
    /// Of those, how many were sent.
    pub sent: f64,
}

/// What Lambda says of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Function {
    /// Its ARN.
    pub arn: String,
    /// `Active`, if it can run.
    pub state: Option<String>,
    /// Why it can't.
    pub reason: Option<String>,
    /// How its last update ended.
    pub update: Option<String>,
    /// `arm64` or `x86_64`.
    pub architecture: Option<String>,
    /// The commit of its manifests, as its environment says.
    pub revision: Option<String>,
}

/// What `keyrota doctor` asks beside what a plan reads. Nothing else calls these, and no role has to have the permissions:
/// what is denied can't be told.
///
/// # Errors
/// As those of [`Reads`].
#[cfg(feature = "cli")]
#[async_trait(?Send)]
pub trait Probes: Reads {
    /// `sts:GetCallerIdentity` in this region, which nobody can be denied: it works wherever a region is enabled.
    async fn reach(&self, region: &str) -> Result<(), CallError>;
    /// `GetEmailIdentity` in this region, or in the caller's own: whether it may send; `None` if there is none.
    async fn mail_identity(&self, identity: &str, region: Option<&str>) -> Result<Option<bool>, CallError>;
    /// `GetAccount` of SES.
    async fn mail_account(&self, region: Option<&str>) -> Result<MailAccount, CallError>;
    /// `DescribeKey` of KMS: the key's state, `Enabled` if it can be used; `None` if there is no such key.
    async fn kms_key(&self, key: &str) -> Result<Option<String>, CallError>;
    /// `DescribeEventBus` of EventBridge: whether there is one.
    async fn event_bus(&self, bus: &str) -> Result<bool, CallError>;
    /// `GetTopicAttributes` of SNS: whether there is such a topic.
    async fn topic(&self, arn: &str) -> Result<bool, CallError>;
    /// `GetSecretValue` of a webhook's secret: whether it holds a URL that may be posted to. Nothing is posted.
    async fn webhook(&self, secret: &str) -> Result<(), CallError>;
    /// Whether there is something to sign in to GitHub with, as far as that shows without asking it; an error: what the manifests
    /// or a variable name can't be used.
    async fn github(&self) -> Result<bool, CallError>;
    /// `GetFunctionConfiguration` of Lambda, in the caller's account; `None` if there is no such function.
    async fn function(&self, name: &str) -> Result<Option<Function>, CallError>;
    /// `SimulatePrincipalPolicy` for the caller: which of these actions its policies don't allow on this resource.
    async fn not_allowed(&self, actions: &[&str], resource: &str) -> Result<Vec<String>, CallError>;
}

/// What may be changed in the account, beside what may be read.
///
/// # Errors
/// As those of [`Reads`].
#[async_trait(?Send)]
pub trait Writes: Reads {
    /// `CreateSecret` without a value.
    async fn create_secret(&self, secret: &NewSecret) -> Result<(), CallError>;
    /// `TagResource` of Secrets Manager.
    async fn tag_secret(&self, name: &str, tags: &BTreeMap<String, String>) -> Result<(), CallError>;
    /// `UntagResource` of Secrets Manager; missing tags are fine.
    async fn untag_secret(&self, name: &str, tags: &[&str]) -> Result<(), CallError>;
    /// `ReplicateSecretToRegions`. A replication that AWS accepts and says has failed is an error.
    async fn replicate_secret(&self, name: &str, regions: &[String], kms_key: Option<&str>) -> Result<(), CallError>;
    /// `UpdateSecret` of the KMS key alone: AWS encrypts the versions that have labels with it, too.
    async fn update_secret(&self, name: &str, kms_key: &str) -> Result<(), CallError>;
    /// `PutSecretValue` with this version id (`ClientRequestToken`) and the label `AWSPENDING`. Yields the labels that
    /// the version has now: a secret's first version is `AWSCURRENT` at once.
    async fn put_secret_value(&self, name: &str, version: &str, value: &SecretString)
    -> Result<Vec<String>, CallError>;
    /// `UpdateSecretVersionStage`: takes the label off `from` and puts it on `to`. Fails if it is not on `from`.
    async fn move_label(&self, name: &str, label: &str, from: Option<&str>, to: Option<&str>) -> Result<(), CallError>;

    /// `CreateAccessKey`, if it is still wanted when its turn comes: that may take minutes. `None`: no key was made.
    async fn create_access_key_while(&self, user: &str, is_wanted: Wanted<'_>) -> Result<Option<Issued>, CallError>;
    /// `CreateAccessKey`, whatever happens meanwhile.
    async fn create_access_key(&self, user: &str) -> Result<Issued, CallError> {
        let issued = self.create_access_key_while(user, &|| true).await?;
        issued.ok_or_else(|| CallError::new(ErrorKind::Other, "iam:CreateAccessKey", user, "it was not sent"))
    }
    /// `sts:GetCallerIdentity` with the new key, again until IAM has propagated it or a minute has passed.
    async fn verify(&self, issued: &Issued) -> Result<(), CallError>;
    /// `UpdateAccessKey` to `Inactive`.
    async fn deactivate_access_key(&self, user: &str, key: &KeyId) -> Result<(), CallError>;
    /// `DeleteAccessKey`.
    async fn delete_access_key(&self, user: &str, key: &KeyId) -> Result<(), CallError>;

    /// `SendEmail` of SES v2.
    async fn send_mail(&self, message: &Message) -> Result<(), CallError>;

    /// `PutParameter`, a SecureString of the standard tier. Yields its version.
    async fn put_parameter(&self, parameter: &NewParameter, value: &SecretString) -> Result<i64, CallError>;
    /// `PUT …/secrets/NAME` of GitHub.
    async fn put_vault_secret(&self, vault: &Vault, secret: &SealedSecret) -> Result<(), CallError>;

    /// `Publish` of SNS, in the region of the topic.
    async fn publish(&self, posting: &Posting) -> Result<(), CallError>;
    /// Posts to a Slack webhook. Its URL is the value of a secret of keyrota's own, beside the caller (`GetSecretValue`, once).
    async fn post_to_webhook(&self, posting: &Posting) -> Result<(), CallError>;
    /// `PutEvents` of EventBridge, of no more than it takes at once. What it refuses for the moment is put again; yields
    /// why each was refused in the end, in their order.
    async fn put_events(&self, bus: &str, events: &[BusEvent]) -> Result<Vec<Option<String>>, CallError>;
}

/// The one read of a credential: to deliver it where the run that made it could not. Whoever plans can't call it.
///
/// # Errors
/// As those of [`Reads`].
#[async_trait(?Send)]
pub trait Values: Writes {
    /// `GetSecretValue` of one version of a user's secret.
    async fn secret_value(&self, name: &str, version: &str) -> Result<SecretString, CallError>;
}

/// A place to which files are added, and of which none is changed: a folder, or a bucket.
///
/// # Errors
/// Every method says in words why it failed.
#[async_trait(?Send)]
pub trait Archive {
    /// Adds a file. One of that name is never written over.
    async fn add(&self, name: &str, content: &str) -> Result<(), ArchiveError>;
    /// The names of the files, in order, from this one on.
    async fn names(&self, from: &str) -> Result<Vec<String>, ArchiveError>;
    /// What a file holds.
    async fn content(&self, name: &str) -> Result<Vec<u8>, ArchiveError>;
}

/// Why an archive could not be read or added to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ArchiveError {
    /// Where, and what went wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether it was refused for coming too fast: another try has a chance.
    pub is_throttled: bool,
}
