//! Carries a plan out. As much as possible, behaviour does *not* live here but in the planner, where it can be tested
//! without an account: each user is carried from one change to the next, and `step` knows the calls within one.

mod leak;
mod step;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chrono::{DateTime, SecondsFormat, Utc};
use futures::{StreamExt, stream};

pub(crate) use self::step::write_ledger;
use self::step::{Memory, Step, Stored};
use crate::{
    cloud::Writes,
    inventory::{Account, CallError, Destination, ErrorKind, Inventory, KeyId, State},
    mail::Outbox,
    notify::Sent,
    observe::fetch,
    plan::{Change, Need, Next, Verb, next, placed, simulate},
    roster::{Entry, Roster},
};

/// Users carried through their changes at the same time. IAM throttles writes well below its reads.
const CONCURRENCY: usize = 8;

/// What became of one change.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub change: Change,
    pub result: Result<(), Failure>,
    /// The key that a creation yielded.
    pub issued: Option<KeyId>,
    /// What went on beside: a recipient that was refused, a clean-up.
    pub notes: Vec<String>,
}

/// Why a change was not made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Failure {
    /// The user's keys are not as planned any more; nothing was changed.
    #[error("stale: {0}")]
    Stale(String),
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
}

/// A user whose changes were not started, or not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferred {
    pub account: Arc<Account>,
    pub user: String,
    pub cause: Cause,
}

/// Why a user's changes were left to the next run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The run was interrupted, or its time was over.
    #[error("the run was stopped before its turn")]
    Stopped,
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
            Self::Unread(_) | Self::NoMail(_) => true,
            Self::Stopped | Self::Last => false,
        }
    }
}

impl Applied {
    /// The users that were left to the next run, by cause.
    pub fn left(&self) -> Vec<(String, Vec<&str>)> {
        let mut left: Vec<(String, Vec<&str>)> = Vec::new();
        for Deferred { user, cause, .. } in &self.deferred {
            let cause = cause.to_string();
            match left.iter_mut().find(|(known, _)| *known == cause) {
                Some((_, users)) => users.push(user),
                None => left.push((cause, vec![user])),
            }
        }
        left
    }

    /// Adds what was done later in the same run.
    pub fn extend(&mut self, other: Self) {
        let Self { outcomes, deferred, after, mail } = other;
        self.outcomes.extend(outcomes);
        self.deferred.extend(deferred);
        self.after.extend(after);
        self.mail.extend(mail);
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

/// The world around an apply: the clock, whether to begin another change, and whom to tell of progress.
pub struct Run<'a> {
    /// When it began: its mail carries that as a tag.
    pub as_of: DateTime<Utc>,
    pub clock: &'a (dyn Fn() -> DateTime<Utc> + Sync),
    /// Whether a user's changes may go on to a new rotation. If not, the plan begins none either (see
    /// [`Plan::without_new_rotations`](crate::plan::Plan::without_new_rotations)).
    pub starts_rotations: bool,
    /// Asked before every change. A change that has begun is finished: half of one is what nobody wants.
    pub may_start: &'a (dyn Fn() -> bool + Sync),
    pub progress: &'a (dyn Fn(&Outcome) + Sync),
    /// Whether SES still takes mail.
    pub outbox: Outbox,
}

/// Carries each user through its changes until it is settled or must wait; many users at a time. One user's failure
/// stops no other.
pub async fn apply(
    cloud: &impl Writes,
    roster: &Roster,
    inventory: &Inventory,
    changes: &[Change],
    run: &Run<'_>,
) -> Applied {
    let entries: BTreeMap<&str, &Entry> =
        roster.entries.iter().map(|entry| (entry.user.name.as_str(), entry)).collect();
    let mut users = stream::iter(changes.iter().enumerate())
        .map(|(position, change)| {
            let entry = entries.get(change.user.as_str()).expect("a plan names users of its roster");
            let state = inventory.users.get(&change.user).and_then(|state| state.as_ref().ok());
            let state = state.expect("a plan changes only what was observed").clone();
            async move { (position, apply_user(cloud, roster, entry, state, change, run).await) }
        })
        .buffer_unordered(CONCURRENCY)
        .collect::<Vec<_>>()
        .await;
    users.sort_by_key(|(position, _)| *position);
    let mut applied = Applied::default();
    for (position, Lived { outcomes, left, state }) in users {
        let user = changes[position].user.clone();
        applied.outcomes.extend(outcomes);
        if let Some(cause) = left {
            let Change { account, user, .. } = &changes[position];
            applied.deferred.push(Deferred { account: Arc::clone(account), user: user.clone(), cause });
        }
        applied.after.insert((roster.account.id.clone(), user), state);
    }
    applied
}

/// What became of one user.
struct Lived {
    outcomes: Vec<Outcome>,
    /// Why something is left to do now.
    left: Option<Cause>,
    state: State,
}

async fn apply_user(
    cloud: &impl Writes,
    roster: &Roster,
    entry: &Entry,
    state: State,
    first: &Change,
    run: &Run<'_>,
) -> Lived {
    let mut lived = Lived { outcomes: Vec::new(), left: None, state };
    lived.left = live(cloud, roster, entry, first, run, &mut lived).await.err();
    if let Some(leaked_before) = entry.policy.reissue_before.value {
        leak::check(cloud, entry, leaked_before, run, &mut lived.outcomes, &mut lived.state).await;
    }
    lived
}

/// Makes one change after the other.
///
/// # Errors
/// Why it ended although something is left to do, other than that a change failed.
async fn live(
    cloud: &impl Writes,
    roster: &Roster,
    entry: &Entry,
    first: &Change,
    run: &Run<'_>,
    lived: &mut Lived,
) -> Result<(), Cause> {
    let Lived { outcomes, state, .. } = lived;
    let mut change = first.clone();
    let mut memory = Memory::default();
    loop {
        if !(run.may_start)() {
            return Err(Cause::Stopped);
        }
        let mut notes = Vec::new();
        let now = (run.clock)();
        let step = Step { cloud, mail: &roster.mail, change: &change, run, now, is_first: outcomes.is_empty() };
        let (result, stored) = match step.carry_out(&mut memory, &mut notes).await {
            Ok(stored) => (Ok(()), stored),
            // Nobody's change failed: there is no more mail for anyone today.
            Err(Failure::Failed(error)) if error.kind == ErrorKind::QuotaUsedUp => return Err(Cause::NoMail(error)),
            Err(failure) => (Err(failure), None),
        };
        let new_key = stored.as_ref().map(|stored| stored.key.clone());
        let outcome = Outcome { change: change.clone(), result, issued: new_key.clone(), notes };
        (run.progress)(&outcome);
        let is_done = outcome.result.is_ok();
        outcomes.push(outcome);
        // What the secret is like must not keep a key from being rotated: where an update fails, the rest goes on as if it
        // had not, and the next run tries again.
        if !is_done && change.action.verb() != Verb::Update {
            return Ok(());
        }

        // The next change comes from the simulated state with the real id, never from a fresh list: IAM is
        // eventually consistent, and a re-read may not show what was just done.
        *state = placed(roster, entry, state, now).into_owned();
        *state = simulate(&change.action, state, now, &new_key.unwrap_or_else(|| KeyId::new("")));
        if let Some(stored) = stored {
            learn_labels(cloud, entry, state, &stored).await.map_err(Cause::Unread)?;
        }
        let now = (run.clock)();
        change = loop {
            *state = placed(roster, entry, state, now).into_owned();
            match next(roster, entry, state, now) {
                Next::Change(action, _) if action.starts_rotation() && !run.starts_rotations => return Ok(()),
                Next::Change(action, reason) => {
                    let (destination, moves_to) = (state.ledger.secret.clone(), state.moves_to().map(str::to_owned));
                    break Change { action, reason, then: Vec::new(), destination, moves_to, ..change };
                }
                Next::Wait { .. } | Next::Settled { .. } => return Ok(()),
                Next::Need(need) => fetch(cloud, entry, state, need).await.map_err(Cause::Unread)?,
            }
        };
    }
}

/// Corrects the simulated labels where AWS answered others: only a secret's first version is `AWSCURRENT` at once, and
/// the promotion must know where that label is. `DescribeSecret` does not lag, other than the listings.
async fn learn_labels(cloud: &impl Writes, entry: &Entry, state: &mut State, stored: &Stored) -> Result<(), CallError> {
    let version = stored.key.version_id();
    let labels = |state: &State| {
        let Destination::Own(secret) = &state.ledger.destination else { return None };
        let version = secret.versions.iter().find(|own| own.id == version)?;
        Some(version.labels.iter().cloned().collect::<BTreeSet<_>>())
    };
    if labels(state) == Some(stored.labels.iter().cloned().collect()) {
        return Ok(());
    }
    let mut described = state.clone();
    fetch(cloud, entry, &mut described, Need::Ledger).await?;
    if labels(&described).is_some() {
        state.ledger = described.ledger;
    }
    Ok(())
}

pub(crate) fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::Failed(error)
    }
}
