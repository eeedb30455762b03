//! The plan: what changes now, what follows, and what waits for what. Pure data, made by pure functions of
//! `(Roster, Inventory, now)`: no clock, network, randomness or logger.
//!
//! The unit of planning is *the next change of one user* ([`next`]). [`simulate`] gives the state after it, and planning
//! again gives the change after that: one small planner yields the next change, the chain shown in a plan, and the loop
//! that `apply` runs.

mod action;
mod calendar;
mod change;
mod delivery;
mod fingerprint;
mod forecast;
mod hold;
pub mod kms_key;
mod limits;
mod model;
mod moving;
mod notices;
mod pace;
mod reason;
mod rest;
mod rules;
mod simulate;
mod unused;
mod upkeep;
mod view;
mod waiting_on;
mod warning;

use std::sync::Arc;

use self::{
    delivery::Places,
    forecast::{Outset, used_until},
    pace::Candidate,
    view::View,
};
use crate::{
    inventory::{Account, CallError, Destination, Elsewhere, Inventory, LastUse, SmtpUse, State},
    manifest::Policy,
    roster::{Entry, Roster},
};
use chrono::{DateTime, Utc};

pub use self::{
    action::{Action, Announcement, Delivery, KeyRef, LedgerWrite, SecretUpdate, Topic, Verb},
    calendar::{Calendar, Cause, DayAhead, Event, Outlook, OverAge, Row, ScheduledRun, calendar, calendar_from_now},
    change::{Change, Overdue, Settled, Step, Tells, Waiting},
    fingerprint::{Chain, Link, fingerprint, fingerprint_lines, fingerprint_of, fingerprint_of_sorted, places},
    kms_key::KmsKeyChange,
    limits::{Exceeded, exceeded, exceeded_by},
    model::{Need, Next, Plan, UnmanagedUser, Viewpoint},
    moving::{arranged, decide, next, placed},
    notices::{Batch, Notice, batches, due_notices},
    pace::{Rotations, left_since},
    reason::{Origin, Reason, Retirement, Undeliverable},
    rest::{is_same_at_rest, policy_fingerprint, rest},
    rules::{RULES, Rule},
    simulate::simulate,
    view::{due_at, overdue},
    waiting_on::{Class, LeakObstacle, WaitingKind, WaitingOn},
    warning::Warning,
};
pub use crate::time::{Day, Duration};

/// Plans one account, for a run that begins what is due.
#[must_use]
pub fn plan(roster: &Roster, inventory: &Inventory, viewpoint: impl Into<Viewpoint>) -> Plan {
    plan_for(roster, inventory, viewpoint, Rotations::Due)
}

/// Plans one account.
#[must_use]
pub fn plan_for(roster: &Roster, inventory: &Inventory, viewpoint: impl Into<Viewpoint>, rotations: Rotations) -> Plan {
    let viewpoint = viewpoint.into();
    let mut candidates = Vec::new();
    let now = viewpoint.at;
    let account = Arc::new(roster.account.clone());
    let mut plan = Plan::empty(now);
    plan.accounts.push(Arc::clone(&account));
    unmanaged(&mut plan, roster, inventory, &account);
    let is_doubtful = |entry: &Entry| {
        entry.exempt.is_none() && !entry.policy.smtp.value && entry.user.smtp == SmtpUse::PoliciesUnread
    };
    if roster.entries.iter().any(is_doubtful) {
        plan.warnings.push(Warning::PoliciesUnread { account: Arc::clone(&account) });
    }
    let places = Places::of(roster);
    for entry in &roster.entries {
        let user = entry.user.name.clone();
        if inventory.resting.contains(&user) {
            plan.resting += 1;
            // Nobody asked how many there are; one at least, or it would have none to rest with.
            plan.keys += 1;
            continue;
        }
        let observed = inventory.users.get(&user).map(Result::as_ref);
        plan.keys += observed.and_then(Result::ok).map_or(0, |state| state.keys.len());
        let account = Arc::clone(&account);
        let outset = Outset { roster, entry, now };
        let forecast = Forecast::new(roster, entry, observed, viewpoint);
        let (state, is_assumed) = (forecast.state.as_ref(), forecast.is_assumed);
        let overdue = || observed.and_then(Result::ok).and_then(|state| overdue(entry, state, now));
        if let Some(state) = state.filter(|_| entry.exempt.is_none()) {
            let view = View::new(roster, entry, state, now);
            plan.warnings.extend(upkeep::warnings(&view, &forecast.next));
            plan.warnings.extend(delivery::warnings(&view, &places));
        }
        let moves_to = forecast.moves_to(roster, entry, now);
        let (key, wait, until) = match forecast.next {
            Next::Change(action, reason) => {
                let state = state.expect("only a state that was read changes");
                let then = outset.after(state, &action);
                let (destination, source) = (state.ledger.secret.clone(), entry.rule.clone());
                let creates = action.verb() == Verb::Create || then.iter().any(|step| step.verb == Verb::Create);
                let made_with = made_with(entry, state).filter(|_| creates);
                let state = state.clone();
                let change = Change {
                    account,
                    user,
                    action,
                    reason,
                    destination,
                    moves_to,
                    made_with,
                    source,
                    then,
                    is_assumed,
                    begins: true,
                    queue: None,
                    tells: tells(roster, entry),
                };
                candidates.push(Candidate { change, entry, state });
                continue;
            }
            Next::Settled { next_rotation } => {
                let goes = state.and_then(|state| unused::goes(&View::new(roster, entry, state, now)));
                let goes_unused = goes.map(|at| roster.runs.starting(at, now));
                let goes_unused = goes_unused.filter(|goes| next_rotation.is_none_or(|rotates| *goes <= rotates));
                let next_rotation = next_rotation.filter(|_| goes_unused.is_none());
                plan.settled.push(Settled { account, user, next_rotation, goes_unused });
                continue;
            }
            Next::Wait { key, wait, until } => (key, wait, until),
            Next::Need(need) => {
                (None, WaitingOn::Unreadable { error: need.to_string(), cause: need.cause(), hint: None }, None)
            }
        };
        let then = match state {
            Some(state) if until.is_some() && !wait.is_exempt() => outset.after_wait(state),
            _ => Vec::new(),
        };
        let (source, overdue) = (entry.rule.clone(), overdue());
        plan.waiting.push(Waiting { account, user, key, wait, moves_to, source, until, then, is_assumed, overdue });
    }
    pace::spread(&mut plan, candidates, roster, inventory, rotations);
    plan
}

/// The users that no rule selects, and what is to be said of them.
fn unmanaged(plan: &mut Plan, roster: &Roster, inventory: &Inventory, account: &Arc<Account>) {
    let limit = roster.defaults.max_age.value;
    for user in &roster.unmanaged {
        let keys = inventory.unmanaged.users.get(&user.name).cloned();
        let active = keys.iter().flatten().filter(|key| key.active).map(|key| plan.as_of - key.created);
        let over_age = active.max().filter(|age| *age >= limit);
        let (account, user) = (Arc::clone(account), user.name.clone());
        plan.unmanaged.push(UnmanagedUser { account, user, keys, over_age });
    }
    let over_age = plan.unmanaged.iter().filter_map(|one| Some((one.user.clone(), one.over_age?)));
    let mut users: Vec<_> = over_age.collect();
    users.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    if !users.is_empty() {
        plan.warnings.push(Warning::UnmanagedOverAge { account: Arc::clone(account), users, limit });
    }
    if let Some(error) = &inventory.unmanaged.unread {
        let unread = plan.unmanaged.iter().filter(|one| one.keys.is_none()).count();
        let (account, why) = (Arc::clone(account), error.to_string());
        plan.warnings.push(Warning::UnmanagedUnread { account, users: unread, why });
    }
}

/// The places that lack the key that the secret hands out; none where that is not keyrota's.
#[must_use]
pub fn places_lacking(roster: &Roster, entry: &Entry, state: &State, now: DateTime<Utc>) -> Vec<String> {
    delivery::undelivered(&View::new(roster, entry, &placed(roster, entry, state, now), now))
}

/// Each place of delivery of a user, and whether it has the key that the secret hands out; `None`: that is not known.
#[must_use]
pub fn places_of(
    roster: &Roster,
    entry: &Entry,
    state: Option<&State>,
    now: DateTime<Utc>,
) -> Vec<(String, Option<bool>)> {
    match state.filter(|_| !entry.deliver.is_empty()) {
        Some(state) => delivery::seen(&View::new(roster, entry, &placed(roster, entry, state, now), now)),
        None => entry.deliver.iter().map(|target| (target.place.to_string(), None)).collect(),
    }
}

/// Who is told of what is done to a user.
pub fn tells(roster: &Roster, entry: &Entry) -> Tells {
    let is_fallback = entry.recipients.is_empty() && !entry.tell_nobody();
    let recipients = if is_fallback { roster.mail.fallback.clone() } else { entry.recipients.clone() };
    Tells { recipients, is_fallback }
}

/// What comes for a user as far as time and keyrota alone decide, at once or later: up to where the next rotation begins or a
/// person is needed.
#[must_use]
pub fn coming(roster: &Roster, entry: &Entry, state: &State, now: DateTime<Utc>) -> Vec<Step> {
    Outset { roster, entry, now }.after_wait(state)
}

/// What a secret that does not exist yet will be made with, in words; `None` where it exists, or nothing is special.
fn made_with(entry: &Entry, state: &State) -> Option<String> {
    let ledger = match &state.elsewhere {
        Elsewhere::MovesTo(to) => to,
        Elsewhere::Nowhere | Elsewhere::MovedFrom(_) | Elsewhere::Several(_) => &state.ledger,
    };
    let Policy { kms_key, replicate_to, .. } = &*entry.policy;
    let kms_key = kms_key.value.as_ref().map(|key| format!("kms-key {key}"));
    let regions = replicate_to.value.join(", ");
    let replicate_to = (!regions.is_empty()).then(|| format!("replicate-to {regions}"));
    let parts: Vec<String> = kms_key.into_iter().chain(replicate_to).collect();
    (ledger.destination == Destination::Absent && !parts.is_empty()).then(|| parts.join(", "))
}

/// What comes next for one user at a viewpoint.
pub struct Forecast {
    /// What comes next.
    pub next: Next,
    /// Whether it would be something else if the keys in use were not used any more.
    pub is_assumed: bool,
    /// The state that it is told of.
    state: Option<State>,
}

impl Forecast {
    /// The secret that the manifest names, if the credential is at another yet.
    pub fn moves_to(&self, roster: &Roster, entry: &Entry, now: DateTime<Utc>) -> Option<String> {
        let state = self.state.as_ref()?;
        let view = View::new(roster, entry, state, now);
        let is_due = || view.pair().is_some_and(|(current, _)| view.moved_from(current).is_some());
        let is_waiting = matches!(&self.next, Next::Wait { .. });
        state.moves_to().map(str::to_owned).or_else(|| (is_waiting && is_due()).then(|| entry.secret.clone()))
    }

    /// What comes next for a user of the roster, whose keys and secret were observed so or could not be read.
    #[must_use]
    pub fn new(
        roster: &Roster,
        entry: &Entry,
        observed: Option<Result<&State, &CallError>>,
        viewpoint: Viewpoint,
    ) -> Self {
        let mut forecast = Self::at_due_times(roster, entry, observed, viewpoint);
        forecast.next = on_schedule(forecast.next, roster, forecast.state.as_ref(), viewpoint.at);
        forecast
    }

    fn at_due_times(
        roster: &Roster,
        entry: &Entry,
        observed: Option<Result<&State, &CallError>>,
        viewpoint: Viewpoint,
    ) -> Self {
        let Viewpoint { observed: since, at } = viewpoint;
        let as_observed = next_observed(roster, entry, observed, at);
        let Some(Ok(state)) = observed else { return Self { next: as_observed, is_assumed: false, state: None } };
        let used = used_until(state, entry, since, at);
        let used = placed(roster, entry, &used, at).into_owned();
        if used == *state {
            return Self { next: as_observed, is_assumed: false, state: Some(used) };
        }
        let mut next = next_observed(roster, entry, Some(Ok(&used)), at);
        let is_assumed = next != as_observed;
        // What is shown is when the key was used in fact.
        if let Next::Wait { key: Some(key), wait: WaitingOn::StillInUse { last_used }, .. } = &mut next
            && let Some(LastUse::At { time, .. }) = state.key(key).map(|key| &key.last_use)
        {
            *last_used = *time;
        }
        Self { next, is_assumed, state: Some(used) }
    }
}

/// The same with the instants of the scheduled runs that act. An exemption ends when it ends.
fn on_schedule(next: Next, roster: &Roster, state: Option<&State>, now: DateTime<Utc>) -> Next {
    let deactivated = state.and_then(|state| state.ledger.destination.own()?.deactivated.as_ref());
    match next {
        // What someone else has deactivated makes room for a rotation.
        Next::Wait { key, wait: WaitingOn::InHold, until: Some(until) }
            if deactivated.is_none_or(|deactivated| key.as_ref() != Some(&deactivated.key)) =>
        {
            Next::Wait { key, wait: WaitingOn::InHold, until: Some(roster.runs.starting(until, now)) }
        }
        Next::Wait { key, wait: wait @ WaitingOn::UnusedSecret { .. }, until: Some(due) } => {
            Next::Wait { key, wait, until: Some(roster.runs.starting(due, now)) }
        }
        Next::Wait { key, wait, until: Some(until) } if !wait.is_exempt() => {
            Next::Wait { key, wait, until: Some(roster.runs.carrying_on(until, now)) }
        }
        Next::Settled { next_rotation: Some(due) } => {
            Next::Settled { next_rotation: Some(roster.runs.starting(due, now)) }
        }
        next => next,
    }
}

/// [`next`] for a user whose state may not have been read.
pub fn next_observed(
    roster: &Roster,
    entry: &Entry,
    observed: Option<Result<&State, &CallError>>,
    now: DateTime<Utc>,
) -> Next {
    let unreadable = |error: String, cause: String, hint: Option<String>| {
        let wait = WaitingOn::Unreadable { error, cause, hint };
        Next::Wait { key: None, wait, until: None }
    };
    if let Some(exemption) = &entry.exempt {
        let (reason, until) = (exemption.reason.clone(), exemption.ends);
        return Next::Wait { key: None, wait: WaitingOn::Exempt { reason }, until };
    }
    match (&entry.user.unreadable, observed) {
        (Some(error), _) | (None, Some(Err(error))) => unreadable(error.to_string(), error.cause(), error.hint.clone()),
        (None, None) => unreadable("its keys were not read".to_owned(), "they were not read".to_owned(), None),
        (None, Some(Ok(state))) => next(roster, entry, state, now),
    }
}

/// What is yet to be read of a user before it can be told what one run does to it: what comes next, and all that follows
/// at once.
pub fn need(roster: &Roster, entry: &Entry, state: &State, viewpoint: Viewpoint) -> Option<Need> {
    if entry.exempt.is_some() || entry.user.unreadable.is_some() {
        return None;
    }
    let Viewpoint { observed, at } = viewpoint;
    Outset { roster, entry, now: at }.need(&used_until(state, entry, observed, at))
}
