//! What the planner says is due to be told, as what templates are filled in with.

use std::sync::Arc;

use crate::{
    inventory::KeyId,
    plan::{Change, Notice, Topic},
    template::content::{AboutKey, Content, Retiring, Rotated},
};

/// What the owner of a key is told that was rotated, or that is to go. `because` says why it goes to the fallback.
pub fn of_topic(change: &Change, key: &KeyId, topic: &Topic, because: Option<String>) -> Content {
    let (account, user, key) = (Arc::clone(&change.account), change.user.clone(), key.clone());
    match topic.clone() {
        Topic::Issued { old, at_once, moved_from, places } => {
            let (delivered, undelivered): (Vec<_>, Vec<_>) = places.into_iter().partition(|(_, took)| *took);
            let names = |places: Vec<(String, bool)>| places.into_iter().map(|(place, _)| place).collect();
            let secret = change.destination.clone();
            let (delivered, undelivered) = (names(delivered), names(undelivered));
            Content::Rotated(Rotated {
                account,
                user,
                key,
                secret,
                old,
                at_once,
                moved_from,
                delivered,
                undelivered,
                because,
            })
        }
        Topic::Retiring { why, last_use, other, stops, latest } => {
            let why = why.as_str();
            Content::Retiring(Retiring { account, user, key, why, last_use, other, stops, latest, because })
        }
    }
}

/// What the owner of a key is told after a run.
pub fn of_notice(notice: &Notice) -> AboutKey {
    let Notice { account, user, key, other, secret, places, last_use, reason, since, began, deadline, .. } = notice;
    AboutKey {
        account: Arc::clone(account),
        user: user.clone(),
        key: key.clone(),
        other: other.clone(),
        secret: secret.clone(),
        places: places.clone(),
        last_use: last_use.clone(),
        reason: *reason,
        since: *since,
        began: *began,
        deadline: *deadline,
    }
}
