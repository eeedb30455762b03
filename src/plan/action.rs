//! What is done: the kinds of actions, and all that carrying one out needs.

use std::fmt;

use chrono::{DateTime, Utc};
use strum::{EnumString, IntoStaticStr, VariantArray};

use super::{kms_key::KmsKeyChange, reason::Retirement};
use crate::{
    delivery::{Place, Target},
    inventory::{Held, KeyId, LastUse, Status},
    notice::Sender,
    template::Language,
};

/// A key that a step is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyRef {
    /// One that there is.
    Existing(KeyId),
    /// The key that the chain's first creation yields.
    New,
    /// The key that comes after that.
    AfterNew,
    /// No key: what is set on the secret.
    Secret(String),
}

impl KeyRef {
    /// The id, or `new` and `new-2`, or what is set on the secret: for programs.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Existing(key) => key.as_str(),
            Self::New => "new",
            Self::AfterNew => "new-2",
            Self::Secret(sets) => sets,
        }
    }

    /// The id of a key that exists.
    pub fn existing(&self) -> Option<&KeyId> {
        match self {
            Self::Existing(key) => Some(key),
            Self::New | Self::AfterNew | Self::Secret(_) => None,
        }
    }
}

impl fmt::Display for KeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Existing(key) => key.as_str(),
            Self::New => "the new key",
            Self::AfterNew => "the key after that",
            Self::Secret(_) => "its secret",
        })
    }
}

/// The kinds of [`Action`], in the order in which a rotation takes them; the last is of none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Verb {
    /// A new key, stored and not handed out yet.
    Create,
    /// The new key is handed out.
    Promote,
    /// A place takes the key that is handed out.
    Deliver,
    /// The owner is told.
    Notify,
    /// A key stops, and can be taken back.
    Deactivate,
    /// A key goes for good.
    Delete,
    /// The secret becomes as the manifest says; no key changes.
    Update,
}

impl Verb {
    /// Whether it ends a key: makes it stop, or takes it away.
    pub fn ends_a_key(self) -> bool {
        matches!(self, Self::Deactivate | Self::Delete)
    }

    /// As plans, JSON and logs write it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The mark in front of a line of a plan.
    pub fn glyph(self) -> char {
        match self {
            Self::Create => '+',
            Self::Promote => '^',
            Self::Deliver => '>',
            Self::Notify => '@',
            Self::Deactivate => '~',
            Self::Delete => '-',
            Self::Update => '*',
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One change, with everything that carrying it out needs to know: `apply` makes no decisions.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "what a variant says names its fields")]
pub enum Action {
    /// Issue a key and store it as `AWSPENDING`.
    Create {
        ledger: LedgerWrite,
        /// The user's keys as planned: a run beside this one shows in a difference.
        expected: Vec<(KeyId, Status)>,
        /// Whether an earlier run had begun with it, and no key came of that, or had made room for it.
        resumes: bool,
        /// Whether a key was announced to go: what is done is not to count again.
        made_room: bool,
        /// The region for which the secret holds SES's SMTP password, too.
        smtp: Option<String>,
        /// The places of which it could not be seen whether they take the key: they are asked again before there is one.
        unseen: Vec<Target>,
    },
    /// Hand the pending key out: move `AWSCURRENT` to its version.
    Promote {
        key: KeyId,
        /// The version that `AWSCURRENT` is on now; `None`: on none.
        from: Option<String>,
    },
    /// Let a place take the key that is handed out.
    Deliver(Box<Delivery>),
    /// Tell the owner about the key that is handed out now, or about one that is to go.
    Notify { key: KeyId, announcement: Box<Announcement> },
    /// Stop the key, if the user's keys are still as expected, and note it in the ledger.
    Deactivate {
        key: KeyId,
        ledger: LedgerWrite,
        expected: Vec<(KeyId, Status)>,
        /// If it goes because nobody uses it: the keys that did so, which is noted, for the secret may go on handing one out.
        unused: Vec<KeyId>,
    },
    /// Delete the inactive key, if the user's keys are still as expected.
    Delete {
        key: KeyId,
        expected: Vec<(KeyId, Status)>,
        /// Whether the ledger's tags name this key and are to be cleared: a rotation that has begun ends with it. What someone
        /// else has deactivated goes because a new key needs its place.
        clear: bool,
    },
    /// Make the secret as the manifest says, with all that is in it.
    Update(Box<SecretUpdate>),
}

/// A place that is to take a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The key that the secret hands out.
    pub key: KeyId,
    /// The place.
    pub target: Target,
    /// Whether something is there already.
    pub exists: bool,
    /// Where in the ledger it is noted what the place holds.
    pub slot: usize,
    /// If every other place has the key: what stands for them all.
    pub completes: Option<String>,
    /// What is noted there so far.
    pub held: Option<Held>,
    /// Since when places refuse this key.
    pub refused_since: Option<DateTime<Utc>>,
}

/// What is set on a secret that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretUpdate {
    /// The KMS key that is to encrypt it, if that is another.
    pub kms_key: Option<KmsKeyChange>,
    /// The regions to which it is yet to be replicated, and the KMS key there.
    pub replicate_to: Vec<String>,
    /// The KMS key of the copies.
    pub replica_kms_key: Option<String>,
}

impl SecretUpdate {
    /// What it sets, as fields of the manifest.
    pub fn sets(&self) -> impl Iterator<Item = String> {
        let kms_key = self.kms_key.iter().map(|KmsKeyChange { to, .. }| format!("kms-key={to}"));
        kms_key.chain(self.replicate_to.iter().map(|region| format!("replicate-to={region}")))
    }

    pub(crate) fn key_ref(&self) -> KeyRef {
        KeyRef::Secret(self.sets().collect::<Vec<_>>().join(" "))
    }
}

impl Action {
    /// Its kind.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Create { .. } => Verb::Create,
            Self::Promote { .. } => Verb::Promote,
            Self::Deliver(_) => Verb::Deliver,
            Self::Notify { .. } => Verb::Notify,
            Self::Deactivate { .. } => Verb::Deactivate,
            Self::Delete { .. } => Verb::Delete,
            Self::Update(_) => Verb::Update,
        }
    }

    /// Whether it begins something; the others carry on what has begun.
    pub fn starts_rotation(&self) -> bool {
        match self {
            Self::Create { resumes, .. } => !resumes,
            Self::Notify { announcement, .. } => matches!(announcement.topic, Topic::Retiring { .. }),
            Self::Delete { clear, .. } => !clear,
            Self::Promote { .. } | Self::Deliver(_) | Self::Deactivate { .. } | Self::Update(_) => false,
        }
    }

    /// The key it is about; `None` for a key that does not exist yet, and for what is about none.
    pub fn key(&self) -> Option<&KeyId> {
        match self {
            Self::Create { .. } | Self::Update(_) => None,
            Self::Deliver(delivery) => Some(&delivery.key),
            Self::Promote { key, .. }
            | Self::Notify { key, .. }
            | Self::Deactivate { key, .. }
            | Self::Delete { key, .. } => Some(key),
        }
    }
}

impl Action {
    /// The place that takes a key.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Deliver(delivery) => Some(&delivery.target.place),
            _ => None,
        }
    }
}

/// How a tag gets onto the user's secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerWrite {
    /// Whether the secret exists: it is tagged, or else created empty with the tags.
    pub exists: bool,
    /// The user's ARN, for `keyrota:user`.
    pub user_arn: String,
    /// What it is created with.
    pub kms_key: Option<String>,
    /// The regions that get a copy of a new secret.
    pub replicate_to: Vec<String>,
}

/// What the owner is told, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// What the owner is told.
    pub topic: Topic,
    /// `None` only where nobody is ever told by mail: the manifests are refused otherwise.
    pub sender: Option<Sender>,
    /// The manifest says that nobody is told: it is only noted.
    pub to_nobody: bool,
    /// Their addresses and channels.
    pub recipients: Vec<String>,
    /// Written to when every recipient is refused, or when there is none.
    pub fallback: Vec<String>,
    /// The language of the mail.
    pub language: Language,
    /// Where it is noted that the owner was told.
    pub ledger: LedgerWrite,
}

/// What a announcement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "what a variant says names its fields")]
pub enum Topic {
    /// The key was issued by keyrota. `old` is the key that it replaces, if that still works, and when that stops at the
    /// earliest.
    Issued {
        old: Option<(KeyId, DateTime<Utc>)>,
        /// Whether the same run deactivates and deletes it.
        at_once: bool,
        /// The secret that the credential was in before, if that is another.
        moved_from: Option<String>,
        /// Each place of delivery, and whether it took the key.
        places: Vec<(String, bool)>,
    },
    /// The key is to go although keyrota did not replace it.
    Retiring {
        why: Retirement,
        last_use: LastUse,
        /// The user's other key.
        other: Option<KeyId>,
        /// When it stops at the earliest.
        stops: DateTime<Utc>,
        /// When it stops even if it is in use; `None`: not while it is.
        latest: Option<DateTime<Utc>>,
    },
}
