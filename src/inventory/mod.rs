//! What was observed in one account: plain values, no SDK types, and the reads that failed.
//!
//! The only state keyrota keeps is the *ledger*: the user's secret in Secrets Manager, with its version labels and
//! tags, without a value.

mod error;
mod key;
mod ledger;
mod membership;
mod noted;
mod place;
mod smtp;
mod unmanaged;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use self::{
    error::{CallError, ErrorKind},
    key::{Key, KeyId, LastUse, Status},
    ledger::*,
    membership::{Membership, Unit},
    noted::*,
    place::{Found, UNSEEN},
    smtp::{PolicyText, SmtpUse, smtp_sign},
    unmanaged::{UnmanagedKey, UnmanagedKeys, from_credential_report},
};

/// The account that was observed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Account {
    /// The 12-digit account id.
    pub id: String,
    /// The name that the manifest gives it.
    pub name: Option<String>,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The region of its secrets.
    pub region: String,
    /// Where its organisation has it; `None`: it was not found by one.
    #[serde(skip)]
    pub membership: Option<Arc<Membership>>,
}

/// An IAM user, as `GetAccountAuthorizationDetails` or `ListUsers` answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name as IAM spells it; IAM compares names without case.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Starts and ends with `/`.
    pub path: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The names of its groups.
    pub groups: Vec<String>,
    /// Whether it sends mail by SES's SMTP.
    pub smtp: SmtpUse,
    /// Set when tags or groups could not be read: the user is then held, never guessed at.
    pub unreadable: Option<CallError>,
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
    /// What was found at the places of delivery, by their ids; one that is missing was not looked at.
    pub places: BTreeMap<String, Found>,
}

/// Secrets that `keyrota:user` says are the user's, beside the one of [`State::ledger`]: the manifest's `secret` was
/// changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Elsewhere {
    /// There are none.
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

    /// From here on what a listing says of the user's secrets is taken for certain.
    pub fn take_for_described(&mut self) {
        let others = match &mut self.elsewhere {
            Elsewhere::MovesTo(to) => std::slice::from_mut(&mut **to),
            Elsewhere::MovedFrom(former) => &mut former[..],
            Elsewhere::Nowhere | Elsewhere::Several(_) => &mut [],
        };
        std::iter::once(&mut self.ledger).chain(others).for_each(|ledger| ledger.known = Known::Described);
    }

    /// From here on nobody outside the account reads the secret, as far as is known.
    pub fn take_for_unshared(&mut self) {
        if let Destination::Own(secret) = &mut self.ledger.destination {
            secret.readers = Readers::Inside;
        }
    }

    /// The keys that the user's secrets hand out, whatever their names.
    pub fn handed_out(&self) -> BTreeSet<KeyId> {
        let others = match &self.elsewhere {
            Elsewhere::MovesTo(to) => std::slice::from_ref(&**to),
            Elsewhere::MovedFrom(former) => &former[..],
            Elsewhere::Nowhere | Elsewhere::Several(_) => &[],
        };
        std::iter::once(&self.ledger).chain(others).filter_map(Ledger::handed_out).collect()
    }

    /// The user's key of this id.
    pub fn key(&self, id: &KeyId) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == *id)
    }
}

/// Everything observed in one account, by user name as IAM spells it.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// A user whose keys, last use or secret could not be read holds the error instead.
    pub users: BTreeMap<String, Result<State, CallError>>,
    /// The keys of those whose keys were read all the same. Nothing may be planned with them: the rest is not known.
    pub keys_of_unread: BTreeMap<String, Vec<Key>>,
    /// The users of whom nothing was read, because nothing of theirs is due: see [`Rest`].
    pub resting: BTreeSet<String>,
    /// Since when rotations wait for their turn, as the run noted it that left them last.
    pub queued_since: Option<DateTime<Utc>>,
    /// When a run that enforces began which could not read the account at all, as the runs have noted outside of it.
    pub left_since: Option<DateTime<Utc>>,
    /// The secret on which a run has noted that it left users unread, if one did, and when that run began.
    pub unread: Option<(String, Unread)>,
    /// The keys of users that no rule selects.
    pub unmanaged: UnmanagedKeys,
}

/// An account that could not be entered, or whose users could not be listed: nothing is known of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadAccount {
    /// The 12-digit account id; `None`: not even that is known.
    pub id: Option<String>,
    /// The name that the manifest gives it.
    pub name: Option<String>,
    /// Whether another account has this name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shares_name: bool,
    /// Why, in one line.
    pub error: String,
    /// What to do about it, if that is known.
    pub hint: Option<String>,
}

impl UnreadAccount {
    /// An account whose users could not be listed.
    pub fn new(account: &Account, error: &CallError) -> Self {
        let (id, name) = (Some(account.id.clone()), account.name.clone());
        Self { id, name, shares_name: account.shares_name(), error: error.to_string(), hint: error.hint.clone() }
    }

    /// Its name, with its id where others have it as well; its id where it has none.
    #[must_use]
    pub fn short_name(&self) -> String {
        match (&self.name, &self.id) {
            (Some(name), Some(id)) if self.shares_name => format!("{name} ({id})"),
            (Some(one), _) | (None, Some(one)) => one.clone(),
            (None, None) => "the caller's".to_owned(),
        }
    }
}

impl fmt::Display for UnreadAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, name, shares_name: _, error, hint: _ } = self;
        match (id, name) {
            (Some(id), Some(name)) => write!(f, "account {id} ({name}): {error}"),
            (Some(one), None) | (None, Some(one)) => write!(f, "account {one}: {error}"),
            (None, None) => f.write_str(error),
        }
    }
}

impl Account {
    /// Whether another account has its name: names are unique in manifests, and in organisations they are not.
    #[must_use]
    pub fn shares_name(&self) -> bool {
        self.membership.as_ref().is_some_and(|membership| membership.shares_name)
    }

    /// Its name, with its id where others have it as well; its id where it has none.
    #[must_use]
    pub fn short_name(&self) -> String {
        match &self.name {
            Some(name) if self.shares_name() => format!("{name} ({})", self.id),
            Some(name) => name.clone(),
            None => self.id.clone(),
        }
    }

    /// A user of the account; with its name, or its id, where there are many accounts.
    #[must_use]
    pub fn user_named(&self, user: &str, are_many: bool) -> String {
        match are_many {
            true => format!("{user} in {}", self.short_name()),
            false => user.to_owned(),
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
