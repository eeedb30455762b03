//! What follows: the planner run on simulated states, with the clock put forward while it waits.
//!
//! The steps that follow at once are exact: what they depend on is read first ([`need`]). Those that follow later rest
//! on nobody using the old key any more, and say until when it works at the latest if somebody does.

use std::borrow::Cow;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    action::{Action, KeyRef, Verb},
    change::Step,
    model::{Need, Next},
    moving::{next, placed},
    reason::{Reason, Retirement},
    simulate::simulate,
    view::SEEN_TO_WORK,
    waiting_on::WaitingOn,
};
use crate::{
    inventory::{Found, KeyId, LastUse, State},
    roster::{Entry, Roster},
};

/// Stand for the ids of the keys that planned creations will yield, in their order.
const UNBORN: [&str; 2] = ["new", "new-2"];

/// No rotation has more steps, not even one that is due again on the way; a longer chain would be a planner that never
/// settles.
const MOST_STEPS: usize = 24;

/// Each step is preceded by a few waits and questions at most. A way that takes more turns would be one without an end.
const MOST_TURNS: usize = 8 * MOST_STEPS;

/// For whom and when: what stays the same along a chain.
#[derive(Clone, Copy)]
pub(super) struct Outset<'a> {
    pub roster: &'a Roster,
    pub entry: &'a Entry,
    pub now: DateTime<Utc>,
}

impl Outset<'_> {
    /// The steps of the rotation that `first` belongs to. Ends where the next rotation would begin, or where a person
    /// is needed.
    pub fn after(self, state: &State, first: &Action) -> Vec<Step> {
        let mut walk = Walk::new(self, state);
        walk.take(first);
        walk.walk_on();
        walk.steps.split_off(1)
    }

    /// The steps that come when the wait is over, if time alone ends it.
    pub fn after_wait(self, state: &State) -> Vec<Step> {
        let mut walk = Walk::new(self, state);
        walk.walk_on();
        walk.steps
    }

    /// What must be read before it can be told what is done in one run: for the next change, and for all that follow it
    /// at once.
    pub fn need(self, state: &State) -> Option<Need> {
        let mut walk = Walk::new(self, state);
        while walk.steps.len() < MOST_STEPS {
            match walk.next() {
                Next::Need(need) => return Some(need),
                Next::Change(action, reason) if !walk.begins_the_next(&action, &reason) => walk.take(&action),
                Next::Change(..) | Next::Wait { .. } | Next::Settled { .. } => return None,
            }
        }
        None
    }
}

/// The state at `at` as a forecast assumes it: who uses a key at `observed` goes on using it until then. Without that, every
/// forecast would find all keys unused.
pub(crate) fn used_until(state: &State, entry: &Entry, observed: DateTime<Utc>, at: DateTime<Utc>) -> State {
    let mut state = state.clone();
    if at > observed {
        for key in state.keys.iter_mut().filter(|key| key.is_active()) {
            if let LastUse::At { time, .. } = &mut key.last_use
                && observed - *time < in_use_for(entry)
            {
                *time = at;
            }
        }
    }
    state
}

/// A key is taken to be in use for so long after a use. Where `quiet` asks for no such time, a weekly job is a use: whether anybody
/// waits for it or not, its clients are there.
pub(super) fn in_use_for(entry: &Entry) -> TimeDelta {
    let quiet = entry.policy.quiet.value;
    if quiet.is_zero() { SEEN_TO_WORK } else { quiet }
}

/// Whether a key that was last used then is in use.
fn is_used(last_used: DateTime<Utc>, entry: &Entry, now: DateTime<Utc>) -> bool {
    now - last_used < entry.policy.quiet.value
}

/// A way through simulated states.
struct Walk<'a> {
    outset: Outset<'a>,
    state: State,
    /// The earliest instant of the next step, as if the old key was unused all the time.
    at: DateTime<Utc>,
    /// How much later than [`Self::at`] it is for keys that were used lately.
    delay: TimeDelta,
    /// The run that takes a step at the latest, if somebody goes on using the old key.
    latest: Option<DateTime<Utc>>,
    /// Whether a step rests on nobody using the old key: then no later one is certain either.
    is_assumed: bool,
    waited: bool,
    /// When the step before was due, and the scheduled run that took it.
    due: DateTime<Utc>,
    run: DateTime<Utc>,
    /// How much later than it was due the rotation began: so much later is the rest of it.
    shift: TimeDelta,
    /// Keys of which it is not known that they are unused.
    doubtful: Vec<KeyId>,
    /// Those that count as unused from here on.
    resting: Vec<KeyId>,
    born: usize,
    steps: Vec<Step>,
}

impl<'a> Walk<'a> {
    fn new(outset: Outset<'a>, state: &State) -> Self {
        let used = |last_use: &LastUse| match last_use {
            LastUse::At { time, .. } => is_used(*time, outset.entry, outset.now),
            LastUse::Unread => !outset.entry.policy.quiet.value.is_zero(),
            LastUse::Never => false,
        };
        Self {
            outset,
            state: state.clone(),
            at: outset.now,
            delay: TimeDelta::zero(),
            latest: None,
            is_assumed: false,
            waited: false,
            due: outset.now,
            run: outset.now,
            shift: TimeDelta::zero(),
            doubtful: state.keys.iter().filter(|key| used(&key.last_use)).map(|key| key.id.clone()).collect(),
            resting: Vec::new(),
            born: 0,
            steps: Vec::new(),
        }
    }

    fn next(&mut self) -> Next {
        if let Cow::Owned(state) = placed(self.outset.roster, self.outset.entry, &self.state, self.at) {
            self.state = state;
        }
        next(self.outset.roster, self.outset.entry, &self.state, self.at)
    }

    fn walk_on(&mut self) {
        for _ in 0..MOST_TURNS {
            if self.steps.len() >= MOST_STEPS {
                return;
            }
            match self.next() {
                Next::Change(action, reason) if self.begins_the_next(&action, &reason) => break,
                Next::Change(action, _) => self.take(&action),
                // Once: a key that counts as unused and is in use all the same waits like any other.
                Next::Wait { key: Some(key), wait: WaitingOn::StillInUse { last_used }, until: Some(until) }
                    if !self.resting.contains(&key) =>
                {
                    let idle = last_used + self.outset.entry.policy.quiet.value;
                    self.delay += idle.min(until) - self.at;
                    self.waited = true;
                    self.rest(&key);
                    self.resting.push(key);
                }
                Next::Wait { until: Some(until), .. } if until > self.at => {
                    self.waited = true;
                    self.at = until;
                }
                Next::Need(Need::LastUse(key)) => self.rest(&key),
                Next::Need(Need::Ledger) => self.state.take_for_described(),
                Next::Need(Need::ResourcePolicy(_)) => self.state.take_for_unshared(),
                // Whatever it holds, it takes the key.
                Next::Need(Need::Place(target)) => {
                    let unseen = Found::Unknown { why: String::new(), asked: false };
                    drop(self.state.places.insert(target.id, unseen));
                }
                Next::Wait { .. } | Next::Settled { .. } => break,
            }
        }
    }

    /// Whether a key that this chain created is replaced because of its age: that is another rotation.
    fn begins_the_next(&self, action: &Action, reason: &Reason) -> bool {
        // So is one that nobody uses: whether somebody will is not known.
        if let (Reason::Retiring { why: Retirement::Unused, .. }, Some(key)) = (reason, action.key())
            && matches!(self.name(key), KeyRef::New | KeyRef::AfterNew)
        {
            return true;
        }
        let replaced = reason.key().map(|key| self.name(key));
        let is_new = matches!(replaced, Some(KeyRef::New | KeyRef::AfterNew));
        action.verb() == Verb::Create
            && (self.born >= UNBORN.len() || (is_new && !matches!(reason, Reason::Reissue { .. })))
    }

    fn take(&mut self, action: &Action) {
        let verb = action.verb();
        let id = KeyId::new(UNBORN.get(self.born).copied().unwrap_or_default());
        let key = match action {
            Action::Update(update) => update.key_ref(),
            action => self.name(action.key().unwrap_or(&id)),
        };
        if verb == Verb::Create {
            self.born += 1;
        }
        let due = self.at + self.delay;
        let after = (due - self.due).max(TimeDelta::zero());
        let run_after = |run| self.run_after(run, after, action.starts_rotation());
        (self.run, self.latest) = (run_after(self.run), self.latest.map(run_after));
        self.due = self.due.max(due);
        if action.starts_rotation() {
            self.shift = (self.run - due).max(TimeDelta::zero());
        }
        if let (Verb::Deactivate, true, Some(key)) = (verb, self.waited, action.key())
            && self.doubtful.contains(key)
        {
            self.is_assumed = true;
            let slack = self.at_the_latest(key).map(|at| (at - due).max(TimeDelta::zero()));
            self.latest = slack.map(|slack| match slack.is_zero() {
                true => self.run,
                false => self.outset.roster.runs.carrying_on(due + self.shift + slack, self.run),
            });
        }
        let not_before = if self.waited { self.run } else { self.outset.now };
        self.steps.push(Step {
            verb,
            key,
            place: action.place().map(ToString::to_string),
            not_before,
            offset: self.at - self.outset.now,
            same_run: !self.waited,
            if_unused: self.is_assumed,
            latest: self.latest,
            starts_rotation: action.starts_rotation(),
        });
        self.state = simulate(action, &self.state, self.at, &id);
    }

    /// The scheduled run that takes a step, so long after the one that took the step before. The run that ends something may be one
    /// that begins nothing.
    fn run_after(&self, run: DateTime<Utc>, after: TimeDelta, starts_rotation: bool) -> DateTime<Utc> {
        let runs = &self.outset.roster.runs;
        match (after.is_zero(), starts_rotation) {
            (false, true) => runs.starting(run + after, run),
            (false, false) => runs.carrying_on(run + after, run),
            (true, true) if self.waited => runs.starting(run, run - TimeDelta::seconds(1)),
            (true, _) => run,
        }
    }

    /// When a key is deactivated that is used all the time; `None`: never, a person is needed.
    fn at_the_latest(&self, key: &KeyId) -> Option<DateTime<Utc>> {
        let Outset { roster, entry, .. } = self.outset;
        let (mut state, mut at) = (self.state.clone(), self.at);
        for _ in 0..MOST_STEPS {
            for used in state.keys.iter_mut().filter(|held| held.id == *key) {
                used.last_use = LastUse::At { time: at, service: None, region: None };
            }
            match next(roster, entry, &state, at) {
                Next::Change(Action::Deactivate { key: deactivated, .. }, _) if deactivated == *key => return Some(at),
                Next::Wait { until: Some(until), .. } if until > at => at = until,
                _ => return None,
            }
        }
        None
    }

    /// From here on the key counts as unused.
    fn rest(&mut self, key: &KeyId) {
        // Not even its creation is a use then.
        let idle = self.at.checked_sub_signed(self.outset.entry.policy.quiet.value).unwrap_or(DateTime::<Utc>::MIN_UTC);
        for held in self.state.keys.iter_mut().filter(|held| held.id == *key) {
            held.last_use = LastUse::At { time: held.created.min(idle), service: None, region: None };
        }
    }

    fn name(&self, key: &KeyId) -> KeyRef {
        match UNBORN.iter().position(|unborn| *unborn == key.as_str()) {
            Some(0) => KeyRef::New,
            Some(_) => KeyRef::AfterNew,
            None => KeyRef::Existing(key.clone()),
        }
    }
}
