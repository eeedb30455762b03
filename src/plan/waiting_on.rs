//! Why something waits: a closed list, each with a stable code, a class and a sentence. A new one is a variant here and a use
//! in `rules`; a test fails until mails have words for it, if it blocks.

use std::fmt;

use chrono::{DateTime, Utc};
use strum::{EnumDiscriminants, IntoStaticStr, VariantArray};

use super::reason::{Reason, Retirement, Used};
use crate::{
    counted::counted,
    inventory::KeyId,
    manifest::Source,
    roster::{Conflict, WithoutAddress},
    time::Day,
};

/// Why a user waits.
#[derive(Clone, Debug, PartialEq, Eq, EnumDiscriminants)]
#[strum_discriminants(
    name(WaitingKind),
    derive(IntoStaticStr, VariantArray),
    strum(serialize_all = "kebab-case"),
    doc = "The kinds of [`WaitingOn`]."
)]
#[expect(missing_docs, reason = "what a variant says names its fields")]
pub enum WaitingOn {
    // Held: time or a later run goes on.
    /// The manifests exempt the user.
    Exempt { reason: String },
    /// A read failed, so that what the user needs is not known.
    Unreadable {
        error: String,
        /// The same of every user of whom the same can't be read: which permission is missing, for example.
        cause: String,
        /// What to do about it, if that is known.
        hint: Option<String>,
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
    /// What the secret hands out went because nobody used it, as the manifest says, and was not replaced.
    UnusedSecret { secret: String, key: KeyId },
    /// A rotation is due whose turn comes in a later run, for a run begins no more than the manifests say.
    Paced {
        reason: Reason,
        /// How many rotations a run begins in one account.
        most: usize,
        /// How many rotations wait before it.
        before: usize,
    },
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
    SeveralSecrets {
        secret: String,
        others: Vec<String>,
        /// A key that is to be reissued, and works as long as this waits.
        leaked: Option<KeyId>,
    },
    /// Two rules of the same rank select the user.
    AmbiguousRules { rules: [Source; 2] },
    /// Another user's credential would go to the same place.
    SharedPlace { place: String, other: String, places: [Source; 2] },
    /// What stands at a place of delivery is somebody else's.
    ForeignPlace { place: String },
    /// A place of delivery can't be written to.
    ClosedPlace { place: String, why: String },
    /// The key can't be ended before these places have the one that is handed out.
    Undelivered { places: Vec<String>, key: KeyId },
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
#[expect(missing_docs, reason = "what a variant says names its fields")]
pub enum LeakObstacle {
    /// The other key is in use and not concerned: it can't make room.
    OtherInUse { other: KeyId },
    /// The other key is inactive, may be taken back for a while, and holds the place.
    OtherInHold { other: KeyId },
    /// The other key was made by hand and nothing uses it: nobody may have it.
    ReplacementUnused { other: KeyId },
}

/// What kind of wait it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Time or a later run goes on.
    Held,
    /// A person must do something.
    Blocked,
    /// The manifests exempt the user.
    Exempt,
    /// Something could not be read: nobody knows what is due.
    Unreadable,
}

impl WaitingKind {
    /// What kind of wait it is.
    pub fn class(self) -> Class {
        match self {
            Self::Exempt => Class::Exempt,
            Self::Unreadable => Class::Unreadable,
            Self::InOverlap
            | Self::StillInUse
            | Self::InHold
            | Self::Announced
            | Self::Overdue
            | Self::JustDeactivated
            | Self::UnusedSecret
            | Self::Paced
            | Self::RotationsPaused => Class::Held,
            Self::ForeignSecret
            | Self::SecretBeingDeleted
            | Self::StaleSecret
            | Self::TwoKeysInUse
            | Self::LeakedKey
            | Self::OverdueInUse
            | Self::ExposedSecret
            | Self::ReplicaSecret
            | Self::ReplicaFailed
            | Self::SeveralSecrets
            | Self::AmbiguousRules
            | Self::SharedSecret
            | Self::SharedPlace
            | Self::ForeignPlace
            | Self::ClosedPlace
            | Self::Undelivered
            | Self::NoRecipient
            | Self::Reactivated
            | Self::AmbiguousOrphan
            | Self::OrphanIsOnlyKey => Class::Blocked,
        }
    }

    /// Stable, kebab-case: for the plan's JSON and the templates of mails.
    pub fn code(self) -> &'static str {
        self.into()
    }
}

impl WaitingOn {
    /// What kind of wait it is.
    pub fn class(&self) -> Class {
        WaitingKind::from(self).class()
    }

    /// Whether a person must do something.
    pub fn is_blocked(&self) -> bool {
        self.class() == Class::Blocked
    }

    /// Whether the manifests exempt the user.
    pub fn is_exempt(&self) -> bool {
        self.class() == Class::Exempt
    }

    /// Whether something could not be read.
    pub fn is_unreadable(&self) -> bool {
        self.class() == Class::Unreadable
    }

    /// Stable, kebab-case: for the plan's JSON and the templates of mails.
    pub fn code(&self) -> &'static str {
        WaitingKind::from(self).code()
    }
}

impl fmt::Display for WaitingOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exempt { reason } => write!(f, "exempt: {reason}"),
            Self::Unreadable { error, .. } => f.write_str(error),
            Self::InOverlap => f.write_str("replaced; both keys work during the overlap"),
            Self::StillInUse { last_used } => write!(f, "to be deactivated, but still in use: {}", Used(Some(*last_used))),
            Self::InHold => f.write_str("inactive; can be activated again until it is deleted"),
            Self::Announced { why } => f.write_str(match why {
                Retirement::MakesRoom => "not in use, and a new key needs its place: its owner was told",
                Retirement::OverAge => "due by its age, replaced by hand and not in use: its owner was told",
                Retirement::Leaked => "to be stopped on request: its owner was told",
                Retirement::Unused => "nobody used it for as long as `unused` says: its owner was told",
            }),
            Self::Overdue { last_used, replacement } => write!(
                f,
                "due by its age and still in use, {}, though {replacement} was made by hand to replace it: move what uses it",
                Used(Some(*last_used))
            ),
            Self::JustDeactivated { since } => {
                write!(f, "deactivated on {}; IAM still lists it as active, which may lag", Day(*since))
            }
            Self::UnusedSecret { secret, key } => write!(
                f,
                "nobody used {key} for as long as `unused` says, so it was stopped and not replaced; the secret `{secret}` still hands it out: delete it when nothing reads it"
            ),
            Self::Paced { reason, most, before } => {
                write!(f, "{reason}; waits for its turn: a run begins {} (`[pace]`), and ", counted(*most, "rotation"))?;
                match before {
                    0 => f.write_str("this one is next"),
                    before => write!(f, "{before} more come first"),
                }
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
            Self::SeveralSecrets { secret, others, leaked } => {
                if let Some(leaked) = leaked {
                    write!(f, "{leaked} is to be reissued and still works: ")?;
                }
                write!(
                    f,
                    "the secret is to be `{secret}`, and {} may be the one that is read: name that with `secret` until the rotation there is finished; if nothing reads it, take its tag `keyrota:user` away",
                    others.iter().map(|other| format!("`{other}`")).collect::<Vec<_>>().join(" or ")
                )
            }
            Self::AmbiguousRules { rules: [one, other] } => write!(
                f,
                "two rules select it, {one} and {other}: name it exactly in the one that is to hold, or add it to `except` in the other"
            ),
            Self::SharedSecret { secret, other, places: [here, there] } => write!(
                f,
                "it would share the secret `{secret}` with `{other}` ({here} selects the one, {there} the other): give one of them a rule with another `secret`"
            ),
            Self::SharedPlace { place, other, places: [here, there] } => write!(
                f,
                "it would deliver to {place}, as `{other}` does ({here} selects the one, {there} the other): give one of them a rule with another `deliver`, or let `{{user}}` tell the places apart where it does not yet"
            ),
            Self::ForeignPlace { place } => write!(
                f,
                "{place} is somebody else's: tag it `Owner` with the user's name, or take it off `deliver`"
            ),
            Self::ClosedPlace { place, why } => {
                write!(f, "{place} can't be delivered to: {why}; mend that, or take it off `deliver`")
            }
            Self::Undelivered { places, key } => write!(
                f,
                "it works on until {} took {key}: see why that fails, or take what is not needed off `deliver`",
                places.join(" and ")
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
                "due by its age and still in use, {}; move what uses it to {replacement}, and deactivate it",
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

impl From<&Conflict> for WaitingOn {
    fn from(conflict: &Conflict) -> Self {
        match conflict.clone() {
            Conflict::AmbiguousRules { rules } => Self::AmbiguousRules { rules },
            Conflict::SharedSecret { secret, other, places } => Self::SharedSecret { secret, other, places },
            Conflict::SharedPlace { place, other, places } => Self::SharedPlace { place, other, places },
        }
    }
}
