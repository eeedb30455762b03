//! One user through the runs to come.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    late::Late,
    model::{Event, Outlook, Row},
};
use crate::{
    inventory::{Elsewhere, Found, Key, KeyId, LastUse, State},
    plan::{
        action::{Action, Verb},
        forecast::in_use_for,
        model::{Need, Next, Viewpoint},
        moving::{next, placed},
        simulate::simulate,
        view::{SEEN_TO_WORK, due_at, later},
        waiting_on::WaitingOn,
    },
    roster::{Entry, Roster},
};

/// No run does more for one user.
const MOST_STEPS: usize = 24;

/// What is due within the hour is due.
const SLACK: TimeDelta = TimeDelta::hours(1);

/// What the ids of keys begin with that do not exist yet.
const UNBORN: &str = "new";

/// First what had begun, then the oldest key; of two alike by name, as users are in order.
pub(super) type Turn = (bool, DateTime<Utc>, usize);

/// One user, as of the last run.
pub(super) struct Life<'a> {
    roster: &'a Roster,
    pub entry: &'a Entry,
    pub state: State,
    pub row: Row,
    /// Nothing can be due before.
    pub wakes: DateTime<Utc>,
    /// The run that changed a key last.
    pub changed: Option<DateTime<Utc>>,
    /// Its place among those who wait for their turn.
    pub turn: Option<Turn>,
    /// The keys that were in use when the account was observed: they are until they stop.
    used: Vec<KeyId>,
    /// When each key was used last, as far as that was known then.
    last_uses: Vec<(KeyId, DateTime<Utc>)>,
    late: Late,
    born: usize,
    is_assumed: bool,
}

/// What a run would do for the user.
pub(super) struct Walk {
    pub steps: Vec<Taken>,
    /// What comes after that; `None`: what the run may not begin.
    next: Option<Next>,
}

/// A step, and the state after it.
pub(super) struct Taken {
    pub action: Action,
    /// The key that it is about, or made.
    key: Option<KeyId>,
    of: Option<KeyId>,
    after: State,
}

impl Walk {
    /// Whether the run goes on to begin something, or once more what came to nothing.
    pub fn begins(&self) -> bool {
        self.resumes() || self.steps.iter().any(|step| step.action.starts_rotation())
    }

    /// Whether an earlier run had begun the creation, or made room for it.
    pub fn resumes(&self) -> bool {
        matches!(self.steps.first(), Some(Taken { action: Action::Create { resumes: true, .. }, .. }))
    }

    /// The steps before one that begins a rotation; the first is taken in any case.
    pub fn carried_on(mut self) -> Self {
        let begins = self.steps.iter().skip(1).position(|step| step.action.starts_rotation());
        if let Some(position) = begins {
            self.steps.truncate(position + 1);
            self.next = None;
        }
        self
    }
}

impl<'a> Life<'a> {
    pub fn new(roster: &'a Roster, entry: &'a Entry, state: &State, viewpoint: Viewpoint) -> Self {
        let Viewpoint { observed, at } = viewpoint;
        let is_used =
            |key: &&Key| matches!(key.last_use, LastUse::At { time, .. } if observed - time < in_use_for(entry));
        let used = state.keys.iter().filter(|key| key.is_active()).filter(is_used).map(|key| key.id.clone()).collect();
        let row =
            Row { user: entry.user.name.clone(), events: Vec::new(), over_age: Vec::new(), outlook: Outlook::Known };
        Self {
            roster,
            entry,
            state: state.clone(),
            row,
            wakes: at,
            changed: None,
            turn: None,
            used,
            last_uses: state.keys.iter().filter_map(|key| Some((key.id.clone(), last_use(key)?))).collect(),
            late: Late::new(at),
            born: 0,
            is_assumed: false,
        }
    }

    /// What a run at that time would do, if it may do all.
    pub fn look(&mut self, at: DateTime<Utc>) -> Walk {
        let Self { roster, entry, .. } = *self;
        if let Some(exempt) = entry.exempt.as_ref().filter(|exempt| exempt.ends.is_none_or(|ends| at < ends)) {
            let wait = WaitingOn::Exempt { reason: exempt.reason.clone() };
            return Walk { steps: Vec::new(), next: Some(Next::Wait { key: None, wait, until: exempt.ends }) };
        }
        self.use_keys(at);
        let (mut steps, mut born) = (Vec::<Taken>::new(), self.born);
        for _ in 0..MOST_STEPS {
            // What is taken for certain on the way stays so.
            let state = steps.last_mut().map_or(&mut self.state, |last| &mut last.after);
            if matches!(state.elsewhere, Elsewhere::MovesTo(_)) {
                *state = placed(roster, entry, state, at).into_owned();
            }
            match next(roster, entry, state, at) {
                Next::Change(action, reason) => {
                    let is_creation = action.verb() == Verb::Create;
                    born += usize::from(is_creation);
                    let id = KeyId::new(if born < 2 { UNBORN.to_owned() } else { format!("{UNBORN}-{born}") });
                    let after = simulate(&action, state, at, &id);
                    let key = if is_creation { Some(id) } else { action.key().cloned() };
                    let of = is_creation.then(|| reason.key().cloned()).flatten();
                    steps.push(Taken { action, key, of, after });
                }
                Next::Need(Need::Ledger) => state.take_for_described(),
                Next::Need(Need::ResourcePolicy(_)) => state.take_for_unshared(),
                // Whatever it holds, it takes the keys.
                Next::Need(Need::Place(target)) => {
                    let unseen = Found::Unknown { why: String::new(), asked: false };
                    drop(state.places.insert(target.id, unseen));
                }
                came @ (Next::Need(Need::LastUse(_)) | Next::Wait { .. } | Next::Settled { .. }) => {
                    return Walk { steps, next: Some(came) };
                }
            }
        }
        Walk { steps, next: None }
    }

    /// Takes the steps, and rests until something can be due again.
    pub fn take(&mut self, walk: Walk, at: DateTime<Utc>) {
        let Walk { steps, next } = walk;
        for Taken { action, key, of, after } in steps {
            let verb = action.verb();
            self.born += usize::from(verb == Verb::Create);
            if !matches!(verb, Verb::Update | Verb::Deliver) {
                self.changed = Some(at);
            }
            let ends = verb.ends_a_key();
            let may_be_used = |key: &KeyId| self.used.contains(key) || is_unborn(key);
            let is_assumed = self.is_assumed || (ends && key.as_ref().is_some_and(may_be_used));
            let earliest = key.as_ref().filter(|_| verb == Verb::Deactivate).and_then(|key| self.late.could_stop(key));
            let earliest = earliest.filter(|earliest| *earliest < at);
            if ends && let Some(key) = &key {
                self.late.stops(&mut self.row.over_age, key, at);
            }
            let subject = if verb == Verb::Create { of.as_ref() } else { key.as_ref() };
            let created = subject.and_then(|key| self.state.key(key)).map(|key| key.created);
            let place = action.place().map(ToString::to_string);
            self.row.events.push(Event { at, verb, key, place, of, created, is_assumed, earliest });
            self.state = after;
        }
        self.wakes = at;
        if let Some(next) = next {
            self.note(&next, at);
            self.wakes = self.rests(&next, at);
        }
    }

    /// Looks for keys that are older than `max-age` by now, before the run does anything.
    pub fn age(&mut self, walk: &Walk, at: DateTime<Utc>) {
        let waits = walk.next.as_ref().filter(|_| walk.steps.is_empty());
        self.late.look(&mut self.row, self.roster, self.entry, &self.state, waits, at);
    }

    /// Leaves the user to a later run, because of the pace.
    pub fn is_passed_over(&mut self, at: DateTime<Utc>) {
        self.late.is_paced(self.state.keys.iter().filter(|key| key.is_active()));
        self.wakes = self.marks(at);
    }

    /// Leaves the user to the next run that begins rotations.
    pub fn pauses(&mut self, enforce: Option<DateTime<Utc>>, at: DateTime<Utc>) {
        self.wakes = enforce.unwrap_or(DateTime::<Utc>::MAX_UTC).min(self.marks(at));
    }

    /// The row, with what is left at the end.
    pub fn end(mut self, until: DateTime<Utc>) -> Row {
        if !matches!(self.row.outlook, Outlook::Unknown { .. }) {
            let walk = self.look(until);
            self.age(&walk, until);
            if let Some(next) = walk.next.filter(|_| walk.steps.is_empty()) {
                self.note(&next, until);
            }
        }
        self.row
    }

    fn note(&mut self, next: &Next, at: DateTime<Utc>) {
        let outlook = &mut self.row.outlook;
        let since = match outlook {
            Outlook::Blocked { since, .. } => *since,
            _ => at,
        };
        *outlook = match next {
            Next::Need(need) => Outlook::Unknown { since: at, why: need.to_string() },
            Next::Wait { wait: WaitingOn::Exempt { reason }, until, .. } => {
                Outlook::Exempt { reason: reason.clone(), until: *until }
            }
            Next::Wait { wait, .. } if wait.is_blocked() => Outlook::Blocked { since, wait: wait.clone() },
            Next::Wait { .. } | Next::Settled { .. } | Next::Change(..) => Outlook::Known,
        };
        match next {
            // The first run that would deactivate the key, were it not for its use.
            Next::Wait { key: Some(key), wait: WaitingOn::StillInUse { .. }, .. } => {
                // What is known of its use holds in any case.
                let quiet = self.entry.policy.quiet.value;
                let known = self.last_uses.iter().find(|(used, _)| used == key).map(|(_, time)| *time);
                if known.is_none_or(|time| later(time, quiet) <= at + SLACK) {
                    self.late.may_stop(key, at);
                }
            }
            Next::Wait {
                wait: WaitingOn::TwoKeysInUse { .. } | WaitingOn::Overdue { .. } | WaitingOn::OverdueInUse { .. },
                ..
            } => self.is_assumed |= !self.used.is_empty(),
            _ => {}
        }
        let unused = self.entry.policy.unused.value;
        self.is_assumed |= !self.used.is_empty() && unused.is_some_and(|unused| later(self.late.from, unused) < at);
    }

    /// Until when nothing is due.
    fn rests(&self, next: &Next, at: DateTime<Utc>) -> DateTime<Utc> {
        let by_rule = match next {
            Next::Need(_) => return DateTime::<Utc>::MAX_UTC,
            Next::Settled { next_rotation } => next_rotation.unwrap_or(DateTime::<Utc>::MAX_UTC),
            Next::Wait { wait: WaitingOn::InHold | WaitingOn::Announced { .. }, until: Some(until), .. } => *until,
            Next::Wait { wait: WaitingOn::Exempt { .. }, until, .. } => until.unwrap_or(DateTime::<Utc>::MAX_UTC),
            Next::Wait { key: Some(key), wait, until: Some(until) }
                if match wait {
                    // What is in use all the time waits until the last day, and what is not until the first.
                    WaitingOn::StillInUse { .. } => self.used.contains(key),
                    WaitingOn::InOverlap => !self.used.contains(key) && !is_unborn(key),
                    _ => false,
                } =>
            {
                *until
            }
            Next::Wait { wait, until, .. } if wait.is_blocked() => {
                until.iter().copied().chain(self.turns(at)).min().unwrap_or(DateTime::<Utc>::MAX_UTC)
            }
            // Whether a wait ends depends on more than its date: it is looked at by each run.
            Next::Wait { .. } | Next::Change(..) => at,
        };
        later(by_rule, -SLACK).min(self.marks(at))
    }

    /// When something comes whatever the user waits for: a date of the policy, and a key that gets too old or too long unused.
    fn marks(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        let policy = &self.entry.policy;
        let active = || self.state.keys.iter().filter(|key| key.is_active());
        let limits = active().map(|key| later(later(key.created, policy.max_age.value), TimeDelta::seconds(1)));
        let reissue = policy.reissue_before.value;
        let marks = limits.chain(reissue).filter(|mark| *mark > at);
        let unused = policy.unused.value.into_iter().flat_map(|unused| {
            let idle = active().filter(|key| !self.is_used(key));
            idle.map(move |key| later(later(last_use(key).unwrap_or(key.created), unused), -SLACK).max(at))
        });
        marks.chain(unused).min().unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// When a person's part may be over without the person: a key is not in use any more, or due.
    fn turns(&self, at: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
        let policy = &self.entry.policy;
        let quiet = [policy.quiet.value, policy.quiet.value.max(SEEN_TO_WORK)];
        let active = self.state.keys.iter().filter(|key| key.is_active());
        let turns = active.flat_map(move |key| {
            let used = last_use(key).unwrap_or(key.created);
            quiet
                .map(|quiet| later(used, quiet))
                .into_iter()
                .filter(|_| !self.is_used(key))
                .chain([due_at(key, policy)])
        });
        let announced =
            self.state.ledger.destination.own().and_then(|secret| secret.announced.as_ref()).map(|_| at + SLACK);
        turns.filter(move |turn| *turn > at).chain(announced)
    }

    /// Who used a key when the account was observed goes on until it stops. A key that is yet to be made is used as long as it
    /// is what the secret hands out, and by nobody once there is another, if its user had clients at all.
    fn use_keys(&mut self, at: DateTime<Utc>) {
        let in_use: Vec<bool> = self.state.keys.iter().map(|key| self.is_used(key)).collect();
        for (key, is_used) in self.state.keys.iter_mut().zip(in_use) {
            if is_used {
                key.last_use = LastUse::At { time: at, service: None, region: None };
            } else if is_unborn(&key.id) && key.last_use == LastUse::Never {
                // Whether it works was tried when it was made.
                key.last_use = LastUse::At { time: key.created, service: None, region: None };
            }
        }
    }

    fn is_used(&self, key: &Key) -> bool {
        let is_handed_out = || self.state.ledger.handed_out().as_ref() == Some(&key.id);
        key.is_active()
            && (self.used.contains(&key.id) || (is_unborn(&key.id) && !self.used.is_empty() && is_handed_out()))
    }
}

fn is_unborn(key: &KeyId) -> bool {
    key.as_str().starts_with(UNBORN)
}

fn last_use(key: &Key) -> Option<DateTime<Utc>> {
    match key.last_use {
        LastUse::At { time, .. } => Some(time),
        LastUse::Never | LastUse::Unread => None,
    }
}
