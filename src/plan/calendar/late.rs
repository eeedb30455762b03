//! The keys of one user that get older than `max-age`, and why.

use chrono::{DateTime, TimeDelta, Utc};

use super::model::{Cause, OverAge, Row};
use crate::{
    inventory::{Key, KeyId, State},
    manifest::RotateAhead,
    plan::{
        action::Verb,
        model::Next,
        view::{View, due_at, later},
        waiting_on::WaitingOn,
    },
    roster::{Entry, Roster},
};

const SECOND: TimeDelta = TimeDelta::seconds(1);

pub(super) struct Late {
    /// When the forecast begins.
    pub from: DateTime<Utc>,
    /// Keys that waited for their turn.
    paced: Vec<KeyId>,
    /// Keys that are kept because they are in use, and the run that would have stopped each.
    could_stop: Vec<(KeyId, DateTime<Utc>)>,
}

impl Late {
    pub fn new(from: DateTime<Utc>) -> Self {
        Self { from, paced: Vec::new(), could_stop: Vec::new() }
    }

    pub fn is_paced<'a>(&mut self, keys: impl Iterator<Item = &'a Key>) {
        for key in keys {
            if !self.paced.contains(&key.id) {
                self.paced.push(key.id.clone());
            }
        }
    }

    pub fn may_stop(&mut self, key: &KeyId, at: DateTime<Utc>) {
        if self.could_stop(key).is_none() {
            self.could_stop.push((key.clone(), at));
        }
    }

    pub fn could_stop(&self, key: &KeyId) -> Option<DateTime<Utc>> {
        self.could_stop.iter().find(|(held, _)| held == key).map(|(_, at)| *at)
    }

    /// A run stops the key.
    pub fn stops(&self, over_age: &mut [OverAge], key: &KeyId, at: DateTime<Utc>) {
        for one in over_age.iter_mut().filter(|one| one.key == *key && one.stops.is_none()) {
            one.stops = Some(at);
        }
    }

    /// Notes the keys that are older than their limit by now. `waits` is what the user waits for, if nothing is done now.
    pub fn look(
        &self,
        row: &mut Row,
        roster: &Roster,
        entry: &Entry,
        state: &State,
        waits: Option<&Next>,
        at: DateTime<Utc>,
    ) {
        let Row { over_age, events, .. } = row;
        let limit = entry.policy.max_age.value;
        for key in state.keys.iter().filter(|key| key.is_active()) {
            let passes = later(key.created, limit);
            if passes < at && !over_age.iter().any(|one| one.key == key.id) {
                let freed = events.iter().rev().find(|event| event.verb == Verb::Delete).map(|event| event.at);
                let cause = self.cause(&View::new(roster, entry, state, at), key, passes, waits, freed);
                over_age.push(OverAge { key: key.id.clone(), limit, passes, stops: None, cause });
            }
        }
    }

    /// `freed` is when a place became free last.
    fn cause(
        &self,
        view: &View<'_>,
        key: &Key,
        passes: DateTime<Utc>,
        waits: Option<&Next>,
        freed: Option<DateTime<Utc>>,
    ) -> Cause {
        match waits {
            Some(Next::Need(_)) => return Cause::Unknown,
            Some(Next::Wait { wait, .. }) => match wait {
                WaitingOn::Exempt { .. } => return Cause::Exempt,
                wait if wait.is_blocked() => return Cause::Blocked(wait.clone()),
                WaitingOn::Overdue { .. } => return Cause::InUse,
                _ => {}
            },
            _ => {}
        }
        if passes <= self.from {
            return Cause::Before;
        }
        if self.paced.contains(&key.id) {
            return Cause::Pace;
        }
        if self.could_stop(&key.id).is_some_and(|stop| stop <= passes) {
            return Cause::InUse;
        }
        if due_at(key, view.policy) < self.from {
            // Nobody could have begun it before it had to be over.
            let is_hopeless = !view.roster.runs.enforces_between(self.from, passes);
            return if is_hopeless { Cause::Schedule } else { Cause::Before };
        }
        let is_replaced = view.current().is_some_and(|current| current.id != key.id && current.created > key.created);
        match waits {
            Some(Next::Wait { wait: WaitingOn::InHold, .. }) if !is_replaced => return Cause::Place("hold"),
            Some(Next::Wait { wait: WaitingOn::Announced { .. }, .. }) => return Cause::Place("overlap"),
            _ => {}
        }
        // A run that could have begun the rotation found both places taken.
        let due = due_at(key, view.policy);
        if freed.is_some_and(|freed| due < freed && view.roster.runs.enforces_between(due, later(freed, -SECOND))) {
            return Cause::Place("hold");
        }
        let ahead = view.policy.rotate_ahead.value;
        match ahead {
            _ if is_replaced && ahead.time() < view.policy.overlap.value => Cause::Overlap,
            RotateAhead::Fixed(_) => Cause::RotateAhead,
            RotateAhead::Auto(_) => Cause::Schedule,
        }
    }
}
