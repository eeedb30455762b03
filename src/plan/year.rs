//! What the next year brings to one user: the scheduled runs one after the other, on simulated states.
//!
//! It rests on two assumptions: clients use whatever the secret hands out from the day on which it does, and nothing else; and
//! who uses a key now goes on until then.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    model::{Action, Need, Next, Verb},
    moving::{next, placed},
    simulate::simulate,
};
use crate::{
    inventory::{Destination, Elsewhere, Key, KeyId, LastUse, Readers, State},
    roster::{Entry, Roster},
};

/// So far is looked ahead.
const YEAR: TimeDelta = TimeDelta::days(365);

/// No run does more for one user.
const MOST_STEPS: usize = 12;

/// A step that a run takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When the run comes.
    pub at: DateTime<Utc>,
    /// What is done.
    pub verb: Verb,
    /// The key, or `new`, `new-2` and so on for those that do not exist yet.
    pub key: Option<String>,
}

/// Every step of the next year, from now on; `None` where something was not read that it depends on.
#[must_use]
pub fn year(roster: &Roster, entry: &Entry, state: &State, now: DateTime<Utc>) -> Option<Vec<Event>> {
    let mut events = Vec::new();
    if entry.exempt.as_ref().is_some_and(|exempt| exempt.ends.is_none()) || entry.user.unreadable.is_some() {
        return Some(events);
    }
    let (mut state, mut at, mut is_enforce) = (state.clone(), now, true);
    let mut born = 0;
    while at <= now + YEAR {
        let is_exempt = entry.exempt.as_ref().is_some_and(|exempt| exempt.ends.is_none_or(|ends| at < ends));
        for _ in 0..MOST_STEPS {
            if is_exempt {
                break;
            }
            use_keys(&mut state, at);
            state = placed(roster, entry, &state, at).into_owned();
            match next(roster, entry, &state, at) {
                Next::Change(action, _) if !is_enforce && action.starts_rotation() => break,
                Next::Change(action, _) => {
                    born += usize::from(action.verb() == Verb::Create);
                    let id = KeyId::new(if born < 2 { "new".to_owned() } else { format!("new-{born}") });
                    let key = match &action {
                        Action::Create { .. } => Some(id.to_string()),
                        action => action.key().map(ToString::to_string),
                    };
                    events.push(Event { at, verb: action.verb(), key });
                    state = simulate(&action, &state, at, &id);
                }
                Next::Need(Need::LastUse(_)) => return None,
                Next::Need(Need::Ledger) => confirmed(&mut state),
                Next::Need(Need::ResourcePolicy(_)) => unexposed(&mut state),
                Next::Wait { .. } | Next::Settled { .. } => break,
            }
        }
        let (next_run, enforces) = roster.runs.next(at);
        if next_run <= at {
            break;
        }
        (at, is_enforce) = (next_run, enforces);
    }
    Some(events)
}

/// Clients use what the secret hands out; as long as that is nothing, whatever was used before.
fn use_keys(state: &mut State, at: DateTime<Utc>) {
    let handed_out = state.ledger.handed_out().filter(|id| state.key(id).is_some_and(Key::is_active));
    for key in state.keys.iter_mut().filter(|key| key.is_active()) {
        let was_used = matches!(key.last_use, LastUse::At { .. });
        let is_used = match &handed_out {
            // A key that nobody ever used has nobody who moves.
            Some(id) => *id == key.id && (was_used || id.as_str().starts_with("new")),
            None => was_used,
        };
        if is_used {
            key.last_use = LastUse::At { time: at, service: None, region: None };
        }
    }
}

fn confirmed(state: &mut State) {
    state.ledger.confirmed = true;
    match &mut state.elsewhere {
        Elsewhere::MovesTo(to) => to.confirmed = true,
        Elsewhere::MovedFrom(former) => former.iter_mut().for_each(|ledger| ledger.confirmed = true),
        Elsewhere::Nowhere | Elsewhere::Several(_) => {}
    }
}

fn unexposed(state: &mut State) {
    if let Destination::Own(secret) = &mut state.ledger.destination {
        secret.readers = Readers::Inside;
    }
}
