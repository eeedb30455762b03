//! Carries a plan out. As much as possible, behaviour does *not* live here but in the planner, where it can be tested
//! without an account: this is one `match` over the actions, and the order of the calls within each.
//!
//! Each action is cut so that a process that dies between any two calls leaves a state from which the planner goes on.

mod leak;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chrono::{DateTime, SecondsFormat, Utc};
use futures::{StreamExt, stream};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::{
    cloud::{CallError, Cloud, ErrorKind, Issued, NewSecret},
    inventory::{
        Account, CURRENT, Destination, Inventory, Key, KeyId, PENDING, State, Status, TAG_DEACTIVATED,
        TAG_DEACTIVATING, TAG_INTENT, TAG_NOTIFIED, TAG_NOTIFIED_AT, TAG_OWNER, TAG_USER,
    },
    manifest::Mail,
    observe::{fetch, tag_value},
    plan::{Action, Change, LedgerWrite, Need, Next, Verb, next, simulate},
    roster::{Entry, Roster},
    tell::{self, Outbox, Sent},
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
    cloud: &impl Cloud,
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
    cloud: &impl Cloud,
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
    cloud: &impl Cloud,
    roster: &Roster,
    entry: &Entry,
    first: &Change,
    run: &Run<'_>,
    lived: &mut Lived,
) -> Result<(), Cause> {
    let Lived { outcomes, state, .. } = lived;
    let mut change = first.clone();
    let mut issued = None;
    loop {
        if !(run.may_start)() {
            return Err(Cause::Stopped);
        }
        let mut notes = Vec::new();
        let now = (run.clock)();
        let step = Step { cloud, mail: &roster.mail, change: &change, run, now, is_first: outcomes.is_empty() };
        let (result, stored) = match step.carry_out(&mut issued, &mut notes).await {
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
        if !is_done {
            return Ok(());
        }

        // The next change comes from the simulated state with the real id, never from a fresh list: IAM is
        // eventually consistent, and a re-read may not show what was just done.
        *state = simulate(&change.action, state, now, &new_key.unwrap_or_else(|| KeyId::new("")));
        if let Some(stored) = stored {
            learn_labels(cloud, entry, state, &stored).await.map_err(Cause::Unread)?;
        }
        let now = (run.clock)();
        change = loop {
            match next(roster, entry, state, now) {
                Next::Change(action, _) if action.starts_rotation() && !run.starts_rotations => return Ok(()),
                Next::Change(action, reason) => break Change { action, reason, then: Vec::new(), ..change },
                Next::Wait { .. } | Next::Settled { .. } => return Ok(()),
                Next::Need(need) => fetch(cloud, entry, state, need).await.map_err(Cause::Unread)?,
            }
        };
    }
}

/// A key that was created and stored.
struct Stored {
    key: KeyId,
    /// The labels of its version, as `PutSecretValue` answered.
    labels: Vec<String>,
}

/// Corrects the simulated labels where AWS answered others: only a secret's first version is `AWSCURRENT` at once, and
/// the promotion must know where that label is. `DescribeSecret` does not lag, other than the listings.
async fn learn_labels(cloud: &impl Cloud, entry: &Entry, state: &mut State, stored: &Stored) -> Result<(), CallError> {
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

/// One change, about to be made.
struct Step<'a, C> {
    cloud: &'a C,
    mail: &'a Mail,
    change: &'a Change,
    run: &'a Run<'a>,
    now: DateTime<Utc>,
    /// Whether this run has changed nothing about the user yet.
    is_first: bool,
}

impl<C: Cloud> Step<'_, C> {
    /// Returns what a creation yields.
    async fn carry_out(&self, issued: &mut Option<Issued>, notes: &mut Vec<String>) -> Result<Option<Stored>, Failure> {
        let Self { cloud, mail, change, run, now, .. } = *self;
        let (user, secret) = (change.user.as_str(), change.destination.as_str());
        match &change.action {
            Action::Create { ledger, expected, resumes: _ } => {
                let keys = self.as_planned(expected).await?;
                write_ledger(cloud, change, ledger, [(TAG_INTENT.to_owned(), timestamp(now))]).await?;
                let (new, labels) = create(cloud, user, secret, &keys, notes).await?;
                let stored = Stored { key: new.key.clone(), labels };
                *issued = Some(new);
                return Ok(Some(stored));
            }
            Action::Promote { key, from } => {
                // After an interruption the secret is gone from memory, and keyrota reads no secret values: the key was
                // stored by the run that received it, and IAM had the time since then to propagate it.
                if let Some(issued) = issued.take_if(|issued| issued.key == *key) {
                    cloud.verify(&issued).await?;
                }
                let version = key.version_id();
                if from.as_ref() != Some(&version) {
                    cloud.move_label(secret, CURRENT, from.as_deref(), Some(&version)).await?;
                }
                // The label goes last: while it is there, a run that comes after a cut repeats the rest. An intent that
                // stayed behind would make an orphan of a key that someone makes by hand in these minutes.
                cloud.untag_secret(secret, &[TAG_INTENT]).await?;
                cloud.move_label(secret, PENDING, Some(&version), None).await?;
            }
            Action::Notify { key, notice } => {
                tell::rotated(cloud, mail, change, key, notice, run, notes).await?;
                let tags = [(TAG_NOTIFIED, key.to_string()), (TAG_NOTIFIED_AT, timestamp(now))];
                cloud.tag_secret(secret, &tags.map(|(name, value)| (name.to_owned(), value)).into()).await?;
            }
            Action::Deactivate { key, ledger, expected } => {
                self.as_planned(expected).await?;
                let note = format!("{key}@{}", timestamp(now));
                // Noted before, so that a cut after the call is known; and after, so that a cut before the call does not
                // look like someone's taking it back.
                write_ledger(cloud, change, ledger, [(TAG_DEACTIVATING.to_owned(), note.clone())]).await?;
                cloud.deactivate_access_key(user, key).await?;
                cloud.tag_secret(secret, &[(TAG_DEACTIVATED.to_owned(), note)].into()).await?;
            }
            Action::Delete { key, expected, clear } => {
                let keys = self.as_planned(expected).await?;
                // The planner deletes inactive keys only. This is the last place that could prevent anything else.
                if !keys.iter().any(|(id, status)| id == key && *status == Status::Inactive) {
                    return Err(Failure::Stale(format!("{key} is not inactive")));
                }
                match cloud.delete_access_key(user, key).await {
                    // It was there a moment ago: an earlier try of the same call had succeeded.
                    Err(error) if error.kind == ErrorKind::NotFound => {}
                    result => result?,
                }
                if *clear {
                    cloud.untag_secret(secret, &[TAG_DEACTIVATING, TAG_DEACTIVATED]).await?;
                }
            }
        }
        Ok(None)
    }

    /// Re-reads the user's keys. What this run has just done may take a while to be seen.
    async fn as_planned(&self, expected: &[(KeyId, Status)]) -> Result<Vec<(KeyId, Status)>, Failure> {
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        let sorted = |keys: &[Key]| {
            let mut keys: Vec<_> = keys.iter().map(|key| (key.id.clone(), key.status)).collect();
            keys.sort_unstable();
            keys
        };
        let (cloud, user) = (self.cloud, &self.change.user);
        let keys = match self.is_first {
            true => cloud.access_keys(user).await?,
            false => cloud.access_keys_after(user, &|keys| sorted(keys) == expected).await?,
        };
        if sorted(&keys) == expected {
            Ok(expected)
        } else {
            Err(Failure::Stale("the user's keys have changed since the plan".to_owned()))
        }
    }
}

/// Tags the user's secret, or creates it empty with the tags.
async fn write_ledger(
    cloud: &impl Cloud,
    change: &Change,
    ledger: &LedgerWrite,
    tags: impl Into<BTreeMap<String, String>>,
) -> Result<(), CallError> {
    let LedgerWrite { exists, user_arn, kms_key, replicate_to } = ledger;
    let mut tags = tags.into();
    tags.insert(TAG_USER.to_owned(), tag_value(user_arn));
    if *exists {
        cloud.tag_secret(&change.destination, &tags).await?;
        if !replicate_to.is_empty() {
            cloud.replicate_secret(&change.destination, replicate_to, kms_key.as_deref()).await?;
        }
        return Ok(());
    }
    tags.insert(TAG_OWNER.to_owned(), tag_value(&change.user));
    let description = format!("Access key of the IAM user {}, rotated by keyrota", change.user);
    let (kms_key, replicate_to) = (kms_key.clone(), replicate_to.clone());
    cloud.create_secret(&NewSecret { name: change.destination.clone(), description, tags, kms_key, replicate_to }).await
}

/// Issues a key and stores it. One that was not stored is taken back at once.
async fn create(
    cloud: &impl Cloud,
    user: &str,
    secret: &str,
    before: &[(KeyId, Status)],
    notes: &mut Vec<String>,
) -> Result<(Issued, Vec<String>), Failure> {
    let issued = match cloud.create_access_key(user).await {
        Ok(issued) => issued,
        Err(error) => {
            // Where IAM made no key, the intent is withdrawn: a key that someone makes by hand in the next minutes must
            // not pass for what this run left. Not so when there is no free slot any more: a run beside this one may
            // have filled it, and the intent is then its as well.
            if matches!(error.kind, ErrorKind::Denied | ErrorKind::NotFound) {
                notes.extend(withdraw_intent(cloud, user, secret, before).await);
            }
            return Err(error.into());
        }
    };
    let version = issued.key.version_id();
    let error = match cloud.put_secret_value(secret, &version, &secret_value(&issued)).await {
        Ok(labels) => return Ok((issued, labels)),
        Err(error) => error,
    };
    // The error may have come after the effect. A secret's first version is handed out at once, so that a key must not
    // be taken back before it is known that it was not stored.
    let stored = cloud.describe_secret(secret).await.map(|found| {
        let versions = found.map(|found| found.versions).unwrap_or_default();
        versions.into_iter().find(|stored| stored.id == version).map(|stored| stored.labels)
    });
    match stored {
        Ok(Some(labels)) => {
            notes.push(format!("{} was stored, although AWS answered: {error}", issued.key));
            return Ok((issued, labels));
        }
        Ok(None) => notes.push(match withdraw(cloud, user, &issued.key).await {
            Ok(()) => format!("{} could not be stored and was deleted again", issued.key),
            Err(left) => format!("{} could not be stored; the next run removes it ({left})", issued.key),
        }),
        Err(left) => notes.push(format!("whether {} was stored, the next run finds out ({left})", issued.key)),
    }
    Err(error.into())
}

/// Clears the intent of a creation that was refused, if indeed no key came of it: a refusal may come from a proxy, after
/// the call took effect. Returns what is left for the next run, and why.
async fn withdraw_intent(cloud: &impl Cloud, user: &str, secret: &str, before: &[(KeyId, Status)]) -> Option<String> {
    match cloud.access_keys(user).await {
        // A user that is gone has no keys either.
        Err(error) if error.kind == ErrorKind::NotFound => {}
        Err(error) => return Some(format!("the next run looks whether a key was made all the same: {error}")),
        Ok(keys) => {
            if let Some(new) = keys.iter().find(|key| !before.iter().any(|(id, _)| *id == key.id)) {
                return Some(format!("{} was made all the same, or by someone else; the next run sees to it", new.id));
            }
        }
    }
    cloud.untag_secret(secret, &[TAG_INTENT]).await.err().map(|error| error.to_string())
}

/// Takes back a key whose secret nobody has. Deactivates it first: keyrota deletes inactive keys only. The intent stays,
/// so that the next run, of whatever kind, tries again.
async fn withdraw(cloud: &impl Cloud, user: &str, key: &KeyId) -> Result<(), CallError> {
    cloud.deactivate_access_key(user, key).await?;
    cloud.delete_access_key(user, key).await
}

/// What clients read: the output format of `credential_process`, and `AccessKey` for the predecessor's readers.
fn secret_value(issued: &Issued) -> SecretString {
    let (id, secret) = (issued.key.as_str(), issued.secret.expose_secret());
    let value = json!({ "Version": 1, "AccessKeyId": id, "SecretAccessKey": secret, "AccessKey": id });
    value.to_string().into()
}

pub(crate) fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::Failed(error)
    }
}
