//! One place takes the key that the secret hands out.

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::outcome::{Conditions, Failure};
use crate::{
    cloud::Values,
    credential::Credential,
    delivery::NotTaken,
    inventory::{CallError, ErrorKind, Fact, Held, KeyAt, KeyId, Rest, Undelivered, tags},
    plan::Delivery,
};

/// What one delivery of a user leaves for the next.
#[derive(Default)]
pub(super) struct Delivering {
    /// The key that is handed out, with the value that goes to the places.
    pub value: Option<(KeyId, SecretString)>,
    /// What is to be taken over of a place that refused.
    pub noted: Vec<Fact>,
}

/// Whose key goes somewhere, and when.
pub(super) struct From<'a> {
    pub cloud: &'a dyn Values,
    /// The name of the user's secret.
    pub secret: &'a str,
    pub conditions: &'a Conditions<'a>,
    pub now: DateTime<Utc>,
    /// How long nothing is due then.
    pub rest: Option<Rest>,
}

/// A key that one of several runs wrote over another's is written over again, so often.
const MOST_TRIES: usize = 3;

impl From<'_> {
    /// Delivers, and notes it. That a place refused is noted, too: its owner hears of the second run.
    pub async fn deliver(
        &self,
        delivery: &Delivery,
        delivering: &mut Delivering,
        notes: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let NotDelivered { failure, may_be_part } = match self.take(delivery, delivering).await {
            Ok(()) => return Ok(()),
            Err(failed) => failed,
        };
        if let Failure::Failed(_) = &failure {
            let Delivery { key, slot, held, refused_since, .. } = delivery;
            let at = self.conditions.as_of;
            let first = refused_since.map_or(at, |since| since.min(at));
            let refused = Undelivered { key: key.clone(), at, first };
            let facts = match (may_be_part, held) {
                (true, _) => Fact::Writing(self.written(delivery, key, "")),
                // It holds what it held.
                (false, Some(held)) if held.is_whole() => Fact::Holds(held.clone()),
                (false, Some(held)) => Fact::Writing(held.clone()),
                (false, None) => Fact::Unknown(*slot),
            };
            let facts = vec![Fact::Undelivered(refused), facts, Fact::Incomplete, Fact::Rest(None)];
            if let Err(error) = self.cloud.tag_secret(self.secret, &tags(facts.clone())).await {
                notes.push(format!("that it failed could not be noted: {error}"));
            }
            delivering.noted = facts;
        }
        Err(failure)
    }

    async fn take(&self, delivery: &Delivery, delivering: &mut Delivering) -> Result<(), NotDelivered> {
        let Delivery { key, target, exists, completes, .. } = delivery;
        let (cloud, secret) = (self.cloud, self.secret);
        let value = self.value(key, delivering).await?;
        let mut credential = self.credential(&value, delivery, key)?;
        // Whoever is cut off from here on may leave a part of it there.
        self.begin(delivery, key).await.map_err(Failure::from)?;
        let (mut now, mut exists) = (key.clone(), *exists);
        for _ in 0..MOST_TRIES {
            let taken = target.take(&credential, exists, cloud).await;
            let mark = taken.map_err(|NotTaken { error, may_be_part }| NotDelivered {
                failure: error.into(),
                may_be_part: may_be_part || now != *key,
            })?;
            // No place takes a key on condition. Where another run has handed out another one meanwhile, this one was written
            // over that.
            let handed_out = self.handed_out().await.map_err(part)?;
            if handed_out.as_ref() == Some(&now) {
                let held = self.written(delivery, &now, &mark);
                let at = KeyAt { key: now.clone(), at: self.now };
                let is_stale = now != *key;
                let delivered = completes.as_ref().filter(|_| !is_stale);
                let delivered = delivered.map(|places| Fact::Delivered(at, places.clone()));
                let rest = if is_stale { None } else { self.rest.clone() };
                let facts = [Some(Fact::Holds(held)), delivered, Some(Fact::Rest(rest))];
                cloud.tag_secret(secret, &tags(facts.into_iter().flatten())).await.map_err(part)?;
                return if is_stale { Err(stale(key, Some(&now)).into()) } else { Ok(()) };
            }
            let Some(other) = handed_out else { break };
            // The other run may have noted that the place has its key.
            self.begin(delivery, &other).await.map_err(part)?;
            let value = cloud.secret_value(secret, &other.version_id()).await.map_err(part)?;
            credential = self.credential(&value, delivery, &other)?;
            (now, exists) = (other, true);
        }
        Err(stale(key, None).into())
    }

    /// Notes that the place is about to get the key.
    async fn begin(&self, delivery: &Delivery, key: &KeyId) -> Result<(), CallError> {
        let writing = [Fact::Writing(self.written(delivery, key, "")), Fact::Rest(None)];
        self.cloud.tag_secret(self.secret, &tags(writing)).await
    }

    /// What is noted of the place.
    fn written(&self, delivery: &Delivery, key: &KeyId, mark: &str) -> Held {
        let Delivery { target, slot, .. } = delivery;
        Held::new(*slot, &target.id, key, mark, &target.place.to_string())
    }

    fn credential(&self, value: &SecretString, delivery: &Delivery, key: &KeyId) -> Result<Credential, Failure> {
        Credential::read(value, key, delivery.target.smtp()).map_err(|why| {
            let message = format!("the value that was read is not to be delivered: {why}");
            CallError::new(ErrorKind::Malformed, "secretsmanager:GetSecretValue", self.secret, message).into()
        })
    }

    /// What this run has in memory, or else what the secret stores: the one case in which keyrota reads a credential.
    async fn value(&self, key: &KeyId, delivering: &mut Delivering) -> Result<SecretString, Failure> {
        if let Some((_, value)) = delivering.value.as_ref().filter(|(of, _)| of == key) {
            return Ok(value.clone());
        }
        if self.handed_out().await?.as_ref() != Some(key) {
            return Err(stale(key, None));
        }
        let value = self.cloud.secret_value(self.secret, &key.version_id()).await?;
        delivering.value = Some((key.clone(), value.clone()));
        Ok(value)
    }

    /// The key that the secret hands out, as it says now.
    async fn handed_out(&self) -> Result<Option<KeyId>, CallError> {
        Ok(self.cloud.describe_secret(self.secret).await?.and_then(|found| found.handed_out()))
    }
}

/// Why a place does not have the key.
struct NotDelivered {
    failure: Failure,
    /// Whether it may hold a part of it by now.
    may_be_part: bool,
}

impl std::convert::From<Failure> for NotDelivered {
    fn from(failure: Failure) -> Self {
        Self { failure, may_be_part: false }
    }
}

/// What failed after the place was written to.
fn part(error: CallError) -> NotDelivered {
    NotDelivered { failure: error.into(), may_be_part: true }
}

/// `instead`: the key that the place has got in place of this one.
fn stale(key: &KeyId, instead: Option<&KeyId>) -> Failure {
    let has = instead.map_or_else(String::new, |instead| format!(": {instead}, which the place has got again"));
    Failure::Stale(format!("the secret hands out another key than {key} by now{has}"))
}
