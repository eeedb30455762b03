//! The state after a change, as AWS would show it once it is consistent.

use chrono::{DateTime, Utc};

use super::{
    action::{Action, Delivery, LedgerWrite, Topic},
    kms_key::KmsKeyChange,
};
use crate::inventory::{
    Destination, Fact, Found, Held, Key, KeyAt, KeyId, LastUse, Readers, Replica, Secret, State, Status,
};

/// The state after `action` took place at `now`. `issued` is the id of the key that a creation yields.
pub fn simulate(action: &Action, state: &State, now: DateTime<Utc>, issued: &KeyId) -> State {
    let mut after = state.clone();
    match action {
        Action::Create { ledger: write, .. } => {
            let id = issued.clone();
            after.keys.push(Key { id, status: Status::Active, created: now, last_use: LastUse::Never });
            let secret = ledger(&mut after, Some(write));
            secret.note(Fact::Intent(now));
            secret.note(Fact::RoomMade);
            secret.store(issued);
        }
        Action::Promote { key, from } => {
            let secret = ledger(&mut after, None);
            secret.hand_out(key, from.as_deref());
            secret.note(Fact::NoIntent);
        }
        Action::Deliver(delivery) => {
            let Delivery { key, target, slot, completes, .. } = &**delivery;
            let secret = ledger(&mut after, None);
            secret.note(Fact::Holds(Held::new(*slot, &target.id, key, "", &target.place.to_string())));
            if let Some(places) = completes {
                secret.note(Fact::Delivered(KeyAt { key: key.clone(), at: now }, places.clone()));
            }
            // As it was left there.
            after.places.insert(target.id.clone(), Found::Something { mark: String::new(), last: String::new() });
        }
        Action::Notify { key, announcement } => {
            let secret = ledger(&mut after, Some(&announcement.ledger));
            match announcement.topic {
                Topic::Issued { .. } => {
                    secret.note(Fact::Notified(KeyAt { key: key.clone(), at: now }));
                    secret.note(Fact::NoIntent);
                }
                Topic::Retiring { .. } => secret.note(Fact::Announced(KeyAt { key: key.clone(), at: now })),
            }
        }
        Action::Deactivate { key, ledger: write, unused, .. } => {
            for held in after.keys.iter_mut().filter(|held| held.id == *key) {
                held.status = Status::Inactive;
            }
            let deactivation = KeyAt { key: key.clone(), at: now };
            let secret = ledger(&mut after, Some(write));
            if !unused.is_empty() {
                secret.note(Fact::Unused(unused.clone()));
            }
            secret.note(Fact::Deactivating(deactivation.clone()));
            secret.note(Fact::Deactivated(deactivation));
        }
        Action::Delete { key, clear, .. } => {
            after.keys.retain(|held| held.id != *key);
            if *clear {
                let secret = ledger(&mut after, None);
                secret.note(Fact::NotDeactivated);
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
