//! What a plan says of one user: a change and what follows from it, a wait, or that nothing is to be done.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    action::{Action, KeyRef, Verb},
    reason::Reason,
    waiting_on::WaitingOn,
};
use crate::{
    inventory::{Account, KeyId},
    manifest::Source,
};

/// A key that works and is older than its limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// The oldest one.
    pub key: KeyId,
    /// How old it is.
    pub age: TimeDelta,
    /// How old it may get.
    pub limit: TimeDelta,
}

/// Who is told of what is done to a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tells {
    /// Empty: nobody, on purpose.
    pub recipients: Vec<String>,
    /// Whether those are told because the owner has no address.
    pub is_fallback: bool,
}

/// The next change of one user.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The account of the user.
    pub account: Arc<Account>,
    /// The IAM user.
    pub user: String,
    /// What is done.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// The secret's name.
    pub destination: String,
    /// The secret that the manifest names, if this finishes at another what has begun there.
    pub moves_to: Option<String>,
    /// The KMS key and the regions of a secret that is made for the credential, in words, if the manifest names any.
    pub made_with: Option<String>,
    /// The `[[rotate]]` that selects the user.
    pub source: Source,
    /// Everything that follows, up to where the next rotation begins or a person is needed.
    pub then: Vec<Step>,
    /// Whether it rests on keys being used as they were observed to be: see [`Viewpoint`].
    pub is_assumed: bool,
    /// Whether this run may begin a rotation of the user.
    pub begins: bool,
    /// Since when rotations wait for their turn in the account, if this run leaves some to the next: it is noted with the
    /// rotation.
    pub queue: Option<DateTime<Utc>>,
    /// Who is told of it.
    pub tells: Tells,
}

impl Change {
    /// The key that it is about; of a creation the one that it yields.
    pub fn key(&self) -> KeyRef {
        match &self.action {
            Action::Update(update) => update.key_ref(),
            action => action.key().map_or(KeyRef::New, |key| KeyRef::Existing(key.clone())),
        }
    }

    /// The user, with its account where there are many.
    pub fn user_in(&self, are_many: bool) -> String {
        self.account.user_named(&self.user, are_many)
    }

    /// The place that takes the key, of a delivery.
    pub fn place(&self) -> Option<String> {
        self.action.place().map(ToString::to_string)
    }

    /// Whether it is of the user that waits.
    pub fn is_of(&self, waiting: &Waiting) -> bool {
        (&self.account, &self.user) == (&waiting.account, &waiting.user)
    }

    /// What is done in one run, in order: itself, and what follows at once.
    pub fn in_run(&self) -> impl Iterator<Item = (Verb, KeyRef)> {
        let then = self.then.iter().take_while(|step| step.same_run).map(|step| (step.verb, step.key.clone()));
        std::iter::once((self.action.verb(), self.key())).chain(then)
    }
}

/// One step that follows a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub verb: Verb,
    /// With which key.
    pub key: KeyRef,
    /// The place that takes it, of a delivery.
    pub place: Option<String>,
    /// The earliest instant, if nobody uses the old key from now on.
    pub not_before: DateTime<Utc>,
    /// How long after the first step, as if nobody had used the old key lately either: the same from day to day.
    pub offset: TimeDelta,
    /// Whether `apply` takes it in the same run as the first step.
    pub same_run: bool,
    /// Whether it rests on nobody using the old key, which is in use or may be.
    pub if_unused: bool,
    /// When it is taken at the latest, if it rests on that; `None` then: not while the key is in use.
    pub latest: Option<DateTime<Utc>>,
    /// See [`Action::starts_rotation`].
    pub starts_rotation: bool,
}

/// A user for whom nothing is done now, because of something.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// The account of the user.
    pub account: Arc<Account>,
    /// The IAM user.
    pub user: String,
    /// The key that it is about, if it is about one.
    pub key: Option<KeyId>,
    /// What it waits for.
    pub wait: WaitingOn,
    /// As in [`Change`].
    pub moves_to: Option<String>,
    /// The rule, or the exemption.
    pub source: Source,
    /// When time alone makes a difference.
    pub until: Option<DateTime<Utc>>,
    /// What comes then.
    pub then: Vec<Step>,
    /// Whether it rests on keys being used as they were observed to be: see [`Viewpoint`].
    pub is_assumed: bool,
    /// A key of the user that is older than its limit meanwhile.
    pub overdue: Option<Overdue>,
}

/// A user whose keys are as they should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The account of the user.
    pub account: Arc<Account>,
    /// The IAM user.
    pub user: String,
    /// When its current key becomes due; `None` without an active key.
    pub next_rotation: Option<DateTime<Utc>>,
    /// When its owner is told that its key goes, if nobody uses it until then: no rotation comes before that.
    pub goes_unused: Option<DateTime<Utc>>,
}
