//! One change: the order of the calls within each action. Each is cut so that a process that dies between any two calls
//! leaves a state from which the planner goes on.

use std::{pin::pin, time::Duration};

use super::{
    deliver::{Delivering, From},
    outcome::{Conditions, Failure},
};
use crate::{
    cloud::{Issued, NewSecret, Values, Writes},
    credential,
    inventory::{CURRENT, CallError, ErrorKind, Fact, Found, INTENT, Key, KeyAt, KeyId, PENDING, Rest, Status, tags},
    mail::{Sending, owner},
    manifest::Mail,
    plan::{
        Action, Change, KmsKeyChange, LedgerWrite, SecretUpdate, Topic,
        kms_key::{Likeness, compare, note},
    },
};
use chrono::{DateTime, Utc};
use futures::future::{Either, select};
use tokio::time::sleep;

/// Whoever waits for a call looks so often whether the run was stopped.
const LOOK: Duration = Duration::from_secs(1);

/// Why a change was not made.
pub(super) enum Halt {
    /// The run was stopped before anything of it was done.
    Stopped,
    /// It failed.
    Failed(Failure),
}

impl std::convert::From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl std::convert::From<CallError> for Halt {
    fn from(error: CallError) -> Self {
        Self::Failed(error.into())
    }
}

/// A key that was created and stored.
pub(super) struct Stored {
    pub key: KeyId,
    /// The labels of its version, as `PutSecretValue` answered.
    pub labels: Vec<String>,
}

/// What one action of a user leaves for the next.
#[derive(Default)]
pub(super) struct Memory {
    /// The key that was created, with its secret part, until it is verified.
    issued: Option<Issued>,
    /// What goes to the places of delivery.
    pub delivering: Delivering,
    /// The secret that this run has tagged: there, it may.
    tagged: Option<String>,
    /// When IAM says that the key was made that this run has issued.
    pub created: Option<(KeyId, DateTime<Utc>)>,
    /// Whether this run has seen that the user's keys are as planned. From then on it knows what they are.
    is_as_planned: bool,
    /// Whether this run has handed out the key that it made, and has left it to what comes next to note that.
    is_intent_left: bool,
    /// Whether this run knows what the secret hands out: it has seen it, or made it so.
    pub is_confirmed: bool,
}

/// What comes after a change, as far as its calls depend on that.
pub(super) struct Ahead {
    /// How long nothing is due then: noted with whatever is noted last.
    pub rest: Option<Rest>,
    /// Whether this run goes on to deliver the key.
    pub delivers: bool,
    /// Whether this run goes on to delete a key.
    pub deletes: bool,
    /// Whether this run goes on to tell the owner of the new key, and notes that.
    pub tells: bool,
}

/// What is to be said of a change beside how it ended.
#[derive(Default)]
pub(super) struct Remarks {
    /// What went on beside.
    pub notes: Vec<String>,
    /// The addresses that were told.
    pub told: Vec<String>,
}

/// One change, about to be made.
pub(super) struct Step<'a> {
    pub cloud: &'a dyn Values,
    pub mail: &'a Mail,
    pub change: &'a Change,
    pub conditions: &'a Conditions<'a>,
    pub now: DateTime<Utc>,
    /// Whether this run has changed nothing about the user yet.
    pub is_first: bool,
    pub ahead: Ahead,
}

impl Step<'_> {
    /// Returns what a creation yields.
    pub async fn carry_out(&self, memory: &mut Memory, remarks: &mut Remarks) -> Result<Option<Stored>, Halt> {
        let Remarks { notes, told } = remarks;
        let Self { cloud, mail, change, conditions, now, .. } = *self;
        let (user, secret) = (change.user.as_str(), change.destination.as_str());
        match &change.action {
            Action::Create { ledger, expected, resumes, made_room, smtp, unseen } => {
                let keys = self.as_planned(expected, memory).await?;
                // Nothing begins that can't be delivered.
                for target in unseen {
                    if let Found::Closed { why } | Found::Unknown { why, .. } = target.look(cloud).await? {
                        let (place, operation) = (target.place.to_string(), "looking at a place of delivery");
                        return Err(CallError::new(ErrorKind::Other, operation, place, why).into());
                    }
                }
                let queue = change.queue.map(Fact::Queue);
                let made_room = made_room.then_some(Fact::RoomMade);
                let facts = [Some(Fact::Intent(now)), Some(Fact::Rest(None)), made_room, queue];
                write_ledger(cloud, user, secret, ledger, facts.into_iter().flatten()).await?;
                memory.tagged = Some(secret.to_owned());
                let created = create(cloud, user, secret, smtp.as_deref(), &keys, conditions, notes).await?;
                let Some((new, labels)) = created else {
                    // No key was made. Where none was under way before either, none is to be made by the next run.
                    if !resumes && let Err(error) = cloud.untag_secret(secret, INTENT).await {
                        tracing::warn!(user, "the next run goes on to create a key: {error}");
                    }
                    return Err(Halt::Stopped);
                };
                let stored = Stored { key: new.key.clone(), labels };
                memory.created = Some((new.key.clone(), new.created));
                memory.issued = Some(new);
                return Ok(Some(stored));
            }
            Action::Promote { key, from } => {
                // After an interruption the secret is gone from memory, and keyrota reads no secret values: the key was
                // stored by the run that received it, and IAM had the time since then to propagate it.
                let issued = memory.issued.take_if(|issued| issued.key == *key);
                if let Some(issued) = &issued {
                    cloud.verify(issued).await?;
                }
                let version = key.version_id();
                match from.as_ref() == Some(&version) {
                    false => cloud.move_label(secret, CURRENT, from.as_deref(), Some(&version)).await?,
                    // Of a first version nothing else would say that it is handed out with intent.
                    true => cloud.move_label(secret, PENDING, Some(&version), None).await?,
                }
                // The places of delivery get what this run has in memory: nobody has to read it.
                let issued = issued.filter(|_| self.ahead.delivers);
                memory.delivering.value =
                    issued.map(|issued| (issued.key.clone(), credential::written(&issued.key, &issued.secret, None)));
                // That the creation is over is noted with what comes next, if that is that the owner was told.
                memory.is_intent_left = self.ahead.tells;
                if !self.ahead.tells {
                    cloud.tag_secret(secret, &tags([Fact::NoIntent, self.rest()])).await?;
                    memory.tagged = Some(secret.to_owned());
                }
            }
            Action::Deliver(delivery) => {
                let rest = self.ahead.rest.clone();
                let from = From { cloud, secret, conditions, now, rest };
                let result = from.deliver(delivery, &mut memory.delivering, notes).await;
                if result.is_ok() {
                    memory.tagged = Some(secret.to_owned());
                }
                result?;
            }
            Action::Notify { key, announcement } => {
                // Whoever may not note that the owner was told does not tell them, or they would be told by every run.
                if memory.tagged.as_deref() != Some(secret) {
                    write_ledger(cloud, user, secret, &announcement.ledger, []).await?;
                }
                if change.action.starts_rotation() && !(conditions.may_start)() {
                    return Err(Halt::Stopped);
                }
                if !announcement.to_nobody {
                    let sending = Sending { mail, as_of: conditions.as_of, outbox: &conditions.outbox };
                    let sent = owner(cloud, &sending, change, key, announcement, notes).await;
                    if sent.is_err() && memory.is_intent_left {
                        // The creation is over all the same: a key that someone makes from now on is not what it left.
                        if let Err(error) = cloud.tag_secret(secret, &tags([Fact::NoIntent])).await {
                            tracing::warn!(user, "that the key was created is not noted: {error}");
                        }
                    }
                    *told = sent?;
                }
                let told = KeyAt { key: key.clone(), at: now };
                let facts = match announcement.topic {
                    Topic::Issued { .. } => vec![Fact::Notified(told), Fact::NoIntent, self.rest()],
                    Topic::Retiring { .. } => vec![Fact::Announced(told), self.rest()],
                };
                let is_begun = matches!(announcement.topic, Topic::Retiring { .. });
                let queue = change.queue.filter(|_| is_begun).map(Fact::Queue);
                cloud.tag_secret(secret, &tags(facts.into_iter().chain(queue))).await?;
                memory.tagged = Some(secret.to_owned());
            }
            Action::Deactivate { key, ledger, expected, unused } => {
                self.as_planned(expected, memory).await?;
                let deactivation = KeyAt { key: key.clone(), at: now };
                // Noted before, so that a cut after the call is known; and after, so that a cut before the call does not
                // look like someone's taking it back.
                let unused = (!unused.is_empty()).then(|| Fact::Unused(unused.clone()));
                let facts = [Fact::Deactivating(deactivation.clone()), Fact::Rest(None)];
                write_ledger(cloud, user, secret, ledger, facts.into_iter().chain(unused)).await?;
                memory.tagged = Some(secret.to_owned());
                cloud.deactivate_access_key(user, key).await?;
                // Where it is deleted at once, that comes next: were it cut short, the deactivation would be repeated.
                if !self.ahead.deletes {
                    cloud.tag_secret(secret, &tags([Fact::Deactivated(deactivation), self.rest()])).await?;
                }
            }
            Action::Delete { key, expected, clear } => {
                let keys = self.as_planned(expected, memory).await?;
                // The planner deletes inactive keys only. This is the last place that could prevent anything else.
                if !keys.iter().any(|(id, status)| id == key && *status == Status::Inactive) {
                    return Err(Failure::Stale(format!("{key} is not inactive")).into());
                }
                match cloud.delete_access_key(user, key).await {
                    // It was there a moment ago: an earlier try of the same call had succeeded.
                    Err(error) if error.kind == ErrorKind::NotFound => {}
                    result => result?,
                }
                if *clear {
                    cloud.tag_secret(secret, &tags([Fact::NotDeactivated, self.rest()])).await?;
                }
            }
            Action::Update(update) => self.update(update).await?,
        }
        Ok(None)
    }

    /// Makes the secret as the manifest says. Repeated, it does the same.
    async fn update(&self, update: &SecretUpdate) -> Result<(), CallError> {
        let (cloud, secret) = (self.cloud, self.change.destination.as_str());
        let SecretUpdate { kms_key, replicate_to, replica_kms_key } = update;
        if let Some(KmsKeyChange { from: _, to }) = kms_key {
            cloud.update_secret(secret, to).await?;
            let found = cloud.describe_secret(secret).await?;
            let reported = found.as_ref().and_then(|found| found.kms_key.as_deref());
            match compare(to, reported, cloud.account()) {
                Likeness::Same => {}
                // Without the note, every run would do it again.
                Likeness::Unknown => {
                    cloud.tag_secret(secret, &tags([Fact::KmsKey(note(to, reported))])).await?;
                }
                Likeness::Other => {
                    let reported = reported.unwrap_or("aws/secretsmanager");
                    let message =
                        format!("AWS said that it was done, and the secret is encrypted with {reported} all the same");
                    let (kind, operation) = (ErrorKind::Other, "secretsmanager:UpdateSecret");
                    return Err(CallError { kind, operation, subject: secret.to_owned(), message, hint: None });
                }
            }
        }
        if !replicate_to.is_empty() {
            cloud.replicate_secret(secret, replicate_to, replica_kms_key.as_deref()).await?;
        }
        Ok(())
    }

    fn rest(&self) -> Fact {
        Fact::Rest(self.ahead.rest.clone())
    }

    /// Re-reads the user's keys, once a run: what it has done since, it knows. What it has just done may take a while to be
    /// seen.
    async fn as_planned(
        &self,
        expected: &[(KeyId, Status)],
        memory: &mut Memory,
    ) -> Result<Vec<(KeyId, Status)>, Halt> {
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        if memory.is_as_planned {
            return Ok(expected);
        }
        let sorted = |keys: &[Key]| {
            let mut keys: Vec<_> = keys.iter().map(|key| (key.id.clone(), key.status)).collect();
            keys.sort_unstable();
            keys
        };
        let (cloud, user) = (self.cloud, &self.change.user);
        let keys = match self.is_first {
            // On the heap: what calls AWS is large, and all that waits for it would be as large.
            true => self.unless_stopped(Box::pin(cloud.access_keys(user))).await??,
            false => cloud.access_keys_after(user, &|keys| sorted(keys) == expected).await?,
        };
        if sorted(&keys) == expected {
            memory.is_as_planned = true;
            Ok(expected)
        } else {
            Err(Failure::Stale("the user's keys have changed since the plan".to_owned()).into())
        }
    }

    /// Waits for what comes before the first change of a user: when the run is stopped meanwhile, that change is not begun.
    async fn unless_stopped<T>(&self, read: impl Future<Output = T> + Unpin) -> Result<T, Halt> {
        let may_start = self.conditions.may_start;
        let stopped = async {
            while may_start() {
                sleep(LOOK).await;
            }
        };
        match select(read, pin!(stopped)).await {
            Either::Left((read, _)) if may_start() => Ok(read),
            Either::Left(_) | Either::Right(_) => Err(Halt::Stopped),
        }
    }
}

/// Tags the user's secret, or creates it empty with the tags.
pub(crate) async fn write_ledger(
    cloud: &dyn Writes,
    user: &str,
    secret: &str,
    ledger: &LedgerWrite,
    facts: impl IntoIterator<Item = Fact>,
) -> Result<(), CallError> {
    let LedgerWrite { exists, user_arn, kms_key, replicate_to } = ledger;
    let arn = user_arn.clone();
    if *exists {
        return cloud.tag_secret(secret, &tags(facts.into_iter().chain([Fact::User { arn }]))).await;
    }
    let tags = tags(facts.into_iter().chain([Fact::Owner { user: user.to_owned(), arn }]));
    let description = format!("Access key of the IAM user {user}, rotated by keyrota");
    let (kms_key, replicate_to) = (kms_key.clone(), replicate_to.clone());
    cloud.create_secret(&NewSecret { name: secret.to_owned(), description, tags, kms_key, replicate_to }).await
}

/// Issues a key and stores it. One that was not stored is taken back at once. `None`: the run was stopped before it was issued.
async fn create(
    cloud: &dyn Writes,
    user: &str,
    secret: &str,
    smtp: Option<&str>,
    before: &[(KeyId, Status)],
    conditions: &Conditions<'_>,
    notes: &mut Vec<String>,
) -> Result<Option<(Issued, Vec<String>)>, Failure> {
    let issued = match cloud.create_access_key_while(user, conditions.may_start).await {
        Ok(Some(issued)) => issued,
        Ok(None) => return Ok(None),
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
    let error =
        match cloud.put_secret_value(secret, &version, &credential::written(&issued.key, &issued.secret, smtp)).await {
            Ok(labels) => return Ok(Some((issued, labels))),
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
            return Ok(Some((issued, labels)));
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
async fn withdraw_intent(cloud: &dyn Writes, user: &str, secret: &str, before: &[(KeyId, Status)]) -> Option<String> {
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
    cloud.untag_secret(secret, INTENT).await.err().map(|error| error.to_string())
}

/// Takes back a key whose secret nobody has. Deactivates it first: keyrota deletes inactive keys only. The intent stays,
/// so that the next run, of whatever kind, tries again.
async fn withdraw(cloud: &dyn Writes, user: &str, key: &KeyId) -> Result<(), CallError> {
    cloud.deactivate_access_key(user, key).await?;
    cloud.delete_access_key(user, key).await
}
