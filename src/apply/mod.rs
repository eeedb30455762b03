//! Carries a plan out. As much as possible, behaviour does *not* live here but in the planner, where it can be tested
//! without an account: each user is carried from one change to the next, and `actions` knows the calls within one.

mod actions;
mod deliver;
mod leak;
mod outcome;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures::{StreamExt, future::LocalBoxFuture, stream};
use tokio::time::timeout_at;

use self::actions::{Ahead, Halt, Memory, Remarks, Step, Stored};
use crate::{
    cloud::Values,
    events::Happened,
    inventory::{CallError, Destination, ErrorKind, Found, Inventory, KeyId, Known, State},
    mail::run_id,
    observe::fetch,
    plan::{Action, Change, KeyRef, Need, Next, Topic, Verb, next, placed, rest, simulate},
    roster::{Entry, Roster},
};

pub(crate) use self::actions::write_ledger;
pub use self::outcome::{Applied, Cause, Conditions, Deferred, Failure, Outcome, Sent};

/// Users carried through their changes at the same time. How fast their calls go out is up to the cloud.
const CONCURRENCY: usize = 16;

/// Carries each user through its changes until it is settled or must wait; many users at a time. One user's failure
/// stops no other.
pub fn apply<'a>(
    cloud: &'a dyn Values,
    roster: &'a Roster,
    inventory: &'a Inventory,
    changes: &'a [Change],
    conditions: &'a Conditions<'_>,
) -> LocalBoxFuture<'a, Applied> {
    Box::pin(apply_each(cloud, roster, inventory, changes, conditions))
}

async fn apply_each(
    cloud: &dyn Values,
    roster: &Roster,
    inventory: &Inventory,
    changes: &[Change],
    conditions: &Conditions<'_>,
) -> Applied {
    let entries: BTreeMap<&str, &Entry> =
        roster.entries.iter().map(|entry| (entry.user.name.as_str(), entry)).collect();
    let mut users = stream::iter(changes.iter().enumerate())
        .map(|(position, change)| {
            let entry = entries.get(change.user.as_str()).expect("a plan names users of its roster");
            let state = inventory.users.get(&change.user).and_then(|state| state.as_ref().ok());
            let state = state.expect("a plan changes only what was observed").clone();
            async move { (position, apply_user(cloud, roster, entry, state, change, conditions).await) }
        })
        .buffer_unordered(CONCURRENCY)
        .collect::<Vec<_>>()
        .await;
    users.sort_by_key(|(position, _)| *position);
    let mut applied = Applied::default();
    for (position, UserOutcome { outcomes, left, state }) in users {
        let user = changes[position].user.clone();
        applied.outcomes.extend(outcomes);
        if let Some(cause) = left {
            applied.deferred.push(Deferred::new(&changes[position], cause));
        }
        applied.after.insert((roster.account.id.clone(), user), state);
    }
    applied
}

/// What became of one user.
struct UserOutcome {
    outcomes: Vec<Outcome>,
    /// Why something is left to do now.
    left: Option<Cause>,
    state: State,
}

async fn apply_user(
    cloud: &dyn Values,
    roster: &Roster,
    entry: &Entry,
    state: State,
    first: &Change,
    conditions: &Conditions<'_>,
) -> UserOutcome {
    let mut user_outcome = UserOutcome { outcomes: Vec::new(), left: None, state };
    let settled = settle(cloud, roster, entry, first, conditions, &mut user_outcome);
    let settled = match conditions.ends {
        Some(ends) => timeout_at(ends, settled).await.unwrap_or(Err(Cause::CutOff)),
        None => settled.await,
    };
    user_outcome.left = settled.err();
    let is_cut_off = user_outcome.left == Some(Cause::CutOff);
    if let Some(leaked_before) = entry.policy.reissue_before.value.filter(|_| !is_cut_off) {
        let UserOutcome { outcomes, state, .. } = &mut user_outcome;
        let were_done: Vec<bool> = outcomes.iter().map(|outcome| outcome.result.is_ok()).collect();
        leak::check(cloud, entry, leaked_before, conditions, outcomes, state).await;
        let have_failed =
            outcomes.iter().zip(were_done).filter(|(outcome, was_done)| *was_done && outcome.result.is_err());
        have_failed.for_each(|(outcome, _)| note(conditions, roster, entry, None, outcome));
    }
    user_outcome
}

/// Makes one change after the other.
///
/// # Errors
/// Why it ended although something is left to do, other than that a change failed.
async fn settle(
    cloud: &dyn Values,
    roster: &Roster,
    entry: &Entry,
    first: &Change,
    conditions: &Conditions<'_>,
    user_outcome: &mut UserOutcome,
) -> Result<(), Cause> {
    let UserOutcome { outcomes, state, .. } = user_outcome;
    let mut change = first.clone();
    let mut memory = Memory::default();
    loop {
        if !(conditions.may_start)() {
            return Err(Cause::Stopped);
        }
        if change.action.starts_rotation()
            && let Some(error) = untold(roster, entry, conditions)
        {
            return Err(Cause::NoMail(error));
        }
        let mut remarks = Remarks::default();
        let now = (conditions.clock)();
        let is_as_planned = if change.action.verb().ends_a_key() && !memory.is_confirmed {
            let planned_at = outcomes.is_empty().then_some(conditions.as_of);
            confirm(cloud, roster, entry, &change, planned_at, state).await?
        } else {
            Ok(())
        };
        let after = simulate(&change.action, &placed(roster, entry, state, now), now, &KeyId::new(""));
        let follows = next(roster, entry, &after, now);
        let ahead = Ahead {
            // What failed is tried again by the next run, of whatever kind.
            rest: rest(roster, entry, &as_created(&after, &memory), now)
                .filter(|_| outcomes.iter().all(|outcome| outcome.result.is_ok())),
            delivers: matches!(&follows, Next::Change(Action::Deliver(_), _)),
            deletes: matches!(&follows, Next::Change(Action::Delete { .. }, _)),
            tells: matches!(&follows, Next::Change(Action::Notify { announcement, .. }, _)
                if matches!(announcement.topic, Topic::Issued { .. })),
        };
        let is_first = outcomes.is_empty();
        let step = Step { cloud, mail: &roster.mail, change: &change, conditions, now, is_first, ahead };
        let carried_out = match is_as_planned {
            Ok(()) => step.carry_out(&mut memory, &mut remarks).await,
            Err(failure) => Err(failure.into()),
        };
        let (result, stored) = match carried_out {
            Ok(stored) => (Ok(()), stored),
            // Nobody's change failed: there is no more mail for anyone today.
            Err(Halt::Failed(Failure::Failed(error))) if error.kind == ErrorKind::QuotaUsedUp => {
                return Err(Cause::NoMail(error));
            }
            Err(Halt::Stopped) => return Err(Cause::Stopped),
            Err(Halt::Failed(failure)) => (Err(failure), None),
        };
        let refused = match (&change.action, &result) {
            (Action::Deliver(delivery), Err(Failure::Failed(error))) => {
                Some((delivery.target.id.clone(), error.to_string()))
            }
            _ => None,
        };
        let new_key = stored.as_ref().map(|stored| stored.key.clone());
        // What the secret is like must not keep a key from being rotated: where an update fails, the rest goes on as if it
        // had not, and the next run tries again. Nor does one place keep the key from the others; what ends the old one
        // waits for it.
        let is_over = result.is_err() && change.action.verb() != Verb::Update && refused.is_none();
        if is_over {
            remarks.notes.extend(unreached(first, &change));
        }
        let outcome = Outcome {
            change: change.clone(),
            at: (conditions.clock)(),
            result,
            issued: new_key.clone(),
            notes: remarks.notes,
            told: remarks.told,
        };
        (conditions.progress)(&outcome);
        let is_done = outcome.result.is_ok();
        memory.is_confirmed |= is_done && (change.action.verb() == Verb::Promote || change.action.verb().ends_a_key());
        if !is_done {
            note(conditions, roster, entry, None, &outcome);
        }
        outcomes.push(outcome);
        if is_over {
            return Ok(());
        }

        // The next change comes from the simulated state with the real id, never from a fresh list: IAM is
        // eventually consistent, and a re-read may not show what was just done.
        *state = placed(roster, entry, state, now).into_owned();
        match refused {
            Some((place, why)) => drop(state.places.insert(place, Found::Refused { why })),
            None => *state = simulate(&change.action, state, now, &new_key.unwrap_or_else(|| KeyId::new(""))),
        }
        if let Destination::Own(secret) = &mut state.ledger.destination {
            memory.delivering.noted.drain(..).for_each(|fact| secret.note(fact));
        }
        if let Some(outcome) = outcomes.last().filter(|_| is_done) {
            note(conditions, roster, entry, Some(state), outcome);
        }
        if let Some(stored) = stored {
            learn_labels(cloud, entry, state, &stored).await.map_err(Cause::Unread)?;
        }
        let now = (conditions.clock)();
        change = loop {
            *state = placed(roster, entry, state, now).into_owned();
            match next(roster, entry, state, now) {
                Next::Change(action, _) if action.starts_rotation() && !change.begins => return Ok(()),
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

/// What the plan had this run do after a step that failed.
fn unreached(planned: &Change, failed: &Change) -> Option<String> {
    let is_it = |(verb, key): &(Verb, KeyRef)| {
        let is_key = match key {
            KeyRef::Existing(key) => failed.action.key() == Some(key),
            KeyRef::New | KeyRef::AfterNew | KeyRef::Secret(_) => true,
        };
        *verb == failed.action.verb() && is_key
    };
    let left: Vec<String> =
        planned.in_run().skip_while(|step| !is_it(step)).skip(1).map(|(verb, key)| format!("{verb} {key}")).collect();
    (!left.is_empty()).then(|| format!("not reached: {}", left.join(", ")))
}

/// Reads the secret before an old key ends: the plan may be older than what somebody has done since, as a listing always may.
///
/// # Errors
/// The outer: it can't be read. The inner: with what it says now, something else would come next. What this run has written itself it
/// knows (`planned_at` is `None`): then it is about the keys that are handed out.
async fn confirm(
    cloud: &dyn Values,
    roster: &Roster,
    entry: &Entry,
    change: &Change,
    planned_at: Option<DateTime<Utc>>,
    state: &mut State,
) -> Result<Result<(), Failure>, Cause> {
    let mut described = state.clone();
    fetch(cloud, entry, &mut described, Need::Ledger).await.map_err(Cause::Unread)?;
    let is_same = match planned_at {
        Some(now) => matches!(
            next(roster, entry, &placed(roster, entry, &described, now), now),
            Next::Change(action, _) if action == change.action
        ),
        None => described.handed_out() == state.handed_out(),
    };
    if !is_same {
        return Ok(Err(Failure::Stale("the user's secret has changed since the plan".to_owned())));
    }
    if state.ledger.known == Known::Provisional {
        *state = described;
    }
    Ok(Ok(()))
}

/// Why nobody could be told of a new key today: SES takes no more mail, and that is the only way to the owner. What is begun then
/// would leave two keys that work until somebody is told. A leaked key is replaced all the same.
fn untold(roster: &Roster, entry: &Entry, conditions: &Conditions<'_>) -> Option<CallError> {
    if entry.tell_nobody() || entry.policy.reissue_before.value.is_some() {
        return None;
    }
    let to = if entry.recipients.is_empty() { &roster.mail.fallback } else { &entry.recipients };
    let closed: Vec<CallError> = to.iter().map(|to| conditions.outbox.closed(to)).collect::<Option<_>>()?;
    closed.into_iter().find(|error| error.kind == ErrorKind::QuotaUsedUp)
}

/// Puts what happened in the queue for the event bus. `after` is the state that it leaves; `None` if it failed.
fn note(conditions: &Conditions<'_>, roster: &Roster, entry: &Entry, after: Option<&State>, outcome: &Outcome) {
    let Outcome { change, at, result, issued, .. } = outcome;
    let failure = result.as_ref().err().map(|failure| match failure {
        Failure::Stale(_) => ("stale", failure.to_string()),
        Failure::Failed(_) => ("failed", failure.to_string()),
    });
    let (run, issued) = (run_id(conditions.as_of), issued.as_ref());
    conditions.events.note(|| Happened { roster, entry, change, issued, at: *at, run, after, failure }.event());
}

/// The state with the date of the new key as IAM has it: the next run goes by that.
fn as_created(state: &State, memory: &Memory) -> State {
    let mut state = state.clone();
    if let Some((id, at)) = &memory.created {
        state.keys.iter_mut().filter(|key| key.id == *id).for_each(|key| key.created = *at);
    }
    state
}

/// Corrects the simulated labels where AWS answered others: only a secret's first version is `AWSCURRENT` at once, and
/// the promotion must know where that label is. `DescribeSecret` does not lag, other than the listings.
async fn learn_labels(cloud: &dyn Values, entry: &Entry, state: &mut State, stored: &Stored) -> Result<(), CallError> {
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
