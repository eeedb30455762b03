//! The plan: what changes now, what follows, and what waits for what. Pure data, made by pure functions of
//! `(Roster, Inventory, now)`: no clock, network, randomness or logger.
//!
//! The unit of planning is *the next change of one user* ([`next`]). [`simulate`] gives the state after it, and planning
//! again gives the change after that: one small planner yields the next change, the chain shown in a plan, and the loop
//! that `apply` runs.

mod chain;
mod courtesy;
mod digest;
mod limits;
mod reason;
mod rules;
mod simulate;

use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};

use crate::{
    cloud::Sender,
    inventory::{Account, Inventory, Key, KeyId, State, Status, UnreadAccount},
    manifest::{Language, Source},
    roster::{Entry, Roster},
};

pub use self::{
    courtesy::{Courtesy, Letter, courtesies, letters},
    digest::{Identity, digest, digest_of},
    limits::{Exceeded, exceeded},
    reason::{Day, Duration, Reason, Wait},
    rules::{due_at, next},
    simulate::simulate,
};

/// What one run would do, in all its accounts.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The instant it was made for.
    pub as_of: DateTime<Utc>,
    /// Sorted by account and user.
    pub changes: Vec<Change>,
    pub waiting: Vec<Waiting>,
    pub settled: Vec<Settled>,
    /// Users that no rule selects.
    pub unmanaged: usize,
    /// Keys of the users in scope, whatever their status.
    pub keys: usize,
    /// The accounts of which nothing could be read.
    pub accounts_unread: Vec<UnreadAccount>,
    pub warnings: Vec<Warning>,
}

/// What whoever runs keyrota should know before they do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// keyrota runs with an access key of a user that it rotates: that ends with that key.
    OwnKey { account: Arc<Account>, user: String, key: KeyId },
}

impl Warning {
    /// Stable, kebab-case: for the plan's JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OwnKey { .. } => "own-key",
        }
    }

    /// Whether the change is one of the user that the warning is about.
    pub fn concerns(&self, change: &Change) -> bool {
        let Self::OwnKey { account, user, key: _ } = self;
        change.account == *account && change.user == *user
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::OwnKey { account: _, user, key } = self;
        write!(
            f,
            "keyrota runs with {key} of {user}, which is in scope: it is done last, and ends keyrota's access when the \
             key is deactivated; run it with a role, or with a user that is exempt"
        )
    }
}

/// The next change of one user.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub account: Arc<Account>,
    pub user: String,
    pub action: Action,
    pub reason: Reason,
    /// The secret's name.
    pub destination: String,
    /// The `[[rotate]]` that selects the user.
    pub source: Source,
    /// What follows if nobody uses the old key any more: the earliest dates.
    pub then: Vec<Following>,
}

/// A change that follows another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Following {
    pub verb: Verb,
    /// `None`: the key does not exist yet.
    pub key: Option<KeyId>,
    pub not_before: DateTime<Utc>,
    /// See [`Action::starts_rotation`].
    pub starts_rotation: bool,
}

/// A user for whom nothing is done now, because of something.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    pub account: Arc<Account>,
    pub user: String,
    pub key: Option<KeyId>,
    pub wait: Wait,
    pub source: Source,
    /// When time alone makes a difference.
    pub until: Option<DateTime<Utc>>,
}

/// A user whose keys are as they should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    pub account: Arc<Account>,
    pub user: String,
    /// When its current key becomes due; `None` without an active key.
    pub next_rotation: Option<DateTime<Utc>>,
}

/// The kinds of [`Action`], in the order in which a rotation takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    Create,
    Promote,
    Notify,
    Deactivate,
    Delete,
}

impl Verb {
    pub const ALL: [Self; 5] = [Self::Create, Self::Promote, Self::Notify, Self::Deactivate, Self::Delete];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Promote => "promote",
            Self::Notify => "notify",
            Self::Deactivate => "deactivate",
            Self::Delete => "delete",
        }
    }

    /// The mark in front of a line of a plan.
    pub fn glyph(self) -> char {
        match self {
            Self::Create => '+',
            Self::Promote => '^',
            Self::Notify => '@',
            Self::Deactivate => '~',
            Self::Delete => '-',
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
pub enum Action {
    /// Issue a key and store it as `AWSPENDING`.
    Create {
        ledger: LedgerWrite,
        /// The user's keys as planned: a run beside this one shows in a difference.
        expected: Vec<(KeyId, Status)>,
        /// Whether an earlier run had begun with it, and no key came of that.
        resumes: bool,
    },
    /// Hand the pending key out: move `AWSCURRENT` to its version.
    Promote {
        key: KeyId,
        /// The version that `AWSCURRENT` is on now; `None`: on none.
        from: Option<String>,
    },
    /// Tell the owner about the key that is handed out now.
    Notify {
        key: KeyId,
        notice: Box<Notice>,
    },
    Deactivate {
        key: KeyId,
        ledger: LedgerWrite,
        expected: Vec<(KeyId, Status)>,
    },
    Delete {
        key: KeyId,
        expected: Vec<(KeyId, Status)>,
        /// Whether the ledger's tags name this key and are to be cleared.
        clear: bool,
    },
}

impl Action {
    pub fn verb(&self) -> Verb {
        match self {
            Self::Create { .. } => Verb::Create,
            Self::Promote { .. } => Verb::Promote,
            Self::Notify { .. } => Verb::Notify,
            Self::Deactivate { .. } => Verb::Deactivate,
            Self::Delete { .. } => Verb::Delete,
        }
    }

    /// Whether it begins a rotation; the others carry on what has begun.
    pub fn starts_rotation(&self) -> bool {
        matches!(self, Self::Create { resumes: false, .. })
    }

    /// The key it is about; `None` for a key that does not exist yet.
    pub fn key(&self) -> Option<&KeyId> {
        match self {
            Self::Create { .. } => None,
            Self::Promote { key, .. }
            | Self::Notify { key, .. }
            | Self::Deactivate { key, .. }
            | Self::Delete { key, .. } => Some(key),
        }
    }
}

/// How a tag gets onto the user's secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerWrite {
    /// Whether the secret exists: it is tagged, or else created empty with the tags.
    pub exists: bool,
    /// The user's ARN, for `keyrota:user`.
    pub user_arn: String,
    pub kms_key: Option<String>,
    /// The regions to which it is yet to be replicated.
    pub replicate_to: Vec<String>,
}

/// What the owner is told, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub sender: Sender,
    pub recipients: Vec<String>,
    /// Written to when every recipient is refused, or when there is none.
    pub fallback: Vec<String>,
    pub language: Language,
    /// The key that the new one replaces, if it still works.
    pub old: Option<KeyId>,
    /// When the old key stops at the earliest.
    pub old_stops: Option<DateTime<Utc>>,
}

/// What comes next for one user.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    Change(Action, Reason),
    Wait {
        key: Option<KeyId>,
        wait: Wait,
        until: Option<DateTime<Utc>>,
    },
    Settled {
        next_rotation: Option<DateTime<Utc>>,
    },
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
}

/// Plans one account.
#[must_use]
pub fn plan(roster: &Roster, inventory: &Inventory, now: DateTime<Utc>) -> Plan {
    let account = Arc::new(roster.account.clone());
    let mut plan = Plan { unmanaged: roster.unmanaged, ..Plan::empty(now) };
    for entry in &roster.entries {
        let user = entry.user.name.clone();
        let observed = inventory.users.get(&user);
        plan.keys += observed.and_then(|state| state.as_ref().ok()).map_or(0, |state| state.keys.len());
        let account = Arc::clone(&account);
        match next_observed(roster, entry, observed.map(Result::as_ref), now) {
            Next::Change(action, reason) => {
                let state = observed.and_then(|state| state.as_ref().ok()).expect("only a state that was read changes");
                let then = chain::following(roster, entry, state, &action, now);
                let (destination, source) = (entry.secret.clone(), entry.rule.clone());
                plan.changes.push(Change { account, user, action, reason, destination, source, then });
            }
            Next::Wait { key, wait, until } => {
                plan.waiting.push(Waiting { account, user, key, wait, source: entry.rule.clone(), until });
            }
            Next::Settled { next_rotation } => plan.settled.push(Settled { account, user, next_rotation }),
            Next::Need(need) => {
                let wait = Wait::Unreadable { error: need.to_string() };
                plan.waiting.push(Waiting { account, user, key: None, wait, source: entry.rule.clone(), until: None });
            }
        }
    }
    plan
}

/// [`next`] for a user whose state may not have been read.
pub fn next_observed(
    roster: &Roster,
    entry: &Entry,
    observed: Option<Result<&State, &crate::cloud::CallError>>,
    now: DateTime<Utc>,
) -> Next {
    let unreadable = |error: String| Next::Wait { key: None, wait: Wait::Unreadable { error }, until: None };
    if let Some(exemption) = &entry.exempt {
        let (reason, until) = (exemption.reason.clone(), exemption.ends);
        return Next::Wait { key: None, wait: Wait::Exempt { reason }, until };
    }
    match (&entry.user.unreadable, observed) {
        (Some(error), _) | (None, Some(Err(error))) => unreadable(error.to_string()),
        (None, None) => unreadable("its keys were not read".to_owned()),
        (None, Some(Ok(state))) => next(roster, entry, state, now),
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
            unmanaged: 0,
            keys: 0,
            accounts_unread: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Moves the changes that would begin a rotation to those that wait, until `enforce` comes next if that is known.
    /// Then `apply` must not go on to any either (see [`Run`](crate::apply::Run)).
    #[must_use]
    pub fn without_new_rotations(self, enforce: Option<DateTime<Utc>>) -> Self {
        let Self { as_of, changes, mut waiting, settled, unmanaged, keys, accounts_unread, warnings } = self;
        let (put_off, mut changes): (Vec<_>, Vec<_>) =
            changes.into_iter().partition(|change| change.action.starts_rotation());
        for change in &mut changes {
            let carried_on = change.then.iter().take_while(|following| !following.starts_rotation).count();
            change.then.truncate(carried_on);
        }
        waiting.extend(put_off.into_iter().map(|change| {
            let Change { account, user, action, reason, destination: _, source, then: _ } = change;
            let key = action.key().or_else(|| reason.key()).cloned();
            Waiting { account, user, key, wait: Wait::RotationsPaused { reason }, source, until: enforce }
        }));
        waiting.sort_by(|a, b| (&a.account, &a.user).cmp(&(&b.account, &b.user)));
        Self { as_of, changes, waiting, settled, unmanaged, keys, accounts_unread, warnings }
    }

    /// Adds the plan of another account, made for the same instant.
    pub fn extend(&mut self, other: Self) {
        let Self { as_of: _, changes, waiting, settled, unmanaged, keys, accounts_unread, warnings } = other;
        self.changes.extend(changes);
        self.waiting.extend(waiting);
        self.settled.extend(settled);
        self.unmanaged += unmanaged;
        self.keys += keys;
        self.accounts_unread.extend(accounts_unread);
        self.warnings.extend(warnings);
    }

    /// How many changes of one kind come first.
    pub fn count(&self, verb: Verb) -> usize {
        self.changes.iter().filter(|change| change.action.verb() == verb).count()
    }

    /// How many users are in scope.
    pub fn users(&self) -> usize {
        self.changes.len() + self.waiting.len() + self.settled.len()
    }

    /// The user whose current key becomes due first.
    pub fn next_rotation(&self) -> Option<(DateTime<Utc>, &Settled)> {
        self.settled.iter().filter_map(|settled| Some((settled.next_rotation?, settled))).min_by_key(|(at, _)| *at)
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ledger => f.write_str("its secret was not described"),
            Self::LastUse(key) => write!(f, "the last use of {key} was not read"),
        }
    }
}

/// The ids and statuses to which a re-read is compared.
fn expectation(keys: &[Key]) -> Vec<(KeyId, Status)> {
    keys.iter().map(|key| (key.id.clone(), key.status)).collect()
}
