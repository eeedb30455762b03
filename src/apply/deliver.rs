//! One place takes the key that the secret hands out.

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::outcome::{Conditions, Failure};
use crate::{
    cloud::Values,
    credential::Credential,
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
pub(super) struct From<'a, C> {
    pub cloud: &'a C,
    /// The name of the user's secret.
    pub secret: &'a str,
    pub conditions: &'a Conditions<'a>,
    pub now: DateTime<Utc>,
    /// How long nothing is due then.
    pub rest: Option<Rest>,
}

impl<C: Values> From<'_, C> {
    /// Delivers, and notes it. That a place refused is noted, too: its owner hears of the second run. What it holds then is not
    /// known, for some of it may have been written.
    pub async fn deliver(
        &self,
        delivery: &Delivery,
        delivering: &mut Delivering,
        notes: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let result = self.take(delivery, delivering).await;
        if let Err(Failure::Failed(_)) = &result {
            let at = self.conditions.as_of;
            let first = delivery.refused_since.map_or(at, |since| since.min(at));
            let refused = Undelivered { key: delivery.key.clone(), at, first };
            let facts = vec![Fact::Undelivered(refused), Fact::Unknown(delivery.slot), Fact::Rest(None)];
            if let Err(error) = self.cloud.tag_secret(self.secret, &tags(facts.clone())).await {
                notes.push(format!("that it failed could not be noted: {error}"));
            }
            delivering.noted = facts;
        }
        result
    }

    async fn take(&self, delivery: &Delivery, delivering: &mut Delivering) -> Result<(), Failure> {
        let Delivery { key, target, exists, slot, completes, rests, refused_since: _ } = delivery;
        let (cloud, secret) = (self.cloud, self.secret);
        let value = self.value(key, delivering).await?;
        let credential = Credential::read(&value, key, target.smtp()).map_err(|why| {
            let message = format!("the value that was read is not to be delivered: {why}");
            CallError::new(ErrorKind::Malformed, "secretsmanager:GetSecretValue", secret, message)
        })?;
        if *rests {
            cloud.tag_secret(secret, &tags([Fact::Rest(None)])).await?;
        }
        let mark = target.take(&credential, *exists, cloud).await?;
        // No place takes a key on condition. Where another run has handed out another one meanwhile, this one was written over
        // that: the run that comes next, of whatever kind, looks and delivers again.
        if !self.is_handed_out(key).await? {
            cloud.tag_secret(secret, &tags([Fact::Rest(None)])).await?;
            return Err(stale(key));
        }
        let held = Held::new(*slot, &target.id, key, &mark, &target.place.to_string());
        let at = KeyAt { key: key.clone(), at: self.now };
        let delivered = completes.as_ref().map(|places| Fact::Delivered(at, places.clone()));
        let facts = [Some(Fact::Holds(held)), delivered, Some(Fact::Rest(self.rest.clone()))];
        Ok(cloud.tag_secret(secret, &tags(facts.into_iter().flatten())).await?)
    }

    /// What this run has in memory, or else what the secret stores: the one case in which keyrota reads a credential.
    async fn value(&self, key: &KeyId, delivering: &mut Delivering) -> Result<SecretString, Failure> {
        if let Some((_, value)) = delivering.value.as_ref().filter(|(of, _)| of == key) {
            return Ok(value.clone());
        }
        if !self.is_handed_out(key).await? {
            return Err(stale(key));
        }
        let value = self.cloud.secret_value(self.secret, &key.version_id()).await?;
        delivering.value = Some((key.clone(), value.clone()));
        Ok(value)
    }

    /// Whether the secret hands this key out, as it says now.
    async fn is_handed_out(&self, key: &KeyId) -> Result<bool, CallError> {
        let found = self.cloud.describe_secret(self.secret).await?;
        Ok(found.is_some_and(|found| found.hands_out(key)))
    }
}

fn stale(key: &KeyId) -> Failure {
    Failure::Stale(format!("the secret hands out another key than {key} by now"))
}
