//! What whoever runs keyrota should know before they do.

use std::{fmt, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};

use super::{change::Change, waiting_on::WaitingOn};
use crate::{
    counted::counted,
    inventory::{Account, KeyId},
    time::{Day, Duration, rfc3339},
};

/// So many users are named in one warning.
const MOST_NAMED: usize = 10;

/// What whoever runs keyrota should know before they do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "what a variant says names its fields")]
pub enum Warning {
    /// keyrota runs with an access key of a user that it rotates: that ends with that key.
    OwnKey { account: Arc<Account>, user: String, key: KeyId },
    /// Keys made on the very day that `reissue-before` names are not before it, and stay.
    ReissueSkips {
        account: Arc<Account>,
        user: String,
        /// The one that was made last, and when.
        key: KeyId,
        created: DateTime<Utc>,
    },
    /// A key from before `reissue-before` works, and its user waits for something else.
    LeakedWorks { account: Arc<Account>, user: String, key: KeyId },
    /// A replica of the user's secret is not what it should be.
    ReplicaFailed { account: Arc<Account>, user: String, secret: String, region: String, why: String },
    /// The secret is replicated to where the manifest does not say: nothing is taken away.
    ExtraReplicas { account: Arc<Account>, user: String, secret: String, regions: Vec<String> },
    /// The secret that the manifest named before still hands out a key that is replaced.
    SecretLeft {
        account: Arc<Account>,
        user: String,
        secret: String,
        /// Where the credential is now.
        to: String,
        key: KeyId,
        works: bool,
    },
    /// A first delivery overwrites what somebody put there, when that was, as far as it is known.
    Overwrites { account: Arc<Account>, user: String, place: String, names: String, last: String },
    /// What a place of delivery holds could not be read.
    PlaceUnread { account: Arc<Account>, user: String, place: String, why: String },
    /// A place that `deliver` does not name any more holds a key that stops, or will.
    PlaceLeft {
        account: Arc<Account>,
        user: String,
        place: String,
        key: KeyId,
        works: bool,
        /// Whether it is the one that is handed out.
        is_current: bool,
        /// Whether `deliver` names the place, and its secrets there are called otherwise by now, or are of another GitHub.
        is_renamed: bool,
        /// Whether a delivery broke off there, so that it may hold a part of the key.
        is_part: bool,
    },
    /// Clients of the user hold an SMTP password that derives from its key, and the manifest does not say so.
    SmtpPassword { account: Arc<Account>, user: String, sign: String },
    /// Who of the users sends mail by SES's SMTP is not known for certain, for their policies could not be read.
    PoliciesUnread { account: Arc<Account> },
    /// Users that no rule selects have keys that are older than `[defaults]` allows.
    UnmanagedOverAge {
        account: Arc<Account>,
        /// Each with the age of its oldest key, the oldest first.
        users: Vec<(String, TimeDelta)>,
        limit: TimeDelta,
    },
    /// How old the keys are of users that no rule selects could not be read.
    UnmanagedUnread { account: Arc<Account>, users: usize, why: String },
    /// The pace is too slow for the users in scope, so that keys get older than `max-age`.
    PaceTooSlow {
        account: Arc<Account>,
        /// How many users have keys, how soon the first of them is due again, and how often runs come, in words.
        users: usize,
        lives: String,
        every: String,
        most: usize,
        /// How many rotations a run would have to begin.
        needed: usize,
    },
    /// Keys get too old while they wait for their turn.
    PaceLate {
        account: Arc<Account>,
        /// How many rotations wait, how many a run begins, and when the last of them does.
        waiting: usize,
        most: usize,
        last: DateTime<Utc>,
        keys: usize,
    },
}

impl Warning {
    /// Stable, kebab-case: for the plan's JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OwnKey { .. } => "own-key",
            Self::ReissueSkips { .. } => "reissue-skips",
            Self::LeakedWorks { .. } => "leaked-works",
            Self::ReplicaFailed { .. } => "replica-failed",
            Self::ExtraReplicas { .. } => "extra-replicas",
            Self::SecretLeft { .. } => "secret-left",
            Self::Overwrites { .. } => "overwrites",
            Self::PlaceUnread { .. } => "place-unread",
            Self::PlaceLeft { .. } => "place-left",
            Self::SmtpPassword { .. } => "smtp-password",
            Self::PoliciesUnread { .. } => "policies-unread",
            Self::UnmanagedOverAge { .. } => "unmanaged-over-age",
            Self::UnmanagedUnread { .. } => "unmanaged-unread",
            Self::PaceTooSlow { .. } | Self::PaceLate { .. } => "pace",
        }
    }

    /// The account and the user that it is about; `None`: no one user.
    pub fn about(&self) -> (&Account, Option<&str>) {
        match self {
            Self::OwnKey { account, user, .. }
            | Self::ReissueSkips { account, user, .. }
            | Self::LeakedWorks { account, user, .. }
            | Self::ReplicaFailed { account, user, .. }
            | Self::ExtraReplicas { account, user, .. }
            | Self::SecretLeft { account, user, .. }
            | Self::Overwrites { account, user, .. }
            | Self::PlaceUnread { account, user, .. }
            | Self::PlaceLeft { account, user, .. }
            | Self::SmtpPassword { account, user, .. } => (account, Some(user)),
            Self::PoliciesUnread { account }
            | Self::UnmanagedOverAge { account, .. }
            | Self::UnmanagedUnread { account, .. }
            | Self::PaceTooSlow { account, .. }
            | Self::PaceLate { account, .. } => (account, None),
        }
    }

    /// The key that keyrota runs with, if that is one of the change's user.
    pub fn own_key_of(&self, change: &Change) -> Option<&KeyId> {
        match self {
            Self::OwnKey { key, .. } if self.about() == (&*change.account, Some(change.user.as_str())) => Some(key),
            _ => None,
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnKey { account: _, user, key } => write!(
                f,
                "keyrota runs with {key} of {user}, which is in scope: it is done last, and ends keyrota's access when the \
                 key is deactivated; run it with a role, or with a user that is exempt"
            ),
            Self::ReissueSkips { account: _, user, key, created } => write!(
                f,
                "{user}: {key} was created at {}, on the day that `reissue-before` names and not before it, and stays; if it \
                 leaked too, write `reissue-before = {}`",
                created.format("%Y-%m-%d %H:%M:%S UTC"),
                rfc3339(*created + TimeDelta::seconds(1))
            ),
            Self::LeakedWorks { account: _, user, key } => write!(
                f,
                "{user}: {key} is from before `reissue-before` and works while its user waits; if it leaked, deactivate it, or give \
                 its clients no time: `overlap = \"0d\"` and `quiet = \"0d\"`"
            ),
            Self::ReplicaFailed { account: _, user, secret, region, why } => {
                write!(
                    f,
                    "{user}: {}",
                    WaitingOn::ReplicaFailed { secret: secret.clone(), region: region.clone(), why: why.clone() }
                )
            }
            Self::ExtraReplicas { account: _, user, secret, regions } => write!(
                f,
                "{user}: the secret `{secret}` is replicated to {}, which its `replicate-to` does not name; keyrota takes \
                 nothing away: aws secretsmanager remove-regions-from-replication does, if nothing reads it there",
                regions.join(", ")
            ),
            Self::SecretLeft { account: _, user, secret, to, key, works } => {
                let state = if *works { "which is replaced" } else { "which does not work any more" };
                write!(
                    f,
                    "{user}: its credential has moved to the secret `{to}`, and `{secret}` still hands out {key}, {state}: \
                     make what reads it read the other, then delete it"
                )
            }
            Self::Overwrites { account: _, user, place, names, last } => write!(
                f,
                "{user}: {place} holds {names} already, written {last}, and not by keyrota: the first delivery overwrites that"
            ),
            Self::PlaceUnread { account: _, user, place, why } => {
                write!(f, "{user}: what {place} holds could not be looked at: {why}")
            }
            Self::PlaceLeft { account: _, user, place, key, works, is_current, is_renamed, is_part } => {
                let until = match (works, is_current) {
                    (true, true) => "which stops some time after the next rotation",
                    (true, false) => "which is replaced, and stops",
                    (false, _) => "which does not work any more",
                };
                let holds = if *is_part { "may hold a part of" } else { "still holds" };
                match is_renamed {
                    true => write!(
                        f,
                        "{user}: what was delivered to {place} by other names, or at another URL, stays there and {holds} {key}, \
                         {until}: take it away there"
                    ),
                    false => write!(
                        f,
                        "{user}: {place} is not in `deliver` any more and {holds} {key}, {until}: take it away there, or name the \
                         place again"
                    ),
                }
            }
            Self::SmtpPassword { account: _, user, sign } => write!(
                f,
                "{user} sends mail by SES's SMTP, {sign} says: a new key changes the password of its clients; `smtp = true` in its \
                 rule stores that beside the key"
            ),
            Self::PoliciesUnread { account } => write!(
                f,
                "the policies of users of account {account} could not be read: who sends mail by SES's SMTP is known by names and groups \
                 only, and a new key changes the password of such clients; grant `iam:GetAccountAuthorizationDetails`"
            ),
            Self::UnmanagedOverAge { account: _, users, limit } => {
                let named = users.iter().take(MOST_NAMED).map(|(user, age)| format!("{user} ({}d)", age.num_days()));
                let named = named.collect::<Vec<_>>().join(", ");
                let more = users.len().saturating_sub(MOST_NAMED);
                let more =
                    if more == 0 { String::new() } else { format!(" and {more} more (keyrota status --unmanaged)") };
                let (keys, is) =
                    if users.len() == 1 { ("1 user that no rule selects has a key", "is") } else { ("", "are") };
                let who = if keys.is_empty() {
                    format!("{} users that no rule selects have keys", users.len())
                } else {
                    keys.to_owned()
                };
                let limit = Duration(*limit);
                write!(
                    f,
                    "{who} that {is} older than the {limit} of `[defaults]`: {named}{more}; add a rule, or an `[[exempt]]` with the reason"
                )
            }
            Self::UnmanagedUnread { account: _, users, why } => {
                let (users, are) = (counted(*users, "user"), if *users == 1 { "is" } else { "are" });
                write!(f, "{users} {are} selected by no rule, and how old their keys are could not be read: {why}")
            }
            Self::PaceTooSlow { account: _, users, lives, every, most, needed } => write!(
                f,
                "keys get older than `max-age`: {} {} keys that are due again after {lives} or more, runs come every {every}, and \
                 each begins {} where it takes {needed}; raise `max-rotations` in `[pace]`",
                counted(*users, "user"),
                if *users == 1 { "has" } else { "have" },
                counted(*most, "rotation"),
            ),
            Self::PaceLate { account: _, waiting, most, last, keys } => write!(
                f,
                "{keys} of the {} that wait for their turn get older than `max-age` before it: at {} a run the last begins on \
                 {}; raise `max-rotations` in `[pace]`, or `rotate-ahead`",
                counted(*waiting, "key"),
                counted(*most, "rotation"),
                Day(*last)
            ),
        }
    }
}
