//! The end of a leak response: what the run says it stopped must have stopped. Everywhere else the next run would find
//! out; here, that is a month in which a stolen key works.

use chrono::{DateTime, Utc};

use super::outcome::{Conditions, Failure, Outcome};
use crate::{
    cloud::Writes,
    inventory::{CallError, DEACTIVATED, Destination, ErrorKind, Key, KeyId, State, Status},
    plan::Action,
    roster::Entry,
};

/// Re-reads the keys of a user for whom this run stopped keys from before `leaked_before`. Where one works all the same,
/// or nobody can tell, the changes that stopped it have failed; the state is as the next run will find it.
pub(super) async fn check(
    cloud: &dyn Writes,
    entry: &Entry,
    leaked_before: DateTime<Utc>,
    conditions: &Conditions<'_>,
    outcomes: &mut [Outcome],
    state: &mut State,
) {
    let stopped: Vec<KeyId> = outcomes.iter().filter_map(stopped).cloned().collect();
    if stopped.is_empty() || leaked_before > (conditions.clock)() {
        return;
    }
    let works = |key: &&Key| key.is_active() && key.created < leaked_before && stopped.contains(&key.id);
    let user = &entry.user.name;
    let keys = match cloud.access_keys_after(user, &|keys| !keys.iter().any(|key| works(&key))).await {
        Ok(keys) => keys,
        Err(error) => {
            let message = format!("whether the leaked key has stopped can't be told: {}", error.message);
            fail(outcomes, conditions, &CallError { message, ..error }, |_| true);
            return;
        }
    };
    for key in keys.iter().filter(works) {
        let message = "AWS said that it was done, and the leaked key works all the same".to_owned();
        let (kind, operation) = (ErrorKind::Other, "iam:UpdateAccessKey");
        let error = CallError { kind, operation, subject: format!("{user}/{}", key.id), message, hint: None };
        fail(outcomes, conditions, &error, |id| *id == key.id);
        let left = put_back(cloud, key, state).await;
        let last = outcomes.iter_mut().rfind(|outcome| outcome.change.action.key() == Some(&key.id));
        last.into_iter().for_each(|outcome| outcome.notes.extend(left.clone()));
    }
}

/// The key that the change has stopped.
fn stopped(outcome: &Outcome) -> Option<&KeyId> {
    match &outcome.change.action {
        Action::Deactivate { key, .. } | Action::Delete { key, .. } if outcome.result.is_ok() => Some(key),
        _ => None,
    }
}

/// Lets the changes that stopped such keys have failed.
fn fail(outcomes: &mut [Outcome], conditions: &Conditions<'_>, error: &CallError, is_it: impl Fn(&KeyId) -> bool) {
    for outcome in outcomes.iter_mut().filter(|outcome| stopped(outcome).is_some_and(&is_it)) {
        outcome.result = Err(Failure::Failed(error.clone()));
        (conditions.progress)(outcome);
    }
}

/// The ledger must not say that a working key was deactivated: the next run would take it for a person's decision to
/// activate it again. Returns why it says so all the same.
async fn put_back(cloud: &dyn Writes, key: &Key, state: &mut State) -> Option<String> {
    match state.keys.iter_mut().find(|held| held.id == key.id) {
        Some(held) => held.status = Status::Active,
        None => state.keys.push(key.clone()),
    }
    let Destination::Own(secret) = &mut state.ledger.destination else { return None };
    secret.deactivated = None;
    cloud.untag_secret(&state.ledger.secret, DEACTIVATED).await.err().map(|error| error.to_string())
}
