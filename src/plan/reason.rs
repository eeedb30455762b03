//! Why something is done, and why something waits: closed lists, each with a stable code and a sentence.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use crate::inventory::KeyId;

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
    /// A new key is due, and this key, of two that work, is not in use: its slot is needed.
    MakesRoom { last_used: Option<DateTime<Utc>> },
    /// An interrupted run left a key that nobody can have.
    Orphan { intent: DateTime<Utc> },
    /// An interrupted run deactivated the key and could not note it.
    Interrupted,
    /// The key was inactive for `hold`.
    HoldOver { since: Option<DateTime<Utc>> },
}

impl Reason {
    /// The key that is to be replaced, if that is the reason.
    pub fn key(&self) -> Option<&KeyId> {
        match self {
            Self::Expired { key, .. } | Self::ExpiresSoon { key, .. } | Self::Reissue { key, .. } => Some(key),
            Self::Stored
            | Self::NotTold
            | Self::Superseded { .. }
            | Self::PatienceOver { .. }
            | Self::MakesRoom { .. }
            | Self::Orphan { .. }
            | Self::Interrupted
            | Self::HoldOver { .. } => None,
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
            Self::Orphan { .. } => "orphan",
            Self::Interrupted => "interrupted",
            Self::HoldOver { .. } => "hold-over",
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
            Self::Orphan { intent } => {
                write!(f, "left by a run that was cut short on {}; nobody has its secret", Day(*intent))
            }
            Self::Interrupted => f.write_str("finishes a deactivation that was cut short"),
            Self::HoldOver { since: Some(since) } => write!(f, "inactive, and not used since {}", Day(*since)),
            Self::HoldOver { since: None } => f.write_str("inactive and never used"),
        }
    }
}

/// Why a user waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    // Held: time or a later run goes on.
    Exempt {
        reason: String,
    },
    Unreadable {
        error: String,
        /// The same of every user of whom the same can't be read: which permission is missing, for example.
        cause: String,
    },
    InOverlap,
    StillInUse {
        last_used: DateTime<Utc>,
    },
    InHold,
    /// The old key is due, but its replacement was made by hand and is not in the ledger.
    ReplacementNotStored {
        replacement: KeyId,
    },
    /// A change is due that this run may not make: it only carries on what has begun.
    RotationsPaused {
        reason: Reason,
    },
    // Blocked: a person must do something.
    ForeignSecret {
        secret: String,
    },
    SecretBeingDeleted {
        secret: String,
    },
    NoRecipient,
    TwoKeysInUse,
    Reactivated {
        since: DateTime<Utc>,
    },
    AmbiguousOrphan,
    OrphanIsOnlyKey,
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
            | Self::ReplacementNotStored { .. }
            | Self::RotationsPaused { .. } => false,
            Self::ForeignSecret { .. }
            | Self::SecretBeingDeleted { .. }
            | Self::NoRecipient
            | Self::TwoKeysInUse
            | Self::Reactivated { .. }
            | Self::AmbiguousOrphan
            | Self::OrphanIsOnlyKey => true,
        }
    }

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
            Self::ReplacementNotStored { .. } => "replacement-not-stored",
            Self::RotationsPaused { .. } => "rotations-paused",
            Self::ForeignSecret { .. } => "foreign-secret",
            Self::SecretBeingDeleted { .. } => "secret-being-deleted",
            Self::NoRecipient => "no-recipient",
            Self::TwoKeysInUse => "two-keys-in-use",
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
            Self::ReplacementNotStored { replacement } => write!(
                f,
                "due, but {replacement} replaced it by hand: deactivate it when nothing needs it, or wait for the rotation"
            ),
            Self::RotationsPaused { reason } => write!(f, "{reason}; rotations start with the next `enforce`"),
            Self::ForeignSecret { secret } => write!(
                f,
                "the secret `{secret}` is somebody else's: choose another name with `secret`, or tag it `Owner` with the user's name"
            ),
            Self::SecretBeingDeleted { secret } => {
                write!(f, "the secret `{secret}` is scheduled for deletion: restore it, or choose another name with `secret`")
            }
            Self::NoRecipient => {
                f.write_str("nobody can be told: tag the user as `notify` says, or set `fallback` in `[mail]`")
            }
            Self::TwoKeysInUse => {
                f.write_str("a new key is due, but both slots hold keys in use: move clients off one and deactivate it")
            }
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

/// A date as people read it in a plan.
pub struct Day(pub DateTime<Utc>);

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%d"))
    }
}

/// A duration as manifests write it: in days, or in hours where days don't come out even.
pub struct Duration(pub TimeDelta);

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.num_hours() {
            hours if hours % 24 == 0 => write!(f, "{}d", hours / 24),
            hours => write!(f, "{hours}h"),
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
