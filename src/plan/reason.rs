//! Why something is done: a closed list, each with a stable code and a sentence.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use strum::{IntoStaticStr, VariantArray};

use super::kms_key::KmsKeyChange;
use crate::{
    inventory::KeyId,
    time::{Day, Duration, Instant},
};

/// Why a change is made.
#[derive(Clone, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
#[expect(missing_docs, reason = "what a variant says names its fields")]
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
    /// The same by a policy that does not ask whether it is in use.
    #[strum(serialize = "superseded")]
    Replaced,
    /// The old key is still in use, but `patience` is over.
    PatienceOver { last_used: Option<DateTime<Utc>> },
    /// A new key is due, and this key, of two that work, is not in use: its slot is needed, and its owner was told.
    MakesRoom { last_used: Option<DateTime<Utc>> },
    /// Too old, not in use, and replaced by hand: its owner was told.
    OverAge { last_used: Option<DateTime<Utc>> },
    /// Nobody used it for as long as the manifest allows: its owner was told.
    Unused { last_used: Option<DateTime<Utc>> },
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
    /// A place of delivery does not have the key that is handed out.
    Undelivered { place: String, why: Undeliverable },
    /// The secret is not as the manifest says.
    SecretDiffers { kms_key: Option<KmsKeyChange>, replicate_to: Vec<String> },
}

/// Why a place does not have the key that is handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "what a variant says names its fields")]
pub enum Undeliverable {
    /// It was not delivered there yet.
    New,
    /// A run has tried, and some place refused, since then.
    Refused { since: DateTime<Utc> },
    /// A run has begun to write there, and did not end; since when places refuse, if they do.
    Unfinished { since: Option<DateTime<Utc>> },
    /// Somebody took it away there.
    Emptied,
    /// Somebody wrote something else there: when, and who, as far as that is known.
    Overwritten { last: String },
    /// It has, but `deliver` names other places than those of which that is noted.
    OtherPlaces,
}

impl Undeliverable {
    /// Stable, kebab-case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::New => "undelivered",
            Self::Refused { .. } => "refused",
            Self::Unfinished { .. } => "place-unfinished",
            Self::Emptied => "place-emptied",
            Self::Overwritten { .. } => "place-overwritten",
            Self::OtherPlaces => "places-changed",
        }
    }
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Retirement {
    /// A new key needs its place.
    MakesRoom,
    /// It is too old, and a key made by hand took its place.
    OverAge,
    /// It was created before `reissue-before`.
    Leaked,
    /// Nobody used it for as long as `unused` says.
    Unused,
}

impl Retirement {
    /// Stable, kebab-case: for the templates of mails.
    pub fn as_str(self) -> &'static str {
        self.into()
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
            | Self::Replaced
            | Self::PatienceOver { .. }
            | Self::MakesRoom { .. }
            | Self::OverAge { .. }
            | Self::Unused { .. }
            | Self::Leaked { .. }
            | Self::Retiring { .. }
            | Self::Orphan { .. }
            | Self::Interrupted
            | Self::HoldOver { .. }
            | Self::FreesPlace { .. }
            | Self::Undelivered { .. }
            | Self::SecretDiffers { .. } => None,
        }
    }

    /// Stable, kebab-case: for the plan's JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Undelivered { why, .. } => why.code(),
            reason => reason.into(),
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
            Self::Reissue { key, before } => {
                write!(f, "{key} is from before {}: reissued on request", Instant(*before))
            }
            Self::Stored => f.write_str("the new key is stored; clients get it from now on"),
            Self::NotTold => f.write_str("the owner does not know of the new key yet"),
            Self::Superseded { last_used } => write!(f, "replaced, {}", Used(*last_used)),
            Self::Replaced => f.write_str("replaced, and its policy waits for nobody (`quiet` is 0d)"),
            Self::PatienceOver { last_used } => write!(f, "the time it was given is over; {}", Used(*last_used)),
            Self::MakesRoom { last_used } => write!(f, "{}, and a new key needs its place", Used(*last_used)),
            Self::OverAge { last_used } => write!(f, "due by its age, replaced by hand, and {}", Used(*last_used)),
            Self::Unused { last_used } => write!(f, "{}, and not to be replaced: its owner was told", Used(*last_used)),
            Self::Leaked { before } => {
                write!(f, "from before {}, and another key took its place: stopped on request", Instant(*before))
            }
            Self::Retiring { why, last_used, stops } => {
                let why = match why {
                    Retirement::MakesRoom => "a new key needs its place",
                    Retirement::OverAge => "it is due by its age and was replaced by hand",
                    Retirement::Leaked => "it is to be stopped on request",
                    Retirement::Unused => "nobody uses it, and it is not to be replaced",
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
            Self::Undelivered { place, why } => match why {
                Undeliverable::New => write!(f, "{place} does not have it yet"),
                Undeliverable::Refused { since } => {
                    write!(f, "{place} does not have it yet; delivery has failed since {}", Day(*since))
                }
                Undeliverable::Unfinished { since } => {
                    let since = since.map_or_else(String::new, |since| format!("; it has failed since {}", Day(since)));
                    write!(
                        f,
                        "{place} may hold a part of it and a part of what it held: a delivery there broke off{since}"
                    )
                }
                Undeliverable::Emptied => write!(f, "{place} does not hold it any more: somebody took it away there"),
                Undeliverable::Overwritten { last } => {
                    let last = if last.is_empty() { String::new() } else { format!(" ({last})") };
                    write!(f, "somebody wrote to {place} since it was delivered there{last}")
                }
                Undeliverable::OtherPlaces => {
                    write!(f, "`deliver` names other places than before; {place} gets it again, which notes that")
                }
            },
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

/// A last use in words.
pub(super) struct Used(pub Option<DateTime<Utc>>);

impl fmt::Display for Used {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(time) => write!(f, "last used {}", Day(time)),
            None => f.write_str("never used"),
        }
    }
}
