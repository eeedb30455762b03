//! `[pace]`: how many rotations a run begins in one account, the oldest keys first. What does not fit waits for the runs that
//! follow, of whatever kind, which is a queue of days. A reissue is never paced.
//!
//! A run that leaves rotations to the next says so on the secrets of those that it begins (`keyrota:queue`): so a run that
//! tends knows whom an earlier one has passed by, and begins nothing else.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    action::{Action, Topic, Verb},
    change::{Change, Overdue, Step, Waiting},
    forecast::Outset,
    model::Plan,
    reason::Retirement,
    view::{due_at, later, overdue},
    waiting_on::WaitingOn,
    warning::Warning,
};
use crate::{
    inventory::{Elsewhere, Inventory, LastUse, State},
    roster::{Entry, Roster},
    time::Duration,
};

/// What is due within the hour is due.
const SLACK: TimeDelta = TimeDelta::hours(1);

/// Which rotations a run begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotations {
    /// Those that are due.
    Due,
    /// Those that an earlier run has left to the next.
    Queued,
}

/// A change, and what its turn depends on.
pub(super) struct Candidate<'a> {
    pub change: Change,
    pub entry: &'a Entry,
    pub state: State,
}

impl Candidate<'_> {
    /// Whether the run goes on to begin something, or once more what came to nothing.
    fn begins(&self) -> bool {
        let mut follows = self.change.then.iter().take_while(|step| step.same_run);
        self.resumes() || self.change.action.starts_rotation() || follows.any(|step| step.starts_rotation)
    }

    /// Whether an earlier run had begun the creation, or made room for it: that is carried on by whatever run comes next. After
    /// a bad day there may be many of them.
    fn resumes(&self) -> bool {
        matches!(self.change.action, Action::Create { resumes: true, .. })
    }

    /// See [`is_reissue`].
    fn is_reissue(&self, now: DateTime<Utc>) -> bool {
        is_reissue(self.entry, &self.state, now)
    }

    /// See [`oldest`].
    fn oldest(&self) -> DateTime<Utc> {
        oldest(&self.state)
    }

    /// See [`was_due`].
    fn was_due(&self, then: DateTime<Utc>) -> bool {
        was_due(&self.change.action, self.entry, &self.state, then)
    }
}

/// Whether a key works that was created before `reissue-before`: that waits for nobody.
pub(super) fn is_reissue(entry: &Entry, state: &State, now: DateTime<Utc>) -> bool {
    let before = entry.policy.reissue_before.value.filter(|before| *before <= now);
    state.keys.iter().any(|key| key.is_active() && before.is_some_and(|before| key.created < before))
}

/// When the user's oldest key was created that works: whose turn comes first.
pub(super) fn oldest(state: &State) -> DateTime<Utc> {
    let active = state.keys.iter().filter(|key| key.is_active()).map(|key| key.created);
    active.min().unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Whether a run at that time would have begun what this begins, as far as can be told now.
pub(super) fn was_due(action: &Action, entry: &Entry, state: &State, then: DateTime<Utc>) -> bool {
    let is_unused = match action {
        Action::Notify { key, announcement } => match &announcement.topic {
            Topic::Retiring { why: Retirement::Unused, last_use, .. } => {
                let created = state.key(key).map(|key| key.created);
                let used = match last_use {
                    LastUse::At { time, .. } => Some(*time),
                    LastUse::Never | LastUse::Unread => None,
                };
                let since = used.or(created);
                let unused = entry.policy.unused.value.unwrap_or_default();
                since.is_some_and(|since| later(since, unused - SLACK) <= then)
            }
            _ => false,
        },
        _ => false,
    };
    let active = state.keys.iter().filter(|key| key.is_active());
    let due = active.map(|key| due_at(key, &entry.policy)).min();
    // When the manifests gave the secret another name can't be told.
    let own = state.ledger.handed_out().and_then(|key| state.key(&key));
    let is_elsewhere = matches!(action, Action::Create { .. })
        && matches!(state.elsewhere, Elsewhere::MovedFrom(_))
        && own.is_none_or(|key| !key.is_active());
    is_unused || is_elsewhere || state.moves_to().is_some() || due.is_some_and(|due| later(due, -SLACK) <= then)
}

/// Lets those begin whose turn it is, and the others wait.
pub(super) fn spread(
    plan: &mut Plan,
    candidates: Vec<Candidate<'_>>,
    roster: &Roster,
    inventory: &Inventory,
    rotations: Rotations,
) {
    let now = plan.as_of;
    let left = left_since(roster, inventory, now);
    let mut turns = Vec::new();
    for candidate in candidates {
        let is_queued = |since: DateTime<Utc>| candidate.was_due(since);
        let is_reissue = candidate.is_reissue(now);
        match rotations {
            _ if !candidate.begins() => plan.changes.push(candidate.change),
            Rotations::Due if is_reissue => plan.changes.push(candidate.change),
            Rotations::Due => turns.push(candidate),
            Rotations::Queued if !is_reissue && candidate.resumes() => turns.push(candidate),
            Rotations::Queued if candidate.resumes() => plan.changes.push(candidate.change),
            Rotations::Queued if !is_reissue && left.is_some_and(is_queued) => turns.push(candidate),
            Rotations::Queued => pause(plan, candidate, roster),
        }
    }
    if rotations == Rotations::Queued {
        // What this run finds settled begins no rotation by itself either.
        plan.changes.iter_mut().for_each(|change| {
            change.begins = false;
            carried_on(&mut change.then);
        });
        plan.waiting.iter_mut().for_each(|waiting| carried_on(&mut waiting.then));
    }
    let turn = |candidate: &Candidate| (!candidate.resumes(), candidate.oldest(), candidate.change.user.clone());
    turns.sort_by_cached_key(turn);
    let later = turns.split_off(roster.pace.unwrap_or(turns.len()).min(turns.len()));
    let left_since = (!later.is_empty()).then(|| match rotations {
        Rotations::Due => now,
        Rotations::Queued => left.unwrap_or(now),
    });
    plan.changes.extend(turns.into_iter().map(|turn| Change { queue: left_since, ..turn.change }));
    plan.warnings.extend(too_slow(roster, inventory, &later, now));
    queued(plan, later, roster, left_since);
    plan.changes.sort_by(|a, b| a.user.cmp(&b.user));
    plan.waiting.sort_by(|a, b| a.user.cmp(&b.user));
}

/// When a run began that left something to the next, as it noted: rotations to their turn, or users that it could not read in
/// time. The next run that enforces begins anew.
#[must_use]
pub fn left_since(roster: &Roster, inventory: &Inventory, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let secrets = inventory.users.values().flatten().filter_map(|state| state.ledger.destination.own());
    let queued = secrets.filter_map(|secret| secret.queue).chain(inventory.queued_since);
    let is_valid = |since: &DateTime<Utc>| *since <= later(now, SLACK) && !roster.runs.enforces_between(*since, now);
    let queued = queued.filter(|_| roster.pace.is_some()).max().filter(is_valid);
    queued.max(inventory.unread.as_ref().map(|(_, unread)| unread.since)).max(inventory.left_since)
}

/// What comes when a run that enforces begins it.
fn pause(plan: &mut Plan, Candidate { change, entry, state }: Candidate<'_>, roster: &Roster) {
    let overdue = overdue(entry, &state, plan.as_of);
    if !change.action.starts_rotation() {
        // It carries on with something else first.
        plan.changes.push(change);
        return;
    }
    let until = roster.runs.next_enforce(plan.as_of);
    let wait = WaitingOn::RotationsPaused { reason: change.reason.clone() };
    plan.waiting.push(waiting(change, wait, until, Vec::new(), overdue));
}

/// Those whose turn comes in later runs, with the date of the run that takes them.
fn queued(plan: &mut Plan, later: Vec<Candidate<'_>>, roster: &Roster, left_since: Option<DateTime<Utc>>) {
    let Some(most) = roster.pace else { return };
    let (mut run, now) = (plan.as_of, plan.as_of);
    for (position, Candidate { change, entry, state }) in later.into_iter().enumerate() {
        if position % most == 0 {
            run = roster.runs.after(run);
        }
        let mut change = Change { queue: left_since, ..change };
        if !change.action.starts_rotation() && change.action.verb() != Verb::Create {
            change.begins = false;
            carried_on(&mut change.then);
            plan.changes.push(change);
            continue;
        }
        plan.queue.push(change.clone());
        let outset = Outset { roster, entry, now: run };
        let first = Step {
            verb: change.action.verb(),
            key: change.key(),
            place: change.place(),
            not_before: run,
            offset: TimeDelta::zero(),
            same_run: false,
            if_unused: false,
            latest: None,
            starts_rotation: true,
        };
        let follows = outset.after(&state, &change.action).into_iter().map(|step| Step { same_run: false, ..step });
        let then = std::iter::once(first).chain(follows).collect();
        let wait = WaitingOn::Paced { reason: change.reason.clone(), most, before: position };
        let overdue = overdue(entry, &state, now);
        plan.waiting.push(waiting(change, wait, (run > now).then_some(run), then, overdue));
    }
}

fn waiting(
    change: Change,
    wait: WaitingOn,
    until: Option<DateTime<Utc>>,
    then: Vec<Step>,
    overdue: Option<Overdue>,
) -> Waiting {
    let key = change.action.key().or_else(|| change.reason.key()).cloned();
    let Change { account, user, moves_to, source, is_assumed, .. } = change;
    Waiting { account, user, key, wait, moves_to, source, until, then, is_assumed, overdue }
}

/// Ends where a rotation would begin.
fn carried_on(then: &mut Vec<Step>) {
    let steps = then.iter().take_while(|step| !step.starts_rotation).count();
    then.truncate(steps);
}

/// Whether keys get older than `max-age` because of the pace, with the arithmetic.
fn too_slow(
    roster: &Roster,
    inventory: &Inventory,
    later_turns: &[Candidate<'_>],
    now: DateTime<Utc>,
) -> Option<Warning> {
    let most = roster.pace?;
    let account = || Arc::new(roster.account.clone());
    // In the long run: everyone's turn comes once in the time that a key lives.
    let has_keys = |entry: &&Entry| {
        let state = inventory.users.get(&entry.user.name).and_then(|state| state.as_ref().ok());
        entry.exempt.is_none() && state.is_some_and(|state| state.keys.iter().any(|key| key.is_active()))
    };
    let users = roster.entries.iter().filter(has_keys);
    let lives: Vec<TimeDelta> = users.map(|entry| super::view::lives(&entry.policy)).collect();
    if lives.len() > most
        && let Some(gap) = roster.runs.longest_gap(now).filter(|gap| *gap > TimeDelta::zero())
    {
        // How many rotations a run has to begin, on average, so that every user's comes in time; in thousandths.
        let thousandths = |lives: &TimeDelta| gap.num_seconds().saturating_mul(1000) / lives.num_seconds().max(1);
        let needed = lives.iter().map(thousandths).fold(0_i64, i64::saturating_add);
        let needed = usize::try_from(needed.saturating_add(999) / 1000).unwrap_or(usize::MAX);
        if needed > most {
            let shortest = lives.iter().min().copied().unwrap_or_default();
            let (users, lives) = (lives.len(), Duration(shortest).to_string());
            let every = Duration(gap).to_string();
            return Some(Warning::PaceTooSlow { account: account(), users, lives, every, most, needed });
        }
    }
    // Now: who waits for so long that the key gets too old.
    let (mut run, mut late) = (now, Vec::new());
    for (position, candidate) in later_turns.iter().enumerate() {
        if position % most == 0 {
            run = roster.runs.after(run);
        }
        let expires = later(candidate.oldest(), candidate.entry.policy.max_age.value);
        if now < expires && expires < run {
            late.push(expires);
        }
    }
    let (waiting, keys) = (later_turns.len(), late.len());
    (keys > 0).then(|| Warning::PaceLate { account: account(), waiting, most, last: run, keys })
}
