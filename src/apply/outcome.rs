//! What a run did, and what it left to the next.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::{
    events::{EventQueue, EventsSent},
    inventory::{Account, CallError, KeyId, State},
    mail::Outbox,
    notice::Kind,
    plan::{Change, Verb},
};

/// What became of one change.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What was to be done, to whom.
    pub change: Change,
    /// When that was.
    pub at: DateTime<Utc>,
    /// Whether it took effect.
    pub result: Result<(), Failure>,
    /// The key that a creation yielded.
    pub issued: Option<KeyId>,
    /// What went on beside: a recipient that was refused, a clean-up.
    pub notes: Vec<String>,
    /// The addresses and channels by which people were told of it.
    pub told: Vec<String>,
}

/// What became of one mail. A mail that failed fails neither the run nor another mail: the next run tries again.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// What the mail was about.
    pub kind: Kind,
    /// The address, or the channel.
    pub to: String,
    /// The users it is about; none for the digest.
    pub users: Vec<String>,
    /// Whether it was accepted there.
    pub result: Result<(), CallError>,
    /// What went wrong beside: a template that could not be filled in, a tag that could not be written.
    pub notes: Vec<String>,
}

/// Why a change was not made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Failure {
    /// The user's keys are not as planned any more; nothing was changed.
    #[error("stale: {0}")]
    Stale(String),
    /// A call failed.
    #[error("{0}")]
    Failed(CallError),
}

/// What a run did.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// In the order of the plan; the changes of one user follow each other.
    pub outcomes: Vec<Outcome>,
    /// Users with changes that were not started, or not finished, and failed in none of them.
    pub deferred: Vec<Deferred>,
    /// The states of the users with changes as the run leaves them, by account id and name.
    pub after: BTreeMap<(String, String), State>,
    /// What was sent besides *rotated*, which is part of a rotation.
    pub mail: Vec<Sent>,
    /// What became of the events; `None` where the manifests ask for none, or nothing happened.
    pub events: Option<EventsSent>,
}

/// A user whose changes were not started, or not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferred {
    /// The account of the user.
    pub account: Arc<Account>,
    /// The IAM user.
    pub user: String,
    /// Why its turn did not come.
    pub cause: Cause,
}

impl Deferred {
    /// The user of a change that was not made.
    pub fn new(change: &Change, cause: Cause) -> Self {
        Self { account: Arc::clone(&change.account), user: change.user.clone(), cause }
    }
}

/// Why a user's changes were left to the next run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The run was interrupted, or its time was over.
    #[error("the run was stopped before this was done")]
    Stopped,
    /// The time of the run was over in the middle of it. How far it came, the next run sees.
    #[error("the time of the run was over in the middle of it")]
    CutOff,
    /// What comes next can't be told without a read that failed.
    #[error("{0}")]
    Unread(CallError),
    /// The owner can't be told today.
    #[error("{0}")]
    NoMail(CallError),
    /// keyrota runs with a key of this user, and it stops: that is done when everything else is done.
    #[error("done last: keyrota itself runs with its key")]
    Last,
}

impl Cause {
    /// Whether something failed, other than that the run was over.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Unread(_) | Self::NoMail(_) | Self::CutOff => true,
            Self::Stopped | Self::Last => false,
        }
    }
}

impl Applied {
    /// What to do about what failed, where that is known; the same once.
    pub fn hints(&self) -> BTreeSet<&str> {
        let changes = self.outcomes.iter().filter_map(|outcome| match &outcome.result {
            Err(Failure::Failed(error)) => Some(error),
            Err(Failure::Stale(_)) | Ok(()) => None,
        });
        let left = self.deferred.iter().filter_map(|deferred| match &deferred.cause {
            Cause::Unread(error) | Cause::NoMail(error) => Some(error),
            Cause::Stopped | Cause::CutOff | Cause::Last => None,
        });
        let mail = self.mail.iter().filter_map(|sent| sent.result.as_ref().err());
        let events = self.events.iter().filter_map(|events| events.failure.as_ref());
        changes.chain(left).chain(mail).chain(events).filter_map(|error| error.hint.as_deref()).collect()
    }

    /// The users that were left to the next run, by cause; with their accounts where there are many.
    pub fn left(&self, are_many: bool) -> Vec<(String, Vec<String>)> {
        let mut left: Vec<(String, Vec<String>)> = Vec::new();
        for Deferred { account, user, cause } in &self.deferred {
            let (cause, user) = (cause.to_string(), account.user_named(user, are_many));
            match left.iter_mut().find(|(known, _)| *known == cause) {
                Some((_, users)) => users.push(user),
                None => left.push((cause, vec![user])),
            }
        }
        left
    }

    /// Adds what was done later in the same run.
    pub fn extend(&mut self, other: Self) {
        let Self { outcomes, deferred, after, mail, events } = other;
        self.outcomes.extend(outcomes);
        self.deferred.extend(deferred);
        self.after.extend(after);
        self.mail.extend(mail);
        match (&mut self.events, events) {
            (Some(own), Some(other)) => own.extend(other),
            (own @ None, other) => *own = other,
            (Some(_), None) => {}
        }
    }

    /// How many changes were not made, whatever the reason.
    pub fn failures(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.result.is_err()).count()
    }

    /// How many changes of one kind were made.
    pub fn done(&self, verb: Verb) -> usize {
        let is_done = |outcome: &&Outcome| outcome.result.is_ok() && outcome.change.action.verb() == verb;
        self.outcomes.iter().filter(is_done).count()
    }
}

/// What an apply goes by: the clock, whether to begin another change, and whom to tell of progress.
pub struct Conditions<'a> {
    /// When it began: its mail carries that as a tag.
    pub as_of: DateTime<Utc>,
    /// What time it is.
    pub clock: &'a (dyn Fn() -> DateTime<Utc> + Sync),
    /// Asked before every change. A change that has begun is finished: half of one is what nobody wants.
    pub may_start: &'a (dyn Fn() -> bool + Sync),
    /// When a change that has begun is cut off all the same, for nothing could be noted or told any more; `None`: there is time.
    pub ends: Option<Instant>,
    /// When people must have been told what the run has left: what hangs then is given up; `None`: there is time.
    pub told_by: Option<Instant>,
    /// Hears of each outcome as it comes.
    pub progress: &'a (dyn Fn(&Outcome) + Sync),
    /// What takes no more messages.
    pub outbox: Outbox,
    /// What happened, on its way to the event bus.
    pub events: EventQueue,
}

impl<'a> Conditions<'a> {
    /// Nothing stops the run, and nobody watches it.
    pub fn new(clock: &'a (dyn Fn() -> DateTime<Utc> + Sync)) -> Self {
        let (may_start, progress) = (&|| true, &|_: &Outcome| {});
        let (outbox, events) = (Outbox::default(), EventQueue::default());
        Self { as_of: clock(), clock, may_start, ends: None, told_by: None, progress, outbox, events }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::Failed(error)
    }
}
