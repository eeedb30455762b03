//! What a plan is made of: pure data.

use std::{fmt, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    action::{Action, Verb},
    change::{Change, Settled, Waiting},
    reason::Reason,
    waiting_on::WaitingOn,
    warning::Warning,
};
use crate::delivery::Target;
use crate::inventory::{Account, Key, KeyId, Status, UnmanagedKey, UnreadAccount};

/// What one run would do, in all its accounts.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The instant it was made for.
    pub as_of: DateTime<Utc>,
    /// Sorted by account and user.
    pub changes: Vec<Change>,
    /// Who waits, and for what.
    pub waiting: Vec<Waiting>,
    /// Who needs nothing now.
    pub settled: Vec<Settled>,
    /// Users of whom a run that tends has read nothing, because nothing of theirs is due.
    pub resting: usize,
    /// The rotations that wait for their turn, in the order of their turns: each takes the place of one that can't begin. They
    /// are among those that wait, too.
    pub queue: Vec<Change>,
    /// Users that no rule selects.
    pub unmanaged: Vec<UnmanagedUser>,
    /// Keys of the users in scope, whatever their status.
    pub keys: usize,
    /// The accounts that were read.
    pub accounts: Vec<Arc<Account>>,
    /// The accounts of which nothing could be read.
    pub accounts_unread: Vec<UnreadAccount>,
    /// The accounts that nobody looked at, and why: closed, or not asked for.
    pub accounts_left_out: Vec<UnreadAccount>,
    /// What concerns no single change.
    pub warnings: Vec<Warning>,
}

/// A user that no rule selects: nothing is done to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmanagedUser {
    /// The account of the user.
    pub account: Arc<Account>,
    /// The IAM user.
    pub user: String,
    /// `None`: they were not read.
    pub keys: Option<Vec<UnmanagedKey>>,
    /// The age of the oldest active key, if that is more than `[defaults]` allows.
    pub over_age: Option<TimeDelta>,
}

/// What comes next for one user.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "what a variant says names its fields")]
pub enum Next {
    /// Something is to be done, for this reason.
    Change(Action, Reason),
    /// Nothing may be done before that time; or, without one, before a person has done something.
    Wait { key: Option<KeyId>, wait: WaitingOn, until: Option<DateTime<Utc>> },
    /// Nothing is to be done until the next rotation.
    Settled { next_rotation: Option<DateTime<Utc>> },
    /// It can't be told before this is read.
    Need(Need),
}

/// A read without which the planner doesn't act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// `DescribeSecret`: the listing may lag.
    Ledger,
    /// `GetAccessKeyLastUsed`.
    LastUse(KeyId),
    /// `GetResourcePolicy`: who may read the secret that was there before.
    ResourcePolicy(String),
    /// What a place of delivery holds.
    Place(Box<Target>),
}

/// From when the observation is, and for when a plan is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Viewpoint {
    /// When the accounts were observed.
    pub observed: DateTime<Utc>,
    /// Later: a forecast, for which keys that are in use count as used until then.
    pub at: DateTime<Utc>,
}

/// Observed and planned at one instant.
impl From<DateTime<Utc>> for Viewpoint {
    fn from(now: DateTime<Utc>) -> Self {
        Self { observed: now, at: now }
    }
}

impl Plan {
    /// A plan for nobody.
    pub fn empty(as_of: DateTime<Utc>) -> Self {
        Self {
            as_of,
            changes: Vec::new(),
            waiting: Vec::new(),
            settled: Vec::new(),
            resting: 0,
            queue: Vec::new(),
            unmanaged: Vec::new(),
            keys: 0,
            accounts: Vec::new(),
            accounts_unread: Vec::new(),
            accounts_left_out: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Adds the plan of another account, made for the same instant.
    pub fn extend(&mut self, other: Self) {
        let Self { as_of: _, changes, waiting, settled, resting, queue, unmanaged, keys, accounts, .. } = other;
        let (accounts_unread, warnings) = (other.accounts_unread, other.warnings);
        self.accounts_left_out.extend(other.accounts_left_out);
        self.changes.extend(changes);
        self.waiting.extend(waiting);
        self.settled.extend(settled);
        self.resting += resting;
        self.queue.extend(queue);
        self.unmanaged.extend(unmanaged);
        self.keys += keys;
        self.accounts.extend(accounts);
        self.accounts_unread.extend(accounts_unread);
        self.warnings.extend(warnings);
    }

    /// How many steps of one kind a run takes: those that come first, and those that follow at once.
    pub fn count(&self, verb: Verb) -> usize {
        self.changes.iter().flat_map(Change::in_run).filter(|(step, _)| *step == verb).count()
    }

    /// The users of whom something could not be read: nobody knows what is to be done for them.
    pub fn unreadable(&self) -> impl Iterator<Item = &Waiting> {
        self.waiting.iter().filter(|waiting| waiting.wait.is_unreadable())
    }

    /// How many users are in scope.
    pub fn users(&self) -> usize {
        self.changes.len() + self.waiting.len() + self.settled.len() + self.resting
    }

    /// The user whose current key becomes due first.
    pub fn next_rotation(&self) -> Option<(DateTime<Utc>, &Settled)> {
        self.settled.iter().filter_map(|settled| Some((settled.next_rotation?, settled))).min_by_key(|(at, _)| *at)
    }
}

impl Need {
    /// What was not read, without the user.
    pub(super) fn cause(&self) -> String {
        match self {
            Self::Ledger => "secrets were not described".to_owned(),
            Self::LastUse(_) => "the last use of keys was not read".to_owned(),
            Self::ResourcePolicy(_) => "the resource policies of secrets were not read".to_owned(),
            Self::Place(_) => "what places of delivery hold was not read".to_owned(),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ledger => f.write_str("its secret was not described"),
            Self::LastUse(key) => write!(f, "the last use of {key} was not read"),
            Self::ResourcePolicy(secret) => write!(f, "the resource policy of `{secret}` was not read"),
            Self::Place(target) => write!(f, "what {} holds was not read", target.place),
        }
    }
}

/// The ids and statuses to which a re-read is compared.
pub(super) fn expectation(keys: &[Key]) -> Vec<(KeyId, Status)> {
    keys.iter().map(|key| (key.id.clone(), key.status)).collect()
}
