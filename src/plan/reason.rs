//! Why something is done, and why something waits: closed lists, each with a stable code and a sentence.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use super::kms_key::KmsKeyChange;
use crate::{
    inventory::KeyId,
    manifest::Source,
    roster::{Conflict, WithoutAddress},
    time::{Day, Duration},
};

/// Why a change is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The current key has reached `max-age`.
    Expired { key: KeyId, age: TimeDelta, max_age: TimeDelta },
    /// The current key reaches `max-age` within `rotate-ahead`.
    ExpiresSoon { key: KeyId, expires: DateTime<Utc> },
    /// The current key was created before `reissue-before`.
    Reissue { key: KeyId, before: DateTime<Utc> },
    /// The new key is stored and waits to be handed out.
    Stored,
    /// The owner does not know of the key that is handed out now.
    NotTold,
    /// The replacement works, its owner knows, the overlap is over and the old key is not in use.
    Superseded { last_used: Option<DateTime<Utc>> },
    /// The old key is still in use, but `patience` is over.
    PatienceOver { last_used: Option<DateTime<Utc>> },
    /// A new key is due, and this key, of two that work, is not in use: its slot is needed, and its owner was told.
    MakesRoom { last_used: Option<DateTime<Utc>> },
    /// Too old, not in use, and replaced by hand: its owner was told.
    OverAge { last_used: Option<DateTime<Utc>> },
    /// Created before `reissue-before`, and another key took its place.
    Leaked { before: DateTime<Utc> },
    /// The key is about to be deactivated: its owner hears of it first.
    Retiring { why: Retirement, last_used: Option<DateTime<Utc>>, stops: DateTime<Utc> },
    /// An interrupted run left a key that hardly anybody can have.
    Orphan { intent: DateTime<Utc> },
    /// An interrupted run deactivated the key and could not note it.
    Interrupted,
    /// The key was inactive for `hold`.
    HoldOver { since: Option<DateTime<Utc>>, origin: Origin },
    /// The key is inactive, and a key that is reissued needs its place at once.
    FreesPlace { leaked: KeyId },
    /// The manifest names another secret than the one that hands the key out.
    Moved { key: KeyId, from: String, to: String },
    /// The secret is not as the manifest says.
    SecretDiffers { kms_key: Option<KmsKeyChange>, replicate_to: Vec<String> },
}

/// How a key that is deleted came to be inactive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A key of keyrota's replaced it.
    Replaced,
    /// Its owner was told that it goes.
    Retired,
    /// A creation that was cut short may have left it.
    Orphan,
    /// Somebody else deactivated it.
    Inactive,
}

impl Origin {
    /// Stable, kebab-case: for the templates of mails; `None` where a rotation is finished.
    pub fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Replaced => None,
            Self::Retired => Some("retired"),
            Self::Orphan => Some("orphan"),
            Self::Inactive => Some("inactive"),
        }
    }
}

/// Why a key that works is to go although no key of keyrota's replaced it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Retirement {
    /// A new key needs its place.
    MakesRoom,
    /// It is too old, and a key made by hand took its place.
    OverAge,
    /// It was created before `reissue-before`.
    Leaked,
}

impl Retirement {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::MakesRoom, Self::OverAge, Self::Leaked];

    /// Stable, kebab-case: for the templates of mails.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MakesRoom => "makes-room",
            Self::OverAge => "over-age",
            Self::Leaked => "leaked",
        }
    }
}

impl Reason {
    /// The key that is to be replaced, if that is the reason.
    pub fn key(&self) -> Option<&KeyId> {
        match self {
            Self::Expired { key, .. }
            | Self::ExpiresSoon { key, .. }
            | Self::Reissue { key, .. }
            | Self::Moved { key, .. } => Some(key),
            Self::Stored
            | Self::NotTold
            | Self::Superseded { .. }
            | Self::PatienceOver { .. }
            | Self::MakesRoom { .. }
            | Self::OverAge { .. }
            | Self::Leaked { .. }
            | Self::Retiring { .. }
            | Self::Orphan { .. }
            | Self::Interrupted
            | Self::HoldOver { .. }
            | Self::FreesPlace { .. }
            | Self::SecretDiffers { .. } => None,
        }
    }

    /// Stable, kebab-case: for the plan's JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Expired { .. } => "expired",
            Self::ExpiresSoon { .. } => "expires-soon",
            Self::Reissue { .. } => "reissue",
            Self::Stored => "stored",
            Self::NotTold => "not-told",
            Self::Superseded { .. } => "superseded",
            Self::PatienceOver { .. } => "patience-over",
            Self::MakesRoom { .. } => "makes-room",
            Self::OverAge { .. } => "over-age",
            Self::Leaked { .. } => "leaked",
            Self::Retiring { .. } => "retiring",
            Self::Orphan { .. } => "orphan",
            Self::Interrupted => "interrupted",
            Self::HoldOver { .. } => "hold-over",
            Self::FreesPlace { .. } => "frees-place",
            Self::Moved { .. } => "moved",
            Self::SecretDiffers { .. } => "secret-differs",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { key, age, max_age } => {
                write!(f, "{key} is {}d old, the limit is {}", age.num_days(), Duration(*max_age))
            }
            Self::ExpiresSoon { key, expires } => write!(f, "{key} reaches its maximum age on {}", Day(*expires)),
            Self::Reissue { key, before } => write!(f, "{key} is from before {}: reissued on request", Day(*before)),
            Self::Stored => f.write_str("the new key is stored; clients get it from now on"),
            Self::NotTold => f.write_str("the owner does not know of the new key yet"),
            Self::Superseded { last_used } => write!(f, "replaced, {}", Used(*last_used)),
            Self::PatienceOver { last_used } => write!(f, "the time it was given is over; {}", Used(*last_used)),
            Self::MakesRoom { last_used } => write!(f, "{}, and a new key needs its place", Used(*last_used)),
            Self::OverAge { last_used } => write!(f, "too old, replaced by hand, and {}", Used(*last_used)),
            Self::Leaked { before } => {
                write!(f, "from before {}, and another key took its place: stopped on request", Day(*before))
            }
            Self::Retiring { why, last_used, stops } => {
                let why = match why {
                    Retirement::MakesRoom => "a new key needs its place",
                    Retirement::OverAge => "it is too old and was replaced by hand",
                    Retirement::Leaked => "it is to be stopped on request",
                };
                write!(f, "{why}; {}; its owner is told before it stops on {}", Used(*last_used), Day(*stops))
            }
            Self::Orphan { intent } => write!(
                f,
                "made when a run was cut short on {}, stored nowhere and never used: most likely nobody has its secret",
                Day(*intent)
            ),
            Self::Interrupted => f.write_str("finishes a deactivation that was cut short"),
            Self::HoldOver { since: Some(since), origin: _ } => {
                write!(f, "inactive, and not used since {}", Day(*since))
            }
            Self::HoldOver { since: None, origin: _ } => f.write_str("inactive and never used"),
            Self::FreesPlace { leaked } => write!(f, "inactive, and {leaked}, which is reissued, needs its place now"),
            Self::Moved { key, from, to } => {
                write!(f, "the secret is to be `{to}`, and {key} is in `{from}`, which is left as it is")
            }
            Self::SecretDiffers { kms_key, replicate_to } => {
                let kms_key = kms_key.as_ref().map(|KmsKeyChange { from, to }| {
                    format!(
                        "its secret is encrypted with {}, not {to}",
                        from.as_deref().unwrap_or("aws/secretsmanager")
                    )
                });
                let to = replicate_to.join(", ");
                let replicas = (!to.is_empty()).then(|| format!("not replicated to {to}"));
                f.write_str(&kms_key.into_iter().chain(replicas).collect::<Vec<_>>().join("; "))
            }
        }
    }
}

/// Why a user waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    // Held: time or a later run goes on.
    /// The manifests exempt the user.
    Exempt { reason: String },
    /// A read failed, so that what the user needs is not known.
    Unreadable {
        error: String,
        /// The same of every user of whom the same can't be read: which permission is missing, for example.
        cause: String,
    },
    /// The key was replaced, and both work during the overlap.
    InOverlap,
    /// The key was replaced, and something uses it all the same.
    StillInUse { last_used: DateTime<Utc> },
    /// The key is inactive, and may be taken back for a while.
    InHold,
    /// Its owner was told that the key goes, and has the overlap to object.
    Announced { why: Retirement },
    /// Too old and still in use, beside a newer key that was made by hand.
    Overdue { last_used: DateTime<Utc>, replacement: KeyId },
    /// keyrota deactivated the key a moment ago, and IAM still lists it as active: its listings lag.
    JustDeactivated { since: DateTime<Utc> },
    /// A change is due that this run may not make: it only carries on what has begun.
    RotationsPaused { reason: Reason },
    // Blocked: a person must do something.
    /// What stands at the secret's name is somebody else's.
    ForeignSecret { secret: String },
    /// The secret is scheduled for deletion.
    SecretBeingDeleted { secret: String },
    /// What the secret hands out does not work.
    StaleSecret {
        secret: String,
        /// The key that it hands out, and whether it still exists.
        key: KeyId,
        exists: bool,
        /// Whether another key of the user works.
        other_works: bool,
    },
    /// A new key is due, and both places hold keys in use.
    TwoKeysInUse {
        /// The one to move off.
        move_off: KeyId,
        /// Whether the other one is what the secret hands out.
        is_by_hand: bool,
    },
    /// A key that is to be reissued goes on working.
    LeakedKey { leaked: KeyId, obstacle: LeakObstacle },
    /// Too old and still in use beside a newer key made by hand, and `patience` is over.
    OverdueInUse { last_used: DateTime<Utc>, replacement: KeyId },
    /// Its resource policy lets someone outside the account read it.
    ExposedSecret { secret: String, to: String },
    /// A replica can't be written to.
    ReplicaSecret { secret: String, primary: String },
    /// AWS says that a replication has failed.
    ReplicaFailed {
        secret: String,
        region: String,
        /// In the words of AWS.
        why: String,
    },
    /// The manifest names a new secret, and which of several others the credential was in last can't be told.
    SeveralSecrets { secret: String, others: Vec<String> },
    /// Two rules of the same rank select the user.
    AmbiguousRules { rules: [Source; 2] },
    /// Another user's credential would go into the same secret.
    SharedSecret { secret: String, other: String, places: [Source; 2] },
    /// Nobody can be told of a change.
    NoRecipient { user: String, without: Vec<WithoutAddress> },
    /// Someone activated a key again that keyrota had deactivated.
    Reactivated { since: DateTime<Utc> },
    /// An interrupted run left one of two keys, and which can't be told.
    AmbiguousOrphan,
    /// What an interrupted run left is the user's only working key.
    OrphanIsOnlyKey,
}

/// What keeps a key that is to be reissued alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeakObstacle {
    /// The other key is in use and not concerned: it can't make room.
    OtherInUse { other: KeyId },
    /// The other key is inactive, may be taken back for a while, and holds the place.
    OtherInHold { other: KeyId },
    /// The other key was made by hand and nothing uses it: nobody may have it.
    ReplacementUnused { other: KeyId },
}

impl Wait {
    /// Whether a person must do something.
    pub fn is_blocked(&self) -> bool {
        match self {
            Self::Exempt { .. }
            | Self::Unreadable { .. }
            | Self::InOverlap
            | Self::StillInUse { .. }
            | Self::InHold
            | Self::Announced { .. }
            | Self::Overdue { .. }
            | Self::JustDeactivated { .. }
            | Self::RotationsPaused { .. } => false,
            Self::ForeignSecret { .. }
            | Self::SecretBeingDeleted { .. }
            | Self::StaleSecret { .. }
            | Self::TwoKeysInUse { .. }
            | Self::LeakedKey { .. }
            | Self::OverdueInUse { .. }
            | Self::ExposedSecret { .. }
            | Self::ReplicaSecret { .. }
            | Self::ReplicaFailed { .. }
            | Self::SeveralSecrets { .. }
            | Self::AmbiguousRules { .. }
            | Self::SharedSecret { .. }
            | Self::NoRecipient { .. }
            | Self::Reactivated { .. }
            | Self::AmbiguousOrphan
            | Self::OrphanIsOnlyKey => true,
        }
    }

    /// Whether the manifests exempt the user.
    pub fn is_exempt(&self) -> bool {
        matches!(self, Self::Exempt { .. })
    }

    /// Stable, kebab-case: for the plan's JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Exempt { .. } => "exempt",
            Self::Unreadable { .. } => "unreadable",
            Self::InOverlap => "in-overlap",
            Self::StillInUse { .. } => "still-in-use",
            Self::InHold => "in-hold",
            Self::Announced { .. } => "announced",
            Self::Overdue { .. } => "overdue",
            Self::JustDeactivated { .. } => "just-deactivated",
            Self::RotationsPaused { .. } => "rotations-paused",
            Self::ForeignSecret { .. } => "foreign-secret",
            Self::SecretBeingDeleted { .. } => "secret-being-deleted",
            Self::StaleSecret { .. } => "stale-secret",
            Self::TwoKeysInUse { .. } => "two-keys-in-use",
            Self::LeakedKey { .. } => "leaked-key",
            Self::OverdueInUse { .. } => "overdue-in-use",
            Self::ExposedSecret { .. } => "exposed-secret",
            Self::ReplicaSecret { .. } => "replica-secret",
            Self::ReplicaFailed { .. } => "replica-failed",
            Self::SeveralSecrets { .. } => "several-secrets",
            Self::AmbiguousRules { .. } => "ambiguous-rules",
            Self::SharedSecret { .. } => "shared-secret",
            Self::NoRecipient { .. } => "no-recipient",
            Self::Reactivated { .. } => "reactivated",
            Self::AmbiguousOrphan => "ambiguous-orphan",
            Self::OrphanIsOnlyKey => "orphan-is-only-key",
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exempt { reason } => write!(f, "exempt: {reason}"),
            Self::Unreadable { error, .. } => f.write_str(error),
            Self::InOverlap => f.write_str("replaced; both keys work during the overlap"),
            Self::StillInUse { last_used } => write!(f, "to be deactivated, but still in use: {}", Used(Some(*last_used))),
            Self::InHold => f.write_str("inactive; can be activated again until it is deleted"),
            Self::Announced { why } => f.write_str(match why {
                Retirement::MakesRoom => "not in use, and a new key needs its place: its owner was told",
                Retirement::OverAge => "too old, replaced by hand and not in use: its owner was told",
                Retirement::Leaked => "to be stopped on request: its owner was told",
            }),
            Self::Overdue { last_used, replacement } => write!(
                f,
                "overdue: too old and still in use, {}, though {replacement} was made by hand to replace it: move what uses it",
                Used(Some(*last_used))
            ),
            Self::JustDeactivated { since } => {
                write!(f, "deactivated on {}; IAM still lists it as active, which may lag", Day(*since))
            }
            Self::RotationsPaused { reason } => write!(f, "{reason}; rotations start with the next `enforce`"),
            Self::ForeignSecret { secret } => write!(
                f,
                "the secret `{secret}` is somebody else's: choose another name with `secret`, or tag it `Owner` with the user's name"
            ),
            Self::SecretBeingDeleted { secret } => {
                write!(f, "the secret `{secret}` is scheduled for deletion: restore it, or choose another name with `secret`")
            }
            Self::ExposedSecret { secret, to } => write!(
                f,
                "the secret `{secret}` can be read from outside the account, by {to}: correct its resource policy, or choose another name with `secret`"
            ),
            Self::ReplicaSecret { secret, primary } => write!(
                f,
                "the secret `{secret}` is a replica of one in {primary}, and can't be written to: promote it to a secret of its own, or choose another name with `secret`"
            ),
            Self::ReplicaFailed { secret, region, why } => write!(
                f,
                "the replica of the secret `{secret}` in {region} has failed: {}; mend that, take the replica away (aws secretsmanager remove-regions-from-replication), and keyrota makes it again",
                why.trim_end_matches('.')
            ),
            Self::SeveralSecrets { secret, others } => write!(
                f,
                "the secret is to be `{secret}`, and {} may be the one that is read: delete what is not, or take its tag `keyrota:user` away",
                others.iter().map(|other| format!("`{other}`")).collect::<Vec<_>>().join(" or ")
            ),
            Self::AmbiguousRules { rules: [one, other] } => write!(
                f,
                "two rules select it, {one} and {other}: name it exactly in the one that is to hold, or add it to `except` in the other"
            ),
            Self::SharedSecret { secret, other, places: [here, there] } => write!(
                f,
                "it would share the secret `{secret}` with `{other}` ({here} selects the one, {there} the other): give one of them a rule with another `secret`"
            ),
            Self::NoRecipient { user, without } => {
                let without: Vec<String> = without.iter().map(|without| without.of(user)).collect();
                let fix = "put an address there, or set `fallback` in `[mail]`";
                write!(f, "nobody can be told: {}; {fix}", without.join("; "))
            }
            Self::StaleSecret { secret, key, exists, other_works } => {
                let (state, first) = match exists {
                    true => ("inactive", "activate it again, or "),
                    false => ("gone", ""),
                };
                let then = match other_works {
                    true => "set `reissue-before` to today, which issues a new key into it",
                    false => "delete the secret, or exempt the user, if nothing needs it any more",
                };
                write!(f, "the secret `{secret}` hands out {key}, which is {state}: {first}{then}")
            }
            Self::TwoKeysInUse { move_off, is_by_hand: true } => write!(
                f,
                "a new key is due, but both places hold keys in use: move clients off {move_off}, which keyrota did not issue, and deactivate it"
            ),
            Self::TwoKeysInUse { move_off, is_by_hand: false } => write!(
                f,
                "a new key is due, but both places hold keys in use: move clients off {move_off} and deactivate it"
            ),
            Self::LeakedKey { leaked, obstacle } => {
                write!(f, "{leaked} is to be reissued and still works: ")?;
                match obstacle {
                    LeakObstacle::OtherInUse { other } => write!(
                        f,
                        "{other} holds the other place and is in use; move clients off one of them, and deactivate it"
                    ),
                    LeakObstacle::OtherInHold { other } => {
                        write!(f, "the inactive {other} holds the other place; delete it, and a new key comes at once")
                    }
                    LeakObstacle::ReplacementUnused { other } => write!(
                        f,
                        "nothing uses {other}, which was made by hand beside it; put that to use, or delete it, and a new key comes at once"
                    ),
                }
            }
            Self::OverdueInUse { last_used, replacement } => write!(
                f,
                "overdue: too old and still in use, {}; move what uses it to {replacement}, and deactivate it",
                Used(Some(*last_used))
            ),
            Self::Reactivated { since } => write!(
                f,
                "deactivated on {}, and activated again by someone: exempt the user, or deactivate the key",
                Day(*since)
            ),
            Self::AmbiguousOrphan => f.write_str(
                "a run was cut short, and two keys could be the one it left: deactivate the one that nothing uses",
            ),
            Self::OrphanIsOnlyKey => f.write_str(
                "a run was cut short, and the key it left is the user's only active one: activate another, or remove the secret's tag `keyrota:intent` to keep it",
            ),
        }
    }
}

impl From<&Conflict> for Wait {
    fn from(conflict: &Conflict) -> Self {
        match conflict.clone() {
            Conflict::AmbiguousRules { rules } => Self::AmbiguousRules { rules },
            Conflict::SharedSecret { secret, other, places } => Self::SharedSecret { secret, other, places },
        }
    }
}

struct Used(Option<DateTime<Utc>>);

impl fmt::Display for Used {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(time) => write!(f, "last used {}", Day(time)),
            None => f.write_str("never used"),
        }
    }
}
