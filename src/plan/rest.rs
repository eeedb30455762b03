//! How long nothing is due: what a run notes in the ledger with whatever else it writes there, so that the runs that tend
//! need not read everyone every day.

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use super::{
    model::Next,
    moving::{next, placed},
    notices::{UPCOMING, is_owed, reminded_at},
    unused::since,
    view::later,
    waiting_on::WaitingOn,
};
use crate::{
    delivery::fingerprint,
    inventory::{Elsewhere, Key, Rest, State},
    notice::Kind,
    roster::{Entry, Roster},
    time::rfc3339,
};

/// Users without a key that could become due rest for this long.
const FOR_LONG: TimeDelta = TimeDelta::days(3650);

/// Until when nothing is due in this state, whoever uses the keys meanwhile. `None`: something may be any day, or a person
/// is needed, and owners hear of both.
#[must_use]
pub fn rest(roster: &Roster, entry: &Entry, state: &State, now: DateTime<Utc>) -> Option<Rest> {
    let state = &*placed(roster, entry, state, now);
    if !matches!(state.elsewhere, Elsewhere::Nowhere | Elsewhere::MovedFrom(_)) {
        return None;
    }
    let (until, begins) = match next(roster, entry, state, now) {
        Next::Wait {
            wait:
                WaitingOn::InOverlap | WaitingOn::InHold | WaitingOn::Announced { .. } | WaitingOn::JustDeactivated { .. },
            until: Some(until),
            ..
        } => (until, false),
        Next::Settled { next_rotation } => {
            let rotation = next_rotation.unwrap_or_else(|| later(now, FOR_LONG));
            let until = unused_at(entry, state).map_or(rotation, |unused| unused.min(rotation));
            // Where both places are taken, the owner is asked to make room.
            let makes_room = state.keys.iter().filter(|key| Key::is_active(key)).count() > 1;
            // Their owner may want to hear of the rotation before.
            let remind = entry.policy.remind.value.zip(next_rotation).filter(|_| !is_told(state));
            let reminded = remind.map(|(remind, due)| reminded_at(roster, due, remind, now));
            match (makes_room.then(|| later(until, -UPCOMING)), reminded) {
                (None, None) => (until, true),
                (room, reminded) => (room.into_iter().chain(reminded).min().unwrap_or(until), false),
            }
        }
        Next::Wait { .. } | Next::Change(..) | Next::Need(_) => return None,
    };
    // Whoever was not told is told by the next run, of whatever kind.
    (until > now && !is_owed(roster, entry, state, now)).then(|| Rest {
        until,
        policy: policy_fingerprint(entry),
        begins,
    })
}

/// Whether the owner knows of the next rotation.
fn is_told(state: &State) -> bool {
    let reminded = state.ledger.destination.own().and_then(|secret| secret.reminded.as_ref());
    reminded.is_some_and(|last| last.kind == Kind::Upcoming && state.key(&last.key).is_some_and(Key::is_active))
}

/// When the first key counts as unused, if nobody uses it from now on.
fn unused_at(entry: &Entry, state: &State) -> Option<DateTime<Utc>> {
    let unused = entry.policy.unused.value?;
    state.keys.iter().filter(|key| key.is_active()).map(|key| later(since(key), unused)).min()
}

/// What says when a rotation begins, how long its parts take, and who hears of them: no matter of a user at whom none is under way.
const OF_ROTATIONS: [&str; 9] =
    ["max-age", "rotate-ahead", "overlap", "quiet", "patience", "hold", "when-full", "notify", "language"];

/// Tells whether the policy by which something was planned is still the same. It begins with what tells the same of all that may
/// concern a user at whom no rotation is under way.
pub fn policy_fingerprint(entry: &Entry) -> String {
    let reissue_before = entry.policy.reissue_before.value.map(rfc3339).unwrap_or_default();
    // What else says where it goes stands in no field of the policy.
    let places = if entry.deliver.is_empty() { String::new() } else { fingerprint(&entry.deliver) };
    let (mut at_rest, mut rotations) = (String::new(), String::new());
    for (name, words, _) in entry.policy.fields() {
        let part = if OF_ROTATIONS.contains(&name) { &mut rotations } else { &mut at_rest };
        part.extend([name, "=", &words, "\n"]);
    }
    at_rest.extend([entry.secret.as_str(), &places]);
    rotations.push_str(&reissue_before);
    let digest = |text: String| hex::encode(&Sha256::digest(text.as_bytes())[..PART / 2]);
    digest(at_rest) + &digest(rotations)
}

/// So many characters has each of the two parts of a fingerprint.
const PART: usize = 10;

/// Whether a change from one policy to that of now, by their fingerprints, is no matter of a user at whom no rotation is under way. A key
/// that nobody uses, and what is told before a rotation, go by its dates.
pub fn is_same_at_rest(before: &str, now: &str, entry: &Entry) -> bool {
    let goes_by_dates = entry.policy.unused.value.is_some() || entry.policy.remind.value.is_some();
    !goes_by_dates && before.len() == 2 * PART && before.get(..PART) == now.get(..PART)
}
