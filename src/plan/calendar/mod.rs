//! What scheduled runs will do in one account: each run to come, one after the other, on simulated states, with the pace.
//!
//! It rests on assumptions. Who uses a key when the account is observed (within `quiet`) goes on using it until it is stopped.
//! Whoever takes a key that is yet to be made moves on to the next in time. Nothing else changes in the account, and no run
//! fails.

mod late;
mod life;
mod model;

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};

use self::life::{Life, Turn, Walk};
use super::{
    action::Verb,
    model::Viewpoint,
    pace::{is_reissue, left_since, oldest, was_due},
    view::later,
};
use crate::{inventory::Inventory, manifest::Exemption, roster::Roster};

pub use self::model::{Calendar, Cause, DayAhead, Event, Outlook, OverAge, Row, ScheduledRun};

/// What the scheduled runs of so much time from `viewpoint` on do. Pure.
#[must_use]
pub fn calendar(roster: &Roster, inventory: &Inventory, viewpoint: impl Into<Viewpoint>, lasts: TimeDelta) -> Calendar {
    let viewpoint = viewpoint.into();
    let until = later(viewpoint.at, lasts);
    let schedule: Vec<_> = roster.runs.between(viewpoint.at, until).into_iter().collect();
    calendar_of(roster, inventory, viewpoint, until, &schedule)
}

/// The same, if what the plan says is applied at the viewpoint, before the scheduled runs.
#[must_use]
pub fn calendar_from_now(
    roster: &Roster,
    inventory: &Inventory,
    viewpoint: impl Into<Viewpoint>,
    lasts: TimeDelta,
) -> Calendar {
    let viewpoint = viewpoint.into();
    let until = later(viewpoint.at, lasts);
    let scheduled = roster.runs.between(viewpoint.at, until).into_iter().filter(|(at, _)| *at > viewpoint.at);
    let schedule: Vec<_> = std::iter::once((viewpoint.at, true)).chain(scheduled).collect();
    calendar_of(roster, inventory, viewpoint, until, &schedule)
}

/// `schedule` holds the runs, each with whether it begins rotations.
fn calendar_of(
    roster: &Roster,
    inventory: &Inventory,
    viewpoint: Viewpoint,
    until: DateTime<Utc>,
    schedule: &[(DateTime<Utc>, bool)],
) -> Calendar {
    let from = viewpoint.at;
    let (mut lives, mut unknown) = (Vec::new(), Vec::new());
    for entry in &roster.entries {
        let state = match (&entry.user.unreadable, inventory.users.get(&entry.user.name)) {
            (Some(error), _) | (None, Some(Err(error))) => Err(error.to_string()),
            (None, None) => Err("its keys were not read".to_owned()),
            (None, Some(Ok(state))) => Ok(state),
        };
        let exempt = |exempt: &Exemption| Outlook::Exempt { reason: exempt.reason.clone(), until: exempt.ends };
        let outlook = match (state, &entry.exempt) {
            // Who is in scope by an exemption alone is unmanaged when that ends.
            (_, Some(exemption)) if !entry.is_selected() => exempt(exemption),
            (Ok(state), _) => {
                lives.push(Life::new(roster, entry, state, viewpoint));
                continue;
            }
            (Err(_), Some(exemption)) if exemption.ends.is_none_or(|ends| ends > until) => exempt(exemption),
            (Err(why), _) => Outlook::Unknown { since: from, why },
        };
        unknown.push(Row { user: entry.user.name.clone(), events: Vec::new(), over_age: Vec::new(), outlook });
    }
    let mut account =
        AccountAhead { roster, lives, waiting: BTreeSet::new(), queue: left_since(roster, inventory, from) };
    let runs = account.live(schedule);
    let mut users: Vec<Row> = account.lives.into_iter().map(|life| life.end(until)).chain(unknown).collect();
    users.sort_by(|a, b| a.user.cmp(&b.user));
    Calendar { account: Arc::new(roster.account.clone()), from, until, runs, users }
}

/// An account, as of the last run.
struct AccountAhead<'a> {
    roster: &'a Roster,
    lives: Vec<Life<'a>>,
    /// Those who wait for their turn, in its order.
    waiting: BTreeSet<Turn>,
    /// When a run began that left rotations to the next.
    queue: Option<DateTime<Utc>>,
}

impl AccountAhead<'_> {
    fn live(&mut self, schedule: &[(DateTime<Utc>, bool)]) -> Vec<ScheduledRun> {
        let mut runs: Vec<ScheduledRun> = Vec::with_capacity(schedule.len());
        let idle = |(at, enforces): (DateTime<Utc>, bool), keys: usize| ScheduledRun {
            at,
            enforces,
            rotations: 0,
            waiting: 0,
            changed: 0,
            keys,
        };
        while let Some(&(at, enforces)) = schedule.get(runs.len()) {
            let mut run = idle((at, enforces), self.keys());
            let enforce = schedule[runs.len() + 1..].iter().find(|(_, enforces)| *enforces).map(|(at, _)| *at);
            self.run(&mut run, enforce);
            runs.push(run);
            // Nothing happens in the runs before somebody's time has come.
            if self.waiting.is_empty() {
                let (keys, wakes) = (self.keys(), self.lives.iter().map(|life| life.wakes).min());
                while let Some(&next) = schedule.get(runs.len())
                    && wakes.is_none_or(|wakes| next.0 < wakes)
                {
                    runs.push(idle(next, keys));
                }
            }
        }
        runs
    }

    fn keys(&self) -> usize {
        self.lives.iter().map(|life| life.state.keys.len()).sum()
    }

    /// One run. `enforce` is when the next one comes after it that begins rotations.
    fn run(&mut self, run: &mut ScheduledRun, enforce: Option<DateTime<Utc>>) {
        let at = run.at;
        if run.enforces {
            self.queue = None;
        }
        let mut turns = Vec::new();
        for index in 0..self.lives.len() {
            let life = &mut self.lives[index];
            if life.wakes > at {
                continue;
            }
            if let Some(turn) = life.turn.take() {
                self.waiting.remove(&turn);
            }
            let walk = life.look(at);
            life.age(&walk, at);
            match whose_turn(life, &walk, run.enforces, self.queue, at) {
                Decision::Goes => life.take(walk, at),
                Decision::CarriesOn => life.take(walk.carried_on(), at),
                Decision::Pauses => {
                    take_before(life, walk, at);
                    life.pauses(enforce, at);
                }
                Decision::Queues => {
                    let turn = (!walk.resumes(), oldest(&life.state), index);
                    if !walk.resumes() {
                        take_before(life, walk, at);
                    }
                    life.turn = Some(turn);
                    self.waiting.insert(turn);
                    turns.push(turn);
                }
            }
        }
        let mut left = self.roster.pace.unwrap_or(usize::MAX);
        while left > 0
            && let Some((_, _, index)) = self.waiting.pop_first()
        {
            let life = &mut self.lives[index];
            life.turn = None;
            let walk = life.look(at);
            left -= usize::from(walk.begins());
            life.take(walk, at);
        }
        for turn in turns.iter().filter(|turn| self.waiting.contains(turn)) {
            self.lives[turn.2].is_passed_over(at);
        }
        if run.enforces && !self.waiting.is_empty() {
            self.queue = Some(at);
        }
        run.waiting = self.waiting.len();
        let created = |life: &Life<'_>| {
            let now = life.row.events.iter().rev().take_while(|event| event.at == at);
            now.filter(|event| event.verb == Verb::Create).count()
        };
        run.rotations = self.lives.iter().map(created).sum();
        run.changed = self.lives.iter().filter(|life| life.changed == Some(at)).count();
    }
}

/// What a run lets a user do.
enum Decision {
    /// Everything.
    Goes,
    /// What has begun.
    CarriesOn,
    /// The same; what would begin waits for the next run that begins rotations.
    Pauses,
    /// The same; what would begin waits for its turn.
    Queues,
}

fn whose_turn(
    life: &Life<'_>,
    walk: &Walk,
    enforces: bool,
    queue: Option<DateTime<Utc>>,
    at: DateTime<Utc>,
) -> Decision {
    let Some(first) = walk.steps.first().filter(|_| walk.begins()) else { return Decision::Goes };
    let is_reissue = is_reissue(life.entry, &life.state, at);
    let was_left = |since| was_due(&first.action, life.entry, &life.state, since);
    match (enforces, walk.resumes()) {
        (true, _) if is_reissue => Decision::Goes,
        (true, _) => Decision::Queues,
        (false, true) if is_reissue => Decision::CarriesOn,
        (false, true) => Decision::Queues,
        (false, false) if !is_reissue && queue.is_some_and(was_left) => Decision::Queues,
        (false, false) => Decision::Pauses,
    }
}

/// What a run does before it would begin something.
fn take_before(life: &mut Life<'_>, walk: Walk, at: DateTime<Utc>) {
    if walk.steps.first().is_some_and(|first| !first.action.starts_rotation()) {
        life.take(walk.carried_on(), at);
    }
}
