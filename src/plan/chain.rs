//! What follows a change: the planner run on simulated states, with the clock put forward while it waits.

use chrono::{DateTime, Utc};

use super::{Action, Following, Need, Next, next, simulate};
use crate::{
    inventory::{Destination, KeyId, LastUse, Readers, State},
    roster::{Entry, Roster},
};

/// Stands for the id of the key that a planned creation will yield.
const NEW_KEY: &str = "NEW";

/// No rotation has more steps; a longer chain would be a planner that never settles.
const MOST_STEPS: usize = 12;

/// The changes of the rotation that `first` belongs to, with the earliest dates: as if nobody used the old key any
/// more. Ends where the next rotation would begin, or where a person is needed.
pub(super) fn following(
    roster: &Roster,
    entry: &Entry,
    state: &State,
    first: &Action,
    now: DateTime<Utc>,
) -> Vec<Following> {
    let new_key = KeyId::new(NEW_KEY);
    let mut now = now;
    let mut state = simulate(first, state, now, &new_key);
    let mut following = Vec::new();
    let mut created = matches!(first, Action::Create { .. });
    while following.len() < MOST_STEPS {
        match next(roster, entry, &state, now) {
            Next::Change(action, _) => {
                if matches!(action, Action::Create { .. }) && std::mem::replace(&mut created, true) {
                    break;
                }
                let key = action.key().filter(|key| **key != new_key).cloned();
                let starts_rotation = action.starts_rotation();
                following.push(Following { verb: action.verb(), key, not_before: now, starts_rotation });
                state = simulate(&action, &state, now, &new_key);
            }
            Next::Wait { until: Some(until), .. } if until > now => now = until,
            Next::Need(Need::LastUse(key)) => {
                for held in state.keys.iter_mut().filter(|held| held.id == key) {
                    held.last_use = LastUse::At { time: held.created, service: None, region: None };
                }
            }
            Next::Need(Need::Ledger) => state.ledger.confirmed = true,
            Next::Need(Need::ResourcePolicy) => {
                if let Destination::Own(secret) = &mut state.ledger.destination {
                    secret.readers = Readers::Inside;
                }
            }
            Next::Wait { .. } | Next::Settled { .. } => break,
        }
    }
    following
}
