//! The state after a change, as AWS would show it once it is consistent.

use chrono::{DateTime, Utc};

use super::{
    kms_key::KmsKeyChange,
    model::{Action, LedgerWrite, Topic},
};
use crate::inventory::{
    CURRENT, Destination, Key, KeyAt, KeyId, LastUse, PENDING, Readers, Replica, Secret, State, Status, Version,
};

const PREVIOUS: &str = "AWSPREVIOUS";

/// The state after `action` took place at `now`. `issued` is the id of the key that a creation yields.
pub fn simulate(action: &Action, state: &State, now: DateTime<Utc>, issued: &KeyId) -> State {
    let mut after = state.clone();
    match action {
        Action::Create { ledger: write, .. } => {
            let id = issued.clone();
            after.keys.push(Key { id, status: Status::Active, created: now, last_use: LastUse::Never });
            let secret = ledger(&mut after, Some(write));
            secret.intent = Some(now);
            secret.announced = None;
            for version in &mut secret.versions {
                version.labels.retain(|label| label != PENDING);
            }
            // Secrets Manager gives the first version AWSCURRENT by itself.
            let first = !secret.versions.iter().any(|version| version.labels.iter().any(|label| label == CURRENT));
            let labels = if first { vec![CURRENT.to_owned(), PENDING.to_owned()] } else { vec![PENDING.to_owned()] };
            secret.versions.push(Version { id: issued.version_id(), labels });
            drop_deprecated(secret);
        }
        Action::Promote { key, from } => {
            let secret = ledger(&mut after, None);
            let to = key.version_id();
            let moves = from.as_ref() != Some(&to);
            for version in &mut secret.versions {
                version.labels.retain(|label| match label.as_str() {
                    PENDING => version.id != to,
                    CURRENT | PREVIOUS => !moves,
                    _ => true,
                });
                if moves && version.id == to {
                    version.labels.push(CURRENT.to_owned());
                }
                if moves && from.as_ref() == Some(&version.id) {
                    version.labels.push(PREVIOUS.to_owned());
                }
            }
            secret.intent = None;
            drop_deprecated(secret);
        }
        Action::Notify { key, notice } => {
            let secret = ledger(&mut after, Some(&notice.ledger));
            match notice.topic {
                Topic::Issued { .. } => {
                    secret.notified = Some(key.clone());
                    secret.notified_at = Some(now);
                }
                Topic::Retiring { .. } => secret.announced = Some(KeyAt { key: key.clone(), at: now }),
            }
        }
        Action::Deactivate { key, ledger: write, .. } => {
            for held in after.keys.iter_mut().filter(|held| held.id == *key) {
                held.status = Status::Inactive;
            }
            let deactivation = KeyAt { key: key.clone(), at: now };
            let secret = ledger(&mut after, Some(write));
            secret.deactivating = Some(deactivation.clone());
            secret.deactivated = Some(deactivation);
        }
        Action::Delete { key, clear, .. } => {
            after.keys.retain(|held| held.id != *key);
            if *clear {
                let secret = ledger(&mut after, None);
                secret.deactivating = None;
                secret.deactivated = None;
            }
        }
        Action::Update(update) => {
            let secret = ledger(&mut after, None);
            if let Some(KmsKeyChange { from: _, to }) = &update.kms_key {
                secret.kms_key = Some(to.clone());
            }
            let replicas = secret.replicas.get_or_insert_default();
            replicas.extend(update.replicate_to.iter().map(Replica::new));
        }
    }
    after
}

/// The user's secret; created empty where there is none, as the actions do.
fn ledger<'a>(state: &'a mut State, write: Option<&LedgerWrite>) -> &'a mut Secret {
    let destination = &mut state.ledger.destination;
    if !matches!(destination, Destination::Own(_)) {
        // A secret of keyrota's own making has no resource policy.
        let (kms_key, replicate_to) = write.map(|write| (write.kms_key.clone(), &write.replicate_to)).unzip();
        let replicas = Some(replicate_to.into_iter().flatten().map(Replica::new).collect());
        let kms_key = kms_key.flatten();
        *destination = Destination::Own(Secret { readers: Readers::Inside, kms_key, replicas, ..Secret::default() });
    }
    match destination {
        Destination::Own(secret) => secret,
        Destination::Absent | Destination::Foreign | Destination::BeingDeleted | Destination::Replica { .. } => {
            unreachable!("set just above")
        }
    }
}

/// Secrets Manager does not list versions without a label.
fn drop_deprecated(secret: &mut Secret) {
    secret.versions.retain(|version| !version.labels.is_empty());
}
